"""Several corpora as one index, selected emotions, and the sentences about an index."""

from pathlib import Path

import pandas as pd

from ser_keras import corpora
from ser_keras.errors import Skipped


def index_of(corpus, rows, skipped=()):
    columns = ["path", "emotion", "duplicate_of"]
    table = pd.DataFrame(rows, columns=columns).astype("string").assign(corpus=corpus)
    return corpora.Index(corpus, Path("data", corpus.upper()), table, list(skipped))


def tess():
    rows = [("a/1.wav", "sad", None), ("b/1.wav", "sad", "a/1.wav"), ("c.wav", "happy", None)]
    return index_of("tess", rows)


def aesdd():
    return index_of("aesdd", [("x.ogg", "angry", None)], [Skipped("y.ogg", "is empty")])


def test_pooled_paths_begin_with_the_name_of_their_corpus_and_find_their_files():
    pooled = corpora.pool([tess(), aesdd()])
    assert pooled.corpus == "aesdd+tess"
    assert list(pooled.table["path"]) == [
        *("aesdd/x.ogg", "tess/a/1.wav", "tess/b/1.wav", "tess/c.wav")
    ]
    assert pooled.locate("tess/a/1.wav") == Path("data/TESS/a/1.wav")
    assert pooled.root == Path("data").absolute()


def test_a_pooled_index_keeps_duplicates_and_skipped_files():
    pooled = corpora.pool([tess(), aesdd()])
    assert list(pooled.clips["path"]) == ["aesdd/x.ogg", "tess/a/1.wav", "tess/c.wav"]
    assert pooled.table["duplicate_of"].dropna().to_dict() == {2: "tess/a/1.wav"}
    assert pooled.skipped == [Skipped("aesdd/y.ogg", "is empty")]


def test_one_corpus_is_not_changed_by_pooling():
    index = tess()
    assert corpora.pool([index]) is index
    assert index.locate("c.wav") == Path("data/TESS/c.wav")


def test_only_the_clips_of_the_named_emotions_are_left():
    left = corpora.pool([tess(), aesdd()]).only(["angry", "happy"])
    assert list(left.table["path"]) == ["aesdd/x.ogg", "tess/c.wav"]
    assert list(left.table.index) == [0, 1]


def test_an_index_says_how_many_clips_it_has_and_what_it_left_out():
    assert tess().sentences() == [
        "2 clips of tess found.",
        "1 file is the same as another by sound, recording or name: b/1.wav (as a/1.wav).",
    ]
    assert aesdd().sentences() == [
        "1 clip of aesdd found.",
        "1 file is left out: y.ogg: is empty.",
    ]
