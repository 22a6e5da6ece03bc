"""What the sides of a split share: the same sound, nearly the same sound, speakers, texts.

A near-duplicate is a copy that was made louder or softer, cut or padded by up to half a second,
resampled, encoded again or given a little noise. Copies that were sped up or shifted in pitch are
not found. The similarity of two clips is the correlation of how their log-mel bands rise and fall,
at the best of all shifts. Measured: 1,920 such copies of TESS and RAVDESS reach 0.933 to 1 (one,
with all changes at once, 0.912). Different clips reach at most 0.867 if one woman says other words
after the same phrase (TESS), and, for two takes of a sentence by one speaker, 0.855 (RAVDESS),
0.872 (SAVEE) and 0.912 (ASED). In ASED 58 pairs lie above that; their waveforms show that all of
them are copies, and its loader names them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ser_keras import console
from ser_keras.errors import SerKerasError
from ser_keras.features import FeatureSpec

if TYPE_CHECKING:
    import pandas as pd

    from ser_keras.splits import Split

# Frames of 10 ms, because a shift of half a frame lowers the similarity; bands within those of a
# telephone.
SPEC = FeatureSpec(
    kind="log_mel",
    sample_rate=8000,
    n_fft=512,
    hop_length=80,
    n_mels=24,
    fmin=100.0,
    fmax=3800.0,
    top_db=60.0,
)
NEAR = 0.92  # similarity from which two clips are one recording

_NAMED = 5  # pairs of each kind that a report names
_LONGEST = 500  # frames of a clip that are compared: 5 s
_SHIFT = 52  # greatest shift, in frames
_RISE = 4  # frames over which the rise of a band is taken: 40 ms
_RANGE_DB = 20.0  # range below a clip's loud parts; below it are noise and traces of codecs
_SEARCHED = 300  # frames that the coarse search compares
_STEP = 4  # it takes one frame of so many
_BANDS = 8  # and so many bands: with these settings every altered copy found its original first
_CANDIDATES = 3  # clips that the coarse search passes on, per clip
_COARSE = 0.45  # similarity below which it passes on nothing; the worst copy has 0.51
_BLOCK = 256  # clips that are searched for at once
_KEPT = 4096  # prints in memory, about 100 MB

KINDS = {"content": "sound", "near": "near-duplicate", "speaker": "speaker", "text": "text"}


_Prints = Callable[[str], np.ndarray]  # content -> print: how the bands of the clip rise


@dataclass(frozen=True)
class Pair:
    """Two clips that share something across the sides.

    Args:
        kind: "content", "near", "speaker" or "text".
        first: Path of the clip on the first side (test, or validation).
        second: Path of the clip on the other side.
        shared: Content, similarity, speaker or text that the two share.
    """

    kind: str
    first: str
    second: str
    shared: str

    def __str__(self) -> str:
        return f"{self.first} and {self.second} ({self.shared})"


@dataclass(frozen=True)
class LeakageReport:
    """What the sides of a split share.

    Args:
        test: Kind -> number of sounds, speakers or texts that occur in test and also in training or
            validation; for "near" the number of pairs. None if unknown or not searched for.
        validation: The same numbers between validation and training.
        pairs: Pairs of test and the rest: all for "near", the first five for every other kind.
    """

    test: dict[str, int | None]
    validation: dict[str, int | None]
    pairs: tuple[Pair, ...]

    def forbidden(self, forbids: tuple[str, ...]) -> tuple[str, ...]:
        """Return the kinds in `forbids` that test shares with the rest."""
        return tuple(kind for kind in KINDS if kind in forbids and self.test[kind])

    def table(self) -> str:
        """Return the counts as lines of text."""
        sides = (self.test, self.validation)
        rows = [
            [name, *("not known" if side[kind] is None else side[kind] for side in sides)]
            for kind, name in KINDS.items()
        ]
        return console.table(["shared", "test and the rest", "validation and training"], rows)


def check(split: Split, fingerprints: Mapping[str, np.ndarray] | None = None) -> LeakageReport:
    """Return what test shares with the rest, and validation with training.

    Args:
        split: The clips and their roles.
        fingerprints: Content -> features (frames, 24) that `features.extract` returns for `SPEC`,
            as a `FeatureStore` holds them. None leaves near-duplicates out.

    Raises:
        SerKerasError: A clip has no fingerprint, or its fingerprint was made with another spec.
    """
    table, role = split.table, split.table["role"]
    prints = None if fingerprints is None else _prints(fingerprints)
    outer = _compared(table[role == "test"], table[role != "test"], prints)
    inner = _compared(table[role == "validation"], table[role == "train"], prints)
    test, validation = (
        {kind: None if pairs is None else len(pairs) for kind, pairs in side.items()}
        for side in (outer, inner)
    )
    pairs = (
        pair
        for kind, of_kind in outer.items()
        for pair in (of_kind or ())[: None if kind == "near" else _NAMED]
    )
    return LeakageReport(test, validation, tuple(pairs))


def enforce(report: LeakageReport, split: Split) -> None:
    """Raise an error if the sides of a split share what its protocol forbids.

    Args:
        report: What `check` returned for the split.
        split: Split with its forbidden kinds.

    Raises:
        SerKerasError: The sides share something forbidden; the message gives the first kind, how
            many there are, and the first pairs.
    """
    for kind in report.forbidden(split.forbids):
        pairs = [str(pair) for pair in report.pairs if pair.kind == kind]
        examples = "; ".join(pairs[:_NAMED])
        shared = console.count(report.test[kind] or 0, KINDS[kind])
        problem = f"test shares {shared} with training: {examples}"
        remedy = f"Leave one of each pair out: the protocol {split.protocol} forbids it"
        raise SerKerasError(f"split of {split.corpus or 'a list'}", problem, remedy)


def _compared(
    first: pd.DataFrame, second: pd.DataFrame, prints: _Prints | None
) -> dict[str, list[Pair] | None]:
    """Return the pairs of each kind between two sides; None where it is unknown."""
    return {
        "content": _shared(first, second, "content"),
        "near": None if prints is None else _near(first, second, prints),
        "speaker": _shared(first, second, "speaker"),
        "text": _shared(first, second, "text"),
    }


def _shared(first: pd.DataFrame, second: pd.DataFrame, kind: str) -> list[Pair] | None:
    """Return a pair for each value on both sides; speakers and texts belong to their corpus."""
    if any(len(side) and side[kind].isna().all() for side in (first, second)):
        return None
    key = ["content"] if kind == "content" else ["corpus", kind]
    sides = [side.dropna(subset=[kind]).drop_duplicates(key) for side in (first, second)]
    both = sides[0].merge(sides[1], on=key, suffixes=("", "_second"))
    rows = zip(both["path"], both["path_second"], both[kind], strict=True)
    return [Pair(kind, *row) for row in rows]


def _near(first: pd.DataFrame, second: pd.DataFrame, prints: _Prints) -> list[Pair]:
    """Return the near-duplicates of two sides, at most three for each clip of the first side."""
    paths = [dict(zip(side["content"], side["path"], strict=True)) for side in (first, second)]
    if not all(paths):
        return []
    pairs = []
    bar = console.progress(len(paths[0]), "near-duplicates")
    for content, candidates in _searched(prints, *map(list, paths)):
        own = prints(content)
        for other in (other for other in candidates if other != content):
            alike = _similarity(own, prints(other))
            if alike >= NEAR:
                shared = f"{alike:.2f} alike"
                pairs.append(Pair("near", paths[0][content], paths[1][other], shared))
        bar.update(1)
    bar.close()
    return pairs


def _searched(
    prints: _Prints, first: list[str], second: list[str]
) -> Iterator[tuple[str, list[str]]]:
    """Yield each clip of the first side with the clips of the second that it may be a copy of.

    This is the search of `_similarity` on fewer numbers. The first side is sampled at two phases,
    so that the frames of copies lie at most 10 ms apart.
    """
    there = np.stack([_coarse(prints(content), 0) for content in second])
    for start in range(0, len(first), _BLOCK):
        block = first[start : start + _BLOCK]
        best = np.zeros((len(block), len(second)), np.float32)
        for phase in (0, _STEP // 2):
            here = np.stack([_coarse(prints(content), phase) for content in block])
            for shift in range(-_SHIFT // _STEP, _SHIFT // _STEP + 1):
                ahead, behind = max(shift, 0) * _BANDS, max(-shift, 0) * _BANDS
                n = here.shape[1] - ahead - behind
                alike = here[:, ahead : ahead + n] @ there[:, behind : behind + n].T
                np.maximum(best, alike, out=best)
        for content, row in zip(block, best, strict=True):
            order = np.argsort(-row, kind="stable")[:_CANDIDATES]
            yield content, [second[i] for i in order if row[i] >= _COARSE]


def _prints(fingerprints: Mapping[str, np.ndarray]) -> _Prints:
    """Return content -> print; the latest prints stay in memory, as they are needed again."""
    return functools.lru_cache(_KEPT)(functools.partial(_print, fingerprints))


def _print(fingerprints: Mapping[str, np.ndarray], content: str) -> np.ndarray:
    """Return how the bands of a clip rise, (frames, 24), which ignores gain and room colour."""
    if content not in fingerprints:
        raise SerKerasError("fingerprints", f"there is none of {content}", "Extract them all")
    decibel = np.asarray(fingerprints[content][:_LONGEST], dtype=np.float32)
    if decibel.ndim != 2 or decibel.shape[1] != SPEC.n_mels:
        problem = f"{content} has the shape {decibel.shape}, not (frames, {SPEC.n_mels})"
        raise SerKerasError("fingerprints", problem, "Extract them with leakage.SPEC")
    if len(decibel) <= _RISE:
        return np.zeros((1, SPEC.n_mels), np.float32)
    loud = _high(decibel)
    decibel = np.maximum(decibel, loud - _RANGE_DB)
    rise = decibel[_RISE:] - decibel[:-_RISE]
    return rise - rise.mean(axis=0)


def _high(decibel: np.ndarray) -> np.float32:
    """Return the 98th percentile; not the maximum, which a copy may have lost.

    It equals that of np.quantile but for the last digits and takes half the time; np.quantile took
    most of the time of a print.
    """
    at = 0.98 * (decibel.size - 1)
    low = int(at)
    near = np.partition(decibel, (low, min(low + 1, decibel.size - 1)), axis=None)[low : low + 2]
    return np.float32(near[0] + (near[-1] - near[0]) * (at - low))


def _coarse(rise: np.ndarray, phase: int) -> np.ndarray:
    """Return every fourth frame of a print in a third of the bands, of unit length, (numbers,)."""
    numbers = np.zeros((_SEARCHED // _STEP, _BANDS), np.float32)
    sampled = rise[phase:_SEARCHED:_STEP].reshape(-1, _BANDS, SPEC.n_mels // _BANDS).sum(axis=2)
    numbers[: len(sampled)] = sampled
    return (numbers / (np.linalg.norm(numbers) + 1e-6)).ravel()


def _similarity(first: np.ndarray, second: np.ndarray) -> float:
    """Return the correlation of two prints where they overlap, at the best shift.

    Shifts at which less than half of the longer print overlaps are not tried.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    shift = np.arange(-_SHIFT, _SHIFT + 1)  # frames of the first before the second begins
    start, stop = np.maximum(shift, 0), np.minimum(len(first), len(second) + shift)
    tried = stop - start >= max(len(first), len(second)) / 2
    shift, start, stop = shift[tried], start[tried], stop[tried]
    size = next_fast_len(len(first) + len(second), real=True)
    spectra = rfft(first, size, axis=0) * rfft(second, size, axis=0).conj()
    product = irfft(spectra.sum(axis=1), size)[shift]
    energy = np.ones(len(shift))
    for rise, begin, end in ((first, start, stop), (second, start - shift, stop - shift)):
        total = np.append(0.0, np.cumsum(np.square(rise).sum(axis=1)))
        energy *= total[end] - total[begin]
    return float(np.max(product / np.sqrt(energy + 1e-12), initial=0.0))
