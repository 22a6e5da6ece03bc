"""Recordings as mono samples of one rate, from files and from arrays."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ser_keras.audio.decoding import (
    AGAIN,
    BLOCK_FRAMES,
    MAX_DECODED,
    MAX_SECONDS,
    File,
    Source,
    check_channels,
    check_rate,
    opened,
)
from ser_keras.audio.mixing import FULL_LEVEL, Mix, check_level
from ser_keras.errors import SerKerasError

MAX_SAMPLES = 1 << 25  # that are returned; 25 minutes at 22,050 Hz, 128 MiB

# A part of up to this length (95 s at 44.1 kHz) is resampled in one piece, as librosa does.
ONE_PIECE = 1 << 22  # frames
_INTEGERS = {"uint8": (128, 1 << 7), "int8": (0, 1 << 7), "int16": (0, 1 << 15)}
_INTEGERS["int32"] = (0, 1 << 31)  # dtype: the value of silence, full scale


@dataclass(frozen=True)
class Clip:
    """A sound file's seconds, Hz and channels as stored, and a hash of its decoded samples."""

    duration: float
    sample_rate: int
    channels: int
    content: str


@dataclass(frozen=True)
class Sound:
    """A recording, or a part of it, as mono samples.

    Args:
        samples: (samples,) float32.
        length: Length of the whole recording in seconds.
        notes: Remarks for the user on how it was read.
    """

    samples: np.ndarray
    length: float
    notes: tuple[str, ...] = ()


def hear(
    file: File,
    sample_rate: int | None = None,
    *,
    offset: float = 0.0,
    duration: float | None = None,
    name: str | None = None,
) -> Sound:
    """Return a sound file as mono, with what the user should know about it.

    Memory is that of the part that is returned, however long the file is.

    Args:
        file: Path of a file in any format that libsndfile reads, or a file object opened for
            bytes, which is read from its start.
        sample_rate: Rate in Hz to resample to; None keeps the file's own.
        offset: Seconds to skip, rounded down to whole samples of the file's own rate.
        duration: Seconds to read after the offset, rounded down likewise; None reads to the end.
        name: Name of the file in errors; None takes its path.

    Raises:
        SerKerasError: The file does not exist, is no sound, is cut off, is silent, is shorter than
            the offset, is on a scale of integers, or exceeds a limit of this module.
    """
    with opened(file, name) as source:
        return _sound(source, sample_rate, offset, duration)


def read(
    path: str | os.PathLike,
    sample_rate: int | None = None,
    *,
    offset: float = 0.0,
    duration: float | None = None,
) -> np.ndarray:
    """Return the samples of `hear`, (samples,) float32, like `librosa.load` with these arguments.

    Raises:
        SerKerasError: The same errors as in `hear`.
    """
    return hear(path, sample_rate, offset=offset, duration=duration).samples


def length(path: str | os.PathLike) -> float:
    """Return the length of a sound file in seconds, from its header, without decoding it.

    Raises:
        SerKerasError: The same errors as in `hear`, as far as the header shows them.
    """
    with opened(path) as source:
        return source.frames / source.rate


def inspect(path: str | os.PathLike) -> Clip:
    """Return the `Clip` of a sound file; decodes all of it once, in constant memory.

    `content` is the same for every lossless copy: 16 hex digits, BLAKE2b of rate, channels and
    samples (float32 at the file's own rate).

    Raises:
        SerKerasError: The same errors as in `hear`.
    """
    with opened(path) as source:
        rate, channels = int(source.rate), source.channels
        _, stop = _region(source, 0.0, None)
        state = hashlib.blake2b(f"{rate} {channels} ".encode(), digest_size=8)
        frames, mix = 0, Mix()
        for block in source.blocks(0, stop):
            state.update(block.data)
            frames += len(block)
            mix(block)
        if mix.cancels:
            mix = Mix(mix.loudest)
            for block in source.blocks(0, stop):
                mix(block)
    check_level(source.name, mix.level)
    return Clip(frames / rate, rate, channels, state.hexdigest())


def hear_samples(
    samples: np.ndarray,
    rate_in: float,
    sample_rate: int | None,
    *,
    offset: float = 0.0,
    duration: float | None = None,
    name: str = "array",
) -> Sound:
    """Return an array of samples as `hear` returns a file: checked, cut, mono, resampled.

    Args:
        samples: (samples,) or (samples, channels); (channels, samples) for one and two channels.
            Floats with full scale 1.0, or 8, 16 or 32 bit integers, which are scaled.
        rate_in: Rate of `samples` in Hz.
        sample_rate: Rate in Hz to resample to; None keeps `rate_in`.
        offset: Seconds to skip.
        duration: Seconds to keep after the offset; None keeps all.
        name: Name of the array in errors.

    Raises:
        SerKerasError: The array has another type or shape; otherwise the same errors as in `hear`.
    """
    source = array_source(samples, rate_in, name)
    return _sound(source, sample_rate, offset, duration)


def from_samples(
    samples: np.ndarray,
    rate_in: float,
    sample_rate: int | None,
    *,
    offset: float = 0.0,
    duration: float | None = None,
    name: str = "array",
) -> np.ndarray:
    """Return the samples of `hear_samples`, (samples,) float32, never a view of the argument.

    Raises:
        SerKerasError: The same errors as in `hear_samples`.

    Example:
        >>> from_samples(np.array([[0.5, 0.25], [0.5, 0.75]]), 16_000, None)
        array([0.375, 0.625], dtype=float32)
    """
    sound = hear_samples(samples, rate_in, sample_rate, offset=offset, duration=duration, name=name)
    return sound.samples


def squeeze(frames: np.ndarray, length: int) -> np.ndarray:
    """Return frames resampled along time to a smaller number, each column as if it were a sound.

    Like `librosa.resample` from rate n to rate `length`, cut to `length`; values beyond both ends
    count as zero.

    Args:
        frames: (n, columns) floats, n at least `length`.
        length: Number of frames to return.

    Returns:
        (length, columns), with the dtype of `frames`.

    Example:
        >>> squeeze(np.ones((4, 3), np.float32), 2).shape
        (2, 3)
    """
    import soxr

    if len(frames) == length:
        return frames
    squeezed = np.zeros((length, frames.shape[1]), frames.dtype)
    resampled = soxr.resample(np.ascontiguousarray(frames), len(frames), length, quality="HQ")
    squeezed[: len(resampled)] = resampled[:length]  # soxr gives one frame more or less
    return squeezed


def array_source(samples: Any, rate: float, name: str) -> Source:
    """Return the `Source` of an array of samples, as `hear_samples` takes them."""
    array = _checked(samples, name)
    check_rate(name, rate)
    channels = array.shape[1] if array.ndim == 2 else 1
    check_channels(name, channels)
    zero, full = _INTEGERS.get(array.dtype.name, (0, 1))

    def blocks(start: int, stop: int) -> Iterator[np.ndarray]:
        for first in range(start, stop, BLOCK_FRAMES):
            part = array[first : min(first + BLOCK_FRAMES, stop)]
            with np.errstate(over="ignore"):  # float64 beyond float32 becomes infinite: refused
                block = np.array(part, dtype=np.float32, order="C")
            yield block if full == 1 else (block - np.float32(zero)) / np.float32(full)

    notes: tuple[str, ...] = ()
    if array.dtype == np.int32 and -(1 << 23) <= array.min(initial=0) <= array.max() < 1 << 23:
        notes = ("its samples use 24 of 32 bits: multiply them by 256 if they have 24",)
    return Source(name, rate, channels, len(array), blocks, notes)


def _sound(source: Source, sample_rate: int | None, offset: float, duration: float | None) -> Sound:
    name, rate = source.name, source.rate
    new_rate = rate if sample_rate is None else sample_rate
    check_rate(name, new_rate)
    start, stop = _region(source, offset, duration)
    if (stop - start) * new_rate / rate > MAX_SAMPLES:
        most = f"at most {MAX_SAMPLES / new_rate / 60:.0f} min are read at {new_rate} Hz"
        problem = f"is {(stop - start) / rate / 60:.0f} min long and {most}"
        raise SerKerasError(name, problem, "Cut it into parts")
    notes = list(source.notes)
    mix = Mix()
    samples = _resampled(map(mix, source.blocks(start, stop)), stop - start, rate, new_rate)
    if mix.cancels:
        channel = mix.loudest
        mix = Mix(channel)
        samples = _resampled(map(mix, source.blocks(start, stop)), stop - start, rate, new_rate)
        notes.append(f"its channels cancel each other, so only channel {channel + 1} was used")
    check_level(name, mix.level)
    if mix.level > FULL_LEVEL:
        notes.append(f"its samples reach {mix.level:.1f}, and full scale is 1: check its export")
    if mix.low >= 0 or mix.high <= 0:
        notes.append("its samples are all on one side of 0, which is silence: check its export")
    return Sound(samples, source.frames / rate, tuple(notes))


def _checked(samples: Any, name: str) -> np.ndarray:
    """Return samples as an array (samples,) or (samples, channels) of a type that is read."""
    try:
        array = np.asarray(samples)
    except (ValueError, TypeError, RuntimeError) as error:  # ragged lists; tensors of a GPU
        problem = f"cannot be turned into an array ({' '.join(str(error).split())})"
        raise SerKerasError(name, problem, "Give a NumPy array") from error
    kind = array.dtype.name
    if array.dtype.kind != "f" and kind not in _INTEGERS:
        remedy = "Give floats with full scale 1.0, or int16"
        raise SerKerasError(name, f"is an array of {kind}, whose full scale is unknown", remedy)
    if array.ndim == 2 and (array.shape[0] == 1 or (array.shape[0] == 2 and array.shape[1] > 32)):
        array = array.T
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] > max(array.shape[0], 32)):
        remedy = "Give (samples,) or (samples, channels), or several recordings as a list"
        raise SerKerasError(name, f"has shape {np.shape(samples)}", remedy)
    if kind == "int32" and 0 < max(array.max(initial=0), -int(array.min(initial=0))) <= 1 << 15:
        problem = "is an array of int32 whose samples are those of int16"
        raise SerKerasError(name, problem, "Turn it into int16, which has another full scale")
    return array


def _region(source: Source, offset: float, duration: float | None) -> tuple[int, int]:
    """Return the first frame to read and the frame after the last, rounded as in librosa."""
    name, frames, rate = source.name, source.frames, source.rate
    if not (0 <= offset < math.inf and (duration is None or 0 < duration < math.inf)):
        raise SerKerasError(
            name, f"cannot be read from {offset} s for {duration} s", "Give seconds"
        )
    if not frames:
        raise SerKerasError(name, "holds no samples", AGAIN)
    start = int(offset * rate)
    stop = frames if duration is None else min(frames, start + max(1, int(duration * rate)))
    if start >= frames:
        lasts = f"lasts {frames / rate:.2f} s and the first {offset:g} s are skipped"
        raise SerKerasError(name, lasts, "Give a longer clip")
    if stop - start > MAX_SECONDS * rate:
        hours = f"lasts {(stop - start) / rate / 3600:.1f} h and at most 4 h are read"
        raise SerKerasError(name, hours, "Cut it into parts")
    if (stop - start) * source.channels > MAX_DECODED:
        values = f"has {(stop - start) * source.channels:,} samples in {source.channels} channels"
        raise SerKerasError(name, f"{values} and at most {MAX_DECODED:,} are read", "Cut it")
    return start, stop


def _resampled(
    blocks: Iterable[np.ndarray], frames: int, rate: float, new_rate: float
) -> np.ndarray:
    """Return mono blocks, of about `frames` samples together, as one array at another rate."""
    if new_rate == rate or frames <= ONE_PIECE:
        parts = list(blocks)
        samples = parts[0] if len(parts) == 1 else np.concatenate(parts)
        if new_rate == rate:
            return samples
    import soxr

    if frames <= ONE_PIECE:
        count, resampled = len(samples), soxr.resample(samples, rate, new_rate, quality="HQ")
    else:
        stream, count, parts = soxr.ResampleStream(rate, new_rate, 1, quality="HQ"), 0, []
        for block in blocks:
            count += len(block)
            parts.append(stream.resample_chunk(block))
        parts.append(stream.resample_chunk(np.empty(0, np.float32), last=True))
        resampled = np.concatenate(parts)
    exact = math.ceil(count * (new_rate / rate))  # librosa's length; soxr's may differ by one
    if len(resampled) < exact:
        resampled = np.append(resampled, np.zeros(exact - len(resampled), np.float32))
    return resampled[:exact]
