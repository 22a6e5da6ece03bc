"""What changed recordings do to a model's labels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ser_keras.metrics import Estimate
from ser_keras.pictures.canvas import (
    BLUE,
    GRID,
    INK,
    ORANGE,
    QUIET,
    gridded,
    heading,
    new_figure,
    own_style,
    save,
)

_LINE_IN = 0.2  # height of a change, in inches
_COLOURS = 32  # enough for lines, and three quarters of the bytes of 256
_APART = 0.6  # gap between kinds, in lines


class Effect(Protocol):
    """A change and what it does; see `stress.Effect`."""

    @property
    def kind(self) -> str: ...
    @property
    def amount(self) -> str: ...
    @property
    def agreement(self) -> Estimate: ...
    @property
    def uar(self) -> Estimate: ...
    @property
    def answered(self) -> float: ...


@own_style()
def stress(
    effects: Sequence[Effect], plain: Estimate, chance: float, path: str | os.PathLike, title: str
) -> None:
    """Draw a line for each change, by kind: how many emotions stay the same, and the UAR.

    Where some labels do not count, a bar marks the share of those that do.

    Args:
        effects: Changes in the order in which they are drawn.
        plain: UAR of unchanged recordings, a dashed line.
        chance: Chance level of the UAR, a dotted line.
        path: PNG to write.
        title: Title of the picture.
    """
    ys: list[float] = []
    kinds: dict[str, float] = {}
    y = -1.0
    for number, effect in enumerate(effects):
        is_new = not number or effect.kind != effects[number - 1].kind
        y += 1 + _APART * (is_new and number > 0)
        ys.append(y)
        kinds.setdefault(effect.kind, y)
    figure = new_figure(10, 1.6 + _LINE_IN * (y + 2), title)
    left, right = figure.subplots(1, 2, sharey=True)
    for ax, colour, values, words in (
        (left, BLUE, [e.agreement for e in effects], "Recordings with the same emotion"),
        (right, ORANGE, [e.uar for e in effects], "UAR after the change"),
    ):
        ax.hlines(ys, [e.low for e in values], [e.high for e in values], colour, linewidth=1.6)
        look = {"color": colour, "mec": "white", "mew": 0.5, "ms": 7, "clip_on": False}
        ax.plot([e.value for e in values], ys, "o", **look, zorder=4)
        for place, value in zip(ys, values, strict=True):
            beside = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
            ax.annotate(
                f"{value.value:.2f}",
                (1, place),
                xytext=(28, 0),
                ha="right",
                va="center",
                fontsize=8,
                color=INK,
                **beside,
            )
        heading(ax, words)
        ax.set_xlim(-0.015, 1.015)
        ax.set_xticks(np.arange(0, 1.01, 0.2))
        ax.set_yticks([])
        ax.set_ylim(y + 0.7, -0.7)
        gridded(ax, "x")
        between = [start - (1 + _APART) / 2 for start in kinds.values() if start]
        ax.hlines(between, -0.015, 1.015, GRID, linewidth=0.8, zorder=0)
    if any(effect.answered < 1 for effect in effects):
        bar = {"color": QUIET, "marker": "|", "ms": 9, "mew": 2, "linestyle": "", "clip_on": False}
        left.plot([effect.answered for effect in effects], ys, label="answered", **bar)
    right.axvline(plain.value, color=INK, linewidth=1, linestyle=(0, (4, 3)), label="unchanged")
    right.axvline(chance, color=QUIET, linewidth=1.5, linestyle=(0, (1, 1.5)), label="chance level")
    for place, effect in zip(ys, effects, strict=True):
        beside = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
        aside = {"ha": "right", "va": "center", "fontsize": 8, "color": INK}
        left.annotate(effect.amount, (0, place), xytext=(-8, 0), **beside, **aside)
    for kind, place in kinds.items():
        bold = {"va": "center", "ha": "right", "fontsize": 9, "fontweight": "bold", "color": INK}
        left.annotate(kind, (0, place), xytext=(-80, 0), **beside, **bold)
    look = {"ncols": 3, "frameon": False, "labelcolor": INK, "fontsize": 9}
    figure.legend(loc="outside lower right", **look)
    save(figure, path, colours=_COLOURS)
