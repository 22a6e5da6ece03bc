"""How the labels of a model change when its recordings change."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
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
        agreement: Share of them whose most probable emotion is that of the unchanged recording.
        uar: UAR of the most probable emotions after the change.
        arousal: Mean change of arousal; None where the model gives none.
        answered: Share of all recordings whose label counts after the change: the model can hear
            them, and does not call them unsure.
        uar_answered: UAR of these recordings; None where there are none.
    """

    kind: str
    amount: str
    n: int
    agreement: Estimate
    uar: Estimate
    arousal: float | None
    answered: float
    uar_answered: Estimate | None


@dataclass(frozen=True)
class Group:
    """How a model treats one group of voices.

    Args:
        by: "sex" or "pitch".
        name: Name of the group.
        n: Number of recordings.
        uar: UAR on unchanged recordings.
        answered: Share of the unchanged recordings whose label counts.
        agreement: Share of the recordings that keep their most probable emotion, over all changes.
    """

    by: str
    name: str
    n: int
    uar: Estimate
    answered: float
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
        answered: Share of the unchanged recordings whose label counts.
        uar_answered: UAR of these recordings; None where there are none.
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
    answered: float
    uar_answered: Estimate | None
    effects: tuple[Effect, ...]
    groups: tuple[Group, ...]

    @property
    def n(self) -> int:
        """Number of clips."""
        return sum(self.clips.values())

    def to_json(self) -> dict:
        """Return the card as JSON values; an estimate is a list of its value and its limits."""
        parts = {name: [_flat(each) for each in getattr(self, name)] for name in _PARTS}
        return {**_flat(self), **parts}

    @classmethod
    def from_json(cls, value: Mapping) -> Card:
        """Return the card that `to_json` wrote; SerKerasError if a key is missing or unknown."""
        try:
            effects = tuple(Effect(**_estimates(each)) for each in value["effects"])
            groups = tuple(Group(**_estimates(each)) for each in value["groups"])
            return cls(**{**_estimates(value), "effects": effects, "groups": groups})
        except (KeyError, TypeError) as error:
            problem = f"was not written by this version ({error})"
            raise SerKerasError("stress card", problem, "Examine the model again") from error


_PARTS = ("effects", "groups")
_ESTIMATES = ("uar", "agreement", "uar_answered")


def _flat(part: Effect | Group | Card) -> dict:
    values = {field.name: getattr(part, field.name) for field in fields(part)}
    return {k: list(astuple(v)) if isinstance(v, Estimate) else v for k, v in values.items()}


def _estimates(value: Mapping) -> dict:
    estimates = {key: Estimate(*value[key]) for key in _ESTIMATES if value.get(key) is not None}
    return {**value, **estimates}


@dataclass(frozen=True, eq=False)
class _Heard:
    """What a model says of all recordings, unchanged or after one change.

    Args:
        probabilities: (clips, classes), NaN where the model can hear nothing.
        arousal: (clips,), NaN where there is none.
        counts: Whether the label counts, bool (clips,).
    """

    probabilities: np.ndarray
    arousal: np.ndarray
    counts: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """Whether there are probabilities, bool (clips,)."""
        return np.isfinite(self.probabilities).all(axis=1)

    @property
    def emotion(self) -> np.ndarray:
        """Number of the most probable emotion, int (clips,); of no meaning where not known."""
        return np.nan_to_num(self.probabilities).argmax(axis=1)


@dataclass(frozen=True, eq=False)
class _Scoring:
    """How clips are scored: their emotions, the classes, their voices, and a seed."""

    truth: np.ndarray
    labels: tuple[str, ...]
    voices: np.ndarray | None
    seed: int

    def scores(
        self, heard: _Heard, inside: np.ndarray, classes: np.ndarray | None = None
    ) -> Scores:
        """Return the scores of the clips inside, against `classes` or else their true emotions."""
        classes = self.truth if classes is None else classes
        groups = None if self.voices is None else self.voices[inside].tolist()
        rows = heard.probabilities[inside]
        return metrics.score(classes[inside], rows, self.labels, groups=groups, seed=self.seed)

    def uar(self, heard: _Heard, inside: np.ndarray) -> Estimate | None:
        """Return the UAR of the clips inside, None where there are none."""
        return _rounded(self.scores(heard, inside).uar) if inside.any() else None


def examine(
    model: Bundle,
    clips: pd.DataFrame,
    seed: int = 0,
    changes: Sequence[Change] = CHANGES,
) -> Card:
    """Return how the labels of a model change when recordings change.

    What is compared is the most probable emotion, also where the model calls a recording unsure;
    how many labels count is measured apart.

    Args:
        model: Model to examine.
        clips: Recordings with known emotions; see `clips.draw`. Of each recording the first 10 s
            are taken.
        seed: Seed of the noise.
        changes: What is done to the recordings.

    Raises:
        SerKerasError: The model can label none of the recordings, or all are of one emotion.
    """
    n = len(clips)
    truth = np.array([model.labels.index(emotion) for emotion in clips["emotion"]])
    scoring = _Scoring(truth, tuple(model.labels), speakers(clips), seed)
    heard: dict[Change, _Heard] = {}
    title = f"{n} clips, {len(changes)} changes"
    with contextlib.closing(console.progress(n * (len(changes) + 1), title)) as bar:
        plain = _hear(model, clips, None, seed, bar)
        if len(set(truth[plain.known])) < 2:
            problem = "have fewer than two emotions that the model can label"
            raise SerKerasError("recordings", problem, "Give recordings of several emotions")
        for change in changes:
            after = _hear(model, clips, change, seed, bar)
            if (plain.known & after.known).any():
                heard[change] = after
            else:
                console.warn(f"No recording could be labelled after {change.kind} {change.amount}.")
    whole = scoring.scores(plain, plain.known)
    return Card(
        model=model.folder.name if models.is_shipped(model.folder) else model.name,
        clips=clips["corpus"].value_counts().sort_index().to_dict(),
        learned=int(clips["content"].isin(model.manifest["training_clips"]).sum()),
        emotions=len(set(truth.tolist())),
        resampled_by=whole.resampled_by,
        seed=seed,
        synthetic=set(clips["corpus"]) == {"demo"},
        uar=_rounded(whole.uar),
        answered=round(float(plain.counts.mean()), 4),
        uar_answered=scoring.uar(plain, plain.counts),
        effects=tuple(_effect(scoring, change, plain, after) for change, after in heard.items()),
        groups=tuple(_groups(scoring, clips, plain, list(heard.values()))),
    )


def _rounded(estimate: Estimate) -> Estimate:
    return Estimate(*(round(float(value), 4) for value in astuple(estimate)))


def _effect(scoring: _Scoring, change: Change, plain: _Heard, after: _Heard) -> Effect:
    """Return what a change does to the clips that the model hears before and after it."""
    both = plain.known & after.known
    shift = float(np.mean(after.arousal[both] - plain.arousal[both]))
    return Effect(
        kind=change.kind,
        amount=change.amount,
        n=int(both.sum()),
        agreement=_rounded(scoring.scores(after, both, plain.emotion).accuracy),
        uar=_rounded(scoring.scores(after, both).uar),
        arousal=None if np.isnan(shift) else round(shift, 4),
        answered=round(float(after.counts.mean()), 4),
        uar_answered=scoring.uar(after, after.counts),
    )


def _hear(model: Bundle, clips: pd.DataFrame, change: Change | None, seed: int, bar) -> _Heard:
    """Return what a model says of recordings after a change, or of the unchanged ones."""
    probabilities = np.full((len(clips), len(model.labels)), np.nan)
    arousal, counts = np.full(len(clips), np.nan), np.zeros(len(clips), bool)
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
                counts[place] = row.label in model.labels
    return _Heard(probabilities, arousal, counts)


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
    scoring: _Scoring, clips: pd.DataFrame, plain: _Heard, changed: Sequence[_Heard]
) -> Iterator[Group]:
    """Yield what is measured of women and men, and of low, middle and high voices."""
    voices = scoring.voices
    pitch = np.where(plain.known, _pitch(clips, voices), np.nan)
    there = np.isfinite(pitch)
    edges = np.quantile(pitch[there], (1 / 3, 2 / 3)) if there.any() else (0, 0)
    level = np.digitize(pitch, edges, right=True)
    names = (f"low, up to {edges[0]:.0f} Hz", "middle", f"high, above {edges[1]:.0f} Hz")
    members = [("sex", word, (clips["sex"] == word).to_numpy()) for word in ("woman", "man")]
    members += [("pitch", name, (level == i) & there) for i, name in enumerate(names)]
    for by, name, inside in members:
        inside = inside & plain.known
        heard = [inside & after.known for after in changed]
        if inside.sum() < 2 or not any(each.any() for each in heard):
            continue
        owners = clips["content"].to_numpy(str)  # a clip counts once for each change
        if voices is not None and len(set(voices[inside])) >= metrics.MIN_SPEAKERS:
            owners = voices
        pairs = list(zip(changed, heard, strict=True))
        agreement = metrics.score(
            np.concatenate([plain.emotion[each] for each in heard]),
            np.concatenate([after.probabilities[each] for after, each in pairs]),
            scoring.labels,
            groups=np.concatenate([owners[each] for each in heard]).tolist(),
        ).accuracy
        yield Group(
            by=by,
            name=name,
            n=int(inside.sum()),
            uar=_rounded(scoring.scores(plain, inside).uar),
            answered=round(float(plain.counts[inside].mean()), 4),
            agreement=_rounded(agreement),
        )


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
