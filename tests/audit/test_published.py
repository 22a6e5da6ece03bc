"""Published audits: each row is measured, second copies are counted, what is missing is named."""

import dataclasses
import re

import pytest

from ser_keras import corpora, files
from ser_keras.audit import published
from ser_keras.errors import SerKerasError


@pytest.fixture(scope="module")
def rows(tiny_index, cache):
    """The rows of the tiny corpus, by name of the split."""
    systems = published.systems({"tess": tiny_index}, cache)
    folds = published.folds(tiny_index, cache, ["speaker", "text"])
    return {row.split: row for row in systems + folds}


def test_each_way_to_split_is_a_row_with_an_audit_for_each_fold(rows):
    assert {name: len(row.audits) for name, row in rows.items()} == {
        "attention-tess": 1,
        "mean-mfcc-lstm": 1,
        "attention-tess, every clip twice": 1,
        "speaker": 2,
        "text": 5,
    }
    cells = dict(zip(published.COLUMNS, rows["speaker"].cells(), strict=True))
    assert (cells["folds"], cells["test"], cells["speakers"]) == ("2", "56", "0 of 1")
    assert (cells["what it measures"], cells["gate"]) == ("unseen speakers, seen texts", "passes")


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
    copies = published.slots(rows.values(), [], [], {})["copies"]
    n = twice.listing.counts()["validation"]
    assert copies.startswith(f"- attention-tess: {shared} of {n} validation clips (")
    assert copies.endswith(f"), {tested} of {tested} test clips (100 %)")
    row = rows["attention-tess, every clip twice"]
    assert row.refused() == {0: ("content",)}
    assert row.cells()[-1] == "stops: sound"


def test_a_corpus_that_repeats_itself_is_audited_as_downloaded_too(tiny_index, cache):
    table = tiny_index.table.copy()
    table.loc[0, "duplicate_of"] = table.loc[1, "path"]  # as a loader knows it, not the sound
    index = dataclasses.replace(tiny_index, table=table)
    loaded, downloaded = published.folds(index, cache, ["speaker"])
    assert downloaded.split == "speaker, as downloaded"
    totals = [sum(row.audits[0].listing.counts().values()) for row in (loaded, downloaded)]
    assert totals == [111, 112]
    slots = published.slots([], [], [], {"ased": index})
    assert slots["repeats"] == "- ased: 1 recording"


def test_the_systems_are_those_published_on_one_corpus_that_is_open_to_all(tiny_index):
    assert published.systems({}) == []
    assert list(published.open_systems()) == [
        *("acnt-ravdess", "attention-tess", "mean-mfcc-lstm", "mel-cnn-aesdd")
    ]


def test_a_corpus_that_is_not_there_is_named_and_has_no_row(rows, tiny_index):
    own = [rows["speaker"], rows["text"]]
    slots = published.slots([], own, ["emodb", "savee"], {"tess": tiny_index})
    assert slots["missing"] == "emodb, savee"
    lines = slots["folds"].splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| speaker", "| text"]
    assert len(slots["systems"].splitlines()) == 2


def test_the_document_is_filled_from_a_folder_and_its_text_stays(tiny_tess, tmp_path, cache):
    published.write(tmp_path / "audits.md", tiny_tess, cache)
    text = (tmp_path / "audits.md").read_text(encoding="utf-8")
    template = published.DOCUMENT.read_text(encoding="utf-8")
    marks = re.compile(r"(<!-- begin: (\w+) -->).*?(<!-- end -->)", re.DOTALL)
    assert marks.sub(r"\1\3", text) == marks.sub(r"\1\3", template)
    assert "| attention-tess | tess | 1 |" in text
    assert "| speaker | tess | 2 |" in text
    assert "<!-- begin: missing -->aesdd, ased, crema-d, emodb, ravdess, savee<!-- end" in text


def test_a_folder_without_corpora_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(SerKerasError, match="holds none of aesdd, ased"):
        published.write(tmp_path / "audits.md", tmp_path, tmp_path / "cache")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (["0 of 2", "0 of 2"], "0 of 2"),
        (["198 of 200", "197 of 200", "200 of 200"], "197 to 200 of 200"),
        (["3 of 4", "3 of 5"], "3 of 4 to 5"),
        (["4", "0", "3"], "0 to 4"),
        (["not known", "1 of 2"], "not known, 1 of 2"),
    ],
)
def test_folds_that_differ_are_given_from_the_least_to_the_greatest(values, text):
    assert published.spread(values) == text


def test_the_document_names_every_corpus_of_recordings_and_no_folders_of_this_machine():
    text = published.DOCUMENT.read_text(encoding="utf-8")
    for name in corpora.names():
        corpus = corpora.get(name)
        if not corpus.place and not corpus.synthetic:
            assert re.search(rf"\b{name}\b", text), name
    assert str(files.ROOT) not in text


@pytest.mark.slow
@pytest.mark.corpora
def test_the_document_has_the_figures_of_the_recordings(real_corpora, cache):
    savee = published.read_corpora(real_corpora / "savee", cache)["savee"]
    made = published.folds(savee, cache, ["speaker"])
    made += published.systems(published.read_corpora(real_corpora / "aesdd", cache), cache)
    text = published.DOCUMENT.read_text(encoding="utf-8")
    for row in made:
        assert f"| {' | '.join(row.cells())} |" in text
