"""When a model should not answer, what else may be right, and what lies far from all it knows.

All of it is measured on clips of speakers that a model did not learn from, best of corpora that
were left out. A bundle keeps the few numbers that follow under the key `reliability`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ser_keras.errors import SerKerasError
from ser_keras.reliability.far import (
    CUT,
    DECIMALS,
    FAR,
    HIGH,
    NARROW,
    RAISED,
    TINY,
    Bandwidth,
    Distance,
    Height,
    bandwidth,
    columns,
    distance,
    height,
    up,
    weights,
)

__all__ = [
    "COVERAGES",
    "CUT",
    "FAR",
    "HIGH",
    "NARROW",
    "RAISED",
    "Answers",
    "Bandwidth",
    "Distance",
    "Height",
    "Reliability",
    "bandwidth",
    "columns",
    "distance",
    "height",
    "margin",
    "measure",
    "needed",
    "weights",
]


ENOUGH = 0.98  # accuracy on answered clips beyond which no further clip is left unanswered
LEAST = 0.52  # share of the clips that is answered at least, a little above one half
COVERAGES = (0.8, 0.9, 0.95)
_FAR = {"distance": Distance, "bandwidth": Bandwidth, "height": Height}  # entry -> what it holds


@dataclass(frozen=True, kw_only=True)
class Answers:
    """When the label counts, and which emotions hold the truth, as measured on new speakers.

    Args:
        answer_from: Least margin between the two highest probabilities with which a label counts.
        answered: Share of the clips that reached it.
        right: Accuracy on these.
        overall: Accuracy on all clips.
        speakers: Number of the speakers.
        limits: Coverage and limit of each kind of set that so many speakers allow; see `possible`.
    """

    answer_from: float
    answered: float
    right: float
    overall: float
    speakers: int
    limits: tuple[tuple[float, float], ...] = ()

    def to_json(self) -> dict:
        """Return the values as they stand in a manifest."""
        pairs = [{"coverage": coverage, "limit": limit} for coverage, limit in self.limits]
        return {**vars(self), "limits": pairs}

    @classmethod
    def from_json(cls, value: dict) -> Answers:
        """Return what `to_json` was taken from."""
        pairs = tuple((pair["coverage"], pair["limit"]) for pair in value["limits"])
        return cls(**{**value, "limits": pairs})


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """What is known of a model's answers on speakers that it did not learn from.

    Args:
        plain: How far its probabilities can be trusted; None where it was not measured.
        adapted: The same where the model is adapted to a voice by three other recordings of it.
        distance: How far recordings lie from the training clips; None where it was not measured.
        bandwidth: Whether recordings have upper bands; None where features do not show it.
        height: How high voices are; None where features do not show it, or it was not measured.
        usual: Median `adaptation.variety` of training speakers; None where it cannot be adapted.

    Example:
        >>> answers = Answers(answer_from=0.3, answered=0.6, right=0.8, overall=0.7, speakers=4,
        ...                   limits=((0.8, 0.6),))
        >>> reliability = Reliability(plain=answers)
        >>> reliability.answers(np.array([[0.5, 0.3, 0.2], [0.7, 0.2, 0.1]])).tolist()
        [False, True]
        >>> reliability.possible(np.array([0.5, 0.3, 0.2]), ("sad", "angry", "happy"), 0.8)
        ('sad', 'angry')
    """

    plain: Answers | None = None
    adapted: Answers | None = None
    distance: Distance | None = None
    bandwidth: Bandwidth | None = None
    height: Height | None = None
    usual: float | None = None

    def of(self, adapted: bool) -> Answers | None:
        """Return what counts for an adapted model, which is that of a plain one if need be."""
        return self.adapted if adapted and self.adapted is not None else self.plain

    def answers(self, probabilities: np.ndarray, adapted: bool = False) -> np.ndarray:
        """Return whether the label counts, bool (...,); it always does where nothing is known.

        Args:
            probabilities: Probabilities of the emotions after temperature, (..., classes).
            adapted: Whether the model is adapted to other recordings.
        """
        measured, margins = self.of(adapted), margin(probabilities)
        return margins >= (-np.inf if measured is None else measured.answer_from)

    def coverages(self, adapted: bool = False) -> tuple[float, ...]:
        """Return the coverages that `possible` can be asked for; none where too little is known."""
        measured = self.of(adapted)
        return () if measured is None else tuple(coverage for coverage, _ in measured.limits)

    def possible(
        self,
        probabilities: np.ndarray,
        labels: Sequence[str],
        coverage: float = 0.9,
        adapted: bool = False,
    ) -> tuple[str, ...]:
        """Return the emotions that hold the truth with a coverage, the most probable one first.

        The emotions are taken from the most probable one on, until they are more probable together
        than a limit. For a new speaker the truth is among them with the coverage, on the average
        over speakers like those that the limit was measured on; for a single speaker it may be less
        often.

        Args:
            probabilities: Probabilities of the emotions after temperature, (classes,).
            labels: Emotions in the order of the classes.
            coverage: One of `coverages`.
            adapted: Whether the model is adapted to other recordings.

        Raises:
            SerKerasError: The model was measured on too few speakers for the coverage.
        """
        measured = self.of(adapted)
        limits = {} if measured is None else dict(measured.limits)
        if coverage not in limits:
            raise _uncovered(coverage, tuple(limits), 0 if measured is None else measured.speakers)
        order, before = _before(np.asarray(probabilities, np.float64)[None])
        allowed = (before[0] <= limits[coverage] + TINY).sum()
        return tuple(labels[i] for i in order[0][:allowed])

    def note(self, frames: np.ndarray) -> str:
        """Return remarks on a recording that lies far from all training clips, or "".

        Args:
            frames: Frames of the recording, (frames, n_features).
        """
        known = (self.distance, self.bandwidth, self.height)
        return "; ".join(filter(None, (each.note(frames) for each in known if each is not None)))

    def to_json(self) -> dict:
        """Return what is known as it stands in a manifest, without what is not."""
        value: dict[str, Any] = {}
        for name, answers in (("plain", self.plain), ("adapted", self.adapted)):
            if answers is not None:
                value[name] = answers.to_json()
        for name in _FAR:
            if (known := getattr(self, name)) is not None:
                own = vars(known).items()
                value[name] = {key: list(v) if isinstance(v, tuple) else v for key, v in own}
        return value | ({} if self.usual is None else {"usual": self.usual})

    @classmethod
    def from_json(cls, value: dict) -> Reliability:
        """Return what `to_json` was taken from, after a manifest has checked it."""
        parts: dict[str, Any] = dict(value)
        for name in ("plain", "adapted"):
            if name in value:
                parts[name] = Answers.from_json(value[name])
        for name, measure in _FAR.items():
            if name in value:
                own = value[name].items()
                parts[name] = measure(
                    **{key: tuple(v) if isinstance(v, list) else v for key, v in own}
                )
        return cls(**parts)


def margin(probabilities: np.ndarray) -> np.ndarray:
    """Return the difference between the two highest probabilities, (...,).

    Args:
        probabilities: Probabilities of the emotions, (..., classes).

    Example:
        >>> margin(np.array([0.5, 0.125, 0.375])).tolist()
        0.125
    """
    ordered = np.sort(np.asarray(probabilities, np.float64), axis=-1)
    return ordered[..., -1] - ordered[..., -2]


def needed(coverage: float) -> int:
    """Return how many speakers sets of a coverage have to be measured on, at least.

    Example:
        >>> [needed(coverage) for coverage in COVERAGES]
        [4, 9, 19]
    """
    return math.ceil(round(coverage / (1 - coverage), 6))


def measure(
    probabilities: np.ndarray,
    truth: Sequence[int] | np.ndarray,
    speakers: Sequence[str] | np.ndarray,
    corpora: Sequence[str] | np.ndarray | None = None,
) -> Answers:
    """Return when the label counts, and the limits of sets, from clips of new speakers.

    The label counts from the least margin on with which 98 % of the answered clips are right. Where
    that would leave fewer than 52 % of the clips answered, it counts from the margin on that 52 %
    of the clips reach. So a model that is nearly always right answers nearly everything. Each
    speaker weighs the same, and each corpus where there are several.

    The limit of a coverage is that of hierarchical conformal prediction: the quantile of the
    clips' scores, a clip of the k-th of K speakers weighing 1 / ((K + 1) n_k), with 1 / (K + 1)
    beyond all scores. The score is the probability of all emotions that are more probable than the
    true one. Coverages that would have no finite limit are left out.

    Args:
        probabilities: Probabilities of the emotions after temperature, (clips, classes).
        truth: Number of the emotion of each clip, (clips,).
        speakers: Name of the speaker of each clip, different in different corpora, (clips,).
        corpora: Corpus of each clip, (clips,); None for a single one.

    Raises:
        SerKerasError: There are no clips, or the arguments are of different lengths.

    Source: Dunn, Wasserman and Ramdas 2022, Distribution-free prediction sets for two-layer
    hierarchical models; Lee, Barber and Willett 2023, arXiv:2306.06342.
    """
    rows, classes = np.asarray(probabilities, np.float64), np.asarray(truth, int)
    names = np.asarray(speakers, str)
    homes = np.full(len(names), "") if corpora is None else np.asarray(corpora, str)
    if not len(rows) or not len(rows) == len(classes) == len(names) == len(homes):
        problem = f"has {len(rows)} probabilities, {len(classes)} emotions, {len(names)} speakers"
        raise SerKerasError("reliability", problem, "Give one of each for a clip")
    shares = weights(names, homes)
    right, margins = rows.argmax(axis=1) == classes, margin(rows)
    order = np.argsort(-margins, kind="stable")
    answered = np.cumsum(shares[order])
    accuracy = np.cumsum((shares * right)[order]) / answered
    last_of_equals = np.append(np.diff(margins[order]) != 0, True)
    allowed = np.flatnonzero(last_of_equals & (answered >= LEAST - TINY))
    enough = allowed[accuracy[allowed] >= ENOUGH]
    chosen = enough[-1] if len(enough) else allowed[0]

    ranked, before = _before(rows)
    place = np.argmax(ranked == classes[:, None], axis=1)
    scores = before[np.arange(len(rows)), place]
    ascending = np.argsort(scores, kind="stable")
    n_speakers = len(np.unique(names))
    mass = np.cumsum(shares[ascending]) * n_speakers / (n_speakers + 1)
    limits = []
    for coverage in COVERAGES:
        if n_speakers >= needed(coverage):
            at = min(int(np.searchsorted(mass, coverage - TINY)), len(mass) - 1)
            limits.append((coverage, min(1.0, up(scores[ascending][at]))))
    return Answers(
        answer_from=max(0.0, math.floor(margins[order][chosen] * 10**DECIMALS) / 10**DECIMALS),
        answered=round(float(answered[chosen]), DECIMALS),
        right=round(float(accuracy[chosen]), DECIMALS),
        overall=round(float(accuracy[-1]), DECIMALS),
        speakers=n_speakers,
        limits=tuple(limits),
    )


def _uncovered(coverage: float, there: tuple[float, ...], speakers: int) -> SerKerasError:
    """Return the error for a coverage that a model has no limit for."""
    subject = f"coverage {coverage:g}"
    remedy = f"Ask for {' or '.join(f'{each:g}' for each in there)}" if there else "Leave it out"
    if coverage not in COVERAGES:
        choices = ", ".join(f"{each:g}" for each in COVERAGES)
        return SerKerasError(subject, f"is none of {choices}", remedy)
    problem = (
        f"needs a model that was measured on {needed(coverage)} new speakers at least, and this one"
        f" was measured on {speakers}"
    )
    return SerKerasError(subject, problem, remedy)


def _before(probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return classes from the most probable on, and the probability of all that stand before."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    ordered = np.take_along_axis(probabilities, order, axis=1)
    return order, np.cumsum(ordered, axis=1) - ordered
