"""Where speech is: the detectors hop by hop, and the joining of hops."""

import numpy as np
import pytest

from ser_keras import speech
from ser_keras.errors import SerKerasError

RATE = 16_000


def hops(samples, rate=RATE, kind=None, cuts=()):
    detector = speech.Detector(rate, kind)
    parts = [detector(part) for part in np.split(samples.astype(np.float32), cuts)]
    return np.concatenate([*parts, detector.finish()])


def syllables(seconds=4.0, rate=RATE, level=0.3):
    """Return a voice: gliding pitch, two formants, four syllables a second; silence around it."""
    t = np.arange(int(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(140 + 40 * np.sin(2 * np.pi * 0.9 * t)) / rate
    vowel = 500 + 250 * np.sin(2 * np.pi * 2.3 * t)
    voice = sum(np.sin(k * phase) * np.exp(-(((140 * k - vowel) / 300) ** 2)) for k in range(1, 20))
    voice = voice * np.maximum(0, np.sin(2 * np.pi * 2 * t)) ** 2
    pause = np.zeros(2 * rate)
    return np.concatenate([pause, level * voice / np.abs(voice).max(), pause])


def noise(seconds, level=0.05, seed=0):
    return level * np.random.default_rng(seed).standard_normal(int(seconds * RATE))


def chords(seconds_each=1.0):
    t = np.arange(int(seconds_each * RATE)) / RATE
    return np.concatenate(
        [
            sum(np.sin(2 * np.pi * k * f * t) / k for k in range(1, 6) for f in chord) * 0.05
            for chord in [(261.6, 329.6, 392.0), (220.0, 261.6, 329.6), (196.0, 246.9, 293.7)] * 2
        ]
    )


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
def test_a_voice_between_silences_is_heard_at_any_rate(rate):
    flags = hops(syllables(rate=rate), rate)
    assert flags[100:300].mean() > 0.35
    assert not flags[:85].any()
    assert not flags[315:].any()


@pytest.mark.parametrize("level", [0.00316, 0.03, 1.0])  # -50, -30 and 0 dBFS
def test_a_voice_is_heard_at_any_level(level):
    assert hops(syllables(level=level)).sum() > 50


T = np.arange(8 * RATE) / RATE


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(8 * RATE),
        noise(8),
        np.cumsum(noise(8)) * 0.02,
        0.1 * np.sin(2 * np.pi * 50 * T) + 0.05 * np.sin(2 * np.pi * 150 * T) + noise(8, 0.003),
        chords(),
        np.exp(-(T % 0.5) * 20) * np.sin(2 * np.pi * 60 * (T % 0.5)) + noise(8, 0.002),
    ],
    ids=["silence", "white noise", "brown noise", "mains hum", "chords", "drums"],
)
def test_what_is_no_speech_is_not_heard_as_speech(sound):
    assert hops(sound).mean() < 0.02


@pytest.mark.parametrize("kind", speech.kinds())
@pytest.mark.parametrize("rate", [16_000, 22_050])
def test_the_sizes_of_the_blocks_change_nothing(kind, rate):
    sound = syllables(rate=rate)
    sound = sound + noise(len(sound) / RATE + 1, 0.001)[: len(sound)]
    whole = hops(sound, rate, kind)
    assert whole.any()
    cuts = [1, 2, 500, 501, 20_000, 90_000]
    np.testing.assert_array_equal(hops(sound, rate, kind, cuts), whole)


@pytest.mark.parametrize("kind", speech.kinds())
@pytest.mark.parametrize("samples", [0, 1, 319, 320, 321, 16_001])
def test_every_hop_that_has_begun_is_decided_once(kind, samples):
    assert len(hops(np.zeros(samples), kind=kind)) == -(-samples // 320)


def test_a_detector_that_is_not_there_is_refused():
    with pytest.raises(SerKerasError, match="speech detector"):
        speech.Detector(RATE, "silero")


def joined(flags, **settings):
    stretches = speech.Stretches(**settings)
    return stretches(np.asarray(flags, bool)) + stretches.finish()


def test_short_pauses_are_bridged_and_long_ones_end_a_stretch():
    flags = np.zeros(300, bool)
    flags[50:80] = flags[100:130] = flags[200:230] = True
    assert joined(flags) == [(0.9, 2.7), (3.9, 4.7)]


def test_blips_are_dropped_and_margins_end_with_the_recording():
    flags = np.zeros(200, bool)
    flags[60:65] = flags[180:] = flags[2:20] = True
    assert joined(flags) == [(0.0, 0.5), (3.5, 4.0)]


def test_stretches_come_as_soon_as_they_have_ended():
    stretches = speech.Stretches()
    assert stretches(np.ones(20, bool)) == []
    assert stretches.open_s == 0.0
    assert stretches(np.zeros(29, bool)) == []
    assert stretches(np.zeros(1, bool)) == [(0.0, 0.5)]
    assert stretches.open_s is None
    assert stretches.finish() == []


def test_stretches_do_not_depend_on_how_the_hops_come():
    flags = np.random.default_rng(1).random(2_000) < 0.05
    stretches = speech.Stretches(shortest_s=0.1)
    one_by_one = [each for flag in flags for each in stretches(np.array([flag]))]
    assert [*one_by_one, *stretches.finish()] == joined(flags, shortest_s=0.1) != []
