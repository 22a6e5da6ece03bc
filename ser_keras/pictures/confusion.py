"""Which emotions a network confuses: the confusion matrix."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from ser_keras.pictures.canvas import INK, SHARES, heading, new_figure, own_style, plain, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ser_keras.metrics import Scores


@own_style()
def confusion_matrix(scores: Scores, path: str | os.PathLike, title: str) -> None:
    """Draw the confusion matrix: the numbers are counts, the colour is their share of the row.

    The diagonal also shows the recall. Accuracy and UAR stand below the title, with their
    intervals.

    Args:
        scores: Scores of any number of classes.
        path: PNG file to write.
        title: Heading; it says so if the data are synthetic.
    """
    from matplotlib.ticker import PercentFormatter

    counts = np.array(scores.confusion)
    totals = counts.sum(axis=1, keepdims=True)
    share = counts / np.maximum(totals, 1)
    n_classes = len(counts)
    side = max(3.4, 0.78 * n_classes)
    figure = new_figure(side + 2.3, side + 1.5, title)
    ax = figure.subplots()
    image = ax.imshow(share, cmap=SHARES, vmin=0, vmax=1)
    for row, column in np.ndindex(counts.shape):
        _cell(ax, row, column, int(counts[row, column]), share[row, column])
    names = [f"{label}\n{n:,}" for label, n in zip(scores.labels, totals[:, 0], strict=True)]
    ax.set_yticks(range(n_classes), names)
    tilted = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
    ax.set_xticks(range(n_classes), scores.labels, **tilted)
    ax.set_ylabel("True emotion, number of clips", color=INK)
    ax.set_xlabel("Predicted emotion", color=INK)
    heading(ax, f"{scores.n:,} clips   accuracy {scores.accuracy}   UAR {scores.uar}")
    bar = figure.colorbar(image, ax=ax, shrink=0.8, pad=0.03)
    bar.ax.yaxis.set_major_formatter(PercentFormatter(1))
    bar.set_label("Share of the true emotion (diagonal: recall)", color=INK)
    for axis in (ax, bar.ax):
        plain(axis)
    ax.set_xticks(np.arange(n_classes - 1) + 0.5, minor=True)  # white lines between the cells
    ax.set_yticks(np.arange(n_classes - 1) + 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=1.5)
    ax.tick_params(which="minor", length=0)
    save(figure, path)


def _cell(ax: Axes, row: int, column: int, count: int, share: float) -> None:
    """Write the count of a cell, and on the diagonal the recall below it."""
    if not count:
        ax.text(column, row, "·", ha="center", va="center", color="#b8c2cc", fontsize=9)
        return
    middle = {"ha": "center", "va": "center", "color": "white" if share > 0.55 else INK}
    if row != column:
        ax.text(column, row, f"{count:,}", fontsize=10, **middle)
        return
    above, below = ({"xytext": (0, y), "textcoords": "offset points"} for y in (6, -8))
    place = (column, row)
    ax.annotate(f"{count:,}", place, **above, fontsize=10, fontweight="bold", **middle)
    ax.annotate(f"{share:.1%}", place, **below, fontsize=8, **middle)
