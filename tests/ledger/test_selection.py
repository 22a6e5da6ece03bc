"""A penalty is picked by clips of the training side alone, and stands beside the kept one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ser_keras import files, ledger, recipes, splits, training
from ser_keras.errors import SerKerasError
from ser_keras.ledger import selection, storage
from ser_keras.ledger.selection import SEARCHES, groups, learn, own_setting, validate
from ser_keras.ledger.selection_tables import by_fold, summary, words
from tests.ledger.made import headline, made
from tests.splits.indices import ravdess

QUICK = {"training.epochs": "8", "training.learning_rate": "0.1"}
NOTHING = {"published": (), "baselines": {}}


@pytest.fixture(scope="module")
def split(tiny_index):
    return splits.make(tiny_index, "speaker", seed=0, fold=0)


@pytest.fixture(scope="module")
def recipe(tiny_index):
    recipe = recipes.get("functionals-linear").override(QUICK)
    emotions = [each for each in recipe.emotions if each in set(tiny_index.clips["emotion"])]
    return dataclasses.replace(recipe, emotions=tuple(emotions))


@pytest.fixture(scope="module")
def store(split, recipe):
    """Vectors of the training side, which tell the emotion; there is none of a test clip."""
    known = split.table[split.table["role"] != "test"]
    random = np.random.default_rng(0)
    vectors = {}
    for content, emotion in zip(known["content"], known["emotion"], strict=True):
        vectors[content] = np.zeros((1, 432), np.float32)
        vectors[content][0, :7] = random.normal(size=7)
        vectors[content][0, recipe.emotions.index(emotion)] += 100
    return vectors


def test_a_training_side_is_divided_by_speakers_each_in_one_group():
    clips = ravdess().clips
    by, judges = groups(clips, "ravdess")
    assert (by, len(judges)) == ("speaker", selection.GROUPS)
    assert (np.sum(judges, axis=0) == 1).all()
    for judge in judges:
        assert not set(clips["speaker"][judge]) & set(clips["speaker"][~judge])


def test_pooled_corpora_judge_one_by_one_and_a_single_voice_is_divided_by_text(tiny_index):
    clips = tiny_index.clips
    one = clips[clips["speaker"] == "OAF"]
    by, judges = groups(one)
    assert by == "text"
    assert not set(one["text"][judges[0]]) & set(one["text"][~judges[0]])
    names = [f"corpus {i % 5}" for i in range(len(clips))]
    by, judges = groups(clips.assign(corpus=names))
    assert (by, len(judges)) == ("corpus", 5)


def test_one_speaker_with_one_text_cannot_be_divided(tiny_index):
    with pytest.raises(SerKerasError, match="one speaker and one text"):
        groups(tiny_index.clips.assign(speaker="a", text="b"))


@pytest.mark.slow  # trains three networks
def test_networks_side_by_side_get_the_weights_that_each_gets_in_a_run(
    split, recipe, store, tmp_path
):
    variants = [recipe.override({"model.l2": value}) for value in ("0.01", "0.3")]
    clips = split.table[split.table["role"] != "test"].reset_index(drop=True)
    normalization, networks = learn(variants, clips, store, split.seed)
    alone = training.fit(variants[1], split, store, seed=split.seed, folder=tmp_path)
    np.testing.assert_allclose(normalization.mean, alone.normalization.mean)
    for ours, weights in zip(networks[1].get_weights(), alone.network.get_weights(), strict=True):
        np.testing.assert_allclose(ours, weights, atol=1e-5)
    assert not np.allclose(networks[0].get_weights()[0], networks[1].get_weights()[0], atol=1e-3)


def test_settings_are_judged_without_a_look_at_the_test_clips(split, recipe, store):
    changed = {"weak": recipe.override({"model.l2": "0.001"})}
    by, uars = validate(recipe, changed, split, store, {})  # a test clip would be a KeyError
    assert by == "text"
    assert uars == {"weak": 1.0}


def test_a_step_that_would_not_see_all_clips_is_refused(split, recipe, store):
    small = recipe.override({"training.batch_size": "4"})
    with pytest.raises(SerKerasError, match="is below the"):
        learn([small], split.table[split.table["role"] != "test"], store, 0)


@pytest.mark.parametrize("name", SEARCHES)
def test_each_grid_holds_the_setting_of_the_recipe(name):
    assert own_setting(recipes.get(name), SEARCHES[name]) in SEARCHES[name].overrides()


def test_folds_that_are_stored_are_not_chosen_again(tiny_tess, cache, tmp_path, monkeypatch):
    chosen = []

    def select(recipe, index, split, *_):
        chosen.append(split.fold)
        if len(chosen) == 2:
            raise KeyboardInterrupt
        return {"picked": "0.1", "validation": {"0.1": 0.5}, "uar": 0.25}

    monkeypatch.setattr(selection, "select", select)
    monkeypatch.setattr(storage, "read", lambda folder: [])
    path = tmp_path / "selection.json"
    command = {"names": ["encoder-linear"], "on": ["tess"]}
    with pytest.raises(KeyboardInterrupt):
        selection.run(tiny_tess, cache, path, **command)
    results = selection.run(tiny_tess, cache, path, **command)
    assert chosen == [0, 1, 1]
    assert [each["fold"] for each in results] == [0, 1]
    assert results == files.read_json(path)


def test_other_clips_than_those_of_the_kept_runs_are_refused(tiny_tess, cache, tmp_path):
    with pytest.raises(SerKerasError, match="was made from other clips"):
        path = tmp_path / "selection.json"
        selection.run(tiny_tess, cache, path, names=["encoder-linear"], on=["tess"])


def test_a_recipe_without_a_grid_is_refused(tmp_path):
    with pytest.raises(SerKerasError, match="attention-tess"):
        selection.run(tmp_path, tmp_path, tmp_path / "s.json", names=["attention-tess"])


def result(fold, uar, picked="0.1", **changes):
    return {
        "recipe": "encoder-linear",
        "corpus": "tess",
        "protocol": "speaker",
        "fold": fold,
        "left_out": "",
        "by": "text",
        "validation": {"0.03": 0.5, "0.1": 0.75},
        "picked": picked,
        "uar": uar,
        "adapted": {"3 recordings": 0.7},
        "scored": 3,
    } | changes


@pytest.fixture
def rows(tmp_path):
    for fold, uar in enumerate((0.5, 0.7)):
        adapted = {"3 recordings": headline(9, 0.6)}
        place = {"recipe": "encoder-linear", "protocol": "speaker", "fold": fold, "folds": 2}
        made(tmp_path, uar=uar, adapted=adapted, **place, **NOTHING)
    return ledger.rows(tmp_path)


def test_the_nested_choice_stands_beside_the_kept_runs(rows):
    results = [result(0, 0.6), result(1, 0.7, "0.03", scored=2)]
    table = summary(results, rows)
    (cells,) = table.rows
    line = dict(zip(table.header, cells, strict=True))
    assert line["picked (folds)"] == "0.03 (1), 0.1 (1)"
    assert (line["validation, picked"], line["validation, fixed"]) == ("0.625", "0.500")
    assert (line["UAR, nested"], line["UAR, fixed"]) == ("0.650 ± 0.071", "0.600 ± 0.141")
    assert (line["difference"], line["folds higher, lower"]) == ("+0.050", "1, 0")
    assert (line["adapted to 3, nested"], line["adapted to 3, fixed"]) == ("0.700", "0.600")
    assert (line["folds"], line["settings scored"]) == ("2 of 2", "3")
    assert [cells[2] for cells in by_fold(results, rows).rows] == ["0", "1"]


def test_a_row_that_is_not_finished_says_so(rows):
    (cells,) = summary([result(0, 0.6)], rows).rows
    assert "1 of 2" in cells
    assert "0.600" in cells
    assert words([result(0, 0.6)], rows) == "No row is finished."


@pytest.mark.parametrize(
    ("uar", "sentence"),
    [(0.9, "higher than the fixed penalty in 1, lower in 0"), (0.1, "in 0, lower in 1")],
)
def test_the_words_say_whether_the_nested_choice_does_better(rows, uar, sentence):
    assert sentence in words([result(0, uar), result(1, uar)], rows)


def test_the_stored_choices_take_the_best_in_validation_and_count_what_was_scored():
    results = files.read_json(selection.RESULTS)
    assert results
    for each in results:
        own = own_setting(recipes.get(each["recipe"]), SEARCHES[each["recipe"]])
        assert each["validation"][each["picked"]] == max(each["validation"].values())
        assert each["scored"] == SEARCHES[each["recipe"]].scored + (each["picked"] != own)
