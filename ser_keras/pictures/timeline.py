"""Emotions over the time of one recording: labels, voices, probabilities, arousal and sound."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_keras.errors import SerKerasError
from ser_keras.pictures.canvas import (
    BLUE,
    GRID,
    INK,
    NOTHING,
    gridded,
    heading,
    new_figure,
    own_style,
    plain,
    save,
    short,
)
from ser_keras.prediction import NO_SPEECH, UNSURE, Prediction

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ser_keras.audio import Envelope

EMOTION_COLOURS = {  # light enough for dark grounds, dark enough for light ones
    "neutral": "#7b8794",
    "calm": "#5fa8a0",
    "happy": "#e0a100",
    "sad": "#3f7fbf",
    "angry": "#d64545",
    "fearful": "#8a63c9",
    "disgust": "#5b9f4a",
    "surprised": "#e0719a",
    "bored": "#a08062",
}
_OTHERS = ("#6b7f93", "#b5c33a", "#2f4b7c", "#c98b6b", "#3d3d3d", "#9fd3e8")
_UNSURE = "#9aa5b1"
_COLUMNS = 800  # of time that are drawn; a screen shows hardly more
_LIGHT = (0.2126, 0.7152, 0.0722)  # what red, green and blue add to how light a colour is
_INCHES = 9.4  # width of the time axis, about
_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600)  # seconds


@own_style()
def timeline(
    predictions: Sequence[Prediction],
    path: str | os.PathLike,
    *,
    sound: Envelope,
    title: str,
) -> None:
    """Draw what a model hears in a recording, from a few seconds to many hours.

    From the top, over the same time: the labels, the voices, the probabilities, the arousal and
    the waveform; voices and arousal only where the predictions have them. Where segments are more
    than the eye can tell apart, time has 800 columns of equal length: the strip shows the label
    that fills most of a column, and the areas show the mean probabilities of its speech.

    Args:
        predictions: Segments of one recording, sorted by start; they do not overlap.
        path: PNG file to write.
        sound: Envelope of the same recording.
        title: Heading: the model and the file; it says so if the sound is synthetic.

    Raises:
        SerKerasError: There are no segments, or segments of several recordings.
    """
    recordings = {each.file for each in predictions}
    if len(recordings) > 1:
        problem = f"are of {len(recordings)} recordings"
        raise SerKerasError("predictions", problem, "Draw a picture for each recording")
    seconds = max([sound.seconds, *(each.end for each in predictions)])
    if not predictions or not seconds:
        raise SerKerasError("predictions", "are none", "Give the segments of a recording")
    ends = [end for each in predictions for end in (each.start, each.end)]
    edges = np.unique(np.round([0, *ends, seconds], 6))
    if len(edges) > _COLUMNS:
        edges = np.linspace(0, seconds, _COLUMNS + 1)
    known = [label for each in predictions for label in (*each.probabilities, each.label)]
    colours = emotion_colours(known)
    speakers = sorted({each.speaker for each in predictions if each.speaker})
    has_arousal = any(each.arousal is not None for each in predictions)
    heights = {
        "labels": 0.45,
        "voices": 0.25 * len(speakers),
        "probabilities": max(2.2, 0.2 * len(colours) + 0.5),  # the key stands beside it
        "arousal": 0.9 * has_arousal,
        "sound": 1.2,
    }
    heights = {name: height for name, height in heights.items() if height}
    figure = new_figure(11, sum(heights.values()) + 0.32 * len(heights) + 1, title)
    axes = figure.subplots(len(heights), sharex=True, height_ratios=list(heights.values()))
    panels: dict[str, Axes] = dict(zip(heights, axes, strict=True))
    _strip(panels["labels"], predictions, edges, colours)
    if speakers:
        _voices(panels["voices"], predictions, edges, speakers)
    _probabilities(panels["probabilities"], predictions, edges, colours)
    if has_arousal:
        _arousal(panels["arousal"], predictions, edges)
    _sound(panels["sound"], predictions, sound)
    _time(axes[-1], seconds)
    save(figure, path)


def emotion_colours(labels: Sequence[str]) -> dict[str, str]:
    """Return a colour for each emotion, in the same order; an unknown one gets one of its own.

    Args:
        labels: Emotions.

    Example:
        >>> emotion_colours(["sad", "amused"])
        {'sad': '#3f7fbf', 'amused': '#6b7f93'}
    """
    others = itertools.cycle(_OTHERS)
    return {
        label: EMOTION_COLOURS.get(label) or next(others)
        for label in dict.fromkeys(labels)
        if label not in (NO_SPEECH, UNSURE)
    }


def _totals(predictions: Sequence[Prediction], values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the integrals of the segments' values over columns of time.

    Args:
        predictions: Segments, sorted by start; they do not overlap.
        values: Values of each segment, (segments, values).
        edges: Edges of the columns in seconds, (columns + 1,).

    Returns:
        Value times seconds, float64 (columns, values); 0 where there is no segment.
    """
    bounds = np.array([(each.start, each.end) for each in predictions])
    parts = np.zeros((len(bounds), 2, values.shape[1]))  # what a start adds, and what an end adds
    parts[:, 1] = values * np.diff(bounds)
    sums = np.cumsum(parts.reshape(-1, values.shape[1]), axis=0)
    return np.diff([np.interp(edges, bounds.ravel(), each) for each in sums.T]).T


def _means(predictions: Sequence[Prediction], values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the means of values that are not NaN over columns of time; NaN where all are."""
    there = ~np.isnan(values[:, :1])
    totals = _totals(predictions, np.where(there, values, 0), edges)
    time = _totals(predictions, there.astype(float), edges)
    time[time < 1e-3 * np.diff(edges)[:, None]] = np.nan  # ends are rounded
    return totals / time


def _runs(values: np.ndarray) -> list[tuple[int, int]]:
    """Return start and end of each run of equal values."""
    changes = np.flatnonzero(values[1:] != values[:-1]) + 1
    return list(itertools.pairwise([0, *map(int, changes), len(values)]))


def _strip(
    ax: Axes, predictions: Sequence[Prediction], edges: np.ndarray, colours: dict[str, str]
) -> None:
    """Draw the label that fills most of each column, with its name where there is room."""
    from matplotlib.colors import to_rgb

    labels = [*colours, UNSURE, NO_SPEECH]
    is_label = np.array([[each.label == label for label in labels] for each in predictions])
    totals = _totals(predictions, is_label.astype(float), edges)
    most = np.where(totals.max(1) > 0, totals.argmax(1), -1)
    spans: dict[int, list[tuple[float, float]]] = {}
    for first, last in _runs(most):
        start, end, which = edges[first], edges[last], int(most[first])
        if which < 0:
            continue
        spans.setdefault(which, []).append((start, end - start))
        label = short(labels[which])
        if (end - start) / edges[-1] * _INCHES > 0.075 * len(label) + 0.12:
            look = {"ha": "center", "va": "center", "fontsize": 8.5}
            light = np.dot(to_rgb(colours.get(labels[which], NOTHING)), _LIGHT)
            colour = INK if light > 0.53 else "white"
            box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"}
            look |= {"bbox": box} if label == UNSURE else {}
            ax.text((start + end) / 2, 0.5, label, color=colour, **look)
    for which, each in spans.items():
        ax.broken_barh(each, (0, 1), **_look(labels[which], colours), label=labels[which])
    ax.set_ylim(0, 1)
    ax.set_yticks([])
    plain(ax)
    heading(ax, "Emotion")


def _look(label: str, colours: dict[str, str]) -> dict:
    """Return how the area of a label is filled."""
    if label == UNSURE:
        return {"facecolor": _UNSURE, "edgecolor": "#dde3e9", "hatch": "////", "linewidth": 0}
    return {"facecolor": NOTHING if label == NO_SPEECH else colours[label], "linewidth": 0}


def _steps(ax: Axes, values: np.ndarray, edges: np.ndarray, **look: Any) -> None:
    """Draw values between edges as steps; `Axes.stairs` takes 0.7 s to fit the axes to them."""
    from matplotlib.patches import StepPatch

    ax.add_artist(StepPatch(values, edges, **look))


def _voices(
    ax: Axes, predictions: Sequence[Prediction], edges: np.ndarray, speakers: list[str]
) -> None:
    """Draw a lane for each voice, as high as its share of the time."""
    speaks = np.array([[each.speaker == speaker for speaker in speakers] for each in predictions])
    shares = _totals(predictions, speaks.astype(float), edges) / np.diff(edges)[:, None]
    for lane, share in enumerate(shares.T[::-1]):  # A is the uppermost
        starts = np.array([first for first, _ in _runs(share.round(3))])
        heights = np.where(share[starts] > 1e-3, lane + 0.8 * share[starts].clip(max=1), np.nan)
        bounds = np.append(edges[starts], edges[-1])
        _steps(ax, heights, bounds, baseline=lane, fill=True, color=BLUE, linewidth=0)
        ax.axhline(lane, color=GRID, linewidth=0.8, zorder=0)
    ax.set_yticks(np.arange(len(speakers)) + 0.4, [short(each) for each in reversed(speakers)])
    ax.set_ylim(-0.1, len(speakers) - 0.1)
    plain(ax)
    is_averaged = len(edges) == _COLUMNS + 1
    heading(ax, "Voice (height: its share of the time)" if is_averaged else "Voice")


def _probabilities(
    ax: Axes, predictions: Sequence[Prediction], edges: np.ndarray, colours: dict[str, str]
) -> None:
    """Draw the probabilities as stacked areas, the first class at the bottom, and their key."""
    from matplotlib.patches import Patch

    rows = [[each.probabilities.get(label, 0.0) for label in colours] for each in predictions]
    tops = _means(predictions, np.array(rows), edges).cumsum(axis=1)
    starts = np.array([first for first, _ in _changes(tops)])
    bounds = np.append(edges[starts], edges[-1])
    for label, top in reversed(list(zip(colours, tops[starts].T, strict=True))):
        area = {"color": colours[label], "linewidth": 0, "label": label}
        _steps(ax, top, bounds, baseline=0, fill=True, **area)
    ax.set_facecolor(NOTHING)
    ax.set_ylim(0, 1)
    ax.set_yticks([0, 0.5, 1])
    plain(ax)
    is_averaged = len(edges) == _COLUMNS + 1
    words = f" (mean of the speech in each {edges[1]:.1f} s)" if is_averaged else ""
    heading(ax, f"Probability of each emotion{words}")
    present = {each.label for each in predictions}
    names = [*reversed(colours), *(each for each in (UNSURE, NO_SPEECH) if each in present)]
    key = [Patch(**_look(each, colours), label=short(each)) for each in names]
    look = {"frameon": False, "labelcolor": INK, "fontsize": 9, "handlelength": 1.2}
    beside: dict[str, Any] = {"bbox_to_anchor": (1.005, 1.03), "borderaxespad": 0}
    ax.legend(handles=key, loc="upper left", **look, **beside)


def _changes(rows: np.ndarray) -> list[tuple[int, int]]:
    """Return start and end of each run of equal rows; rows that are NaN are equal."""
    rounded = np.nan_to_num(rows.round(3), nan=-1)
    _, names = np.unique(rounded, axis=0, return_inverse=True)
    return _runs(names.ravel())


def _arousal(ax: Axes, predictions: Sequence[Prediction], edges: np.ndarray) -> None:
    """Draw arousal as a line from 0 to 1 that pauses where there is none."""
    values = [[np.nan if each.arousal is None else each.arousal] for each in predictions]
    mean = _means(predictions, np.array(values), edges)
    starts = np.array([first for first, _ in _changes(mean)])
    bounds = np.append(edges[starts], edges[-1])
    look = {"color": INK, "linewidth": 1.1, "label": "arousal"}
    _steps(ax, mean[starts, 0], bounds, baseline=None, fill=False, **look)
    ax.set_ylim(-0.04, 1.04)
    ax.set_yticks([0, 0.5, 1])
    gridded(ax, "y")
    heading(ax, "Arousal of the voice (0 calm, 1 excited)")


def _sound(ax: Axes, predictions: Sequence[Prediction], sound: Envelope) -> None:
    """Draw the waveform, grey where there is no speech."""
    low, high = sound.extremes.T
    edges = sound.edges
    silent = np.array([[each.label == NO_SPEECH] for each in predictions])
    share = _totals(predictions, silent.astype(float), edges)[:, 0] / np.diff(edges)
    look: dict[str, Any] = {"linewidth": 0.7}
    middles = (edges[1:] + edges[:-1]) / 2
    ax.fill_between(middles, low, high, color="#c3cad1", **look)
    ax.fill_between(middles, low, high, where=share < 0.5, color=BLUE, **look)
    peak = float(np.abs(sound.extremes).max(initial=0)) or 1.0
    ax.set_ylim(-1.05 * peak, 1.05 * peak)
    ax.locator_params(axis="y", nbins=4)
    ax.axhline(0, color=GRID, linewidth=0.6, zorder=0)
    gridded(ax, "y")
    heading(ax, "Sound (amplitude, 1 is full scale; grey: no speech)")


def _time(ax: Axes, seconds: float) -> None:
    """Label the time axis with at most ten or so round times."""
    step = next((each for each in _TICKS if seconds / each <= 10), None)
    step = step or 3_600 * -(-seconds // 36_000)
    ticks = np.arange(0, seconds + step / 1e6, step)
    ax.set_xlim(0, seconds)
    ax.set_xticks(ticks, [_clock(each, seconds >= 3_600, step < 1) for each in ticks])
    form = "h:mm:ss" if seconds >= 3_600 else "m:ss"
    ax.set_xlabel(f"Time ({form})", color=INK)


def _clock(seconds: float, hours: bool, tenths: bool) -> str:
    """Return a time as m:ss, h:mm:ss or m:ss.t."""
    minutes, rest = divmod(round(seconds, 1), 60)
    second = f"{rest:04.1f}" if tenths else f"{rest:02.0f}"
    if not hours:
        return f"{minutes:.0f}:{second}"
    return f"{minutes // 60:.0f}:{minutes % 60:02.0f}:{second}"
