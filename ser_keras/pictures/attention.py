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
from ser_keras.features import FeatureSpec, extract
from ser_keras.pictures.canvas import (
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
    ordered,
    own_style,
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

_CLIPS = 8  # largest number of clips, one for each emotion
_COLUMNS = 4
_MANY = 16  # steps, above which means have a colour but no number
_NOTE = {"x": 0.01, "ha": "left", "color": QUIET, "fontsize": 9}
_NUMBER = {"va": "center", "fontsize": 8, "color": INK, "bbox": OVER}


@dataclass(frozen=True, eq=False)
class Attention:
    """The weights that a network's attention gives to the steps of clips.

    Args:
        weights: float32 (clips, steps). The weights of a clip sum to 1; those past its end are 0.
        paths: Sound file of each clip.
        emotions: True emotion of each clip.
        features: Features that the network takes.
        rows: Number of frames, or of coefficients, in a step.
        over_time: Whether steps follow time; if not, they are groups of neighbouring coefficients.
        order: Order of the emotions, that of the network's classes; the others follow.
    """

    weights: np.ndarray
    paths: Sequence[Path]
    emotions: Sequence[str]
    features: FeatureSpec
    rows: int
    over_time: bool
    order: Sequence[str] = ()

    @property
    def edges(self) -> np.ndarray:
        """The edges of the steps (steps + 1,), in seconds or in coefficients."""
        steps = np.arange(self.weights.shape[1] + 1) * self.rows
        if self.over_time:
            spec = self.features
            return spec.offset + steps * spec.hop_length / spec.sample_rate
        return np.minimum(steps, self.features.n_features)

    @property
    def names(self) -> list[str]:
        """The labels of the steps."""
        pairs = zip(self.edges[:-1], self.edges[1:], strict=True)
        if self.over_time:
            return [f"{start:.2f} to\n{end:.2f} s" for start, end in pairs]
        return [f"coefficients\n{start} to {end - 1}" for start, end in pairs]


@own_style()
def attention(attention: Attention, path: str | os.PathLike, title: str) -> None:
    """Draw the weights beside a clip of each emotion, and below their means over all clips.

    Steps that follow time stand above waveform and spectrogram, at the seconds that they cover.
    Steps that are groups of cepstral coefficients stand beside the coefficients, and the picture
    says that such weights are not about time.

    Args:
        attention: Weights and the clips that they belong to.
        path: PNG file to write.
        title: Heading; it says so if the data are synthetic.

    Raises:
        SerKerasError: A clip can no longer be read.
    """
    emotions = ordered(attention.emotions, attention.order)
    first = {emotion: list(attention.emotions).index(emotion) for emotion in emotions[:_CLIPS]}
    columns = min(_COLUMNS, len(first))
    high = math.ceil(len(first) / columns) * (3.5 if attention.over_time else 2.7)
    low = 1.5 + 0.3 * len(emotions)
    figure = new_figure(1.8 + 2.9 * columns, 0.6 + high + low, title)
    above, below = figure.subfigures(2, 1, height_ratios=[high, low])
    draw = _over_time if attention.over_time else _over_coefficients
    draw(above, attention, first, columns)
    _means(below, attention, emotions)
    save(figure, path)


def _over_time(
    figure: SubFigure, attention: Attention, first: dict[str, int], columns: int
) -> None:
    spec, rows = attention.features, math.ceil(len(first) / columns)
    rate = MEL.sample_rate
    clips = {e: audio.read(attention.paths[i], rate) for e, i in first.items()}
    clips = {emotion: samples[: int(SHOWN_S * rate)] for emotion, samples in clips.items()}
    longest = max(map(len, clips.values())) / rate
    edges = attention.edges
    width = edges[1] - edges[0]
    longest = max(longest, edges[np.searchsorted(edges[:-1], longest)])
    peak = max(np.abs(samples).max() for samples in clips.values())
    most = max(attention.weights[i].max() for i in first.values())
    dashed = {"linestyle": (0, (4, 3)), "linewidth": 1}
    grid = figure.add_gridspec(3 * rows, columns, height_ratios=[0.9, 0.8, 1.4] * rows)
    images = []
    for i, (emotion, samples) in enumerate(clips.items()):
        row, column = divmod(i, columns)
        bars, wave, ax = (figure.add_subplot(grid[3 * row + part, column]) for part in range(3))
        n_steps = int(np.count_nonzero(edges[:-1] < len(samples) / rate))  # until the clip ends
        starts, weights = edges[:n_steps], attention.weights[first[emotion]][:n_steps]
        bars.bar(starts, weights, width, align="edge", color=ORANGE, edgecolor="white")
        bars.hlines(1 / n_steps, starts[0], starts[-1] + width, QUIET, **dashed)
        bars.locator_params(axis="y", nbins=4)
        gridded(bars, "y")
        waveform(wave, samples, rate)
        images.append((ax, spectrogram(ax, extract(samples, MEL), MEL, LIMITS)))
        bars.set_ylim(0, 1.08 * most)
        wave.set_ylim(-1.05 * peak, 1.05 * peak)
        _name(bars, emotion, attention.paths[first[emotion]])
        for axis in (bars, wave, ax):
            axis.set_xlim(0, longest)
            axis.tick_params(labelleft=column == 0, labelbottom=axis is ax)
        for axis in (bars, wave):
            axis.axvspan(0, spec.offset, color=NOTHING, zorder=0, linewidth=0)
        if column == 0:
            labels = ("Weight", "Amplitude\n(of full scale)", "Frequency (Hz)")
            for axis, label in zip((bars, wave, ax), labels, strict=True):
                axis.set_ylabel(label, color=INK, fontsize=9)
        if i + columns >= len(clips):
            ax.set_xlabel("Time in the recording (s)", color=INK, fontsize=9)
    power_bar(figure, images, MEL)
    step = attention.rows * spec.hop_length / spec.sample_rate
    figure.suptitle(
        f"A step lasts {step:.2f} s; the layers before it also pass on what came earlier. "
        "Dashed line: equal weights. Grey: skipped by the network.",
        **_NOTE,
    )


def _over_coefficients(
    figure: SubFigure, attention: Attention, first: dict[str, int], columns: int
) -> None:
    spec, rows = attention.features, math.ceil(len(first) / columns)
    clips = {}
    for emotion, i in first.items():
        samples = audio.read(
            attention.paths[i], spec.sample_rate, offset=spec.offset, duration=spec.duration
        )
        clips[emotion] = extract(samples, spec)
    shown = np.concatenate(list(clips.values()))[:, 1:]  # loudness is ten times the others
    limits = tuple(np.quantile(shown, (0.01, 0.99)))
    most = max(attention.weights[i].max() for i in first.values())
    longest = max(map(len, clips.values())) * spec.hop_length / spec.sample_rate
    grid = figure.add_gridspec(rows, 2 * columns, width_ratios=[1.8, 1] * columns)
    images = []
    for i, (emotion, frames) in enumerate(clips.items()):
        row, column = divmod(i, columns)
        ax, bars = (figure.add_subplot(grid[row, 2 * column + part]) for part in range(2))
        image = spectrogram(ax, frames, spec, limits)
        images += [(ax, image), (bars, image)]
        sizes = np.diff(attention.edges)
        middles = attention.edges[:-1] + sizes / 2 - 0.5
        weights = attention.weights[first[emotion]]
        bars.barh(middles, weights, sizes, color=ORANGE, edgecolor="white")
        for middle, weight in zip(middles, weights, strict=True):
            bars.text(weight + 0.03 * most, middle, f"{weight:.2f}", **_NUMBER)
        bars.axvline(1 / len(sizes), color=QUIET, linestyle=(0, (4, 3)), linewidth=1)
        bars.set_ylim(ax.get_ylim())
        bars.set_xlim(0, 1.5 * most)
        bars.set_yticks([])
        plain(bars)
        for edge in attention.edges[1:-1]:
            ax.axhline(edge - 0.5, color="white", linewidth=1)
        ax.set_xlim(0, longest)
        _name(ax, emotion, attention.paths[first[emotion]])
        ax.tick_params(labelleft=column == 0)
        bars.locator_params(axis="x", nbins=3)
        if column == 0:
            ax.set_ylabel("Coefficient", color=INK, fontsize=9)
        if i + columns >= len(clips):
            ax.set_xlabel("Time (s)", color=INK, fontsize=9)
            bars.set_xlabel("Weight", color=INK, fontsize=9)
    power_bar(figure, images, spec)
    figure.suptitle(
        f"The {len(attention.edges) - 1} steps are groups of coefficients, each over the whole "
        "clip: these weights say nothing about time.\nA step also depends on the steps below it. "
        "Dashed line: equal weights. Coefficient 0, loudness, is beyond the colour range.",
        **_NOTE,
    )


def _means(figure: SubFigure, attention: Attention, emotions: list[str]) -> None:
    """Draw the mean weight of each step over the clips of each emotion."""
    truth = np.array(attention.emotions)
    means = np.array([attention.weights[truth == emotion].mean(axis=0) for emotion in emotions])
    used = int(np.flatnonzero(means.max(axis=0))[-1]) + 1  # the steps of the longest clip
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
    ax.set_xticks(shown, [attention.names[i] for i in shown])
    ax.set_ylabel("Emotion, number of clips", color=INK)
    kind = (
        "Step, by its time in the recording"
        if attention.over_time
        else "Step: a group of coefficients, not time"
    )
    ax.set_xlabel(kind, color=INK)
    plain(ax)
    dots = "" if means.all() else "; dots: no clip is this long"
    heading(ax, f"Mean weight over the {len(truth):,} test clips; a row sums to 1{dots}")
    bar = figure.colorbar(image, ax=ax, pad=0.015, aspect=15)
    bar.set_label("Mean weight", color=INK)
    plain(bar.ax)


def _name(ax: Axes, emotion: str, path: Path) -> None:
    """Write the emotion above a clip and, between the two, the name of the clip."""
    ax.set_title(emotion, loc="left", color=INK, fontsize=11, fontweight="bold", pad=15)
    above = {"xycoords": "axes fraction", "xytext": (0, 4), "textcoords": "offset points"}
    ax.annotate(short(Path(path).stem), (0, 1), **above, va="bottom", color=QUIET, fontsize=7)
