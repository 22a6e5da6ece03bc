"""How a network learned: accuracy and loss over the epochs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from ser_keras.pictures.canvas import (
    BLUE,
    INK,
    ORANGE,
    QUIET,
    gridded,
    heading,
    new_figure,
    own_style,
    save,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@own_style()
def training_history(
    history: pd.DataFrame, path: str | os.PathLike, title: str, *, best_epoch: int
) -> None:
    """Draw accuracy and loss over the epochs, side by side, with the best epoch marked.

    Args:
        history: A row for each epoch, with the columns of history.csv: epoch, loss, accuracy,
            val_loss, val_accuracy.
        path: PNG file to write.
        title: Heading; it says so if the data are synthetic.
        best_epoch: Number (as in `epoch`) of the epoch with the final weights.
    """
    history = history.replace([np.inf, -np.inf], np.nan)  # an infinite loss cannot be drawn
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


def _curves(ax: Axes, history: pd.DataFrame, column: str, best_epoch: int) -> None:
    """Draw a column of training and validation, and a dot at the best epoch."""
    from matplotlib.ticker import MaxNLocator

    epoch = history["epoch"]
    for name, key, colour in (
        ("training", column, BLUE),
        ("validation", f"val_{column}", ORANGE),
    ):
        marker = "o" if len(epoch) < 8 else None  # a line through one epoch would be invisible
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
