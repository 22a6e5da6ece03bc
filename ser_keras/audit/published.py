"""Audits of the splits that people use: those of the published systems, and our own folds.

`python -m ser_keras.audit --publish` runs it and fills the tables of results/audits.md. Every row
is an audit of the recordings themselves; a corpus that is not there is named as not audited.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras import console, corpora, files, recipes, splits
from ser_keras.audit.check import KINDS, Audit, audit
from ser_keras.corpora import Index
from ser_keras.errors import SerKerasError
from ser_keras.recipes import Recipe

if TYPE_CHECKING:
    import pandas as pd

DOCUMENT = files.RESULTS / "audits.md"
COLUMNS = (
    *("split", "corpus", "folds", "train", "validation", "test", "sounds", "near-duplicates"),
    *("speakers", "texts", "validation sounds", "what it measures", "gate"),
)
_TWICE = ", every clip twice"


@dataclass(frozen=True)
class Row:
    """The audits of all folds of one way to split a corpus.

    Args:
        split: Name of the way to split.
        corpus: Name of the corpus.
        audits: One audit for each fold.
        forbids: Kinds of `KINDS` that test must not share with the other sides.
    """

    split: str
    corpus: str
    audits: tuple[Audit, ...]
    forbids: tuple[str, ...]

    def refused(self) -> dict[int, tuple[str, ...]]:
        """Return fold -> forbidden kinds that it shares, for the folds that share any."""
        failures = {fold: audit.failures(self.forbids) for fold, audit in enumerate(self.audits)}
        return {fold: kinds for fold, kinds in failures.items() if kinds}

    def cells(self) -> list[str]:
        """Return the row's cells, in the order of `COLUMNS`."""
        counts = [audit.listing.counts() for audit in self.audits]
        gate = "passes"
        if refused := self.refused():
            kinds = dict.fromkeys(KINDS[kind] for kinds in refused.values() for kind in kinds)
            folds = f" folds {', '.join(map(str, refused))}" if len(self.audits) > 1 else ""
            gate = f"stops{folds}: {', '.join(kinds)}"
        return [
            self.split,
            self.corpus,
            str(len(self.audits)),
            *(spread(str(count[role]) for count in counts) for role in splits.ROLES),
            *(spread(audit.share(kind) for audit in self.audits) for kind in KINDS),
            spread(audit.share("content", "validation") for audit in self.audits),
            "; ".join(dict.fromkeys(audit.measures for audit in self.audits)),
            gate,
        ]


def write(
    path: str | os.PathLike = DOCUMENT,
    data: str | os.PathLike = files.DATA,
    cache: str | os.PathLike = files.CACHE,
) -> None:
    """Audit the corpora below a folder, and fill the tables of the document.

    Args:
        path: Document to write; one that does not exist begins as a copy of `DOCUMENT`.
        data: Folder with the corpora.
        cache: Folder in which the facts about each file are remembered.

    Raises:
        SerKerasError: There is no corpus below `data`, or a slot is missing in the document.
    """
    indices = read_corpora(data, cache)
    missing = [corpus.name for corpus in _recorded() if corpus.name not in indices]
    if not indices:
        raise SerKerasError(data, f"holds none of {', '.join(missing)}", "Check --data")
    published = systems(indices, cache)
    own = [row for index in indices.values() for row in folds(index, cache)]
    template = path if Path(path).is_file() else DOCUMENT
    files.fill_slots(path, slots(published, own, missing, indices), template)


def read_corpora(
    data: str | os.PathLike, cache: str | os.PathLike = files.CACHE
) -> dict[str, Index]:
    """Return name -> index of each corpus of recordings below a folder."""
    homes = {corpus: corpus.find(data) for corpus in _recorded()}
    return {
        corpus.name: corpus.index(home, cache) for corpus, home in homes.items() if home is not None
    }


def open_systems() -> dict[str, Recipe]:
    """Return name -> a recipe of each system that was published on one corpus open to all.

    Recipes that share a draw are one system. Left out are systems whose own data cannot be had
    (adafnn-transformer) or whose authors pooled corpora and published no list
    (attention-three-corpora).
    """
    systems: dict[str, Recipe] = {}
    for recipe in map(recipes.get, recipes.names()):
        published_on = {(published.corpus,) for published in recipe.published}
        if not recipe.corrects and recipe.corpora in published_on:
            systems.setdefault(recipe.draw_name, recipe)
    return systems


def systems(indices: dict[str, Index], cache: str | os.PathLike = files.CACHE) -> list[Row]:
    """Return the splits of the published systems whose corpora are there, once and doubled."""
    once, twice = [], []
    for name, recipe in open_systems().items():
        if (index := indices.get(recipe.corpora[0])) is None:
            continue
        split = splits.make(index, "paper", draw=recipe.draw)
        once.append(_row(name, index, [split.table], split.forbids, cache))
        if double := _DOUBLED.get(name):
            table = double(index.table, recipe)
            twice.append(_row(name + _TWICE, index, [table], split.forbids, cache))
    return once + twice


def folds(
    index: Index,
    cache: str | os.PathLike = files.CACHE,
    protocols: Sequence[str] | None = None,
) -> list[Row]:
    """Return our own splits of a corpus; if it repeats recordings, also as it was downloaded."""
    rows = []
    for protocol in protocols or splits.of_one_corpus(index.corpus):
        for name, clips in ((protocol, index), (f"{protocol}, as downloaded", _downloaded(index))):
            if clips is not None:
                numbers = range(splits.folds(clips, protocol))
                drawn = [splits.make(clips, protocol, fold=number) for number in numbers]
                tables = [split.table for split in drawn]
                rows.append(_row(name, index, tables, drawn[0].forbids, cache))
    return rows


def slots(
    published: Iterable[Row], own: Iterable[Row], missing: Iterable[str], indices: dict[str, Index]
) -> dict[str, str]:
    """Return the text of each slot of the document.

    Args:
        published: Rows of the published systems.
        own: Rows of our folds.
        missing: Names of the corpora that are not there.
        indices: Indices of those that are.
    """
    published = list(published)
    repeats = []
    for name, index in indices.items():
        if corpora.get(name).repeats:
            n = index.table["content"].nunique() - len(index.clips)
            repeats.append(f"- {name}: {console.count(n, 'recording')}")
    return {
        "systems": console.markdown(COLUMNS, (row.cells() for row in published)),
        "copies": "\n".join(map(_copies, (row for row in published if row.split.endswith(_TWICE)))),
        "folds": console.markdown(COLUMNS, (row.cells() for row in own)),
        "repeats": "\n".join(repeats) or "- none of the corpora that were there",
        "missing": ", ".join(missing) or "none",
    }


def spread(values: Iterable[str]) -> str:
    """Return the one value of all folds, or the least and the greatest.

    Example:
        >>> spread(["198 of 200", "197 of 200"])
        '197 to 198 of 200'
    """
    values = list(dict.fromkeys(values))
    try:
        columns = zip(*([int(n) for n in value.split(" of ")] for value in values), strict=True)
        spans = [(min(column), max(column)) for column in columns]
    except ValueError:  # a value is "not known"
        return ", ".join(values)
    return " of ".join(str(low) if low == high else f"{low} to {high}" for low, high in spans)


def _recorded() -> list[corpora.Corpus]:
    """Return the corpora that people have recorded and published."""
    known = map(corpora.get, corpora.names())
    return [corpus for corpus in known if not corpus.place and not corpus.synthetic]


def _row(split: str, index: Index, tables: list[pd.DataFrame], forbids, cache) -> Row:
    """Audit lists as a user would: written as CSV, with the clips in the corpus's own folder."""
    console.say(f"{index.corpus}, {split}: {console.count(len(tables), 'fold')}")
    audits = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "split.csv"
        for table in tables:
            files.write_csv(path, table[["path", "speaker", "text", "role"]])
            audits.append(audit(path, index.root, cache=cache))
    return Row(split, index.corpus, tuple(audits), forbids)


def _downloaded(index: Index) -> Index | None:
    """Return the index with the repeats that only the corpus's loader knows, or None."""
    table = index.table
    first = table.groupby("content")["path"].transform("first")
    by_sound = table.assign(duplicate_of=first.where(first != table["path"]))
    if by_sound["duplicate_of"].isna().sum() == len(index.clips):
        return None
    return dataclasses.replace(index, table=by_sound)


def _attention_tess(table: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """The 40 test clips are taken by hand out of the 14 outer folders; the script walks all files
    that are left, and draws 12.5 % of them for validation."""
    import pandas as pd
    from sklearn.model_selection import train_test_split

    role = recipe.draw(table, 0, 0)
    outer = table.assign(role=pd.Series(role, table.index).where(role == "test", "train"))
    both = pd.concat([outer, _inner(table, recipe).assign(role="train")], ignore_index=True)
    rest = both.index[both["role"] == "train"]
    both.loc[train_test_split(rest, test_size=0.125, random_state=42)[1], "role"] = "validation"
    return both


def _acnt_ravdess(table: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """The script walks all files, and draws among them as it would among clips."""
    import pandas as pd

    both = pd.concat([table, _inner(table, recipe)], ignore_index=True)
    return both.assign(role=recipe.draw(both, 0, 0))


# Splits that the authors' code makes of the usual download, which holds the corpus twice. The other
# systems published counts of each clip once.
_DOUBLED: dict[str, Callable[[pd.DataFrame, Recipe], pd.DataFrame]] = {
    "attention-tess": _attention_tess,
    "acnt-ravdess": _acnt_ravdess,
}


def _inner(table: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """Return the clips once more, below the folder inside the corpus that has them again."""
    return table.assign(path=f"{corpora.get(recipe.corpora[0]).nested}/" + table["path"])


def _copies(row: Row) -> str:
    """Return the share of validation and test clips that a model has learned from, in words."""
    table = row.audits[0].listing.table
    shares = []
    for role, sides in {"validation": ["train"], "test": ["train", "validation"]}.items():
        clips = table.loc[table["role"] == role, "content"]
        n = clips.isin(table.loc[table["role"].isin(sides), "content"]).sum()
        shares.append(f"{n} of {len(clips)} {role} clips ({100 * n / len(clips):.0f} %)")
    return f"- {row.split.removesuffix(_TWICE)}: {', '.join(shares)}"
