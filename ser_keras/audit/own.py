"""What the split list of a model's own run tells of its clips."""

from __future__ import annotations

import os
from pathlib import Path

from ser_keras import corpora
from ser_keras.splits import Split


def learned_rows(split: str | os.PathLike, corpus: str) -> list[tuple]:
    """Return path, corpus, speaker, text, role and content of the clips a run learned from.

    If the list does not exist, one row without labels makes speakers and texts unknown.

    Args:
        split: Split list of the run.
        corpus: Corpus of the run.
    """
    if not Path(split).is_file():
        return [(os.fspath(split), None, None, None, "train", None)]
    table = Split.read(split).table
    table = table[table["role"] != "test"]
    by_name = corpora.read_names(list(table["path"]))  # a pooled list has clips of several corpora
    return [
        (path, by_name.get(path, (corpus,))[0], speaker, text, "train", None)
        for path, speaker, text in zip(table["path"], table["speaker"], table["text"], strict=True)
    ]


def names_of(
    recordings: list[str], split: str | os.PathLike, corpus: str
) -> dict[str, tuple[str, corpora.Parsed]]:
    """Return path -> (corpus, facts) of the recordings whose speaker and text are known.

    They are read from names as in known corpora. Names in a user's own corpus may be of any form;
    if the recordings are all test clips of the run, its split list has their facts.

    Args:
        recordings: Paths of the recordings.
        split: Split list of the run; need not exist.
        corpus: Corpus of the run.
    """
    if not Path(split).is_file() or not corpora.is_own(corpus) or "+" in corpus:
        return corpora.read_names(recordings)
    table = Split.read(split).part("test")
    if len(recordings) != len(table):
        return corpora.read_names(recordings)  # others may have the name of a test clip
    rows = zip(table["speaker"], table["text"], strict=True)  # <NA> where one is not known
    row_of = dict(zip(table["path"], rows, strict=True))
    names = {}
    for path in recordings:
        parts = Path(path).parts
        ends = ("/".join(parts[start:]) for start in range(len(parts)))
        row = next((row_of[end] for end in ends if end in row_of), None)
        if row is None:
            return corpora.read_names(recordings)
        speaker, text = (value if isinstance(value, str) else None for value in row)
        names[path] = corpus, corpora.Parsed(speaker, "", text)
    return names
