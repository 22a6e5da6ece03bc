import dataclasses
import getpass
import json
import platform

import numpy as np
import pytest

from ser_keras import files, runs
from ser_keras.errors import SerKerasError
from ser_keras.runs import Run, record


def test_a_record_holds_scores_with_intervals_the_protocol_and_the_published_value(tiny_run):
    value = json.loads((tiny_run.folder / "metrics.json").read_text())
    assert value["format"] == record.FORMAT
    assert value["run"] | {"overrides": []} == {
        "recipe": "attention-tess",
        "corpus": "tess",
        "protocol": "paper",
        "fold": 0,
        "seed": 0,
        "overrides": [],
    }
    assert value["folds"] == 1
    assert value["speakers"] == 2
    assert value["synthetic"] is False
    assert value["published"][0]["value"] == 0.9
    for role in ("validation", "test"):
        accuracy = value[role]["accuracy"]
        assert accuracy["low"] <= accuracy["value"] <= accuracy["high"]
    assert value["clips"]["tess"]["test"] == value["test"]["n"]
    assert value["baseline_versions"]["numpy"] == np.__version__
    assert value["command"] == tiny_run.key.command
    assert value["constant_prediction"] == tiny_run.test.constant_prediction


def test_records_that_are_older_than_one_of_their_derived_values_are_read(tiny_run, tmp_path):
    value = tiny_run.to_json()
    del value["constant_prediction"]
    files.write_json(tmp_path / "metrics.json", value)
    assert runs.read(tmp_path) == tiny_run


def test_a_record_survives_json(tiny_run):
    value = json.loads(json.dumps(tiny_run.to_json()))
    assert Run.from_json(value, tiny_run.folder) == tiny_run
    assert runs.read(tiny_run.folder) == tiny_run


def test_a_record_says_how_a_search_chose_its_settings(tiny_run, tmp_path):
    assert "searched" not in tiny_run.to_json()
    searched = runs.Searched(trials=20, scored=3)
    run = dataclasses.replace(tiny_run, searched=searched, folder=tmp_path)
    run.write()
    assert runs.read(tmp_path) == run
    assert runs.read(tmp_path).searched == searched
    for wrong in ({"trials": 20}, {"trials": "many", "scored": 3}, None, 3):
        value = {**run.to_json(), "searched": wrong}
        with pytest.raises(SerKerasError, match="is not a record as this version writes it"):
            Run.from_json(value, tmp_path)


def test_the_environment_names_no_person_and_no_machine(tiny_run):
    text = (tiny_run.folder / "metrics.json").read_text()
    for private in (platform.node(), str(tiny_run.folder)):
        assert private not in text
    environment = json.loads(text)["environment"]
    assert getpass.getuser() not in environment.values()
    assert set(environment) == {
        *("python", "packages", "backend", "device", "cores", "deterministic", "commit"),
        "overruled",
    }


def test_a_record_without_what_later_versions_added_can_be_read(tiny_run):
    value = tiny_run.to_json()
    del value["environment"]["overruled"]
    assert Run.from_json(value, tiny_run.folder) == tiny_run


def test_a_record_names_the_environments_in_which_a_run_was_resumed(tiny_run):
    (here,) = tiny_run.environments
    there = dataclasses.replace(here, device="a GPU", backend="jax", deterministic=False)
    run = dataclasses.replace(tiny_run, environments=(there, here))
    value = run.to_json()
    assert value["environment"]["device"] == "a GPU"
    assert value["resumed_in"] == [dataclasses.asdict(here)]
    assert Run.from_json(value, run.folder) == run
    assert run.command.endswith(" --fast")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 1}, "has format 1, and this version reads 2"),
        ({"test": None}, "were not written by this version"),
        ({"environment": {"python": "3.11"}}, "is not a record as this version writes it"),
        ({"by_corpus": []}, "is not a record as this version writes it"),
    ],
)
def test_a_record_that_cannot_be_read_is_one_sentence(tiny_run, tmp_path, change, words):
    files.write_json(tmp_path / "metrics.json", {**tiny_run.to_json(), **change})
    with pytest.raises(SerKerasError, match=words):
        runs.read(tmp_path)


def test_a_folder_without_a_record_holds_no_run(tmp_path):
    assert runs.read(tmp_path) is None
