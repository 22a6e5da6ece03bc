import shlex

import pytest

from ser_keras import bundle, runs
from ser_keras.cli import ledger, train
from tests.ledger.made import made


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """The folds that were asked for, where each is a finished run at once."""
    calls = []

    def run(recipe, index, protocol, *, fold, seed, out, options):
        calls.append((fold, options.resume))
        return made(out.parents[2], protocol=protocol, fold=fold, seed=seed, folds=2)

    monkeypatch.setattr(runs, "run", run)
    monkeypatch.setattr(bundle, "LATEST", tmp_path / "latest")
    monkeypatch.setattr(bundle.files, "ROOT", tmp_path)
    return calls


@pytest.fixture
def argv(tiny_tess, cache, tmp_path):
    """What asks for all folds of the tiny corpus."""
    places = ["--data", tiny_tess, "--cache", cache, "--out", tmp_path / "runs"]
    return [*map(str, places), "--corpus", "tess", "--protocol", "speaker", "--fold", "all"]


def test_all_folds_are_shown_together_and_the_next_command_works(trained, argv, tmp_path, capsys):
    train.main([*argv, "--resume"])
    out, err = capsys.readouterr()
    assert trained == [(0, True), (1, True)]
    for words in ("fold 0", "fold 1", "mean ± standard deviation", "all folds together"):
        assert words in out
    assert "Confusion matrix of all folds together:" in out
    folder = tmp_path / "runs" / "attention-tess" / "tess" / "speaker" / "folds-seed0"
    written = {path.name for path in folder.iterdir()}
    assert written == {"folds.csv", "pooled.json", "confusion_matrix.png"}
    last = (tmp_path / "latest").read_text().strip()
    assert last == "runs/attention-tess/tess/speaker-1-seed0"
    command = shlex.split(err.splitlines()[-1].removeprefix("Next: "))
    assert command[:3] == ["python", "-m", "ser_keras.ledger"]
    ledger.main(command[3:])
    assert "2 of 2" in capsys.readouterr().out


def test_with_keep_latest_the_default_model_stays(trained, argv, tmp_path, capsys):
    train.main([*argv, "--keep-latest"])
    assert not (tmp_path / "latest").exists()
    assert "default" not in capsys.readouterr().err


def test_after_ctrl_c_the_same_command_with_resume_is_named(trained, argv, monkeypatch, capsys):
    def run(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "run", run)
    with pytest.raises(SystemExit) as stop:
        train.main(argv)
    assert stop.value.code == 130
    assert "The same command with --resume continues" in capsys.readouterr().err


def test_a_test_folder_takes_the_clips_of_one_fold_only(trained, argv, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        train.main([*argv, "--test-folder", str(tmp_path / "Test")])
    assert stop.value.code == 1
    assert not trained
    assert "Name one fold, such as --fold 0" in capsys.readouterr().err


@pytest.mark.parametrize("fold", ["-1", "first", ""])
def test_what_is_no_fold_is_refused(fold, capsys):
    with pytest.raises(SystemExit) as stop:
        train.main([f"--fold={fold}"])
    assert stop.value.code == 2
    assert "is no fold: give a number from 0 on, or all" in capsys.readouterr().err
