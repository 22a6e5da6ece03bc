"""What lies far from all that a model learned from, and why: three measures of a recording.

`Distance` sees noise, music and tones in any features. Features with functionals show more:
`Bandwidth` a telephone or a file of 8 kHz, `Height` a voice that is higher, in pitch and formants,
than the voices of training. Each limit is set on training clips of speakers who were left out.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ser_keras.features import FeatureSpec

NEW_VOICES = 0.99  # share of the clips of new speakers that are not called far away
NOT_HIGH = 0.995  # the same for their height
FAR = "sounds unlike everything that the model learned from"
NARROW = "hardly any sound above 4 kHz: a telephone?"
HIGH = "the voice is higher than nearly all that the model learned from"
RAISED = (1.45, 1.6)  # how many times as high the copies of training clips are that teach `Height`
GUARD_DB = 6.0  # from what nearly all clips of new speakers have, since other rooms differ
DECIMALS = 4
TINY = 1e-9
_GROUPS = 8  # of speakers, each of which is left out once to see how far new speakers lie
_PENALTY = 0.3  # of the ridge; 0.03 gave the same within two hundredths
CUT = 5.0  # standardised values beyond are cut
_MIDDLE = slice(9, 17)  # bands around 1.2 to 3.1 kHz
_UPPER = slice(21, None)  # bands from 4.3 kHz on
N_HEIGHT = 28  # functionals of pitch and formants


@dataclass(frozen=True, kw_only=True)
class Distance:
    """How far a recording lies from the clips that a model learned from.

    The distance is the root mean square of the features' means over time, standardised by those of
    the training clips.

    Args:
        mean: Mean of each feature's mean over time, (n_features,).
        std: Standard deviation of the same between clips, (n_features,), all above zero.
        limit: Distance within which 99 % of the clips of new speakers lie.
        signed_root: Whether signed square roots of the means are taken first.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    limit: float
    signed_root: bool = False

    def measure(self, frames: np.ndarray) -> float:
        """Return the distance of a recording.

        Args:
            frames: Frames of the recording, (frames, n_features).
        """
        row = _time_means([frames], self.signed_root)
        return float(_distances(row, np.array(self.mean), np.array(self.std))[0])

    def note(self, frames: np.ndarray) -> str:
        """Return a remark on a recording that lies far away, or ""."""
        return FAR if self.measure(frames) > self.limit else ""


@dataclass(frozen=True, kw_only=True)
class Bandwidth:
    """Whether a recording has sound in the upper bands, as nearly all training clips have.

    Args:
        limit: Level in dB of the loudest band above 4.3 kHz, relative to the bands from 1 to 3 kHz,
            from which on nothing is missing.
    """

    limit: float

    def measure(self, frames: np.ndarray) -> float:
        """Return the level of the upper bands in dB.

        Args:
            frames: Vector of the recording, with the functionals at its end, (1, n_features).
        """
        return float(_upper(_functionals(frames))[0])

    def note(self, frames: np.ndarray) -> str:
        """Return a remark on a recording that lacks the upper bands, or ""."""
        return NARROW if self.measure(frames) < self.limit else ""


@dataclass(frozen=True, kw_only=True)
class Height:
    """How high a voice is, in pitch and formants together, beside the voices of training.

    A linear function of 28 functionals that tells training clips from copies of them which are
    played 1.45 and 1.6 times as fast. Pitch alone tells little: that of a man's voice, raised so,
    is that of a woman's.

    Args:
        mean: Mean of each functional, (28,).
        std: Standard deviation of each, (28,), all above zero.
        weights: Weight of each standardised functional, (28,).
        limit: Height within which 99.5 % of the clips of new speakers lie.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    weights: tuple[float, ...]
    limit: float

    def measure(self, frames: np.ndarray) -> float:
        """Return the height of a voice; minus infinity where nothing is voiced.

        Args:
            frames: Vector of the recording, with the functionals at its end, (1, n_features).
        """
        rows = _functionals(frames)
        if rows[0, columns().pitch] == 0:
            return -np.inf
        values = _standardised(_voice(rows), np.array(self.mean), np.array(self.std))
        return float((values @ np.array(self.weights))[0])

    def note(self, frames: np.ndarray) -> str:
        """Return a remark on a voice that is higher than those of training, or ""."""
        return HIGH if self.measure(frames) > self.limit else ""


def distance(
    clips: Sequence[np.ndarray],
    speakers: Sequence[str] | np.ndarray,
    corpora: Sequence[str] | np.ndarray,
    signed_root: bool = False,
) -> Distance | None:
    """Return how far new speakers lie from training clips; None for a single speaker.

    The limit is measured on training speakers, some of whom are left out in turn.

    Args:
        clips: Frames of the training clips, (frames, n_features) each.
        speakers: Name of the speaker of each clip, different in different corpora, (clips,).
        corpora: Corpus of each clip, (clips,).
        signed_root: Whether signed square roots of the means over time are taken first.
    """
    names, homes = np.asarray(speakers, str), np.asarray(corpora, str)
    if len(np.unique(names)) < 2:
        return None
    rows = _time_means(clips, signed_root)
    shares, left_out = weights(names, homes), _left_out(names)
    lengths = np.empty(len(rows))
    for group in np.unique(left_out):
        others = left_out != group
        mean, std = _statistics(rows[others], shares[others])
        lengths[~others] = _distances(rows[~others], mean, std)
    centre, spread = _rounded(*_statistics(rows, shares))
    limit = up(_quantile(lengths, shares, NEW_VOICES))
    return Distance(mean=centre, std=spread, limit=limit, signed_root=signed_root)


def has_functionals(features: FeatureSpec) -> bool:
    """Return whether the vectors of a kind end with functionals."""
    return features.kind.endswith("functionals")


def bandwidth(
    clips: Sequence[np.ndarray],
    speakers: Sequence[str] | np.ndarray,
    corpora: Sequence[str] | np.ndarray,
) -> Bandwidth:
    """Return the level that the upper bands of nearly all training clips have.

    Args:
        clips: Vectors of the training clips, with functionals at their end, (1, n_features) each.
        speakers: Name of the speaker of each clip, different in different corpora, (clips,).
        corpora: Corpus of each clip, (clips,).
    """
    shares = weights(np.asarray(speakers, str), np.asarray(corpora, str))
    levels = _upper(_functionals(np.concatenate(clips)))
    limit = _quantile(levels, shares, 1 - NEW_VOICES) - GUARD_DB
    return Bandwidth(limit=round(float(limit), 2))


def height(
    clips: Sequence[np.ndarray],
    speakers: Sequence[str] | np.ndarray,
    corpora: Sequence[str] | np.ndarray,
    raised: Sequence[np.ndarray],
    raised_from: Sequence[int] | np.ndarray,
) -> Height | None:
    """Return what tells training clips from raised copies; None for a single speaker.

    The limit is measured on training speakers, some of whom are left out in turn.

    Args:
        clips: Vectors of the training clips, with functionals at their end, (1, n_features) each.
        speakers: Name of the speaker of each clip, different in different corpora, (clips,).
        corpora: Corpus of each clip, (clips,).
        raised: Functionals of copies that are `RAISED` times as high, (1, functionals) each.
        raised_from: Number of the clip that each copy was made from, (copies,).
    """
    names, homes = np.asarray(speakers, str), np.asarray(corpora, str)
    if len(np.unique(names)) < 2:
        return None
    n = len(clips)
    vectors = [_functionals(np.concatenate(each)) for each in (clips, raised)]
    rows = _voice(np.concatenate(vectors))
    by_corpus = weights(homes, homes)  # each clip of a corpus the same
    shares = np.concatenate([by_corpus, np.full(len(raised), 1 / len(raised))]) / 2
    truth = np.repeat([-1.0, 1.0], [n, len(raised)])
    left_out = _left_out(np.concatenate([names, names[np.asarray(raised_from, int)]]))
    mean, std = _rounded(*_statistics(rows, shares))
    values = _standardised(rows, np.array(mean), np.array(std))

    def fitted(own: np.ndarray) -> np.ndarray:
        weighted = (values[own] * shares[own, None]).T
        penalty = _PENALTY / 2 * np.eye(values.shape[1])
        return np.linalg.solve(weighted @ values[own] + penalty, weighted @ truth[own])

    heights = np.empty(n)
    for group in np.unique(left_out[:n]):
        own = left_out[:n] == group
        heights[own] = values[:n][own] @ fitted(left_out != group)
    (kernel,) = _rounded(fitted(np.full(len(rows), True)))
    limit = _quantile(heights, weights(names, homes), NOT_HIGH)
    return Height(mean=mean, std=std, weights=kernel, limit=round(float(limit), DECIMALS))


def weights(speakers: np.ndarray, corpora: np.ndarray) -> np.ndarray:
    """Return weights of clips that sum to 1: corpora alike, and speakers alike within a corpus.

    Args:
        speakers: Name of the speaker of each clip, different in different corpora, (clips,).
        corpora: Corpus of each clip, (clips,).

    Example:
        >>> weights(np.array(["a", "a", "b"]), np.array(["tess"] * 3)).tolist()
        [0.25, 0.25, 0.5]
    """
    _, own, counts = np.unique(speakers, return_inverse=True, return_counts=True)
    shares = 1 / counts[own]  # each speaker has 1
    for corpus in np.unique(corpora):
        shares[corpora == corpus] /= shares[corpora == corpus].sum()
    return shares / shares.sum()


def up(value: float) -> float:
    """Return a value with few decimals, rounded up."""
    return float(np.ceil(float(value) * 10**DECIMALS) / 10**DECIMALS)


def _left_out(names: np.ndarray) -> np.ndarray:
    """Return for each clip the number of the group of speakers that its speaker is left out in."""
    different, numbers = np.unique(names, return_inverse=True)
    return numbers % min(_GROUPS, len(different))


def _quantile(values: np.ndarray, shares: np.ndarray, share: float) -> float:
    order = np.argsort(values)
    total = np.cumsum(shares[order])
    return values[order][min(int(np.searchsorted(total, share)), len(order) - 1)]


class Columns(NamedTuple):
    """Where some of the functionals stand: the middle and upper bands, and those of `Height`."""

    size: int
    middle: list[int]
    upper: list[int]
    pitch: int
    voice: list[int]


@functools.lru_cache(maxsize=1)
def columns() -> Columns:
    """Return where the functionals stand that the measures read."""
    from ser_keras import functionals  # late: models of frames do without them

    names = [feature.name for feature in functionals.FEATURES]
    statistics = ("mean", "std", "p05", "p25", "p50", "p75", "p95")
    mels = [names.index(f"mel_{band:02}_mean") for band in range(1, 27)]
    return Columns(
        size=functionals.SIZE,
        middle=mels[_MIDDLE],
        upper=mels[_UPPER],
        pitch=names.index("f0_p50"),
        voice=[names.index(f"{t}_{s}") for s in statistics for t in ("f0", "f1", "f2", "f3")],
    )


def _functionals(frames: np.ndarray) -> np.ndarray:
    return np.asarray(frames, np.float64)[:, -columns().size :]


def _upper(rows: np.ndarray) -> np.ndarray:
    return rows[:, columns().upper].max(axis=1) - rows[:, columns().middle].mean(axis=1)


def _voice(rows: np.ndarray) -> np.ndarray:
    values = rows[:, columns().voice]
    return np.sign(values) * np.sqrt(np.abs(values))


def _standardised(rows: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    return np.clip((rows - mean) / std, -CUT, CUT)


def _rounded(*arrays: np.ndarray) -> list[tuple[float, ...]]:
    return [tuple(float(f"{x:.5g}") for x in array) for array in arrays]


def _time_means(clips: Sequence[np.ndarray], signed_root: bool) -> np.ndarray:
    """Return the means over time, float64 (clips, n_features), perhaps as signed roots."""
    rows = np.array([np.mean(clip, axis=0, dtype=np.float64) for clip in clips])
    return np.sign(rows) * np.sqrt(np.abs(rows)) if signed_root else rows


def _statistics(rows: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    shares = shares / shares.sum()
    mean = shares @ rows
    std = np.sqrt(shares @ np.square(rows - mean))
    return mean, np.where(std > TINY * (1 + np.abs(mean)), std, 1.0)


def _distances(rows: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    return np.sqrt(np.mean(np.square((rows - mean) / std), axis=1))
