"""Enrolled recordings are never scored, and what helps on known data is measured as help."""

from __future__ import annotations

import numpy as np
import pytest

from ser_keras.adaptation import Weights
from tests.benchmarks.adaptation import Clips, choose, enrolled, measure, table, train, varieties


def corpus(seed, shift=3.0):
    """Eight clips of each of three emotions by three voices, each shifted by its own vector."""
    rng = np.random.default_rng(seed)
    emotions, speakers = np.tile(np.repeat(np.arange(3), 8), 3), np.repeat(np.arange(3), 24)
    voices = shift * rng.normal(size=(3, 16))
    vectors = 2 * np.eye(3, 16)[emotions] + voices[speakers] + 0.5 * rng.normal(size=(72, 16))
    return Clips(vectors.astype(np.float32), emotions, speakers.astype(str))


@pytest.fixture(scope="module")
def model():
    return train([corpus(0), corpus(1)])


def test_enrolled_clips_are_left_out_of_the_score(model):
    clips = corpus(2)
    truth, _ = enrolled(model, clips, 6, Weights(), 0)
    assert len(truth) == 72 - 3 * 6
    truth, _ = enrolled(model, clips, 6, Weights(), 0, only=1)
    assert np.bincount(truth).tolist() == [24, 24 - 3 * 6, 24]
    truth, _ = enrolled(model, clips, 100, Weights(), 0)
    assert len(truth) == 36


def test_the_guard_sees_that_groups_of_one_emotion_vary_less(model):
    one, mixed = varieties(model, corpus(2))
    assert len(one) == len(mixed) == 9
    assert np.median(one) < 0.5 * np.median(mixed)


def test_voices_that_differ_much_need_a_small_weight_of_the_training_clips(model):
    weights, threshold = choose([(model, corpus(2))])
    assert weights.mean <= 1
    assert 0 < threshold <= 1


def test_each_corpus_is_scored_by_a_model_of_the_others():
    rows = measure({str(seed): corpus(seed) for seed in range(3)})
    assert [row["left_out"] for row in rows] == ["0", "1", "2"]
    for row in rows:
        assert row["mixed"]["6"] > row["mixed"]["0"] + 0.1
        assert row["itself"]["speaker"] > row["itself"]["none"]
    adapted, guarded = (
        sum(row["one_emotion"][how] for row in rows) for how in ("adapted", "guarded")
    )
    assert adapted < guarded
    assert len(table(rows).splitlines()) == 2 + 3 + 1
