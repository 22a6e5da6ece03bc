"""Which folder a corpus lies in, what a user's own is called, and what a run remembers of it."""

import os
from pathlib import Path

import pytest

from ser_keras import corpora, files
from ser_keras.errors import SerKerasError


def recordings(folder, *labels):
    """Make a folder with two empty recordings of each label."""
    for label in labels or ("sad", "happy"):
        for name in ("anna_1.wav", "ben_1.wav"):
            path = folder / label / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return folder


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A working folder with one's own recordings, away from the project's data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(files, "DATA", tmp_path / "data")
    (tmp_path / "data").mkdir()
    recordings(tmp_path / "my_recordings")
    return tmp_path


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("my_recordings", "my-recordings"),
        ("My Recordings (2024)", "my-recordings-2024"),
        ("Größe+Zoë", "groe-zoe"),
        ("录音", "own"),
        ("demo", "own-demo"),
        ("folder", "own-folder"),
        ("CREMA_D", "own-crema-d"),
        ("x" * 300, "x" * 40),
        (f"{'x' * 39} y", "x" * 39),
        ("", "own"),
    ],
)
def test_an_own_corpus_is_named_after_its_folder(folder, name):
    assert corpora.own_name(Path(folder)) == name
    assert corpora.is_own(name)


@pytest.mark.parametrize("name", [*corpora.names(), "CREMA_D", "crema-d+tess"])
def test_only_folder_among_the_known_names_is_an_own_corpus(name):
    assert corpora.is_own(name) is (name == "folder")


def test_two_folders_of_one_name_get_two_names_and_keep_them(tmp_path):
    first, second = (recordings(tmp_path / place / "mine") for place in "ab")
    assert corpora.own(first).name == "mine"
    places = {"mine": first}
    assert corpora.own(second, places).name == "mine-2"
    places["mine-2"] = second
    assert corpora.own(first, places).name == "mine"
    assert corpora.own(second, places).name == "mine-2"
    third = recordings(tmp_path / "c" / "mine")
    assert corpora.own(third, places).name == "mine-3"


def test_a_name_with_a_number_holds_where_the_other_folder_is_not_known(home):
    choice = corpora.choose(["my-recordings-2"], Path("my_recordings"), named=True)
    assert choice.folders[0][0].name == "my-recordings-2"


def test_a_folder_that_was_moved_keeps_the_name(tmp_path):
    moved = recordings(tmp_path / "b" / "mine")
    assert corpora.own(moved, {"mine": tmp_path / "a" / "mine"}).name == "mine"


@pytest.mark.parametrize(
    ("names", "data"),
    [
        (["folder"], "my_recordings"),
        (["my-recordings"], "my_recordings"),
        (["my_recordings"], None),
        (["My-Recordings"], "."),
    ],
)
def test_an_own_corpus_is_found_by_its_folder_or_its_name(home, names, data):
    choice = corpora.choose(names, data and Path(data), named=True)
    ((corpus, root),) = choice.folders
    assert corpus.name == "my-recordings"
    assert root.resolve() == home / "my_recordings"


def test_an_own_corpus_is_found_where_its_runs_had_it(home, tmp_path_factory):
    away = recordings(tmp_path_factory.mktemp("away") / "calls")
    ((corpus, root),) = corpora.choose(["calls"], None, named=True, places={"calls": away}).folders
    assert (corpus.name, root) == ("calls", away)


def test_the_folder_that_has_runs_comes_before_a_namesake_unless_it_is_named(home):
    first = recordings(home / "a" / "mine")
    recordings(home / "mine")
    for data, name, root in ((None, "mine", first), (Path("mine"), "mine-2", home / "mine")):
        ((corpus, found),) = corpora.choose(
            ["mine"], data, named=True, places={"mine": first}
        ).folders
        assert (corpus.name, found.resolve()) == (name, root)


def test_half_a_note_of_a_killed_run_is_removed_with_the_next_one(tmp_path):
    half = tmp_path / "..speaker-0-seed0.where-abc.partial.json"
    half.write_text("{")
    corpora.remember_places(tmp_path / "speaker-0-seed0", {"calls": tmp_path})
    assert corpora.recall_places(tmp_path / "speaker-0-seed0") == {"calls": tmp_path}
    assert not half.exists()


def test_recordings_without_their_folder_are_asked_for_it(home):
    with pytest.raises(SerKerasError, match=r"--corpus folder: does not say where .* with --data"):
        corpora.choose(["folder"], None, named=True)


def test_a_name_that_is_no_corpus_and_no_folder_is_refused(home):
    for names, data in ((["tes"], None), (["tes"], Path("my_recordings"))):
        with pytest.raises(SerKerasError, match=r"corpus tes: no such corpus\. Did you mean tess"):
            corpora.choose(names, data, named=True)


def test_an_own_corpus_can_be_pooled_with_a_known_one(home, tiny_tess):
    os.symlink(tiny_tess, home / "data" / "TESS")
    choice = corpora.choose(["folder", "tess"], Path("my_recordings"), named=True)
    assert [corpus.name for corpus, _ in choice.folders] == ["my-recordings", "tess"]


def test_own_recordings_without_the_name_of_a_corpus_are_told_the_option(home):
    with pytest.raises(SerKerasError, match=r"holds no Toronto.*; or, .* add --corpus folder"):
        corpora.choose(["tess"], Path("my_recordings"), named=False)


def test_a_missing_folder_of_recordings_is_named(home):
    with pytest.raises(SerKerasError, match=r"calls: no such folder\. Put the recordings there"):
        corpora.choose(["folder"], Path("calls"), named=True)


def test_a_run_remembers_where_its_corpora_lay_and_its_folder_does_not_tell(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "ROOT", tmp_path / "project")
    inside = recordings(tmp_path / "project" / "calls")
    outside = recordings(tmp_path / "elsewhere")
    run = tmp_path / "runs" / "recipe" / "calls+tess" / "paper-0-seed0"
    run.mkdir(parents=True)
    assert corpora.recall_places(run) == {}
    corpora.remember_places(run, {"calls": inside, "tess": outside})
    assert corpora.recall_places(run) == {"calls": inside, "tess": outside}
    assert corpora.known_places(tmp_path / "runs") == {"calls": inside, "tess": outside}
    assert list(run.iterdir()) == []
    (note,) = run.parent.glob(".*")
    assert str(tmp_path / "project") not in note.read_text()  # relative to the project
    assert ".where.json" in (Path(__file__).parents[2] / ".gitignore").read_text()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 1, "corpora": [1]}'])
def test_a_damaged_note_counts_as_absent(text, tmp_path):
    (tmp_path / ".run.where.json").write_text(text)
    assert corpora.recall_places(tmp_path / "run") == {}


def test_the_folder_of_a_run_is_the_one_named_else_the_one_noted_else_a_usual_one(home, tiny_tess):
    noted = home / "my_recordings"
    elsewhere = recordings(home / "moved" / "my_recordings")
    assert corpora.root_of("my-recordings", None, noted) == noted
    assert corpora.root_of("my-recordings", elsewhere, noted) == elsewhere
    assert corpora.root_of("my-recordings", home / "moved", noted) == elsewhere
    assert corpora.root_of("tess", tiny_tess.parent, None) == tiny_tess
    with pytest.raises(SerKerasError, match=r"gone: holds the corpus calls no longer. .* --data"):
        corpora.root_of("calls", None, home / "gone")
    with pytest.raises(SerKerasError, match=r"data: holds no calls\. Name its folder with --data"):
        corpora.root_of("calls", None, None)
    with pytest.raises(SerKerasError, match=r"my_recordings: holds no Toronto .* --data"):
        corpora.root_of("tess", noted, None)
