import dataclasses
import re
from pathlib import Path

import pytest

from ser_keras import recipes
from ser_keras.errors import SerKerasError
from ser_keras.runs import RunKey
from tests.conftest import SMALL

PLAIN = RunKey(recipe="attention-tess", corpus="tess", protocol="speaker-text", fold=3, seed=1)


def changed(**changes):
    recipe = recipes.get("attention-tess").override(changes)
    return RunKey.of(recipe, "tess", "paper", 0, 0)


def test_a_run_has_a_folder_a_row_and_a_command():
    assert PLAIN.folder.as_posix() == "attention-tess/tess/speaker-text-3-seed1"
    assert PLAIN.row == ("attention-tess", "tess", "speaker-text")
    assert PLAIN.row.folder.as_posix() == "attention-tess/tess/speaker-text"
    assert PLAIN.command == (
        "python Emotion_Recognition.py --recipe attention-tess --corpus tess "
        "--protocol speaker-text --fold 3 --seed 1"
    )


def test_changed_settings_are_part_of_the_name():
    key = changed(**SMALL)
    assert key.name == "attention-tess+batch_size=16+epochs=4+filters=4+units=4"
    assert key.row.recipe == key.name
    assert key.command.endswith(
        "--set training.batch_size=16 --set training.epochs=4 --set model.filters=4 "
        "--set model.units=4"
    )
    assert changed(**{"model.dropout": "0.2"}).overrides == ()  # as published


def test_a_name_that_is_too_long_names_the_first_changes_and_ends_with_a_hash():
    most = {"model.dropout": "0.123456789", "training.learning_rate": "0.000123456789"}
    name = changed(**SMALL, **most).name
    first = "attention-tess+learning_rate=0.000123456789+batch_size=16+epochs=4+filters=4"
    assert re.fullmatch(re.escape(first) + r"\+[0-9a-f]{6}", name)
    assert len(name) <= 100
    other = changed(**SMALL, **{**most, "model.dropout": "0.123456788"}).name
    assert other.rpartition("+")[0] == name.rpartition("+")[0]
    assert other != name


def test_a_change_that_is_no_name_for_a_folder_is_named_by_its_hash():
    settings = ("training.epochs=3", "training.monitor=a/b")
    name = RunKey(recipe="attention-tess", corpus="tess", overrides=settings).name
    assert re.fullmatch(r"attention-tess\+epochs=3\+[0-9a-f]{6}", name)
    with pytest.raises(SerKerasError, match="does not say which settings were changed"):
        RunKey.from_folder(Path(name, "tess", "paper-0-seed0"))


OWN = dataclasses.replace(PLAIN, corpus="my-recordings-2+tess")


@pytest.mark.parametrize("key", [PLAIN, OWN, changed(**SMALL), changed(**{"augment.copies": "3"})])
def test_a_key_is_read_back_from_its_folder_and_its_json(key):
    assert RunKey.from_folder(Path("results/runs") / key.folder) == key
    assert RunKey.from_json(key.to_json()) == key
    assert RunKey.of(key.load_recipe(), key.corpus, key.protocol, key.fold, key.seed) == key


@pytest.mark.parametrize(
    "folder",
    [
        "paper",
        "attention-tess/tess/paper",
        "no-recipe/tess/paper-0-seed0",
        "attention-tess+ab12cd/tess/paper-0-seed0",
    ],
)
def test_a_folder_that_names_no_run_is_refused(folder):
    with pytest.raises(SerKerasError, match=r"is not named as a run|does not say which settings"):
        RunKey.from_folder(Path(folder))


@pytest.mark.parametrize(
    "change",
    [
        {"fold": "0"},
        {"fold": True},
        {"corpus": 1},
        {"corpus": "../x"},
        {"corpus": "a b"},
        {"overrides": ["dropout"]},
        {"more": 1},
    ],
    ids=str,
)
def test_json_that_names_no_run_is_refused(change):
    with pytest.raises(SerKerasError, match=r"run.*Train it again"):
        RunKey.from_json({**PLAIN.to_json(), **change})
