"""A user's own recordings: folders, files and patterns name them, and a CSV labels them."""

import os
import re
from pathlib import Path

import pytest

from ser_keras import corpora
from ser_keras.errors import SerKerasError

LABELS = ("happy", "fearful")


@pytest.fixture
def calls(tmp_path):
    """A folder with sounds, in which one file is no sound and one is hidden."""
    for name in ("b.wav", "a/1.flac", "a/2.wav", "notes.txt", "._b.wav", ".old/3.wav"):
        path = tmp_path / "calls" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "calls"


def named(*paths):
    recordings, skipped = corpora.recordings(paths)
    assert skipped == []
    return recordings


def test_folders_files_and_patterns_name_recordings_each_once(calls):
    assert named(calls) == [calls / "a/1.flac", calls / "a/2.wav", calls / "b.wav"]
    assert named(calls / "b.wav", calls)[0] == calls / "b.wav"
    assert len(named(calls / "b.wav", calls, f"{calls}/*")) == 3
    assert named(f"{calls}/*") == [calls / "b.wav"]
    assert named(f"{calls}/**/*.wav") == [calls / "a/2.wav", calls / "b.wav"]
    assert named(calls / "notes.txt") == [calls / "notes.txt"]  # its reader will refuse it


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(calls):
    (calls / "[1]*.wav").touch()
    assert named(calls / "[1]*.wav") == [calls / "[1]*.wav"]


def test_a_link_that_leads_nowhere_is_left_to_its_reader(calls):
    os.symlink(calls / "gone.wav", calls / "link.wav")
    assert named(calls / "link.wav") == [calls / "link.wav"]


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("empty", "empty: holds no sound files. Give a folder with WAV"),
        ("*.mp3", "matches no sound file. Check the pattern."),
        ("calls/*.txt", "matches no sound file. Check the pattern."),
        ("none.wav", "none.wav: no such file or folder. Check the path."),
    ],
)
def test_a_path_without_recordings_is_refused(calls, tmp_path, path, sentence):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SerKerasError) as raised:
        corpora.recordings([tmp_path / path])
    assert sentence in str(raised.value)


def test_a_folder_that_lies_too_deep_is_returned_under_its_full_path(calls):
    deep = calls.joinpath(*"123456789")
    deep.mkdir(parents=True)
    _, (file,) = corpora.recordings([calls])
    assert file.path == str(deep)


def test_a_folder_without_recordings_names_what_was_left_out(tmp_path):
    tmp_path.joinpath(*"123456789").mkdir(parents=True)
    sentence = "holds no sound files (1/2/3/4/5/6/7/8/9: lies below 8 levels of folders and is not"
    with pytest.raises(SerKerasError, match=re.escape(sentence)):
        corpora.recordings([tmp_path])


def test_a_table_labels_recordings_by_path_relative_path_or_name(calls, tmp_path):
    table = tmp_path / "truth.csv"
    table.write_text(
        f"\ufeffpath,emotion\n{calls}/b.wav,joy\ncalls/a/1.flac,fearful\n2.wav, Fear\n"
    )
    recordings = [calls / "b.wav", calls / "a/1.flac", calls / "a/2.wav"]
    assert corpora.read_labels(table, recordings, LABELS) == dict(
        zip(recordings, ("happy", "fearful", "fearful"), strict=True)
    )


def test_a_label_of_the_models_own_is_understood(tmp_path):
    (tmp_path / "truth.csv").write_text("emotion,path\nrelaxed,a.wav\nsad\n")
    with pytest.raises(SerKerasError, match="has the emotion 'sad', which the model does not know"):
        corpora.read_labels(tmp_path / "truth.csv", [Path("a.wav")], ["relaxed"])
    labels = corpora.read_labels(tmp_path / "truth.csv", [Path("a.wav")], ["relaxed", "sad"])
    assert labels == {Path("a.wav"): "relaxed"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("file,emotion\na.wav,happy\n", "has no columns path and emotion. Add a header with both."),
        ("", "has no columns path and emotion"),
        ("path,emotion\na.wav,bored\n", "has the emotion 'bored', which the model does not know. "
         "It knows happy, fearful."),
        ("path,emotion\nc.wav,happy\n", "has no row for a.wav and 1 more. Add the missing rows"),
    ],
)  # fmt: skip
def test_a_table_that_does_not_label_every_recording_is_refused(tmp_path, text, sentence):
    (tmp_path / "truth.csv").write_text(text)
    with pytest.raises(SerKerasError) as raised:
        corpora.read_labels(tmp_path / "truth.csv", [Path("a.wav"), Path("b.wav")], LABELS)
    assert sentence in str(raised.value)


def test_a_table_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SerKerasError, match="cannot be read as CSV"):
        corpora.read_labels(tmp_path / "none.csv", [], LABELS)
