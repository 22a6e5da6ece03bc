"""The table as a picture: a bar for each ratio and a mark for its target."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ser_keras import files
from tests.benchmarks.rows import Result

_INK, _QUIET, _GRID = "#1f2933", "#7b8794", "#e4e7eb"
_REACHED, _MISSED, _SHOWN = "#2f6f9f", "#d9730d", "#9fb3c8"
_COLOURS = {True: _REACHED, False: _MISSED, None: _SHOWN}


def draw(results: Sequence[Result], path: str | os.PathLike) -> None:
    """Draw the ratios as a PNG, gains above, costs below.

    Args:
        results: At least one row that was measured.
        path: File to write.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    groups = {}
    for heading, sense in (("times faster or smaller", "gain"), ("times the cost", "cost")):
        if rows := [result for result in results if result.row.sense == sense]:
            groups[heading] = rows
    heights = [len(rows) + 1.2 for rows in groups.values()]
    figure = Figure(
        figsize=(11, 0.5 * sum(heights) + 1), dpi=150, layout="constrained", facecolor="white"
    )
    FigureCanvasAgg(figure)
    dates = sorted({result.environment.date for result in results})
    cores = sorted({result.environment.cores for result in results})
    title = f"Benchmarks of ser_keras, {' to '.join(dict.fromkeys((dates[0], dates[-1])))}, "
    title += f"{' or '.join(map(str, cores))} cores"
    if any(result.environment.synthetic for result in results):
        title += ", synthetic clips"
    figure.suptitle(title, x=0.01, ha="left", color=_INK, fontsize=12, fontweight="bold")
    axes = figure.subplots(len(groups), squeeze=False, height_ratios=heights)[:, 0]
    for ax, (heading, rows) in zip(axes, groups.items(), strict=True):
        _bars(ax, rows)
        ax.set_title(heading, loc="left", color=_QUIET, fontsize=9)
    figure.supxlabel(
        "Black mark: target. Blue: reached. Orange: missed. Grey: without a target.",
        color=_QUIET,
        fontsize=9,
    )
    with files.atomic(path) as partial:
        figure.savefig(partial, format="png", metadata={"Software": None})


def _bars(ax, rows: Sequence[Result]) -> None:
    places = range(len(rows))
    ratios = [result.ratio for result in rows]
    colours = [_COLOURS[result.reached] for result in rows]
    ax.barh(places, [ratio - 1 for ratio in ratios], left=1, height=0.6, color=colours)
    for place, result in zip(places, rows, strict=True):
        target = result.row.target
        ends = [1, result.ratio] if target is None else [result.ratio, target]
        if target is not None:
            ax.plot([target] * 2, [place - 0.42, place + 0.42], color=_INK, linewidth=2)
        aim = f" ({result.row.aim})" if result.row.aim else ""
        ax.annotate(
            f"{result.ratio:.3g}x{aim}",
            (max(ends), place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=_INK,
            fontsize=8,
        )
    names = [f"{result.work}\nagainst {result.row.against}" for result in rows]
    ax.set_yticks(places, names, fontsize=7.5, color=_INK)
    ax.invert_yaxis()
    ax.set_xscale("log")
    targets = [result.row.target or 1 for result in rows]
    most = max(*ratios, *targets)
    ax.set_xlim(min(0.9, *ratios) * 0.9, most * max(4, most**0.5))  # room for what stands beside
    ax.axvline(1, color=_QUIET, linewidth=1)
    ax.xaxis.set_major_formatter("{x:g}x")
    ax.xaxis.set_minor_formatter(lambda *_: "")
    ax.grid(axis="x", color=_GRID, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.tick_params(which="both", length=0, colors=_INK, labelsize=8)
    for spine in ax.spines.values():
        spine.set_visible(False)
