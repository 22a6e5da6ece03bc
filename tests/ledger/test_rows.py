import dataclasses

import pytest

from ser_keras import ledger, splits
from ser_keras.ledger.rows import grouped, settings_scored
from tests.ledger.made import KEY, made


def row_of(folder):
    (row,) = ledger.rows(folder)
    return row


def test_a_single_run_shows_its_interval(tmp_path):
    made(tmp_path, accuracy=0.5)
    assert row_of(tmp_path).estimate("accuracy") == "0.5000 [0.400, 0.800]"


def test_runs_over_seeds_are_one_row_with_mean_and_spread(tmp_path):
    made(tmp_path, seed=0, accuracy=0.5)
    made(tmp_path, seed=1, accuracy=0.75)
    row = row_of(tmp_path)
    assert row.key == ("attention-tess", "tess", "paper")
    assert row.estimate("accuracy") == "0.6250 ± 0.1768"


def test_the_mean_of_several_folds_is_that_of_their_means_and_the_spread_that_of_folds(tmp_path):
    for fold, seed, value in ((0, 0, 0.4), (0, 1, 0.6), (1, 0, 1.0)):
        made(tmp_path, protocol="speaker", fold=fold, seed=seed, uar=value)
    row = row_of(tmp_path)
    assert row.folds == [0, 1]
    assert row.estimate("uar") == "0.7500 ± 0.3536"


def test_the_best_baseline_is_the_one_with_the_highest_mean(tmp_path):
    made(tmp_path, seed=0, baselines={"duration": 0.2, "loudness": 0.5})
    made(tmp_path, seed=1, baselines={"duration": 0.9, "loudness": 0.4})
    name, value = row_of(tmp_path).best_baseline("uar")
    assert (name, value) == ("duration", pytest.approx(0.55))


def test_rows_are_sorted_down_the_ladder(tmp_path):
    for protocol in reversed(splits.PROTOCOLS):
        made(tmp_path, protocol=protocol)
    assert [row.key.protocol for row in ledger.rows(tmp_path)] == list(splits.PROTOCOLS)


def test_unfinished_runs_changed_recipes_and_repetitions_are_no_rows(tmp_path):
    run = made(tmp_path)
    (run.folder / "metrics.json").unlink()
    made(tmp_path, seed=1, repeat=1)
    changed = made(tmp_path, seed=2, overrides=("model.dropout=0.5",))
    assert ledger.rows(tmp_path) == []
    (row,) = grouped(ledger.read(tmp_path), changed=True)
    assert row.key.recipe == "attention-tess+dropout=0.5"
    assert changed.folder == tmp_path / changed.key.folder


def test_folds_are_counted_of_those_that_the_protocol_has(tmp_path):
    made(tmp_path, protocol="speaker", folds=2)
    assert (row_of(tmp_path).coverage, row_of(tmp_path).is_whole) == ("1 of 2", False)
    made(tmp_path, protocol="speaker", fold=1, folds=2)
    assert (row_of(tmp_path).coverage, row_of(tmp_path).is_whole) == ("2 of 2", True)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.85, 0.94, "reproduced (1 run, n = 560)"),
        (0.80, 0.95, "not contradicted (1 run, n = 560)"),
        (0.91, 0.95, "above"),
        (0.50, 0.60, "below"),
    ],
)
def test_a_verdict_says_what_it_rests_on(tmp_path, low, high, verdict):
    run = made(tmp_path)
    accuracy = dataclasses.replace(run.test.accuracy, value=(low + high) / 2, low=low, high=high)
    dataclasses.replace(run, test=dataclasses.replace(run.test, accuracy=accuracy)).write()
    assert row_of(tmp_path).verdict() == verdict


def test_runs_that_disagree_are_counted(tmp_path):
    for seed, low in ((0, 0.8), (1, 0.95)):
        run = made(tmp_path, seed=seed)
        accuracy = dataclasses.replace(run.test.accuracy, value=0.96, low=low, high=1.0)
        dataclasses.replace(run, test=dataclasses.replace(run.test, accuracy=accuracy)).write()
    assert row_of(tmp_path).verdict() == "not contradicted (1), above (1)"


def test_a_run_with_changed_settings_is_not_comparable(tmp_path):
    run = made(tmp_path, overrides=("training.epochs=3",))
    assert run.verdict == "not comparable: 3 of 300 epochs"
    assert KEY.overrides == ()


def test_settings_are_counted_that_were_scored_on_the_same_test_clips(tmp_path):
    changed = [("model.dropout=0.1",), ("model.dropout=0.3",)]
    runs = [made(tmp_path, protocol="speaker", overrides=change) for change in ((), *changed)]
    runs.append(made(tmp_path, protocol="speaker", overrides=changed[0], seed=1))  # counted already
    runs.append(made(tmp_path, protocol="speaker", overrides=("model.units=8",), fold=1))
    runs.append(made(tmp_path, protocol="text", overrides=("model.units=16",)))
    runs.append(made(tmp_path, recipe="mean-mfcc-lstm", protocol="speaker"))
    assert settings_scored(runs, runs[0].key) == 3
    assert settings_scored(runs[1:], runs[0].key) == 3  # the run itself counts
    assert settings_scored(runs, runs[-1].key) == 1


def test_where_the_seed_draws_the_test_clips_other_seeds_are_not_counted(tmp_path):
    changes = [((), 0), (("model.dropout=0.1",), 0), (("model.dropout=0.3",), 1)]
    runs = [made(tmp_path, overrides=change, seed=seed) for change, seed in changes]
    assert settings_scored(runs, runs[0].key) == 2
