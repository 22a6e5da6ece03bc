"""Each change does to a recording what its name says, and the same when it is repeated."""

import numpy as np
import pytest

from ser_keras import stress


def rng():
    return np.random.default_rng(0)


def change(kind, amount):
    (only,) = (c for c in stress.CHANGES if (c.kind, c.amount) == (kind, amount))
    return only


@pytest.mark.parametrize("each", stress.CHANGES, ids=lambda c: f"{c.kind} {c.amount}")
def test_a_change_can_be_repeated_and_leaves_a_sound(each, voice):
    samples = voice(200, 0.5)
    others = [voice(120, 0.4, seed=1), voice(300, 0.6, seed=2)]
    first, rate = each.apply(samples, 22_050, rng(), lambda: others)
    second, _ = each.apply(samples, 22_050, rng(), lambda: others)
    np.testing.assert_array_equal(first, second)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert np.abs(first).max() > 1e-3
    assert 0.2 < len(first) / rate < 3


@pytest.mark.parametrize("kind", ["white noise", "pink noise", "babble"])
def test_noise_has_the_power_that_the_ratio_asks_for(kind, voice):
    samples = voice(200)
    noisy, _ = change(kind, "5 dB").apply(samples, 22_050, rng(), lambda: [voice(90, seed=3)])
    ratio = np.sum(samples**2) / np.sum((noisy - samples) ** 2)
    assert 10 * np.log10(ratio) == pytest.approx(5, abs=0.2)


def test_the_power_of_pink_noise_falls_with_the_frequency(voice):
    samples = voice(200, 2.0)
    noisy, _ = change("pink noise", "0 dB").apply(samples, 22_050, rng())
    power = np.abs(np.fft.rfft(noisy - samples)) ** 2
    low, high = power[200:400].mean(), power[2_000:4_000].mean()
    assert 10 * np.log10(low / high) == pytest.approx(10, abs=1.5)


def test_a_telephone_passes_its_band_alone():
    time = np.arange(22_050) / 22_050
    passed = {}
    for hz in (100, 1_000, 5_000):
        tone = 0.3 * np.sin(2 * np.pi * hz * time).astype(np.float32)
        narrow, rate = change("telephone", "8 kHz").apply(tone, 22_050, rng())
        assert rate == 8_000
        passed[hz] = narrow[2_000:].std() / tone.std()
    assert passed[1_000] == pytest.approx(1, abs=0.1)
    assert max(passed[100], passed[5_000]) < 0.05


def test_silence_is_cut_off_and_added(voice):
    samples = np.pad(voice(200, 1.0), 11_025)
    trimmed, _ = change("silence", "trimmed").apply(samples, 22_050, rng())
    padded, _ = change("silence", "1 s added").apply(samples, 22_050, rng())
    assert len(trimmed) / 22_050 == pytest.approx(1.0, abs=0.15)
    assert len(padded) == len(samples) + 2 * 22_050


def test_lower_bit_rates_of_a_codec_leave_less_of_a_sound(voice):
    samples = voice(200)
    samples = samples + 0.02 * rng().normal(size=len(samples)).astype(np.float32)

    def high(kind, amount):
        coded, rate = change(kind, amount).apply(samples, 22_050, rng())
        power = np.abs(np.fft.rfft(coded)) ** 2
        return power[round(4_500 / rate * len(coded)) :].sum() / power.sum()

    assert high("MP3", "8 kbit/s") < 0.5 * high("MP3", "32 kbit/s")
    assert high("Opus", "6 kbit/s") < 0.5 * high("Opus", "24 kbit/s")


def test_there_are_explanations_of_all_kinds():
    from ser_keras.stress.changes import EXPLAINED

    assert list(EXPLAINED) == list(dict.fromkeys(c.kind for c in stress.CHANGES))
