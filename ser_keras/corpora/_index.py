"""A corpus on disk: its clips as a table, and how they differ from the complete corpus."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ser_keras.console import count, listed
from ser_keras.errors import Skipped

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Index:
    """The clips of a corpus on disk, or of several pooled corpora.

    Args:
        corpus: Name of the corpus; names of pooled corpora are joined by "+".
        root: Folder of the corpus, to which the paths in the table are relative. For pooled
            corpora, the folder that holds them all.
        table: One row per clip, sorted by path: path, corpus, speaker, emotion, text, take,
            intensity, duration (s), sample_rate (Hz), channels, content, duplicate_of.
        skipped: Files that are not clips of the corpus or cannot be read, with relative paths.
        synthetic: Whether the clips are synthetic.
        roots: Name of each pooled corpus -> its folder; empty for one corpus. Paths of pooled
            corpora begin with the name of their corpus.
    """

    corpus: str
    root: Path
    table: pd.DataFrame
    skipped: list[Skipped]
    synthetic: bool = False
    roots: Mapping[str, Path] = field(default_factory=dict)

    @property
    def clips(self) -> pd.DataFrame:
        """The table without duplicates."""
        return _numbered(self.table[self.table["duplicate_of"].isna()])

    def locate(self, path: str) -> Path:
        """Return the file of a clip in the table."""
        return located(path, self.roots or {self.corpus: self.root})

    def only(self, emotions: Iterable[str]) -> Index:
        """Return the index of the clips with these emotions."""
        return replace(self, table=_numbered(self.table[self.table["emotion"].isin(emotions)]))

    def merged(self, emotions: Mapping[str, str]) -> Index:
        """Return the index with other names for some emotions, given as old name -> new name."""
        renamed = self.table["emotion"].replace(dict(emotions))
        return replace(self, table=self.table.assign(emotion=renamed)) if emotions else self

    def sentences(self) -> list[str]:
        """Return how many clips there are and which files were left out, as sentences."""
        duplicates = self.table.dropna(subset="duplicate_of")
        pairs = list(zip(duplicates["path"], duplicates["duplicate_of"], strict=True))
        kind = "synthetic clip" if self.synthetic else "clip"
        return [
            f"{count(len(self.clips), kind)} of {self.corpus} found.",
            *_finding(_copies(pairs), "file", "the same as another by sound, recording or name"),
            *_finding(self.skipped, "file", "left out"),
        ]


def located(path: str, roots: Mapping[str, Path]) -> Path:
    """Return the file of a clip.

    Args:
        path: Path in the table of an `Index`.
        roots: Name of each corpus -> its folder. If there are several, the path begins with the
            name of its corpus.

    Example:
        >>> located("tess/a/1.wav", {"tess": Path("TESS"), "savee": Path("SAVEE")}).as_posix()
        'TESS/a/1.wav'
    """
    if len(roots) == 1:
        (root,) = roots.values()
        return root / path
    corpus, _, own = path.partition("/")
    return roots[corpus] / own


def pool(indices: Sequence[Index]) -> Index:
    """Return one index of several corpora.

    Args:
        indices: Indices of different corpora. A single one is returned as it is.
    """
    import pandas as pd

    if len(indices) == 1:
        return indices[0]
    indices = sorted(indices, key=lambda index: index.corpus)

    def placed(index: Index) -> pd.DataFrame:
        inside = {name: f"{index.corpus}/" + index.table[name] for name in ("path", "duplicate_of")}
        return index.table.assign(**inside)

    return Index(
        "+".join(index.corpus for index in indices),
        Path(os.path.commonpath([index.root.absolute() for index in indices])),
        _numbered(pd.concat(map(placed, indices)).sort_values("path")),
        [
            Skipped(str(PurePosixPath(index.corpus, file.path)), file.reason)
            for index in indices
            for file in index.skipped
        ],
        any(index.synthetic for index in indices),
        {index.corpus: index.root for index in indices},
    )


def _numbered(table: pd.DataFrame) -> pd.DataFrame:
    return table.reset_index(drop=True)


@dataclass(frozen=True)
class Validation:
    """A corpus on disk, compared with the complete corpus.

    Args:
        corpus: Name of the corpus.
        root: Folder of the corpus.
        found: Counts of distinct clips, `{"clips": n, "speaker": {id: n}, "emotion": {label: n}}`.
        expected: Counts of the complete corpus, as far as they are known.
        missing: Names of missing clips, if the names of all clips are known.
        surplus: Paths of clips that the complete corpus does not have.
        duplicated: (path, path of the first copy) of clips that are there more than once.
        contradicting: Paths of duplicates that have another emotion than the first copy.
        misplaced: Paths of clips in a folder named after another emotion; the name of the file
            decides about the emotion.
        misnamed: Paths of sound files that are not named like clips of the corpus.
        unreadable: Clips that cannot be read, and why.
        readings: How labels were read that are written in another way here, each a sentence
            without its stop.
        synthetic: Whether the clips are synthetic.
    """

    corpus: str
    root: Path
    found: dict
    expected: dict
    missing: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()
    duplicated: tuple[tuple[str, str], ...] = ()
    contradicting: tuple[str, ...] = ()
    misplaced: tuple[str, ...] = ()
    misnamed: tuple[str, ...] = ()
    unreadable: tuple[Skipped, ...] = ()
    readings: tuple[str, ...] = ()
    synthetic: bool = False

    @property
    def complete(self) -> bool:
        """Whether every clip is there, by name or by count."""
        return not self.missing and all(self.found[key] == n for key, n in self.expected.items())

    def sentences(self) -> list[str]:
        """Return the findings as sentences; long lists end after the fifth item."""
        kind = "synthetic clips" if self.synthetic else "clips"
        of = f" of {self.expected['clips']}" if self.expected else ""
        first = f"{self.found['clips']}{of} {kind} found"
        if self.missing:
            first += f"; missing: {listed(self.missing)}"
        elif not self.complete:
            first += f"; {listed(self._deviations())}"
        copies = _copies(self.duplicated)
        return [
            f"{first}.",
            *(f"{reading}." for reading in self.readings),
            *_finding(self.surplus, "file", "not part of the complete corpus"),
            *_finding(self.misplaced, "file", "in a folder named after another emotion"),
            *_finding(self.misnamed, "file", "not named like a clip of the corpus"),
            *_finding(self.unreadable, "file", "unreadable"),
            *_finding(copies, "file", "the same as another by sound, recording or name"),
            *_finding(self.contradicting, "duplicate", "under another emotion than the first copy"),
        ]

    def _deviations(self) -> list[str]:
        """Return "emotion angry 120 of 121" for each count that is not as expected."""
        deviations = []
        for column in ("emotion", "speaker"):
            found, expected = self.found[column], self.expected.get(column, self.found[column])
            deviations += [
                f"{column} {key} {found.get(key, 0)} of {expected.get(key, 0)}"
                for key in sorted({*found, *expected})
                if found.get(key, 0) != expected.get(key, 0)
            ]
        return deviations


def _copies(pairs: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{path} (as {first})" for path, first in pairs]


def _finding(items: Sequence[object], noun: str, finding: str) -> list[str]:
    """Return "2 files are <finding>: a.wav, b.wav.", or nothing without items."""
    verb = "is" if len(items) == 1 else "are"
    return [f"{count(len(items), noun)} {verb} {finding}: {listed(items)}."] if items else []
