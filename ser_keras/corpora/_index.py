"""What was found of a corpus on a disk: as a table, and beside what it should be, in sentences."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ser_keras.errors import Skipped

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Index:
    """A corpus as it lies on a disk, or several pooled.

    Args:
        corpus: Its name; of several, their names joined by "+".
        root: Its own folder; the paths of the table are relative to it. Of several, the folder that
            holds them all.
        table: One row per clip, sorted by path: path, corpus, speaker, emotion, text, take,
            intensity, duration (s), sample_rate (Hz), channels, content, duplicate_of.
        skipped: The files that are no clips of the corpus or cannot be read; relative paths.
        synthetic: True where no person spoke.
        roots: Of several corpora: name -> its own folder. The name comes first in their paths.
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
        """Return where a clip of the table lies."""
        return located(path, self.roots or {self.corpus: self.root})

    def only(self, emotions: Iterable[str]) -> Index:
        """Return the index of the clips of some emotions."""
        return replace(self, table=_numbered(self.table[self.table["emotion"].isin(emotions)]))

    def sentences(self) -> list[str]:
        """Return what was found and what was left out, a sentence each."""
        repeats = self.table.dropna(subset="duplicate_of")
        kind = "synthetic clip" if self.synthetic else "clip"
        told = [f"{count(len(self.clips), kind)} of {self.corpus} found"]
        if len(repeats):
            pairs = zip(repeats["path"], repeats["duplicate_of"], strict=True)
            told.append(_told_copies(list(pairs)))
        if self.skipped:
            told.append(f"{count(len(self.skipped), 'file')} skipped: {_listed(self.skipped)}")
        return [f"{text}." for text in told]


def located(path: str, roots: Mapping[str, Path]) -> Path:
    """Return where a clip lies; of several corpora its path names its own first.

    Args:
        path: Of the table of an `Index`.
        roots: Corpus -> its own folder.
    """
    if len(roots) == 1:
        (root,) = roots.values()
        return root / path
    corpus, _, own = path.partition("/")
    return roots[corpus] / own


def pool(indices: Sequence[Index]) -> Index:
    """Return one index of several corpora; of one alone, that one.

    Args:
        indices: Each of another corpus.
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
    """A corpus on a disk beside what it should be.

    Args:
        corpus: Its name.
        root: Its own folder.
        found: Distinct clips, as `{"clips": n, "speaker": {id: n}, "emotion": {label: n}}`.
        expected: The same of the complete corpus, as far as it is known.
        missing: Names of clips that are not there, where the corpus's clips are known by name.
        surplus: Paths of clips that the complete corpus does not have.
        duplicated: (path, path of the first) of clips that are there more than once.
        contradicting: Those of them that stand under another emotion than the first.
        misplaced: Paths of clips in a folder named after another emotion; their own name counts.
        misnamed: Paths of sound files that are no clips of the corpus by their name.
        unreadable: Clips that cannot be read, and why.
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
    synthetic: bool = False

    @property
    def complete(self) -> bool:
        """True where every clip is there, by name or by count."""
        return not self.missing and all(self.found[key] == n for key, n in self.expected.items())

    def sentences(self) -> list[str]:
        """Return the findings, a sentence each; long lists are cut after their fifth item."""
        kind = "synthetic clips" if self.synthetic else "clips"
        of = f" of {self.expected['clips']}" if self.expected else ""
        first = f"{self.found['clips']}{of} {kind} found"
        if self.missing:
            first += f"; missing: {_listed(self.missing)}"
        elif not self.complete:
            first += f"; {_listed(self._deviations())}"
        told = [first]
        for paths, finding in (
            (self.surplus, "more than the corpus has"),
            (self.misplaced, "in a folder named after another emotion"),
            (self.misnamed, "not named as a clip of the corpus"),
            (self.unreadable, "unreadable"),
        ):
            if paths:
                told.append(f"{count(len(paths), 'file')} {finding}: {_listed(paths)}")
        if self.duplicated:
            told.append(_told_copies(self.duplicated))
        if self.contradicting:
            told.append(
                f"{count(len(self.contradicting), 'duplicate')} under another emotion than "
                f"the first: {_listed(self.contradicting)}"
            )
        return [f"{text}." for text in told]

    def _deviations(self) -> list[str]:
        """Return "angry 120 of 121" for each emotion and speaker whose count is not as expected."""
        deviations = []
        for column in ("emotion", "speaker"):
            found, expected = self.found[column], self.expected.get(column, self.found[column])
            deviations += [
                f"{column} {key} {found.get(key, 0)} of {expected.get(key, 0)}"
                for key in sorted({*found, *expected})
                if found.get(key, 0) != expected.get(key, 0)
            ]
        return deviations


def _told_copies(pairs: Sequence[tuple[str, str]]) -> str:
    items = [f"{path} (as {first})" for path, first in pairs]
    files = count(len(pairs), "file")
    return f"{files} with the sound, recording or name of another: {_listed(items)}"


def count(number: int, noun: str) -> str:
    """Return "1 clip", "2 clips"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _listed(items: Iterable[object], limit: int = 5) -> str:
    """Return "a, b, c, d, e and 12 more"."""
    items = [str(item).rstrip(".") for item in items]
    rest = f" and {len(items) - limit} more" if len(items) > limit else ""
    return ", ".join(items[:limit]) + rest
