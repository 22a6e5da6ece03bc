"""Light models of strangers: each is first opened once in a process of its own.

LiteRT's loader is not hardened. A crafted file of a few bytes can crash it, fill the memory, or run
for ever. So what this machine has neither made nor tried is opened on one silent clip in a child
process with limits on memory and time, before it is opened here. What was tried is remembered.
"""

from __future__ import annotations

import importlib.util
import json
import struct
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ser_keras import files
from ser_keras.errors import SerKerasError

SECONDS = 14  # the largest published network takes 1 s; with the opening here it is half a minute
_FORMAT = 1
_MOST = 5_000  # models that are remembered, the newest
_MOST_OPERATORS = 256  # that a file lists
_MOST_GRAPHS = 9  # each loop of a scanned LSTM has two beside the main one
_FRESH = "Take a fresh copy of the model, or train it again"
# What Keras's exporter writes for the networks of the recipes, in 32 and in 8 bits, by the numbers
# of the schema, and a few that another version of it may write in their place. None of them opens a
# file or calls another graph but WHILE (119), which is a scanned LSTM.
_OPERATORS = frozenset(
    (
        *(0, 1, 2, 3, 6, 9, 14, 17, 18, 19, 22, 25, 28, 34, 36, 39, 40, 41, 42, 43, 45, 47, 49),
        *(53, 55, 57, 58, 59, 65, 66, 69, 70, 71, 74, 75, 76, 77, 78, 81, 82, 83, 84, 86, 87, 88),
        *(91, 93, 94, 98, 99, 102, 108, 114, 119, 123, 126, 130, 140, 150),
    )
)


def check(
    path: Path,
    content: bytes,
    sha256: str,
    inputs: Mapping[str, np.ndarray],
    threads: int,
    folder: Path | None = None,
) -> None:
    """Open a light model in a child process, unless it was tried on this machine before.

    Args:
        path: Name of the file, for errors.
        content: Content of the file.
        sha256: SHA-256 of that content.
        inputs: Inputs of one silent clip.
        threads: Number of threads that the model will run with.
        folder: Folder of the file that remembers what was tried; None for the cache.

    Raises:
        SerKerasError: The file has operators that no model of this package has, or it crashed, ran
            for too long, took too much memory, or cannot be run.
    """
    folder = files.CACHE if folder is None else folder
    key = _key(sha256, inputs)
    if key in _read(folder):
        return
    inspect(path, content)
    import subprocess  # late: models that were tried before need none

    task = {
        "folders": [str(_home(name)) for name in ("numpy", "ai_edge_litert")],
        "inputs": {
            name: {"shape": values.shape, "dtype": str(values.dtype)}
            for name, values in inputs.items()
        },
        "threads": min(threads, 2),  # each thread asks for address space, which is limited
        "seconds": SECONDS,
    }
    text = json.dumps(task).encode()
    command = [sys.executable, "-I", str(Path(__file__).with_name("trial_child.py"))]
    try:
        done = subprocess.run(
            command,
            input=struct.pack("<Q", len(text)) + text + content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        problem = f"did not end within {SECONDS} s on a silent clip"
        raise SerKerasError(path, problem, _FRESH) from error
    except OSError as error:
        problem = "cannot be tried in a process of its own"
        raise SerKerasError(
            path, problem, "Run python itself, on a machine that is free"
        ) from error
    if done.returncode or not done.stdout:
        problem = f"crashes the light engine or fills its memory (status {done.returncode})"
        raise SerKerasError(path, problem, _FRESH)
    try:
        problem = json.loads(done.stdout)["problem"]
    except (ValueError, TypeError, LookupError):
        problem = "no answer"
    if problem is not None:
        raise SerKerasError(path, f"is not a model that LiteRT can run ({problem})", _FRESH)
    _write(folder, key)


def remember(sha256: str, inputs: Mapping[str, np.ndarray], folder: Path | None = None) -> None:
    """Remember a light model that this machine has made, with the inputs that it takes."""
    _write(files.CACHE if folder is None else folder, _key(sha256, inputs))


def inspect(path: Path, content: bytes) -> None:
    """Refuse a light model with other operators than this package's models have, without LiteRT.

    Raises:
        SerKerasError: It has such operators, or the content is no light model.
    """
    if strange := sorted(operators(path, content) - _OPERATORS):
        problem = f"has operators that no model of this package has ({strange[:5]})"
        raise SerKerasError(path, problem, _FRESH)


def operators(path: Path, content: bytes) -> set[int]:
    """Return the numbers of the operators that a light model names, read without LiteRT.

    Source: schema.fbs of TensorFlow Lite: fields 1 and 2 of the root table are the lists of
    operator codes and of graphs; fields 0 and 3 of a code are its old and its new number.

    Raises:
        SerKerasError: The content has another form.
    """

    def field(table: int, slot: int) -> int | None:
        """Return where a field of a table lies, or None where the table does not have it."""
        (back,) = struct.unpack_from("<i", content, table)
        (size,) = struct.unpack_from("<H", content, _inside(table - back))
        at = 4 + 2 * slot
        offset = struct.unpack_from("<H", content, table - back + at)[0] if at + 2 <= size else 0
        return table + offset if offset else None

    def _inside(at: int) -> int:
        if not 0 <= at < len(content):
            raise struct.error("an offset leads out of the file")
        return at

    def target(at: int) -> int:
        return _inside(at + struct.unpack_from("<I", content, at)[0])

    found = set()
    try:
        if content[4:8] != b"TFL3":
            raise struct.error("it has another mark")
        codes, graphs = field(target(0), 1), field(target(0), 2)
        if codes is None or graphs is None:
            raise struct.error("it has no operators")
        (count,) = struct.unpack_from("<I", content, target(graphs))
        if count > _MOST_GRAPHS:
            raise struct.error(f"it has {count} graphs")
        start = target(codes)
        (count,) = struct.unpack_from("<I", content, start)
        if count > _MOST_OPERATORS:
            raise struct.error(f"it lists {count} operators")
        for i in range(count):
            code = target(start + 4 + 4 * i)
            old, new = field(code, 0), field(code, 3)
            numbers = [0 if old is None else struct.unpack_from("<b", content, old)[0]]
            numbers.append(0 if new is None else struct.unpack_from("<i", content, new)[0])
            found.add(max(numbers))
    except struct.error as error:
        problem = f"is not a model that LiteRT can run ({error})"
        raise SerKerasError(path, problem, _FRESH) from error
    return found


def _key(sha256: str, inputs: Mapping[str, np.ndarray]) -> str:
    """Return the hash of a model and of the sizes that it is used with, 64 hex digits."""
    shapes = json.dumps({name: values.shape for name, values in sorted(inputs.items())})
    return files.digest(sha256, shapes, size=32)


def _home(package: str) -> Path:
    """Return the folder that a package is imported from."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SerKerasError(package, "is not installed", "pip install -r requirements.txt")
    return Path(spec.origin).parents[1]


def _read(folder: Path) -> list[str]:
    """Return the keys of all models that were tried; none where the file is absent or damaged."""
    try:
        value = files.read_json(folder / "tried-models.json")
    except SerKerasError:
        return []
    if not isinstance(value, dict) or value.get("format") != _FORMAT:
        return []
    keys = value.get("models")
    return [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else []


def _write(folder: Path, key: str) -> None:
    """Add a key; where the folder cannot be written, the model is tried again the next time."""
    try:
        keys = [other for other in _read(folder) if other != key]
        value = {"format": _FORMAT, "models": [*keys, key][-_MOST:]}
        files.write_json(folder / "tried-models.json", value)
    except (SerKerasError, OSError):
        return
