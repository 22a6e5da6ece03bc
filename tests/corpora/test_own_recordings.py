"""A user's own recordings: folders, files and patterns name them."""

import os
import re
import unicodedata

import pytest

from ser_keras import corpora
from ser_keras.errors import SerKerasError


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


@pytest.mark.parametrize("name", ["Call [2024]", "[a]", "calls * [old] (1)"])
def test_a_folder_of_a_pattern_may_have_brackets(calls, name):
    os.rename(calls, calls.parent / name)
    calls = calls.parent / name
    (calls / "b [1].wav").touch()
    (calls.parent / "a").mkdir()  # what "[a]" would match
    assert named(f"{calls}/*.wav") == [calls / "b [1].wav", calls / "b.wav"]
    assert named(f"{calls.parent}/*/b [1].wav") == [calls / "b [1].wav"]
    assert named(f"{calls}/**/[12].*") == [calls / "a/1.flac", calls / "a/2.wav"]


def test_patterns_leave_out_what_is_hidden_and_follow_links_once(calls, tmp_path):
    for name in (".ipynb_checkpoints/x.wav", "a/.Trash-1000/files/x.wav"):
        (calls / name).parent.mkdir(parents=True)
        (calls / name).touch()
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "z.wav").touch()
    os.symlink(tmp_path / "disk", calls / "disk")
    os.symlink(calls, calls / "a" / "circle")
    everything = [calls / name for name in ("a/1.flac", "a/2.wav", "b.wav", "disk/z.wav")]
    assert named(calls) == named(f"{calls}/**") == named(f"{calls}/**/*") == everything
    assert named(f"{calls}/*/*.wav") == [calls / "a/2.wav", calls / "disk/z.wav"]
    assert named(f"{calls}/.old/*") == [calls / ".old/3.wav"]  # by its own name


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_name_is_found_however_its_accents_are_written(tmp_path, form):
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    path = tmp_path / unicodedata.normalize(form, "Zoë") / unicodedata.normalize(form, "é.wav")
    path.parent.mkdir()
    path.touch()
    for name in ("Zoë", "Zoë/é.wav", "Zoë/é.*"):
        assert named(tmp_path / unicodedata.normalize(other, name)) == [path]


def test_a_folder_that_cannot_be_opened_is_returned(calls, monkeypatch):
    listdir = os.listdir

    def refuse(folder):
        if str(folder).endswith("/a"):
            raise PermissionError
        return listdir(folder)

    monkeypatch.setattr(os, "listdir", refuse)
    (calls / "c").mkdir()
    (calls / "c" / "4.wav").touch()
    recordings, (file,) = corpora.recordings([f"{calls}/*/*.wav"])
    assert recordings == [calls / "c" / "4.wav"]
    assert (file.path, file.reason) == (str(calls / "a"), "cannot be opened")
