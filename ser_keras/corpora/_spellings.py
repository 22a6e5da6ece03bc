"""Spellings of one name: a spreadsheet eats zeros, a person changes capitals, macOS letters."""

from __future__ import annotations

import functools
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ser_keras import console
from ser_keras.corpora._corpus import Parsed
from ser_keras.corpora._tables import composed


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
        >>> key("01"), key("1.0"), key("Spk_1"), key("spk01"), key("1 0")
        ('1', '1', 'spk1', 'spk1', '1 0')
    """
    name = re.sub(r"^([0-9]+)\.0+$", r"\1", name.strip())
    words = re.sub(r"(?<![0-9])0+(?=[0-9])", "", wording(name))
    return re.sub(r"(?<=[0-9]) (?=[^0-9])|(?<=[^0-9]) (?=[0-9])", "", words) or name


def first_spellings(names: Iterable[str], noun: str) -> tuple[dict[str, str], str]:
    """Return which names are spellings of an earlier one, and a note that says so.

    Args:
        names: Names of speakers, texts or corpora.
        noun: What they are, in the singular.

    Returns:
        Name -> its first spelling, for the names that have an earlier one; and the note, a
        sentence without its stop, or "".

    Example:
        >>> first_spellings(["01", "2", "1"], "speaker")
        ({'1': '01'}, '1 speaker has several spellings, which count as one: 01 and 1')
    """
    spellings: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        spellings.setdefault(key(name), []).append(name)
    several = [names for names in spellings.values() if len(names) > 1]
    if not several:
        return {}, ""
    examples = []
    for equal in several:
        distinct = list(dict.fromkeys(map(composed, equal)))
        encodings = " (in several encodings)" if len(distinct) < len(equal) else ""
        examples.append(" and ".join(distinct) + encodings)
    number = console.count(len(several), noun)
    have = "has" if len(several) == 1 else "have"
    listed = console.listed(examples)
    note = f"{number} {have} several spellings, which count as one: {listed}"
    return {name: equal[0] for equal in several for name in equal[1:]}, note


def with_one_spelling(root: str | os.PathLike, placed: Mapping[str, Parsed]) -> dict[str, Parsed]:
    """Return the clips of a corpus with one spelling of each speaker, label and text; warn of it.

    Otherwise a speaker who is written `01` and `1` could be in training and in test.

    Args:
        root: Folder of the corpus, for the warning.
        placed: Facts about each clip.
    """
    clips = dict(placed)
    for column, noun in (("speaker", "speaker"), ("emotion", "label"), ("text", "text")):
        names = (value for clip in clips.values() if (value := getattr(clip, column)))
        first, note = first_spellings(names, noun)
        if note:
            _warn_once(f"In {root}, {note}.")
        for path, clip in clips.items():
            if (name := getattr(clip, column)) in first:
                change: dict[str, Any] = {column: first[name]}
                clips[path] = replace(clip, **change)
    return clips


@functools.cache
def _warn_once(message: str) -> None:
    console.warn(message)  # a corpus is read several times, to be listed and to be checked
