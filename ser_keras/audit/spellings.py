"""Spellings of one name: a spreadsheet eats zeros, a person changes capitals, macOS letters."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from ser_keras import console, corpora

if TYPE_CHECKING:
    import pandas as pd


def wording(text: str) -> str:
    """Return a text without capitals, signs and repeated blanks.

    Example:
        >>> wording("Kids are  talking."), wording("JOSE\\u0301") == wording("jos\\u00e9")
        ('kids are talking', True)
    """
    letters = unicodedata.normalize("NFKC", text).casefold()
    # marks belong to the letter before them: without them, words of Hindi would be the same
    marked = (c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in letters)
    return " ".join("".join(marked).split())


def key(name: str) -> str:
    """Return what all spellings of a name have in common.

    Example:
        >>> key("01"), key("1.0"), key("Spk_1"), key("spk-01"), key("10")
        ('1', '1', 'spk 1', 'spk 1', '10')
    """
    name = re.sub(r"^([0-9]+)\.0+$", r"\1", name.strip())
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", wording(name)) or name


def as_one(column: pd.Series, noun: str, notes: list[str]) -> pd.Series:
    """Return a column in which all spellings of a name are replaced by the first one.

    Args:
        column: Names of speakers, texts or corpora; <NA> stays.
        noun: What they are, in the singular.
        notes: List to which the function adds which spellings it took for one.
    """
    spellings: dict[str, list[str]] = {}
    for name in column.dropna().unique():
        spellings.setdefault(key(name), []).append(name)
    several = [names for names in spellings.values() if len(names) > 1]
    if not several:
        return column
    examples = []
    for names in several:
        distinct = list(dict.fromkeys(map(corpora.composed, names)))
        encodings = " (in several encodings)" if len(distinct) < len(names) else ""
        examples.append(" and ".join(distinct) + encodings)
    number = console.count(len(several), noun)
    have = "has" if len(several) == 1 else "have"
    notes.append(
        f"{number} {have} several spellings, which count as one: {console.listed(examples)}"
    )
    first = {name: names[0] for names in several for name in names[1:]}
    return column.map(lambda name: first.get(name, name), na_action="ignore").astype("string")
