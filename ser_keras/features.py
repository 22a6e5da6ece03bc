"""Waveform to frames: MFCC and log-mel as librosa computes them, in one vectorised pass.

Equal to `librosa.feature.mfcc` and to `power_to_db(melspectrogram(...))` within 0.01 (tested), but
librosa is not imported: that alone costs more than the features of a thousand clips.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ser_keras.errors import SerKerasError
from ser_keras.files import digest

# 128 frames of 2048 are 1 MB of float32, as is their spectrum: most clips are one block, and memory
# stays flat however long the recording is. Smaller blocks cost 6 % (64) to 20 % (16) more time.
_BLOCK_FRAMES = 128
# Filters are multiplied in this many groups, each with the bins that it touches alone: 8 groups of
# 16 took 32 us a clip, the dense matrix 240 us, `np.add.reduceat` over the two slopes 80 us each.
_FILTER_GROUPS = 8
_ALGORITHM = "1"  # part of every key: a change of what `extract` returns must make caches stale

_WINDOWS = {"hann": 0.5, "hamming": 0.54}  # a in a - (1 - a) cos(2 pi t / length)
_CHOICES = {
    "kind": ("mfcc", "log_mel"),
    "window": tuple(_WINDOWS),
    "pad_mode": ("constant", "reflect"),
    "mel_norm": ("slaney", None),
    "ref": (1.0, "max"),
    "center": (True, False),
    "htk": (True, False),
}
_INTEGERS = {  # lowest, highest
    "sample_rate": (1_000, 768_000),
    "n_fft": (16, 65_536),
    "win_length": (2, 65_536),
    "hop_length": (1, 65_536),
    "n_mels": (1, 1_024),
    "n_mfcc": (1, 1_024),
}
_NUMBERS = {
    "offset": (0.0, 14_400.0),
    "duration": (0.01, 14_400.0),
    "fmin": (0.0, 384_000.0),
    "fmax": (1.0, 384_000.0),
    "power": (0.1, 4.0),
    "amin": (1e-30, 1.0),
    "top_db": (1.0, 400.0),
}
_OPTIONAL = {"duration", "win_length", "fmax", "top_db"}


@dataclass(frozen=True, kw_only=True)
class FeatureSpec:
    """What `extract` computes, in librosa's names, so that a spec reads like the call it equals.

    Args:
        kind: "mfcc" (`librosa.feature.mfcc`) or "log_mel" (`power_to_db(melspectrogram(...))`).
        sample_rate: Hz to which a clip is resampled.
        offset: Seconds skipped at the start of a clip, before resampling.
        duration: Seconds read after the offset; None reads to the end.
        n_fft: Samples of a frame.
        win_length: Samples of the window, in the middle of the frame; None means `n_fft`.
        hop_length: Samples from frame to frame.
        window: "hann" or "hamming", periodic.
        center: Whether frame t is centred on sample t x hop_length.
        pad_mode: "constant" (zeros) or "reflect", used where `center`.
        n_mels: Bands.
        fmin: Hz where the lowest band begins.
        fmax: Hz where the highest band ends; None means half the sample rate.
        mel_norm: "slaney" gives each band the same area, None the same height.
        htk: Whether the mel scale is HTK's; else Slaney's.
        power: Exponent of the magnitude.
        ref: The power of 0 dB: 1.0, or "max" for the clip's loudest.
        amin: The lowest power that is told apart.
        top_db: Range below the loudest bin of the clip; None keeps everything.
        n_mfcc: Coefficients, for "mfcc".

    Raises:
        SerKerasError: A value is of another type or out of range.

    Example:
        >>> FeatureSpec(kind="mfcc", duration=3.0).frames(66_150)
        130
    """

    kind: str
    sample_rate: int = 22_050
    offset: float = 0.0
    duration: float | None = None
    n_fft: int = 2_048
    win_length: int | None = None
    hop_length: int = 512
    window: str = "hann"
    center: bool = True
    pad_mode: str = "constant"
    n_mels: int = 128
    fmin: float = 0.0
    fmax: float | None = None
    mel_norm: str | None = "slaney"
    htk: bool = False
    power: float = 2.0
    ref: float | str = 1.0
    amin: float = 1e-10
    top_db: float | None = 80.0
    n_mfcc: int = 40

    def __post_init__(self):
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if not any(value == choice and _kin(value, choice) for choice in choices):
                raise _refusal(name, value, "one of " + ", ".join(map(repr, choices)))
            object.__setattr__(self, name, choices[choices.index(value)])
        for name, (low, high) in (_INTEGERS | _NUMBERS).items():
            value = getattr(self, name)
            if value is None and name in _OPTIONAL:
                continue
            kind, types = (int, (int,)) if name in _INTEGERS else (float, (int, float))
            if isinstance(value, bool) or not isinstance(value, types) or not low <= value <= high:
                raise _refusal(name, value, f"{kind.__name__} from {low} to {high}")
            object.__setattr__(self, name, kind(value))  # 0 and 0.0 must have the same key
        if self.win_length is not None and self.win_length > self.n_fft:
            raise _refusal("win_length", self.win_length, f"at most n_fft ({self.n_fft})")
        nyquist = self.sample_rate / 2
        if not self.fmin < (self.fmax or nyquist) <= nyquist:
            raise _refusal("fmax", self.fmax, f"above fmin ({self.fmin}) and at most {nyquist}")
        if self.kind == "mfcc" and self.n_mfcc > self.n_mels:
            raise _refusal("n_mfcc", self.n_mfcc, f"at most n_mels ({self.n_mels})")

    @property
    def key(self) -> str:
        """16 hex digits that differ for any two specs."""
        return digest(_ALGORITHM, json.dumps(self.to_json(), sort_keys=True))

    @property
    def n_features(self) -> int:
        """Columns of what `extract` returns."""
        return self.n_mfcc if self.kind == "mfcc" else self.n_mels

    def frames(self, samples: int) -> int:
        """Return how many frames a clip of so many samples (at `sample_rate`) has."""
        if self.center:
            return 1 + (samples + 2 * (self.n_fft // 2) - self.n_fft) // self.hop_length
        return max(0, 1 + (samples - self.n_fft) // self.hop_length)

    def to_json(self) -> dict:
        """Return the spec as plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: dict) -> FeatureSpec:
        """Return the spec that `to_json` was taken from.

        Raises:
            SerKerasError: Not a dictionary, an unknown key, no kind, or a value out of range.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(value, dict) or "kind" not in value or not value.keys() <= names:
            raise SerKerasError("features", f"is not a feature spec ({value})", "Take a fresh copy")
        return cls(**value)


def extract(samples: np.ndarray, spec: FeatureSpec, *, few: bool = False) -> np.ndarray:
    """Return the frames of a clip.

    A loop over clips loses nothing: what depends on the spec alone is computed once.

    Args:
        samples: (samples,) mono floats at `spec.sample_rate`, as `audio.read` returns them; offset
            and duration have been applied by then.
        spec: What to compute.
        few: Whether this process extracts a few clips only. Then numpy transforms them: it takes 6
            times as long as scipy, but scipy takes as long to be imported as 60 clips. The two
            differ by the rounding of the last bit.

    Returns:
        (frames, spec.n_features) float32.

    Raises:
        SerKerasError: No samples, or fewer than a frame where frames are not centred.
    """
    if few:
        from numpy.fft import rfft
    else:
        from scipy.fft import rfft

    samples = np.asarray(samples, dtype=np.float32)
    frames = spec.frames(len(samples)) if samples.ndim == 1 and len(samples) else 0
    if frames < 1:
        raise SerKerasError("samples", "are too few for one frame", "Give a longer mono clip")
    plan = _plan(spec)
    framed = _frame(samples, frames, spec)  # (frames, n_fft), a view
    mel = np.zeros((frames, spec.n_mels), plan.window.dtype)
    for start in range(0, frames, _BLOCK_FRAMES):
        block = slice(start, start + _BLOCK_FRAMES)
        power = np.abs(rfft(framed[block] * plan.window))  # (block, 1 + n_fft / 2)
        power = np.square(power, out=power) if spec.power == 2 else power**spec.power
        for group in plan.groups:
            np.matmul(power[:, group.bins], group.weights, out=mel[block, group.bands])
    decibel = _decibel(mel, spec)
    return decibel @ plan.cosines if spec.kind == "mfcc" else decibel.astype(np.float32, copy=False)


def band_frequencies(spec: FeatureSpec) -> np.ndarray:
    """Return the Hz at which each mel band peaks, (n_mels,)."""
    return _corners(spec)[1:-1]


class _Group(NamedTuple):
    """Neighbouring filters with the bins that any of them touches."""

    bands: slice
    bins: slice
    weights: np.ndarray  # (bins, bands)


class _Plan(NamedTuple):
    """What depends on the spec alone."""

    window: np.ndarray  # (n_fft,)
    groups: tuple[_Group, ...]
    cosines: np.ndarray  # (n_mels, n_mfcc)


@functools.lru_cache(maxsize=32)
def _plan(spec: FeatureSpec) -> _Plan:
    # A float32 transform has a floor about 130 dB below the frame's peak. Where a range of at most
    # 100 dB is kept, nobody sees it (0.005 dB); where everything is kept, it raises nearly empty
    # bands (2 dB on real clips, 10 dB on tones), so there the same path runs in float64, at 1.7
    # times the time.
    single = spec.top_db is not None and spec.top_db <= 100
    dtype = np.float32 if single else np.float64
    filters = _mel_filters(spec)  # (n_mels, bins)
    groups = []
    for bands in np.array_split(np.arange(spec.n_mels), min(_FILTER_GROUPS, spec.n_mels)):
        touched = np.flatnonzero(filters[bands].any(axis=0))
        if len(touched):
            rows, bins = slice(bands[0], bands[-1] + 1), slice(touched[0], touched[-1] + 1)
            groups.append(_Group(rows, bins, np.ascontiguousarray(filters[rows, bins].T, dtype)))
    band = np.arange(spec.n_mels) + 0.5
    cosines = np.cos(np.pi / spec.n_mels * np.outer(band, np.arange(spec.n_mfcc)))
    cosines *= np.sqrt(2 / spec.n_mels)  # DCT-II, orthonormal
    cosines[:, 0] /= np.sqrt(2)
    return _Plan(_window(spec).astype(dtype), tuple(groups), cosines.astype(np.float32))


def _window(spec: FeatureSpec) -> np.ndarray:
    """Return the window (n_fft,), periodic, with zeros where it is shorter than the frame."""
    length = spec.win_length or spec.n_fft
    a = _WINDOWS[spec.window]
    window = np.zeros(spec.n_fft)
    start = (spec.n_fft - length) // 2
    window[start : start + length] = a - (1 - a) * np.cos(2 * np.pi / length * np.arange(length))
    return window


def _mel_filters(spec: FeatureSpec) -> np.ndarray:
    """Return triangular filters (n_mels, 1 + n_fft // 2), as `librosa.filters.mel` does."""
    bins = np.fft.rfftfreq(spec.n_fft, 1 / spec.sample_rate)
    corners = _corners(spec)[:, None]
    rising = (bins - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - bins) / (corners[2:] - corners[1:-1])
    filters = np.maximum(0, np.minimum(rising, falling))
    if spec.mel_norm == "slaney":
        filters *= 2 / (corners[2:] - corners[:-2])
    return filters


def _corners(spec: FeatureSpec) -> np.ndarray:
    """Return the Hz between which each triangle rises and falls, (n_mels + 2,)."""
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


def _frame(samples: np.ndarray, frames: int, spec: FeatureSpec) -> np.ndarray:
    """Return overlapping frames (frames, n_fft) as a view of the padded samples."""
    if spec.center:
        half = spec.n_fft // 2
        if spec.pad_mode == "constant":  # `np.pad` takes three times as long
            padded = np.zeros(len(samples) + 2 * half, np.float32)
            padded[half : half + len(samples)] = samples
        else:
            padded = np.pad(samples, half, mode=spec.pad_mode)
    else:
        padded = np.ascontiguousarray(samples)
    step = padded.itemsize
    return np.ndarray(  # what `as_strided` and `sliding_window_view` return, ten times as fast
        (frames, spec.n_fft), np.float32, padded, strides=(spec.hop_length * step, step)
    )


def _decibel(mel: np.ndarray, spec: FeatureSpec) -> np.ndarray:
    """Return decibels, in place, as `librosa.power_to_db` does."""
    np.maximum(mel, spec.amin, out=mel)
    reference = mel.max() if spec.ref == "max" else 1.0
    np.log10(mel, out=mel)
    mel *= 10
    mel -= 10 * math.log10(reference)
    if spec.top_db is not None:
        np.maximum(mel, mel.max() - spec.top_db, out=mel)
    return mel


def _kin(value: object, choice: object) -> bool:
    """Whether the two are of one kind: True equals 1 in Python, but is no number here."""
    return isinstance(value, bool) == isinstance(choice, bool)


def _refusal(name: str, value: object, wanted: str) -> SerKerasError:
    return SerKerasError(f"features.{name}", f"cannot be {value!r}", f"Give {wanted}")
