"""What the AESDD recipes share: their authors' draw and the form of their published figures."""

from __future__ import annotations

from ser_keras.recipes import Published, _draws


def draw(clips, seed, fold):
    """Return roles: 80 / 20 %, stratified, 483 / 121 clips of AESDD.

    The authors chose the epoch on the test clips. Here an eighth of the training clips chooses it,
    because the test side is scored once.
    """
    import numpy as np

    emotion = clips["emotion"].to_numpy(str)
    state = _draws.SEED + seed
    role = np.full(len(clips), "train", dtype=object)
    order = _draws.as_listed(clips)
    role[_draws.sampled(order, 0.2, state, emotion)] = "test"
    role[_draws.sampled(order[role[order] == "train"], 0.125, state, emotion)] = "validation"
    return role


def published(value, source, selected_on="test"):
    """Return a figure of the notebook, measured on its 121 test clips."""
    return Published(
        value, "accuracy", n=121, corpus="aesdd", source=source, selected_on=selected_on
    )
