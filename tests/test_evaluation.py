import pytest

from ser_keras import evaluation, recipes
from ser_keras.metrics import Estimate
from ser_keras.recipes import Published, Training


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([], ""),
        (["training.epochs=3"], "3 of 300 epochs"),
        (["training.epochs=400"], "changed settings: training.epochs=400"),
        (["model.units=8"], "changed settings: model.units=8"),
        (
            ["training.epochs=3", "model.units=8"],
            "3 of 300 epochs; changed settings: model.units=8",
        ),
    ],
)
def test_a_run_says_how_it_deviates_from_the_published_system(changes, words):
    assert evaluation.deviation("attention-tess", changes) == words


def test_settings_that_suit_another_corpus_are_no_deviation_but_fewer_epochs_are():
    changes = ["training.epochs=3", "training.batch_size=8"]
    assert evaluation.deviation("attention-tess", changes, on_its_corpus=False) == "3 of 300 epochs"
    assert evaluation.deviation("attention-tess", changes[1:], on_its_corpus=False) == ""


class Measured:
    n, accuracy = 560, Estimate(0.2, 0.1, 0.3)


PUBLISHED = Published(0.9, "accuracy", n=560, corpus="tess", source="table 3")


def test_a_comparable_value_stands_below_the_published_one():
    first, second = evaluation.comparison(Measured, PUBLISHED, "tess", "below").split("\n")
    assert first == "Published accuracy 0.9000 on 560 clips of tess (table 3)."
    assert second == "Measured  accuracy 0.2000 on 560 clips of tess: below."


def test_a_shortened_run_is_not_held_against_the_published_value():
    verdict = evaluation.with_reason("not comparable", "3 of 300 epochs")
    assert evaluation.comparison(Measured, PUBLISHED, "tess", verdict) == (
        "Measured accuracy 0.2000 on 560 clips of tess, not comparable with the published 0.9000: "
        "3 of 300 epochs."
    )


@pytest.mark.parametrize(
    ("training", "epochs", "words"),
    [
        (
            Training(batch_size=64, epochs=80, patience=10),
            80,
            "smaller batches (--set training.batch_size=8) or more epochs (--set "
            "training.epochs=160).",
        ),
        (
            Training(batch_size=64, epochs=80, patience=10),
            15,
            "smaller batches (--set training.batch_size=8) or more epochs (--set "
            "training.patience=20).",
        ),
        (
            Training(batch_size=8, epochs=80, patience=10),
            None,
            "more epochs (--set training.epochs=160 --set training.patience=20).",
        ),
        (
            Training(batch_size=8, epochs=80, patience=None),
            80,
            "more epochs (--set training.epochs=160).",
        ),
    ],
)
def test_what_to_try_is_what_the_settings_leave_to_try(training, epochs, words):
    advice = evaluation.what_to_try("attention-tess", training, epochs)
    assert advice.startswith("Try ")
    assert advice.endswith(words)


def test_every_setting_that_is_to_be_tried_exists():
    settings = recipes.get("attention-tess").settings()
    advice = evaluation.what_to_try("attention-tess", Training(batch_size=64))
    named = [word for word in advice.replace(")", " ").split() if word.startswith("training.")]
    assert len(named) == 3
    assert all(word.partition("=")[0] in settings for word in named)


def test_the_recipe_of_statistics_is_named_where_it_exists_and_not_to_itself(monkeypatch):
    monkeypatch.setattr(recipes, "names", lambda: ["attention-tess", "mfcc-statistics"])
    first = evaluation.what_to_try("attention-tess", Training(batch_size=8))
    assert first.startswith("Try --recipe mfcc-statistics or more epochs ")
    assert "--recipe" not in evaluation.what_to_try("mfcc-statistics", Training())
    monkeypatch.setattr(recipes, "names", lambda: ["attention-tess"])
    assert "--recipe" not in evaluation.what_to_try("attention-tess", Training())


def test_advice_on_a_shortened_model_is_to_train_it_in_full():
    recipe = recipes.get("attention-tess").override({"training.epochs": "3"})
    advice = evaluation.advice(recipe.to_json())
    assert advice == "It was limited to 3 of 300 epochs: train it in full."
    assert evaluation.advice(recipes.get("attention-tess").to_json()).startswith("Try ")


@pytest.mark.parametrize("name", ["unknown", "attention-tess"])
@pytest.mark.parametrize(
    "training", [{"batch_size": "many"}, {"epochs": 2.5}, {"rounds": 3}, {}, {"epochs": -1}]
)
def test_advice_on_the_bundle_of_a_stranger_is_a_sentence(name, training):
    advice = evaluation.advice({"name": name, "training": training})
    assert advice.endswith(".")
