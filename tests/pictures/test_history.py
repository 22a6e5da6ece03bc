"""Accuracy and loss over the epochs."""

import numpy as np
import pandas as pd
import pytest

from ser_keras import pictures
from tests.pictures.reading import overlaps, texts


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


def test_the_history_shows_both_curves_on_both_sides_and_the_best_epoch(tmp_path, drawn):
    pictures.training_history(history(), tmp_path / "h.png", "attention-tess on TESS", best_epoch=7)
    labels = [t.get_text() for t in texts(drawn[0])]
    assert "attention-tess on TESS" in labels
    assert {"Accuracy", "Loss", "training", "validation", "best epoch (7)"} <= set(labels)
    assert labels.count("Epoch") == 2
    assert "validation accuracy 0.800 at the best epoch" in labels
    assert "validation loss 0.500 at the best epoch" in labels
    assert overlaps(texts(drawn[0])) == []


def test_the_caller_names_the_best_epoch(tmp_path, drawn):
    pictures.training_history(history(), tmp_path / "h.png", "title", best_epoch=12)
    assert "best epoch (12)" in [t.get_text() for t in texts(drawn[0])]


@pytest.mark.parametrize("epochs", [1, 2, 300])
def test_short_and_long_runs_are_drawn(tmp_path, drawn, epochs):
    pictures.training_history(history(epochs), tmp_path / "h.png", "title", best_epoch=1)
    assert overlaps(texts(drawn[0])) == []


def test_a_loss_that_overflowed_does_not_spoil_the_picture(tmp_path, drawn):
    table = history()
    table.loc[10, "val_loss"] = np.inf
    pictures.training_history(table, tmp_path / "h.png", "title", best_epoch=1)
    assert drawn[0].axes[1].get_ylim() == pytest.approx((0, 2.1))
