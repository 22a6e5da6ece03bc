import dataclasses
import json
import sys
from types import SimpleNamespace

import pandas as pd
import pytest

from ser_keras import recipes, runs, splits
from ser_keras.errors import SerKerasError
from ser_keras.ledger import ranges, search
from ser_keras.ledger.search import Search, Trial
from ser_keras.runs import RunKey
from ser_keras.training import Fitted
from tests.ledger.made import made

pytest.importorskip("optuna")
RECIPE = recipes.get("attention-tess").override({"training.epochs": "5"})
RANGES = ("training.learning_rate=1e-5..1e-1", "model.units=8..64", "model.dropout=0.1,0.2,0.3")


@pytest.fixture
def made_search(tiny_index, tmp_path):
    """A search over three settings of a recipe on the tiny corpus."""
    return Search(
        recipe=RECIPE,
        index=tiny_index,
        key=RunKey.of(RECIPE, "tess", "speaker", 0, 0),
        ranges=tuple(ranges.parse(RECIPE, text) for text in RANGES),
        out=tmp_path / "runs",
        cache=tmp_path / "cache",
    )


@pytest.fixture
def split(tiny_index):
    """The split of the search."""
    return splits.make(tiny_index, "speaker")


@pytest.fixture
def tried(monkeypatch):
    """The settings that were trained: the higher the learning rate, the better they score."""
    calls = []

    def rehearse(recipe, index, split, folder, *, options, callbacks):
        (watch,) = callbacks
        calls.append(recipe)
        network = SimpleNamespace(stop_training=False)
        watch.set_model(network)
        watch.on_train_begin()
        history = []
        while len(history) < recipe.training.epochs and not network.stop_training:
            score = min(1.0, recipe.training.learning_rate * 10) * (len(history) + 1) / 10
            history.append({"epoch": len(history) + 1, "val_macro_f1": score})
            watch.on_epoch_end(len(history) - 1, history[-1])
        return Fitted(None, None, history, len(history), [], 0.0)

    monkeypatch.setattr(runs, "rehearse", rehearse)
    return calls


def test_the_recipe_itself_is_tried_first_and_the_best_is_chosen(made_search, split, tried):
    trials = search.attempt(made_search, split, 6)
    assert len(trials) == len(tried) == 6
    assert trials[0].settings == {
        "training.learning_rate": "0.0005",
        "model.units": "32",
        "model.dropout": "0.2",
    }
    for trial in trials:
        assert all(each.value(trial.settings[each.key]) is not None for each in made_search.ranges)
    rates = [float(trial.settings["training.learning_rate"]) for trial in trials]
    assert [recipe.training.learning_rate for recipe in tried] == rates
    finished = [i for i in range(6) if trials[i].state == search.FINISHED]
    assert search.chosen(trials) is trials[max(finished, key=lambda i: rates[i])]


def test_every_trial_is_noted_in_plain_text(made_search, split, tried):
    trials = search.attempt(made_search, split, 3)
    record = json.loads((made_search.folder / "trials.json").read_text())
    assert record["ranges"] == [str(each) for each in made_search.ranges]
    assert record["objective"] == "val_macro_f1"
    assert [trial["settings"] for trial in record["trials"]] == [t.settings for t in trials]
    assert [trial["curve"] for trial in record["trials"]] == [list(t.curve) for t in trials]
    table = pd.read_csv(made_search.folder / "trials.csv")
    assert list(table["trial"]) == [1, 2, 3]
    assert list(table["state"]) == [trial.state for trial in trials]
    assert list(table["model.units"]) == [int(t.settings["model.units"]) for t in trials]


def test_a_hopeless_trial_ends_early_and_is_not_chosen(made_search, split, tried):
    trials = search.attempt(made_search, split, 12)
    pruned = [trial for trial in trials if trial.state == search.PRUNED]
    assert pruned
    assert all(len(trial.curve) < 5 for trial in pruned)
    assert search.chosen(trials).state == search.FINISHED


def test_an_interrupted_search_tries_the_same_settings_as_one_that_was_not(
    made_search, split, tried, tmp_path, monkeypatch
):
    whole = search.attempt(made_search, split, 8)
    again = dataclasses.replace(made_search, out=tmp_path / "again")
    rehearse, count = runs.rehearse, iter(range(100))

    def interrupted(*arguments, **options):
        if next(count) == 4:
            raise KeyboardInterrupt
        return rehearse(*arguments, **options)

    monkeypatch.setattr(runs, "rehearse", interrupted)
    with pytest.raises(KeyboardInterrupt):
        search.attempt(again, split, 8)
    states = [trial.state for trial in search.read(again, split)]
    assert states[-1] == search.BEGUN
    assert search.BEGUN not in states[:4]
    trials = search.attempt(again, split, 8)
    assert [t.settings for t in trials] == [t.settings for t in whole]
    assert [t.curve for t in trials] == [t.curve for t in whole]


def test_a_larger_number_goes_on_where_the_search_ended(made_search, split, tried):
    first = search.attempt(made_search, split, 3)
    assert search.attempt(made_search, split, 5)[:3] == first
    assert len(tried) == 5
    assert len(search.attempt(made_search, split, 2)) == 5
    assert len(tried) == 5


def test_the_same_settings_are_not_trained_twice(made_search, split, tried, capsys):
    few = tuple([ranges.parse(RECIPE, "model.units=8,16")])
    trials = search.attempt(dataclasses.replace(made_search, ranges=few), split, 6)
    assert len(trials) == 6
    assert len(tried) <= 2
    assert "the same settings as trial 1, not trained again" in capsys.readouterr().err


def test_a_setting_that_cannot_be_trained_is_noted_and_the_search_goes_on(
    made_search, split, monkeypatch, tried
):
    rehearse, count = runs.rehearse, iter(range(100))

    def fails_once(*arguments, **options):
        if next(count) == 1:
            raise SerKerasError("epoch 1", "the loss is no longer finite", "Lower it")
        return rehearse(*arguments, **options)

    monkeypatch.setattr(runs, "rehearse", fails_once)
    trials = search.attempt(made_search, split, 3)
    assert [trial.state == search.FAILED for trial in trials] == [False, True, False]
    assert trials[1].reason == "epoch 1: the loss is no longer finite. Lower it."


def test_a_search_without_a_finished_trial_is_an_error():
    failed = Trial(settings={}, state=search.FAILED, reason="the loss is no longer finite")
    with pytest.raises(SerKerasError, match=r"no setting that could be trained \(the loss"):
        search.chosen([failed])


def test_a_search_over_other_ranges_is_not_continued(made_search, split, tried):
    search.attempt(made_search, split, 1)
    other = dataclasses.replace(made_search, ranges=made_search.ranges[:1])
    with pytest.raises(SerKerasError, match="is the record of a search with other ranges"):
        search.attempt(other, split, 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.pop("trials"),
        lambda record: record.update(trials=[3]),
        lambda record: record["trials"][0].update(state="lost"),
        lambda record: record["trials"][0].update(score="high"),
        lambda record: record["trials"].insert(0, {**record["trials"][0], "state": "begun"}),
        lambda record: record["trials"][0].update(settings=["model.units"]),
        lambda record: record["trials"][0]["settings"].update({"model.units": "1000000"}),
        lambda record: record["trials"][0]["settings"].pop("model.units"),
        lambda record: record["trials"][0].update(code="import os"),
    ],
)
def test_a_record_that_was_changed_is_refused(made_search, split, tried, change):
    search.attempt(made_search, split, 1)
    path = made_search.folder / "trials.json"
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    with pytest.raises(SerKerasError, match="Move its folder away to search anew"):
        search.attempt(made_search, split, 2)


@pytest.fixture
def scored(monkeypatch, split):
    """The recipes whose test clips were scored, each a finished run at once."""
    calls = []

    def run(recipe, index, protocol, *, fold, seed, out, options):
        calls.append(recipe)
        key = RunKey.of(recipe, index.corpus, protocol, fold, seed)
        finished = runs.read(out)
        folder = out.parents[2]
        return finished or made(folder, protocol=protocol, fold=fold, overrides=key.overrides)

    monkeypatch.setattr(runs, "run", run)
    monkeypatch.setattr(runs, "check", lambda *_, **__: split)
    return calls


def test_the_test_clips_are_scored_once_for_the_chosen_setting(made_search, tried, scored):
    made(made_search.out, protocol="speaker")  # the recipe as it stands has been scored before
    made(made_search.out, protocol="text")
    run, trials = search.run(made_search, 4)
    (recipe,) = scored
    best = search.chosen(trials)
    assert recipe.identity() == RECIPE.override(best.settings).identity()
    assert run.searched == runs.Searched(trials=4, scored=2)
    assert runs.read(run.folder) == run
    assert len([*made_search.out.glob("*/*/*/metrics.json")]) == 3


def test_the_same_command_again_changes_nothing(made_search, tried, scored):
    first, _ = search.run(made_search, 3)
    before = (first.folder / "metrics.json").stat().st_mtime_ns
    again, _ = search.run(made_search, 3)
    assert again == first
    assert (first.folder / "metrics.json").stat().st_mtime_ns == before
    assert len(tried) == 3


def test_without_optuna_one_sentence_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(SerKerasError, match=r"pip install 'ser_keras\[search\]'"):
        search.require()
