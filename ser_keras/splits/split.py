"""`Split`: the clips of a corpus with their roles, in memory and as a CSV."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras import corpora, files
from ser_keras.errors import SerKerasError, unknown
from ser_keras.splits import protocols

if TYPE_CHECKING:
    import pandas as pd

    from ser_keras.corpora import Index

ROLES = ("train", "validation", "test")
COLUMNS = ("path", "corpus", "speaker", "emotion", "text", "role", "content")
_WRITTEN = ("path", "speaker", "emotion", "text", "role")  # columns of split.csv


@dataclass(frozen=True, eq=False)
class Split:
    """The clips of a corpus, each with its role.

    Args:
        corpus: Name of the corpus, or None for a list that was read without its index.
        protocol: Name of the protocol, a key of `PROTOCOLS`.
        fold: Number of the fold, from 0.
        seed: Seed of all random draws.
        table: One row per clip, sorted by path, with the columns path, corpus, speaker, emotion,
            text, role, content.
        forbids: What test may not share with the rest: any of "content", "near", "speaker", "text".
    """

    corpus: str | None
    protocol: str
    fold: int
    seed: int
    table: pd.DataFrame
    forbids: tuple[str, ...]

    @property
    def hash(self) -> str:
        """16 hex digits over which sound has which role; file names do not matter."""
        if self.table["content"].isna().any():
            problem = "its clips are known by name alone"
            raise SerKerasError("split", problem, "Read it together with the index of its corpus")
        pairs = sorted(zip(self.table["content"], self.table["role"], strict=True))
        return files.digest("\n".join(f"{content} {role}" for content, role in pairs))

    def part(self, role: str) -> pd.DataFrame:
        """Return the rows of one role (`train`, `validation` or `test`), numbered from 0."""
        if role not in ROLES:
            raise unknown(role, "role", role, ROLES)
        return self.table[self.table["role"] == role].reset_index(drop=True)

    def counts(self) -> dict[str, int]:
        """Return the number of clips by role."""
        return {role: int((self.table["role"] == role).sum()) for role in ROLES}

    def write(self, path: str | os.PathLike) -> None:
        """Write the list as CSV: path, speaker, emotion, text, role."""
        files.write_csv(path, self.table[list(_WRITTEN)])

    @classmethod
    def read(
        cls,
        path: str | os.PathLike,
        index: Index | None = None,
        *,
        protocol: str = "paper",
        fold: int = 0,
        seed: int = 0,
    ) -> Split:
        """Return the split that `write` wrote.

        Args:
            path: CSV to read.
            index: Index of the corpus, which knows the sound behind each path. Without it, corpus
                and content stay unknown: enough to find the clips, but not to look for leaks.
            protocol: Name of the protocol that drew the list; the CSV does not hold it.
            fold: Number of the fold; the CSV does not hold it.
            seed: Seed of the draws; the CSV does not hold it.

        Raises:
            SerKerasError: Columns are missing, a role is unknown, a path occurs twice, or a clip is
                not in the index.
        """
        import pandas as pd

        forbids = protocols.get(protocol).forbids
        table = files.read_csv(path, dtype="string", keep_default_na=False, na_values=[""])
        missing = [column for column in _WRITTEN if column not in table.columns]
        if missing:
            problem = f"has no column {', '.join(missing)}"
            remedy = f"A split list has the columns {', '.join(_WRITTEN)}"
            raise SerKerasError(path, problem, remedy)
        if not table["role"].isin(ROLES).all():
            raise SerKerasError(path, "has a row without a role", f"Roles are {', '.join(ROLES)}")
        if table["path"].isna().any() or table["path"].duplicated().any():
            raise SerKerasError(path, "names a clip twice or not at all", "Name each clip once")
        table = table[list(_WRITTEN)]
        if index is None:
            nothing = pd.array([pd.NA] * len(table), dtype="string")
            table = table.assign(corpus=nothing, content=nothing)[list(COLUMNS)]
            return cls(None, protocol, fold, seed, table, forbids)
        strange = table.loc[~table["path"].isin(index.table["path"]), "path"]
        if len(strange):
            problem = f"{len(strange)} clips are not in {index.corpus}: {strange.iloc[0]}"
            raise SerKerasError(path, problem, "Use the corpus that the list was made from")
        table = table.merge(index.table[["path", "corpus", "content"]], on="path", how="left")
        return cls(index.corpus, protocol, fold, seed, table[list(COLUMNS)], forbids)


def lay_out(split: Split, index: Index, folder: str | os.PathLike) -> Path:
    """Make a folder of the test clips, in the layout that the published systems made by hand.

    Each clip becomes `<folder>/<name of its own folder>/<its file name>`: a link where the system
    allows one, else a copy. Clips of a user's own corpus lie below their emotions, which a table
    may have given them. The recordings themselves stay where they are. Git ignores the folder.

    Args:
        split: Split whose test clips are laid out.
        index: Index of the same corpus, which knows where its clips lie.
        folder: Folder to make.

    Returns:
        `folder` as a path.

    Raises:
        SerKerasError: `folder` exists, a clip is missing, or two clips would get the same name.
    """
    test = split.part("test")
    sources = [index.locate(path).absolute() for path in test["path"]]
    for source in sources:
        if not source.is_file():
            raise SerKerasError(source, "is no longer there", "Read the corpus again")
    own = corpora.is_own(index.corpus)
    with files.atomic_folder(folder) as partial:
        for source, path, emotion in zip(sources, test["path"], test["emotion"], strict=True):
            label = emotion.replace("/", "_").strip(". ") or "_"
            target = partial / (label if own else source.parent.name) / source.name
            if own and target.exists():
                target = target.with_name(path.replace("/", "_"))
            files.link_or_copy(source, target)
        files.write_text(partial / ".gitignore", "*\n")
    return Path(folder)
