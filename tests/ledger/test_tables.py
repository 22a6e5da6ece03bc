import dataclasses
import json
from pathlib import Path

import pytest

from ser_keras import ledger, recipes
from ser_keras.errors import SerKerasError
from ser_keras.ledger import tables
from ser_keras.ledger.rows import grouped
from ser_keras.runs import Searched
from tests.ledger.made import headline, made, mislabelled

RENAMED = {
    "of one answer": "constant predictions",
    "chance": "chance level",
    "only it": "only published",
    "only its correction": "only corrected",
    "alike %": "same label %",
}


def columns(table):
    """Return the cells of each column by header; equal headers are numbered."""
    names = []
    for name in table["header"]:
        names.append(f"{name}{names.count(name) or ''}" if name not in names else f"{name} again")
    return [dict(zip(names, row, strict=True)) for row in table["rows"]]


def test_the_ledger_gives_the_figures_that_the_run_folders_gave():
    """The tables as they were made from 124 run folders, before these were packed into rows."""
    before = json.loads(Path(__file__).with_name("tables_before.json").read_text())
    runs = ledger.read(ledger.LEDGER)
    rows = ledger.rows()
    after = {
        "published": tables.published(rows),
        "ladder": tables.ladder(rows),
        "complete": tables.runs(rows),
        "parts": tables.pooled(rows),
        "rivals": tables.baselines(rows),
        "corrections": tables.corrections(rows),
        "repeated": tables.machines(tables.repeated(runs)),
    }
    for name, table in before.items():
        header = [RENAMED.get(column, column) for column in table["header"]]
        old = columns({"header": header, "rows": table["rows"]})
        new = columns({"header": list(after[name].header), "rows": after[name].rows})
        for row in old:
            for column in ("verdict", "runs") if name == "published" else ():
                del row[column]  # said in other words now
        shared = [{key: value for key, value in row.items() if key in old[0]} for row in new]
        assert all(row in shared for row in old), name


def test_pooled_corpora_show_what_each_of_them_gives(tmp_path):
    for fold, values in enumerate(({"savee": 0.5, "tess": 1.0}, {"tess": 0.5})):
        by_corpus = {corpus: headline(9, value) for corpus, value in values.items()}
        made(tmp_path, protocol="random", fold=fold, by_corpus=by_corpus)
    assert [row[3:] for row in tables.pooled(ledger.rows(tmp_path)).rows] == [
        ["savee", "1", "0.5000 [0.250, 1.000]", "0.5000 [0.250, 1.000]"],
        ["tess", "2", "0.7500 ± 0.3536", "0.7500 ± 0.3536"],
    ]


def test_a_system_is_tested_against_its_best_baseline_over_the_folds_of_each_seed(tmp_path):
    uar = {"duration": 0.3, "loudness": 0.2}
    for fold, seed, ours, theirs in ((0, 0, 3, 0), (1, 0, 1, 0), (0, 1, 2, 6), (1, 1, 0, 0)):
        tests = {"duration": (10, ours, theirs), "loudness": (10, 9, 0)}
        made(tmp_path, protocol="speaker", fold=fold, seed=seed, baselines=uar, tests=tests)
    (cells,) = tables.baselines(ledger.rows(tmp_path)).rows
    names = ["attention-tess", "tess", "speaker", "duration"]
    assert cells == [*names, "20, 20", "4, 2", "0, 6", "0.12, 0.29"]


def test_systems_with_a_run_that_has_no_paired_test_are_left_out(tmp_path):
    made(tmp_path, baselines={"duration": 0.3}, tests={"duration": (10, 1, 1)})
    made(tmp_path, seed=1, baselines={"duration": 0.3})
    assert not tables.baselines(ledger.rows(tmp_path)).rows


def test_a_run_without_baselines_shows_a_dash(tmp_path):
    made(tmp_path, baselines={})
    assert tables.runs(ledger.rows(tmp_path)).rows[0][8] == "-"


def test_a_network_is_bold_where_what_is_printed_is_above_the_best_baseline(tmp_path):
    made(tmp_path, uar=0.6864, baselines={"duration": 0.6861})
    made(tmp_path, protocol="text", uar=0.687, baselines={"duration": 0.686})
    (row,) = tables.ladder(ledger.rows(tmp_path)).rows
    assert "0.686 (0.686)" in row
    assert "**0.687** (0.686)" in row


def test_the_published_value_stands_beside_what_repeats_it_and_what_is_left_of_it(tmp_path):
    made(tmp_path, accuracy=0.5, baselines={"loudness": 0.3})
    made(tmp_path, protocol="speaker", uar=0.25)
    published = recipes.get("mel-cnn-aesdd-resized").published
    made(tmp_path, recipe="mel-cnn-aesdd-resized", accuracy=0.5, published=published)
    table = tables.published(ledger.rows(tmp_path))
    first, second = (dict(zip(table.header, row, strict=True)) for row in table.rows)
    assert first == {
        "system": "attention-tess",
        "corpus": "tess",
        "protocol": "paper",
        "published": "accuracy 0.9000 (n = 560)",
        "chosen on": "",
        "measured": "accuracy 0.5000 [0.400, 0.800]",
        "on unseen speakers": "UAR 0.250",
        "best baseline": "loudness 0.1429",
        "verdict": "below",
    }
    assert second["published"].endswith("(n = 121, aesdd)")
    assert second["chosen on"] == "test"
    assert second["verdict"] == "not comparable"


def test_the_ladder_shows_each_rung_beside_its_best_baseline_and_marks_who_wins(tmp_path):
    made(tmp_path, uar=0.9, baselines={"duration": 0.5})
    made(tmp_path, protocol="text", uar=0.4, baselines={"duration": 0.5})
    made(tmp_path, recipe="mean-mfcc-lstm", protocol="speaker", uar=0.3, baselines={})
    table = tables.ladder(ledger.rows(tmp_path))
    assert table.header == ("system", "corpus", "paper", "text", "speaker", "chance level")
    assert table.rows == [
        ["attention-tess", "tess", "**0.900** (0.500)", "0.400 (0.500)", "", "0.143"],
        ["mean-mfcc-lstm", "tess", "", "", "0.300", "0.143"],
    ]


def test_the_ladder_says_where_folds_are_missing_but_one_of_a_random_split_is_enough(tmp_path):
    baselines = {"duration": 0.5}
    made(tmp_path, protocol="random", folds=5, uar=0.4, baselines=baselines)
    made(tmp_path, protocol="speaker", folds=2, uar=0.4, baselines=baselines)
    assert tables.ladder(ledger.rows(tmp_path)).rows == [
        ["attention-tess", "tess", "0.400 (0.500)", "0.400 (0.500), 1 of 2", "0.143"]
    ]


def test_the_table_of_runs_counts_runs_folds_and_constant_predictions(tmp_path):
    for fold, seed in ((0, 0), (0, 1), (1, 0)):
        run = made(tmp_path, protocol="speaker", fold=fold, folds=5, seed=seed)
    (row,) = tables.runs(ledger.rows(tmp_path)).rows
    assert row[:6] == ["attention-tess", "tess", "speaker", "3", "2 of 5", ""]
    assert row[-1] == "0.005"
    confusion = [[sum(counts), *[0] * 6] for counts in run.test.confusion]
    dataclasses.replace(run, test=dataclasses.replace(run.test, confusion=confusion)).write()
    assert tables.runs(ledger.rows(tmp_path)).rows[0][5] == "1"


def test_the_commands_name_each_run_once_and_folds_of_equal_seeds_together(tmp_path):
    for fold, seed in ((0, 0), (0, 1), (1, 0), (1, 1), (2, 0)):
        made(tmp_path, protocol="speaker", fold=fold, seed=seed)
    start = (
        "python -m ser_keras.ledger run --recipe attention-tess --corpus tess --protocol speaker"
    )
    assert tables.commands(ledger.rows(tmp_path)) == [
        f"{start} --fold 0,1 --seed 0,1",
        f"{start} --fold 2 --seed 0",
    ]


def test_a_system_and_its_correction_are_compared_clip_by_clip_on_equal_splits(tmp_path):
    for fold in (0, 1):
        made(tmp_path, protocol="speaker", fold=fold)
        made(
            tmp_path,
            recipe="attention-tess-corrected",
            protocol="speaker",
            fold=fold,
            change=mislabelled(3 + 2 * fold),
        )
    made(tmp_path, protocol="speaker", seed=1)
    other = {"recipe": "attention-tess-corrected", "seed": 1, "split_hash": "0" * 16}
    made(tmp_path, protocol="speaker", **other)
    assert tables.corrections(ledger.rows(tmp_path)).rows == [
        ["attention-tess", "tess", "speaker", "1120", "8", "0", "0.0078"]
    ]


def test_a_run_that_was_made_again_elsewhere_is_compared_clip_by_clip(tmp_path):
    made(tmp_path / "a", uar=0.75, machines=[("x86_64", "tensorflow")])
    machines = [("GPU", "jax"), ("x86_64", "tensorflow")]
    again = made(tmp_path / "b", uar=0.5, machines=machines, change=mislabelled(7))
    made(tmp_path / "a", seed=1)  # was made once
    (row,) = tables.compare(tmp_path / "a", tmp_path / "b").rows
    assert row[:5] == ["attention-tess", "tess", "paper", "0", "0"]
    assert row[5:8] == ["x86_64 (tensorflow)", "63 of 73", "0.7500"]
    assert row[8:11] == ["GPU (jax), then x86_64 (tensorflow)", "63 of 73", "0.5000"]
    assert row[11:] == ["98.8", "560", "7", "0", "0.016"]
    first, second = ledger.read(tmp_path / "a")
    pairs = tables.repeated([first, second, dataclasses.replace(again, repeat=1)])
    assert pairs == [(first, dataclasses.replace(again, repeat=1))]


def test_runs_are_compared_whatever_folders_and_suffixes_their_clips_have(tmp_path):
    def moved(predictions):
        paths = predictions["path"].str.lower().str.replace(".flac", ".wav")
        return mislabelled(7)(predictions).assign(path="TESS/" + paths)

    made(tmp_path / "a")
    made(tmp_path / "b", change=moved)
    (row,) = tables.compare(tmp_path / "a", tmp_path / "b").rows
    assert row[11:] == ["98.8", "560", "7", "0", "0.016"]


def test_runs_of_other_splits_are_not_compared(tmp_path):
    made(tmp_path / "a")
    made(tmp_path / "b", split_hash="0" * 16)
    with pytest.raises(SerKerasError, match="has no run in common with"):
        tables.compare(tmp_path / "a", tmp_path / "b")


def test_every_published_system_is_explained():
    table = tables.systems()
    every = map(recipes.get, recipes.names())
    published = [recipe.name for recipe in every if recipe.published and not recipe.corrects]
    assert [row[0] for row in table.rows] == [f"`{name}`" for name in published]
    assert all(all(row) for row in table.rows)


def test_the_number_of_settings_that_were_scored_stands_beside_the_figure(tmp_path):
    runs = [
        made(tmp_path, protocol="speaker", uar=0.5),
        made(tmp_path, protocol="text", uar=0.6),
        made(
            tmp_path,
            protocol="speaker",
            uar=0.7,
            overrides=("model.dropout=0.1",),
            searched=Searched(trials=20, scored=2),
        ),
    ]
    table = tables.scored(grouped(runs, changed=True))
    assert table.rows == [
        ["attention-tess", "tess", "speaker", "0", "0", "", "2", "0.5000"],
        ["attention-tess+dropout=0.1", "tess", "speaker", "0", "0", "20", "2", "0.7000"],
    ]
