"""The loaders on the real recordings, and on the demo corpus that comes with the project."""

import os
from pathlib import Path

import pytest

from ser_keras import corpora, files

REAL = Path(os.environ.get("SER_CORPORA") or files.ROOT.parent / "shared" / "corpora")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def read(name, cache):
    if not (REAL / name).is_dir():
        pytest.skip(f"no recordings of {name} in {REAL} (set SER_CORPORA)")
    return corpora.get(name).index(REAL, cache), corpora.get(name).validate(REAL, cache)


def duplicates(index):
    table = index.table.dropna(subset="duplicate_of")
    return dict(zip(table["path"], table["duplicate_of"], strict=True))


@pytest.mark.corpora
@pytest.mark.parametrize("name", ["tess", "ravdess", "savee", "aesdd", "ased"])
def test_the_corpus_is_complete(name, cache):
    index, validation = read(name, cache)

    assert index.root == REAL / name
    assert validation.complete
    assert validation.found == corpora.get(name).expected
    assert validation.sentences()[0] == (
        f"{len(index.table)} of {corpora.get(name).expected['clips']} clips found."
    )
    assert validation.surplus == validation.misplaced == validation.contradicting == ()
    identity = ["speaker", "emotion", "text", "take", "intensity"]
    assert not index.table.duplicated(identity).any()


@pytest.mark.corpora
def test_tess_has_2800_clips_three_of_them_odd(cache):
    index, _ = read("tess", cache)
    table = index.table.set_index("path")

    assert (len(table), index.skipped, duplicates(index)) == (2800, [], {})
    assert table.loc["OAF_neutral/OA_bite_neutral.flac", "speaker"] == "OAF"
    assert table["sample_rate"].value_counts().to_dict() == {24_414: 2799, 96_000: 1}
    assert 1.2 < table["duration"].min() < table["duration"].max() < 3.0


@pytest.mark.corpora
def test_ravdess_has_1440_clips_one_sound_twice(cache):
    index, _ = read("ravdess", cache)

    assert (len(index.table), index.skipped) == (1440, [])
    first, second = (f"Actor_07/03-01-03-01-02-0{take}-07.ogg" for take in (1, 2))
    assert duplicates(index) == {second: first}


@pytest.mark.corpora
def test_savee_has_480_clips_and_87_texts(cache):
    index, _ = read("savee", cache)

    assert (len(index.table), index.skipped, duplicates(index)) == (480, [], {})
    assert index.table["text"].nunique() == 3 + 7 * 12
    of_two = index.table.groupby("text")["emotion"].nunique()
    assert of_two.value_counts().to_dict() == {1: 72, 2: 12, 7: 3}


@pytest.mark.corpora
def test_aesdd_has_604_clips_and_an_empty_file(cache):
    index, _ = read("aesdd", cache)

    assert (len(index.table), duplicates(index)) == (604, {})
    assert [file.path for file in index.skipped] == ["sadness/s05 (3).wav"]
    assert index.table["text"].nunique() == 19 + 5 * 6


@pytest.mark.corpora
def test_ased_has_2474_clips_62_recordings_twice(cache):
    index, _ = read("ased", cache)

    assert (len(index.table), index.skipped) == (2474, [])
    sound = index.table.set_index("path")["content"]
    same = {path: first for path, first in duplicates(index).items() if sound[path] == sound[first]}
    assert (len(same), len(duplicates(index))) == (4, 62)
    assert same["01Neutral/n1-07-02-02-53.ogg"] == "01Neutral/n1-07-01-02-53.ogg"
    assert duplicates(index)["03Happy/h3-07-01-02-45.ogg"] == "03Happy/h3-07-01-02-39.ogg"
    assert index.table["speaker"].nunique() == 65
    assert index.table["text"].nunique() == 2 + 5 * 5


def test_the_demo_corpus_is_complete_and_synthetic(cache):
    index = corpora.get("demo").index(cache=cache)
    validation = corpora.get("demo").validate(cache=cache)

    assert index.root == files.DATA / "demo"
    assert index.synthetic
    assert (len(index.table), index.skipped, duplicates(index)) == (392, [], {})
    assert validation.complete
    assert validation.sentences() == ["392 of 392 synthetic clips found."]
