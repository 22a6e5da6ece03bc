"""Spellings of one name count as one, and different names stay different."""

import unicodedata

import pandas as pd
import pytest

from ser_keras.audit import spellings


def as_one(*names):
    notes = []
    column = spellings.as_one(pd.Series(names, dtype="string"), "speaker", notes)
    return column.tolist(), notes


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("01", "1"),
        ("007", "7.0"),
        ("Spk_1", "spk_1"),
        ("Actor 03", "actor-3"),
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
    [("1", "10"), ("a1", "b1"), ("1.5", "1.50"), ("anna", "annah"), ("0", "1"), ("-", "+")],
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
    assert spellings.wording("Kids -- are  TALKING!") == "kids are talking"
    assert spellings.wording("\u0915\u093f") != spellings.wording("\u0915\u093e")  # ki, ka
    assert spellings.wording("...") == ""
