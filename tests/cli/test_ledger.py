import os
import shutil

import pytest

from ser_keras import bundle, files, matrix, runs
from ser_keras.cli import ledger, train
from ser_keras.errors import Skipped
from ser_keras.matrix import Cell
from tests.conftest import SMALL


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What was asked of `matrix`, where nothing is trained and every name is served."""
    calls = {}
    (tmp_path / "data").mkdir()

    def cells(wanted, places):
        calls.update(wanted=wanted, places=places)
        return [Cell(recipe="attention-tess", corpus="tess")], []

    def run(wanted, places, **options):
        calls.update(options)
        return []

    monkeypatch.setattr(matrix, "cells", cells)
    monkeypatch.setattr(matrix, "run", run)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    calls["argv"] = ["run", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "out")]
    return calls


def test_lists_become_a_matrix(asked):
    words = (
        "--recipe attention-tess,mean-mfcc-lstm --corpus tess,ravdess+tess --protocol paper,text"
    )
    numbers = "--fold 0,1 --seed 0,1,2"
    changes = "--set training.epochs=3 --vary model.dropout 0.1 0.3 --vary model.units 8"
    ledger.main([*asked["argv"], *words.split(), *numbers.split(), *changes.split()])
    assert asked["wanted"] == matrix.Matrix(
        recipes=("attention-tess", "mean-mfcc-lstm"),
        corpora=("tess", "ravdess+tess"),
        protocols=("paper", "text"),
        folds=(0, 1),
        seeds=(0, 1, 2),
        variants=(
            ("training.epochs=3", "model.dropout=0.1", "model.units=8"),
            ("training.epochs=3", "model.dropout=0.3", "model.units=8"),
        ),
    )


def test_all_means_every_recipe_protocol_and_fold(asked):
    from ser_keras import recipes, splits

    ledger.main([*asked["argv"], *"--recipe all --protocol all --fold all".split()])
    assert asked["wanted"].recipes == tuple(recipes.names())
    assert asked["wanted"].protocols == splits.PROTOCOLS
    assert asked["wanted"].folds is None
    assert asked["wanted"].corpora == ()


def test_several_trainings_at_once_share_the_cores_and_one_alone_has_them_all(asked):
    names = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")
    for name in names:
        os.environ.pop(name, None)
    ledger.main([*asked["argv"], "--recipe", "attention-tess", "--jobs", "1"])
    assert not set(names) & set(os.environ)
    ledger.main([*asked["argv"], "--recipe", "attention-tess", "--jobs", "1000"])
    assert {os.environ[name] for name in names} == {"1"}
    assert asked["jobs"] == 1000


def test_a_failure_is_told_in_the_end_and_the_status_is_1(asked, monkeypatch, capsys):
    failure = Skipped("attention-tess on tess, paper, fold 0, seed 0", "was ended by signal 9")
    monkeypatch.setattr(matrix, "run", lambda *_, **__: [failure])
    with pytest.raises(SystemExit) as stop:
        ledger.main([*asked["argv"], "--recipe", "attention-tess"])
    assert stop.value.code == 1
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "0 of 1 runs are finished, 1 failed, 0 left out.",
        "error: attention-tess on tess, paper, fold 0, seed 0: was ended by signal 9.",
    ]


def test_ctrl_c_is_130_and_says_how_to_go_on(asked, monkeypatch, capsys):
    def run(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(matrix, "run", run)
    with pytest.raises(SystemExit) as stop:
        ledger.main([*asked["argv"], "--recipe", "attention-tess"])
    assert stop.value.code == 130
    assert "The same command goes on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--seed", "one"], "--seed one: is no list of numbers. Write it as 0,1,2"),
        (["--fold", ""], "is no list of numbers"),
        (["--set", "training.epochs"], "has no value. Write it as KEY=VALUE"),
        (["--vary", "model.dropout"], "--vary model.dropout: has no values"),
        (["--jobs", "0"], "--jobs: is below 1"),
        (["--data", "no/such/folder"], "no/such/folder: no such folder"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(asked, capsys, argv, words):
    with pytest.raises(SystemExit) as stop:
        ledger.main([*asked["argv"], "--recipe", "attention-tess", *argv])
    assert stop.value.code == 1
    assert words in capsys.readouterr().err


def test_help_names_every_option_of_run(capsys):
    with pytest.raises(SystemExit):
        ledger.main(["run", "--help"])
    out = capsys.readouterr().out
    for option in "--recipe --corpus --protocol --fold --seed --vary --jobs --dask".split():
        assert option in out


def test_baselines_are_fitted_anew_beside_finished_runs(
    tiny_tess, tiny_run, cache, tmp_path, capsys
):
    kept = [tmp_path / "ledger" / name / "tess" / "paper-0-seed0" for name in "ab"]
    for folder in kept:
        shutil.copytree(tiny_run.folder, folder)
        told = files.read_json(folder / runs.SEAL)
        del told["baselines"]["duration"]
        told["baselines_made_with"] = {"numpy": "1.0"}
        files.write_json(folder / runs.SEAL, told)
    listing = kept[0] / "split.csv"
    listing.write_text(listing.read_text().replace("train", "test", 1))
    arguments = ["--data", tiny_tess.parent, "--out", tmp_path / "ledger", "--cache", cache]
    with pytest.raises(SystemExit) as stop:
        ledger.main(["baselines", *map(str, arguments)])
    assert stop.value.code == 1
    assert f"{listing} is not the split that the run was made from" in capsys.readouterr().err
    assert "duration" not in runs.read(kept[0]).baselines()
    assert runs.read(kept[1]).metrics == tiny_run.metrics


def test_a_training_of_the_ledger_leaves_the_users_latest_model_alone(
    tiny_tess, tiny_run, cache, monkeypatch, tmp_path
):
    monkeypatch.setattr(bundle, "LATEST", tmp_path / "latest")
    changes = tuple(f"{key}={value}" for key, value in SMALL.items())
    argv = Cell(recipe="attention-tess", corpus="tess", changes=changes).arguments
    argv += ["--data", str(tiny_tess), "--cache", str(cache), "--out", str(tiny_run.folder)]
    train.main([*argv, "--keep-latest"])
    assert not (tmp_path / "latest").exists()
    train.main(argv)
    assert (tmp_path / "latest").exists()


def test_runs_of_ones_own_are_compared_with_the_kept_ones(capsys):
    kept = str(matrix.LEDGER / "mean-mfcc-lstm")
    with pytest.raises(SystemExit):
        ledger.main(["compare", kept, kept])  # no folder of runs, but one of a system's
    assert "has no run in common with" in capsys.readouterr().err
    ledger.main(["compare", str(matrix.LEDGER)])
    table = capsys.readouterr().out
    assert table.count("mean-mfcc-lstm ") == len(list(matrix.LEDGER.glob("mean-mfcc-lstm/*/*")))
    assert {line.split()[-1] for line in table.splitlines()[2:]} == {"1"}


def test_a_folder_to_compare_that_is_not_there_is_one_sentence(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        ledger.main(["compare", str(tmp_path / "none")])
    assert stop.value.code == 1
    assert "no such folder. Name a folder of runs" in capsys.readouterr().err
