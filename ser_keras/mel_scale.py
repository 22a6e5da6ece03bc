"""The mel scale, and the triangular filters on it, as in librosa."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np


class Settings(Protocol):
    """What the filters follow from; a `FeatureSpec` has it."""

    @property
    def sample_rate(self) -> int: ...
    @property
    def n_fft(self) -> int: ...
    @property
    def n_mels(self) -> int: ...
    @property
    def fmin(self) -> float: ...
    @property
    def fmax(self) -> float | None: ...
    @property
    def mel_norm(self) -> str | None: ...
    @property
    def htk(self) -> bool: ...


def peaks(spec: Settings) -> np.ndarray:
    """Return the frequency in Hz at which each mel band has its peak, (n_mels,)."""
    return corners(spec)[1:-1]


def filters(spec: Settings) -> np.ndarray:
    """Return triangular filters (n_mels, 1 + n_fft // 2), as `librosa.filters.mel` does."""
    bins = np.fft.rfftfreq(spec.n_fft, 1 / spec.sample_rate)
    edges = corners(spec)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters = np.maximum(0, np.minimum(rising, falling))
    if spec.mel_norm == "slaney":
        filters *= 2 / (edges[2:] - edges[:-2])
    return filters


def corners(spec: Settings) -> np.ndarray:
    """Return the corners of the triangles in Hz, (n_mels + 2,)."""
    low, high = (_to_mel(hz, spec.htk) for hz in (spec.fmin, spec.fmax or spec.sample_rate / 2))
    return _to_hz(np.linspace(low, high, spec.n_mels + 2), spec.htk)


# Slaney's scale (Auditory Toolbox, 1998): linear to 1 kHz = 15 mel, then 27 mel a factor of 6.4.
_KNEE_HZ, _KNEE_MEL, _STEP = 1_000.0, 15.0, math.log(6.4) / 27


def _to_mel(hz: float, htk: bool) -> float:
    if htk:
        return 2_595 * math.log10(1 + hz / 700)
    return hz * 3 / 200 if hz < _KNEE_HZ else _KNEE_MEL + math.log(hz / _KNEE_HZ) / _STEP


def _to_hz(mel: np.ndarray, htk: bool) -> np.ndarray:
    if htk:
        return 700 * (10 ** (mel / 2_595) - 1)
    curved = _KNEE_HZ * np.exp(_STEP * (np.maximum(mel, _KNEE_MEL) - _KNEE_MEL))
    return np.where(mel < _KNEE_MEL, mel * 200 / 3, curved)
