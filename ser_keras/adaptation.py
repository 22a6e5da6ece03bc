"""Adapting to a voice or a room without labels: its clips are normalised by statistics of its own.

A voice and a room shift and stretch every vector that is measured in them. A few recordings tell by
how much. Their mean and variance are drawn towards those of the training clips, as if these were
more recordings of the same voice, so that a single recording helps already. Clusters of vectors are
no substitute for the names of speakers: one group for all was best, and more did worse.

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
from ser_keras.batches import BatchSpec, Normalization, rooted
from ser_keras.errors import SerKerasError, check_choice, check_number

BY = ("none", "corpus", "speaker")
# Share of the usual variety below which recordings seem to have the same emotion. On corpora that
# were left out of training it caught 77 % of the groups of 12 recordings of one emotion, and 16 %
# of those of mixed emotions (`python -m tests.benchmarks.adaptation`).
VARIED = 0.4
_TINY = 1e-12
_CONSTANT = 1e-9  # share of its mean by which a constant feature deviates at most


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
    """The normalisation for the clips of one voice or room.

    Args:
        normalization: Mean and deviation of the kind "feature", which replace those of the training
            clips.
        recordings: Number of recordings that it rests on; with 0 it is that of the training clips.
        itself: Whether these are the recordings that it is used on, rather than others.
        note: A remark for the user, or "".
    """

    normalization: Normalization
    recordings: int
    itself: bool
    note: str = ""


def reference(
    vectors: Sequence[np.ndarray] | np.ndarray,
    groups: Sequence[tuple[str, str]],
    batch: BatchSpec,
) -> Normalization:
    """Return the normalisation that fits clips of any voice: mean and deviation within a group.

    The mean is the mean of the groups' means, and the deviation the root of the mean of their
    variances, so that differences between voices do not widen it. Each corpus weighs the same, and
    each group within it. A group of one clip has no variance and is left out of the deviation;
    where every group is of one clip, the variance between all clips of the corpus stands in for it.

    Args:
        vectors: Vectors of the training clips, (n_features,) or (1, n_features) each.
        groups: Corpus and speaker of each clip. Where a speaker is not known, any name that the
            clips of the corpus share does.
        batch: Form of the batch, which says whether roots are taken first.

    Raises:
        SerKerasError: There are no vectors, they are not of one length or not finite, or the groups
            are not as many.

    Example:
        >>> clips = np.array([[0.0], [2.0], [10.0], [12.0]])
        >>> reference(clips, [("tess", "a")] * 2 + [("tess", "b")] * 2, BatchSpec(fit="mean"))
        Normalization(kind='feature', mean=(6.0,), std=(1.0,))
    """
    if not len(vectors) or len(groups) != len(vectors):
        problem = f"has {len(groups)} groups for {len(vectors)} vectors"
        raise SerKerasError("reference", problem, "Give at least one clip, and a group for each")
    size = np.shape(vectors[0])[-1]
    members: dict[str, dict[str, list[np.ndarray]]] = {}
    for vector, (corpus, speaker) in zip(vectors, groups, strict=True):
        members.setdefault(str(corpus), {}).setdefault(str(speaker), []).append(vector)
    means, variances = [], []
    for speakers in members.values():
        own = [_rows(each, size, batch) for each in speakers.values()]
        several = [rows for rows in own if len(rows) > 1] or [np.concatenate(own)]
        means.append(np.mean([rows.mean(axis=0) for rows in own], axis=0))
        variances.append(np.mean([rows.var(axis=0) for rows in several], axis=0))
    mean, variance = np.mean(means, axis=0), np.mean(variances, axis=0)
    constant = variance <= np.square(_CONSTANT * mean)
    std = np.where(constant, 1.0, np.sqrt(variance))  # as `Normalization.fit` has it
    return Normalization("feature", tuple(mean.tolist()), tuple(std.tolist()))


def enrol(
    vectors: Sequence[np.ndarray] | np.ndarray,
    reference: Normalization,
    batch: BatchSpec,
    weights: Weights | None = None,
) -> Adaptation:
    """Return the adaptation to a voice or a room by other recordings than those to be labelled.

    Ordinary recordings with several emotions serve best. Neutral ones gain less, and no more from
    the third one on.

    Args:
        vectors: Vectors of the recordings, (n_features,) or (1, n_features) each; may be none.
        reference: Normalisation of the training clips, of the kind "feature".
        batch: Form of the batch, which says whether roots are taken first.
        weights: Weights of the reference; None means `Weights()`.

    Raises:
        SerKerasError: The vectors are not of the features of the reference, or not finite.

    Example:
        >>> training = Normalization("feature", (0.0,), (1.0,))
        >>> recordings = np.array([[4.0], [4.0], [4.0]])
        >>> voice = enrol(recordings, training, BatchSpec(fit="mean"), Weights(variance=0.0))
        >>> voice.normalization.mean, voice.recordings
        ((3.0,), 3)
    """
    _check(reference)
    rows = _rows(vectors, len(reference.mean), batch)
    n = len(rows)
    note = f"adapted by {console.count(n, 'recording')}" if n else ""
    return Adaptation(_shrunk(rows, reference, weights or Weights()), n, False, note)


def adapt(
    vectors: Sequence[np.ndarray] | np.ndarray,
    reference: Normalization,
    batch: BatchSpec,
    by: str = "none",
    *,
    speakers: Sequence[str] | None = None,
    probabilities: np.ndarray | None = None,
    usual: float | None = None,
    weights: Weights | None = None,
) -> list[Adaptation]:
    """Return, for each recording, the adaptation to the very recordings that are to be labelled.

    Use it only where emotions vary within each group. A group of fewer than two recordings is left
    as it is, and with `usual` also a group that varies too little. The recordings of a group share
    one object.

    Args:
        vectors: Vectors of the recordings, (n_features,) or (1, n_features) each.
        reference: Normalisation of the training clips, of the kind "feature".
        batch: Form of the batch, which says whether roots are taken first.
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
    _check(reference)
    if usual is not None and (probabilities is None or len(probabilities) != len(vectors)):
        raise SerKerasError("adapt.probabilities", "do not fit the recordings", "Give a row each")
    if by == "speaker" and speakers is None:
        remedy = 'Give the speaker of each recording, or adapt by "corpus" where nobody knows them'
        raise SerKerasError("adapt.speakers", "are missing", remedy)
    names = list(map(str, speakers)) if by == "speaker" and speakers else [""] * len(vectors)
    if len(names) != len(vectors):
        problem = f"are {len(names)} for {len(vectors)} recordings"
        raise SerKerasError("adapt.speakers", problem, "Give one for each recording")
    rows = _rows(vectors, len(reference.mean), batch)
    adapted: dict[str, Adaptation] = {}
    for name in dict.fromkeys(names):
        own = np.array([each == name for each in names])
        n, note = int(own.sum()), ""
        too_alike = n < 2
        if usual is not None and n > 1 and probabilities is not None:
            too_alike = _variety(rows[own], reference, probabilities[own]) < VARIED * usual
        if by != "none":
            note = f"adapted by {console.count(n, 'recording')}, this one among them"
            if too_alike:
                note = (
                    f"not adapted: {console.count(n, 'recording')} vary too little"
                    if n > 1
                    else "not adapted"
                )
        group = rows[own] if by != "none" and not too_alike else rows[:0]
        normalization = _shrunk(group, reference, weights or Weights())
        adapted[name] = Adaptation(normalization, len(group), True, note)
    return [adapted[name] for name in names]


def variety(
    vectors: Sequence[np.ndarray] | np.ndarray,
    reference: Normalization,
    batch: BatchSpec,
    probabilities: np.ndarray,
) -> float:
    """Return how much the emotions of recordings seem to vary; 0 for fewer than two recordings.

    It is the variance of the unadapted log-probabilities between the recordings, summed over the
    classes. Divided by the root of the variance of their vectors, it is compared better between
    corpora. What is usual depends on the network, so measure it on training speakers.

    Args:
        vectors: Vectors of the recordings, (n_features,) or (1, n_features) each.
        reference: Normalisation of the training clips, of the kind "feature".
        batch: Form of the batch, which says whether roots are taken first.
        probabilities: Probabilities of the recordings without adaptation, (recordings, classes).

    Raises:
        SerKerasError: The vectors are not of the features of the reference, or not as many.
    """
    _check(reference)
    rows = _rows(vectors, len(reference.mean), batch)
    if len(probabilities) != len(rows):
        raise SerKerasError("variety", "has other vectors than probabilities", "Give a row each")
    return _variety(rows, reference, probabilities)


def _variety(rows: np.ndarray, reference: Normalization, probabilities: np.ndarray) -> float:
    if len(rows) < 2:
        return 0.0
    logs = np.log(np.maximum(np.asarray(probabilities, np.float64), _TINY))
    logs -= logs.mean(axis=1, keepdims=True)
    spread = (rows / np.array(reference.std)).var(axis=0, ddof=1).mean()
    return float(logs.var(axis=0, ddof=1).sum() / np.sqrt(spread + _TINY))


def _shrunk(rows: np.ndarray, reference: Normalization, weights: Weights) -> Normalization:
    """Return the statistics of rows (recordings, n_features), drawn towards the reference."""
    n = len(rows)
    if not n:
        return reference
    mean, variance = np.array(reference.mean), np.square(reference.std)
    own_mean = (n * rows.mean(axis=0) + weights.mean * mean) / (n + weights.mean)
    own_variance = (n * rows.var(axis=0) + weights.variance * variance) / (n + weights.variance)
    own_std = np.sqrt(np.maximum(own_variance, _TINY * variance))
    return Normalization("feature", tuple(own_mean.tolist()), tuple(own_std.tolist()))


def _check(reference: Normalization) -> None:
    """Refuse a reference that does not hold one mean and deviation for each feature."""
    if reference.kind != "feature":
        problem = f"is of the kind {reference.kind!r}"
        raise SerKerasError("reference", problem, 'Give a normalisation of the kind "feature"')


def _rows(vectors: Sequence[np.ndarray] | np.ndarray, size: int, batch: BatchSpec) -> np.ndarray:
    """Return vectors as float64 (recordings, size), as they are before they are normalised."""
    if any(np.shape(vector) not in ((size,), (1, size)) for vector in vectors):
        remedy = "Give features of one vector a clip, the same as in training"
        raise SerKerasError("vectors", f"are not of {size} numbers each", remedy)
    rows = np.array(vectors, np.float64).reshape(len(vectors), size)
    if not np.isfinite(rows).all():
        raise SerKerasError(
            "vectors", "are not finite", "Leave out the recordings that they are of"
        )
    return rooted(rows, batch)
