"""A clip as one vector of named numbers: statistics of pitch, voice, spectrum and rhythm.

The descriptors are those of two published sets, eGeMAPS (Eyben et al. 2016,
doi:10.1109/TAFFC.2015.2457417) and ComParE (Weninger et al. 2013, doi:10.3389/fpsyg.2013.00292),
measured in frames of 46 ms, 12 ms apart, at 22,050 Hz, from the first loud frame to the last.
All numbers but `sound_level` are the same for a louder copy of the clip. `FEATURES` names each:

| tracks | unit | statistics |
|---|---|---|
| `loudness`, `level`, `zero_crossings`, `voicing` | 1, dB, 1/ms, 1 | `OF_TRACKS` |
| `centroid`, `spread`, `skewness`, `kurtosis`, `rolloff_25` to `_90` | kHz, 1 | `OF_TRACKS` |
| `slope_0_500`, `slope_500_1500`, `alpha_ratio`, `hammarberg` | dB/kHz, dB | `OF_TRACKS` |
| `flux`, `entropy`, `flatness`, `sharpness` | 1, 1, dB, bark | `OF_TRACKS` |
| `mel_01` to `mel_26` (50 to 8,000 Hz) | dB | `OF_TRACKS` |
| `*_change`: regression of all these over five frames | a second | `OF_CHANGES` |
| `f0` (above 27.5 Hz), `f0_step` (from frame to frame) | semitones | `OF_VOICE` |
| `level_step`, `hnr`, `h1_h2` (first to second harmonic) | dB | `OF_VOICE` |
| `f1`, `f2`, `f3` (formants) | kHz | `OF_VOICE` |

Statistics of the voice look at voiced frames alone, and are 0 where there are none. To these come
`sound_level` (dB below full scale) and the numbers of `rhythm`: lengths and rates of voiced parts
and of pauses. There are no cepstral coefficients: a linear model reads them off the mel bands.

The set was cut from one ten times as large, without looking at test speakers;
`python -m tests.benchmarks.functionals` measures what that costs. Values are as they come: before a
linear model, take signed square roots, normalise, and clip what lies far out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ser_keras.functionals.rhythm import RHYTHM, rhythm
from ser_keras.functionals.statistics import STATISTICS, summarise
from ser_keras.functionals.tracks import (
    FRAME_RATE,
    HOP,
    MEL,
    MEL_HZ,
    SAMPLE_RATE,
    STEADY,
    VOICE,
    WINDOW,
    measure,
)

VERSION = "functionals 1"  # part of the key of cached features; changes when a number does
SETTINGS = {  # of a `FeatureSpec` of this kind
    "sample_rate": SAMPLE_RATE,
    "n_fft": WINDOW,
    "hop_length": HOP,
    "center": False,
    "n_mels": len(MEL),
    "fmin": MEL_HZ[0],
    "fmax": MEL_HZ[1],
    "mel_norm": None,
    "htk": True,
    "top_db": None,
}

OF_TRACKS = ("mean", "std", "skewness", "p95", "slope")
OF_CHANGES = ("range", "fall")
OF_VOICE = tuple("mean std p05 p25 p50 p75 p95 rise fall rising slope curvature".split())


class Feature(NamedTuple):
    """A number of the vector: its name, its unit and the published set that it is taken from."""

    name: str
    unit: str
    source: str


def _summaries(tracks, statistics, suffix="", unit="{}") -> tuple[Feature, ...]:
    """Return the features in the order in which `summarise` returns them."""
    return tuple(
        Feature(
            f"{track.name}{suffix}_{name}",
            STATISTICS[name].unit.format(unit.format(track.unit)),
            track.source,
        )
        for name in statistics
        for track in tracks
    )


FEATURES = (
    *_summaries(STEADY, OF_TRACKS),
    *_summaries(STEADY, OF_CHANGES, "_change", "{}/s"),
    *_summaries(VOICE, OF_VOICE),
    Feature("sound_level", "dB", "eGeMAPS"),
    *(Feature(*row) for row in RHYTHM),
)
SIZE = len(FEATURES)


def vector(samples: np.ndarray) -> np.ndarray:
    """Return the functionals of a clip, which are finite whatever its samples are.

    Args:
        samples: Mono floats (samples,) at 22,050 Hz, at least one.

    Returns:
        float32 (1, SIZE), in the order of `FEATURES`.

    Example:
        >>> numbers = vector(np.sin(np.arange(44_100) * 2 * np.pi * 220 / 22_050))
        >>> names = [feature.name for feature in FEATURES]
        >>> pitch = numbers[0, names.index("f0_p50")]  # semitones above 27.5 Hz
        >>> float(round(pitch)), numbers.shape == (1, SIZE)
        (36.0, True)
    """
    tracks = measure(samples)
    frames = np.arange(len(tracks.steady))
    voiced = np.flatnonzero(tracks.voiced)
    change = changes(tracks.steady)
    parts = (
        summarise(tracks.steady, frames, FRAME_RATE, [STATISTICS[name] for name in OF_TRACKS]),
        summarise(change, frames, FRAME_RATE, [STATISTICS[name] for name in OF_CHANGES]),
        summarise(tracks.voice, voiced, FRAME_RATE, [STATISTICS[name] for name in OF_VOICE]),
        np.array([tracks.level_db]),
        rhythm(tracks),
    )
    return np.concatenate([part.ravel() for part in parts], dtype=np.float32)[None]


def changes(values: np.ndarray) -> np.ndarray:
    """Return the slope of each track in a second, by regression over five frames.

    Args:
        values: Tracks (frames, tracks); their ends are repeated.
    """
    padded = np.pad(values, ((2, 2), (0, 0)), mode="edge")
    slopes = padded[3:-1] - padded[1:-3] + 2 * (padded[4:] - padded[:-4])
    return slopes * np.float32(FRAME_RATE / 10)
