"""What the splits that people use share: the published systems' and our own, in one document.

Run it as `python -m ser_keras.audit --publish`. Every row is an audit of the recordings themselves;
no figure is typed by hand, and what is not there is named as not audited.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras import audit, console, corpora, files, splits
from ser_keras.audit import Audit
from ser_keras.corpora import Index
from ser_keras.errors import SerKerasError

if TYPE_CHECKING:
    import pandas as pd

DOCUMENT = files.RESULTS / "audits.md"
COLUMNS = (
    *("split", "corpus", "folds", "train", "validation", "test", "sounds", "near-duplicates"),
    *("speakers", "texts", "validation sounds", "what it measures", "gate"),
)

_SYSTEMS = {  # system -> corpus; that of adafnn-transformer cannot be had
    "attention-tess": "tess",
    "mean-mfcc-lstm": "tess",
    "acnt-ravdess": "ravdess",
    "mel-cnn-aesdd": "aesdd",
}
_NESTED = {  # where the usual download has everything again
    "tess": "TESS Toronto emotional speech set data",
    "ravdess": "audio_speech_actors_01-24",
}

_ABOUT = """\
# What the splits share

Written by `python -m ser_keras.audit --publish --data DIR`, which listens to the recordings and
trains nothing. Sounds, speakers and texts are those of the test side: "1 of 2" means that it has
two, one of which the clips that a model learns from, or is chosen by, have too. Near-duplicates are
pairs of clips that are one recording, though not bit by bit. "Validation sounds" is the same for
the validation side, held against training. Where folds differ, the least and the most are given.
The gate is what `python Emotion_Recognition.py` asks before it trains: no split may share sounds,
all but the published ones may share no near-duplicates, and none what it is named after.
"""
_OF_SYSTEMS = """\
## The published systems' ways

Drawn as their code draws, with its seed. A row with *every clip twice* is what that code does with
the usual download, which holds the corpus again in a folder inside it, and without a look for it.

{table}

What to make of it: these systems are tested on the voices and, nearly always, the words that they
were trained on. Such a figure tells how well a known voice is sorted, and nothing of a new one.
No list shows everything: mel-cnn-aesdd also chose its epoch on its test clips.
{twice}"""
_TWICE = """
With every clip twice, the twin is among those that the model learned from, of:

{told}

Such a clip has been learned by heart. Look for equal sounds before you split, not for equal names.
"""
_OF_OURS = """\
## Our folds

As `splits.make` draws them with seed 0, all folds.

{table}

What to make of it: read `random` beside the systems above, it measures the same; `speaker` is a new
voice, `text` new words, `speaker-text` both. Where a corpus has few sentences for all (two in
RAVDESS), or ties its sentences to emotions (ASED, SAVEE), new words are few and a figure on them
rests on little.
"""
_REPEATED = """\
As downloaded, {corpus} holds {n} recordings again under another name, nearly the same in sound; its
loader leaves them out. Drawing other test clips does not mend that: the gate stops every run that
parts such a pair.
"""


@dataclass(frozen=True)
class Row:
    """The audits of all folds of one way to split a corpus.

    Args:
        split: What it is called.
        corpus: What is split.
        audits: One a fold.
        forbids: What test may not share with the rest.
    """

    split: str
    corpus: str
    audits: tuple[Audit, ...]
    forbids: tuple[str, ...]

    def refused(self) -> dict[int, tuple[str, ...]]:
        """Return fold -> what it shares although that is forbidden, of the folds that do."""
        found = {fold: one.failures(self.forbids) for fold, one in enumerate(self.audits)}
        return {fold: kinds for fold, kinds in found.items() if kinds}

    def cells(self) -> list[str]:
        """Return the row's cells, in the order of `COLUMNS`."""
        counts = [one.listing.counts() for one in self.audits]
        return [
            self.split,
            self.corpus,
            str(len(self.audits)),
            *(_spread(str(count[role]) for count in counts) for role in splits.ROLES),
            *(_spread(one.share(kind) for one in self.audits) for kind in audit.KINDS),
            _spread(one.share("content", "validation") for one in self.audits),
            "; ".join(dict.fromkeys(one.measures for one in self.audits)),
            self._gate(),
        ]

    def _gate(self) -> str:
        refused = self.refused()
        if not refused:
            return "passes"
        kinds = dict.fromkeys(audit.KINDS[kind] for kinds in refused.values() for kind in kinds)
        folds = f" folds {', '.join(map(str, refused))}" if len(self.audits) > 1 else ""
        return f"stops{folds}: {', '.join(kinds)}"


def write(
    path: str | os.PathLike = DOCUMENT,
    data: str | os.PathLike = files.DATA,
    cache: str | os.PathLike = files.CACHE,
) -> None:
    """Audit what lies below a folder, and write the document.

    Raises:
        SerKerasError: None of the corpora is there.
    """
    found = indices(data, cache)
    missing = [
        name for name in corpora.names() if _is_recorded(corpora.get(name)) and name not in found
    ]
    if not found:
        raise SerKerasError(data, f"holds none of {', '.join(missing)}", "Check --data")
    theirs = systems(found, cache)
    ours = [row for index in found.values() for row in folds(index, cache)]
    files.write_text(path, document(theirs, ours, missing, found))


def indices(data: str | os.PathLike, cache: str | os.PathLike = files.CACHE) -> dict[str, Index]:
    """Return the index of each recorded corpus below a folder, by name."""
    known = [corpus for corpus in map(corpora.get, corpora.names()) if _is_recorded(corpus)]
    homes = {corpus: corpus.find(data) for corpus in known}
    return {
        corpus.name: corpus.index(home, cache) for corpus, home in homes.items() if home is not None
    }


def systems(found: dict[str, Index], cache: str | os.PathLike = files.CACHE) -> list[Row]:
    """Return the published systems' ways to split, of the corpora that are there."""
    rows = []
    for system, corpus in _SYSTEMS.items():
        if corpus in found:
            split = splits.make(found[corpus], "paper", paper=system)
            rows.append(_row(system, found[corpus], [split.table], split.forbids, cache))
    for system, draw in _UNGUARDED.items():
        corpus = _SYSTEMS[system]
        if corpus in found:
            forbids = splits.make(found[corpus], "paper", paper=system).forbids
            table = draw(found[corpus].table, _NESTED[corpus])
            rows.append(_row(f"{system}, every clip twice", found[corpus], [table], forbids, cache))
    return rows


def folds(
    index: Index,
    cache: str | os.PathLike = files.CACHE,
    protocols: Sequence[str] | None = None,
) -> list[Row]:
    """Return our own ways to split a corpus; of one that repeats itself, as downloaded too."""
    rows = []
    for protocol in protocols or splits.of_one_corpus(index.corpus):
        for name, clips in ((protocol, index), (f"{protocol}, as downloaded", _unmended(index))):
            if clips is not None:
                numbers = range(splits.folds(clips, protocol))
                drawn = [splits.make(clips, protocol, fold=number) for number in numbers]
                tables = [split.table for split in drawn]
                rows.append(_row(name, index, tables, drawn[0].forbids, cache))
    return rows


def document(
    theirs: list[Row], ours: list[Row], missing: Iterable[str], found: dict[str, Index]
) -> str:
    """Return the document in Markdown."""
    parts = [_ABOUT]
    if theirs:
        parts.append(_OF_SYSTEMS.format(table=markdown(theirs), twice=_told_twice(theirs)))
    parts.append(_OF_OURS.format(table=markdown(ours)))
    for index in found.values():
        corpus = corpora.get(index.corpus)
        if corpus.repeats:
            again = index.table["content"].nunique() - len(index.clips)
            parts.append(_REPEATED.format(corpus=corpus.name, n=again))
    if missing := list(missing):
        parts.append(f"Not audited, because not at hand: {', '.join(missing)}.\n")
    return "\n".join(parts)


def markdown(rows: Iterable[Row]) -> str:
    """Return rows as a table in Markdown."""
    cells = [COLUMNS, ["---"] * len(COLUMNS), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _is_recorded(corpus: corpora.Corpus) -> bool:
    return not corpus.place and not corpus.synthetic


def _row(split: str, index: Index, tables: list[pd.DataFrame], forbids, cache) -> Row:
    """Audit lists as anyone would: written as CSV, the clips below the corpus's own folder."""
    console.say(f"{index.corpus}, {split}: {_count(len(tables))}")
    audits = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "split.csv"
        for table in tables:
            files.write_csv(path, table[["path", "speaker", "text", "role"]])
            audits.append(audit.audit(path, index.root, cache=cache))
    return Row(split, index.corpus, tuple(audits), forbids)


def _count(n: int) -> str:
    return "1 fold" if n == 1 else f"{n} folds"


def _unmended(index: Index) -> Index | None:
    """Return the index with the clips that only its loader knows to repeat others, if any."""
    table = index.table
    first = table.groupby("content")["path"].transform("first")
    alone = table.assign(duplicate_of=first.where(first != table["path"]))
    if alone["duplicate_of"].isna().sum() == len(index.clips):
        return None
    return dataclasses.replace(index, table=alone)


def _twice(table: pd.DataFrame, nested: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the files of a corpus, and again those of the folder inside it."""
    return table, table.assign(path=f"{nested}/" + table["path"])


def _attention_tess(table: pd.DataFrame, nested: str) -> pd.DataFrame:
    """The hand takes its 40 clips out of the 14 folders that it sees; the script walks all files
    that are left, and draws 12.5 % of them for validation."""
    import pandas as pd
    from sklearn.model_selection import train_test_split

    outer, inner = _twice(table, nested)
    drawn = splits.PAPERS["attention-tess"](outer, 0, 0)
    outer = outer.assign(role=pd.Series(drawn, outer.index).where(drawn == "test", "train"))
    both = pd.concat([outer, inner.assign(role="train")], ignore_index=True)
    rest = both.index[both["role"] == "train"]
    both.loc[train_test_split(rest, test_size=0.125, random_state=42)[1], "role"] = "validation"
    return both


def _acnt_ravdess(table: pd.DataFrame, nested: str) -> pd.DataFrame:
    """The script walks all files and draws among them as among clips."""
    import pandas as pd

    both = pd.concat(_twice(table, nested), ignore_index=True)
    return both.assign(role=splits.PAPERS["acnt-ravdess"](both, 0, 0))


_UNGUARDED: dict[str, Callable[[pd.DataFrame, str], pd.DataFrame]] = {
    "attention-tess": _attention_tess,
    "acnt-ravdess": _acnt_ravdess,
}


def _told_twice(rows: list[Row]) -> str:
    """Return what the second copies did to validation and test, as measured."""
    told = []
    for row in rows:
        system, _, twice = row.split.partition(", ")
        if twice:
            table = row.audits[0].listing.table
            learned = {"validation": ("train",), "test": ("train", "validation")}
            parts = []
            for role, sides in learned.items():
                clips = table.loc[table["role"] == role, "content"]
                n = clips.isin(table.loc[table["role"].isin(sides), "content"]).sum()
                parts.append(f"{n} of {len(clips)} {role} clips ({100 * n / len(clips):.0f} %)")
            told.append(f"- {system}: {', '.join(parts)}")
    return _TWICE.format(told="\n".join(told)) if told else ""


def _spread(values: Iterable[str]) -> str:
    """Return the one value of all folds, or the least and the most: "197 to 199 of 200"."""
    values = list(dict.fromkeys(values))
    try:
        columns = zip(*([int(n) for n in value.split(" of ")] for value in values), strict=True)
        spans = [(min(column), max(column)) for column in columns]
    except ValueError:  # of some it is not known
        return ", ".join(values)
    return " of ".join(str(low) if low == high else f"{low} to {high}" for low, high in spans)
