"""The outline of a waveform."""

import numpy as np
import pytest

from ser_keras import audio
from ser_keras.errors import SerKerasError


def outline(blocks, columns):
    """Return the envelope of blocks at 1 kHz."""
    envelope = audio.Envelope(columns)
    for block in blocks:
        envelope.add(block, 1_000)
    return envelope


@pytest.mark.parametrize("n", [1, 7, 8, 9, 1_000, 1_025])
@pytest.mark.parametrize("columns", [1, 7, 8])
def test_any_cut_into_blocks_gives_the_same_outline(n, columns):
    rng = np.random.default_rng(n)
    samples = rng.normal(size=n).astype(np.float32)
    whole = outline([samples], columns)
    assert len(whole.extremes) <= columns
    for _ in range(5):
        cuts = np.sort(rng.integers(0, n + 1, 6))  # some blocks are empty
        parts = outline(np.split(samples, cuts), columns)
        assert (parts.step, parts.seconds) == (whole.step, whole.seconds)
        np.testing.assert_array_equal(parts.extremes, whole.extremes)
        np.testing.assert_array_equal(parts.edges, whole.edges)


def test_columns_have_the_lowest_and_highest_of_their_samples():
    samples = np.random.default_rng(0).normal(size=1_001).astype(np.float32)
    envelope = outline(np.split(samples, [333]), columns=100)
    assert envelope.step == 16  # 8 would need 126 columns
    by_hand = [(part.min(), part.max()) for part in np.split(samples, range(16, 1_001, 16))]
    np.testing.assert_array_equal(envelope.extremes, by_hand)
    assert envelope.extremes.dtype == np.float32
    assert envelope.seconds == 1.001
    np.testing.assert_allclose(envelope.edges[[0, 1, -2, -1]], [0, 0.016, 0.992, 1.001])


def test_an_envelope_without_samples_is_empty():
    envelope = outline([np.empty(0)], columns=4)
    assert envelope.extremes.shape == (0, 2)
    assert (envelope.seconds, envelope.edges.tolist()) == (0.0, [0.0])


def test_an_envelope_refuses_a_second_sample_rate_and_no_columns():
    envelope = outline([np.zeros(3)], columns=4)
    with pytest.raises(SerKerasError, match="changes from 1000 to 8000 Hz"):
        envelope.add(np.zeros(3), 8_000)
    with pytest.raises(SerKerasError, match="at least one"):
        audio.Envelope(0)
