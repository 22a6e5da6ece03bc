"""A recipe is timed on all steps that a user's clip takes."""

from __future__ import annotations

import pytest

from ser_keras import recipes
from ser_keras.prediction import Prediction
from tests.benchmarks import systems
from tests.benchmarks.setting import Setting

NAME = "mfcc-statistics"


@pytest.fixture(scope="module")
def clips(tiny_index):
    return tuple(tiny_index.locate(path) for path in tiny_index.clips["path"][:2])


@pytest.fixture(scope="module")
def steps(clips, tmp_path_factory):
    return systems.pipeline(recipes.get(NAME), clips, tmp_path_factory.mktemp("systems"))


def test_the_steps_of_a_recipe_label_a_file(clips, steps):
    (labelled,) = steps.predict(clips[:1])
    assert isinstance(labelled, Prediction)
    assert set(labelled.probabilities) == set(recipes.get(NAME).emotions)


def test_each_repetition_has_a_time_for_a_clip(clips, steps, tmp_path, monkeypatch):
    monkeypatch.setattr(systems, "pipeline", lambda *_: steps)
    setting = Setting(clips, synthetic=True, scratch=tmp_path, repeats=3)
    times = systems.measure([NAME], setting)
    assert [*times] == [NAME]
    assert len(times[NAME]) == 3
    assert all(0 < value < 10_000 for value in times[NAME])
