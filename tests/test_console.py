import io
import os
import sys
import threading

import pytest

from ser_keras import console


def test_messages_go_to_stderr_and_results_to_stdout(capsys):
    console.say("working", "hard")
    console.warn("careful")
    console.error("broken")
    console.show("result")
    out, err = capsys.readouterr()
    assert out == "result\n"
    assert err == "working\nhard\nwarning: careful\nerror: broken\n"


def test_a_table_is_aligned_and_leaves_no_trailing_spaces():
    assert console.table(["emotion", "n", ""], [["sad", 5, ""], ["fearful", 10, ""]]).split(
        "\n"
    ) == [
        "emotion   n",
        "sad       5",
        "fearful  10",
    ]


STEERING = {
    "clear the screen": "a\x1b[2Jb",
    "a title of the window": "\x1b]0;owned\x07",
    "one byte for two": "\x9b31m",
    "back over the line": "safe\b\b\b\bevil",
    "to the start of the line": "evil\rsafe",
    "a second message": "a.wav\nerror: invented",
    "a line break of Unicode": "a\u2028b",
    "text from right to left": "gnp.\u202eexe",
    "isolated": "\u2066a\u2069",
    "a byte that is no letter": "a\udcff.wav",
    "nothing to be seen": "a\u200bb\ufeff",
    "a tag": "a\U000e0041",
}


@pytest.mark.parametrize("name", STEERING.values(), ids=STEERING)
def test_a_name_cannot_steer_a_terminal_whatever_prints_it(name, capsys):
    console.say(f"{name} is read")
    console.warn(name)
    console.error(name)
    console.show(console.table(["file"], [[name]]))
    console.show(console.comma_separated(["file"], [[name]]))
    console.show(console.markdown(["file"], [[name]]))
    console.say(console.listed([name]))
    out, err = capsys.readouterr()
    assert all(line.isprintable() for line in (out + err).split("\n"))
    assert len(err.splitlines()) == 4
    assert len(out.splitlines()) == 7


@pytest.mark.parametrize("name", ["Grüße", "φωνή", "می‌روم", "👩‍🔬", "声音 1", "a\u00a0b", "a\\b"])
def test_ordinary_names_are_printed_as_they_are(name):
    assert console.visible(name) == name


def test_the_escapes_of_a_line_of_json_are_those_of_json(capsys):
    import json

    value = {"file": "a\x1b\x9b\u202e\U000e0041.wav"}
    console.show(json.dumps(value, ensure_ascii=False))
    assert json.loads(capsys.readouterr().out) == value


def test_letters_that_an_encoding_lacks_are_escaped_and_the_rest_is_printed(monkeypatch, capsys):
    console._warn_of_encoding.cache_clear()
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="cp1252"))
    console.show("Grüße,φ\nsad,1")
    assert raw.getvalue().decode("cp1252").splitlines() == ["Grüße,\\u03c6", "sad,1"]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: Standard output is encoded as cp1252")


class Full(io.StringIO):
    """A stream on a full disk."""

    def write(self, text):
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("stream", [None, Full()], ids=["absent", "full"])
def test_messages_that_nobody_can_read_stop_nothing(stream, monkeypatch):
    monkeypatch.setattr(sys, "stderr", stream)
    console.warn("careful")
    with console.native_silence():
        pass
    with console.progress(3, "clips") as bar:
        bar.update()


def test_a_closed_stream_stops_nothing(monkeypatch):
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    console.say("working")
    with console.progress(3, "clips") as bar, console.native_silence():
        bar.update()
    monkeypatch.setattr(sys, "stdout", closed)
    console.show("result")
    assert console.unshown() == "is closed"


@pytest.mark.parametrize(
    ("stream", "reason"),
    [(None, "is closed"), (Full(), "cannot be written (No space left on device)")],
)
def test_results_that_cannot_be_printed_are_known_afterwards(stream, reason, monkeypatch):
    monkeypatch.setattr(sys, "stdout", stream)
    console.show("result")
    console.show("more")
    assert console.unshown() == reason
    assert console.unshown() is None


def test_progress_draws_nothing_in_a_file(capsys):
    with console.progress(10, "features") as bar:
        bar.update(10)
    assert capsys.readouterr().err == ""


def test_native_code_is_silent_and_python_speaks_again_afterwards(capfd):
    with console.native_silence():
        os.write(2, b"native noise\n")
    os.write(2, b"heard\n")
    assert capfd.readouterr().err == "heard\n"


def test_stderr_is_open_again_after_silences_of_several_threads(capfd):
    inside, leave = threading.Event(), threading.Event()

    def first():
        with console.native_silence():
            inside.set()
            leave.wait()

    thread = threading.Thread(target=first)
    thread.start()
    inside.wait()
    with console.native_silence():  # begins while the other one runs, and ends after it
        leave.set()
        thread.join()
        os.write(2, b"native noise\n")
    os.write(2, b"heard\n")
    assert capfd.readouterr().err == "heard\n"


def test_a_process_without_standard_error_can_be_silent(monkeypatch):
    saved = os.dup(2)
    os.close(2)
    try:
        with console.native_silence():
            pass
    finally:
        os.dup2(saved, 2)
        os.close(saved)
