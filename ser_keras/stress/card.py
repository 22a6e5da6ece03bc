"""How the labels of a model change when its recordings change."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ser_keras import audio, console, functionals, metrics, models, seeding
from ser_keras.bundle import Bundle
from ser_keras.errors import SerKerasError
from ser_keras.metrics import Estimate, Scores
from ser_keras.prediction import Prediction
from ser_keras.stress.changes import CHANGES, VOICES, Change
from ser_keras.stress.clips import speakers

if TYPE_CHECKING:
    import pandas as pd

LONGEST_S = 10.0  # seconds of a recording that are changed, so that memory stays small
_AT_ONCE = 64  # recordings
_MIN_VOICES = 3  # fewer have no low, middle and high voices
_LOWEST_HZ = 27.5  # 0 semitones of the functionals


@dataclass(frozen=True)
class Effect:
    """What one change does to the labels.

    Args:
        kind, amount: The change.
        n: Number of recordings that are compared.
        agreement: Share of them that keep the label of the unchanged recording.
        uar: UAR after the change.
        arousal: Mean change of arousal; None where the model gives none.
        answered: Share of all recordings that still get one of the model's labels.
    """

    kind: str
    amount: str
    n: int
    agreement: Estimate
    uar: Estimate
    arousal: float | None
    answered: float


@dataclass(frozen=True)
class Group:
    """How a model treats one group of voices.

    Args:
        by: "sex" or "pitch".
        name: Name of the group.
        n: Number of recordings.
        uar: UAR on unchanged recordings.
        agreement: Share of the recordings that keep their label, over all changes.
    """

    by: str
    name: str
    n: int
    uar: Estimate
    agreement: Estimate


@dataclass(frozen=True)
class Card:
    """What was measured of a model.

    Args:
        model: Name of the model.
        clips: Name of each corpus -> number of its clips.
        learned: Number of clips that the model learned from or was chosen by.
        emotions: Number of emotions in the clips.
        resampled_by: What the intervals draw: "speaker" or "clip".
        seed: Seed of the clips and of the noise.
        synthetic: Whether no person spoke.
        uar: UAR on unchanged recordings.
        effects: What each change does.
        groups: Women and men, and low, middle and high voices, where these are known.
    """

    model: str
    clips: dict[str, int]
    learned: int
    emotions: int
    resampled_by: str
    seed: int
    synthetic: bool
    uar: Estimate
    effects: tuple[Effect, ...]
    groups: tuple[Group, ...]

    @property
    def n(self) -> int:
        """Number of clips."""
        return sum(self.clips.values())

    def to_json(self) -> dict:
        """Return the card as JSON values."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}

    @classmethod
    def from_json(cls, value: Mapping) -> Card:
        """Return the card that `to_json` wrote; SerKerasError if a key is missing or unknown."""
        try:
            uar = Estimate(**value["uar"])
            effects = tuple(Effect(**_estimates(each)) for each in value["effects"])
            groups = tuple(Group(**_estimates(each)) for each in value["groups"])
            return cls(**{**value, "uar": uar, "effects": effects, "groups": groups})
        except (KeyError, TypeError) as error:
            problem = f"was not written by this version ({error})"
            raise SerKerasError("stress card", problem, "Examine the model again") from error


def _estimates(value: Mapping) -> dict:
    return {**value, **{key: Estimate(**value[key]) for key in ("agreement", "uar")}}


def examine(
    model: Bundle,
    clips: pd.DataFrame,
    seed: int = 0,
    changes: Sequence[Change] = CHANGES,
) -> Card:
    """Return how the labels of a model change when recordings change.

    Args:
        model: Model to examine.
        clips: Recordings with known emotions; see `clips.draw`. Of each recording the first 10 s
            are taken.
        seed: Seed of the noise.
        changes: What is done to the recordings.

    Raises:
        SerKerasError: The model can label none of the recordings, or all are of one emotion.
    """
    labels, n = list(model.labels), len(clips)
    voices = speakers(clips)
    truth = np.array([labels.index(emotion) for emotion in clips["emotion"]])
    effects, agreeing = [], []
    title = f"{n} clips, {len(changes)} changes"
    with contextlib.closing(console.progress(n * (len(changes) + 1), title)) as bar:
        plain, plain_arousal, _ = _answers(model, clips, None, seed, bar)
        known = np.isfinite(plain).all(axis=1)
        if len(set(truth[known])) < 2:
            problem = "have fewer than two emotions that the model can label"
            raise SerKerasError("recordings", problem, "Give recordings of several emotions")
        first = np.where(known, np.nan_to_num(plain).argmax(axis=1), -1)
        for change in changes:
            rows, arousal, answered = _answers(model, clips, change, seed, bar)
            both = known & np.isfinite(rows).all(axis=1)
            if not both.any():
                console.warn(f"No recording could be labelled after {change.kind} {change.amount}.")
                continue
            uar, agreement = (
                _scores(model, classes[both], rows[both], voices, both, seed)
                for classes in (truth, first)
            )
            shift = float(np.mean(arousal[both] - plain_arousal[both]))
            effects.append(
                Effect(
                    change.kind,
                    change.amount,
                    int(both.sum()),
                    _rounded(agreement.accuracy),
                    _rounded(uar.uar),
                    round(shift, 4) if model.pipeline.arousal else None,
                    round(answered, 4),
                )
            )
            agreeing.append(np.where(both, np.nan_to_num(rows).argmax(axis=1), -1))
    whole = _scores(model, truth[known], plain[known], voices, known, seed)
    return Card(
        model=model.folder.name if models.is_shipped(model.folder) else model.name,
        clips=clips["corpus"].value_counts().sort_index().to_dict(),
        learned=int(clips["content"].isin(model.manifest["training_clips"]).sum()),
        emotions=len(set(truth.tolist())),
        resampled_by=whole.resampled_by,
        seed=seed,
        synthetic=set(clips["corpus"]) == {"demo"},
        uar=_rounded(whole.uar),
        effects=tuple(effects),
        groups=tuple(_groups(clips[known], truth[known], plain[known], first, known, agreeing)),
    )


def _scores(
    model: Bundle,
    classes: np.ndarray,
    probabilities: np.ndarray,
    voices: np.ndarray | None,
    inside: np.ndarray,
    seed: int,
) -> Scores:
    """Return the scores of the clips for which `inside` is true."""
    groups = None if voices is None else voices[inside].tolist()
    return metrics.score(classes, probabilities, model.labels, groups=groups, seed=seed)


def _rounded(estimate: Estimate) -> Estimate:
    return Estimate(*(round(float(value), 4) for value in asdict(estimate).values()))


def _answers(
    model: Bundle, clips: pd.DataFrame, change: Change | None, seed: int, bar
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return probabilities (clips, classes) and arousal (clips,), NaN where there are none.

    The third value is the share of the clips that get one of the model's labels.
    """
    probabilities = np.full((len(clips), len(model.labels)), np.nan)
    arousal, answered = np.full(len(clips), np.nan), 0
    for start in range(0, len(clips), _AT_ONCE):
        places, sounds = [], []
        for place in range(start, min(start + _AT_ONCE, len(clips))):
            with contextlib.suppress(SerKerasError):  # counts as not answered
                sounds.append(_changed(clips, place, change, seed))
                places.append(place)
            bar.update(1)
        for place, row in zip(places, model.pipeline.predict(sounds), strict=True):
            if isinstance(row, Prediction):
                probabilities[place] = list(row.probabilities.values())
                arousal[place] = np.nan if row.arousal is None else row.arousal
                answered += row.label in model.labels
    return probabilities, arousal, answered / len(clips)


def _changed(
    clips: pd.DataFrame, place: int, change: Change | None, seed: int
) -> tuple[np.ndarray, int]:
    """Return a recording after a change; the noise of a kind is the same at each level."""
    row = clips.iloc[place]
    sound = audio.hear(row["path"], duration=LONGEST_S)
    rate = round(audio.inspect(row["path"]).sample_rate)
    if change is None:
        return sound.samples, rate
    rng = seeding.stream(seed, "stress", change.kind, row["content"])
    return change.apply(sound.samples, rate, rng, partial(_voices, clips, place, rate, seed))


def _voices(clips: pd.DataFrame, place: int, rate: int, seed: int) -> Iterator[np.ndarray]:
    """Yield other recordings, of other speakers where these are known."""
    row = clips.iloc[place]
    strange = (clips["corpus"] != row["corpus"]) | (clips["speaker"] != row["speaker"])
    others = clips[strange & (clips["speaker"] != "")]
    if others.empty:
        others = clips.drop(index=clips.index[place])
    rng = seeding.stream(seed, "stress", "voices", row["content"])
    for number in rng.permutation(len(others))[:VOICES]:
        yield audio.read(others.iloc[number]["path"], rate, duration=LONGEST_S)


def _groups(
    clips: pd.DataFrame,
    truth: np.ndarray,
    plain: np.ndarray,
    first: np.ndarray,
    known: np.ndarray,
    agreeing: Sequence[np.ndarray],
) -> Iterator[Group]:
    """Yield what is measured of women and men, and of low, middle and high voices."""
    n_labels = plain.shape[1]
    labels = [str(number) for number in range(n_labels)]
    voices = speakers(clips)
    pitch = _pitch(clips, voices)
    edges = np.nanquantile(pitch, (1 / 3, 2 / 3)) if np.isfinite(pitch).any() else (0, 0)
    level = np.digitize(pitch, edges, right=True)
    names = (
        f"low, up to {edges[0]:.0f} Hz",
        "middle",
        f"high, above {edges[1]:.0f} Hz",
    )
    members = [("sex", word, (clips["sex"] == word).to_numpy()) for word in ("woman", "man")]
    members += [
        ("pitch", names[number], (level == number) & np.isfinite(pitch)) for number in range(3)
    ]
    for by, name, inside in members:
        if inside.sum() < 2:
            continue
        groups = None if voices is None else voices[inside].tolist()
        uar = metrics.score(truth[inside], plain[inside], labels, groups=groups).uar
        owners = clips["content"].to_numpy(str)  # a clip counts once for each change
        if voices is not None and len(set(voices[inside])) >= metrics.MIN_SPEAKERS:
            owners = voices
        before, after, of = [], [], []
        for predicted in agreeing:
            heard = inside & (predicted[known] >= 0)
            before.append(first[known][heard])
            after.append(predicted[known][heard])
            of.append(owners[heard])
        rows = np.eye(n_labels)[np.concatenate(after)] if after else np.empty((0, n_labels))
        if not len(rows):
            continue
        agreement = metrics.score(
            np.concatenate(before),
            rows,
            labels,
            groups=np.concatenate(of).tolist(),
        ).accuracy
        yield Group(by, name, int(inside.sum()), _rounded(uar), _rounded(agreement))


def _pitch(clips: pd.DataFrame, voices: np.ndarray | None) -> np.ndarray:
    """Return the median pitch in Hz of each clip's speaker, or of each clip where few are known."""
    place = [feature.name for feature in functionals.FEATURES].index("f0_p50")
    pitch = np.full(len(clips), np.nan)
    for number, path in enumerate(clips["path"]):
        samples = audio.read(path, functionals.SAMPLE_RATE, duration=LONGEST_S)
        semitones = functionals.vector(samples)[0, place]
        if semitones > 0:  # 0 where no frame is voiced
            pitch[number] = _LOWEST_HZ * 2 ** (semitones / 12)
    if voices is None or len(set(voices)) < _MIN_VOICES:
        return pitch
    medians = {v: np.median(own) for v in set(voices) if len(own := _finite(pitch[voices == v]))}
    return np.array([medians.get(voice, np.nan) for voice in voices])


def _finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]
