"""The published audits: every row is measured, the second copies are counted, nothing is faked."""

import dataclasses
import re

import pytest

from ser_keras import corpora, files, known_splits
from ser_keras.errors import SerKerasError


@pytest.fixture(scope="module")
def rows(tiny_index, cache):
    """The rows of the tiny corpus, by name of the split."""
    found = known_splits.systems({"tess": tiny_index}, cache)
    found += known_splits.folds(tiny_index, cache, ["speaker", "text"])
    return {row.split: row for row in found}


def test_each_way_to_split_is_a_row_with_an_audit_for_each_fold(rows):
    assert {name: len(row.audits) for name, row in rows.items()} == {
        "attention-tess": 1,
        "mean-mfcc-lstm": 1,
        "attention-tess, every clip twice": 1,
        "speaker": 2,
        "text": 5,
    }
    told = dict(zip(known_splits.COLUMNS, rows["speaker"].cells(), strict=True))
    assert (told["folds"], told["test"], told["speakers"]) == ("2", "56", "0 of 1")
    assert (told["what it measures"], told["gate"]) == ("unseen speakers, seen texts", "passes")


def test_a_second_copy_of_every_clip_puts_the_whole_test_side_into_training(rows):
    (once,), (twice,) = (
        rows[name].audits for name in ("attention-tess", "attention-tess, every clip twice")
    )
    tested = once.listing.counts()["test"]
    assert once.share("content") == f"0 of {tested}"
    assert twice.share("content") == f"{tested} of {tested}"
    assert sum(twice.listing.counts().values()) == 2 * sum(once.listing.counts().values())
    shared, of = map(int, twice.share("content", "validation").split(" of "))
    assert 0 < shared <= of <= twice.listing.counts()["validation"]
    told = known_splits._told_twice(list(rows.values()))
    assert f"- attention-tess: {shared} of {twice.listing.counts()['validation']} valid" in told
    assert f", {tested} of {tested} test clips (100 %)" in told
    row = rows["attention-tess, every clip twice"]
    assert row.refused() == {0: ("content",)}
    assert row.cells()[-1] == "stops: sound"


def test_a_corpus_that_repeats_itself_is_audited_as_downloaded_too(tiny_index, cache):
    table = tiny_index.table.copy()
    table.loc[0, "duplicate_of"] = table.loc[1, "path"]  # as a loader knows it, not the sound
    index = dataclasses.replace(tiny_index, table=table)
    mended, downloaded = known_splits.folds(index, cache, ["speaker"])
    assert downloaded.split == "speaker, as downloaded"
    totals = [sum(row.audits[0].listing.counts().values()) for row in (mended, downloaded)]
    assert totals == [111, 112]


def test_what_is_not_there_is_named_and_has_no_row(rows, tiny_index):
    ours = [rows["speaker"], rows["text"]]
    text = known_splits.document([], ours, ["emodb", "savee"], {"tess": tiny_index})
    assert "Not audited, because not at hand: emodb, savee." in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| speaker", "| text"]


def test_a_folder_without_corpora_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(SerKerasError, match="holds none of aesdd, ased"):
        known_splits.write(tmp_path / "audits.md", tmp_path, tmp_path / "cache")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (["0 of 2", "0 of 2"], "0 of 2"),
        (["198 of 200", "197 of 200", "200 of 200"], "197 to 200 of 200"),
        (["3 of 4", "3 of 5"], "3 of 4 to 5"),
        (["4", "0", "3"], "0 to 4"),
        (["not known", "1 of 2"], "not known, 1 of 2"),
    ],
)
def test_folds_that_differ_are_told_from_the_least_to_the_most(values, told):
    assert known_splits._spread(values) == told


def test_the_document_tells_of_every_corpus_that_is_recorded_and_names_nobodys_folders():
    text = known_splits.DOCUMENT.read_text(encoding="utf-8")
    for name in corpora.names():
        corpus = corpora.get(name)
        if not corpus.place and not corpus.synthetic:
            assert re.search(rf"\b{name}\b", text), name
    assert str(files.ROOT) not in text


@pytest.mark.corpora
def test_the_document_says_what_the_recordings_say(real_corpora, cache):
    found = known_splits.indices(real_corpora / "savee", cache)
    made = known_splits.folds(found["savee"], cache, ["speaker"])
    made += known_splits.systems(known_splits.indices(real_corpora / "aesdd", cache), cache)
    text = known_splits.DOCUMENT.read_text(encoding="utf-8")
    for line in known_splits.markdown(made).splitlines()[2:]:
        assert line in text
