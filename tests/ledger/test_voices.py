"""Recordings are put together from known speakers, and their scores are what one counts by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ser_keras import voices
from ser_keras.ledger.voices import (
    SIZES,
    Recording,
    Trees,
    Windows,
    choose,
    judged,
    merged,
    recordings,
    summary,
    table,
)


@pytest.fixture(scope="module")
def corpus():
    """Eight speakers whose vectors differ in the mean states of the first layer."""
    random = np.random.default_rng(0)
    names = np.repeat([f"toy/{i}" for i in range(8)], 25)
    vectors = 0.01 * random.normal(size=(len(names), voices.STATES))
    vectors[np.arange(len(names)), np.repeat(np.arange(8), 25)] += 1
    sexes = np.repeat(["woman", "man"], 100)
    return Windows(vectors, names, sexes, np.ones(len(names)))


@pytest.fixture(scope="module")
def drawn(corpus):
    return recordings(corpus, np.unique(corpus.speakers), 2, "toy")


def test_a_recording_has_the_voices_and_sexes_that_it_is_named_after(corpus, drawn):
    assert len(drawn) == 2 * 7 * len(SIZES)
    for each in drawn:
        assert len(np.unique(corpus.speakers[each.rows])) == each.speakers
        assert (len(np.unique(corpus.sexes[each.rows])) == 2) == (each.sexes == "both sexes")
        assert len(np.unique(each.rows)) == len(each.rows)


def test_a_threshold_is_chosen_that_names_the_right_number_of_clear_voices(corpus, drawn):
    trees = merged(corpus, drawn, None, "ward")
    rows = judged(trees, *choose([trees]))
    assert np.mean([row["right_number"][0] for row in rows]) > 0.9
    assert np.mean([row["purity"][0] for row in rows]) > 0.95
    named = [{"corpus": "toy", "way": "states", **row} for row in rows]
    assert len(table(named).rows) == 7 * len(SIZES)
    assert [line[2] for line in summary(named).rows] == ["5 to 20", "20 to 60"]


def test_purity_counts_seconds_and_not_windows():
    vectors = np.zeros((4, voices.STATES))
    own = Windows(vectors, np.array(list("aabb")), np.array([""] * 4), np.array([3.0, 3, 1, 1]))
    each = Recording(np.arange(4), 2, "same sex", "short")
    row = judged(Trees(own, [each, each], [voices.tree(vectors)] * 2), 1.0, 0.15)[0]
    assert row["purity"] == [0.75, 0.75, 0.75]  # all of it is one group
    assert row["error_of_number"] == [1.0, 1.0, 1.0]
    assert row["right_number"] == [0.0, 0.0, 0.0]
