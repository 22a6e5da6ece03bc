"""Checks what the sides of anyone's split share, and so what a result on it measures.

`python -m ser_keras.audit PATH...` runs it; nothing is trained. `foreign` reads the lists, in many
forms. `against` checks recordings that a model is scored on in the same way. A speaker or text that
is not known counts as unknown, never as disjoint.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ser_keras import console, corpora, files, leakage
from ser_keras.audit import foreign, own
from ser_keras.audit.foreign import Listing
from ser_keras.errors import SerKerasError, Skipped
from ser_keras.leakage import KINDS, LeakageReport, Pair
from ser_keras.splits import Split

if TYPE_CHECKING:
    import pandas as pd

FORBIDDEN = ("content", "near")  # by default; no careful protocol allows them
_ANY = "audit"  # name of the store of fingerprints for clips of several or unknown corpora


@dataclass(frozen=True, eq=False)
class Audit:
    """The result of an audit: what the sides of a split share.

    Args:
        listing: The split.
        report: Counts and pairs as in `leakage.check`; a count is None if it is not known.
        renamed: Pairs of clips, on any sides, with the same or nearly the same sound under two
            speakers or two texts: `kind` is the column, `shared` has its two values.
        unknown: Number of clips without a known speaker, and without a known text.
        sound: Whether the sound files were compared.
        skipped: Clips that were not found or cannot be read.
    """

    listing: Listing
    report: LeakageReport
    renamed: tuple[Pair, ...]
    unknown: dict[str, int]
    sound: bool
    skipped: tuple[Skipped, ...]

    def shared(self, kind: str) -> bool | None:
        """Return whether test shares a kind with the other sides; None if that is not known.

        Clips that share a sound share a speaker and a text too, whatever their labels say.
        """
        n = self.report.test[kind]
        if kind in ("speaker", "text") and (
            self.report.test["content"] or self.report.test["near"]
        ):
            return True
        return None if n is None else n > 0

    @property
    def rung(self) -> str:
        """The protocol that the split amounts to: "random" (speakers and texts are shared),
        "text", "speaker", "speaker-text", or "unknown". It is unknown where the speakers are; texts
        that are not known count as shared."""
        return _rung(self.shared("speaker"), self.shared("text"))

    @property
    def measures(self) -> str:
        """The rung in words, such as "seen speakers, unseen texts"."""
        words = {True: "seen {}s", False: "unseen {}s", None: "{}s not known"}
        return ", ".join(words[self.shared(kind)].format(kind) for kind in ("speaker", "text"))

    @property
    def rung_by_labels(self) -> str:
        """The rung that the split would have if the sides shared no sounds."""
        counts = (self.report.test[kind] for kind in ("speaker", "text"))
        return _rung(*(None if n is None else n > 0 for n in counts))

    def share(self, kind: str, role: str = "test") -> str:
        """Return how much of a side is shared, such as "1 of 2"; for "near" the number of pairs.

        Args:
            kind: One of `KINDS`.
            role: "test", compared with the other sides, or "validation", compared with training.
        """
        n = {"test": self.report.test, "validation": self.report.validation}[role][kind]
        if n is None or kind == "near":
            return "not known" if n is None else str(n)
        key = ["content"] if kind == "content" else ["corpus", kind]
        side = self.listing.table[self.listing.table["role"] == role]
        return f"{n} of {len(side.dropna(subset=[kind]).drop_duplicates(key))}"

    def failures(self, forbid: Iterable[str] = FORBIDDEN) -> tuple[str, ...]:
        """Return the forbidden kinds that are shared or not known; names alone tell no sounds."""
        shared = {kind: self.shared(kind) for kind in KINDS if kind in forbid}
        unsure = [kind for kind in KINDS if kind not in FORBIDDEN or self.skipped]
        return tuple(k for k, yes in shared.items() if yes or (yes is None and k in unsure))

    def sentences(self) -> list[str]:
        """Return the findings and the remedies, each a sentence."""
        counts = ", ".join(f"{n} {role}" for role, n in self.listing.counts().items())
        texts = [f"{self.listing.name} ({self.listing.form}): {counts}"]
        unheard = console.count(len(self.skipped), "clip")
        if self.skipped:
            reasons = (f"{file.path} {file.reason}" for file in self.skipped)
            texts.append(f"{unheard} could not be heard: {console.listed(reasons)}")
        for kind, noun in KINDS.items():
            n = self.report.test[kind]
            if n:
                pairs = [str(pair) for pair in self.report.pairs if pair.kind == kind][:5]
                finding = f"test and the other sides share {n}: {'; '.join(pairs)}"
            elif n == 0:
                finding = "test and the other sides share none"
            elif kind in FORBIDDEN and self.skipped:
                finding = f"unknown, because {unheard} could not be heard"
            elif kind in FORBIDDEN:
                finding = "not compared, because the sound files were not read"
            else:
                unknown = f"{self.unknown[kind]} of {len(self.listing.table)} clips"
                finding = f"unknown for {unknown}, so the sides cannot be called disjoint"
            texts.append(f"{noun.capitalize()}s: {finding}")
        for kind in ("speaker", "text"):
            pairs = [str(pair) for pair in self.renamed if pair.kind == kind]
            if pairs:
                sounds = console.count(len(pairs), "sound")
                texts.append(f"{sounds} under two {kind}s: {'; '.join(pairs[:5])}")
        rung = f"What it measures: {self.measures}"
        if self.rung != "unknown":
            rung += f" (protocol {self.rung})"
            if self.skipped:
                rung += ", by the labels and the clips that could be heard"
        if self.rung_by_labels not in (self.rung, "unknown"):
            rung += f"; without the shared sounds it would be protocol {self.rung_by_labels}"
        return [f"{text}." for text in [*texts, rung, *self._remedies()]]

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

    def _remedies(self) -> list[str]:
        remedies = []
        if self.skipped:
            remedies.append("Name the folder of the missing clips with --data, or mend the list")
        if self.report.test["content"] or self.report.test["near"]:
            remedies.append("Leave one clip of each such pair out of training")
        if self.renamed:
            remedies.append("Find out which of the labels of these sounds is right")
        for kind in ("speaker", "text"):
            if self.report.test[kind] is None:
                remedies.append(f"Add the {kind}s, in a CSV with the columns path, {kind} and role")
        for kind in ("speaker", "text"):
            if self.report.test[kind]:
                report = f"Report the result as one on seen {kind}s"
                remedies.append(f"{report}, or keep the {kind}s of the test side out of training")
        return remedies


def audit(
    paths: str | os.PathLike | Iterable[str | os.PathLike],
    data: str | os.PathLike = files.DATA,
    *,
    cache: str | os.PathLike = files.CACHE,
    sound: bool = True,
    fold: str | None = None,
    roles: Mapping[str, str] | None = None,
    jobs: int | None = None,
) -> Audit:
    """Return what the sides of a split share.

    Args:
        paths: One list, folder or run; or one list for each side.
        data: Folder below which clips are searched that are not where the list says.
        cache: Folder in which the facts about each file are remembered.
        sound: Whether to compare the sound files; if not, copies are recognised by name alone.
        fold: Fold to test on, as in `foreign.read`.
        roles: Role of each value of a column, as in `foreign.read`.
        jobs: Number of threads; None for one per core, at most 8.

    Raises:
        SerKerasError: The list cannot be read (see `foreign.read`), or none of its clips can.
    """
    listing = foreign.read(paths, data, fold=fold, roles=roles)
    table = listing.table
    if not sound:  # copies are recognised by the facts in their names
        table = table.assign(content=table["identity"])
        report = leakage.check(_split(table))
        test, validation = (
            _without_zeros(side, ["content"]) for side in (report.test, report.validation)
        )
        report = LeakageReport(test, validation, report.pairs)
        return _result(listing, table, report, sound=False)
    if table["start"].notna().any():
        problem = "its clips are parts of longer files, and those are not compared"
        raise SerKerasError(listing.name, problem, "Audit names alone with --no-sound")
    table, store, skipped = _with_contents(listing, cache, jobs)
    report = _compared(table, table.dropna(subset="content"), store)
    return _result(listing, table, report, sound=True, skipped=skipped)


def against(
    recordings: Mapping[str, str],
    learned: Iterable[str],
    split: str | os.PathLike,
    corpus: str,
    *,
    cache: str | os.PathLike = files.CACHE,
) -> Audit:
    """Return what recordings share with the clips that a model was trained on or chosen by.

    Near-duplicates are searched only if the cache has the fingerprints of all those clips, because
    a model comes without its corpus.

    Args:
        recordings: Path -> content of the recordings. They are the test side; their speakers and
            texts are read from their names, or from the split list if they are its test clips.
        learned: Contents of the model's training and validation clips.
        split: Split list of the model's run, which has their speakers and texts; need not exist.
        corpus: Corpus that the model was trained on.
        cache: Folder with the fingerprints.
    """
    import pandas as pd

    learned = list(learned)
    by_name = own.names_of(list(recordings), split, corpus)
    stranger = (None, corpora.Parsed(None, ""))
    test = [
        (path, name, parsed.speaker, parsed.text, "test", content)
        for path, content in recordings.items()
        for name, parsed in [by_name.get(path, stranger)]
    ]
    columns = ["path", "corpus", "speaker", "text", "role", "content"]
    # A bundle has the contents of its clips, its run's list has their speakers and texts, and
    # neither says which content belongs to which row: hence two tables.
    contents: list[str | None] = [*learned] or [None]
    unlabelled = [(content, None, None, None, "train", content) for content in contents]
    sounds = pd.DataFrame([*test, *unlabelled])
    labels = pd.DataFrame([*test, *own.learned_rows(split, corpus)])
    sounds, labels = (
        table.set_axis(columns, axis=1).astype("string") for table in (sounds, labels)
    )
    report = _compared(labels, sounds, _prints(recordings, learned, corpus, cache))
    return _result(Listing("recordings", "recordings", labels, ()), labels, report, sound=True)


def _rung(speaker: bool | None, text: bool | None) -> str:
    if speaker is None or (speaker and text is None):
        return "unknown"
    disjoint = [kind for kind, yes in (("speaker", speaker), ("text", text)) if yes is False]
    return "-".join(disjoint) or "random"


def _without_zeros(counts: dict, kinds: Iterable[str]) -> dict:
    """Return counts with None in place of the zeros of kinds that are not fully known."""
    return {kind: (n or None) if kind in kinds else n for kind, n in counts.items()}


def _compared(labels: pd.DataFrame, sounds: pd.DataFrame, prints) -> LeakageReport:
    """Return what the sides share: speakers and texts by the one table, sounds by the other."""
    by_label = leakage.check(_split(labels))
    by_sound = leakage.check(_split(sounds), prints)
    test, validation = (
        {kind: (sound if kind in FORBIDDEN else label)[kind] for kind in KINDS}
        for sound, label in (
            (by_sound.test, by_label.test),
            (by_sound.validation, by_label.validation),
        )
    )
    pairs = [pair for pair in by_sound.pairs if pair.kind in FORBIDDEN]
    pairs += [pair for pair in by_label.pairs if pair.kind not in FORBIDDEN]
    return LeakageReport(test, validation, tuple(pairs))


def _result(
    listing: Listing,
    table: pd.DataFrame,
    report: LeakageReport,
    *,
    sound: bool,
    skipped: Iterable[Skipped] = (),
) -> Audit:
    """Return the audit; nothing shared is "not known" where speakers, texts or sounds are missing.

    A clip that was not heard may be a copy of any other.
    """
    skipped = tuple(skipped)
    listing = dataclasses.replace(listing, table=table)
    unknown = {kind: int(table[kind].isna().sum()) for kind in ("speaker", "text")}
    incomplete = [kind for kind, n in unknown.items() if n]
    unheard = set(table.loc[table["content"].isna(), "role"]) if skipped else set()
    test = _without_zeros(report.test, [*incomplete, *(FORBIDDEN if unheard else ())])
    inner = [*incomplete, *(FORBIDDEN if unheard - {"test"} else ())]
    report = LeakageReport(test, _without_zeros(report.validation, inner), report.pairs)
    return Audit(listing, report, _renamed(table, report), unknown, sound, skipped)


def _renamed(table: pd.DataFrame, report: LeakageReport) -> tuple[Pair, ...]:
    """Return the pairs with the same or nearly the same sound under two speakers or texts."""
    rows = table.drop_duplicates("path").set_index("path")
    near = [(pair.first, pair.second) for pair in report.pairs if pair.kind == "near"]
    copies = table.dropna(subset="content")
    copies = copies[copies["content"].duplicated(keep=False)]
    pairs = []
    for kind in ("speaker", "text"):
        value = rows[kind].dropna().to_dict()
        for first, second in near:
            if value.keys() >= {first, second} and value[first] != value[second]:
                pairs.append(Pair(kind, first, second, f"{value[first]}, {value[second]}"))
        distinct = copies.dropna(subset=kind).drop_duplicates(["content", kind])
        for _, group in distinct.groupby("content", sort=False):
            (first, label), *others = zip(group["path"], group[kind], strict=True)
            pairs += [Pair(kind, first, path, f"{label}, {other}") for path, other in others]
    return tuple(pairs)


def _split(table: pd.DataFrame) -> Split:
    return Split(None, "paper", 0, 0, table, ())


def _with_contents(listing: Listing, cache, jobs):
    """Return the table with contents, the fingerprints, and the clips that have none."""
    import pandas as pd

    from ser_keras.cache import ClipInfoCache, FeatureStore

    table = listing.table
    present = table.dropna(subset="file")
    infos, failed = ClipInfoCache(cache).inspect(list(dict.fromkeys(present["file"])), jobs=jobs)
    if not infos:
        problem = f"none of its {console.count(len(table), 'clip')} can be read"
        first = failed[0] if failed else f"{table['path'].iloc[0]} was not found"
        remedy = f"Name the folder with --data ({first}), or audit names alone with --no-sound"
        raise SerKerasError(listing.name, problem, remedy.replace(".)", ")"))
    names = table["corpus"].dropna().unique()
    store = FeatureStore(_store_name(names[0]) if len(names) == 1 else _ANY, leakage.SPEC, cache)
    contents = [info.content for info in infos.values()]
    failed += store.fill(list(infos), contents, jobs=jobs, title="fingerprints")
    content = {file: info.content for file, info in infos.items() if info.content in store}
    column = pd.array([content.get(file) for file in table["file"].fillna("")], dtype="string")
    path_of = dict(zip(present["file"], present["path"], strict=True))
    skipped = [Skipped(path, "was not found") for path in table.loc[table["file"].isna(), "path"]]
    skipped += [Skipped(path_of[file.path], file.reason) for file in failed]
    return table.assign(content=column), store, skipped


def _store_name(corpus: str) -> str:
    """Return the store in which `runs` keeps a corpus's fingerprints; a list may use any name."""
    return corpus if re.fullmatch(r"[\w+-]+", corpus) else _ANY


def _prints(recordings: Mapping[str, str], learned: list[str], corpus: str, cache):
    """Return the fingerprints of both sides, or None if the cache lacks those of learned clips."""
    from ser_keras.cache import FeatureStore

    own, mixed = (FeatureStore(name, leakage.SPEC, cache) for name in (_store_name(corpus), _ANY))
    known = own.keys() | mixed.keys()
    if not learned or not known.issuperset(learned):
        return None
    new = {path: content for path, content in recordings.items() if content not in known}
    failed = mixed.fill(list(new), list(new.values()), title="fingerprints")
    return None if failed else {**mixed, **own}
