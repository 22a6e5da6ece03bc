import dataclasses
import os
import shutil

import pytest

from ser_keras import bundle, recipes, runs, splits
from ser_keras.cli import ledger, train
from ser_keras.errors import Skipped
from ser_keras.ledger import LEDGER, release, sweep
from ser_keras.ledger.sweep import Sweep
from ser_keras.runs import RunKey
from tests.ledger.made import made


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What was asked of `sweep`, where nothing is trained and every name is served."""
    calls = {}
    (tmp_path / "data").mkdir()

    def plan(matrix, places):
        calls.update(matrix=matrix, places=places)
        return [RunKey(recipe="attention-tess", corpus="tess")], []

    def run(keys, places, **options):
        calls.update(options)
        return []

    monkeypatch.setattr(sweep, "plan", plan)
    monkeypatch.setattr(sweep, "run", run)
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
    assert asked["matrix"] == Sweep(
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
    ledger.main([*asked["argv"], *"--recipe all --protocol all --fold all".split()])
    assert asked["matrix"].recipes == tuple(recipes.names())
    assert asked["matrix"].protocols == tuple(splits.PROTOCOLS)
    assert asked["matrix"].folds is None
    assert asked["matrix"].corpora == ()


def test_several_trainings_at_once_share_the_cores_and_one_alone_has_them_all(asked):
    names = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")
    for name in names:
        os.environ.pop(name, None)
    ledger.main([*asked["argv"], "--recipe", "attention-tess", "--jobs", "1"])
    assert not set(names) & set(os.environ)
    ledger.main([*asked["argv"], "--recipe", "attention-tess", "--jobs", "1000"])
    assert {os.environ[name] for name in names} == {"1"}
    assert asked["jobs"] == 1000


def test_a_failure_is_reported_in_the_end_and_the_status_is_1(asked, monkeypatch, capsys):
    failure = Skipped("attention-tess on tess, paper, fold 0, seed 0", "was ended by signal 9")
    monkeypatch.setattr(sweep, "run", lambda *_, **__: [failure])
    with pytest.raises(SystemExit) as stop:
        ledger.main([*asked["argv"], "--recipe", "attention-tess"])
    assert stop.value.code == 1
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "0 of 1 runs are finished, 1 failed, 0 were left out.",
        "error: attention-tess on tess, paper, fold 0, seed 0: was ended by signal 9.",
    ]


def test_ctrl_c_is_130_and_says_how_to_resume(asked, monkeypatch, capsys):
    def run(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep, "run", run)
    with pytest.raises(SystemExit) as stop:
        ledger.main([*asked["argv"], "--recipe", "attention-tess"])
    assert stop.value.code == 130
    assert "The same command resumes" in capsys.readouterr().err


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


def test_runs_go_to_the_users_own_folder_unless_they_are_to_be_kept(asked, tmp_path):
    data = ["--data", str(tmp_path / "data")]
    ledger.main(["run", "--recipe", "attention-tess", *data])
    assert (asked["places"].out, asked["places"].ledger) == (runs.RUNS, None)
    ledger.main(["run", "--recipe", "attention-tess", *data, "--keep"])
    assert (asked["places"].out, asked["places"].ledger) == (runs.RUNS, LEDGER)


def test_baselines_are_fitted_anew_beside_finished_runs(
    tiny_tess, tiny_run, cache, tmp_path, capsys
):
    folder = tmp_path / "runs" / tiny_run.key.folder
    shutil.copytree(tiny_run.folder, folder)
    bare = dataclasses.replace(tiny_run, baselines={}, baseline_versions={}, folder=folder)
    bare.write()
    other = dataclasses.replace(
        bare,
        key=dataclasses.replace(bare.key, seed=1),
        folder=folder.with_name("paper-0-seed1"),
    )
    shutil.copytree(folder, other.folder)
    other.write()  # its split is another one
    arguments = ["--data", tiny_tess.parent, "--out", tmp_path / "runs", "--cache", cache]
    with pytest.raises(SystemExit) as stop:
        ledger.main(["baselines", *map(str, arguments)])
    assert stop.value.code == 1
    assert "was made from other clips than" in capsys.readouterr().err
    assert runs.read(folder) == tiny_run
    assert runs.read(other.folder).baselines == {}


def test_a_training_of_the_ledger_leaves_the_users_latest_model_alone(
    tiny_tess, tiny_run, cache, monkeypatch, tmp_path
):
    monkeypatch.setattr(bundle, "LATEST", tmp_path / "latest")
    argv = tiny_run.key.arguments
    argv += ["--data", str(tiny_tess), "--cache", str(cache), "--out", str(tiny_run.folder)]
    train.main([*argv, "--keep-latest"])
    assert not (tmp_path / "latest").exists()
    train.main(argv)
    assert (tmp_path / "latest").exists()


def test_own_runs_are_compared_with_the_kept_ones(tmp_path, capsys):
    run = made(tmp_path / "runs")
    ledger.main(["compare", str(tmp_path / "runs")])
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.split()[:5] == ["attention-tess", "tess", "paper", "0", "0"]
    assert line.split()[-5:] == ["100.0", str(run.test.n), "0", "0", "1"]
    made(tmp_path / "others", seed=7)
    with pytest.raises(SystemExit):
        ledger.main(["compare", str(tmp_path / "others")])
    assert "has no run in common with" in capsys.readouterr().err


def test_the_tables_of_any_folder_of_runs_are_shown(tmp_path, capsys):
    made(tmp_path / "runs", overrides=("training.batch_size=8",))
    ledger.main(["show", str(tmp_path / "runs")])
    assert "attention-tess+batch_size=8" in capsys.readouterr().out
    ledger.main(["show"])
    assert "mean-mfcc-lstm-corrected" in capsys.readouterr().out


def test_a_run_is_kept_and_unpacked(tmp_path, monkeypatch, capsys):
    run = made(tmp_path / "runs", seed=7)
    monkeypatch.setattr("ser_keras.ledger.LEDGER", tmp_path / "ledger")
    ledger.main(["keep", str(run.folder)])
    assert "Kept in" in capsys.readouterr().err
    out = tmp_path / "again"
    ledger.main(["unpack", "attention-tess/tess/paper-0-seed7", "--out", str(out)])
    assert runs.read(out) == run
    with pytest.raises(SystemExit):
        ledger.main(["unpack", "attention-tess/tess/paper-0-seed8"])
    assert "is not in results/ledger" in capsys.readouterr().err


def test_a_folder_to_compare_that_is_not_there_is_one_sentence(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        ledger.main(["compare", str(tmp_path / "none")])
    assert stop.value.code == 1
    assert "no such folder. Name a folder of runs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("general", ("general", "aesdd+ased+ravdess+savee+tess", "whole-corpus")),
        ("tess", ("attention-tess", "tess", "speaker")),
    ],
)
def test_a_shipped_model_is_refreshed_by_its_runs_on_new_speakers(name, row, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(release, "refresh", lambda *arguments: calls.append(arguments))
    ledger.main(["release", name, "--refresh", "--data", str(tmp_path), "--cache", "cache"])
    ((asked, folder, data, _),) = calls
    assert tuple(asked.key) == row
    assert (folder.name, data) == (name, tmp_path)


def test_a_model_that_does_not_ship_is_not_refreshed(capsys):
    with pytest.raises(SystemExit) as stop:
        ledger.main(["release", "nothing", "--refresh"])
    assert stop.value.code == 1
    assert "nothing: no such model. Choose one of general, tess." in capsys.readouterr().err
