"""How a network learned, what it confuses, and whether it is as sure as it is right."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from ser_keras.report._canvas import (
    BLUE,
    INK,
    ORANGE,
    QUIET,
    SHARES,
    gridded,
    heading,
    new_figure,
    plain,
    save,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from ser_keras.metrics import Scores


def training_history(
    history: pd.DataFrame, path: str | os.PathLike, title: str, *, best_epoch: int
) -> None:
    """Draw accuracy and loss over the epochs, side by side, the best epoch marked.

    Args:
        history: A row an epoch: epoch, loss, accuracy, val_loss, val_accuracy (as in history.csv).
        path: The PNG to write.
        title: Heading; says so if the data are synthetic.
        best_epoch: Number (as in `epoch`) of the epoch whose weights were kept.
    """
    history = history.replace([np.inf, -np.inf], np.nan)  # a loss that overflowed has no place
    figure = new_figure(10, 4.3, title)
    axes = figure.subplots(1, 2)
    for ax, column in zip(axes, ("accuracy", "loss"), strict=True):
        _curves(ax, history, column, best_epoch)
    axes[0].set_ylim(0, 1.02)
    axes[1].set_ylim(0, 1.05 * max(1e-3, history[["loss", "val_loss"]].max(axis=None)))
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside lower center", ncols=3, frameon=False, labelcolor=INK
    )
    save(figure, path)


def confusion_matrix(scores: Scores, path: str | os.PathLike, title: str) -> None:
    """Draw the confusion matrix: the figures are counts, the colour is their share of the row.

    The diagonal also tells the recall; under the title stand accuracy and UAR with their intervals.

    Args:
        scores: What to draw, of any number of classes.
        path: The PNG to write.
        title: Heading; says so if the data are synthetic.
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
        _cell(ax, row, column, counts[row, column], share[row, column])
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


def reliability(scores: Scores, path: str | os.PathLike, title: str) -> None:
    """Draw how often the network is right when it is so and so sure, and how often it is so sure.

    Bars tell the accuracy of the clips in each bin of confidence, with the 95 % interval of their
    number (Wilson), so that a bin of two clips is not read as one of two hundred. A dot stands at
    the mean confidence; what parts it from the diagonal is what the expected calibration error sums
    up, weighted by the counts below.

    Args:
        scores: What to draw.
        path: The PNG to write.
        title: Heading; says so if the data are synthetic.
    """
    bins = scores.calibration["bins"]
    low, high, n, confidence, accuracy = (
        np.array([one[key] for one in bins])
        for key in ("low", "high", "n", "confidence", "accuracy")
    )
    figure = new_figure(6.6, 7, title)
    ax, below = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    wide = {"width": high - low, "align": "edge", "edgecolor": "white"}
    ax.plot(
        [0, 1], [0, 1], color=QUIET, linewidth=1, linestyle=(0, (4, 3)), label="as it should be"
    )
    ax.bar(low, accuracy, **wide, color=BLUE, alpha=0.3, label="accuracy of the clips in a bin")
    whiskers = np.abs(_wilson(n, accuracy) - accuracy)
    bars = {
        "fmt": "none",
        "ecolor": BLUE,
        "elinewidth": 1.2,
        "zorder": 3,
        "label": "its 95 % interval",
    }
    ax.errorbar(confidence, accuracy, whiskers, **bars)
    ax.vlines(confidence, confidence, accuracy, ORANGE, linewidth=3, label="gap to the confidence")
    ax.plot(confidence, accuracy, "o", color=BLUE, mec="white", ms=7, clip_on=False, zorder=3)
    ax.set_ylim(0, 1.02)
    ax.set_ylabel("Accuracy", color=INK)
    error = scores.calibration["ece"]
    words = f"{scores.n:,} clips   expected calibration error {error:.3f}"
    heading(ax, f"{words}   below the broken line: surer than right")
    below.bar(low, n, **wide, color=BLUE)
    for left, right, count in zip(low, high, n, strict=True):
        above = {"xytext": (0, 2), "textcoords": "offset points", "ha": "center", "fontsize": 7}
        below.annotate(f"{count:,}", ((left + right) / 2, count), **above, color=INK)
    below.set_ylim(0, 1.25 * n.max())
    below.locator_params(axis="y", nbins=3, integer=True)
    below.set_xlim(0, 1)
    below.set_ylabel("Clips", color=INK)
    below.set_xlabel("Confidence: the probability of the predicted emotion", color=INK)
    for axis in (ax, below):
        gridded(axis, "y")
    below.tick_params(axis="x", pad=7)  # else two zeros touch
    handles, names = ax.get_legend_handles_labels()
    look = {"ncols": 2, "frameon": False, "labelcolor": INK, "fontsize": 9}
    figure.legend(handles, names, loc="outside lower center", **look)
    save(figure, path)


def _wilson(n: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return the limits (2, bins) of the 95 % interval of shares of n."""
    from scipy.stats import binomtest

    hits = np.rint(n * share).astype(int)
    ends = [binomtest(k, of).proportion_ci(method="wilson") for k, of in zip(hits, n, strict=True)]
    return np.array([[one.low, one.high] for one in ends]).T


def _curves(ax: Axes, history: pd.DataFrame, column: str, best_epoch: int) -> None:
    from matplotlib.ticker import MaxNLocator

    epoch = history["epoch"]
    for name, key, colour in (
        ("training", column, BLUE),
        ("validation", f"val_{column}", ORANGE),
    ):
        marker = "o" if len(epoch) < 8 else None  # a run of one epoch has no line to see
        ax.plot(epoch, history[key], color=colour, label=name, linewidth=1.8, marker=marker, ms=4)
    ax.axvline(best_epoch, color=QUIET, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    best = history.loc[epoch == best_epoch, f"val_{column}"].iloc[0]
    label = f"best epoch ({best_epoch})"
    dot = {"mec": "white", "mew": 1.5, "ms": 9, "clip_on": False, "zorder": 3}
    ax.plot(best_epoch, best, "o", color=ORANGE, label=label, **dot)
    heading(ax, f"validation {column} {best:.3f} at the best epoch")
    ax.set_xlabel("Epoch", color=INK)
    ax.set_ylabel(column.capitalize(), color=INK)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    gridded(ax, "both")


def _cell(ax: Axes, row: int, column: int, count: int, share: float) -> None:
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
