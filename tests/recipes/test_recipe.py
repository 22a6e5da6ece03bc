import json

import pytest

from ser_keras import recipes
from ser_keras.errors import SerKerasError


def test_a_setting_is_converted_by_its_annotation():
    recipe = recipes.get("attention-tess").override(
        {
            "training.epochs": "3",
            "training.learning_rate": "1e-3",
            "training.patience": "none",
            "batch.mask": "true",
            "batch.fit_on": "train",
            "features.fmax": "8000",
            "features.ref": "max",
            "model.dropout": "0.5",
            "model.second_lstm": "false",
        }
    )
    assert recipe.training.epochs == 3
    assert recipe.training.learning_rate == 1e-3
    assert recipe.training.patience is None
    assert recipe.batch.mask is True
    assert recipe.batch.fit_on == ("train",)
    assert recipe.features.fmax == 8000.0
    assert recipe.features.ref == "max"
    assert recipe.model == {"dropout": 0.5, "second_lstm": False}


def test_the_original_recipe_is_left_alone():
    before = recipes.get("attention-tess").to_json()
    recipes.get("attention-tess").override({"training.epochs": "3"})
    assert recipes.get("attention-tess").to_json() == before


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("training.epoch", "3", "no such setting. Did you mean training.epochs"),
        ("epochs", "3", "no such setting. Did you mean training.epochs"),
        ("model.filter", "3", "no such setting. Did you mean model.filters"),
        ("training.epochs", "3.5", "has the wrong type. Give a whole number"),
        ("batch.mask", "perhaps", "has the wrong type. Give true or false"),
        ("training.optimizer", "adamm", "Choose adam, adamw, sgd or rmsprop"),
        ("training.batch_size", "0", "is not above 0"),
        ("features.n_mfcc", "400", "n_mfcc"),
    ],
)
def test_a_wrong_setting_is_answered_with_the_right_one(key, value, words):
    with pytest.raises(SerKerasError) as refusal:
        recipes.get("attention-tess").override({key: value})
    assert words in str(refusal.value)


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_states_its_sources_and_survives_json(name):
    recipe = recipes.get(name)
    assert recipe.name == name
    assert recipe.sources
    assert recipe.title
    assert json.loads(json.dumps(recipe.to_json()))["emotions"] == list(recipe.emotions)
    assert recipe.notes, "a reader of its figures has to be told what they mean"
    assert bool(recipe.corrects) == name.endswith("-corrected")


@pytest.mark.parametrize("name", recipes.names())
def test_every_setting_can_be_given_back_as_text(name):
    recipe = recipes.get(name)
    for key, value in recipe.settings().items():
        if isinstance(value, int | float | str | bool):
            assert recipe.override({key: str(value).lower()}).settings()[key] == value


def test_an_unknown_recipe_is_answered_with_the_nearest():
    with pytest.raises(SerKerasError, match="Did you mean attention-tess-corrected"):
        recipes.get("attention-tess-correct")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"fit_on": ("validation",)}, "training.fit_on: is 'validation'"),
        ({"fit_on": ("train", "validation")}, "trains on the validation clips, which choose"),
        ({"adapted": ("voice",)}, "training.adapted: is 'voice'"),
        ({"adapted": ("speaker", "speaker")}, "training.adapted: is 'speaker,speaker'"),
    ],
)
def test_clips_to_train_on_are_named_as_they_are_known(changes, sentence):
    with pytest.raises(SerKerasError, match=sentence):
        recipes.Training(**changes)


def test_frames_cannot_be_adapted():
    with pytest.raises(SerKerasError, match="needs features of one vector a clip"):
        recipes.get("attention-tess").override({"training.adapted": "speaker"})
