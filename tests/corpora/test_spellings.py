"""Spellings of one name count as one, and different names stay different."""

import unicodedata

import numpy as np
import pytest
import soundfile

from ser_keras import corpora, splits


def as_one(*names):
    """Return the names in their first spelling, and the notes."""
    first, note = corpora.first_spellings(names, "speaker")
    return [first.get(name, name) for name in names], [note] * bool(note)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("01", "1"),
        ("007", "7.0"),
        ("Spk_1", "spk_1"),
        ("Actor 03", "actor-3"),
        ("p_01", "P1"),
        ("Jos\u00e9", "JOSE\u0301"),
        ("Straße", "STRASSE"),
        ("\uff11", "1"),  # a digit of full width
    ],
)  # fmt: skip
def test_spellings_of_one_name_count_as_one_and_are_noted(first, second):
    column, (note,) = as_one(first, second, "another")
    assert column == [first, first, "another"]
    assert note.startswith("1 speaker has several spellings, which count as one: ")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("1", "10"),
        ("a1", "b1"),
        ("1.5", "1.50"),
        ("anna", "annah"),
        ("0", "1"),
        ("-", "+"),
        ("1 1", "11"),
    ],
)
def test_different_names_stay_different(first, second):
    assert as_one(first, second) == ([first, second], [])


def test_the_note_shows_the_spellings():
    assert as_one("01", "1", "02", "2", "001")[1] == [
        "2 speakers have several spellings, which count as one: 01 and 1 and 001, 02 and 2"
    ]
    both = [unicodedata.normalize(form, "José") for form in ("NFC", "NFD")]
    assert as_one(*both)[1] == [
        f"1 speaker has several spellings, which count as one: {both[0]} (in several encodings)"
    ]


def test_signs_are_no_part_of_a_text_but_marks_of_letters_are():
    assert corpora.wording("Kids -- are  TALKING!") == "kids are talking"
    assert corpora.wording("\u0915\u093f") != corpora.wording("\u0915\u093e")  # ki, ka
    assert corpora.wording("...") == ""


def lay_own_corpus(root, rows, header="path,speaker,emotion,text"):
    """Write a corpus of one's own: noise for each row of its table."""
    root.mkdir()
    for number, row in enumerate(rows):
        noise = np.random.default_rng(number).normal(0, 0.1, 4000)
        soundfile.write(root / row.partition(",")[0], noise, 16_000)
    (root / "labels.csv").write_text("\n".join([header, *rows]), encoding="utf-8")


def test_a_speaker_of_ones_own_corpus_is_one_under_all_spellings(tmp_path, cache, capsys):
    spellings = ("01", "1", "Spk_2", "spk_2", "Jos\u00e9", "jose\u0301")
    rows = [
        f"{i}{emotion}.wav,{name},{emotion},{'Who is it?' if i % 2 else 'who is it'}"
        for i, name in enumerate(spellings)
        for emotion in ("happy", "sad")
    ]
    lay_own_corpus(tmp_path / "own", rows)
    corpus = corpora.get("folder")
    index = corpus.index(tmp_path / "own", cache)
    assert index.table["speaker"].unique().tolist() == ["01", "Spk_2", "Jos\u00e9"]
    assert index.table["text"].unique().tolist() == ["who is it"]
    assert [*corpus.validate(tmp_path / "own", cache).found["speaker"].values()] == [4, 4, 4]
    warnings = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert warnings == [
        f"warning: In {tmp_path / 'own'}, 3 speakers have several spellings, which count as one: "
        "01 and 1, Spk_2 and spk_2, Jos\u00e9 and jos\u00e9.",
        f"warning: In {tmp_path / 'own'}, 1 text has several spellings, which count as one: "
        "who is it and Who is it?.",
    ]  # once, though the corpus was read twice
    split = splits.make(index, "speaker", fold=0, seed=0).table
    assert not set(split.speaker[split.role == "test"]) & set(split.speaker[split.role != "test"])


def test_a_label_that_is_no_known_emotion_is_one_class_under_all_spellings(tmp_path, cache):
    rows = ["a.wav,1,Whispered,x", "b.wav,1,whispered,x", "c.wav,1,happy,x"]
    lay_own_corpus(tmp_path / "own", rows)
    index = corpora.get("folder").index(tmp_path / "own", cache)
    assert index.table["emotion"].tolist() == ["Whispered", "Whispered", "happy"]
