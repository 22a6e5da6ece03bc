import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from ser_keras import files, runs
from ser_keras.cli import train
from ser_keras.errors import SerKerasError
from tests.conftest import SMALL

SETTINGS = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]


@pytest.fixture
def results(tmp_path, monkeypatch):
    """The results folder, moved out of the checkout."""
    from ser_keras import bundle

    monkeypatch.setattr(bundle, "LATEST", tmp_path / "results" / "latest")
    monkeypatch.setattr("ser_keras.runs.experiment.RUNS", tmp_path / "results" / "runs")
    return tmp_path / "results"


def fails(argv, capsys):
    """Return the one line on stderr that begins with error:, of a command that exits with 1."""
    with pytest.raises(SystemExit) as stop:
        train.main(argv)
    assert stop.value.code == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(lines) == 1
    return lines[0]


def test_the_main_job_trains_scores_and_tells_what_comes_next(tiny_tess, cache, results, capsys):
    argv = ["--data", str(tiny_tess.parent), "--cache", str(cache), *SETTINGS]
    train.main([*argv, "--test-folder", str(results / "Test")])
    out, err = capsys.readouterr()
    (folder,) = (path.parent for path in results.rglob("metrics.json"))
    told = json.loads((folder / "metrics.json").read_text())
    assert "not comparable with the published 0.9000: 4 of 300 epochs; changed settings: " in out
    assert f"accuracy {told['test']['accuracy']['value']:.4f}" in out
    assert f"Next: python Use_Our_Model.py {results / 'Test'}" in err
    assert "best so far" in err
    assert " at most)" in err  # how long the other epochs take
    assert "val_macro_f1" in err
    laid_out = sorted(path.name for path in (results / "Test").rglob("*.wav"))
    split = pd.read_csv(folder / "split.csv")
    test_clips = split[split["role"] == "test"]
    assert laid_out == sorted(path.rpartition("/")[2] for path in test_clips["path"])
    assert told["command"].startswith("python ")


def test_without_tess_the_demo_corpus_is_trained_and_called_synthetic(
    results, capsys, monkeypatch, tmp_path
):
    data = tmp_path / "data"
    data.mkdir()
    os.symlink(files.DATA / "demo", data / "demo")
    monkeypatch.setattr(files, "DATA", data)
    options = ["--cache", str(tmp_path / "cache"), "--test-folder", str(tmp_path / "Test")]
    train.main([*options, *SETTINGS, "--epochs", "1"])
    out, err = capsys.readouterr()
    (line,) = (line for line in err.splitlines() if "was not found" in line)
    assert "doi" in line.lower()
    assert "Training on the synthetic demo corpus instead" in err
    (folder,) = (path.parent for path in results.rglob("metrics.json"))
    told = json.loads((folder / "metrics.json").read_text())
    assert told["synthetic"] is True
    assert "synthetic" in json.loads((folder / "bundle.json").read_text())["name"]
    assert "synthetic speech" in out
    assert "not comparable" in out
    words = f"{tmp_path / 'Test'} --model {folder}"  # recordings get a model of real speech else
    assert f"Next: python Use_Our_Model.py {words}" in err


def shown(run, cache, data, capsys):
    """Return what is printed of a finished run, without training it again."""
    argv = [*run.key.arguments, "--data", str(data), "--cache", str(cache)]
    train.main([*argv, "--out", str(run.folder), "--keep-latest"])
    return capsys.readouterr().out


@pytest.mark.parametrize(("uar", "first"), [(1.1, "attention-tess (network)"), (-0.1, "other")])
def test_the_network_is_shown_among_the_baselines_best_first(
    tiny_run, tiny_tess, cache, capsys, uar, first, tmp_path
):
    shutil.copytree(tiny_run.folder, tmp_path / "run")
    estimate = dataclasses.replace(tiny_run.test.uar, value=uar)
    test = dataclasses.replace(tiny_run.test, uar=estimate)
    run = dataclasses.replace(tiny_run, test=test, folder=tmp_path / "run")
    run.write()
    rows = shown(run, cache, tiny_tess, capsys).splitlines()
    best = max(run.baselines, key=lambda name: run.baselines[name].scores.uar.value)
    header = next(i for i, row in enumerate(rows) if row.startswith("test clips "))
    assert rows[header + 1].startswith(best if first == "other" else first)
    assert any(row.startswith(f"The network does not beat {best} ") for row in rows) is (
        first == "other"
    )
    paired = run.baselines[best].paired
    assert rows[header + 2 + len(run.baselines)] == (
        f"Only the network is right on {paired.first_only} of {paired.n} clips, only {best} on "
        f"{paired.second_only} (exact McNemar test: p = {paired.p:.2g})."
    )


def test_a_network_that_only_equals_a_baseline_does_not_beat_it(
    tiny_run, tiny_tess, cache, capsys, tmp_path
):
    shutil.copytree(tiny_run.folder, tmp_path / "run")
    duration = tiny_run.baselines["duration"]
    run = dataclasses.replace(
        tiny_run,
        test=duration.scores,
        baselines={"duration": duration},
        folder=tmp_path / "run",
    )
    run.write()
    assert "does not beat duration" in shown(run, cache, tiny_tess, capsys)


def test_adapted_scores_have_a_line_each(tiny_run, tiny_tess, cache, capsys, tmp_path):
    assert "adapted to" not in shown(tiny_run, cache, tiny_tess, capsys)
    shutil.copytree(tiny_run.folder, tmp_path / "run")
    adapted = {"3 recordings": runs.Headline.of(tiny_run.test)}
    run = dataclasses.replace(tiny_run, adapted=adapted, folder=tmp_path / "run")
    run.write()
    line = f"adapted to the speaker by 3 other recordings: UAR {run.test.uar}"
    assert line in shown(run, cache, tiny_tess, capsys).splitlines()


def test_a_corpus_that_was_asked_for_is_never_replaced(capsys, tmp_path):
    line = fails(["--corpus", "tess", "--data", str(tmp_path)], capsys)
    assert str(tmp_path) in line
    assert "Toronto" in line


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--recipe", "attention-tes"], "no such recipe. Did you mean attention-tess"),
        (["--corpus", "tes"], "Did you mean tess"),
        (["--protocol", "papper"], "paper"),
        (["--set", "training.epoch=3"], "no such setting. Did you mean training.epochs"),
        (["--set", "training.epochs=three"], "Give a whole number"),
        (["--set", "training.epochs"], "has no value"),
        (["--epochs", "0"], "training.epochs: is not above 0"),
        (["--data", "no/such/folder"], "no/such/folder: no such folder"),
    ],
)
def test_a_misspelt_option_is_answered_with_the_nearest(argv, words, capsys, tiny_tess, cache):
    data = [] if "--data" in argv else ["--data", str(tiny_tess), "--cache", str(cache)]
    assert words in fails([*data, *argv], capsys)


def test_a_folder_with_one_class_is_refused_by_name(tiny_tess, tmp_path, capsys, cache):
    shutil.copytree(tiny_tess / "OAF_sad", tmp_path / "mine" / "sad")
    argv = ["--corpus", "folder", "--data", str(tmp_path / "mine"), "--cache", str(cache)]
    line = fails(argv, capsys)
    assert str(tmp_path / "mine") in line


def test_an_empty_folder_is_refused_by_name(tmp_path, capsys, cache):
    argv = ["--corpus", "folder", "--data", str(tmp_path), "--cache", str(cache)]
    assert str(tmp_path) in fails(argv, capsys)


def test_a_full_disk_is_one_sentence(tiny_tess, cache, tmp_path, capsys, monkeypatch):
    import errno

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    argv = ["--data", str(tiny_tess), "--cache", str(cache), "--out", str(tmp_path / "run")]
    assert "the disk is full. Free some space" in fails([*argv, *SETTINGS], capsys)


def test_list_names_every_recipe_corpus_and_protocol(capsys):
    train.main(["--list"])
    out = capsys.readouterr().out
    for name in ("attention-tess", "attention-tess-corrected", "demo", "tess", "speaker-text"):
        assert name in out


def test_list_of_a_recipe_names_every_setting(capsys):
    train.main(["--list", "attention-tess"])
    out = capsys.readouterr().out
    for key in ("features.n_mfcc", "batch.frames", "training.patience", "model.dropout"):
        assert key in out


def test_explain_says_what_the_published_network_attends_to(capsys):
    train.main(["--explain"])
    assert "3 groups of cepstral coefficients, not over time" in capsys.readouterr().out


def test_help_reads_like_a_manual_page(capsys):
    with pytest.raises(SystemExit) as stop:
        train.main(["--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    for option in (
        "--recipe --corpus --data --protocol --seed --epochs --out --set --resume --list"
    ).split():
        assert option in out
    assert "examples:" in out


@pytest.mark.slow  # a killed ledger run, which the default suite has, takes the same way
def test_a_killed_process_loses_only_its_epoch(tiny_tess, cache, tmp_path):
    argv = [sys.executable, str(files.ROOT / "Emotion_Recognition.py"), *SETTINGS, "--epochs", "20"]
    argv += ["--data", str(tiny_tess), "--cache", str(cache), "--out", str(tmp_path / "run")]
    process = subprocess.Popen(
        argv,
        stderr=subprocess.PIPE,
        text=True,
        env=_quiet(),
        # a shell's background jobs, and so their children, ignore Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    for line in process.stderr:
        if line.lstrip().startswith("epoch   3"):
            break
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    assert process.wait() == 130
    assert "--resume" in rest
    process = subprocess.Popen([*argv, "--resume"], stderr=subprocess.PIPE, text=True, env=_quiet())
    for line in process.stderr:
        if "Resuming after epoch" in line:
            break
    time.sleep(0.2)
    process.kill()
    process.communicate()
    assert (tmp_path / "run" / "checkpoint" / "last.npz").exists()
    done = subprocess.run(
        [*argv, "--resume"],
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    noise = ("oneDNN", "cuda", "WARNING", "0000 00:00")  # native code is silent while it starts
    assert not any(word in done.stderr for word in noise)
    assert len(pd.read_csv(tmp_path / "run" / "history.csv")) > 3


@pytest.mark.parametrize(("words", "asked"), [([], True), (["--fast"], False)])
def test_sums_keep_their_order_on_a_gpu_unless_it_has_to_be_fast(words, asked, monkeypatch):
    monkeypatch.setattr(os, "environ", {**os.environ, "XLA_FLAGS": "--xla_of_mine=1"})
    for _ in range(2):
        train.main(["--list", *words])
    flags = ["--xla_of_mine=1", "--xla_gpu_deterministic_ops=true"]
    assert os.environ["XLA_FLAGS"].split() == flags[: 1 + asked]


def _quiet() -> dict:
    return {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}


@pytest.mark.parametrize("option", ["--cache", "--out"])
def test_a_folder_that_cannot_be_written_is_named_with_its_option(
    option, tiny_tess, cache, tmp_path, capsys, monkeypatch
):
    import errno

    folder = tmp_path / "read-only"
    make = os.open

    def refuse(path, *arguments, **options):
        if str(path).startswith((str(folder), str(folder.with_name(f".{folder.name}")))):
            raise OSError(errno.EROFS, "Read-only file system")
        return make(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse)
    folders = {"--cache": cache, "--out": tmp_path / "run", option: folder}
    argv = ["--corpus", "tess", "--data", str(tiny_tess), *SETTINGS]
    argv += [str(word) for pair in folders.items() for word in pair]
    line = fails(argv, capsys)
    assert line.endswith(
        f": cannot be written. Choose a folder that you may write to, with {option}."
    )


def test_scores_are_shown_where_the_latest_model_cannot_be_noted(
    tiny_run, tiny_tess, cache, capsys, monkeypatch
):
    def refuse(folder):
        raise SerKerasError("results/latest", "cannot be written", "Choose another folder")

    monkeypatch.setattr(train, "remember_latest", refuse)
    argv = ["--corpus", "tess", "--data", str(tiny_tess), "--cache", str(cache), *SETTINGS]
    train.main([*argv, "--out", str(tiny_run.folder)])
    out, err = capsys.readouterr()
    assert "accuracy" in out
    assert "This model is not the default one: results/latest: cannot be written." in err
    assert f"--model {files.short(tiny_run.folder)}" in err
