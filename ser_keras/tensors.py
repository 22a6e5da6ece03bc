"""Named arrays in one file and nothing else, read without trusting what it says of itself.

A bundle's weights have the layout of safetensors: the length of a JSON header (8 bytes), the header
with type, shape and place of each array, and the numbers. It can name no code, class or file. The
checkpoints of a training are numpy's archives.
"""

from __future__ import annotations

import json
import math
import os
import re
import zipfile
from collections.abc import Mapping, Sequence
from typing import IO

import numpy as np

from ser_keras import files, plain
from ser_keras.errors import SerKerasError

_LENGTH_BYTES = 8
_TYPES: dict[str, np.dtype] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "I8": np.dtype("i1")}
_MAX_AXES = 8
_MAX_NPZ_BYTES = 1 << 32  # of a checkpoint; the largest published network's has 600 MB
_MAX_TEXT_BYTES = 1 << 26  # of the history in a checkpoint
_FRESH = "Take a fresh copy of the model, or train it again"
_NPY_HEADER = re.compile(
    rb"\{'descr': '([<|][a-zA-Z]\d{0,9})', 'fortran_order': (True|False), "
    rb"'shape': \(([\d, ]{0,99})\), \} *\n"
)


def write(
    path: str | os.PathLike, arrays: Mapping[str, np.ndarray], types: Sequence[str] = ("F32",)
) -> None:
    """Write arrays to a file, in their order.

    Args:
        path: File to write.
        arrays: Name -> array.
        types: Types that the arrays may have, in the format's names: "F32", "F16" and "I8".

    Raises:
        SerKerasError: An array has another type, or the disk is full.
    """
    names = {_TYPES[name]: name for name in types}
    header, end = {}, 0
    for name, array in arrays.items():
        dtype = array.dtype.newbyteorder("<")
        if dtype not in names:
            needed = " or ".join(known.name for known in names)
            problem = f"cannot hold {name}, which is {array.dtype} and not {needed}"
            raise SerKerasError(path, problem, f"Train in {needed}")
        start, end = end, end + array.nbytes
        shape = list(array.shape)
        header[name] = {"dtype": names[dtype], "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _LENGTH_BYTES)  # aligns the numbers, as the format allows
    with files.atomic(path) as partial, open(partial, "wb") as stream:
        stream.write(len(text).to_bytes(_LENGTH_BYTES, "little") + text)
        for array in arrays.values():
            stream.write(array.astype(array.dtype.newbyteorder("<")).tobytes())


def parse(
    content: bytes, path: str | os.PathLike, types: Sequence[str] = ("F32",)
) -> dict[str, np.ndarray]:
    """Return the arrays in the content of a file that may come from a stranger.

    Args:
        content: Content of the file.
        path: Name of the file, for errors.
        types: Types that the arrays may have, as `write` takes them.

    Returns:
        Name -> array, a read-only view of `content`.

    Raises:
        SerKerasError: The content is not what `write` writes: arrays of these types, of finite
            numbers, one behind the other, to the end.

    Example:
        >>> header = b'{"bias":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
        >>> parse(len(header).to_bytes(8, "little") + header + bytes(8), "a.safetensors")
        {'bias': array([0., 0.], dtype=float32)}
    """
    length = int.from_bytes(content[:_LENGTH_BYTES], "little")
    start = _LENGTH_BYTES + length
    if not 2 <= length <= min(plain.MAX_JSON_BYTES, len(content) - _LENGTH_BYTES):
        raise SerKerasError(path, "has no header of a plausible length", _FRESH)
    header = files.parse_json(content[_LENGTH_BYTES:start], path)
    if not isinstance(header, dict):
        raise SerKerasError(path, "has a header that names no arrays", _FRESH)
    arrays, end = {}, 0
    for name, entry in header.items():
        shape = entry.get("shape") if isinstance(entry, dict) else None
        if not isinstance(shape, list) or len(shape) > _MAX_AXES:
            raise SerKerasError(path, f"has no shape for {name[:80]!r}", _FRESH)
        kind = entry["dtype"] if entry.get("dtype") in types else types[0]
        dtype = _TYPES[kind]
        whole = all(type(n) is int and n >= 0 for n in shape)
        first, end = end, end + dtype.itemsize * math.prod(shape) if whole else -1
        expected = {"dtype": kind, "shape": shape, "data_offsets": [first, end]}
        if not whole or entry != expected or start + end > len(content):
            problem = f"does not hold {name[:80]!r} as {dtype.name} where its header says"
            raise SerKerasError(path, problem, _FRESH)
        values = np.frombuffer(content, dtype, math.prod(shape), start + first)
        if not np.isfinite(values).all():
            problem = f"its weights are not finite numbers ({name[:80]!r})"
            raise SerKerasError(path, problem, _FRESH)
        arrays[name] = values.reshape(shape)
    if start + end != len(content):
        raise SerKerasError(path, "holds more than its header names", _FRESH)
    return arrays


def read_npz(
    path: str | os.PathLike, shapes: Mapping[str, tuple[int, ...]], kinds: str = "fiub"
) -> dict[str, np.ndarray]:
    """Return arrays of a file that `numpy.savez` wrote and that may come from a stranger.

    Type and shape of each are compared before its numbers are read.

    Args:
        path: File to read.
        shapes: Name -> shape of the arrays to read.
        kinds: Kinds of numpy's types that they may have: "U" for a text, "fiub" for numbers.

    Raises:
        SerKerasError: The file is not a plain file.
        ValueError: It is not such a file, or it has no such array.
    """
    with plain.open_plain(path, _MAX_NPZ_BYTES) as stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                arrays = {}
                for name, shape in shapes.items():
                    info = archive.getinfo(f"{name}.npy")
                    # savez does not compress, so no member can be larger than the file
                    if info.compress_type != zipfile.ZIP_STORED:
                        raise ValueError("it is compressed")
                    with archive.open(info) as member:
                        arrays[name] = _read_npy(member, shape, kinds, info.file_size)
                return arrays
        except (
            *(zipfile.BadZipFile, OSError, EOFError, LookupError, TypeError, OverflowError),
            *(RuntimeError, NotImplementedError, MemoryError),
        ) as error:
            raise ValueError(str(error)) from error


def _read_npy(stream: IO[bytes], shape: tuple[int, ...], kinds: str, size: int) -> np.ndarray:
    """Return the array in a member of an archive, whose header is read as numpy writes it."""
    start = stream.read(10)
    header = stream.read(int.from_bytes(start[8:], "little"))
    match = _NPY_HEADER.fullmatch(header)
    if start[:8] != b"\x93NUMPY\x01\x00" or match is None:
        raise ValueError("it has a header that numpy does not write")
    dtype = np.dtype(match[1].decode())
    found = tuple(int(n) for n in match[3].decode().replace(" ", "").split(",") if n)
    n_bytes = math.prod(found) * dtype.itemsize
    if found != shape:
        raise ValueError(f"it has the shape {str(found)[:40]} where {shape} is needed")
    if dtype.kind not in kinds or stream.tell() + n_bytes != size:
        raise ValueError("it has another type or size than it says")
    if dtype.kind == "U" and n_bytes > _MAX_TEXT_BYTES:
        raise ValueError("its text is too long")
    values = np.frombuffer(stream.read(n_bytes), dtype)
    return values.reshape(shape, order="F" if match[2] == b"True" else "C")
