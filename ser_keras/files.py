"""The only writer: atomic files and folders, locks, hashes, JSON, places and free space.

Whatever is written appears whole or not at all: it is written beside its target, synced, renamed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ser_keras.errors import SerKerasError

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "data"
RESULTS = ROOT / "results"
CACHE = DATA / "cache"

MAX_JSON_BYTES = 1 << 20
MAX_JSON_DEPTH = 8


@contextlib.contextmanager
def guarded(path: str | os.PathLike) -> Iterator[None]:
    """Turn what the disk refuses while `path` is written into an error that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            problem, remedy = "the disk is full", "Free some space and run the same command again"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            problem, remedy = "cannot be written", "Choose a folder that you may write to"
        elif error.errno in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENOTEMPTY):
            problem, remedy = "something else is in its place", "Move it away or choose another"
        else:
            raise
        raise SerKerasError(path, problem, remedy) from error


@contextlib.contextmanager
def atomic(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a path beside `path`; what the caller writes there replaces `path` when all went well.

    Raises:
        SerKerasError: The disk is full or the folder cannot be written.
    """
    target = Path(path)
    with guarded(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            dir=target.parent, prefix=f".{target.stem}-", suffix=f".partial{target.suffix}"
        )
        os.close(handle)
        partial = Path(name)
        try:
            yield partial
            with open(partial, "rb+") as written:
                os.fsync(written.fileno())
            os.chmod(partial, 0o666 & ~_umask())
            os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a folder beside `path` that takes its place when all went well.

    Raises:
        SerKerasError: `path` exists already, the disk is full or the folder cannot be written.
    """
    target = Path(path)
    if target.exists():
        raise SerKerasError(target, "exists already", "Choose another folder or move this one away")
    with guarded(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
        try:
            yield partial
            os.chmod(partial, 0o777 & ~_umask())
            os.replace(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write `text` as UTF-8."""
    with atomic(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike, value: object) -> None:
    """Write `value` as JSON that any reader takes: no NaN, one key a line."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def read_json(path: str | os.PathLike, max_bytes: int = MAX_JSON_BYTES) -> object:
    """Return the JSON value in a file, refusing what our own writer never writes.

    Raises:
        SerKerasError: No such file, more than `max_bytes`, not UTF-8, not JSON, a key twice, NaN or
            infinity, or nested deeper than `MAX_JSON_DEPTH`.
    """
    remedy = "Take a fresh copy of the file"
    try:
        with open(path, "rb") as stream:
            raw = stream.read(max_bytes + 1)
    except OSError as error:
        raise SerKerasError(path, "cannot be read", "Check the path") from error
    if len(raw) > max_bytes:
        raise SerKerasError(path, f"is larger than {max_bytes} bytes", remedy)
    try:
        value = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        raise SerKerasError(path, f"is not the JSON expected ({error})", remedy) from error
    if _depth(value) > MAX_JSON_DEPTH:
        raise SerKerasError(path, f"is nested deeper than {MAX_JSON_DEPTH} levels", remedy)
    return value


def write_csv(path: str | os.PathLike, table) -> None:
    """Write a pandas DataFrame without its index; unknown values become empty cells."""
    with atomic(path) as partial:
        table.to_csv(partial, index=False, lineterminator="\n")


def read_csv(path: str | os.PathLike, **options):
    """Return a CSV as a DataFrame (`options` as of `pandas.read_csv`).

    Raises:
        SerKerasError: No such file, or not a table.
    """
    import pandas as pd

    try:
        return pd.read_csv(path, **options)
    except FileNotFoundError as error:
        raise SerKerasError(path, "does not exist", "Check the path") from error
    except (OSError, ValueError) as error:  # pandas raises its parser errors as ValueError
        raise SerKerasError(path, f"is not a CSV table ({error})", "Save it as CSV") from error


@contextlib.contextmanager
def lock(path: str | os.PathLike) -> Iterator[None]:
    """Hold `path` + ".lock" against other processes; wait for whoever holds it."""
    from filelock import FileLock

    target = Path(path)
    held = FileLock(f"{target}.lock")
    with guarded(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        held.acquire()
    try:
        yield
    finally:
        held.release()


def is_locked(path: str | os.PathLike) -> bool:
    """Return whether somebody holds `lock(path)` now."""
    from filelock import FileLock, Timeout

    if not Path(f"{path}.lock").exists():
        return False
    lock = FileLock(f"{path}.lock")
    try:
        with guarded(path):
            lock.acquire(blocking=False)
    except Timeout:
        return True
    lock.release()
    return False


def link_or_copy(source: str | os.PathLike, target: str | os.PathLike) -> None:
    """Lay `source` out as `target`: a symbolic link where the system allows one, else a copy."""
    with guarded(target):
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        try:
            os.symlink(Path(source).resolve(), target)
        except (OSError, NotImplementedError) as error:
            if isinstance(error, FileExistsError):
                raise
            shutil.copyfile(source, target)


def remove(path: str | os.PathLike) -> None:
    """Remove a file or folder that the package itself has written, if it is there."""
    target = Path(path)
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)


def sweep(folder: str | os.PathLike) -> None:
    """Remove what killed processes left half-written below a folder that nobody writes to now."""
    for path in list(Path(folder).rglob(".*.partial*")):
        remove(path)


def require_space(folder: str | os.PathLike, needed: int) -> None:
    """Refuse work that would fill the disk.

    Args:
        folder: Where it is to be written; need not exist.
        needed: Bytes.

    Raises:
        SerKerasError: Fewer than `needed` bytes are free.
    """
    existing = Path(folder).resolve()
    while not existing.exists():
        existing = existing.parent
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise SerKerasError(
            folder,
            f"{needed / 1e6:.0f} MB are needed and {free / 1e6:.0f} MB are free on its disk",
            "Free some space or choose another folder",
        )


def digest(*parts: bytes | str, size: int = 8) -> str:
    """Return BLAKE2b of the parts as 2 x `size` hex digits."""
    state = hashlib.blake2b(digest_size=size)
    for part in parts:
        state.update(part.encode() if isinstance(part, str) else part)
    return state.hexdigest()


def sha256(path: str | os.PathLike) -> str:
    """Return the SHA-256 of a file as 64 hex digits, in constant memory."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _unique(pairs: list[tuple[str, object]]) -> dict:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice")
    return value


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    if isinstance(value, float) and not math.isfinite(value):  # 1e999 parses as infinity
        return MAX_JSON_DEPTH + 1
    return 0
