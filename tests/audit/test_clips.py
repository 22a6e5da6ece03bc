"""Clips of a foreign list: their names are read as in known corpora, and their files are found."""

import unicodedata

import pytest

from ser_keras import corpora
from ser_keras.audit import foreign


def test_names_of_known_corpora_have_speakers_and_texts():
    names = ["x/OAF_back_sad.wav", "h3-01-01-02-08.wav", "interview.wav"]
    assert {
        path: (corpus, parsed.speaker, parsed.text)
        for path, (corpus, parsed) in corpora.read_names(names).items()
    } == {
        "x/OAF_back_sad.wav": ("tess", "OAF", "back"),
        "h3-01-01-02-08.wav": ("ased", "08", "01"),
    }


@pytest.fixture
def located(tmp_path):
    """Return a function that lays files out below `data`, and locates two listed clips."""

    def locate(names, files):
        for name in files:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        lines = ["path,role", f"{names[0]},train", f"{names[1]},test", ""]
        (tmp_path / "split.csv").write_text("\n".join(lines))
        (tmp_path / "data").mkdir(exist_ok=True)
        listing = foreign.read(tmp_path / "split.csv", tmp_path / "data")
        files = listing.table["file"].dropna()
        return [file.removeprefix(f"{tmp_path}/") for file in files], listing.notes

    return locate


def test_a_clip_beside_the_list_is_found_before_one_below_data(located):
    files, _ = located(["a.wav", "x/b.wav"], ["a.wav", "data/a.wav", "data/x/b.wav"])
    assert files == ["a.wav", "data/x/b.wav"]


def test_a_clip_is_found_by_its_name_unless_two_files_have_it(located, tmp_path):
    files, notes = located(
        ["old/a.wav", "old/b.wav"], ["data/new/a.flac", "data/1/b.wav", "data/2/b.wav"]
    )
    assert files == ["data/new/a.flac"]
    assert notes == (f"1 clip found by name below {tmp_path}/data",)


def test_a_clip_of_a_known_corpus_is_found_by_the_facts_in_its_name(located):
    files, _ = located(
        ["gone/YAF_back_sad.wav", "gone/OAF_back_fear.wav"],
        ["data/TESS/YAF_Sad/yaf_back_sad.flac", "data/TESS/OAF_Fear/OAF_back_fear.wav"],
    )
    assert files == [
        "data/TESS/YAF_Sad/yaf_back_sad.flac",
        "data/TESS/OAF_Fear/OAF_back_fear.wav",
    ]


def test_hidden_files_are_no_clips(located):
    assert located(["old/a.wav", "old/b.wav"], ["data/.old/a.wav", "data/._b.wav"])[0] == []


@pytest.mark.parametrize(("listed", "stored"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_clip_is_found_however_its_accents_are_written(located, listed, stored):
    names = [unicodedata.normalize(listed, name) for name in ("Zoë/é.wav", "gone/ö.wav")]
    files = [unicodedata.normalize(stored, name) for name in ("Zoë/é.wav", "data/new/ö.wav")]
    assert located(names, files)[0] == files


def test_a_name_that_is_too_long_for_a_disk_is_not_found(located):
    assert located([f"{'a' * 5000}.wav", "b.wav"], ["b.wav"])[0] == ["b.wav"]
