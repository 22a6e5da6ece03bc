"""The clips that somebody else's list names: what their names state, and where their files are."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras import audio, console, corpora, files

if TYPE_CHECKING:
    import pandas as pd

_MAX_FOLDERS = 200_000  # below one folder; large corpora have a folder for each video


def identity(corpus: str, parsed: corpora.Parsed) -> str:
    """Return a hash of the facts in a clip's name; copies of a clip have the same."""
    return files.digest(str((corpus, *astuple(parsed))))


def posix(path: str) -> str:
    """Return a path as it stands in a list, with "/" between its parts."""
    return path.strip().replace("\\", "/")


def sounds(folder: Path, notes: list[str]) -> list[str]:
    """Return the sound files below a folder (`audio.walk`); note what cannot be opened."""
    paths, left_out = audio.walk(folder, _MAX_FOLDERS)
    if left_out:
        notes.append(f"Left out below {folder}: {console.listed(left_out)}")
    return paths


def locate(table: pd.DataFrame, data: Path, notes: list[str]) -> pd.DataFrame:
    """Return a table of clips with a column file, <NA> where the file was not found.

    A file is looked for where the list says, relative to the list, to `data` and to the folders of
    known corpora; then below `data` by the facts in its name, and by the name itself.

    Args:
        table: Columns path, at (folder of the list), identity and known (corpus by the name).
        data: Folder below which files are searched.
        notes: List to which the function adds what was guessed.
    """
    import pandas as pd

    known = [corpora.get(name) for name in table["known"].dropna().unique()]
    found = {corpus: corpus.find(data) for corpus in known} if data.is_dir() else {}
    homes = {corpus: home for corpus, home in found.items() if home is not None}
    bases = [data, *homes.values(), *(home.parent for home in homes.values()), Path()]
    located: list[str | None] = []
    for path, at in zip(table["path"].map(posix), table["at"], strict=True):
        spelt = dict.fromkeys((path, corpora.composed(path), unicodedata.normalize("NFD", path)))
        places = (os.path.join(base, name) for base in (at, *bases) for name in spelt)
        located.append(next((place for place in places if os.path.isfile(place)), None))
    missing = located.count(None)
    if missing and data.is_dir():
        by_name = _by_name(data, homes, notes)
        keys = zip(table["identity"], table["path"].map(_stem), strict=True)
        located = [
            file or by_name.get(identity) or by_name.get(stem)
            for file, (identity, stem) in zip(located, keys, strict=True)
        ]
        if n := missing - located.count(None):
            notes.append(f"{console.count(n, 'clip')} found by name below {data}")
    return table.assign(file=pd.array(located, "string"))


def _by_name(
    data: Path, homes: dict[corpora.Corpus, Path], notes: list[str]
) -> dict[str, str | None]:
    """Return the file of each name below a folder; None where several files have the name.

    Clips of a known corpus are found by the facts in their names too, because a clip may be a WAV
    in one copy and a FLAC in another.
    """
    file_of: dict[str, str | None] = {}
    for path in sounds(data, notes):
        stem = _stem(path)
        file_of[stem] = None if stem in file_of else str(data / path)
    for corpus, home in homes.items():
        for path in sorted(sounds(home, notes), key=lambda path: path.count("/")):
            if parsed := corpus.parse(path):
                file_of.setdefault(identity(corpus.name, parsed), str(home / path))
    return file_of


def _stem(path: str) -> str:
    return corpora.composed(posix(path).rpartition("/")[2].rpartition(".")[0].lower())
