"""The reliability diagram."""

import numpy as np
import pytest

from ser_keras import metrics, pictures
from tests.pictures.reading import EIGHT, overlaps, text_in, texts


def confident(confidence, hits, n):
    """Return scores of n clips of two classes with one confidence, of which `hits` are right."""
    truth = [0] * hits + [1] * (n - hits)
    return metrics.score(truth, np.tile([confidence, 1 - confidence], (n, 1)), ("sad", "happy"))


def test_reliability_shows_accuracy_beside_confidence_and_the_number_of_clips(tmp_path, drawn):
    result = confident(0.9, hits=12, n=20)
    pictures.reliability(result, tmp_path / "r.png", "attention-tess on tess, test")
    upper, lower = drawn[0].axes
    (bar,), (count,) = upper.patches, lower.patches
    assert bar.get_height() == pytest.approx(0.6)
    assert (bar.get_x(), bar.get_width()) == pytest.approx((13 / 15, 1 / 15))
    assert count.get_height() == 20
    spans = sorted(sorted(c.get_segments()[0][:, 1]) for c in upper.collections)
    # Wilson's interval of 12 in 20, and the gap between accuracy and confidence
    np.testing.assert_allclose(spans, [[0.387, 0.781], [0.6, 0.9]], atol=5e-4)
    assert {"20", "Accuracy", "Clips"} <= text_in(drawn[0])
    assert any("20 clips   expected calibration error 0.300" in text for text in text_in(drawn[0]))
    assert {"perfect calibration", "accuracy minus confidence"} <= text_in(drawn[0])


def test_reliability_of_many_bins_does_not_overlap(tmp_path, drawn):
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([0.5] * 8, size=2_000)
    result = metrics.score(rng.integers(0, 8, 2_000), probabilities, EIGHT)
    for each in result.calibration["bins"]:
        each["n"] = 12_345
    pictures.reliability(result, tmp_path / "r.png", "title")
    assert len(drawn[0].axes[0].patches) == len(result.calibration["bins"]) > 10
    assert overlaps(texts(drawn[0])) == []
