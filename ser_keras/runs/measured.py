"""What a trained network can say of its reliability, from clips that it did not learn from."""

from __future__ import annotations

import numpy as np

from ser_keras import adaptation, reliability
from ser_keras.prediction import Pipeline
from ser_keras.reliability import Reliability
from ser_keras.reliability.far import has_functionals


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
