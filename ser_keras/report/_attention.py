"""Where in a recording a network's attention lies, or, as published, on which coefficients."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser_keras import audio
from ser_keras.corpora.emotions import VOCABULARY
from ser_keras.features import FeatureSpec, extract
from ser_keras.report._canvas import (
    INK,
    LIMITS,
    MEL,
    NOTHING,
    ORANGE,
    OVER,
    QUIET,
    SHARES,
    SHOWN_S,
    gridded,
    heading,
    new_figure,
    plain,
    power_bar,
    save,
    short,
    spectrogram,
    waveform,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

_CLIPS = 8  # one of each emotion, so many at most
_COLUMNS = 4
_MANY = 16  # steps, above which means are told by their colour alone
_NUMBER = {"va": "center", "fontsize": 8, "color": INK, "bbox": OVER}


@dataclass(frozen=True, eq=False)
class Attention:
    """The weights that a network's attention gives to the steps of some clips.

    Args:
        weights: float32 (clips, steps); the weights of a clip sum to 1, those past its end are 0.
        paths: Where each clip lies.
        emotions: What each really is.
        features: What the network hears of a clip.
        rows: Frames, or coefficients, that make a step.
        over_time: Whether steps follow time; else they are groups of neighbouring coefficients.
    """

    weights: np.ndarray
    paths: Sequence[Path]
    emotions: Sequence[str]
    features: FeatureSpec
    rows: int
    over_time: bool

    @property
    def edges(self) -> np.ndarray:
        """Where the steps begin and where the last one ends: in seconds, or as coefficients."""
        steps = np.arange(self.weights.shape[1] + 1) * self.rows
        if self.over_time:
            return self.features.offset + steps * self.features.hop_length / self._rate
        return np.minimum(steps, self.features.n_features)

    @property
    def names(self) -> list[str]:
        """What each step stands for."""
        pairs = zip(self.edges[:-1], self.edges[1:], strict=True)
        if self.over_time:
            return [f"{start:.2f} to\n{end:.2f} s" for start, end in pairs]
        return [f"coefficients\n{start} to {end - 1}" for start, end in pairs]

    @property
    def _rate(self) -> int:
        return self.features.sample_rate


def attention(found: Attention, path: str | os.PathLike, title: str) -> None:
    """Draw the weights beside a clip of each emotion, and their means over all clips below.

    Where steps follow time, they stand above waveform and spectrogram, at the seconds that they
    cover. Where they are groups of cepstral coefficients, they stand beside the coefficients, and
    the picture says so: such weights tell nothing of when.

    Args:
        found: The weights, and whose they are.
        path: The PNG to write.
        title: Heading; says so if the data are synthetic.

    Raises:
        SerKerasError: A clip that is shown cannot be read any more.
    """
    there = set(found.emotions)
    emotions = [*(e for e in VOCABULARY if e in there), *sorted(there.difference(VOCABULARY))]
    first = {emotion: list(found.emotions).index(emotion) for emotion in emotions[:_CLIPS]}
    columns = min(_COLUMNS, len(first))
    high = math.ceil(len(first) / columns) * (3.5 if found.over_time else 2.7)
    low = 1.5 + 0.3 * len(emotions)
    figure = new_figure(1.8 + 2.9 * columns, 0.6 + high + low, title)
    above, below = figure.subfigures(2, 1, height_ratios=[high, low])
    draw = _over_time if found.over_time else _over_coefficients
    draw(above, found, first, columns)
    _means(below, found, emotions)
    save(figure, path)


def _over_time(figure: SubFigure, found: Attention, first: dict[str, int], columns: int) -> None:
    spec, rows = found.features, math.ceil(len(first) / columns)
    clips = {emotion: audio.read(found.paths[i], MEL.sample_rate) for emotion, i in first.items()}
    clips = {emotion: one[: int(SHOWN_S * MEL.sample_rate)] for emotion, one in clips.items()}
    longest = max(map(len, clips.values())) / MEL.sample_rate
    longest = max(longest, found.edges[np.searchsorted(found.edges[:-1], longest)])
    peak = max(np.abs(one).max() for one in clips.values())
    most = max(found.weights[i].max() for i in first.values())
    grid = figure.add_gridspec(3 * rows, columns, height_ratios=[0.9, 0.8, 1.4] * rows)
    seen = []
    for i, (emotion, samples) in enumerate(clips.items()):
        row, column = divmod(i, columns)
        bars, wave, ax = (figure.add_subplot(grid[3 * row + part, column]) for part in range(3))
        end = len(samples) / MEL.sample_rate
        _bars(bars, found, found.weights[first[emotion]], end)
        waveform(wave, samples, MEL.sample_rate)
        seen.append((ax, spectrogram(ax, extract(samples, MEL), MEL, LIMITS)))
        bars.set_ylim(0, 1.08 * most)
        wave.set_ylim(-1.05 * peak, 1.05 * peak)
        _name(bars, emotion, found.paths[first[emotion]])
        for one in (bars, wave, ax):
            one.set_xlim(0, longest)
            one.tick_params(labelleft=column == 0, labelbottom=one is ax)
        for one in (bars, wave):
            one.axvspan(0, spec.offset, color=NOTHING, zorder=0, linewidth=0)
        if column == 0:
            labels = ("Weight", "Amplitude\n(of full scale)", "Frequency (Hz)")
            for one, label in zip((bars, wave, ax), labels, strict=True):
                one.set_ylabel(label, color=INK, fontsize=9)
        if i + columns >= len(clips):
            ax.set_xlabel("Time in the recording (s)", color=INK, fontsize=9)
    power_bar(figure, seen, MEL)
    step = found.rows * spec.hop_length / spec.sample_rate
    figure.suptitle(
        f"Steps of {step:.2f} s; through the layers before it, a step also knows what came before. "
        "Broken line: equal weights. Grey: skipped by the network.",
        **{"x": 0.01, "ha": "left", "color": QUIET, "fontsize": 9},
    )


def _bars(ax: Axes, found: Attention, weights: np.ndarray, end: float) -> None:
    """Draw the weights of a clip at the seconds of their steps."""
    heard = int(np.count_nonzero(found.edges[:-1] < end))
    starts, width = found.edges[:heard], found.edges[1] - found.edges[0]
    ax.bar(starts, weights[:heard], width, align="edge", color=ORANGE, edgecolor="white")
    ax.hlines(1 / heard, starts[0], starts[-1] + width, QUIET, linestyle=(0, (4, 3)), linewidth=1)
    ax.locator_params(axis="y", nbins=4)
    gridded(ax, "y")


def _over_coefficients(
    figure: SubFigure, found: Attention, first: dict[str, int], columns: int
) -> None:
    spec, rows = found.features, math.ceil(len(first) / columns)
    part = {"offset": spec.offset, "duration": spec.duration}
    clips = {
        emotion: extract(audio.read(found.paths[i], spec.sample_rate, **part), spec)
        for emotion, i in first.items()
    }
    told = np.concatenate(list(clips.values()))[:, 1:]  # loudness is ten times the others
    limits = tuple(np.quantile(told, (0.01, 0.99)))
    most = max(found.weights[i].max() for i in first.values())
    longest = max(map(len, clips.values())) * spec.hop_length / spec.sample_rate
    grid = figure.add_gridspec(rows, 2 * columns, width_ratios=[1.8, 1] * columns)
    seen = []
    for i, (emotion, frames) in enumerate(clips.items()):
        row, column = divmod(i, columns)
        ax, bars = (figure.add_subplot(grid[row, 2 * column + part]) for part in range(2))
        image = spectrogram(ax, frames, spec, limits)
        seen += [(ax, image), (bars, image)]
        sizes = np.diff(found.edges)
        middles = found.edges[:-1] + sizes / 2 - 0.5
        weights = found.weights[first[emotion]]
        bars.barh(middles, weights, sizes, color=ORANGE, edgecolor="white")
        for middle, weight in zip(middles, weights, strict=True):
            bars.text(weight + 0.03 * most, middle, f"{weight:.2f}", **_NUMBER)
        bars.axvline(1 / len(sizes), color=QUIET, linestyle=(0, (4, 3)), linewidth=1)
        bars.set_ylim(ax.get_ylim())
        bars.set_xlim(0, 1.5 * most)
        bars.set_yticks([])
        plain(bars)
        for edge in found.edges[1:-1]:
            ax.axhline(edge - 0.5, color="white", linewidth=1)
        ax.set_xlim(0, longest)
        _name(ax, emotion, found.paths[first[emotion]])
        ax.tick_params(labelleft=column == 0)
        bars.locator_params(axis="x", nbins=3)
        if column == 0:
            ax.set_ylabel("Coefficient", color=INK, fontsize=9)
        if i + columns >= len(clips):
            ax.set_xlabel("Time (s)", color=INK, fontsize=9)
            bars.set_xlabel("Weight", color=INK, fontsize=9)
    power_bar(figure, seen, spec)
    figure.suptitle(
        f"The {len(found.edges) - 1} steps are groups of coefficients, each over the whole clip: "
        "these weights tell nothing of when.\nA step has also read those below it. Broken line: "
        "equal weights. Coefficient 0, loudness, lies beyond the colours.",
        **{"x": 0.01, "ha": "left", "color": QUIET, "fontsize": 9},
    )


def _means(figure: SubFigure, found: Attention, emotions: list[str]) -> None:
    """Draw the mean weight of each step over the clips of each emotion."""
    truth = np.array(found.emotions)
    means = np.array([found.weights[truth == emotion].mean(axis=0) for emotion in emotions])
    used = int(np.flatnonzero(means.max(axis=0))[-1]) + 1  # no clip is longer
    means = means[:, :used]
    ax = figure.subplots()
    image = ax.imshow(means, cmap=SHARES, vmin=0, aspect="auto")
    for (row, column), mean in np.ndenumerate(means if used <= _MANY else np.empty((0, 0))):
        colour = "white" if mean > 0.55 * means.max() else INK
        look = {"ha": "center", "va": "center", "fontsize": 9, "color": colour}
        ax.text(column, row, f"{mean:.3f}" if mean else "·", **look)
    counts = [int((truth == emotion).sum()) for emotion in emotions]
    names = [f"{emotion}, {count:,}" for emotion, count in zip(emotions, counts, strict=True)]
    ax.set_yticks(range(len(emotions)), names)
    shown = range(0, used, math.ceil(used / _MANY))
    ax.set_xticks(shown, [found.names[i] for i in shown])
    ax.set_ylabel("Emotion, number of clips", color=INK)
    kind = (
        "Step, in the recording" if found.over_time else "Step: a group of coefficients, not time"
    )
    ax.set_xlabel(kind, color=INK)
    plain(ax)
    ended = "" if means.all() else "; dots: all clips have ended"
    heading(ax, f"Mean weight over the {len(truth):,} test clips; a row sums to 1{ended}")
    bar = figure.colorbar(image, ax=ax, pad=0.015, aspect=15)
    bar.set_label("Mean weight", color=INK)
    plain(bar.ax)


def _name(ax: Axes, emotion: str, path: Path) -> None:
    """Write the emotion above a clip, and between the two, for it may be long, the clip's name."""
    ax.set_title(emotion, loc="left", color=INK, fontsize=11, fontweight="bold", pad=15)
    above = {"xycoords": "axes fraction", "xytext": (0, 4), "textcoords": "offset points"}
    ax.annotate(short(Path(path).stem), (0, 1), **above, va="bottom", color=QUIET, fontsize=7)
