import shutil

import pytest

from ser_keras import files, ledger, metrics, recipes, splits
from ser_keras.errors import SerKerasError
from ser_keras.matrix import LEDGER

KEPT = LEDGER / "attention-tess" / "tess" / "paper-0-seed0"


def keep(folder, *, recipe="attention-tess", protocol="paper", fold=0, folds=1, seed=0, **changes):
    """Put a finished run into a folder of runs; `changes` are test figures or baselines' UAR."""
    run = folder / recipe / "tess" / f"{protocol}-{fold}-seed{seed}"
    run.mkdir(parents=True)
    shutil.copyfile(KEPT / "predictions.csv", run / "predictions.csv")
    told = files.read_json(KEPT / "metrics.json")
    told["recipe"] = recipe
    told["split"] |= {"protocol": protocol, "fold": fold, "folds": folds, "seed": seed}
    if "beaten" in changes:
        kept = told["baselines"]["majority"]
        told["baselines"] = {
            name: {**kept, "uar": {"value": value, "low": 0.0, "high": 1.0}}
            for name, value in changes.pop("beaten").items()
        }
    for metric, value in changes.items():
        told["test"][metric] = {"value": value, "low": 0.4, "high": 0.8}
    files.write_json(run / "metrics.json", told)
    return run


def against(run, **tests):
    """Let a run know of its paired tests with baselines, each (clips, only it, only the other)."""
    told = files.read_json(run / "metrics.json")
    tests = {name: vars(metrics.Paired.of(*counts)) for name, counts in tests.items()}
    files.write_json(run / "metrics.json", {**told, "against_baselines": tests})


def row_of(folder):
    (row,) = ledger.rows(folder)
    return row


def test_a_single_run_shows_its_interval(tmp_path):
    keep(tmp_path, accuracy=0.5)
    assert row_of(tmp_path).figure("accuracy") == "0.5000 [0.400, 0.800]"


def test_runs_over_seeds_are_one_row_with_mean_and_spread(tmp_path):
    keep(tmp_path, seed=0, accuracy=0.5)
    keep(tmp_path, seed=1, accuracy=0.75)
    row = row_of(tmp_path)
    assert row.key == ("attention-tess", "tess", "paper")
    assert row.figure("accuracy") == "0.6250 ± 0.1768"


def test_the_figure_of_several_folds_is_the_mean_of_their_means_and_the_spread_that_of_folds(
    tmp_path,
):
    for fold, seed, value in ((0, 0, 0.4), (0, 1, 0.6), (1, 0, 1.0)):
        keep(tmp_path, protocol="speaker", fold=fold, seed=seed, uar=value)
    row = row_of(tmp_path)
    assert row.folds == [0, 1]
    assert row.figure("uar") == "0.7500 ± 0.3536"


def test_pooled_corpora_show_what_each_of_them_gives(tmp_path):
    for fold, values in enumerate(({"savee": 0.5, "tess": 1.0}, {"tess": 0.5})):
        run = keep(tmp_path, protocol="random", fold=fold)
        told = files.read_json(run / "metrics.json")
        figure = {"low": 0.25, "high": 1.0}
        told["test_by_corpus"] = {
            corpus: {"n": 9, "accuracy": figure | {"value": v}, "uar": figure | {"value": v}}
            for corpus, v in values.items()
        }
        files.write_json(run / "metrics.json", told)
    assert [row[3:] for row in ledger.parts(ledger.rows(tmp_path)).rows] == [
        ["savee", "1", "0.5000 [0.250, 1.000]", "0.5000 [0.250, 1.000]"],
        ["tess", "2", "0.7500 ± 0.3536", "0.7500 ± 0.3536"],
    ]


def test_the_best_baseline_is_the_one_of_the_highest_mean(tmp_path):
    keep(tmp_path, seed=0, beaten={"duration": 0.2, "loudness": 0.5})
    keep(tmp_path, seed=1, beaten={"duration": 0.9, "loudness": 0.4})
    name, value = row_of(tmp_path).best_baseline("uar")
    assert (name, value) == ("duration", pytest.approx(0.55))


def test_a_system_is_tested_against_its_best_baseline_over_the_folds_of_each_seed(tmp_path):
    beaten = {"duration": 0.3, "loudness": 0.2}
    for fold, seed, only_it, only_other in ((0, 0, 3, 0), (1, 0, 1, 0), (0, 1, 2, 6), (1, 1, 0, 0)):
        run = keep(tmp_path, protocol="speaker", fold=fold, seed=seed, beaten=beaten)
        against(run, duration=(10, only_it, only_other), loudness=(10, 9, 0))
    (cells,) = ledger.rivals(ledger.rows(tmp_path)).rows
    told = ["attention-tess", "tess", "speaker", "duration"]
    assert cells == [*told, "20, 20", "4, 2", "0, 6", "0.12, 0.29"]


def test_systems_with_a_run_that_knows_of_no_paired_test_are_left_out(tmp_path):
    for seed in (0, 1):
        run = keep(tmp_path, seed=seed, beaten={"duration": 0.3})
    told = files.read_json(run / "metrics.json")
    files.write_json(run / "metrics.json", {**told, "against_baselines": {}})
    assert not ledger.rivals(ledger.rows(tmp_path)).rows


def test_a_run_from_before_there_were_baselines_has_none(tmp_path):
    run = keep(tmp_path)
    told = files.read_json(run / "metrics.json")
    del told["baselines"]
    files.write_json(run / "metrics.json", told)
    assert row_of(tmp_path).best_baseline("uar") is None
    assert ledger.complete(ledger.rows(tmp_path)).rows[0][8] == "-"


def test_an_unfinished_run_and_a_changed_recipe_are_no_rows(tmp_path):
    keep(tmp_path)
    (keep(tmp_path, seed=1) / "metrics.json").unlink()
    (tmp_path / "attention-tess").rename(tmp_path / "attention-tess-abc123")
    assert ledger.rows(tmp_path) == []


def test_a_network_is_bold_where_what_is_printed_is_above_the_best_baseline(tmp_path):
    keep(tmp_path, uar=0.6864, beaten={"duration": 0.6861})
    keep(tmp_path, protocol="text", uar=0.687, beaten={"duration": 0.686})
    (row,) = ledger.ladder(ledger.rows(tmp_path)).rows
    assert "0.686 (0.686)" in row
    assert "**0.687** (0.686)" in row


def test_rows_are_sorted_down_the_ladder(tmp_path):
    for protocol in reversed(ledger.LADDER):
        keep(tmp_path, protocol=protocol)
    assert tuple(row.key[2] for row in ledger.rows(tmp_path)) == ledger.LADDER


def test_the_ladder_has_a_step_for_each_protocol():
    assert sorted(ledger.LADDER) == sorted(splits.PROTOCOLS)


def test_the_published_figure_stands_beside_what_the_protocol_that_repeats_it_gives(tmp_path):
    keep(tmp_path, accuracy=0.5, beaten={"loudness": 0.3})
    keep(tmp_path, protocol="speaker")
    run = keep(tmp_path, recipe="mel-cnn-aesdd-resized", accuracy=0.5)
    told = files.read_json(run / "metrics.json")
    told["published"] = [vars(recipes.get("mel-cnn-aesdd-resized").published[0])]
    files.write_json(run / "metrics.json", told)
    table = ledger.published(ledger.rows(tmp_path))
    first, second = (dict(zip(table.header, row, strict=True)) for row in table.rows)
    assert first == {
        "system": "attention-tess",
        "corpus": "tess",
        "protocol": "paper",
        "published": "accuracy 0.9000 (n = 560)",
        "chosen on": "",
        "measured": "accuracy 0.5000 [0.400, 0.800]",
        "best baseline": "loudness 0.1429",
        "runs": "1",
        "verdict": "below",
    }
    assert second["published"].endswith("(n = 121, aesdd)")
    assert second["chosen on"] == "test"
    assert second["verdict"] == "not comparable"


def test_the_ladder_shows_each_step_beside_its_best_baseline_and_marks_who_wins(tmp_path):
    keep(tmp_path, uar=0.9, beaten={"duration": 0.5})
    keep(tmp_path, protocol="text", uar=0.4, beaten={"duration": 0.5})
    keep(tmp_path, recipe="mean-mfcc-lstm", protocol="speaker", uar=0.3, beaten={})
    table = ledger.ladder(ledger.rows(tmp_path))
    assert table.header == ("system", "corpus", "paper", "text", "speaker", "chance")
    assert table.rows == [
        ["attention-tess", "tess", "**0.900** (0.500)", "0.400 (0.500)", "", "0.143"],
        ["mean-mfcc-lstm", "tess", "", "", "0.300", "0.143"],
    ]


def test_the_ladder_tells_where_folds_are_missing_but_of_a_random_split_one_is_enough(tmp_path):
    beaten = {"duration": 0.5}
    keep(tmp_path, protocol="random", folds=5, uar=0.4, beaten=beaten)
    keep(tmp_path, protocol="speaker", folds=2, uar=0.4, beaten=beaten)
    assert ledger.ladder(ledger.rows(tmp_path)).rows == [
        ["attention-tess", "tess", "0.400 (0.500)", "0.400 (0.500), 1 of 2", "0.143"]
    ]
    keep(tmp_path, protocol="speaker", fold=1, folds=2, uar=0.6, beaten=beaten)
    assert [row.is_whole for row in ledger.rows(tmp_path)] == [False, True]


def test_the_complete_table_counts_runs_and_folds(tmp_path):
    for fold, seed in ((0, 0), (0, 1), (1, 0)):
        keep(tmp_path, protocol="speaker", fold=fold, folds=5, seed=seed)
    (row,) = ledger.complete(ledger.rows(tmp_path)).rows
    assert row[:6] == ["attention-tess", "tess", "speaker", "3", "2 of 5", ""]
    assert row[-1] == "0.005"


def test_the_complete_table_counts_the_runs_that_give_every_clip_one_answer(tmp_path):
    for fold in (0, 1):
        run = keep(tmp_path, protocol="speaker", fold=fold)
    told = files.read_json(run / "metrics.json")
    told["test"]["confusion"] = [[sum(row), *[0] * 6] for row in told["test"]["confusion"]]
    files.write_json(run / "metrics.json", told)
    (row,) = ledger.complete(ledger.rows(tmp_path)).rows
    assert row[5] == "1"


def test_the_commands_name_each_run_once_and_folds_of_equal_seeds_together(tmp_path):
    for fold, seed in ((0, 0), (0, 1), (1, 0), (1, 1), (2, 0)):
        keep(tmp_path, protocol="speaker", fold=fold, seed=seed)
    start = (
        "python -m ser_keras.ledger run --recipe attention-tess --corpus tess --protocol speaker"
    )
    assert ledger.commands(ledger.rows(tmp_path)) == [
        f"{start} --fold 0,1 --seed 0,1",
        f"{start} --fold 2 --seed 0",
    ]


def test_a_system_and_its_correction_are_compared_clip_by_clip_where_their_splits_are_equal(
    tmp_path,
):
    for fold in (0, 1):
        keep(tmp_path, protocol="speaker", fold=fold)
        corrected = keep(tmp_path, recipe="attention-tess-corrected", protocol="speaker", fold=fold)
        table = files.read_csv(corrected / "predictions.csv")
        wrong = table.index[table["role"] == "test"][: 3 + 2 * fold]
        table.loc[wrong, "predicted"] = "nothing"
        files.write_csv(corrected / "predictions.csv", table)
    keep(tmp_path, protocol="speaker", seed=1)
    other = keep(tmp_path, recipe="attention-tess-corrected", protocol="speaker", seed=1)
    told = files.read_json(other / "metrics.json")
    told["split"]["hash"] = "0" * 16
    files.write_json(other / "metrics.json", told)
    assert ledger.corrections(ledger.rows(tmp_path)).rows == [
        ["attention-tess", "tess", "speaker", "1120", "8", "0", "0.0078"]
    ]


@pytest.fixture
def documents(tmp_path, monkeypatch):
    """Both documents, in a folder of their own."""
    for name in ("README", "RESULTS_README"):
        monkeypatch.setattr(ledger, name, tmp_path / f"{name}.md")
        (tmp_path / f"{name}.md").write_text(f"above\n{ledger.BEGIN}\nold\n{ledger.END}\nbelow\n")
    return tmp_path / "README.md", tmp_path / "RESULTS_README.md"


def test_writing_twice_changes_nothing_and_leaves_the_rest_alone(tmp_path, documents):
    keep(tmp_path / "runs")
    ledger.write(tmp_path / "runs")
    first = [path.read_text() for path in documents]
    ledger.write(tmp_path / "runs")
    assert [path.read_text() for path in documents] == first
    for text in first:
        assert text.startswith(f"above\n{ledger.BEGIN}\n| system |")
        assert text.endswith(f"\n{ledger.END}\nbelow\n")
        assert "\nold\n" not in text


def test_systems_without_a_run_are_named_as_such(tmp_path, documents):
    keep(tmp_path / "runs")
    ledger.write(tmp_path / "runs")
    (line,) = (t for t in documents[0].read_text().splitlines() if t.startswith("Not measured yet"))
    names = line.removeprefix("Not measured yet: ").removesuffix(".").split(", ")
    assert names == [name for name in recipes.names() if name != "attention-tess"]


def test_a_document_without_a_place_is_left_alone(tmp_path, documents):
    keep(tmp_path / "runs")
    documents[0].write_text("text")
    with pytest.raises(SerKerasError, match="has no place for the figures"):
        ledger.write(tmp_path / "runs")
    assert documents[0].read_text() == "text"


@pytest.mark.parametrize(
    "path", [ledger.README, ledger.RESULTS_README], ids=lambda p: p.parent.name
)
def test_the_tables_in_the_documents_are_those_of_the_runs(path):
    text = path.read_text(encoding="utf-8")
    tables = ledger.documents()[path]
    assert ledger.filled(text, tables, path) == text, "run: python -m ser_keras.ledger write"


def trained_on(run, *machines):
    """Let a run say where it was trained, each as (device, backend)."""
    first, *others = ({"device": device, "backend": backend} for device, backend in machines)
    files.write_json(
        run / "environment.json", first | ({"gone_on_with_in": others} if others else {})
    )


def mislabel(run, clips):
    """Let a run name another emotion than before for its first test clips."""
    table = files.read_csv(run / "predictions.csv", dtype="string")
    test = table.index[table["role"] == "test"][:clips]
    table.loc[test, "predicted"] = "nothing"
    files.write_csv(run / "predictions.csv", table)


def test_a_run_that_was_made_again_elsewhere_is_held_against_the_first_clip_by_clip(tmp_path):
    first = keep(tmp_path / "ledger", uar=0.75)
    again = keep(tmp_path / "again", uar=0.5)
    trained_on(first, ("x86_64", "tensorflow"))
    trained_on(again, ("GPU", "jax"), ("x86_64", "tensorflow"))
    mislabel(again, 7)
    keep(tmp_path / "ledger", seed=1)  # has no twin
    (row,) = ledger.repeated(tmp_path / "ledger", tmp_path / "again").rows
    assert row[:5] == ["attention-tess", "tess", "paper", "0", "0"]
    assert row[5:8] == ["x86_64 (tensorflow)", "63 of 73", "0.7500"]
    assert row[8:11] == ["GPU (jax), then x86_64 (tensorflow)", "63 of 73", "0.5000"]
    assert row[11:] == ["98.8", "560", "7", "0", "0.016"]
    text = ledger.documents(tmp_path / "ledger")[ledger.RESULTS_README]
    assert "| GPU (jax), then x86_64 (tensorflow) | 63 of 73 | 0.5000 | 98.8 |" in text


def test_runs_are_compared_whatever_folders_and_suffixes_their_clips_have(tmp_path):
    first, again = (keep(tmp_path / name) for name in ("ledger", "again"))
    for run in (first, again):
        trained_on(run, ("x86_64", "tensorflow"))
    mislabel(again, 7)
    table = files.read_csv(again / "predictions.csv", dtype="string")
    table["path"] = "TESS/" + table["path"].str.lower().str.replace(".flac", ".wav")
    files.write_csv(again / "predictions.csv", table)
    (row,) = ledger.repeated(tmp_path / "ledger", tmp_path / "again").rows
    assert row[11:] == ["98.8", "560", "7", "0", "0.016"]


def test_runs_of_other_splits_are_not_compared(tmp_path):
    keep(tmp_path / "ledger")
    again = keep(tmp_path / "again")
    told = files.read_json(again / "metrics.json")
    told["split"]["hash"] = "0" * 16
    files.write_json(again / "metrics.json", told)
    with pytest.raises(SerKerasError, match="has no run in common with"):
        ledger.compare(tmp_path / "ledger", tmp_path / "again")


def test_the_pictures_are_drawn_from_the_kept_runs(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(ledger.report, "ladder", lambda rungs, *_: told.extend(rungs))
    keep(tmp_path, seed=0, uar=0.5, beaten={"duration": 0.4, "loudness": 0.2})
    keep(tmp_path, seed=1, uar=0.75, beaten={"duration": 0.2, "loudness": 0.3})
    assert ledger.draw(tmp_path, tmp_path / "out") == [tmp_path / "out" / "ladder.png"]
    (rung,) = told
    assert (rung.recipe, rung.corpus, rung.protocol) == ("attention-tess", "tess", "paper")
    assert (rung.value, rung.low, rung.high, rung.n) == (0.625, 0.5, 0.75, 560)
    assert (rung.baseline, rung.published) == (pytest.approx(0.3), 0.9)
    assert rung.chance == pytest.approx(1 / 7)


def test_a_system_whose_speakers_were_kept_apart_has_a_picture_of_them(tmp_path):
    keep(tmp_path, uar=0.9)
    keep(tmp_path, protocol="speaker", uar=0.4)
    drawn = ledger.draw(tmp_path, tmp_path / "out")
    assert [path.name for path in drawn] == ["ladder.png", "speaker-text-attention-tess-tess.png"]
    assert all(path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" for path in drawn)


def test_there_is_nothing_to_draw_without_runs(tmp_path):
    with pytest.raises(SerKerasError, match="holds no finished run"):
        ledger.draw(tmp_path, tmp_path / "out")
