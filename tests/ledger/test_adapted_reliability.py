"""When the labels of adapted models count, as it is measured, stored and shown."""

import dataclasses

import numpy as np
import pytest

from ser_keras import files, reliability
from ser_keras.errors import SerKerasError
from ser_keras.ledger import adapted_reliability, release, rows
from ser_keras.ledger import reliability as tables
from ser_keras.reliability import Answers


@pytest.fixture(scope="module")
def stored():
    return adapted_reliability.read()


@pytest.fixture(scope="module")
def savee():
    return next(row for row in tables.chosen(rows()) if row.key.corpus == "savee")


def test_each_system_and_corpus_is_stored_for_both_ways_of_adapting(stored):
    keys = [(row["system"], row["adapted_to"]) for row in stored["systems"]]
    for system in ("fusion", "general"):
        assert [way for name, way in keys if name == system].count("speaker") == 5
        assert [way for name, way in keys if name == system].count("3 recordings") == 5


def test_the_answers_of_the_shipped_model_are_those_that_are_stored(stored):
    (name,) = stored["answers"]
    assert name.split()[0] == "general"
    answers = Answers.from_json(stored["answers"][name])
    assert answers.speakers == 101
    assert answers.right > answers.overall + 0.08
    assert [coverage for coverage, _ in answers.limits] == list(reliability.COVERAGES)


def test_the_mean_weighs_each_corpus_the_same_and_a_gain_is_a_difference():
    row = {"system": "general", "adapted_to": "speaker", "clips": 10, "sets": {}}
    first = {**row, "corpus": "x", "accuracy": 0.4, "answered": 0.5, "accuracy_answered": 0.6}
    second = {**row, "corpus": "y", "accuracy": 0.2, "answered": 0.7, "accuracy_answered": 0.4}
    systems = [{**first, "accuracy_unsure": 0.2}, {**second, "accuracy_unsure": 0.0, "clips": 90}]
    table = adapted_reliability.table({"systems": systems})
    assert table.rows[-1] == [
        *("general", "speaker", "mean", ""),
        *("0.300", "0.600", "0.500", "0.100", "+0.200"),
    ]
    assert not adapted_reliability.table({"systems": systems}, "fusion").rows
    assert not adapted_reliability.sets({"systems": systems}).rows


def test_judged_clips_have_no_share_in_their_threshold(savee):
    plain = release.left_out(tables.first_seed(savee))
    certain = [
        dataclasses.replace(part, probabilities=np.eye(len(part.labels))[part.truth])
        for part in plain
    ]
    (judged,) = tables.held(savee, certain, plain)  # thresholds are those of the plain answers
    assert judged.right.all()
    assert judged.answered.all()
    (both,) = tables.held(savee, plain, plain)
    (alone,) = tables.held(savee)
    assert both.answered.tolist() == alone.answered.tolist()


def test_a_missing_run_folder_is_named_with_the_command_that_makes_it(savee, tmp_path):
    with pytest.raises(SerKerasError, match=r"run --recipe fusion --corpus savee .* --fold all"):
        adapted_reliability.measure([savee], tmp_path, tmp_path, tmp_path)


def test_what_is_stored_has_to_be_a_dict(tmp_path):
    assert adapted_reliability.read(tmp_path / "none.json") == {}
    files.write_json(tmp_path / "list.json", [])
    with pytest.raises(SerKerasError, match="is no measurement"):
        adapted_reliability.read(tmp_path / "list.json")
