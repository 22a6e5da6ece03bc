"""What lies far from the training clips, and why."""

import numpy as np
import pytest

from ser_keras import audio, functionals, reliability
from ser_keras.features import FeatureSpec, extract
from ser_keras.reliability import Reliability, far

RATE = functionals.SAMPLE_RATE
SPEAKERS = np.repeat(list("abcdefgh"), 6)
HOMES = np.full(48, "x")


@pytest.fixture(scope="module")
def spoken(voice):
    """Samples of eight speakers with six clips each, all of them low."""
    pitches = [100 + 4 * i for i in range(8) for _ in range(6)]
    return [voice(pitch, 0.6, RATE, seed=i) for i, pitch in enumerate(pitches)]


@pytest.fixture(scope="module")
def vectors(spoken):
    return [functionals.vector(samples) for samples in spoken]


@pytest.fixture(scope="module")
def height(spoken, vectors):
    fast = [audio.from_samples(samples, round(1.6 * RATE), RATE) for samples in spoken[::2]]
    copies = [functionals.vector(samples) for samples in fast]
    return reliability.height(vectors, SPEAKERS, HOMES, copies, np.arange(0, 48, 2))


def test_what_lies_far_from_all_training_clips_is_noted():
    rng = np.random.default_rng(0)
    frames = [rng.normal(0, 1, (5, 8)) + rng.normal(0, 1, 8) for _ in range(200)]
    measured = reliability.distance(frames, np.repeat(list("abcdefgh"), 25), ["x"] * 200)
    known = Reliability(distance=measured)
    assert np.mean([known.note(each) != "" for each in frames]) < 0.03
    assert known.note(frames[0] + 10) == far.FAR
    assert reliability.distance(frames, ["a"] * 200, ["x"] * 200) is None


def test_a_recording_without_upper_bands_is_noted_and_says_why(spoken, vectors):
    from scipy.signal import butter, sosfilt

    known = Reliability(bandwidth=reliability.bandwidth(vectors, SPEAKERS, HOMES))
    assert not any(map(known.note, vectors))
    low_pass = butter(8, 3_400, fs=RATE, output="sos")
    dull = functionals.vector(sosfilt(low_pass, sosfilt(low_pass, spoken[0])))
    assert known.note(dull) == far.NARROW
    assert "4 kHz" in far.NARROW
    behind = np.concatenate([np.zeros((1, 1024)), dull], axis=1)  # behind the states of an encoder
    assert known.bandwidth.measure(behind) == known.bandwidth.measure(dull)


def test_a_voice_that_is_higher_than_those_of_training_is_noted(height, vectors, voice):
    known = Reliability(height=height)
    assert np.mean([known.note(each) != "" for each in vectors]) < 0.1
    child = functionals.vector(voice(190, 0.6, RATE, seed=99))
    assert known.note(child) == far.HIGH
    assert known.height.measure(child) > max(map(known.height.measure, vectors[:6]))


def test_a_height_has_as_many_numbers_as_a_manifest_asks_for(height):
    sizes = {len(each) for each in (height.mean, height.std, height.weights)}
    assert sizes == {far.N_HEIGHT}


def test_what_is_not_voiced_has_no_height(height):
    silence = np.zeros((1, functionals.SIZE))
    assert height.measure(silence) == -np.inf
    assert height.note(silence) == ""


def test_one_speaker_tells_nothing_of_others(vectors):
    alone = np.full(48, "a")
    assert reliability.height(vectors, alone, HOMES, vectors[:2], [0, 1]) is None
    assert reliability.distance(vectors, alone, HOMES) is None


def test_several_remarks_stand_side_by_side(height, vectors):
    near = reliability.distance(vectors, SPEAKERS, HOMES)
    known = Reliability(distance=near, bandwidth=far.Bandwidth(limit=1e6), height=height)
    rng = np.random.default_rng(0)
    noise = extract(rng.normal(size=RATE).astype(np.float32), FeatureSpec(kind="functionals"))
    assert known.note(noise).split("; ")[:2] == [far.FAR, far.NARROW]


def test_only_features_with_functionals_show_bands_and_height():
    kinds = {"functionals": True, "speaker_encoder+functionals": True, "mfcc": False}
    for kind, shown in kinds.items():
        assert far.has_functionals(FeatureSpec(kind=kind)) is shown


def test_limits_are_the_same_after_json(height, vectors):
    known = Reliability(
        bandwidth=reliability.bandwidth(vectors, SPEAKERS, HOMES),
        height=height,
    )
    assert Reliability.from_json(known.to_json()) == known
