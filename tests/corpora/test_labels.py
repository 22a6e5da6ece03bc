"""A table gives recordings their emotions: each row one recording, each recording one emotion."""

import os
import unicodedata
from pathlib import Path

import pytest

from ser_keras import corpora
from ser_keras.errors import SerKerasError

LABELS = ("happy", "fearful")


@pytest.fixture
def read(tmp_path):
    """Return a function that labels files below `tmp_path` with a table beside them."""

    def labelled(text, *names, encoding="utf-8", at="truth.csv", labels=LABELS):
        paths = [tmp_path / name for name in names]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        (tmp_path / at).parent.mkdir(exist_ok=True)
        (tmp_path / at).write_text(text, encoding=encoding)
        known, left_out = corpora.read_labels(tmp_path / at, paths, labels)
        return (
            {str(path.relative_to(tmp_path)): word for path, word in known.items()},
            [str(file).replace(f"{tmp_path}/", "") for file in left_out],
        )

    return labelled


def refused(read, *arguments, **options):
    with pytest.raises(SerKerasError) as raised:
        read(*arguments, **options)
    return f"{raised.value.problem}. {raised.value.remedy}."


def test_a_row_names_a_recording_by_its_path_its_relative_path_or_its_name(read, tmp_path):
    rows = f"{tmp_path}/calls/b.wav,joy\n./calls/a/1.flac,fearful\na\\3.wav,happy\n2.wav, Fear\n"
    names = ["calls/b.wav", "calls/a/1.flac", "calls/a/2.wav", "calls/a/3.wav"]
    words = ["happy", "fearful", "fearful", "happy"]
    known, left_out = read(f"path,emotion\n{rows}", *names)
    assert (known, left_out) == (dict(zip(names, words, strict=True)), [])


def test_paths_as_they_were_given_are_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("lists").mkdir()
    Path("lists/truth.csv").write_text("path,emotion\ncalls/a.wav,happy\n")
    known, _ = corpora.read_labels("lists/truth.csv", [Path("calls/a.wav")], LABELS)
    assert known == {Path("calls/a.wav"): "happy"}


def test_linked_recordings_are_found_by_either_path(read, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "calls").mkdir()
    os.symlink(tmp_path / "disk", tmp_path / "calls" / "monday")
    for name in ("calls/monday/x.wav", "disk/x.wav", f"{tmp_path}/disk/x.wav"):
        assert read(f"path,emotion\n{name},joy\n", "calls/monday/x.wav")[0] == {
            "calls/monday/x.wav": "happy"
        }


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_accents_may_be_written_in_two_ways(read, forms):
    at_disk, in_table = (unicodedata.normalize(form, "Zoë/Ärger é.wav") for form in forms)
    assert read(f"Path;Emotion\r\n{in_table};joy\r\n", at_disk) == ({at_disk: "happy"}, [])
    assert read(f"path\temotion\n{Path(in_table).name}\tjoy\n", at_disk, encoding="utf-16") == (
        {at_disk: "happy"},
        [],
    )


def test_a_name_that_fits_two_recordings_is_refused(read):
    sentence = refused(read, "path,emotion\nx.wav,joy\n", "calls/S1/x.wav", "calls/S2/x.wav")
    assert sentence.startswith("line 2 fits several recordings: ")
    assert sentence.endswith("S2/x.wav. Write the folders of these recordings too.")
    rows = "path,emotion\nx.wav,joy\nS1/x.wav,fear\n"  # the first row may mean either
    assert "line 2 fits several" in refused(read, rows, "calls/S1/x.wav", "calls/S2/x.wav")


def test_a_name_beside_the_table_is_that_file_and_no_other(read, tmp_path):
    rows = "path,emotion\nx.wav,joy\nS1/x.wav,fear\n"
    known, left_out = read(rows, "x.wav", "S1/x.wav", "S2/x.wav")
    assert known == {"x.wav": "happy", "S1/x.wav": "fearful"}
    assert left_out == ["S2/x.wav: has no row in truth.csv."]
    assert read(rows, "S1/x.wav", "S2/x.wav")[0] == {"S1/x.wav": "fearful"}


@pytest.mark.parametrize("second", ["a.wav", "./a.wav", "sub/../a.wav"])
def test_rows_that_contradict_each_other_are_refused(read, second):
    text = f"path,emotion\na.wav,joy\nb.wav,fear\n{second},fear\n"
    sentence = refused(read, text, "a.wav", "b.wav")
    assert "a.wav several emotions: happy in line 2, fearful in line 4. Leave one row" in sentence


def test_rows_that_agree_are_one(read):
    assert read("path,emotion\na.wav,joy\na.wav,happy\n", "a.wav") == ({"a.wav": "happy"}, [])


def test_a_name_and_a_path_that_contradict_each_other_are_refused(read):
    rows = "path,emotion\nx.wav,joy\nS1/x.wav,fear\n"
    assert "several emotions: " in refused(read, rows, "calls/S1/x.wav")


def test_what_has_no_row_and_rows_without_a_cell_are_returned(read):
    text = "emotion,path\njoy,a.wav\nfear\n,b.wav\n\n,\n"
    assert read(text, "a.wav", "b.wav", "c.wav") == (
        {"a.wav": "happy"},
        [
            "truth.csv, line 3: has no path.",
            "truth.csv, line 4: has no emotion.",
            "b.wav: has no row in truth.csv.",
            "c.wav: has no row in truth.csv.",
        ],
    )


def test_a_label_of_the_models_own_is_understood(read):
    text = "emotion,path\nRELAXED,a.wav\nsad,b.wav\n"
    known, _ = read(text, "a.wav", "b.wav", labels=["relaxed", "sad"])
    assert known == {"a.wav": "relaxed", "b.wav": "sad"}
    sentence = refused(read, text, "a.wav", labels=["relaxed"])
    assert sentence == (
        "has the emotion 'sad', which the model does not know, in line 3. It knows relaxed."
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("file,emotion\na.wav,happy\n", "has no columns path and emotion. Add a header with both."),
        ("", "has no columns path and emotion"),
        ("path,emotion\na.wav,bored\n", "has the emotion 'bored', which the model does not know"),
        ("path,emotion\na.wav,not_happy\n", "has the emotion 'not_happy', which the model does"),
        ("path,emotion\nc.wav,happy\n", "has no row for "),
    ],
)  # fmt: skip
def test_a_table_that_labels_nothing_is_refused(read, text, sentence):
    assert sentence in refused(read, text, "a.wav", "b.wav")


def test_a_table_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SerKerasError, match="does not exist"):
        corpora.read_labels(tmp_path / "none.csv", [], LABELS)
