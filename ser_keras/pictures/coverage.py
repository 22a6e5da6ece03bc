"""What a system gains by leaving clips unanswered that it is least sure of."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ser_keras.pictures.canvas import (
    INK,
    PALETTE,
    QUIET,
    gridded,
    heading,
    new_figure,
    own_style,
    save,
)

_DASHES = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)), (0, (8, 2)), (0, (3, 3)))
_MARKS = ("o", "s", "^", "D", "v", "P")  # and dashes by corpus, so that grey says as much
_LEAST = 20  # clips; the accuracy of fewer says nothing


@dataclass(frozen=True, eq=False)
class Curve:
    """How sure a system was of each clip of a corpus, and whether it was right.

    Args:
        name: Name of the corpus.
        margins: How sure it was of each clip, (clips,).
        right: Whether it was right, bool (clips,).
        answered: Share of the clips that it answers with the threshold that others set.
        accuracy: Its accuracy on these.
    """

    name: str
    margins: np.ndarray
    right: np.ndarray
    answered: float
    accuracy: float


@own_style()
def coverage(panels: Mapping[str, Sequence[Curve]], path: str | os.PathLike, title: str) -> None:
    """Draw accuracy against the share of answered clips, a panel for each system.

    Along a line from right to left ever fewer clips are answered; the least sure ones are left out
    first. The mark shows what thresholds give that were set by other clips. Each fold has one of
    its own, so the mark may lie beside the line.

    Args:
        panels: Curves of each system, by the title of its panel.
        path: PNG file to write.
        title: Heading.
    """
    figure = new_figure(5.4 * len(panels), 5.2, title)
    axes = np.atleast_1d(figure.subplots(1, len(panels), sharey=True))
    names = list(dict.fromkeys(curve.name for own in panels.values() for curve in own))
    looks = zip(*map(itertools.cycle, (PALETTE, _DASHES, _MARKS)), strict=False)
    look_of = dict(zip(names, looks, strict=False))
    handles = {}
    for ax, (name, own) in zip(axes, panels.items(), strict=True):
        for curve in own:
            colour, dashes, mark = look_of[curve.name]
            order = np.argsort(-curve.margins, kind="stable")
            n = np.arange(1, len(order) + 1)
            last_of_equals = np.append(np.diff(curve.margins[order]) != 0, True)
            drawn = last_of_equals & (n >= _LEAST)
            shares, accuracy = n / len(n), np.cumsum(curve.right[order]) / n
            line = {"linestyle": dashes, "linewidth": 1.6, "color": colour}
            ax.plot(shares[drawn], accuracy[drawn], **line)
            point = {"mec": "white", "ms": 8, "marker": mark, "zorder": 4}
            ax.plot(curve.answered, curve.accuracy, **point, color=colour, clip_on=False)
            (handles[curve.name],) = ax.plot([], [], **line, **point, label=curve.name)
        heading(ax, name)
        ax.set_xlim(0, 1)
        ax.set_ylim(0, 1)
        ax.set_xlabel("Share of the clips that is answered", color=INK)
        gridded(ax, "both")
        ax.tick_params(axis="x", pad=7)  # the zeros of both axes would touch otherwise
    axes[0].set_ylabel("Accuracy of the answered clips", color=INK)
    legend = {"ncols": len(names), "frameon": False, "labelcolor": INK, "fontsize": 9}
    words = "mark: with the threshold that other speakers or corpora set"
    figure.legend(
        handles=list(handles.values()), loc="outside lower center", **legend, title=words
    ).get_title().set(color=QUIET, fontsize=9)
    save(figure, path)
