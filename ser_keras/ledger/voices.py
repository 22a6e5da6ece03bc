"""How well voices are told apart, on recordings put together from the clips of known speakers.

`measure` judges RAVDESS and ASED. The map never learned from the corpus that it is judged on, and
neither did the threshold: the other of the two corpora is halved by speaker, the map learns from
one half (and from TESS, SAVEE and AESDD), and the threshold is the one that names the right number
of voices most often in the other half; then the halves change places. The map that ships learned
from all corpora, with the threshold that was best over both.

Ward's method, the mean states and the shrinkage were chosen by trials on both corpora, before this
was measured. Only what is fitted (map, threshold, growth) is free of the corpus that is judged.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ser_keras import audio, console, features, files, seeding, voices
from ser_keras.corpora import Index
from ser_keras.features import FeatureSpec
from ser_keras.ledger.library import Library
from ser_keras.ledger.release import sex
from ser_keras.ledger.tables import Table

RESULTS = files.RESULTS / "voices.json"
JUDGED = ("ravdess", "ased")
CORPORA = ("aesdd", "ased", "ravdess", "savee", "tess")
SIZES = {"short": (5, 20), "long": (20, 60)}  # windows of a voice, from and to
RECORDINGS = 100  # recordings of each kind that are judged
TUNED_ON = 40  # recordings of each kind that choose the threshold
GROWTHS = (0.15, 0.2, 0.25, 0.3, 0.35)
WAYS = {  # name -> whether the map is used, and the method that merges groups
    "states as they are, average linkage": (False, "average"),
    "states as they are, Ward": (False, "ward"),
    "map, average linkage": (True, "average"),
    "map, Ward (what ships)": (True, "ward"),
}
_SPEC = FeatureSpec(kind="speaker_encoder")
_HOP = 0.02  # seconds
_QUIET = 35  # dB below the loudest hop, from which on the ends of a clip are cut off
_LOW, _HIGH = 1.5, 3.0  # seconds in a window


class Windows(NamedTuple):
    """The windows of a corpus, a row each."""

    vectors: np.ndarray  # (windows, 1024)
    speakers: np.ndarray
    sexes: np.ndarray  # "woman", "man" or ""
    seconds: np.ndarray


@dataclass(frozen=True)
class Recording:
    """A recording that is put together: rows of `Windows`, in the order of time."""

    rows: np.ndarray
    speakers: int
    sexes: str  # "one voice", "same sex" or "both sexes"
    size: str  # key of SIZES


def windows(index: Index) -> Windows:
    """Return the windows of 1.5 to 3 s of the clips of a corpus, without the silence at their ends.

    A clip with less speech than that keeps some of the silence.
    """
    rate = _SPEC.sample_rate
    hop, low = int(_HOP * rate), int(_LOW * rate)
    vectors, speakers, sexes, seconds = [], [], [], []
    clips = index.clips[index.clips["duplicate_of"].isna()]
    for row in clips.itertuples():
        samples = audio.read(index.locate(row.path), rate)
        count = len(samples) // hop
        power = np.square(samples[: count * hop].reshape(count, hop), dtype=float).mean(axis=1)
        decibel = 10 * np.log10(power + 1e-12)
        loud = np.flatnonzero(decibel > decibel.max() - _QUIET)
        start, end = max(0, loud[0] - 2) * hop, min(count, loud[-1] + 3) * hop
        if end - start < low:
            start = max(0, start - (low - end + start) // 2)
            end = min(len(samples), start + low)
            start = max(0, end - low)
        # a clip of hardly more than 3 s is still one window
        parts = max(1, int(np.ceil((end - start) / (_HIGH * rate) - 0.05)))
        for part in np.array_split(samples[start:end], parts):
            vectors.append(features.extract(part, _SPEC)[0])
            speakers.append(row.speaker)
            sexes.append(sex(index.corpus, row.path))
            seconds.append(len(part) / rate)
    names = np.array([f"{index.corpus}/{speaker}" for speaker in speakers])
    return Windows(np.array(vectors), names, np.array(sexes), np.array(seconds))


def recordings(own: Windows, speakers: np.ndarray, count: int, *key: object) -> list[Recording]:
    """Return recordings of one to four of these speakers, of mixed emotions, in random order.

    Args:
        own: Windows of a corpus.
        speakers: Names of the speakers to draw from.
        count: Number of recordings of each kind.
        key: Names of the draw, for its random numbers.
    """
    sex_of = {name: own.sexes[own.speakers == name][0] for name in speakers}
    kinds = [(1, "one voice"), *itertools.product((2, 3, 4), ("same sex", "both sexes"))]
    drawn = []
    for size, (number, sexes) in itertools.product(SIZES, kinds):
        random = seeding.stream(0, "voices", *key, size, number, sexes)
        made = 0
        while made < count:
            names = random.choice(speakers, number, replace=False)
            both = len({sex_of[name] for name in names}) > 1
            if both != (sexes == "both sexes"):
                continue
            made += 1
            parts = []
            for name in names:
                rows = np.flatnonzero(own.speakers == name)
                low, high = SIZES[size]
                n = min(len(rows), int(random.integers(low, high + 1)))
                parts.append(random.choice(rows, n, replace=False))
            drawn.append(Recording(random.permutation(np.concatenate(parts)), number, sexes, size))
    return drawn


class Trees(NamedTuple):
    """The merges of recordings, and what they were put together from."""

    own: Windows
    drawn: list[Recording]
    merges: list[np.ndarray]


def merged(
    own: Windows, drawn: list[Recording], projection: voices.Projection | None, method: str
) -> Trees:
    """Return the merges of recordings; without a projection, of the states as they are."""
    if projection is None:
        lengths = np.linalg.norm(own.vectors, axis=1, keepdims=True)
        points = own.vectors / np.maximum(lengths, 1e-9)
    else:
        points = projection.points(own.vectors)
    return Trees(own, drawn, [voices.tree(points[each.rows], method) for each in drawn])


def choose(trees: Iterable[Trees]) -> tuple[float, float]:
    """Return the threshold and its growth that name the right number of voices most often."""
    pairs = [pair for each in trees for pair in zip(each.drawn, each.merges, strict=True)]
    truth = np.array([each.speakers for each, _ in pairs])
    best = (-1.0, 0.0, 0.0)
    for growth in GROWTHS:
        scaled = [merges[:, 2] / len(each.rows) ** growth for each, merges in pairs]
        last = np.concatenate([heights[-8:] for heights in scaled])  # at most 9 voices
        for threshold in np.quantile(last, np.linspace(0.1, 1, 91)):
            number = np.array([1 + int((heights > threshold).sum()) for heights in scaled])
            best = max(best, (float((number == truth).mean()), float(threshold), growth))
    return best[1], best[2]


def judged(trees: Trees, threshold: float, growth: float) -> list[dict]:
    """Return a row of scores for each kind of recording.

    The intervals of 95 % are those of the mean over recordings. Recordings share speakers, so they
    say how well the mean over such draws is known, not how other speakers would do.
    """
    scores: dict[tuple, list[tuple[float, ...]]] = {}
    for each, merges in zip(trees.drawn, trees.merges, strict=True):
        groups = voices.cut(merges, threshold * len(each.rows) ** growth)
        speakers, seconds = trees.own.speakers[each.rows], trees.own.seconds[each.rows]
        number = len(np.unique(groups))
        largest = 0.0  # seconds of the speaker who speaks most in each group
        for group in np.unique(groups):
            inside = groups == group
            largest += max(
                seconds[inside & (speakers == name)].sum() for name in np.unique(speakers[inside])
            )
        kind = (each.size, each.speakers, each.sexes)
        score = (
            largest / seconds.sum(),
            number == each.speakers,
            abs(number - each.speakers),
            number,
        )
        scores.setdefault(kind, []).append(score)
    rows = []
    for (size, number, sexes), values in scores.items():
        columns = np.array(values, float)
        mean, error = columns.mean(axis=0), columns.std(axis=0, ddof=1) / len(columns) ** 0.5
        names = ("purity", "right_number", "error_of_number", "number")
        row = {"size": size, "speakers": number, "sexes": sexes, "recordings": len(columns)}
        for name, value, margin in zip(names, mean, 1.96 * error, strict=True):
            most = 1.0 if name in names[:2] else np.inf
            interval = np.clip([value, value - margin, value + margin], 0, most)
            row[name] = [round(float(each), 4) for each in interval]
        rows.append(row)
    return rows


def measure(every: dict[str, Windows]) -> tuple[list[dict], voices.Projection]:
    """Return the rows of scores, and the projection that ships.

    Args:
        every: Name of a corpus -> its windows.
    """
    rows = []
    shipped: list[Trees] = []
    for corpus, validation in zip(JUDGED, reversed(JUDGED), strict=True):
        own, heldout = every[corpus], every[validation]
        drawn = recordings(own, np.unique(own.speakers), RECORDINGS, corpus, "test")
        names = seeding.stream(0, "voices", validation, "halves").permutation(
            np.unique(heldout.speakers)
        )
        others = [every[name] for name in CORPORA if name != corpus]
        for way, (is_mapped, method) in WAYS.items():
            trees = []
            for speakers in np.array_split(names, 2):
                chosen = recordings(heldout, speakers, TUNED_ON, validation, speakers[0])
                projection = learned(others, without=speakers) if is_mapped else None
                trees.append(merged(heldout, chosen, projection, method))
            threshold, growth = choose(trees)
            projection = learned(others) if is_mapped else None
            result = judged(merged(own, drawn, projection, method), threshold, growth)
            settings = {"threshold": round(threshold, 4), "growth": growth}
            rows += [{"corpus": corpus, "way": way, **settings, **row} for row in result]
            if way == list(WAYS)[-1]:
                shipped += trees
        console.say(f"{corpus} is done.")
    threshold, growth = choose(shipped)
    projection = learned(list(every.values()))
    return rows, dataclasses.replace(projection, threshold=threshold, growth=growth)


def learned(parts: list[Windows], without: Iterable[str] | np.ndarray = ()) -> voices.Projection:
    """Return the map learned from corpora, without some of their speakers."""
    names = np.concatenate([part.speakers for part in parts])
    heard = ~np.isin(names, list(without))
    return voices.fit(np.concatenate([part.vectors for part in parts])[heard], names[heard])


def run(data: Path, cache: Path, *, keep: bool = False) -> Table:
    """Measure, and return the table.

    Args:
        data: Folder above the corpora.
        cache: Folder of what was read before.
        keep: Whether to write `results/voices.json` and the map that ships.

    Raises:
        SerKerasError: A corpus is missing.
    """
    library = Library(data, data, cache)
    every = {name: windows(library.index(name)) for name in CORPORA}
    rows, projection = measure(every)
    if keep:
        files.write_json(RESULTS, rows)
        projection.write(voices.ARRAYS)
    return table(rows)


def table(rows: list[dict]) -> Table:
    """Return the scores as a table, a line for each corpus, way and kind of recording."""
    header = ["corpus", "way", "windows of a voice", "voices", "sexes", "recordings"]
    header += ["purity", "right number of voices", "mean absolute error of the number"]
    cells = []
    for row in rows:
        low, high = SIZES[row["size"]]
        names = [row["corpus"], row["way"], f"{low} to {high}", str(row["speakers"])]
        scores = [
            "{:.3f} [{:.3f}, {:.3f}]".format(*row[name])
            for name in ("purity", "right_number", "error_of_number")
        ]
        cells.append([*names, row["sexes"], str(row["recordings"]), *scores])
    return Table(header, cells)


def summary(rows: list[dict]) -> Table:
    """Return a line for each corpus, way and length: means over recordings of equal number.

    A single voice is named rightly where it is not split. Purity is that of recordings of two to
    four voices.
    """
    header = ["corpus", "way", "windows of a voice", "purity"]
    header += [f"right, {number} voice{'s' * (number > 1)}" for number in (1, 2, 3, 4)]
    header += ["mean absolute error of the number"]
    groups: dict[tuple[str, str, str], list[dict]] = {}
    for row in rows:
        groups.setdefault((row["corpus"], row["way"], row["size"]), []).append(row)
    cells = []
    for (corpus, way, size), own in groups.items():
        purity = np.mean([row["purity"][0] for row in own if row["speakers"] > 1])
        error = np.mean([row["error_of_number"][0] for row in own])
        right = [
            np.mean([row["right_number"][0] for row in own if row["speakers"] == number])
            for number in (1, 2, 3, 4)
        ]
        low, high = SIZES[size]
        numbers = [f"{value:.3f}" for value in (purity, *right)]
        cells.append([corpus, way, f"{low} to {high}", *numbers, f"{error:.2f}"])
    return Table(header, cells)
