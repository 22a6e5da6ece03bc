"""Adapting to a voice or a room without labels: vectors of clips are moved to the training clips.

A voice and a room shift and stretch every vector that is measured in them. Some recordings tell by
how much. Their mean and variance are drawn towards those of the training clips, as if these were a
few recordings more, so that a single recording helps already. Clusters of vectors are no
substitute for the names of speakers: one group for all was best, and more did worse.

Recordings adapt *others* (`enrol`), or they adapt themselves (`adapt`). The first is safe. The
second takes the emotion away where all recordings have the same one: `variety` measures whether
that is likely. Nothing is adapted by default.

Only features with one vector a clip can be adapted, since a frame is no sample of a voice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ser_keras import console
from ser_keras.batches import Normalization
from ser_keras.errors import SerKerasError, check_choice, check_number

BY = ("none", "corpus", "speaker")
# Share of the usual variety below which recordings seem to have the same emotion. On corpora that
# were left out of training it caught 77 % of the groups of 12 recordings of one emotion, and 16 %
# of those of mixed emotions (`python -m tests.benchmarks.adaptation`).
VARIED = 0.4
_TINY = 1e-12


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The number of recordings that the statistics of the training clips count as.

    Both were chosen on corpora that were left out of training (`python -m
    tests.benchmarks.adaptation`): 0.5 to 1 for the mean, while any weight from 5 on does for the
    variance.

    Args:
        mean: Number of recordings for the mean.
        variance: Number of recordings for the variance.

    Raises:
        SerKerasError: A number is not from 0 to 1,000,000.
    """

    mean: float = 1.0
    variance: float = 20.0

    def __post_init__(self):
        for name in ("mean", "variance"):
            number = check_number(f"weights.{name}", getattr(self, name), 0, 1_000_000)
            object.__setattr__(self, name, number)


@dataclass(frozen=True, eq=False)
class Adaptation:
    """How the vectors of one voice or room are moved to where the training clips lie.

    Args:
        scale: Factor of each feature, (n_features,).
        shift: What is added to each feature afterwards, (n_features,).
        recordings: Number of recordings that it rests on; 0 moves nothing.
        itself: Whether these are the recordings that it moves, rather than others.
        note: A remark for the user, or "".
    """

    scale: np.ndarray
    shift: np.ndarray
    recordings: int
    itself: bool
    note: str = ""

    def move(self, vectors: np.ndarray) -> np.ndarray:
        """Return vectors (..., n_features), moved, in their own dtype."""
        if not self.recordings:
            return vectors
        return (vectors * self.scale + self.shift).astype(vectors.dtype, copy=False)


def enrol(
    vectors: Sequence[np.ndarray] | np.ndarray,
    reference: Normalization,
    weights: Weights | None = None,
) -> Adaptation:
    """Return the adaptation to a voice or a room by other recordings than those to be labelled.

    Ordinary recordings with several emotions serve best. Neutral ones gain less, and no more from
    the third one on.

    Args:
        vectors: Vectors of the recordings, (n_features,) or (1, n_features) each; may be none.
        reference: Mean and deviation of the training clips, of the kind "feature".
        weights: Weights of the reference; None means `Weights()`.

    Raises:
        SerKerasError: The vectors are not of the features of the reference, or not finite.

    Example:
        >>> reference = Normalization("feature", (0.0,), (1.0,))
        >>> voice = enrol(np.array([[4.0], [4.0], [4.0]]), reference, Weights(variance=1e6))
        >>> voice.move(np.array([[4.0]])).round(2).tolist(), voice.recordings
        ([[1.0]], 3)
    """
    rows = _rows(vectors, reference)
    n = len(rows)
    note = f"adapted by {console.count(n, 'recording')}" if n else ""
    return _adaptation(rows, reference, weights or Weights(), itself=False, note=note)


def adapt(
    vectors: Sequence[np.ndarray] | np.ndarray,
    reference: Normalization,
    by: str = "none",
    *,
    speakers: Sequence[str] | None = None,
    probabilities: np.ndarray | None = None,
    usual: float | None = None,
    weights: Weights | None = None,
) -> list[Adaptation]:
    """Return, for each recording, the adaptation to the very recordings that are to be labelled.

    Use it only where emotions vary within each group. A group of fewer than two recordings is left
    as it is, and with `usual` also a group that varies too little.

    Args:
        vectors: Vectors of the recordings, (n_features,) or (1, n_features) each.
        reference: Mean and deviation of the training clips, of the kind "feature".
        by: "none" adapts nothing, "corpus" adapts to all recordings at once, "speaker" to those of
            the same speaker.
        speakers: Name of each recording's speaker; needed by "speaker".
        probabilities: Probabilities of the recordings without adaptation, (recordings, classes);
            needed with `usual`.
        usual: `variety` of a training speaker, or None to adapt every group.
        weights: Weights of the reference; None means `Weights()`.

    Raises:
        SerKerasError: An argument that is needed is missing or of another length, or the vectors
            are not of the features of the reference.
    """
    check_choice("adapt.by", by, BY)
    rows = _rows(vectors, reference)
    if usual is not None and (probabilities is None or len(probabilities) != len(rows)):
        raise SerKerasError("adapt.probabilities", "do not fit the recordings", "Give a row each")
    if by == "speaker" and speakers is None:
        remedy = 'Give the speaker of each recording, or adapt by "corpus" where nobody knows them'
        raise SerKerasError("adapt.speakers", "are missing", remedy)
    names = list(map(str, speakers)) if by == "speaker" and speakers else [""] * len(rows)
    if len(names) != len(rows):
        problem = f"are {len(names)} for {len(rows)} recordings"
        raise SerKerasError("adapt.speakers", problem, "Give one for each recording")
    adapted: dict[str, Adaptation] = {}
    for name in dict.fromkeys(names):
        own = np.array([each == name for each in names])
        n, note = int(own.sum()), ""
        too_alike = n < 2
        if usual is not None and n > 1 and probabilities is not None:
            too_alike = variety(rows[own], reference, probabilities[own]) < VARIED * usual
        if by != "none":
            note = f"adapted by {console.count(n, 'recording')}, this one among them"
            if too_alike:
                note = (
                    f"not adapted: {console.count(n, 'recording')} vary too little"
                    if n > 1
                    else "not adapted"
                )
        group = rows[own] if by != "none" and not too_alike else rows[:0]
        adapted[name] = _adaptation(group, reference, weights or Weights(), itself=True, note=note)
    return [adapted[name] for name in names]


def variety(
    vectors: Sequence[np.ndarray] | np.ndarray,
    reference: Normalization,
    probabilities: np.ndarray,
) -> float:
    """Return how much the emotions of recordings seem to vary; 0 for fewer than two recordings.

    It is the variance of the unadapted log-probabilities between the recordings, summed over the
    classes. Divided by the root of the variance of their vectors, it is compared better between
    corpora. What is usual depends on the network, so measure it on training speakers.

    Args:
        vectors: Vectors of the recordings, (n_features,) or (1, n_features) each.
        reference: Mean and deviation of the training clips, of the kind "feature".
        probabilities: Probabilities of the recordings without adaptation, (recordings, classes).

    Raises:
        SerKerasError: The vectors are not of the features of the reference, or not as many.
    """
    rows = _rows(vectors, reference)
    if len(probabilities) != len(rows):
        raise SerKerasError("variety", "has other vectors than probabilities", "Give a row each")
    if len(rows) < 2:
        return 0.0
    logs = np.log(np.maximum(np.asarray(probabilities, np.float64), _TINY))
    logs -= logs.mean(axis=1, keepdims=True)
    spread = (rows / np.array(reference.std)).var(axis=0, ddof=1).mean()
    return float(logs.var(axis=0, ddof=1).sum() / np.sqrt(spread + _TINY))


def _adaptation(
    rows: np.ndarray, reference: Normalization, weights: Weights, *, itself: bool, note: str
) -> Adaptation:
    """Return the adaptation by rows (recordings, n_features), shrunk towards the reference."""
    mean, variance = np.array(reference.mean), np.square(reference.std)
    n = len(rows)
    if not n:
        return Adaptation(np.ones_like(mean), np.zeros_like(mean), 0, itself, note)
    own_mean = (n * rows.mean(axis=0) + weights.mean * mean) / (n + weights.mean)
    own_variance = (n * rows.var(axis=0) + weights.variance * variance) / (n + weights.variance)
    scale = np.sqrt(variance / np.maximum(own_variance, _TINY * variance))
    return Adaptation(scale, mean - own_mean * scale, n, itself, note)


def _rows(vectors: Sequence[np.ndarray] | np.ndarray, reference: Normalization) -> np.ndarray:
    """Return vectors as float64 (recordings, n_features)."""
    size = len(reference.mean)
    if reference.kind != "feature":
        problem = f"is of the kind {reference.kind!r}"
        raise SerKerasError("reference", problem, 'Give a normalisation of the kind "feature"')
    if any(np.shape(vector) not in ((size,), (1, size)) for vector in vectors):
        remedy = "Give features of one vector a clip, the same as in training"
        raise SerKerasError("vectors", f"are not of {size} numbers each", remedy)
    rows = np.array(vectors, np.float64).reshape(len(vectors), size)
    if not np.isfinite(rows).all():
        raise SerKerasError(
            "vectors", "are not finite", "Leave out the recordings that they are of"
        )
    return rows
