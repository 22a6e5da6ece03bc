"""Statistics of a track over time, for all tracks of a clip at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import numpy as np

# Added to the variance, so that rounding noise around a constant has no shape. Units are such that
# tracks of speech vary by a tenth and more.
_SMALL = 1e-6
_BLOCK_VALUES = 1 << 20  # tracks of long clips take turns: 1 << 20 values are 4 MB


class Series(NamedTuple):
    """Tracks of a clip with what several statistics need of them."""

    values: np.ndarray  # (frames, tracks)
    mean: np.ndarray  # (tracks,)
    centred: np.ndarray  # (frames, tracks)
    ordered: np.ndarray  # (frames, tracks), each track sorted
    seconds: np.ndarray  # (frames,), with mean 0
    steps: np.ndarray  # (pairs of neighbouring frames, tracks)
    frame_rate: float


class Statistic(NamedTuple):
    """A statistic: its unit, with {} for that of the track, and its function of a Series."""

    unit: str
    compute: Callable[[Series], np.ndarray]


def summarise(
    values: np.ndarray, at: np.ndarray, frame_rate: float, statistics: Iterable[Statistic]
) -> np.ndarray:
    """Return each statistic of each track, float32 (statistics, tracks); zeros without frames.

    Args:
        values: Tracks, float32 (frames, tracks).
        at: Position of each frame in the clip, rising (frames,). Frames of a track of the voice
            have gaps between them, over which no step is counted.
        frame_rate: Frames in a second.
        statistics: What to compute.
    """
    statistics = list(statistics)
    frames, tracks = values.shape
    summary = np.zeros((len(statistics), tracks), np.float32)
    if not frames:
        return summary
    width = max(1, _BLOCK_VALUES // frames)
    for start in range(0, tracks, width):
        columns = slice(start, start + width)
        series = _series(values[:, columns], at, frame_rate)
        for row, statistic in zip(summary, statistics, strict=True):
            row[columns] = statistic.compute(series)
    return summary


def _series(values: np.ndarray, at: np.ndarray, frame_rate: float) -> Series:
    mean = values.mean(axis=0)
    seconds = (at - at.mean()) / frame_rate
    return Series(
        values=values,
        mean=mean,
        centred=values - mean,
        ordered=np.sort(values, axis=0),
        seconds=seconds.astype(np.float32),
        steps=np.diff(values, axis=0)[np.diff(at) == 1],
        frame_rate=frame_rate,
    )


def _std(series: Series) -> np.ndarray:
    return np.sqrt(np.square(series.centred).mean(axis=0))


def _skewness(series: Series) -> np.ndarray:
    square = np.square(series.centred)
    third = np.einsum("ft,ft->t", square, series.centred) / len(square)
    return third / (square.mean(axis=0) + _SMALL) ** 1.5


def _percentile(percent: float, series: Series) -> np.ndarray:
    position = percent / 100 * (len(series.ordered) - 1)
    low = int(position)
    below, above = series.ordered[low], series.ordered[min(low + 1, len(series.ordered) - 1)]
    return below + (position - low) * (above - below)


def _range(low: float, high: float, series: Series) -> np.ndarray:
    return _percentile(high, series) - _percentile(low, series)


def _slope(series: Series) -> np.ndarray:
    """Return the slope of the regression line."""
    return series.seconds @ series.centred / max(series.seconds @ series.seconds, _SMALL)


def _curvature(series: Series) -> np.ndarray:
    """Return the coefficient of the squared time in the regression by a parabola."""
    square = np.square(series.seconds)
    square -= square.mean()
    slope = np.outer(series.seconds, _slope(series))
    return square @ (series.centred - slope) / max(square @ square, _SMALL)


def _steps(sign: int, series: Series) -> np.ndarray:
    """Return the rise (1) or fall (-1) of the track in a second, on average."""
    total = np.maximum(sign * series.steps, 0).sum(axis=0)
    return total * (series.frame_rate / max(len(series.steps), 1))


def _rising(series: Series) -> np.ndarray:
    return (series.steps > 0).sum(axis=0) / max(len(series.steps), 1)


STATISTICS = {
    "mean": Statistic("{}", lambda series: series.mean),
    "std": Statistic("{}", _std),
    "skewness": Statistic("1", _skewness),
    **{
        f"p{percent:02}": Statistic("{}", partial(_percentile, percent))
        for percent in (5, 25, 50, 75, 95)
    },
    "range": Statistic("{}", partial(_range, 5, 95)),
    "slope": Statistic("{}/s", _slope),
    "curvature": Statistic("{}/s²", _curvature),
    "rise": Statistic("{}/s", partial(_steps, 1)),
    "fall": Statistic("{}/s", partial(_steps, -1)),
    "rising": Statistic("1", _rising),
}
