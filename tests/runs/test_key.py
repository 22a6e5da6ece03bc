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


def test_a_name_that_is_too_long_or_no_name_becomes_a_hash():
    every = changed(
        **SMALL, **{"model.dropout": "0.123456789", "training.learning_rate": "0.000123456789"}
    )
    assert len(every.name) == len("attention-tess+") + 6
    settings = ("augment.steps=time-mask", "training.monitor=a/b")
    assert "/" not in RunKey(recipe="attention-tess", corpus="tess", overrides=settings).name


@pytest.mark.parametrize("key", [PLAIN, changed(**SMALL), changed(**{"augment.copies": "3"})])
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
    [{"fold": "0"}, {"fold": True}, {"corpus": 1}, {"overrides": ["dropout"]}, {"more": 1}],
    ids=str,
)
def test_json_that_names_no_run_is_refused(change):
    with pytest.raises(SerKerasError, match=r"run.*Train it again"):
        RunKey.from_json({**PLAIN.to_json(), **change})
