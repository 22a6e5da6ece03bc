"""A recipe is timed on all steps that a user's clip takes."""

from __future__ import annotations

import pytest

from ser_keras import files, recipes
from ser_keras.ledger import comparison
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


def test_a_recipe_that_is_measured_again_takes_the_place_of_its_older_times(tmp_path):
    path = tmp_path / "milliseconds.json"
    systems.store({"a": [1.0], "b": [2.0]}, {"load": 1}, path)
    systems.store({"b": [4.0], "c": [3.0]}, {"load": 2}, path)
    assert comparison.milliseconds(path) == {"a": 1.0, "b": 4.0, "c": 3.0}
    assert [entry["environment"]["load"] for entry in files.read_json(path)] == [1, 2]
