"""What users give as recordings: paths, file objects and samples, one or several."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any, BinaryIO

import numpy as np

from ser_keras.errors import SerKerasError

MAX_PATH = 4_096  # bytes

# A path, a file object, samples (samples,) or (samples, channels), or such samples and their rate
Recording = str | bytes | os.PathLike | BinaryIO | np.ndarray | tuple[np.ndarray, float]

_GIVE = "Give a path, a file object, an array of samples, or several of them"


def listed(recordings: Any) -> Iterable[Any]:
    """Return the recordings one by one, whether one was given or several.

    Args:
        recordings: Anything that `Bundle.predict` takes.

    Raises:
        SerKerasError: It holds no recordings, or nothing says which they are.

    Example:
        >>> list(listed("a.wav")), list(listed(np.array(["a.wav", "b.wav"])))
        (['a.wav'], ['a.wav', 'b.wav'])
    """
    kind = type(recordings).__name__
    if isinstance(recordings, Mapping) or hasattr(recordings, "columns"):
        remedy = "Give one of its columns or values, such as the paths"
        raise SerKerasError("recordings", f"are of the type {kind}", remedy)
    if (
        isinstance(recordings, (str, bytes, os.PathLike))
        or hasattr(recordings, "read")
        or _is_pair(recordings)
    ):
        return [recordings]
    if hasattr(recordings, "__array__"):
        # a column, for instance of paths, is several recordings; numbers are samples
        dtype = getattr(recordings, "dtype", None)
        is_column = str(getattr(dtype, "kind", dtype)) in ("O", "U", "S", "T", "String")
        if is_column:
            array = np.asarray(recordings, dtype=object)
            if array.ndim > 1 and array.size > len(array):
                problem = f"are an array of shape {array.shape}"
                raise SerKerasError("recordings", problem, "Give one column")
            return array.ravel().tolist()
        return [recordings]
    if isinstance(recordings, (list, tuple)) and recordings and all(map(_is_number, recordings)):
        return [np.asarray(recordings)]
    if not isinstance(recordings, Iterable):
        raise SerKerasError("recordings", f"are of the type {kind}", _GIVE)
    return recordings


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_samples(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return bool(value) and not isinstance(value[0], (str, bytes, os.PathLike))
    return hasattr(value, "__array__") and np.ndim(value) > 0


def _is_pair(value: object) -> bool:
    """Return whether this is (samples, rate), or (rate, samples) as SciPy and Gradio write it."""
    return (
        isinstance(value, (list, tuple))
        and len(value) == 2
        and sorted(map(_is_number, value)) == [False, True]
        and any(map(_is_samples, value))
    )


def is_file(recording: object) -> bool:
    """Return whether a recording is a path, a file object, or the content of a file."""
    return isinstance(recording, (str, bytes, os.PathLike)) or hasattr(recording, "read")


def as_file(recording: Any) -> Any:
    """Return a path or a file object; the content of a file becomes a file object."""
    if isinstance(recording, bytes) and len(recording) > MAX_PATH:
        return io.BytesIO(recording)
    return recording


def name_of(recording: object, position: int) -> str:
    """Return the name of a recording in tables and errors."""
    if isinstance(recording, bytes) and len(recording) > MAX_PATH:
        return f"item {position}"
    if isinstance(recording, (str, bytes, os.PathLike)):
        return str(os.fsdecode(recording)) or f"item {position}"
    if hasattr(recording, "read"):
        name = getattr(recording, "name", None)
        return name if isinstance(name, str) and name else f"file {position}"
    return f"{'array' if _is_samples(recording) else 'item'} {position}"


def samples_of(recording: Any, rate: float | None, name: str) -> tuple[np.ndarray, float]:
    """Return the samples and the rate of a recording that is no file."""
    if _is_pair(recording):
        first, second = recording
        recording, rate = (second, first) if _is_number(first) else (first, second)
    if not _is_samples(recording):
        is_missing = recording is None or str(recording) in ("nan", "<NA>", "NaT")
        kind = type(recording).__name__
        problem = "is missing" if is_missing else f"is no recording, but of the type {kind}"
        raise SerKerasError(name, problem, _GIVE)
    if rate is None:
        remedy = "Give sample_rate in Hz, or the pair (samples, rate)"
        raise SerKerasError(name, "has no sample rate", remedy)
    return recording, rate
