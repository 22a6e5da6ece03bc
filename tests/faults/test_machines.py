"""What machines do to programs: broken streams, leftovers in the environment, full disks."""

import ast
import errno
import importlib.util
import json
import os
import subprocess
import sys

import pytest

from ser_keras import bundle, engines, files, seeding
from ser_keras.cli import use
from ser_keras.errors import SerKerasError

LIST = [sys.executable, str(files.SOURCE / "Emotion_Recognition.py"), "--list"]
full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")


def shell(words, redirection, encoding="utf-8", **environment):
    """Return the finished process of a command with a redirection of the shell."""
    return subprocess.run(
        ["sh", "-c", f'"$@" {redirection}', "sh", *words],
        capture_output=True,
        encoding=encoding,
        env={**os.environ, **environment},
        timeout=120,
    )


@pytest.mark.parametrize(
    ("redirection", "reason"),
    [
        pytest.param(">/dev/full", "cannot be written (No space left on device)", marks=full),
        (">&-", "is closed"),
    ],
)
def test_results_that_cannot_be_printed_are_one_sentence_and_a_status(redirection, reason):
    done = shell(LIST, redirection)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: standard output: {reason}, so a part of the results was not printed. "
        "Send it to another place.\n"
    )


@full
@pytest.mark.parametrize("program", ["Emotion_Recognition.py", "-m ser_keras.audit"])
def test_a_help_text_that_cannot_be_printed_is_one_sentence_and_a_status(program):
    words = [sys.executable, "-u", *program.replace("Em", f"{files.SOURCE}/Em").split(), "--help"]
    done = shell(words, ">/dev/full")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "standard output: cannot be written (No space left on device)" in done.stderr
    printed = shell(words, "")
    assert (printed.returncode, printed.stdout[:6], printed.stderr) == (0, "usage:", "")


@pytest.mark.parametrize("redirection", ["2>&-", pytest.param("2>/dev/full", marks=full)])
def test_results_are_printed_where_messages_cannot_be(redirection):
    done = shell(LIST, redirection)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("recipes\n")


@full
def test_an_error_that_nobody_can_read_is_still_a_status():
    done = shell([*LIST, "no-such-recipe"], "2>/dev/full")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_all_streams_may_be_closed():
    assert shell(LIST, "<&- >&- 2>&-").returncode == 1


def test_a_file_never_takes_the_number_of_a_closed_stream(tmp_path):
    program = (
        "import argparse, os; from ser_keras import cli;"
        "cli.parse(argparse.ArgumentParser(), []);"
        f"stream = open({str(tmp_path / 'result')!r}, 'w'); os.write(2, b'native noise');"
        "stream.write('result')"
    )
    shell([sys.executable, "-c", program], "2>&-")
    assert (tmp_path / "result").read_text() == "result"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
@pytest.mark.parametrize("form", ["csv", "jsonl", "table"])
def test_names_that_an_encoding_lacks_or_that_steer_a_terminal_are_escaped(
    encoding, form, tiny_run, tiny_tess, tmp_path
):
    name = "φ\x1b[31m\nerror: é.wav"
    clip = next(tiny_tess.rglob("*.wav"))
    files.link_or_copy(clip, tmp_path / name)
    words = [sys.executable, str(files.SOURCE / "Use_Our_Model.py"), str(tmp_path / name)]
    words += ["--model", str(tiny_run.folder), "--unlabelled", "--format", form]
    done = shell(words, "", encoding, PYTHONIOENCODING=encoding)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    rows = done.stdout.splitlines()
    assert len(rows) == (1 if form == "jsonl" else 2)
    if form == "jsonl":
        assert json.loads(rows[0])["file"] == str(tmp_path / name)
    lost = {"ascii": "ascii", "cp1252": "cp1252", "utf-8": None}[encoding]
    assert (f"encoded as {lost}" in done.stderr) == (lost is not None)


def draw(tmp_path, **environment):
    """Draw a picture in a fresh process; return the process."""
    program = (
        "import pandas as pd; from ser_keras import pictures;"
        "h = pd.DataFrame({'epoch': [1], 'loss': [1.0], 'accuracy': [0.5], 'val_loss': [1.0],"
        " 'val_accuracy': [0.5]});"
        f"pictures.training_history(h, {str(tmp_path / 'h.png')!r}, 'a $_{{ name$', best_epoch=1)"
    )
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=120,
    )


def test_a_picture_does_not_depend_on_the_settings_of_matplotlib(tmp_path):
    (tmp_path / "matplotlibrc").write_text(
        "text.usetex: True\nfigure.dpi: 20\nsavefig.bbox: tight\naxes.grid: True\n"
    )
    assert draw(tmp_path, MPLCONFIGDIR=str(tmp_path)).returncode == 0
    changed = (tmp_path / "h.png").read_bytes()
    (tmp_path / "none").mkdir()
    assert draw(tmp_path, MPLCONFIGDIR=str(tmp_path / "none")).returncode == 0
    assert changed == (tmp_path / "h.png").read_bytes()


def test_the_drawing_backend_of_a_notebook_is_named_where_it_is_in_the_way(tmp_path):
    done = draw(tmp_path, MPLBACKEND="no-such-backend")
    assert "SerKerasError: matplotlib: cannot start (" in done.stderr
    assert done.stderr.endswith("Unset MPLBACKEND.\n")


def test_a_command_draws_whatever_backend_a_notebook_has_left(tiny_run, tiny_tess, tmp_path):
    clips = [str(p) for p in sorted(tiny_tess.rglob("*_back_*.wav"))]
    words = [sys.executable, str(files.SOURCE / "Use_Our_Model.py"), *clips]
    words += ["--model", str(tiny_run.folder), "--out", str(tmp_path), "--cache", str(tmp_path)]
    done = shell(words, "", MPLBACKEND="module://no_such_notebook.backend")
    assert (done.returncode, "accuracy" in done.stdout) == (0, True)
    assert (tmp_path / "confusion_matrix_test.png").exists()


def start_backend(program="print(keras.config.floatx())", **environment):
    """Start Keras as a training does, in a fresh process; return the process."""
    program = f"from ser_keras import seeding; keras = seeding.start_backend(); {program}"
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=120,
    )


SETTINGS = {"floatx": "float32", "epsilon": 1e-7, "backend": "tensorflow"}


def test_a_left_over_setting_of_keras_changes_no_network(tmp_path):
    value = {"floatx": "float16", "epsilon": 0.5, "image_data_format": "channels_first"}
    (tmp_path / "keras.json").write_text(json.dumps(SETTINGS | value))
    done = start_backend(
        "c = keras.config; d = keras.layers.Dense(1); d.build((1, 1));"
        "print(c.floatx(), c.epsilon(), c.image_data_format(), d.kernel.dtype);"
        "from ser_keras.runs.provenance import Environment;"
        "print(Environment.here(True).overruled)",
        KERAS_HOME=str(tmp_path),
    )
    used, overruled = done.stdout.splitlines()
    assert used == "float32 1e-07 channels_last float32"
    assert ast.literal_eval(overruled) == {
        "floatx": "float16",
        "dtype_policy": "float16",
        "epsilon": "0.5",
        "image_data_format": "channels_first",
    }
    warning = "warning: Keras is set to float16; networks here use float32."
    assert done.stderr.splitlines() == ["Starting Keras.", warning]


@pytest.mark.parametrize("named_in", ["KERAS_BACKEND", "keras.json"])
@pytest.mark.parametrize("backend", ["openvino", "theano"])
def test_a_backend_that_cannot_start_is_one_sentence(tmp_path, backend, named_in):
    if backend == "openvino" and importlib.util.find_spec("openvino"):
        pytest.skip("openvino is installed")
    environment = {"KERAS_BACKEND": backend}
    if named_in == "keras.json":
        (tmp_path / "keras.json").write_text(json.dumps(SETTINGS | {"backend": backend}))
        environment = {"KERAS_HOME": str(tmp_path), "KERAS_BACKEND": ""}
    done = start_backend(**environment)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ser_keras.errors.SerKerasError: Keras: ")
    assert backend in last
    assert "Set KERAS_BACKEND=tensorflow" in last


@pytest.fixture
def small_network():
    """A network and an input of it."""
    import numpy as np

    keras = seeding.start_backend()
    features = keras.Input((4,), name="features")
    network = keras.Model({"features": features}, keras.layers.Dense(2)(features))
    return network, {"features": np.zeros((1, 4), np.float32)}


class FullDiskError(RuntimeError):
    """As TensorFlow says it, which writes files itself."""


@pytest.mark.parametrize(
    "failure",
    [OSError(errno.ENOSPC, "full"), FullDiskError("a/variables.data: No space left on device")],
)
def test_a_disk_that_fills_during_the_export_is_an_error(
    small_network, tmp_path, monkeypatch, failure
):
    def convert(*_):
        raise failure

    monkeypatch.setattr(engines, "convert", convert)
    with pytest.raises(SerKerasError, match="the disk is full") as raised:
        engines.export(small_network[0], tmp_path / "model.tflite", small_network[1])
    assert not isinstance(raised.value, engines.ExportError)
    assert not os.listdir(tmp_path)


def test_a_network_that_cannot_be_exported_is_another_error(small_network, tmp_path, monkeypatch):
    def convert(*_):
        raise RuntimeError("no such operator\nat line 1")

    monkeypatch.setattr(engines, "convert", convert)
    with pytest.raises(engines.ExportError, match=r"by TensorFlow \(no such operator\)"):
        engines.export(small_network[0], tmp_path / "model.tflite", small_network[1])


def test_an_export_needs_no_room_for_temporary_files_elsewhere(
    small_network, tmp_path, monkeypatch
):
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    engines.export(small_network[0], tmp_path / "model.tflite", small_network[1])
    assert os.listdir(tmp_path) == ["model.tflite"]


def score(tiny_run, tiny_tess, *options):
    clips = [str(p) for p in sorted(tiny_tess.rglob("*_back_*.wav"))]
    use.main([*clips, "--model", str(tiny_run.folder), *map(str, options)])


def test_scores_are_shown_where_nothing_can_be_written(tiny_run, tiny_tess, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    out, cache = tmp_path / "file" / "out", tmp_path / "file" / "cache"
    score(tiny_run, tiny_tess, "--out", out, "--cache", cache)
    out, err = capsys.readouterr()
    assert "accuracy" in out
    assert "clips.json: something else is in its place; --cache names another folder." in err
    assert "warning: No picture: " in err


def test_a_run_is_sealed_without_a_picture_that_cannot_be_drawn(
    tiny_index, cache, tmp_path, monkeypatch, capsys
):
    from ser_keras import pictures, recipes, runs
    from tests.conftest import SMALL

    def refuse(*_, **__):
        raise SerKerasError("x.png", "cannot be written", "Choose another")

    monkeypatch.setattr(pictures, "attention", refuse)
    monkeypatch.setattr(pictures, "confusion_matrix", refuse)
    recipe = recipes.get("attention-tess").override({**SMALL, "training.epochs": "1"})
    run = runs.run(recipe, tiny_index, out=tmp_path / "run", options=runs.Options(cache=cache))
    assert runs.read(tmp_path / "run") == run
    assert bundle.load_bundle(tmp_path / "run").labels == recipe.emotions
    assert capsys.readouterr().err.count("warning: A picture is missing: x.png") == 2
