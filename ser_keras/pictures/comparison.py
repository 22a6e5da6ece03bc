"""The ways to recognise emotion side by side on several corpora, plain and adapted."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ser_keras.pictures.canvas import (
    GRID,
    INK,
    PALETTE,
    QUIET,
    gridded,
    new_figure,
    own_style,
    save,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINE_IN = 0.19  # height of a system's line, in inches
_APART = 1.6  # gap between questions, in lines; the title of a question stands in it
_SHAPES = ("o", "s", "^", "v", "<", ">", "D", "p", "*")  # by way, so that grey says as much
_SIZES = (4.5, 7.5, 10.5)  # points of hollow marks: the more recordings, the larger
_COLUMN = 56  # points from one column of numbers to the next


@dataclass(frozen=True)
class Measured:
    """The UAR of one system on the test clips of one question, plain or adapted.

    Args:
        way: Kind of the system.
        system: Name of the system.
        question: Title of what was asked, such as the name of a corpus.
        value: UAR; the mean over folds.
        spread: Standard deviation over folds; None for a single fold or where it is not known.
        adapted: What the recordings were adapted to; empty for plain recordings.
        coverage: How many folds were measured, where some are missing.
    """

    way: str
    system: str
    question: str
    value: float
    spread: float | None = None
    adapted: str = ""
    coverage: str = ""


@own_style()
def comparison(
    scores: Sequence[Measured],
    chance: Mapping[str, float],
    adapted: Mapping[str, str],
    path: str | os.PathLike,
    title: str,
) -> None:
    """Draw for each question a line for each system, the filled mark plain, hollow ones adapted.

    The shape of a mark tells the kind of system, as does the name beside it, so that the picture
    can be read without colours. The line through a filled mark is the standard deviation over
    folds on both sides; a dotted line is the chance level.

    Args:
        scores: Scores in any order; questions and systems are drawn in the order of their first.
        chance: Chance level of the questions that have a known one.
        adapted: Values of `Measured.adapted`, from few recordings to many, and their names in the
            legend; three at most.
        path: PNG to write.
        title: Title of the picture.
    """
    ways = list(dict.fromkeys(score.way for score in scores))
    questions: dict[str, dict[tuple[str, str], list[Measured]]] = {}
    for score in scores:
        lines = questions.setdefault(score.question, {})
        lines.setdefault((score.way, score.system), []).append(score)
    heights = [len(lines) + _APART for lines in questions.values()]
    figure = new_figure(12, 1.8 + _LINE_IN * sum(heights), title)
    ax = figure.subplots()
    bottoms = np.cumsum(heights)
    for (question, lines), bottom in zip(questions.items(), bottoms, strict=True):
        top = bottom - len(lines)
        beside = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
        left = {**beside, "ha": "right", "va": "center_baseline"}
        bold = {"color": INK, "fontweight": "bold", "fontsize": 10}
        ax.annotate(question, (0, top - 0.6), xytext=(-8, 0), **left, **bold)
        if question in chance:
            dotted = {"linestyle": (0, (1, 1.5)), "linewidth": 1.5}
            ax.vlines(chance[question], top - 0.3, bottom - 0.2, QUIET, **dotted)
        for y, ((way, system), own) in zip(itertools.count(top + 0.3), lines.items(), strict=False):
            look = {"fontsize": 8, "color": INK}
            name = ", ".join(part for part in (system, own[0].coverage) if part)
            name += f"  ({way})" if way != system else ""
            ax.annotate(name, (0, y), xytext=(-8, 0), **left, **look)
            number = ways.index(way)
            hue = PALETTE[number % len(PALETTE)]
            shape = _SHAPES[number % len(_SHAPES)]
            _line(ax, y, own, list(adapted), hue, shape)
    between = {"color": GRID, "linewidth": 0.8, "clip_on": False, "zorder": 0}
    ax.hlines(bottoms[:-1] + 0.2, -1, 2, **between).set_in_layout(False)  # from edge to edge
    ax.set_xlim(-0.015, 1.015)
    ax.set_ylim(bottoms[-1] + 0.2, 0)
    ax.set_xticks(np.arange(0, 1.01, 0.1))
    ax.set_yticks([])
    for number, name in enumerate(("plain", *adapted)):
        above = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "right"}
        right = (number + 1) * _COLUMN
        ax.annotate(
            name.replace(" ", "\n"), (1, 1), xytext=(right, 5), **above, color=QUIET, fontsize=8
        )
    ax.set_xlabel("Unweighted average recall, mean over folds", color=INK)
    gridded(ax, "x")
    ax.tick_params(labeltop=True)
    _explain(ax, adapted)
    save(figure, path)


def _line(
    ax: Axes, y: float, own: Sequence[Measured], adapted: Sequence[str], hue: str, shape: str
) -> None:
    """Draw the marks of one system and their numbers."""
    for score in own:
        if score.adapted and score.adapted not in adapted:
            continue
        column = adapted.index(score.adapted) + 1 if score.adapted else 0
        if column:
            hollow = {"mfc": "none", "mec": hue, "mew": 1.1, "ms": _SIZES[column - 1]}
            ax.plot(score.value, y, shape, **hollow, clip_on=False, zorder=5)
        else:
            ends = np.array([-1, 1]) * (score.spread or 0.0) + score.value
            ax.plot(ends, (y, y), color=hue, linewidth=1.6, solid_capstyle="butt", zorder=3)
            filled = {"color": hue, "mec": "white", "mew": 0.5, "ms": 7}
            ax.plot(score.value, y, shape, **filled, clip_on=False, zorder=4)
        beside = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
        look = {"ha": "right", "va": "center_baseline", "fontsize": 8}
        colour = QUIET if column else INK
        place = ((column + 1) * _COLUMN, 0)
        ax.annotate(f"{score.value:.3f}", (1, y), **beside, xytext=place, **look, color=colour)


def _explain(ax: Axes, adapted: Mapping[str, str]) -> None:
    """Draw the legend below."""
    from matplotlib.lines import Line2D

    filled = {"marker": "o", "color": INK, "mec": "white", "mew": 0.5, "ms": 7, "linewidth": 1.6}
    hollow = {"marker": "o", "mfc": "none", "mec": INK, "mew": 1.1, "linestyle": ""}
    handles = [
        Line2D([], [], **filled, label="plain (± standard deviation over folds)"),
        *(
            Line2D([], [], **hollow, ms=size, label=f"adapted to {name}")
            for name, size in zip(adapted.values(), _SIZES, strict=False)
        ),
        Line2D([], [], color=QUIET, linewidth=1.5, linestyle=(0, (1, 1.5)), label="chance level"),
    ]
    look = {"ncols": 3, "frameon": False, "labelcolor": INK, "fontsize": 9}
    ax.figure.legend(handles=handles, loc="outside lower center", **look)
