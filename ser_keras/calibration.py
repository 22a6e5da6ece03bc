"""Probabilities that mean what they say: temperature, and arousal from the emotions.

Both are fitted on clips that the network did not learn from, best on corpora that were left out:
first the temperature, then arousal from the probabilities that it gives. A bundle keeps the two
fits in its manifest, and the pipeline applies them to whatever its engine computes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from ser_keras.errors import SerKerasError, check_number

TEMPERATURES = (0.05, 20.0)  # lowest and highest
SLOPES = (0.0, 100.0)
OFFSETS = (-100.0, 100.0)
AROUSED = ("happy", "angry", "fearful", "surprised")
CALM = ("neutral", "calm", "sad")  # disgust is neither
_TINY = 1e-12


@dataclass(frozen=True)
class Arousal:
    """How aroused a voice sounds, from the probabilities of emotions.

    It is sigmoid(slope * logit(P) + offset), where P is the share of the probabilities that belongs
    to the listed emotions. It describes the sound of a voice, and not what the person feels.

    Args:
        emotions: Emotions in which voices sound aroused; some of the model's emotions, not all.
        slope: Factor of the log-odds, from 0 to 100.
        offset: What is added to them, from -100 to 100.

    Raises:
        SerKerasError: No emotion is listed, or a number is out of range.

    Example:
        >>> arousal = Arousal(("angry",), slope=2.0)
        >>> arousal.measure(np.array([[0.75, 0.25]]), ("angry", "sad")).round(3).tolist()
        [0.9]
    """

    emotions: tuple[str, ...]
    slope: float = 1.0
    offset: float = 0.0

    def __post_init__(self):
        if not self.emotions:
            raise SerKerasError("arousal.emotions", "are none", "Name at least one")
        object.__setattr__(self, "emotions", tuple(self.emotions))
        for name, bounds in (("slope", SLOPES), ("offset", OFFSETS)):
            number = check_number(f"arousal.{name}", getattr(self, name), *bounds)
            object.__setattr__(self, name, number)

    def log_odds(self, probabilities: np.ndarray, labels: Sequence[str]) -> np.ndarray:
        """Return logit(P) as float64 (...,), the scores to which `logistic` is fitted.

        Args:
            probabilities: Probabilities of the emotions, (..., classes).
            labels: Emotions in the order of the classes.
        """
        values = np.maximum(np.asarray(probabilities, np.float64), 0)
        listed = values[..., [labels.index(emotion) for emotion in self.emotions]].sum(axis=-1)
        share = listed / np.maximum(values.sum(axis=-1), _TINY)
        share = np.clip(share, 1e-7, 1 - 1e-7)
        return np.log(share) - np.log1p(-share)

    def measure(self, probabilities: np.ndarray, labels: Sequence[str]) -> np.ndarray:
        """Return arousal from 0 to 1 as float64 (...,); the arguments are those of `log_odds`."""
        scores = self.slope * self.log_odds(probabilities, labels) + self.offset
        return 0.5 + 0.5 * np.tanh(0.5 * scores)  # the sigmoid, which overflows nowhere

    def to_json(self) -> dict:
        """Return the settings as they stand in a manifest."""
        return {**asdict(self), "emotions": list(self.emotions)}


def aroused(emotions: Sequence[str]) -> np.ndarray:
    """Return 1 for emotions in which voices sound aroused, 0 for calm ones, nan for others.

    Args:
        emotions: Emotion of each clip.

    Returns:
        float64 (clips,).

    Example:
        >>> aroused(["angry", "sad", "disgust"]).tolist()
        [1.0, 0.0, nan]
    """
    values = {name: 1.0 for name in AROUSED} | {name: 0.0 for name in CALM}
    return np.array([values.get(emotion, np.nan) for emotion in emotions])


def area_under_curve(
    scores: Sequence[float] | np.ndarray, truth: Sequence[bool] | np.ndarray
) -> float:
    """Return the area under the receiver operating characteristic.

    It is the share of the pairs of a clip that should score high and one that should not in which
    the first one does; ties count half.

    Args:
        scores: Score of each clip, (clips,).
        truth: Whether each should score high, (clips,).

    Example:
        >>> area_under_curve([0.1, 0.4, 0.4, 0.8], [False, False, True, True])
        0.875
    """
    from sklearn.metrics import roc_auc_score  # late: labelling does without it

    return float(roc_auc_score(truth, scores))


def sharpen(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return p^(1 / temperature), scaled so that each row sums to 1; the labels stay the same.

    Args:
        probabilities: Probabilities of the emotions, (..., classes).
        temperature: Below 1 the probabilities become more extreme, above 1 more alike.

    Example:
        >>> sharpen(np.array([0.8, 0.2]), 0.5).round(3).tolist()
        [0.941, 0.059]
    """
    values = np.maximum(np.asarray(probabilities, np.float64), 0)
    values /= np.maximum(values.max(axis=-1, keepdims=True), _TINY)  # no power underflows to zeros
    values **= 1 / temperature
    values /= np.maximum(values.sum(axis=-1, keepdims=True), _TINY)
    return values.astype(np.asarray(probabilities).dtype, copy=False)


def temperature(
    probabilities: np.ndarray,
    truth: Sequence[int] | np.ndarray,
    weights: Sequence[float] | np.ndarray | None = None,
) -> float:
    """Return the temperature with the least log loss, from 0.05 to 20.

    Args:
        probabilities: Probabilities of the emotions, (clips, classes).
        truth: Number of the emotion of each clip, (clips,).
        weights: How much each clip counts, (clips,); None counts all alike.

    Raises:
        SerKerasError: There are no clips, or the arguments are of different lengths.

    Source: Guo, Pleiss, Sun and Weinberger 2017, On calibration of modern neural networks, 4.2.
    """
    from scipy.optimize import minimize_scalar  # late: labelling does without it
    from scipy.special import logsumexp

    rows, classes = np.asarray(probabilities, np.float64), np.asarray(truth, int)
    counts = np.ones(len(rows)) if weights is None else np.asarray(weights, np.float64)
    if not len(rows) == len(classes) == len(counts) or not counts.sum() > 0:
        sizes = f"{len(rows)}, {len(classes)} and {len(counts)}"
        raise SerKerasError(
            "calibration", f"has {sizes} probabilities, emotions and weights", "Give one for a clip"
        )
    logs = np.log(np.maximum(rows, _TINY))

    def loss(log_temperature: float) -> float:
        scaled = logs / np.exp(log_temperature)
        right = scaled[np.arange(len(rows)), classes]
        return float(np.average(logsumexp(scaled, axis=1) - right, weights=counts))

    low, high = np.log(TEMPERATURES)  # convex in 1 / temperature, so there is one minimum
    best = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-4})
    return float(np.clip(np.exp(best.x), *TEMPERATURES))


def logistic(
    scores: Sequence[float] | np.ndarray, truth: Sequence[bool] | np.ndarray
) -> tuple[float, float]:
    """Return slope and offset with which sigmoid(slope * score + offset) fits the truth best.

    The targets are Platt's, a little inside 0 and 1, so that a fit exists where a score tells all.

    Args:
        scores: Scores of the clips, such as `Arousal.log_odds`, (clips,).
        truth: Whether each clip is one of those that should score high, (clips,).

    Raises:
        SerKerasError: All clips are of one kind, or the arguments are of different lengths.

    Source: Platt 1999, Probabilistic outputs for support vector machines, 2.2.
    """
    from scipy.optimize import minimize  # late: labelling does without it

    x, y = np.asarray(scores, np.float64), np.asarray(truth, bool)
    if len(x) != len(y):
        problem = f"has {len(x)} scores and {len(y)} truths"
        raise SerKerasError("calibration", problem, "Give one for a clip")
    if y.all() or not y.any():
        raise SerKerasError("calibration", "has clips of one kind only", "Give clips of both")
    targets = np.where(y, (y.sum() + 1) / (y.sum() + 2), 1 / ((~y).sum() + 2))

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        z = parameters[0] * x + parameters[1]
        errors = 0.5 + 0.5 * np.tanh(0.5 * z) - targets
        slope, offset = np.mean(errors * x), np.mean(errors)
        return float(np.mean(np.logaddexp(0, z) - targets * z)), np.array([slope, offset])

    slope, offset = minimize(
        loss, [1.0, 0.0], jac=True, method="L-BFGS-B", bounds=[SLOPES, OFFSETS]
    ).x
    return float(slope), float(offset)
