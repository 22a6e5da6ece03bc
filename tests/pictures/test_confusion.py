"""The confusion matrix."""

import numpy as np
import pytest

from ser_keras import metrics, pictures
from tests.pictures.reading import EIGHT, overlaps, texts


def scores(labels=EIGHT, each=12_345):
    """Return scores with counts as wide as they can be; a tenth of the clips is wrong."""
    truth = np.repeat(np.arange(len(labels)), 20)
    predicted = np.where(np.arange(len(truth)) % 10 == 0, (truth + 1) % len(labels), truth)
    result = metrics.score(truth, np.eye(len(labels))[predicted], labels)
    wide = (np.array(result.confusion) * each // 20).tolist()
    return metrics.Scores(**{**vars(result), "confusion": wide})


@pytest.mark.parametrize("n_classes", [2, 4, 7, 8])
def test_the_matrix_names_every_class_and_nothing_overlaps(tmp_path, drawn, n_classes):
    pictures.confusion_matrix(scores(EIGHT[:n_classes]), tmp_path / "c.png", "TESS, synthetic data")
    labels = [t.get_text() for t in texts(drawn[0])]
    for label in EIGHT[:n_classes]:
        assert label in labels
        assert f"{label}\n12,345" in labels or f"{label}\n12,344" in labels
    assert labels.count("90.0%") == n_classes
    assert {"Predicted emotion", "True emotion, number of clips"} <= set(labels)
    assert overlaps(texts(drawn[0])) == []


def test_a_long_title_stays_inside_the_picture(tmp_path, drawn):
    title = "mel-cnn-aesdd-variable-corrected on AESDD, protocol speaker-text, fold 12, seed 3"
    pictures.confusion_matrix(scores(EIGHT[:2]), tmp_path / "c.png", title)
    figure = drawn[0]
    for box in texts(figure).values():
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1


def test_a_class_without_clips_is_an_empty_row(tmp_path, drawn):
    result = metrics.score([0, 0, 1], np.eye(3)[[0, 1, 1]], ("sad", "happy", "calm"))
    pictures.confusion_matrix(result, tmp_path / "c.png", "title")
    assert "calm\n0" in [t.get_text() for t in texts(drawn[0])]


def test_a_picture_is_a_png_and_the_same_twice(tmp_path):
    for name in ("a.png", "b.png"):
        pictures.confusion_matrix(scores(), tmp_path / name, "title")
    first, second = ((tmp_path / name).read_bytes() for name in ("a.png", "b.png"))
    assert first[:8] == b"\x89PNG\r\n\x1a\n"
    assert first == second
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]
