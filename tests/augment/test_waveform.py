import numpy as np
import pytest

from ser_keras.augment import (
    CropOrPad,
    Gain,
    NoiseAtSNR,
    PitchShift,
    PolarityInversion,
    Reverberation,
    TimeStretch,
)
from tests.augment.signals import RATE, rng, tone


def pitch(samples):
    """Return the strongest frequency in Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 8 * len(samples)))
    return spectrum.argmax() * RATE / (8 * len(samples))


def test_gain_multiplies_by_a_factor_from_its_range():
    factors = [Gain().apply(np.ones(2, np.float32), rng(i), RATE)[0] for i in range(100)]
    assert 0.7 <= min(factors) < 0.75
    assert 1.25 < max(factors) <= 1.3


def test_noise_has_the_given_signal_to_noise_ratio():
    clip = tone() * 0.3
    noise = NoiseAtSNR(snr_db=(20.0, 20.0)).apply(clip, rng(), RATE) - clip
    ratio = 10 * np.log10(np.mean(clip**2) / np.mean(noise**2))
    assert ratio == pytest.approx(20, abs=0.2)  # of 16,000 draws


@pytest.mark.parametrize(("semitones", "whole"), [((12.0, 12.0), False), ((11.5, 12.4), True)])
def test_an_octave_doubles_the_pitch_and_keeps_the_length(semitones, whole):
    shifted = PitchShift(semitones=semitones, whole=whole).apply(tone(), rng(), RATE)
    assert len(shifted) == RATE
    assert pitch(shifted[2000:-2000]) == pytest.approx(880, rel=0.01)


def test_twice_the_rate_halves_the_length_and_keeps_the_pitch():
    stretched = TimeStretch(rate=(2.0, 2.0)).apply(tone(), rng(), RATE)
    assert len(stretched) == RATE // 2
    assert pitch(stretched[1000:-1000]) == pytest.approx(440, rel=0.01)


def test_polarity_inversion_changes_only_the_sign():
    np.testing.assert_array_equal(PolarityInversion().apply(tone(), rng(), RATE), -tone())


def test_a_long_clip_is_cropped_at_a_drawn_position():
    samples = np.arange(RATE, dtype=np.float32)
    cut = [CropOrPad(duration_s=0.5).apply(samples, rng(i), RATE) for i in range(20)]
    assert {len(part) for part in cut} == {RATE // 2}
    assert all(np.array_equal(np.diff(part), np.ones(RATE // 2 - 1)) for part in cut)
    assert len({part[0] for part in cut}) == 20


def test_a_short_clip_is_padded_with_zeros():
    padded = CropOrPad(duration_s=2.0).apply(np.ones(RATE, np.float32), rng(), RATE)
    inside = np.flatnonzero(padded)
    assert len(padded) == 2 * RATE
    assert len(inside) == RATE
    assert inside[-1] - inside[0] == RATE - 1


def test_reverberation_falls_by_60_db_in_the_decay_time():
    click = np.zeros(RATE, np.float32)
    click[0] = 1.0
    room = Reverberation(decay_s=(0.5, 0.5), wet=(0.5, 0.5))
    reverberant = room.apply(click, rng(), RATE).astype(float)
    assert np.sum(reverberant**2) == pytest.approx(1, abs=1e-5)  # the power stays the same
    assert np.sum(reverberant[1:] ** 2) / reverberant[0] ** 2 == pytest.approx(0.5, abs=1e-5)
    early, late = (np.mean(reverberant[i : i + 800] ** 2) for i in (1, 1 + RATE // 4))
    assert 10 * np.log10(early / late) == pytest.approx(30, abs=1.5)
    assert not np.abs(reverberant[RATE // 2 :]).max() > 1e-9
