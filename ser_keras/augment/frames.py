"""Steps on frames: float32 (frames, n_features), with time on axis 0 and frequency on axis 1."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ser_keras import errors
from ser_keras.augment.checks import check_number, check_range, subject


@dataclass(frozen=True, kw_only=True)
class DecibelNoise:
    """Adds Gaussian noise to each value of a spectrogram in dB. Below 1 dB nobody would see it."""

    deviation_db: float = 1.0
    level: ClassVar[str] = "frames"

    def __post_init__(self):
        check_number(self, "deviation_db", 0.0, 100.0)

    def apply(self, frames, rng):
        return (frames + rng.normal(0, self.deviation_db, frames.shape)).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class PitchShiftAlongTime:
    """Runs librosa's pitch shifter for audio along the time axis of each band, as `mel-cnn` does.

    It shifts no pitch. It takes the power of a band over time for a waveform and smears it, which
    also makes negative power; the conversion back to dB cuts that off at 80 dB below the loudest
    value. The step exists to repeat the published figure and works on log-mel frames alone.
    `PitchShift` does what its authors meant.
    """

    semitones: tuple[float, float] = (-4.0, 4.0)
    level: ClassVar[str] = "frames"

    def __post_init__(self):
        check_range(self, "semitones", -24.0, 24.0)

    def apply(self, frames, rng):
        import librosa

        power = librosa.db_to_power(frames.T)  # (bands, frames)
        with warnings.catch_warnings():  # the few hundred frames of a clip are less than n_fft
            warnings.filterwarnings("ignore", "n_fft=.* is too large")
            # the sample rate cancels out: pitch is shifted by a ratio
            power = librosa.effects.pitch_shift(power, sr=1.0, n_steps=rng.uniform(*self.semitones))
        return librosa.power_to_db(power).T.astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class FrequencyMask:
    """Masks neighbouring bands in all frames: a stretch of axis 1.

    Args:
        limit: Range that the largest width is drawn from, in bands; the width itself is then drawn
            from 0 to that. (10, 10) is SpecAugment's F = 10.
        fill: Value of the masked part: the clip's "floor" (its lowest value), its "mean", or a
            number. Mind that 0 dB is the loudest value if the features have `ref="max"`.
    """

    limit: tuple[int, int] = (0, 8)
    fill: str | float = "floor"
    level: ClassVar[str] = "frames"

    def __post_init__(self):
        _check_mask(self)

    def apply(self, frames, rng):
        return _masked(frames, rng, 1, self)


@dataclass(frozen=True, kw_only=True)
class TimeMask:
    """Masks neighbouring frames in all bands: a stretch of axis 0.

    Args:
        limit: Range that the largest width is drawn from, in frames; the width itself is then drawn
            from 0 to that.
        fill: Value of the masked part, with the choices of `FrequencyMask`.
    """

    limit: tuple[int, int] = (0, 20)
    fill: str | float = "floor"
    level: ClassVar[str] = "frames"

    def __post_init__(self):
        _check_mask(self)

    def apply(self, frames, rng):
        return _masked(frames, rng, 0, self)


@dataclass(frozen=True, kw_only=True)
class FrequencyShift:
    """Moves a clip up by a drawn number of bands, along axis 1; the gap repeats the edge."""

    bands: tuple[int, int] = (-1, 1)
    level: ClassVar[str] = "frames"

    def __post_init__(self):
        check_range(self, "bands", -1_000, 1_000, whole=True)

    def apply(self, frames, rng):
        return _moved(frames, rng.integers(*self.bands, endpoint=True), 1)


@dataclass(frozen=True, kw_only=True)
class TimeShift:
    """Moves a clip later by a drawn number of frames, along axis 0; the gap repeats the edge."""

    frames: tuple[int, int] = (-2, 2)
    level: ClassVar[str] = "frames"

    def __post_init__(self):
        check_range(self, "frames", -100_000, 100_000, whole=True)

    def apply(self, frames, rng):
        return _moved(frames, rng.integers(*self.frames, endpoint=True), 0)


def _check_mask(mask: FrequencyMask | TimeMask) -> None:
    """Raise a SerKerasError unless `limit` and `fill` of a mask are valid."""
    check_range(mask, "limit", 0, 100_000, whole=True)
    if isinstance(mask.fill, str) and mask.fill not in ("floor", "mean"):
        raise errors.refused(subject(mask, "fill"), mask.fill, "'floor', 'mean' or a number")


def _masked(frames, rng, axis: int, mask) -> np.ndarray:
    limit = rng.integers(*mask.limit, endpoint=True)
    size = frames.shape[axis]
    width = min(int(rng.integers(limit, endpoint=True)), size)
    start = rng.integers(size - width, endpoint=True)
    level = {"floor": frames.min, "mean": frames.mean}.get(mask.fill, lambda: mask.fill)()
    masked = frames.copy()
    masked.swapaxes(0, axis)[start : start + width] = level
    return masked


def _moved(frames, by: int, axis: int) -> np.ndarray:
    size = frames.shape[axis]
    return np.take(frames, np.clip(np.arange(size) - by, 0, size - 1), axis=axis)
