import shutil

import pytest

from ser_keras import files, ledger
from ser_keras.errors import SerKerasError


@pytest.fixture
def two_runs(tiny_run, tmp_path):
    """A folder with two finished runs of one recipe, under two seeds."""
    for seed in (0, 1):
        folder = tmp_path / "attention-tess" / "tess" / f"paper-0-seed{seed}"
        shutil.copytree(tiny_run.folder, folder)
        told = files.read_json(folder / "metrics.json")
        told["split"]["seed"] = seed
        told["command"] = f"python Emotion_Recognition.py --seed {seed}"
        told["test"]["accuracy"] = {"value": 0.5 + seed / 4, "low": 0.4, "high": 0.8}
        files.write_json(folder / "metrics.json", told)
    return tmp_path


def test_runs_over_seeds_are_one_row_with_mean_and_spread(two_runs):
    (row,) = ledger.rows(two_runs)
    assert row.key == ("attention-tess", "tess", "paper")
    assert row.figure("accuracy") == "0.6250 ± 0.1768"
    assert row.cells()[7] == "2"


def test_a_single_run_shows_its_interval(two_runs):
    shutil.rmtree(two_runs / "attention-tess" / "tess" / "paper-0-seed1")
    (row,) = ledger.rows(two_runs)
    assert row.figure("accuracy") == "0.5000 [0.400, 0.800]"


def test_the_best_baseline_is_the_one_of_the_highest_mean_uar(two_runs):
    for seed, values in ((0, (0.2, 0.5)), (1, (0.8, 0.3))):
        path = two_runs / "attention-tess" / "tess" / f"paper-0-seed{seed}" / "metrics.json"
        told = files.read_json(path)
        kept = told["baselines"]["majority"]
        told["baselines"] = {
            name: {**kept, "uar": {"value": value, "low": 0.0, "high": 1.0}}
            for name, value in zip(("duration", "loudness"), values, strict=True)
        }
        files.write_json(path, told)
    (row,) = ledger.rows(two_runs)
    assert row.cells()[6] == row.best_baseline() == "duration 0.5000"


def test_a_run_from_before_there_were_baselines_has_none(two_runs):
    path = two_runs / "attention-tess" / "tess" / "paper-0-seed1" / "metrics.json"
    told = files.read_json(path)
    del told["baselines"]
    files.write_json(path, told)
    (row,) = ledger.rows(two_runs)
    assert row.best_baseline() == "-"


def test_an_unfinished_run_and_a_changed_recipe_are_no_rows(two_runs):
    (two_runs / "attention-tess" / "tess" / "paper-0-seed1" / "metrics.json").unlink()
    (two_runs / "attention-tess").rename(two_runs / "attention-tess-abc123")
    assert ledger.rows(two_runs) == []


def test_the_table_names_the_command_of_each_run(two_runs):
    table = ledger.markdown(ledger.rows(two_runs))
    for seed in (0, 1):
        assert f"python Emotion_Recognition.py --seed {seed}\n" in table


def test_a_document_without_a_place_is_left_alone(two_runs, tmp_path):
    (tmp_path / "a.md").write_text("text")
    with pytest.raises(SerKerasError, match="has no place for the figures"):
        ledger.write(two_runs, [tmp_path / "a.md"])
    assert (tmp_path / "a.md").read_text() == "text"


def test_writing_twice_changes_nothing(two_runs, tmp_path):
    (tmp_path / "a.md").write_text(f"above\n{ledger.BEGIN}\nold\n{ledger.END}\nbelow\n")
    ledger.write(two_runs, [tmp_path / "a.md"])
    first = (tmp_path / "a.md").read_text()
    ledger.write(two_runs, [tmp_path / "a.md"])
    assert (tmp_path / "a.md").read_text() == first
    assert first.startswith("above\n")
    assert first.endswith("\nbelow\n")
    assert "old" not in first


@pytest.mark.parametrize(
    "path", [ledger.README, ledger.RESULTS_README], ids=lambda p: p.parent.name
)
def test_the_tables_in_the_documents_are_those_of_the_runs(path):
    text = path.read_text(encoding="utf-8")
    table = ledger.markdown(ledger.rows())
    assert ledger.filled(text, table, path) == text, "run: python -m ser_keras.ledger write"
