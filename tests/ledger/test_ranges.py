import pytest

from ser_keras import recipes
from ser_keras.errors import SerKerasError
from ser_keras.ledger import ranges
from ser_keras.ledger.ranges import Range

TESS = recipes.get("attention-tess")


@pytest.mark.parametrize(
    ("text", "expected", "logarithmic"),
    [
        (
            "training.learning_rate=1e-4..1e-2",
            Range(key="training.learning_rate", low=1e-4, high=1e-2),
            True,
        ),
        ("model.dropout = 0.1 .. 0.4", Range(key="model.dropout", low=0.1, high=0.4), False),
        ("model.dropout=0..0.4", Range(key="model.dropout", low=0, high=0.4), False),
        ("model.units=8..16", Range(key="model.units", low=8, high=16, whole=True), False),
        (
            "training.patience=5..50",
            Range(key="training.patience", low=5, high=50, whole=True),
            True,
        ),
        ("model.units=32,64,32", Range(key="model.units", values=("32", "64")), False),
        (
            "model.second_lstm=true,false",
            Range(key="model.second_lstm", values=("true", "false")),
            False,
        ),
        ("training.clip_norm=none,1", Range(key="training.clip_norm", values=("none", "1")), False),
    ],
)
def test_a_range_is_read_by_the_kind_of_its_setting(text, expected, logarithmic):
    parsed = ranges.parse(TESS, text)
    assert parsed == expected
    assert parsed.is_logarithmic is logarithmic


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model.units", "names no values. Write it as KEY=LOW..HIGH or KEY=VALUE,VALUE"),
        ("model.units=32", "names one value"),
        ("model.units=", "names one value"),
        ("model.unit=32,64", "no such setting. Did you mean model.units"),
        ("model.units=small,large", "has the wrong type. Give a whole number"),
        ("model.units=64..32", "does not rise"),
        ("model.units=32..", "has the wrong type"),
        ("training.learning_rate=0..1", "is not above 0"),
        ("training.learning_rate=1..inf", "does not rise"),
        ("training.schedule=constant..plateau", "is a setting without a range of numbers"),
        ("model.second_lstm=false..true", "is a setting without a range of numbers"),
    ],
)
def test_what_is_no_range_is_one_sentence(text, words):
    with pytest.raises(SerKerasError) as error:
        ranges.parse(TESS, text)
    assert str(error.value).startswith(f"--range {text}: ")
    assert words in str(error.value)


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_has_default_ranges_that_hold_its_own_settings(name):
    recipe = recipes.get(name)
    spaces = ranges.default(recipe)
    assert "training.learning_rate" in {each.key for each in spaces}
    own = ranges.own_settings(recipe, spaces)
    assert recipe.override(own).identity() == recipe.identity()
    for each in spaces:  # each is one that the command line takes
        assert ranges.parse(recipe, str(each)).key == each.key


def test_a_recipe_outside_the_ranges_has_no_settings_of_its_own_there():
    narrow = [ranges.parse(TESS, "model.units=64,128")]
    assert ranges.own_settings(TESS, narrow) is None


def test_a_number_is_rounded_and_stays_in_its_range():
    narrow = Range(key="model.dropout", low=0.12345, high=0.12346)
    assert narrow.text(0.123451) == "0.12345"
    assert narrow.value("0.12345") == 0.12345
    assert narrow.value("0.2") is None
    assert narrow.value("many") is None
