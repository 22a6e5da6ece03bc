"""Pictures: what stands in them, that nothing overlaps, and that drawing leaves no trace."""

import itertools
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from ser_keras import metrics, report

EIGHT = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")


def history(epochs=12):
    epoch = np.arange(1, epochs + 1)
    return pd.DataFrame(
        {
            "epoch": epoch,
            "loss": 2.0 / epoch,
            "accuracy": 1 - 0.8 / epoch,
            "val_loss": np.abs(epoch - 7) / 10 + 0.5,
            "val_accuracy": 0.9 - 0.7 / epoch,
        }
    )


def scores(labels=EIGHT, each=12_345):
    """Return scores of the widest counts that can be met, a tenth of them wrong."""
    truth = np.repeat(np.arange(len(labels)), 20)
    predicted = np.where(np.arange(len(truth)) % 10 == 0, (truth + 1) % len(labels), truth)
    some = metrics.score(truth, np.eye(len(labels))[predicted], labels)
    wide = (np.array(some.confusion) * each // 20).tolist()
    return metrics.Scores(**{**vars(some), "confusion": wide})


@pytest.fixture
def drawn(monkeypatch):
    """Return the figures that were drawn, with their layout done."""
    figures = []
    save = report._save

    def keep(figure, path):
        save(figure, path)
        figures.append(figure)

    monkeypatch.setattr(report, "_save", keep)
    return figures


def texts(figure):
    from matplotlib.text import Text

    unseen = set()  # ticks beyond the ends of an axis have a text too
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
        low, high = sorted(axis.get_view_interval())
        unseen |= {t.label1 for t in axis.get_major_ticks() if not low <= t.get_loc() <= high}
    visible = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
    return {t: t.get_window_extent() for t in visible if t not in unseen}


def overlaps(boxes):
    """Return the pairs of texts that lie over each other; tilted labels are judged by eye."""
    flat = [(t.get_text(), box) for t, box in boxes.items() if not t.get_rotation() % 90]
    return [
        (a, b)
        for (a, one), (b, two) in itertools.combinations(flat, 2)
        if one.shrunk(0.98, 0.9).overlaps(two.shrunk(0.98, 0.9))
    ]


def test_the_history_shows_both_curves_on_both_sides_and_the_best_epoch(tmp_path, drawn):
    report.training_history(history(), tmp_path / "h.png", "attention-tess on TESS")
    said = [t.get_text() for t in texts(drawn[0])]
    assert "attention-tess on TESS" in said
    assert {"Accuracy", "Loss", "training", "validation", "best epoch (7)"} <= set(said)
    assert said.count("Epoch") == 2
    assert "validation accuracy 0.800 at the best epoch" in said
    assert "validation loss 0.500 at the best epoch" in said
    assert overlaps(texts(drawn[0])) == []


def test_the_caller_says_which_epoch_was_kept(tmp_path, drawn):
    report.training_history(history(), tmp_path / "h.png", "title", best_epoch=12)
    assert "best epoch (12)" in [t.get_text() for t in texts(drawn[0])]


@pytest.mark.parametrize("epochs", [1, 2, 300])
def test_short_and_long_runs_are_drawn(tmp_path, drawn, epochs):
    report.training_history(history(epochs), tmp_path / "h.png", "title")
    assert overlaps(texts(drawn[0])) == []


def test_a_loss_that_overflowed_does_not_spoil_the_picture(tmp_path, drawn):
    table = history()
    table.loc[10, "val_loss"] = np.inf
    report.training_history(table, tmp_path / "h.png", "title")
    assert drawn[0].axes[1].get_ylim() == pytest.approx((0, 2.1))


@pytest.mark.parametrize("n_classes", [2, 4, 7, 8])
def test_the_matrix_names_every_class_and_nothing_overlaps(tmp_path, drawn, n_classes):
    report.confusion_matrix(scores(EIGHT[:n_classes]), tmp_path / "c.png", "TESS, synthetic data")
    said = [t.get_text() for t in texts(drawn[0])]
    for label in EIGHT[:n_classes]:
        assert label in said
        assert f"{label}\n12,345" in said or f"{label}\n12,344" in said
    assert said.count("90.0%") == n_classes
    assert {"Predicted emotion", "True emotion, number of clips"} <= set(said)
    assert overlaps(texts(drawn[0])) == []


def test_a_long_title_stays_inside_the_picture(tmp_path, drawn):
    title = "mel-cnn-aesdd-variable-corrected on AESDD, protocol speaker-text, fold 12, seed 3"
    report.confusion_matrix(scores(EIGHT[:2]), tmp_path / "c.png", title)
    figure = drawn[0]
    for box in texts(figure).values():
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1


def test_a_class_without_clips_is_an_empty_row(tmp_path, drawn):
    some = metrics.score([0, 0, 1], np.eye(3)[[0, 1, 1]], ("sad", "happy", "calm"))
    report.confusion_matrix(some, tmp_path / "c.png", "title")
    assert "calm\n0" in [t.get_text() for t in texts(drawn[0])]


def test_a_picture_is_a_png_and_the_same_twice(tmp_path):
    for name in ("a.png", "b.png"):
        report.confusion_matrix(scores(), tmp_path / name, "title")
    first, second = ((tmp_path / name).read_bytes() for name in ("a.png", "b.png"))
    assert first[:8] == b"\x89PNG\r\n\x1a\n"
    assert first == second
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_drawing_needs_neither_a_screen_nor_pyplot(tmp_path):
    code = (
        "import sys, pandas as pd; from ser_keras import report;"
        "assert 'matplotlib' not in sys.modules;"
        "h = pd.DataFrame({'epoch': [1], 'loss': [1.0], 'accuracy': [0.5], 'val_loss': [1.0],"
        " 'val_accuracy': [0.5]});"
        f"report.training_history(h, {str(tmp_path / 'h.png')!r}, 'title');"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)
