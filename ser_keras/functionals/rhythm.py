"""Rhythm of a clip: how long voice and pauses last, and how often loudness has a peak."""

from __future__ import annotations

import numpy as np

from ser_keras.functionals.tracks import FRAME_RATE, Tracks

_PAUSE_DB = 25.0  # below the 95th percentile of the level
_SMOOTH = 5  # frames over which loudness is averaged before its peaks are counted

RHYTHM = (  # name, unit, source
    ("length", "s", "ComParE"),
    ("voiced_share", "1", "ComParE"),
    ("voiced_rate", "1/s", "eGeMAPS"),
    *((f"voiced_length_{name}", "s", "eGeMAPS") for name in ("mean", "std", "max")),
    *((f"unvoiced_length_{name}", "s", "eGeMAPS") for name in ("mean", "std", "max")),
    ("pause_share", "1", "ComParE"),
    ("pause_rate", "1/s", "ComParE"),
    ("pause_length_mean", "s", "ComParE"),
    ("loudness_peak_rate", "1/s", "eGeMAPS"),
)


def rhythm(tracks: Tracks) -> np.ndarray:
    """Return the numbers that RHYTHM names, (len(RHYTHM),)."""
    loudness, level = tracks.steady[:, 0], tracks.steady[:, 1]
    seconds = len(level) / FRAME_RATE
    quiet = level < np.percentile(level, 95) - _PAUSE_DB
    voiced, unvoiced, pauses = map(_lengths, (tracks.voiced, ~tracks.voiced, quiet))
    smooth = np.convolve(loudness, np.full(_SMOOTH, 1 / _SMOOTH), "same")
    middle = smooth[1:-1]
    peaks = (middle > smooth[:-2]) & (middle >= smooth[2:]) & (middle > smooth.mean())
    return np.array(
        [
            seconds,
            tracks.voiced.mean(),
            len(voiced) / seconds,
            *_moments(voiced),
            *_moments(unvoiced),
            quiet.mean(),
            len(pauses) / seconds,
            _moments(pauses)[0],
            peaks.sum() / seconds,
        ]
    )


def _lengths(present: np.ndarray) -> np.ndarray:
    """Return the length in seconds of each stretch of frames that are True."""
    edges = np.flatnonzero(np.diff(present.astype(np.int8), prepend=0, append=0))
    return (edges[1::2] - edges[::2]) / FRAME_RATE


def _moments(lengths: np.ndarray) -> tuple[float, float, float]:
    """Return mean, standard deviation and maximum; zeros where there is no stretch."""
    return (lengths.mean(), lengths.std(), lengths.max()) if len(lengths) else (0.0, 0.0, 0.0)
