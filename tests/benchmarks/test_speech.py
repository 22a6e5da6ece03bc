"""The detectors of speech are compared on the same sounds, and a lost clip is counted as lost."""

import numpy as np
import pytest
import soundfile

from ser_keras import speech
from ser_keras.ledger.detectors import NO_CHANGE
from tests.benchmarks.speech import loud, of_clips, of_sounds, sounds

RATE = 16_000


@pytest.fixture
def clips(voice, tmp_path):
    """A clip of a voice, and one of noise, in which there is no speech to be heard."""
    noise = 0.05 * np.random.default_rng(0).normal(size=RATE)
    rows = []
    for emotion, samples in (("angry", np.pad(voice(200, 1.0), RATE // 2)), ("sad", noise)):
        path = tmp_path / f"{emotion}.wav"
        soundfile.write(path, samples, RATE)
        rows.append(("toy", emotion, path))
    return rows


def test_a_clip_without_speech_is_lost_and_another_is_not(clips, monkeypatch):
    monkeypatch.setattr(speech, "kinds", lambda: ("own",))
    rows = of_clips(clips)
    emotions = {row["emotion"]: row["own"] for row in rows if row["of"] == "emotion"}
    assert emotions["sad"]["lost"] == 1
    assert emotions["sad"]["heard"] == 0
    changes = [row for row in rows if row["of"] == "change"]
    assert changes[0]["change"] == NO_CHANGE
    assert {row["clips"] for row in changes} == {2}
    assert {row["agreement"] for row in changes} == {1}  # with itself


def test_the_loud_hops_are_those_of_the_sound_and_not_of_the_silence():
    tone = 0.1 * np.sin(np.arange(RATE) / 5)
    assert loud(np.pad(tone, RATE), RATE).sum() == 50


def test_there_are_sounds_without_speech_that_the_own_detector_leaves_out(monkeypatch):
    monkeypatch.setattr(speech, "kinds", lambda: ("own",))
    shares = {row["sound"]: row["own"] for row in of_sounds()}
    assert shares.keys() == sounds().keys()
    assert shares["silence"] == shares["white noise"] == 0
