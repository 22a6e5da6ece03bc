"""Waveform to frames: MFCC and log-mel as librosa computes them, in one vectorised pass.

Or to one vector: the states of a frozen speaker encoder, whose mel bands come from the same pass,
functionals, or both.

Results equal `librosa.feature.mfcc` and `power_to_db(melspectrogram(...))` within 0.01 (tested).
librosa is not imported, because its import takes longer than the features of a thousand clips.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ser_keras import audio, mel_scale
from ser_keras.errors import SerKerasError, check_choice, check_number, refused
from ser_keras.files import digest

# 128 frames of 2048 are 1 MB of float32, and so is their spectrum. Most clips fit into one block,
# and memory stays flat however long a recording is. Blocks of 64 take 6 % more time, of 16 20 %.
_BLOCK_FRAMES = 128
# The filters are multiplied in this many groups, each with only the bins that it covers: 8 groups
# of 16 took 32 us a clip, the dense matrix 240 us, `np.add.reduceat` over two slopes 80 us each.
_FILTER_GROUPS = 8
_ALGORITHM = "1"  # part of every key, so that caches become stale when `extract` changes

_BOTH = "speaker_encoder+functionals"
_VECTORS = ("functionals", "speaker_encoder", _BOTH)  # kinds with one vector a clip
_WINDOWS = {"hann": 0.5, "hamming": 0.54}  # a in a - (1 - a) cos(2 pi t / length)
_CHOICES = {
    "kind": ("mfcc", "log_mel", *_VECTORS),
    "window": tuple(_WINDOWS),
    "pad_mode": ("constant", "reflect"),
    "mel_norm": ("slaney", None),
    "ref": (1.0, "max"),
    "center": (True, False),
    "htk": (True, False),
}
_WHOLE_NUMBERS = {  # lowest, highest
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
_ANY_KIND = {"kind", "offset", "duration"}  # the settings that a kind in _VECTORS leaves open


@dataclass(frozen=True, kw_only=True)
class FeatureSpec:
    """What `extract` computes, in librosa's names, so that a spec reads like the call it equals.

    Args:
        kind: "mfcc" (`librosa.feature.mfcc`), "log_mel" (`power_to_db(melspectrogram(...))`) or
            a kind of one vector a clip, which leaves no setting open but `offset` and `duration`:
            "functionals" (`ser_keras.functionals`); "speaker_encoder", the mean and deviation over
            time of the states of a frozen network (`ser_keras.models.speaker_encoder`); or
            "speaker_encoder+functionals", the second vector behind the first.
        sample_rate: Sample rate in Hz to which a clip is resampled.
        offset: Seconds skipped at the start of a clip, before resampling.
        duration: Seconds read after the offset; None reads to the end.
        n_fft: Samples in a frame.
        win_length: Samples in the window, in the middle of the frame; None means `n_fft`.
        hop_length: Samples from the start of a frame to the start of the next.
        window: "hann" or "hamming", periodic.
        center: Whether frame t is centred on sample t x hop_length.
        pad_mode: "constant" (zeros) or "reflect"; only used with `center`.
        n_mels: Number of mel bands.
        fmin: Lower end of the lowest band in Hz.
        fmax: Upper end of the highest band in Hz; None means half the sample rate.
        mel_norm: "slaney" gives each band the same area, None the same height.
        htk: Whether the mel scale is HTK's rather than Slaney's.
        power: Exponent of the magnitude.
        ref: Power that becomes 0 dB: 1.0, or "max" for the largest power in the clip.
        amin: Lowest power; anything below is raised to it.
        top_db: Range in dB below the loudest bin of the clip; None keeps everything.
        n_mfcc: Number of coefficients for "mfcc".

    Raises:
        SerKerasError: A value has the wrong type or is out of range.

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
        if check_choice("features.kind", self.kind, _CHOICES["kind"]) in _VECTORS:
            settings = _vectors(self.kind)[-1].SETTINGS
            for field in dataclasses.fields(self):
                value = getattr(self, field.name)
                fixed = settings.get(field.name, field.default)
                if field.name not in _ANY_KIND:
                    if value not in (fixed, field.default):
                        accepted = f"{fixed!r}, which {self.kind} needs"
                        raise refused(f"features.{field.name}", value, accepted)
                    object.__setattr__(self, field.name, fixed)
        for name, choices in _CHOICES.items():
            choice = check_choice(f"features.{name}", getattr(self, name), choices)
            object.__setattr__(self, name, choice)
        for name, (low, high) in (_WHOLE_NUMBERS | _NUMBERS).items():
            kind = {"whole": name in _WHOLE_NUMBERS, "optional": name in _OPTIONAL}
            number = check_number(f"features.{name}", getattr(self, name), low, high, **kind)
            object.__setattr__(self, name, number)  # 0 and 0.0 must have the same key
        if self.win_length is not None and self.win_length > self.n_fft:
            accepted = f"at most n_fft ({self.n_fft})"
            raise refused("features.win_length", self.win_length, accepted)
        nyquist = self.sample_rate / 2
        if not self.fmin < (self.fmax or nyquist) <= nyquist:
            accepted = f"a frequency above fmin ({self.fmin}) and at most {nyquist}"
            raise refused("features.fmax", self.fmax, accepted)
        if self.kind == "mfcc" and self.n_mfcc > self.n_mels:
            raise refused("features.n_mfcc", self.n_mfcc, f"at most n_mels ({self.n_mels})")

    @property
    def key(self) -> str:
        """16 hex digits that differ for any two specs."""
        # apart, so that a change to one kind leaves the caches of the others alone
        versions = [part.VERSION for part in _vectors(self.kind)]
        algorithm = "+".join(versions) or _ALGORITHM
        return digest(algorithm, json.dumps(self.to_json(), sort_keys=True))

    @property
    def n_features(self) -> int:
        """Number of features in a frame, or in the vector of a clip."""
        if self.kind in _VECTORS:
            return sum(part.SIZE for part in _vectors(self.kind))
        return self.n_mfcc if self.kind == "mfcc" else self.n_mels

    @property
    def one_vector(self) -> bool:
        """Whether a clip is one vector, whatever its length."""
        return self.kind in _VECTORS

    def frames(self, samples: int) -> int:
        """Return the number of frames in a clip with this number of samples at `sample_rate`.

        A vector of a whole clip counts as one frame.
        """
        return 1 if self.kind in _VECTORS else self._windows(samples)

    def _windows(self, samples: int) -> int:
        """Return the number of windows that are transformed."""
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
            SerKerasError: It is not a dictionary, has an unknown key or no kind, or a value is out
                of range.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(value, dict) or "kind" not in value or not value.keys() <= names:
            raise SerKerasError("features", f"is not a feature spec ({value})", "Take a fresh copy")
        return cls(**value)


def extract(samples: np.ndarray, spec: FeatureSpec, *, few: bool = False) -> np.ndarray:
    """Return the frames of a clip, or its vector as a single frame.

    Calling this in a loop is fast: whatever depends on the spec alone is computed once.

    Args:
        samples: Mono floats (samples,) at `spec.sample_rate`, as `audio.read` returns them, with
            `spec.offset` and `spec.duration` already applied.
        spec: Features to compute.
        few: Whether the process will extract only a few clips. If so, the Fourier transforms are
            numpy's. They take 6 times as long as scipy's, but the import of scipy takes as long as
            60 clips. The results of the two differ in the last bit, by rounding.

    Returns:
        float32 (frames, spec.n_features).

    Raises:
        SerKerasError: There are no samples, or less than one frame and `spec.center` is False.

    Example:
        >>> extract(np.ones(66_150, np.float32), FeatureSpec(kind="mfcc"), few=True).shape
        (130, 40)
    """
    samples = np.asarray(samples, dtype=np.float32)
    frames = spec._windows(len(samples)) if samples.ndim == 1 and len(samples) else 0
    if frames < 1:
        raise SerKerasError("samples", "are too few for one frame", "Give a longer mono clip")
    parts = _vectors(spec.kind)
    if spec.kind == _BOTH:
        kind = FeatureSpec(kind="speaker_encoder")
        heard = audio.from_samples(samples, spec.sample_rate, kind.sample_rate)
        return np.concatenate([extract(heard, kind, few=few), parts[1].vector(samples)], axis=1)
    if spec.kind == "functionals":
        return parts[0].vector(samples)
    if spec.kind == "speaker_encoder":
        samples = parts[0].set_level(samples)
    mel = _mel(samples, spec, few=few)
    if spec.kind == "speaker_encoder":
        return parts[0].vectors([mel])
    decibel = _decibel(mel, spec)
    if spec.kind == "mfcc":
        return decibel @ _constants(spec).cosines
    return decibel.astype(np.float32, copy=False)


def _mel(samples: np.ndarray, spec: FeatureSpec, *, few: bool = False) -> np.ndarray:
    """Return the power of the mel bands of a clip, (frames, n_mels)."""
    if few:
        rfft = np.fft.rfft
    else:
        import scipy.fft

        rfft = scipy.fft.rfft
    frames = spec._windows(len(samples))
    constants = _constants(spec)
    framed = _frame(samples, frames, spec)  # (frames, n_fft), a view
    mel = np.zeros((frames, spec.n_mels), constants.window.dtype)
    for start in range(0, frames, _BLOCK_FRAMES):
        block = slice(start, start + _BLOCK_FRAMES)
        power = np.abs(rfft(framed[block] * constants.window))  # (block, 1 + n_fft / 2)
        power = np.square(power, out=power) if spec.power == 2 else power**spec.power
        for group in constants.groups:
            np.matmul(power[:, group.bins], group.weights, out=mel[block, group.bands])
    return mel


def extract_many(clips: Sequence[np.ndarray], spec: FeatureSpec) -> list[np.ndarray]:
    """Return what `extract` returns for each of several clips.

    The states of the speaker encoder are computed for all of them together, in half the time; they
    differ from those of a clip alone by rounding.

    Args:
        clips: Mono floats (samples,) each, as for `extract`.
        spec: Features to compute.
    """
    if spec.kind not in ("speaker_encoder", _BOTH) or len(clips) == 1:
        return [extract(clip, spec) for clip in clips]
    encoder, *others = _vectors(spec.kind)
    own = FeatureSpec(kind="speaker_encoder")
    mels = []
    for clip in clips:
        heard = clip if spec == own else audio.from_samples(clip, spec.sample_rate, own.sample_rate)
        mels.append(_mel(encoder.set_level(heard), own))
    vectors = encoder.vectors(mels)
    rows = [vectors[i : i + 1] for i in range(len(clips))]
    for part in others:
        rows = [
            np.concatenate([row, part.vector(clip)], axis=1)
            for row, clip in zip(rows, clips, strict=True)
        ]
    return rows


def _vectors(kind: str) -> list:
    """Return the modules that compute the vectors of a kind, imported when they are first needed.

    The sound is read as the last of them needs it.
    """
    modules = []
    if kind in ("speaker_encoder", _BOTH):
        from ser_keras.models import speaker_encoder

        modules.append(speaker_encoder)
    if kind in ("functionals", _BOTH):
        from ser_keras import functionals

        modules.append(functionals)
    return modules


class _Group(NamedTuple):
    """Neighbouring filters and the bins that they cover together."""

    bands: slice
    bins: slice
    weights: np.ndarray  # (bins, bands)


class _Constants(NamedTuple):
    """Arrays that depend on the spec alone."""

    window: np.ndarray  # (n_fft,)
    groups: tuple[_Group, ...]
    cosines: np.ndarray  # (n_mels, n_mfcc)


@functools.lru_cache(maxsize=32)
def _constants(spec: FeatureSpec) -> _Constants:
    # A float32 transform has a floor about 130 dB below the frame's peak. Where a range of at most
    # 100 dB is kept, nobody sees it (0.005 dB); where everything is kept, it raises nearly empty
    # bands (2 dB on real clips, 10 dB on tones), so there the same path runs in float64, at 1.7
    # times the time.
    single = spec.top_db is not None and spec.top_db <= 100
    dtype = np.float32 if single else np.float64
    length = spec.win_length or spec.n_fft
    start = (spec.n_fft - length) // 2
    a = _WINDOWS[spec.window]
    window = np.zeros(spec.n_fft)  # periodic; a window shorter than the frame has zeros beside it
    window[start : start + length] = a - (1 - a) * np.cos(2 * np.pi / length * np.arange(length))
    filters = mel_scale.filters(spec)  # (n_mels, bins)
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
    return _Constants(window.astype(dtype), tuple(groups), cosines.astype(np.float32))


def _frame(samples: np.ndarray, frames: int, spec: FeatureSpec) -> np.ndarray:
    """Return overlapping frames (frames, n_fft) as a view of the padded samples."""
    if spec.center:
        half = spec.n_fft // 2
        if spec.pad_mode == "constant":  # `np.pad` takes three times as long
            padded = np.zeros(len(samples) + 2 * half, np.float32)
            padded[half : half + len(samples)] = samples
        else:
            padded = np.pad(samples, half, mode="reflect")
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
