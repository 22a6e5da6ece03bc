"""Whether a network is as confident as it is right: the reliability diagram."""

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
    from ser_keras.metrics import Scores


@own_style()
def reliability(scores: Scores, path: str | os.PathLike, title: str) -> None:
    """Draw accuracy against confidence, and the number of clips at each confidence below.

    A bar shows the accuracy of the clips in a bin of confidence, with its 95 % interval (Wilson),
    so that nobody reads a bin of two clips like one of two hundred. A dot stands at the mean
    confidence of the bin. The gaps between dots and diagonal, weighted by the numbers of clips, add
    up to the expected calibration error.

    Args:
        scores: Scores with their calibration.
        path: PNG file to write.
        title: Heading; it says so if the data are synthetic.
    """
    from scipy.stats import binomtest

    bins = scores.calibration["bins"]
    low, high, n, confidence, accuracy = (
        np.array([each[key] for each in bins])
        for key in ("low", "high", "n", "confidence", "accuracy")
    )
    intervals = [
        binomtest(int(hits), int(total)).proportion_ci(method="wilson")
        for hits, total in zip(np.rint(n * accuracy), n, strict=True)
    ]
    figure = new_figure(6.6, 7, title)
    ax, below = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    wide = {"width": high - low, "align": "edge", "edgecolor": "white"}
    ax.plot(
        [0, 1], [0, 1], color=QUIET, linewidth=1, linestyle=(0, (4, 3)), label="perfect calibration"
    )
    ax.bar(low, accuracy, **wide, color=BLUE, alpha=0.3, label="accuracy of the clips in a bin")
    whiskers = np.abs(np.array([[i.low, i.high] for i in intervals]).T - accuracy)  # (2, bins)
    look = {"fmt": "none", "ecolor": BLUE, "elinewidth": 1.2, "zorder": 3}
    ax.errorbar(confidence, accuracy, whiskers, **look, label="its 95 % interval")
    ax.vlines(
        confidence, confidence, accuracy, ORANGE, linewidth=3, label="accuracy minus confidence"
    )
    ax.plot(confidence, accuracy, "o", color=BLUE, mec="white", ms=7, clip_on=False, zorder=3)
    ax.set_ylim(0, 1.02)
    ax.set_ylabel("Accuracy", color=INK)
    error = scores.calibration["ece"]
    words = f"{scores.n:,} clips   expected calibration error {error:.3f}"
    heading(ax, f"{words}   below the dashed line: overconfident")
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
    below.tick_params(axis="x", pad=7)  # the zeros of both axes would touch otherwise
    handles, names = ax.get_legend_handles_labels()
    look = {"ncols": 2, "frameon": False, "labelcolor": INK, "fontsize": 9}
    figure.legend(handles, names, loc="outside lower center", **look)
    save(figure, path)
