"""`Split`: its CSV, its hash, and its test clips laid out in a folder."""

import dataclasses

import pandas as pd
import pytest

from ser_keras import recipes, splits
from ser_keras.errors import SerKerasError
from tests.splits.indices import grid, ravdess, tess, values


def test_a_split_is_read_back_as_it_was_written(tmp_path):
    index = ravdess()
    index.table.loc[0, "text"] = pd.NA
    split = splits.make(index, "speaker", fold=3)
    split.write(tmp_path / "split.csv")
    header = (tmp_path / "split.csv").read_text().splitlines()[0]
    reread = splits.Split.read(tmp_path / "split.csv", index, protocol="speaker", fold=3)
    assert header == "path,speaker,emotion,text,role"
    assert reread.hash == split.hash
    assert reread.forbids == split.forbids
    pd.testing.assert_frame_equal(reread.table, split.table)


def test_a_split_without_its_index_knows_its_clips_but_not_their_sounds(tmp_path):
    split = splits.make(ravdess(), "speaker")
    split.write(tmp_path / "split.csv")
    alone = splits.Split.read(tmp_path / "split.csv")
    assert alone.counts() == split.counts()
    assert alone.corpus is None
    with pytest.raises(SerKerasError, match="known by name alone"):
        _ = alone.hash


def test_a_word_that_looks_like_a_missing_value_survives(tmp_path):
    index = grid("own", ("nan", "NA"), ("sad", "happy"), ("null", "none", "n/a", "a", "b"))
    split = splits.make(index, "random")
    split.write(tmp_path / "split.csv")
    assert splits.Split.read(tmp_path / "split.csv", index).hash == split.hash


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("path,role\na,test\n", "has no column speaker, emotion, text"),
        ("path,speaker,emotion,text,role\na,,,,dev\n", "has a row without a role"),
        ("path,speaker,emotion,text,role\na,,,,\n", "has a row without a role"),
        ("path,speaker,emotion,text,role\na,,,,test\na,,,,train\n", "names a clip twice"),
        ("path,speaker,emotion,text,role\na,,,,test\n", "1 clips are not in ravdess: a"),
    ],
)
def test_a_damaged_list_is_refused(tmp_path, text, sentence):
    (tmp_path / "split.csv").write_text(text)
    with pytest.raises(SerKerasError, match=sentence):
        splits.Split.read(tmp_path / "split.csv", ravdess())


def test_the_hash_names_the_roles_not_the_file_names():
    split = splits.make(ravdess(), "speaker")
    moved = ravdess()
    moved.table["path"] = "elsewhere/" + moved.table["path"]
    assert splits.make(moved, "speaker").hash == split.hash
    assert splits.make(ravdess(), "speaker", fold=1).hash != split.hash
    assert len(split.hash) == 16


@pytest.fixture
def recordings(tmp_path):
    """Return a split of a small tree that is on disk, and its index."""
    index = dataclasses.replace(tess(words=5), root=tmp_path / "tess")
    split = splits.make(index, "paper", draw=recipes.get("attention-tess").draw)
    for path in split.table["path"]:
        target = tmp_path / "tess" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.encode())
    return split, index


def test_the_test_clips_are_laid_out_by_folder_and_nothing_is_moved(recordings, tmp_path):
    split, index = recordings
    folder = splits.lay_out(split, index, tmp_path / "Test")
    clips = {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*.wav")}
    assert clips == {path: path for path in split.part("test")["path"]}
    assert len(list(index.root.rglob("*.wav"))) == 70


def test_a_flat_corpus_is_laid_out_below_the_name_of_its_own_folder(tmp_path):
    index = grid("aesdd", "AB", ("sad", "happy"), "abcde")
    index.table["path"] = index.table["path"].str.replace("/", "-")
    index = dataclasses.replace(index, root=tmp_path / "flat")
    index.root.mkdir()
    for path in index.table["path"]:
        (index.root / path).touch()
    split = splits.make(index, "random")
    folder = splits.lay_out(split, index, tmp_path / "Test")
    assert {p.name for p in (folder / "flat").iterdir()} == values(split, "test", "path")


def test_an_own_corpus_is_laid_out_by_emotion_and_git_ignores_it(tmp_path):
    index = grid("own", "AB", ("sad", "not/sad"), "abcde")
    index = dataclasses.replace(index, root=tmp_path / "own")
    paths = [f"{number}/clip.wav" for number in range(len(index.table))]
    index.table["path"] = paths
    for path in paths:
        (index.root / path).parent.mkdir(parents=True)
        (index.root / path).touch()
    split = splits.make(index, "random")
    folder = splits.lay_out(split, index, tmp_path / "Test")
    assert sorted(path.name for path in folder.iterdir()) == [".gitignore", "not_sad", "sad"]
    assert len(list(folder.rglob("*.wav"))) == split.counts()["test"]
    assert (folder / ".gitignore").read_text() == "*\n"


def test_a_test_folder_appears_whole_or_not_at_all(recordings, tmp_path):
    split, index = recordings
    index.locate(split.part("test")["path"].iloc[-1]).unlink()
    with pytest.raises(SerKerasError, match="is no longer there"):
        splits.lay_out(split, index, tmp_path / "Test")
    assert [p.name for p in tmp_path.iterdir()] == ["tess"]


def test_a_test_folder_that_exists_is_left_alone(recordings, tmp_path):
    split, index = recordings
    (tmp_path / "Test").mkdir()
    with pytest.raises(SerKerasError, match="exists already"):
        splits.lay_out(split, index, tmp_path / "Test")
    assert list((tmp_path / "Test").iterdir()) == []


def test_an_unknown_role_is_answered_with_the_nearest():
    with pytest.raises(SerKerasError, match=r"tests: no such role\. Did you mean test"):
        splits.make(ravdess(), "random").part("tests")
