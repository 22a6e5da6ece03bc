"""The gate for anyone's split: what its sides share, and what it therefore measures.

Run it as `python -m ser_keras.audit PATH...`; nothing is trained. What forms it reads, and what is
guessed where a list does not tell, is the worry of `listings`. Recordings that a model is scored on
pass the same gate (`against`). A speaker or text that nobody can see is unknown, never disjoint.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections import ChainMap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras import corpora, files, leakage, listings
from ser_keras.errors import SerKerasError, Skipped
from ser_keras.leakage import KINDS, LeakageReport, Pair
from ser_keras.listings import Listing, count
from ser_keras.splits import Split

if TYPE_CHECKING:
    import pandas as pd

FORBIDDEN = ("content", "near")  # by default: what no protocol but a careless one allows
_ANY = "audit"  # the store of fingerprints for clips of no one corpus


@dataclass(frozen=True, eq=False)
class Audit:
    """What the sides of a split share, and what it therefore measures.

    Args:
        listing: What was audited.
        report: Counts and pairs as of `leakage.check`; None where nobody can know.
        renamed: Pairs of one sound, or nearly one, under two speakers or two texts, on any sides:
            `kind` is the column at fault, `shared` its two values.
        unknown: How many clips have no known speaker, and text.
        sound: Whether the clips themselves were looked at.
        skipped: Clips that were not found or cannot be read.
    """

    listing: Listing
    report: LeakageReport
    renamed: tuple[Pair, ...]
    unknown: dict[str, int]
    sound: bool
    skipped: tuple[Skipped, ...]

    def shared(self, kind: str) -> bool | None:
        """Return whether test shares a kind with the rest; None where nobody can know.

        Who shares a sound shares its voice and its wording, whatever the labels say.
        """
        own = self.report.test[kind]
        if kind in ("speaker", "text") and (
            self.report.test["content"] or self.report.test["near"]
        ):
            return True
        return None if own is None else own > 0

    @property
    def rung(self) -> str:
        """The protocol that the split really follows: "random" (speakers and texts are shared),
        "text", "speaker", "speaker-text", or "unknown". What is unknown is taken for shared."""
        return _rung(self.shared("speaker"), self.shared("text"))

    @property
    def measures(self) -> str:
        """The rung in words: "seen speakers, unseen texts"."""
        words = {True: "seen {}s", False: "unseen {}s", None: "{}s not known"}
        return ", ".join(words[self.shared(kind)].format(kind) for kind in ("speaker", "text"))

    @property
    def rung_by_labels(self) -> str:
        """The rung that it would have without the sounds that the sides share."""
        shared = (self.report.test[kind] for kind in ("speaker", "text"))
        return _rung(*(None if n is None else n > 0 for n in shared))

    def share(self, kind: str, role: str = "test") -> str:
        """Return how much of a side the clips that it is held against have: "1 of 2".

        Args:
            kind: One of `KINDS`; of near-duplicates the pairs are told.
            role: "test", held against the rest, or "validation", held against training.
        """
        n = {"test": self.report.test, "validation": self.report.validation}[role][kind]
        if n is None or kind == "near":
            return "not known" if n is None else str(n)
        key = ["content"] if kind == "content" else ["corpus", kind]
        side = self.listing.table[self.listing.table["role"] == role]
        return f"{n} of {len(side.dropna(subset=[kind]).drop_duplicates(key))}"

    def failures(self, forbid: Iterable[str] = FORBIDDEN) -> tuple[str, ...]:
        """Return the forbidden kinds that are shared, or are speakers or texts nobody can see."""
        found = {kind: self.shared(kind) for kind in KINDS if kind in forbid}
        return tuple(
            kind for kind, yes in found.items() if yes or (yes is None and kind not in FORBIDDEN)
        )

    def sentences(self) -> list[str]:
        """Return what was found, and what to do about it, a sentence each."""
        counts = ", ".join(f"{n} {role}" for role, n in self.listing.counts().items())
        told = [f"{self.listing.name} ({self.listing.form}): {counts}"]
        if self.skipped:
            some = "; ".join(f"{file.path} {file.reason}" for file in self.skipped[:5])
            more = f" and {len(self.skipped) - 5} more" if len(self.skipped) > 5 else ""
            told.append(f"{count(len(self.skipped), 'clip')} could not be read: {some}{more}")
        told += [self._told(kind) for kind in KINDS]
        told += self._told_renamed()
        told.append(self._told_rung())
        return [f"{text}." for text in [*told, *self._remedies()]]

    def to_json(self) -> dict:
        """Return everything as plain values."""
        return {
            "format": 1,
            "name": self.listing.name,
            "form": self.listing.form,
            "clips": self.listing.counts(),
            "guessed": list(self.listing.notes),
            "sound": self.sound,
            "test": dict(self.report.test),
            "validation": dict(self.report.validation),
            "shared": {kind: self.shared(kind) for kind in KINDS},
            "unknown": dict(self.unknown),
            "rung": self.rung,
            "rung_by_labels": self.rung_by_labels,
            "pairs": [dataclasses.asdict(pair) for pair in self.report.pairs],
            "renamed": [dataclasses.asdict(pair) for pair in self.renamed],
            "unreadable": [dataclasses.asdict(file) for file in self.skipped],
            "remedies": self._remedies(),
        }

    def _told(self, kind: str) -> str:
        n, noun = self.report.test[kind], KINDS[kind]
        if n is None:
            if kind in FORBIDDEN:
                return f"{noun.capitalize()}s: not looked for, the clips were not heard"
            some = f" of {self.unknown[kind]} of {len(self.listing.table)} clips"
            return f"{noun.capitalize()}s: unknown{some}; nobody can call the sides disjoint"
        if not n:
            return f"{noun.capitalize()}s: none is shared between test and the rest"
        pairs = [str(pair) for pair in self.report.pairs if pair.kind == kind][:5]
        return f"{noun.capitalize()}s: test and the rest share {n}: {'; '.join(pairs)}"

    def _told_renamed(self) -> list[str]:
        told = []
        for kind in ("speaker", "text"):
            pairs = [pair for pair in self.renamed if pair.kind == kind]
            if pairs:
                some = "; ".join(map(str, pairs[:5]))
                told.append(f"{count(len(pairs), 'sound')} under two {kind}s: {some}")
        return told

    def _told_rung(self) -> str:
        words = {
            "random": "speakers and texts are shared, as in a random split",
            "text": "unseen texts",
            "speaker": "unseen speakers",
            "speaker-text": "unseen speakers saying unseen texts",
            "unknown": "nobody can say, as speakers or texts are unknown",
        }
        told = f"What it measures: {self.rung} ({words[self.rung]})"
        missing = [kind for kind in ("speaker", "text") if self.shared(kind) is None]
        if self.rung != "unknown" and missing:
            told += f"; whether {missing[0]}s are shared is unknown"
        if self.rung_by_labels not in (self.rung, "unknown"):
            told += f"; without the shared sounds it would be {self.rung_by_labels}"
        return told

    def _remedies(self) -> list[str]:
        told = []
        if self.report.test["content"] or self.report.test["near"]:
            told.append("Leave one clip of each such pair out of training")
        if self.renamed:
            told.append("Ask which of the labels of these sounds is right")
        for kind in ("speaker", "text"):
            if self.report.test[kind] is None:
                told.append(f"Name the {kind}s, in a CSV with the columns path, {kind} and role")
        if self.report.test["speaker"]:
            told.append("Call it a figure on known speakers, or hold speakers out of training")
        if self.report.test["text"]:
            told.append("Call it a figure on known texts, or hold texts out of training")
        return told


def audit(
    paths: str | os.PathLike | Iterable[str | os.PathLike],
    data: str | os.PathLike = files.DATA,
    *,
    cache: str | os.PathLike = files.CACHE,
    sound: bool = True,
    fold: str | None = None,
    jobs: int | None = None,
) -> Audit:
    """Return what the sides of a split share.

    Args:
        paths: One list, folder or run; or one list a side.
        data: Folder below which clips are looked for that are not where the list says.
        cache: Where it is remembered what the files hold.
        sound: Whether to look at the clips; without, copies are known by name alone.
        fold: As of `listings.read`.
        jobs: Threads; None for one a core, at most 8.

    Raises:
        SerKerasError: As of `listings.read`, or no clip can be read.
    """
    listing = listings.read(paths, data, fold=fold)
    table = listing.table
    if not sound:  # a copy has the same name, as far as names tell
        report = leakage.check(_split(table.assign(content=table["named"])))
        blind = [_blinded(side, ("content",)) for side in (report.test, report.validation)]
        report = LeakageReport(blind[0], blind[1], report.pairs)
        return _judged(listing, table.assign(content=table["named"]), report, False, [])
    if table["start"].notna().any():
        problem = "its clips are parts of longer files, which are not looked into"
        raise SerKerasError(listing.name, problem, "Audit names alone with --no-sound")
    table, store, skipped = _heard(listing, Path(data), cache, jobs)
    report = _checked(table, table.dropna(subset="content"), store)
    return _judged(listing, table, report, True, skipped)


def against(
    given: Mapping[str, str],
    learned: Iterable[str],
    split: str | os.PathLike,
    corpus: str,
    *,
    cache: str | os.PathLike = files.CACHE,
) -> Audit:
    """Return what recordings share with the clips that a model learned from or was chosen by.

    Near-duplicates are looked for where the cache holds the fingerprints of all those clips: a
    model travels without its corpus, and without what could be reckoned from it.

    Args:
        given: Path -> content of the recordings, which are the test side; their speakers and texts
            are read from their names.
        learned: Contents of the model's training and validation clips.
        split: The list of its run, which tells their speakers and texts; need not exist.
        corpus: That it was trained on.
        cache: Where fingerprints are kept.
    """
    import pandas as pd

    learned = list(learned)
    said = listings.said_by_names(list(given))
    nobody = (None, corpora.Parsed(None, ""))
    test = [
        (path, corpus_, parsed.speaker, parsed.text, "test", content)
        for path, content in given.items()
        for corpus_, parsed in [said.get(path, nobody)]
    ]
    columns = ["path", "corpus", "speaker", "text", "role", "content"]
    # A bundle tells what sounds it learned, its run's list tells whose, neither which is which.
    of_sounds = [(content, None, None, None, "train", content) for content in learned or [None]]
    sounds = pd.DataFrame([*test, *of_sounds])
    labels = pd.DataFrame([*test, *_learned_rows(split, corpus)])
    sounds, labels = (
        table.set_axis(columns, axis=1).astype("string") for table in (sounds, labels)
    )
    report = _checked(labels, sounds, _prints(given, learned, corpus, cache))
    listing = Listing("recordings", "recordings", labels, ())
    return _judged(listing, labels, report, True, [])


def _rung(speaker: bool | None, text: bool | None) -> str:
    disjoint = [kind for kind, yes in (("speaker", speaker), ("text", text)) if yes is False]
    if disjoint:
        return "-".join(disjoint)
    return "random" if speaker and text else "unknown"


def _blinded(counts: dict, kinds: Iterable[str]) -> dict:
    """Return counts without the zeros that nobody can vouch for."""
    return {kind: (n or None) if kind in kinds else n for kind, n in counts.items()}


def _checked(labels: pd.DataFrame, sounds: pd.DataFrame, prints) -> LeakageReport:
    """Return what the sides share: speakers and texts of all clips, sounds of those heard."""
    told = leakage.check(_split(labels))
    heard = leakage.check(_split(sounds), prints)
    test, validation = (
        {kind: (a if kind in FORBIDDEN else b)[kind] for kind in KINDS}
        for a, b in ((heard.test, told.test), (heard.validation, told.validation))
    )
    pairs = [pair for pair in heard.pairs if pair.kind in FORBIDDEN]
    pairs += [pair for pair in told.pairs if pair.kind not in FORBIDDEN]
    return LeakageReport(test, validation, tuple(pairs))


def _judged(listing, table, report: LeakageReport, sound: bool, skipped) -> Audit:
    """Return the audit: what some clips do not tell is no zero."""
    listing = dataclasses.replace(listing, table=table)
    unknown = {kind: int(table[kind].isna().sum()) for kind in ("speaker", "text")}
    dark = [kind for kind, n in unknown.items() if n]
    test, validation = (_blinded(side, dark) for side in (report.test, report.validation))
    report = LeakageReport(test, validation, report.pairs)
    return Audit(listing, report, _renamed(table, report), unknown, sound, tuple(skipped))


def _renamed(table: pd.DataFrame, report: LeakageReport) -> tuple[Pair, ...]:
    """Return the pairs of one sound, or nearly, whose speakers or texts are said to differ."""
    rows = table.drop_duplicates("path").set_index("path")
    near = [(pair.first, pair.second) for pair in report.pairs if pair.kind == "near"]
    alike = table.dropna(subset="content")
    alike = alike[alike["content"].duplicated(keep=False)]
    pairs = []
    for kind in ("speaker", "text"):
        value = rows[kind].dropna().to_dict()
        for first, second in near:
            if value.keys() >= {first, second} and value[first] != value[second]:
                shared = f"{value[first]}, {value[second]}"
                pairs.append(Pair(kind, first, second, shared))
        told = alike.dropna(subset=kind).drop_duplicates(["content", kind])
        for _, same in told.groupby("content", sort=False):
            (first, here), *others = zip(same["path"], same[kind], strict=True)
            pairs += [Pair(kind, first, path, f"{here}, {there}") for path, there in others]
    return tuple(pairs)


def _split(table: pd.DataFrame) -> Split:
    return Split(None, "paper", 0, 0, table, ())


def _heard(listing: Listing, data: Path, cache, jobs):
    """Return the table with contents, the fingerprints, and the clips that have none."""
    import pandas as pd

    from ser_keras.cache import FeatureStore, Memory

    table = listing.table
    there = table.dropna(subset="file")
    clips, failed = Memory(cache).inspect(list(dict.fromkeys(there["file"])), jobs=jobs)
    if not clips:
        problem = f"none of its {count(len(table), 'clip')} can be read"
        first = failed[0] if failed else f"{table['path'].iloc[0]} was not found"
        remedy = f"Name the folder with --data ({first}), or audit names alone with --no-sound"
        raise SerKerasError(listing.name, problem, remedy.replace(".)", ")"))
    found = table["corpus"].dropna().unique()
    name = _store_of(found[0]) if len(found) == 1 else _ANY
    store = FeatureStore(name, leakage.SPEC, cache)
    contents = [clip.content for clip in clips.values()]
    failed += store.fill(list(clips), contents, jobs=jobs, title="fingerprints")
    content = {file: clip.content for file, clip in clips.items() if clip.content in store}
    column = pd.array([content.get(file) for file in table["file"].fillna("")], dtype="string")
    listed_as = dict(zip(there["file"], there["path"], strict=True))
    skipped = [Skipped(path, "was not found") for path in table.loc[table["file"].isna(), "path"]]
    skipped += [Skipped(listed_as[file.path], file.reason) for file in failed]
    return table.assign(content=column), store, skipped


def _store_of(corpus: str) -> str:
    """Return the store that `runs` keeps a corpus's fingerprints in; lists may tell any name."""
    return corpus if re.fullmatch(r"[\w+-]+", corpus) else _ANY


def _learned_rows(split: str | os.PathLike, corpus: str) -> list[tuple]:
    """Return path, corpus, speaker, text, role, content of what a run learned from, as it is told.

    One row without labels stands for a list that is not there: it is known of nothing.
    """
    if not Path(split).is_file():
        return [(os.fspath(split), None, None, None, "train", None)]
    table = Split.read(split).table
    table = table[table["role"] != "test"]
    said = listings.said_by_names(list(table["path"]))  # of pooled corpora, each clip has its own
    return [
        (path, said.get(path, (corpus,))[0], speaker, text, "train", None)
        for path, speaker, text in zip(table["path"], table["speaker"], table["text"], strict=True)
    ]


def _prints(given: Mapping[str, str], learned: list[str], corpus: str, cache):
    """Return the fingerprints of both sides, or None where those of the learned are not at hand."""
    from ser_keras.cache import FeatureStore

    own, mixed = (FeatureStore(name, leakage.SPEC, cache) for name in (_store_of(corpus), _ANY))
    prints = ChainMap(own, mixed)
    if not learned or any(content not in prints for content in learned):
        return None
    fresh = {path: content for path, content in given.items() if content not in prints}
    failed = mixed.fill(list(fresh), list(fresh.values()), title="fingerprints")
    return None if failed else prints


if __name__ == "__main__":  # `python -m` names this file; arguments are the command line's worry
    from ser_keras.cli import audit as command

    command.main()
