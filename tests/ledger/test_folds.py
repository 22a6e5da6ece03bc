import dataclasses

import numpy as np
import pandas as pd
import pytest

from ser_keras import console, files, recipes, runs
from ser_keras.ledger import Row, folds
from tests.ledger.made import made


def of_speaker(name, role="test"):
    """Return a change of predictions after which all clips are those of one speaker."""
    return lambda table: table.assign(speaker=name, role=role)


@pytest.fixture
def row(tmp_path):
    """A row of three folds, each of another speaker, with UAR 0.5, 0.6 and 0.7."""
    parts = [
        made(
            tmp_path,
            protocol="speaker",
            fold=fold,
            folds=3,
            uar=0.5 + fold / 10,
            accuracy=0.5,
            baselines={"duration": 0.3 + fold / 10, "majority": 0.8},
            change=of_speaker(f"voice {fold}"),
        )
        for fold in range(3)
    ]
    return Row(tuple(parts))


def test_all_test_clips_are_scored_together_with_an_interval_by_speaker(row):
    scores = folds.pooled(row)
    tables = [pd.read_csv(run.folder / "predictions.csv") for run in row.runs]
    clips = pd.concat(tables)
    assert scores.n == len(clips)
    assert scores.accuracy.value == pytest.approx((clips["emotion"] == clips["predicted"]).mean())
    assert scores.resampled_by == "speaker"
    counts = pd.crosstab(clips["emotion"], clips["predicted"])
    counts = counts.reindex(index=scores.labels, columns=scores.labels, fill_value=0)
    assert np.array_equal(scores.confusion, counts.to_numpy())


def test_validation_clips_are_not_pooled(row):
    path = row.runs[0].folder / "predictions.csv"
    clips = pd.read_csv(path)
    clips.loc[:9, "role"] = "validation"
    clips.to_csv(path, index=False)
    assert folds.pooled(row).n == 3 * len(clips) - 10


def test_each_fold_is_listed_with_its_speaker_then_mean_and_spread(row):
    rows = {cells[0]: cells[1:] for cells in folds.by_fold(row).rows}
    assert [*rows] == [
        "fold 0: voice 0",
        "fold 1: voice 1",
        "fold 2: voice 2",
        "mean ± standard deviation",
        "all folds together",
    ]
    assert rows["fold 1: voice 1"][2] == "0.600 [0.400, 0.800]"
    assert rows["mean ± standard deviation"][2] == "0.600 ± 0.100"


def test_one_fold_has_no_spread(row):
    names = [cells[0] for cells in folds.by_fold(Row(row.runs[:1])).rows]
    assert names == ["fold 0: voice 0", "all folds together"]


def test_the_means_of_the_baselines_stand_beside_that_of_the_network(row):
    cells = [(name, uar) for name, _, uar in folds.ranking(row).rows]
    assert cells == [
        ("majority", "0.800 ± 0.000"),
        ("attention-tess (network)", "0.600 ± 0.100"),
        ("duration", "0.400 ± 0.100"),
    ]


def test_the_confusion_matrix_is_a_table_with_recalls(row):
    scores = folds.pooled(row)
    table = folds.confusion(scores)
    assert [cells[0] for cells in table.rows] == [*scores.labels]
    assert [[int(n) for n in cells[1:-1]] for cells in table.rows] == scores.confusion
    assert table.rows[0][-1] == f"{scores.per_class[scores.labels[0]]['recall']:.3f}"


def test_what_is_written_says_the_same(row, tmp_path):
    folds.write(row, tmp_path / "out")
    table = files.read_csv(tmp_path / "out" / "folds.csv")
    assert list(table["fold"]) == [0, 1, 2]
    assert list(table["uar"]) == pytest.approx([0.5, 0.6, 0.7])
    written = files.read_json(tmp_path / "out" / "pooled.json")
    assert written["test"]["confusion"] == folds.pooled(row).confusion
    assert written["run"] == {**row.runs[0].key.to_json(), "fold": [0, 1, 2]}
    assert (tmp_path / "out" / "confusion_matrix.png").read_bytes().startswith(b"\x89PNG")


def test_every_fold_of_the_corpus_is_trained_once(tiny_index, row, tmp_path, monkeypatch, capsys):
    calls = []

    def run(recipe, index, protocol, *, fold, seed, out, options):
        calls.append((protocol, fold, seed, out, options))
        return dataclasses.replace(row.runs[fold])

    monkeypatch.setattr(runs, "run", run)
    options = runs.Options(resume=True)
    recipe = recipes.get("attention-tess")
    made_row = folds.train(
        recipe, tiny_index, "speaker", seed=4, out=tmp_path / "runs", options=options
    )
    home = tmp_path / "runs" / "attention-tess" / "tess"
    assert calls == [
        ("speaker", fold, 4, home / f"speaker-{fold}-seed4", options) for fold in (0, 1)
    ]
    assert made_row.runs == row.runs[:2]
    assert "Fold 1 (2 of 2): accuracy 0.500, UAR 0.600" in capsys.readouterr().err
    assert console.unshown() is None
