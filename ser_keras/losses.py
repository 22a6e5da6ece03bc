"""The loss of a recipe: cross-entropy, if wanted with corpora and emotions balanced.

A balanced loss takes its weights, and the emotions that each clip is compared with, from the
targets: so it needs no further input, and works alike on every backend.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ser_keras.recipes import Training

_LACKING = -1.0  # target of an emotion that the corpus of a clip lacks


def targets(
    emotions: Sequence[int] | np.ndarray,
    corpora: Sequence[str],
    n_classes: int,
    training: Training,
) -> np.ndarray:
    """Return the targets of clips for `crossentropy`.

    Args:
        emotions: Number of the emotion of each clip, (clips,).
        corpora: Name of the corpus of each clip, (clips,).
        n_classes: Number of emotions.
        training: Settings; without `balanced` the targets are one-hot.

    Returns:
        float32 (clips, n_classes). If balanced, the emotion of a clip has the weight of the clip,
        1 in the mean over all clips, and an emotion that its corpus lacks has -1.

    Example:
        >>> targets([0, 0, 0, 0, 1, 1], 6 * ["tess"], 3, Training(balanced=True)).tolist()[3:5]
        [[0.75, 0.0, -1.0], [0.0, 1.5, -1.0]]
    """
    truth, names = np.asarray(emotions), np.asarray(corpora, dtype=str)
    result = np.eye(n_classes, dtype=np.float32)[truth]
    if not training.balanced:
        return result
    for name in np.unique(names):
        own = names == name
        clips = np.bincount(truth[own], minlength=n_classes)
        share = len(truth) / len(np.unique(names)) / np.count_nonzero(clips)
        result[own] *= np.where(clips, share / np.maximum(clips, 1), 0)
        result[np.ix_(own, clips == 0)] = _LACKING
    return result


def crossentropy(training: Training):
    """Return the loss of a recipe as a `keras.losses.Loss`, for targets of `targets`.

    If balanced, the loss of a clip is w * log(sum(p_k) / p_y): w is its weight, p_y the probability
    of its emotion, and the sum runs over the emotions of its corpus.
    """
    import keras
    from keras import ops

    class Balanced(keras.losses.Loss):
        def call(self, y_true, y_pred):
            known = ops.cast(y_true >= 0, y_pred.dtype)
            weights = ops.maximum(ops.cast(y_true, y_pred.dtype), 0)
            possible = ops.clip(y_pred, keras.config.epsilon(), 1.0)
            share = ops.log(possible) - ops.log(ops.sum(known * possible, -1, keepdims=True))
            return -ops.sum(weights * share, axis=-1)

    if training.balanced:
        return Balanced(name="balanced_crossentropy")
    return keras.losses.CategoricalCrossentropy(label_smoothing=training.label_smoothing)
