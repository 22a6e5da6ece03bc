"""Test clips are scored among the emotions that they can have."""

import numpy as np
import pandas as pd
import pytest

from ser_keras.batches import BatchSpec, Normalization
from ser_keras.features import FeatureSpec
from ser_keras.prediction import Pipeline
from ser_keras.runs import scoring
from ser_keras.splits import Split

FEATURES = FeatureSpec(kind="functionals")
COLUMNS = ["p_calm", "p_happy", "p_sad"]


class Fixed:
    """An engine that gives every clip the same probabilities."""

    def __init__(self, probabilities):
        self.shapes = {"features": (FEATURES.n_features,)}
        self.probabilities = np.array(probabilities, np.float32)

    def __call__(self, inputs):
        return np.tile(self.probabilities, (len(inputs["features"]), 1))


def scored(probabilities, protocol):
    """Score two test clips, a happy and a sad one, and return the predictions of these."""
    size = FEATURES.n_features
    normalization = Normalization("feature", (0.0,) * size, (1.0,) * size)
    engine, batch = Fixed(probabilities), BatchSpec(fit="mean")
    pipeline = Pipeline(("calm", "happy", "sad"), FEATURES, batch, normalization, engine)
    rows = [
        {"path": f"{corpus}/{emotion}.wav", "corpus": corpus, "speaker": corpus, "text": None}
        | {"emotion": emotion, "role": role, "content": f"{corpus}{emotion}"}
        for corpus, role, emotions in (
            ("x", "validation", ("calm", "happy")),
            ("y", "test", ("happy", "sad")),
        )
        for emotion in emotions
    ]
    split = Split("x+y", protocol, 0, 0, pd.DataFrame(rows).astype("string"), ())
    store = {row["content"]: np.ones((1, size), np.float32) for row in rows}
    _, test, predictions, adapted = scoring.score(pipeline, split, store)
    assert np.isfinite(test.calibration["ece"])
    assert np.isfinite([value.uar.value for value in adapted.scores.values()]).all()
    return predictions[predictions["role"] == "test"]


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [("whole-corpus", [0.0, 0.75, 0.25]), ("speaker", [0.5, 0.375, 0.125])],
)
def test_a_protocol_of_own_emotions_leaves_the_probabilities_of_others_out(protocol, expected):
    clips = scored([0.5, 0.375, 0.125], protocol)
    assert clips[COLUMNS].to_numpy().tolist() == [expected] * 2


def test_possible_emotions_that_all_have_probability_0_count_alike():
    clips = scored([1.0, 0.0, 0.0], "whole-corpus")
    assert clips[COLUMNS].to_numpy().tolist() == [[0.0, 0.5, 0.5]] * 2
    assert list(clips["predicted"]) == ["happy", "happy"]
