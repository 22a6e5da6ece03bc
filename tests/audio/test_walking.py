"""Folders are searched for sound files; what is left out is reported."""

from __future__ import annotations

import os
import sys

import pytest

from ser_keras import audio, corpora
from tests.audio.sounds import refusal


def lay(root, *names):
    """Create empty files; `walk` looks at names alone."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_a_folder_is_searched_for_sound_files_and_hidden_ones_are_left_out(tmp_path):
    lay(tmp_path, "b.WAV", "a/c.flac", "a-b/d.m4a", "a/notes.txt", "wav")
    lay(tmp_path, "._b.wav", "a/.e.wav", ".git/f.wav", "a/.cache/deep/g.wav")
    lay(tmp_path, "$RECYCLE.BIN/h.wav", "a/@eaDir/i.wav/x.mp3", "lost+found/j.wav")
    assert audio.walk(tmp_path) == (["a-b/d.m4a", "a/c.flac", "b.WAV"], [])
    assert audio.walk(tmp_path / ".git") == (["f.wav"], [])  # named by the user
    assert audio.walk(os.path.relpath(tmp_path)) == audio.walk(tmp_path)


def test_links_are_followed_and_each_folder_is_searched_once(tmp_path):
    lay(tmp_path, "store/a.wav", "other/b.wav", "own/c.wav", "own/below/d.wav")
    own = tmp_path / "own"
    for target, link in (
        ("../store", "linked"),  # out of the folder: followed,
        ("../store", "linked-again"),  # once
        ("below", "inside"),  # reached by its own path
        (".", "loop"),
        ("../other/b.wav", "file.wav"),
        ("../gone", "gone"),
        ("../gone.wav", "gone.wav"),  # whoever opens it says that it does not exist
    ):
        os.symlink(target, own / link)
    os.symlink("../own", tmp_path / "store" / "back")
    os.symlink("../other", tmp_path / "store" / ".hidden")
    paths, skipped = audio.walk(own)
    assert paths == ["below/d.wav", "c.wav", "file.wav", "gone.wav", "linked/a.wav"]
    assert [str(file) for file in skipped] == ["gone: is a link that leads nowhere."]


@pytest.mark.skipif(not hasattr(os, "getuid") or not os.getuid(), reason="root opens everything")
def test_a_folder_that_cannot_be_opened_is_reported(tmp_path):
    lay(tmp_path, "a.wav", "closed/b.wav")
    (tmp_path / "closed").chmod(0)
    paths, skipped = audio.walk(tmp_path)
    (tmp_path / "closed").chmod(0o700)
    assert (paths, [str(file) for file in skipped]) == (["a.wav"], ["closed: cannot be opened."])


def test_a_folder_that_does_not_exist_is_reported(tmp_path):
    paths, skipped = audio.walk(tmp_path / "none")
    assert (paths, [str(file) for file in skipped]) == ([], [".: cannot be opened."])


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_not_unicode_is_reported(tmp_path):
    lay(tmp_path, "a.wav")
    open(os.fsencode(tmp_path) + b"/b\xe4r.wav", "wb").close()
    paths, skipped = audio.walk(tmp_path)
    assert paths == ["a.wav"]
    assert [str(file) for file in skipped] == ["'b\\udce4r.wav': its name is not Unicode."]


def test_folders_that_lie_too_deep_are_reported(tmp_path):
    lay(tmp_path, "1/2/3/4/5/6/7/8/a.wav", "1/2/3/4/5/6/7/8/9/b.wav")
    paths, skipped = audio.walk(tmp_path)
    assert paths == ["1/2/3/4/5/6/7/8/a.wav"]
    assert [str(file) for file in skipped] == [
        "1/2/3/4/5/6/7/8/9: lies below 8 levels of folders and is not searched."
    ]


def test_a_search_of_too_many_folders_is_refused(tmp_path):
    lay(tmp_path, *(f"{number}/a.wav" for number in range(3)))
    assert len(audio.walk(tmp_path, max_folders=4)[0]) == 3
    assert "holds more than 3 folders. Name the folder of the recordings itself." in refusal(
        audio.walk, tmp_path, max_folders=3
    )


def test_what_a_folder_leaves_out_is_counted_by_kind(tmp_path):
    lay(tmp_path, "a.wav", "b.mp4", "c.JPG", "below/d.jpg", "below/e.txt", "README", ".f.wav")
    lay(tmp_path, ".git/g.txt", ".git/h.txt")
    counts = audio.left_out(tmp_path)
    assert list(counts.items()) == [
        (".jpg", 2),
        (".txt", 1),
        ("hidden", 1),
        ("without a suffix", 1),
    ]
    assert corpora.left_out([tmp_path, tmp_path, tmp_path / "c.JPG", "*.txt"]) == counts
    assert audio.walk(tmp_path) == (["a.wav", "b.mp4"], [])
