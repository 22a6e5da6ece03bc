"""How a system scores as texts, speakers and corpora stop being shared between the sides."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ser_keras.pictures.canvas import (
    GRID,
    INK,
    NOTHING,
    PALETTE,
    QUIET,
    SHARES,
    gridded,
    heading,
    new_figure,
    own_style,
    plain,
    save,
)
from ser_keras.splits import protocols

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

_LINE_IN = 0.19  # height of a protocol's line, in inches
_LINES = 2.3  # lines that the name of a system needs at least
_APART = 0.9  # gap between systems, in lines
_COLUMNS = {"protocol": 16, "UAR": 86, "best baseline": 196}  # points to the right of the axis

_HELD_OUT = (  # rows: speaker seen, speaker unseen; columns: text seen, text unseen
    ((), ("text",)),
    (("speaker",), ("speaker", "text")),
)
_MAX_SPEAKERS, _MAX_TEXTS = 30, 10  # with more, the grid of speakers by texts is left out
_FEW = 10  # clips in a cell below which their number is shown
_DARK = 0.55  # share above which the text in a cell is white


@dataclass(frozen=True)
class Rung:
    """The result of one system on one corpus under one protocol.

    Args:
        recipe: Name of the system.
        corpus: Name of the corpus, marked as synthetic if it is.
        protocol: Name of the protocol, a key of `splits.PROTOCOLS`.
        value: UAR of the test clips; the mean of several runs.
        low: Lower end of its 95 % interval; the lowest of several runs.
        high: Upper end of its 95 % interval; the highest of several runs.
        n: Number of test clips in all folds together.
        baseline: UAR of the best baseline; None where none was measured.
        chance: Chance level of the UAR.
        published: Figure that the authors give for this corpus; None where they give none.
    """

    recipe: str
    corpus: str
    protocol: str
    value: float
    low: float
    high: float
    n: int
    baseline: float | None
    chance: float
    published: float | None = None


@own_style()
def ladder(rungs: Sequence[Rung], path: str | os.PathLike, title: str) -> None:
    """Draw each system on each corpus, from the easiest protocol to the hardest.

    A system on a corpus has a line for each protocol that was measured: the filled mark is the
    measured UAR with its interval, the hollow mark of the same shape the best baseline. The
    published figure and the chance level run through all its lines.

    Args:
        rungs: Rungs in any order; systems are drawn in the order of their first rungs.
        path: PNG to write.
        title: Title of the picture.
    """
    order = list(protocols.PROTOCOLS)
    systems: dict[tuple[str, str], list[Rung]] = {}
    for rung in rungs:
        systems.setdefault((rung.recipe, rung.corpus), []).append(rung)
    heights = [max(len(own), _LINES) + _APART for own in systems.values()]
    figure = new_figure(12, 1.7 + _LINE_IN * sum(heights), title)
    ax = figure.subplots()
    bottoms = np.cumsum(heights)
    for own, height, bottom in zip(systems.values(), heights, bottoms, strict=True):
        own = sorted(own, key=lambda rung: order.index(rung.protocol))
        _system(ax, own, bottom - height, bottom)
    between = {"color": GRID, "linewidth": 0.8, "clip_on": False, "zorder": 0}
    ax.hlines(bottoms[:-1], -1, 2, **between).set_in_layout(False)  # from edge to edge
    ax.set_xlim(-0.015, 1.015)
    ax.set_ylim(bottoms[-1], 0)
    ax.set_xticks(np.arange(0, 1.01, 0.1))
    ax.set_yticks([])
    for name, right in _COLUMNS.items():
        above = {"xycoords": "axes fraction", "textcoords": "offset points"}
        ax.annotate(name, (1, 1), **above, xytext=(right, 5), color=QUIET, fontsize=9)
    ax.set_xlabel(
        "Unweighted average recall (published: in its authors' own metric, mostly accuracy)",
        color=INK,
    )
    gridded(ax, "x")
    ax.tick_params(labeltop=True)
    _explain(ax)
    save(figure, path)


@own_style()
def speaker_text_grid(
    rungs: Sequence[Rung],
    path: str | os.PathLike,
    title: str,
    *,
    clips: pd.DataFrame | None = None,
) -> None:
    """Draw the UAR of a system on seen and unseen speakers and texts.

    Each cell shows the hardest protocol that was measured of those that hold out its columns,
    except for protocols of one published grouping. Where a corpus has few speakers and few texts,
    a grid for each protocol shows the share of correct labels by speaker and text.

    Args:
        rungs: Rungs of one system on one corpus.
        path: PNG to write.
        title: Title of the picture.
        clips: One row per scored clip and run, with the columns protocol, path, speaker, text,
            emotion, predicted. None leaves the grids out.
    """
    by_protocol = {rung.protocol: rung for rung in rungs}
    general = [rule for rule in protocols.PROTOCOLS.values() if rule.folds_from is None]
    cells: list[list[Rung | None]] = [[None, None], [None, None]]
    for row, column in np.ndindex(2, 2):
        for rule in general:  # the last one is the hardest
            if rule.holds_out == _HELD_OUT[row][column] and rule.name in by_protocol:
                cells[row][column] = by_protocol[rule.name]
    panels = _panels(clips, [cell.protocol for row in cells for cell in row if cell])
    shape = next(iter(panels.values()))[0].shape if panels else (0, 0)
    columns = len(panels) if shape[1] <= _MAX_TEXTS / 2 else min(2, len(panels))
    rows = -(-len(panels) // columns) if panels else 1
    width, height = 0.55 * shape[1] + 0.4, 0.3 * shape[0] + 0.9
    figure = new_figure(6.4 + width * columns, max(4.9, rows * height + 1.4), title)
    grid = figure.add_gridspec(rows, 1 + columns, width_ratios=[4.2, *[width] * columns])
    corner = figure.add_subplot(grid[:, 0])
    image = _corner(corner, cells)
    corner.set_box_aspect(0.8)
    first = None
    for i, (protocol, (share, n)) in enumerate(panels.items()):
        row, column = divmod(i, columns)
        ax = figure.add_subplot(grid[row, 1 + column], sharex=first, sharey=first)
        _by_speaker_and_text(ax, share, n, protocol)
        ax.tick_params(labelleft=column == 0, labelbottom=row == rows - 1)
        if column == 0:
            ax.set_ylabel("Speaker", color=INK)
        if row == rows - 1:
            ax.set_xlabel("Text", color=INK)
        first = first or ax
    bar = figure.colorbar(image, ax=figure.axes, shrink=0.8, pad=0.02, aspect=30)
    words = "UAR; by speaker and text: share of correct labels" if panels else "UAR"
    bar.set_label(words, color=INK)
    plain(bar.ax)
    corner.set_anchor("N")  # the colour bar has moved it
    save(figure, path)


def _system(ax: Axes, rungs: list[Rung], top: float, bottom: float) -> None:
    """Draw the lines of one system between two heights."""
    first = rungs[0]
    published = [rung.published for rung in rungs if rung.published is not None]
    middle = (top + bottom) / 2
    ends = (top + _APART / 3, bottom - _APART / 3)
    ax.vlines(first.chance, *ends, QUIET, linestyle=(0, (1, 1.5)), linewidth=1.5)
    ax.vlines(published[:1], *ends, INK, linewidth=1.8)
    left = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "ha": "right"}
    about = f"{first.corpus}, {first.n:,} clips" if len({r.n for r in rungs}) == 1 else first.corpus
    about += f", published {published[0]:.3f}" if published else ", nothing published on it"
    ax.annotate(first.recipe, (0, middle), xytext=(-8, 2), **left, color=INK, fontweight="bold")
    below = {"xytext": (-8, -2), "va": "top", "color": QUIET, "fontsize": 8}
    ax.annotate(about, (0, middle), **left, **below)
    start = middle - (len(rungs) - 1) / 2
    for y, rung in zip(itertools.count(start), rungs, strict=False):
        _rung(ax, y, rung)


def _rung(ax: Axes, y: float, rung: Rung) -> None:
    number, shape = protocols.get(rung.protocol).mark
    hue = PALETTE[number]
    if rung.baseline is not None:
        ends = (rung.baseline, rung.value)
        ax.plot(ends, (y, y), color=hue, alpha=0.3, linewidth=0.8, linestyle=(0, (2, 2)))
        faint = {"mec": hue, "mew": 1.1, "alpha": 0.6, "ms": 9}
        ax.plot(rung.baseline, y, shape, mfc="white", **faint, clip_on=False, zorder=2)
    ax.plot(
        (rung.low, rung.high), (y, y), color=hue, linewidth=1.6, solid_capstyle="butt", zorder=3
    )
    ax.plot(rung.value, y, shape, color=hue, ms=6.5, mec="white", mew=0.5, clip_on=False, zorder=4)
    texts = (
        rung.protocol,
        f"{rung.value:.3f}  [{rung.low:.3f}, {rung.high:.3f}]",
        "-" if rung.baseline is None else f"{rung.baseline:.3f}",
    )
    for text, right, colour in zip(texts, _COLUMNS.values(), (hue, INK, QUIET), strict=True):
        beside = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
        look = {"va": "center_baseline", "fontsize": 8, "color": colour}
        ax.annotate(text, (1, y), **beside, xytext=(right, 0), **look)


def _explain(ax: Axes) -> None:
    """Draw the legend below."""
    from matplotlib.lines import Line2D

    filled = {"marker": "o", "color": INK, "mec": "white", "mew": 0.5, "ms": 6.5, "linewidth": 1.6}
    hollow = {"marker": "o", "mfc": "white", "mec": INK, "alpha": 0.6, "ms": 9, "linestyle": ""}
    handles = [
        Line2D([], [], **filled, label="measured (95 % interval; over several runs, their range)"),
        Line2D([], [], **hollow, label="best baseline on the same clips"),
        Line2D([], [], color=INK, linewidth=1.8, label="published"),
        Line2D([], [], color=QUIET, linewidth=1.5, linestyle=(0, (1, 1.5)), label="chance"),
    ]
    look = {"ncols": len(handles), "frameon": False, "labelcolor": INK, "fontsize": 9}
    ax.figure.legend(handles=handles, loc="outside lower center", **look)


def _corner(ax: Axes, cells: list[list[Rung | None]]) -> AxesImage:
    """Draw the two by two cells of seen and unseen speakers and texts."""
    values = np.array([[np.nan if cell is None else cell.value for cell in row] for row in cells])
    image = _shares(ax, values)
    for row, column in np.ndindex(values.shape):
        cell, value = cells[row][column], values[row, column]
        place = (column, row)
        middle = {"ha": "center", "va": "center", "textcoords": "offset points"}
        if cell is None:
            look = {"xytext": (0, 0), "color": QUIET, "fontsize": 10}
            ax.annotate("not measured", place, **middle, **look)
            continue
        colour = "white" if value > _DARK else INK
        baseline = "" if cell.baseline is None else f"best baseline {cell.baseline:.3f}"
        for y, text, size, weight in (
            (24, f"{value:.3f}", 17, "bold"),
            (3, f"{cell.low:.3f} to {cell.high:.3f}", 9, "normal"),
            (-13, baseline, 8, "normal"),
            (-29, f"{cell.protocol}, {cell.n:,} clips", 8, "normal"),
        ):
            look = {"xytext": (0, y), "color": colour, "fontsize": size, "fontweight": weight}
            ax.annotate(text, place, **middle, **look)
    ax.set_xticks((0, 1), ("seen in training", "unseen"))
    upright = {"rotation": 90, "va": "center", "rotation_mode": "default"}
    ax.set_yticks((0, 1), ("seen in training", "unseen"), **upright)
    ax.set_xlabel("Text", color=INK)
    ax.set_ylabel("Speaker", color=INK)
    chance = next(cell.chance for row in cells for cell in row if cell is not None)
    heading(ax, f"UAR   chance {chance:.3f}")
    return image


def _panels(clips: pd.DataFrame | None, protocols: list[str]) -> dict[str, tuple]:
    """Return two tables (speaker, text) for each protocol: share of correct labels, and clips.

    The result is empty where speakers or texts are unknown or too many to read.
    """
    if clips is None or clips[["speaker", "text"]].isna().any(axis=None):
        return {}
    speakers, texts = sorted(clips["speaker"].unique()), sorted(clips["text"].unique())
    if len(speakers) > _MAX_SPEAKERS or len(texts) > _MAX_TEXTS:
        return {}
    clips = clips.assign(correct=(clips["emotion"] == clips["predicted"]).astype(float))
    panels = {}
    for protocol in protocols:
        cells = clips[clips["protocol"] == protocol].groupby(["speaker", "text"])
        panels[protocol] = tuple(
            table.unstack().reindex(index=speakers, columns=texts)
            for table in (cells["correct"].mean(), cells["path"].nunique())
        )
    return panels


def _by_speaker_and_text(ax: Axes, share: pd.DataFrame, n: pd.DataFrame, protocol: str) -> None:
    """Draw the share of correct labels by speaker and text."""
    _shares(ax, share.to_numpy())
    for row, column in zip(*np.nonzero(share.notna().to_numpy()), strict=True):
        value, count = share.iat[row, column], int(n.iat[row, column])
        look = {
            **{"textcoords": "offset points", "ha": "center", "va": "center"},
            "color": "white" if value > _DARK else INK,
            "in_layout": False,  # they lie within the axes; laying out hundreds took seconds
        }
        few = count < _FEW
        ax.annotate(f"{value:.0%}", (column, row), xytext=(0, 3 * few), **look, fontsize=8)
        if few:
            ax.annotate(f"of {count}", (column, row), xytext=(0, -6), **look, fontsize=6)
    ax.set_xticks(range(share.shape[1]), share.columns)
    ax.set_yticks(range(share.shape[0]), share.index)
    heading(ax, protocol)


def _shares(ax: Axes, values: np.ndarray) -> AxesImage:
    """Draw shares from 0 to 1 as cells with white lines between them; NaN leaves a cell empty."""
    image = ax.imshow(values, cmap=SHARES, vmin=0, vmax=1, aspect="auto")
    ax.set_facecolor(NOTHING)
    plain(ax)
    for axis, count in ((ax.xaxis, values.shape[1]), (ax.yaxis, values.shape[0])):
        axis.set_ticks(np.arange(count - 1) + 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=1.5)
    ax.tick_params(which="minor", length=0)
    return image
