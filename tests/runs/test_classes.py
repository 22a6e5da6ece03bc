"""Which emotions a network learns: a recipe's own, or those that a user's corpus has."""

import dataclasses
import json

import pytest

from ser_keras import bundle, pictures, recipes, runs, splits
from ser_keras.errors import SerKerasError
from ser_keras.runs import classes
from tests.conftest import SMALL
from tests.splits.indices import grid

LABELS = ("frustrated", "sad", "bored", "Amused", "neutral")
IN_ORDER = ("neutral", "sad", "bored", "Amused", "frustrated")


def of(*labels, speakers="ABCD", texts="abc", name="calls"):
    return grid(name, speakers, labels, texts)


def test_an_own_corpus_names_the_classes_in_the_order_of_the_vocabulary_then_by_name():
    for name in ("attention-tess", "mfcc-statistics"):
        recipe, index = classes.adapted(recipes.get(name), of(*LABELS))
        assert recipe.emotions == IN_ORDER
        assert len(index.clips) == 60


def test_a_recipes_list_holds_for_the_known_corpora(capsys):
    published = recipes.get("attention-tess")
    recipe, index = classes.adapted(published, of("sad", "angry", "calm", name="ravdess"))
    assert recipe == published
    assert set(index.clips["emotion"]) == {"sad", "angry"}
    assert "attention-tess does not know: 12 of calm." in capsys.readouterr().err


def test_a_recipe_for_any_corpus_learns_the_emotions_that_a_known_corpus_has():
    index = of("sad", "angry", "calm", name="ravdess")
    recipe, known = classes.adapted(recipes.get("mfcc-statistics"), index)
    assert recipe.emotions == ("calm", "sad", "angry")
    assert len(known.clips) == 36


def test_emotions_that_a_recipe_merges_are_trained_and_scored_as_one():
    recipe, index = classes.adapted(
        recipes.get("general"), of("calm", "neutral", "sad", name="tess")
    )
    assert "calm" not in recipe.emotions
    assert index.clips["emotion"].value_counts().to_dict() == {"neutral": 24, "sad": 12}


def test_an_own_corpus_names_the_classes_where_it_is_pooled_with_a_known_one():
    recipe, _ = classes.adapted(recipes.get("attention-tess"), of(*LABELS, name="calls+tess"))
    assert recipe.emotions == IN_ORDER


@pytest.mark.parametrize(
    ("index", "sentence"),
    [
        (of("sad"), "has readable clips of one class only (sad). It needs clips of two classes"),
        (
            of(*(f"person {i}" for i in range(60))),
            "has 60 classes (person 0, person 1, person 10 and 57 more). Name its folders after "
            "emotions, 50 at most, not after speakers.",
        ),
        (of("sad", "x" * 101), "has a label that is no short line of text"),
        (of("sad", "a\nb"), "has a label that is no short line of text ('a\\nb')"),
        (
            of("sad", "happy", speakers="A", texts="ab"),
            "is too small: it has 2 clips of happy, and 3 are needed. Record more, or move that "
            "class away.",
        ),
    ],
)
def test_classes_that_cannot_be_learned_are_one_sentence(index, sentence):
    with pytest.raises(SerKerasError) as raised:
        classes.adapted(recipes.get("attention-tess"), index)
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_class_without_a_training_clip_is_one_sentence():
    index = of("sad", "happy")
    kept = (index.table["emotion"] == "sad") | (index.table["speaker"] == "A")
    recipe, index = classes.adapted(
        recipes.get("attention-tess"), dataclasses.replace(index, table=index.table[kept])
    )
    with pytest.raises(SerKerasError, match=r"has no training clip of happy in fold 0 of speaker"):
        classes.of_split(recipe, index, splits.make(index, "speaker"))


@pytest.fixture(scope="module")
def own_run(tiny_index, cache, tmp_path_factory):
    """A run on a user's own corpus with an emotion that no vocabulary has."""
    table = tiny_index.table
    emotion = table["emotion"].replace({"disgust": "frustrated", "neutral": "Amused"})
    index = dataclasses.replace(
        tiny_index, corpus="calls", table=table.assign(corpus="calls", emotion=emotion)
    )
    recipe = recipes.get("attention-tess").override({**SMALL, "training.epochs": "1"})
    out, drawn = tmp_path_factory.mktemp("own") / "run", []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "attention", lambda attention, *_: drawn.append(attention.order))
        run = runs.run(recipe, index, "random", out=out, options=runs.Options(cache=cache))
    return run, index, drawn


def test_network_record_bundle_and_tables_have_the_corpus_own_classes_in_one_order(own_run):
    run, _, drawn = own_run
    order = ("happy", "sad", "angry", "fearful", "surprised", "Amused", "frustrated")
    assert run.test.labels == run.validation.labels == order
    loaded = bundle.load_bundle(run.folder, "keras")
    assert loaded.labels == order
    assert tuple(loaded.manifest["recipe"]["emotions"]) == order
    header = (run.folder / "predictions.csv").read_text().splitlines()[0].split(",")
    assert [name[2:] for name in header if name.startswith("p_")] == list(order)
    assert [*run.test.per_class] == list(order)
    assert drawn == [order]
    assert run.key.folder.parts[1] == "calls"
    assert run.key.overrides == runs.RunKey.from_json(run.key.to_json()).overrides
    assert json.loads((run.folder / "metrics.json").read_text())["run"]["corpus"] == "calls"


def test_the_same_run_is_known_again_and_its_baselines_can_be_fitted_anew(own_run, cache, capsys):
    run, index, _ = own_run
    recipe = run.key.load_recipe()
    options = runs.Options(cache=cache)
    assert runs.run(recipe, index, "random", out=run.folder, options=options) == run
    assert "holds this run, finished" in capsys.readouterr().err
    from ser_keras import files

    predictions = files.read_csv(run.folder / "predictions.csv", dtype="string")
    assert runs.fit_baselines(run, predictions, index, cache) == run
