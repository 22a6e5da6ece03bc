"""What a trained network can say of its reliability."""

import numpy as np
import pytest

from ser_keras import bundle
from ser_keras.runs import measured


def test_how_much_the_emotions_of_a_training_speaker_vary_is_the_median_over_speakers():
    shipped = bundle.load_bundle("general").pipeline
    rng = np.random.default_rng(0)
    size = shipped.features.n_features
    mean, std = np.array(shipped.normalization.mean), np.array(shipped.normalization.std)
    rooted = [mean + std * rng.normal(size=(1, size)) for _ in range(8)]
    frames = [(np.sign(row) * row**2).astype(np.float32) for row in rooted]
    alone = [measured.usual(shipped, frames[i : i + 4], np.full(4, "a")) for i in (0, 4)]
    both = measured.usual(shipped, frames, np.repeat(["a", "b"], 4))
    assert both == pytest.approx(np.mean(alone), abs=1e-3)
    assert min(alone) > 0
