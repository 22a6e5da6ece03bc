"""The set that the shipped functionals are compared with is ten times as large, and finite."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ser_keras import functionals
from ser_keras.functionals.tracks import WINDOW, measure
from tests.benchmarks.functionals import validate, wide


@pytest.mark.parametrize("samples", [1, WINDOW, 22_050])
def test_the_large_set_is_finite(voice, samples):
    groups = wide(measure(voice(150)[:samples]))
    numbers = np.concatenate(list(groups.values()))
    assert np.isfinite(numbers).all()
    assert len(numbers) == pytest.approx(10 * functionals.SIZE, rel=0.1)


def test_sets_are_judged_on_speakers_that_were_not_trained_on():
    """A group that names the speaker is worth nothing, one that names the emotion everything."""
    emotions, speakers = np.repeat(np.arange(3), 24), np.tile(np.arange(8), 9)
    clips = pd.DataFrame({"emotion": emotions.astype(str), "speaker": speakers.astype(str)})
    rng = np.random.default_rng(0)
    groups = {
        "shipped": np.eye(3)[emotions] + 0.01 * rng.normal(size=(72, 3)),
        "speaker": np.eye(8)[speakers] + 0.01 * rng.normal(size=(72, 8)),
        "noise": rng.normal(size=(72, 3)),
    }
    scores = validate(groups, clips, [np.arange(72), np.arange(36, 72)])
    assert scores["shipped\tplain"] == scores["shipped\tadapted"] == [1.0, 1.0]
    assert np.mean(scores["all\tplain"]) < 0.6
