"""Steps on waveforms: float32 (samples,), with their sample rate in Hz."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ser_keras.augment.checks import check_number, check_range


@dataclass(frozen=True, kw_only=True)
class Gain:
    """Multiplies a waveform by a factor drawn from a range.

    Features that are scaled to the clip (`ref="max"`, `normalize="band_clip"`) do not change.
    """

    factor: tuple[float, float] = (0.7, 1.3)
    level: ClassVar[str] = "waveform"

    def __post_init__(self):
        check_range(self, "factor", 1e-3, 1e3)

    def apply(self, samples, rng, sample_rate):
        return (samples * rng.uniform(*self.factor)).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class NoiseAtSNR:
    """Adds white Gaussian noise to a waveform, at a drawn signal-to-noise ratio.

    Args:
        snr_db: Range of the ratio between the power of the clip and that of the noise, in dB.
    """

    snr_db: tuple[float, float] = (10.0, 30.0)
    level: ClassVar[str] = "waveform"

    def __post_init__(self):
        check_range(self, "snr_db", -20.0, 120.0)

    def apply(self, samples, rng, sample_rate):
        power = np.mean(np.square(samples, dtype=np.float64))
        deviation = math.sqrt(power / 10 ** (rng.uniform(*self.snr_db) / 10))
        return (samples + rng.normal(0, deviation, samples.shape)).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class PitchShift:
    """Shifts the pitch of a waveform with `librosa.effects.pitch_shift` and keeps its length.

    Args:
        semitones: Range that the shift is drawn from.
        whole: Whether only whole semitones are drawn.
    """

    semitones: tuple[float, float] = (-2.0, 2.0)
    whole: bool = False
    level: ClassVar[str] = "waveform"

    def __post_init__(self):
        check_range(self, "semitones", -24.0, 24.0)

    def apply(self, samples, rng, sample_rate):
        import librosa

        low, high = self.semitones
        if self.whole:
            shift = rng.integers(math.ceil(low), math.floor(high), endpoint=True)
        else:
            shift = rng.uniform(low, high)
        with warnings.catch_warnings():  # a clip below 0.1 s is shorter than librosa's frame
            warnings.filterwarnings("ignore", "n_fft=.* is too large")
            return librosa.effects.pitch_shift(samples, sr=sample_rate, n_steps=float(shift))


@dataclass(frozen=True, kw_only=True)
class TimeStretch:
    """Speeds a waveform up by a drawn factor and keeps its pitch, with `librosa.effects`."""

    rate: tuple[float, float] = (0.9, 1.1)
    level: ClassVar[str] = "waveform"

    def __post_init__(self):
        check_range(self, "rate", 0.25, 4.0)

    def apply(self, samples, rng, sample_rate):
        import librosa

        with warnings.catch_warnings():  # a clip below 0.1 s is shorter than librosa's frame
            warnings.filterwarnings("ignore", "n_fft=.* is too large")
            return librosa.effects.time_stretch(samples, rate=rng.uniform(*self.rate))


@dataclass(frozen=True, kw_only=True)
class PolarityInversion:
    """Inverts the sign of a waveform. The magnitude of its spectrum stays the same."""

    level: ClassVar[str] = "waveform"

    def apply(self, samples, rng, sample_rate):
        return -samples


@dataclass(frozen=True, kw_only=True)
class CropOrPad:
    """Gives a waveform a fixed length: crops it, or pads it with zeros, at a drawn position."""

    duration_s: float = 3.0
    level: ClassVar[str] = "waveform"

    def __post_init__(self):
        check_number(self, "duration_s", 0.01, 14_400.0)

    def apply(self, samples, rng, sample_rate):
        length = max(1, round(self.duration_s * sample_rate))
        start = rng.integers(abs(length - len(samples)), endpoint=True)
        if len(samples) >= length:
            return samples[start : start + length]
        padded = np.zeros(length, np.float32)
        padded[start : start + len(samples)] = samples
        return padded


@dataclass(frozen=True, kw_only=True)
class Reverberation:
    """Adds the echo of a room to a waveform: white noise that decays exponentially.

    Length and power of the clip stay the same. This synthetic echo has no early reflections; it
    imitates distance to the microphone, not a particular room.

    Args:
        decay_s: Range of the time in which the echo falls by 60 dB.
        wet: Range of the echo's energy as a share of the direct sound's.
    """

    decay_s: tuple[float, float] = (0.1, 0.6)
    wet: tuple[float, float] = (0.1, 0.5)
    level: ClassVar[str] = "waveform"

    def __post_init__(self):
        check_range(self, "decay_s", 0.01, 10.0)
        check_range(self, "wet", 0.0, 10.0)

    def apply(self, samples, rng, sample_rate):
        from scipy.signal import fftconvolve

        decay, wet = rng.uniform(*self.decay_s), rng.uniform(*self.wet)
        time = np.arange(1, max(2, round(decay * sample_rate))) / sample_rate
        tail = rng.normal(size=len(time)) * 10 ** (-3 * time / decay)  # -60 dB at `decay`
        response = np.concatenate([[1.0], tail * math.sqrt(wet / np.sum(np.square(tail)))])
        reverberant = fftconvolve(samples, response)[: len(samples)]
        before, after = (np.sum(np.square(x, dtype=np.float64)) for x in (samples, reverberant))
        return (reverberant * math.sqrt(before / after if after else 1.0)).astype(np.float32)
