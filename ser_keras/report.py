"""The only drawer: every picture, drawn without a screen and without matplotlib's global state."""

from __future__ import annotations

import os
import textwrap
from typing import TYPE_CHECKING

import numpy as np

from ser_keras import files

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ser_keras.metrics import Scores

_INK, _QUIET, _GRID = "#1f2933", "#7b8794", "#e4e7eb"
_TRAIN, _VALIDATION = "#2f6f9f", "#d9730d"  # told apart by eyes that miss red or green
_DPI = 150


def training_history(
    history: pd.DataFrame, path: str | os.PathLike, title: str, *, best_epoch: int | None = None
) -> None:
    """Draw accuracy and loss over the epochs, side by side, the best epoch marked.

    Args:
        history: A row an epoch: epoch, loss, accuracy, val_loss, val_accuracy (as in history.csv).
        path: The PNG to write.
        title: Heading; says so if the data are synthetic.
        best_epoch: Number (as in `epoch`) of the epoch whose weights were kept; None for the one of
            least validation loss.
    """
    history = history.replace([np.inf, -np.inf], np.nan)  # a loss that overflowed has no place
    if best_epoch is None:
        best_epoch = int(history["epoch"].iloc[int(history["val_loss"].argmin())])
    figure = _figure(10, 4.3, title)
    axes = figure.subplots(1, 2)
    for ax, column in zip(axes, ("accuracy", "loss"), strict=True):
        _curves(ax, history, column, best_epoch)
    axes[0].set_ylim(0, 1.02)
    axes[1].set_ylim(0, 1.05 * max(1e-3, history[["loss", "val_loss"]].max(axis=None)))
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside lower center", ncols=3, frameon=False, labelcolor=_INK
    )
    _save(figure, path)


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
    figure = _figure(side + 2.3, side + 1.5, title)
    ax = figure.subplots()
    image = ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(counts.shape):
        _cell(ax, row, column, counts[row, column], share[row, column])
    names = [f"{label}\n{n:,}" for label, n in zip(scores.labels, totals[:, 0], strict=True)]
    ax.set_yticks(range(n_classes), names)
    tilted = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
    ax.set_xticks(range(n_classes), scores.labels, **tilted)
    ax.set_ylabel("True emotion, number of clips", color=_INK)
    ax.set_xlabel("Predicted emotion", color=_INK)
    _heading(ax, f"{scores.n:,} clips   accuracy {scores.accuracy}   UAR {scores.uar}")
    bar = figure.colorbar(image, ax=ax, shrink=0.8, pad=0.03)
    bar.ax.yaxis.set_major_formatter(PercentFormatter(1))
    bar.set_label("Share of the true emotion (diagonal: recall)", color=_INK)
    for axis in (ax, bar.ax):
        _plain(axis)
    ax.set_xticks(np.arange(n_classes - 1) + 0.5, minor=True)  # white lines between the cells
    ax.set_yticks(np.arange(n_classes - 1) + 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=1.5)
    ax.tick_params(which="minor", length=0)
    _save(figure, path)


def _figure(width: float, height: float, title: str) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    title = textwrap.fill(title, int(8 * width))  # characters of this size in an inch
    figure.suptitle(title, x=0.01, ha="left", color=_INK, fontsize=13, fontweight="bold")
    return figure


def _curves(ax: Axes, history: pd.DataFrame, column: str, best_epoch: int) -> None:
    from matplotlib.ticker import MaxNLocator

    epoch = history["epoch"]
    for name, key, colour in (
        ("training", column, _TRAIN),
        ("validation", f"val_{column}", _VALIDATION),
    ):
        marker = "o" if len(epoch) < 8 else None  # a run of one epoch has no line to see
        ax.plot(epoch, history[key], color=colour, label=name, linewidth=1.8, marker=marker, ms=4)
    ax.axvline(best_epoch, color=_QUIET, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    best = history.loc[epoch == best_epoch, f"val_{column}"].iloc[0]
    label = f"best epoch ({best_epoch})"
    dot = {"mec": "white", "mew": 1.5, "ms": 9, "clip_on": False, "zorder": 3}
    ax.plot(best_epoch, best, "o", color=_VALIDATION, label=label, **dot)
    _heading(ax, f"validation {column} {best:.3f} at the best epoch")
    ax.set_xlabel("Epoch", color=_INK)
    ax.set_ylabel(column.capitalize(), color=_INK)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.grid(color=_GRID, linewidth=0.8)
    ax.set_axisbelow(True)
    _plain(ax)


def _cell(ax: Axes, row: int, column: int, count: int, share: float) -> None:
    if not count:
        ax.text(column, row, "·", ha="center", va="center", color="#b8c2cc", fontsize=9)
        return
    middle = {"ha": "center", "va": "center", "color": "white" if share > 0.55 else _INK}
    if row != column:
        ax.text(column, row, f"{count:,}", fontsize=10, **middle)
        return
    above, below = ({"xytext": (0, y), "textcoords": "offset points"} for y in (6, -8))
    place = (column, row)
    ax.annotate(f"{count:,}", place, **above, fontsize=10, fontweight="bold", **middle)
    ax.annotate(f"{share:.1%}", place, **below, fontsize=8, **middle)


def _heading(ax: Axes, text: str) -> None:
    ax.set_title(text, loc="left", color=_QUIET, fontsize=9)


def _plain(ax: Axes) -> None:
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.tick_params(length=0, colors=_INK, labelsize=9)


def _save(figure: Figure, path: str | os.PathLike) -> None:
    with files.atomic(path) as partial:
        # without the version in its header the same picture is the same file
        figure.savefig(partial, format="png", metadata={"Software": None})
