"""When the labels of a network count that a user has trained, where that can be known honestly.

It is measured on clips of speakers that the network did not learn from: the validation clips, if
none of their speakers is in training. A recipe that learns from its validation clips, too, is
trained once more for each of four groups of speakers, without them, and says what it makes of
these. Such networks know fewer voices than the one that is kept, so what is measured is a little
too low. Where neither can be done, the model says nothing, and every label counts.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser_keras import (
    adaptation,
    bundle,
    calibration,
    console,
    engines,
    files,
    reliability,
    training,
)
from ser_keras.prediction import Pipeline
from ser_keras.recipes import Recipe
from ser_keras.reliability import Answers, Reliability
from ser_keras.reliability.far import has_functionals
from ser_keras.runs import adapted
from ser_keras.splits import Split

if TYPE_CHECKING:
    import pandas as pd

LEAST_SPEAKERS = 4  # fewer say too little of others; sets of emotions need as many, too
GROUPS = 4  # of speakers, each of which is left out once
ENROLLED = "3 recordings"  # what `Reliability.adapted` is measured by

Store = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Heard:
    """What networks make of clips of speakers that they did not learn from.

    Args:
        truth: Number of the emotion of each clip, (clips,).
        speakers: Speaker of each, different in different corpora, (clips,).
        corpora: Corpus of each, (clips,).
        probabilities: Probabilities of the emotions, (clips, classes).
    """

    truth: np.ndarray
    speakers: np.ndarray
    corpora: np.ndarray
    probabilities: np.ndarray

    def answers(self, temperature: float) -> Answers:
        """Return when labels count, after a temperature."""
        sharp = calibration.sharpen(self.probabilities, temperature)
        return reliability.measure(sharp, self.truth, self.speakers, self.corpora)


def add(
    folder: Path, recipe: Recipe, split: Split, store: Store, pipeline: Pipeline, seed: int
) -> Reliability | None:
    """Write into the bundle of a run when its labels count, and its temperature.

    Labels stay the same but for those that do not count; probabilities become calibrated.

    Args:
        folder: Run folder with its bundle.
        recipe: Recipe of the run.
        split: Clips with their roles; the test clips are not used.
        store: Frames of each clip by its content.
        pipeline: The network as users will run it.
        seed: Seed of the run.

    Returns:
        What is known, or None where it cannot be known; then nothing is written.
    """
    if problem := obstacle(recipe, split):
        console.say(f"Every label of this model counts: {problem}.")
        return None
    with tempfile.TemporaryDirectory() as scratch:
        parts = list(_left_out(recipe, split, store, pipeline, seed, Path(scratch)))
    plain, enrolled = (_joined([part[i] for part in parts]) for i in (0, 1))
    if plain is None:
        return None
    shares = reliability.weights(plain.speakers, plain.corpora)
    temperature = calibration.temperature(plain.probabilities, plain.truth, shares)
    clips = _known(split)
    frames = [store[content] for content in clips["content"]]
    speakers = (clips["corpus"] + "/" + clips["speaker"]).to_numpy(str)
    calibrated = dataclasses.replace(pipeline, temperature=round(temperature, 4))
    known = dataclasses.replace(
        of_training(calibrated, frames, speakers, clips["corpus"].to_numpy(str)),
        plain=plain.answers(calibrated.temperature),
        adapted=enrolled.answers(calibrated.temperature) if enrolled else None,
    )
    content = bundle.verify(folder)
    changes = {"temperature": calibrated.temperature, "reliability": known.to_json()}
    files.write_json(folder / bundle.MANIFEST, {**content, **changes})
    if known.plain is not None:
        shown = [f"{100 * share:.0f} %" for share in (known.plain.answered, known.plain.right)]
        console.say(
            f"Its labels count in {shown[0]} of the clips of {known.plain.speakers} speakers left "
            f"out, and {shown[1]} of these are right (of all {100 * known.plain.overall:.0f} %); "
            "the others read unsure."
        )
    return known


def obstacle(recipe: Recipe, split: Split) -> str:
    """Return why it cannot be known when labels count, or "".

    Args:
        recipe: Recipe of the run.
        split: Clips with their roles.
    """
    clips = _known(split)
    if clips["speaker"].isna().any():
        return "the speakers of its clips are not known"
    held = clips if "validation" in recipe.training.fit_on else split.part("validation")
    if held is not clips:
        train = split.part("train")
        own, others = ({*(part["corpus"] + "/" + part["speaker"])} for part in (held, train))
        if own & others:
            return "its validation clips are of speakers that it learned from"
    speakers = held["corpus"] + "/" + held["speaker"]
    if speakers.nunique() < LEAST_SPEAKERS:
        return f"{speakers.nunique()} speakers are too few to tell how it does on others"
    groups = _groups(speakers.to_numpy(str))
    for group in range(GROUPS) if held is clips else ():
        if set(clips["emotion"][groups != group]) != set(recipe.emotions):
            return "an emotion is spoken by too few speakers"
    return ""


def of_training(
    pipeline: Pipeline, frames: list[np.ndarray], speakers: np.ndarray, corpora: np.ndarray
) -> Reliability:
    """Return what the training clips alone tell: how far others lie, and what is usual.

    Args:
        pipeline: Model, unadapted.
        frames: Frames of the training clips, (frames, n_features) each.
        speakers: Speaker of each clip, different in different corpora, (clips,).
        corpora: Corpus of each clip, (clips,).
    """
    adapts = pipeline.features.one_vector and pipeline.batch.fit == "mean"
    shown = has_functionals(pipeline.features)
    return Reliability(
        distance=reliability.distance(frames, speakers, corpora, pipeline.batch.signed_root),
        bandwidth=reliability.bandwidth(frames, speakers, corpora) if shown else None,
        usual=usual(pipeline, frames, speakers) if adapts else None,
    )


def usual(pipeline: Pipeline, frames: list[np.ndarray], speakers: np.ndarray) -> float:
    """Return the median `adaptation.variety` of training speakers.

    Args:
        pipeline: Model, unadapted.
        frames: Features of the training clips, (1, n_features) each.
        speakers: Speaker of each clip, (clips,).
    """
    probabilities = pipeline.probabilities(frames)
    varieties = []
    for speaker in np.unique(speakers):
        own = np.flatnonzero(speakers == speaker)
        vectors = [frames[i] for i in own]
        if len(own) > 1:
            own_probabilities, batch = probabilities[own], pipeline.batch
            varieties.append(
                adaptation.variety(vectors, pipeline.normalization, batch, own_probabilities)
            )
    return round(float(np.median(varieties)), 4)


def _known(split: Split) -> pd.DataFrame:
    """Return all clips but those of the test."""
    return split.table[split.table["role"] != "test"].reset_index(drop=True)


def _groups(speakers: np.ndarray) -> np.ndarray:
    """Return for each clip the number of the group that its speaker is in."""
    return np.unique(speakers, return_inverse=True)[1] % GROUPS


def _left_out(
    recipe: Recipe, split: Split, store: Store, pipeline: Pipeline, seed: int, scratch: Path
) -> Iterator[tuple[Heard, Heard | None]]:
    """Yield what networks make of speakers left out, plain and adapted."""
    if "validation" not in recipe.training.fit_on:
        yield _heard(pipeline, split, split.table["role"] == "validation", store)
        return
    clips = _known(split)
    groups = _groups((clips["corpus"] + "/" + clips["speaker"]).to_numpy(str))
    learning = dataclasses.replace(recipe.training, fit_on=("train",))
    recipe = dataclasses.replace(recipe, training=learning)
    console.say(
        f"Training {GROUPS} more networks, each without some speakers, to judge its labels."
    )
    for group in range(GROUPS):
        roles = np.where(groups == group, "validation", "train")
        own = dataclasses.replace(split, table=clips.assign(role=roles))
        folder = scratch / str(group)
        with contextlib.redirect_stderr(io.StringIO()):  # epochs of no interest
            fitted = training.fit(recipe, own, store, seed=seed, folder=folder)
        network = dataclasses.replace(
            pipeline,
            normalization=fitted.normalization,
            engine=engines.KerasEngine(fitted.network),
        )
        yield _heard(network, own, own.table["role"] == "validation", store)


def _heard(
    pipeline: Pipeline, split: Split, held: pd.Series, store: Store
) -> tuple[Heard, Heard | None]:
    """Return what a network makes of clips, plain and adapted by three others of the voice."""
    judged = dataclasses.replace(split, table=split.table[held].assign(role="test"))
    clips = adapted.ordered(judged)
    truth = clips["emotion"].map(pipeline.labels.index).to_numpy(int)
    speakers = (clips["corpus"] + "/" + clips["speaker"]).to_numpy(str)
    corpora = clips["corpus"].to_numpy(str)
    plain = pipeline.probabilities(store[content] for content in clips["content"])
    by = adapted.predictions(pipeline, judged, store)
    if ENROLLED not in by:
        return Heard(truth, speakers, corpora, plain), None
    rows, enrolled = by[ENROLLED]
    return (
        Heard(truth, speakers, corpora, plain),
        Heard(truth[rows], speakers[rows], corpora[rows], enrolled),
    )


def _joined(parts: list[Heard | None]) -> Heard | None:
    whole = [part for part in parts if part is not None]
    if not whole:
        return None
    fields = [field.name for field in dataclasses.fields(Heard)]
    return Heard(*(np.concatenate([getattr(part, name) for part in whole]) for name in fields))
