"""Plain files that may come from a stranger: nothing that blocks, and no more than a cap."""

from __future__ import annotations

import json
import math
import os
import stat
from io import BufferedReader

from ser_keras.errors import SerKerasError

MAX_JSON_BYTES = 1 << 20
MAX_JSON_DEPTH = 8


def open_plain(path: str | os.PathLike, max_bytes: int, *, links: bool = True) -> BufferedReader:
    """Open a plain file that may come from a stranger: no device, no pipe, nothing that blocks.

    Args:
        path: File to read.
        max_bytes: Size above which the file is refused.
        links: Whether `path` may be a symbolic link to a plain file.

    Raises:
        SerKerasError: The file does not exist, is not a plain file, or is too large.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    flags |= 0 if links else getattr(os, "O_NOFOLLOW", 0)
    plain = SerKerasError(path, "is missing or not a plain file", "Take a fresh copy of the file")
    try:
        before = os.stat(path, follow_symlinks=links)
        if not stat.S_ISREG(before.st_mode):  # opening a device may do something by itself
            raise plain
        stream = open(path, "rb", opener=lambda name, _: os.open(name, flags))  # noqa: SIM115
    except FileNotFoundError as error:
        raise SerKerasError(path, "cannot be read", "Check the path") from error
    except (OSError, ValueError) as error:
        raise SerKerasError(path, f"cannot be read ({error})", "Check the path") from error
    after = os.fstat(stream.fileno())
    if stat.S_ISREG(after.st_mode) and after.st_size <= max_bytes:
        return stream
    stream.close()
    if not stat.S_ISREG(after.st_mode):
        raise plain
    problem = f"is larger than {max_bytes} bytes"
    raise SerKerasError(path, problem, "Take a fresh copy of the file")


def read_plain(path: str | os.PathLike, max_bytes: int, *, links: bool = True) -> bytes:
    """Return the content of a plain file that may come from a stranger; see `open_plain`."""
    with open_plain(path, max_bytes, links=links) as stream:
        content = stream.read(max_bytes + 1)
    if len(content) > max_bytes:  # it has grown meanwhile
        problem = f"is larger than {max_bytes} bytes"
        raise SerKerasError(path, problem, "Take a fresh copy of the file")
    return content


def read_json(
    path: str | os.PathLike, max_bytes: int = MAX_JSON_BYTES, *, links: bool = True
) -> object:
    """Return the JSON value in a file that may come from a stranger.

    Args:
        path: File to read.
        max_bytes: Size above which the file is refused.
        links: Whether `path` may be a symbolic link to a plain file.

    Raises:
        SerKerasError: The file cannot be opened by `plain.open_plain`, or is not what `write_json`
            writes; see `parse_json`.
    """
    return parse_json(read_plain(path, max_bytes, links=links), path)


def parse_json(content: bytes, path: str | os.PathLike) -> object:
    """Return the JSON value in the content of a file that may come from a stranger.

    Args:
        content: Content of the file.
        path: Name of the file, for errors.

    Raises:
        SerKerasError: It is not what `write_json` writes: UTF-8, each key once, no NaN, no
            infinity, and at most `MAX_JSON_DEPTH` levels.

    Example:
        >>> parse_json(b'{"n": 1}', "a.json")
        {'n': 1}
    """
    remedy = "Take a fresh copy of the file"
    try:
        value = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_finite,
            parse_float=_finite,
        )
    except (ValueError, RecursionError) as error:
        raise SerKerasError(path, f"is not the JSON expected ({error})", remedy) from error
    if _is_deeper(value, MAX_JSON_DEPTH):
        raise SerKerasError(path, f"is nested deeper than {MAX_JSON_DEPTH} levels", remedy)
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key occurs twice")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):  # NaN, Infinity, 1e999
        raise ValueError(f"{text[:20]} is not a finite number")
    return value


def _is_deeper(value: object, levels: int) -> bool:
    """Return whether lists and objects are nested deeper than `levels`."""
    if not isinstance(value, (dict, list)):
        return False
    items = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(item, levels - 1) for item in items)
