"""The only writer: atomic files and folders, locks, hashes, JSON, CSV, places and free space.

Whatever is written appears whole or not at all: it is written beside its target, synced, renamed.

In a checkout, `data` and `results` lie beside the package. An installed package finds them in the
folder that the process was started in.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras import console, errors
from ser_keras.errors import SerKerasError
from ser_keras.plain import parse_json as parse_json  # the readers beside the writer of JSON
from ser_keras.plain import read_json as read_json

if TYPE_CHECKING:
    import pandas as pd

SOURCE = Path(__file__).resolve().parents[1]  # the folder that the package is imported from
IN_CHECKOUT = (SOURCE / "Emotion_Recognition.py").is_file()
ROOT = SOURCE if IN_CHECKOUT else Path.cwd()
DATA = ROOT / "data"
RESULTS = ROOT / "results"
RUNS = RESULTS / "runs"
CACHE = DATA / "cache"

PATIENCE_S = 2.0  # a wait for a lock that takes longer is announced


@contextlib.contextmanager
def guarded(path: str | os.PathLike) -> Iterator[None]:
    """Turn the errors of the disk into a `SerKerasError` that says what to do.

    Args:
        path: File or folder that is written inside the `with` block.

    Raises:
        SerKerasError: The disk refuses, for a reason that `errors.of_disk` knows.
    """
    try:
        yield
    except OSError as error:
        refused = errors.of_disk(path, error)
        if refused is None:
            raise
        raise refused from error


@contextlib.contextmanager
def atomic(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside `path`, which replaces `path` when the block ends well.

    Raises:
        SerKerasError: The disk is full or the folder cannot be written.
    """
    target = Path(path)
    with guarded(target):
        _make_folder(target.parent)
        handle, name = tempfile.mkstemp(
            dir=target.parent, prefix=f".{target.stem}-", suffix=f".partial{target.suffix}"
        )
        os.close(handle)
        partial = Path(name)
        try:
            yield partial
            with open(partial, "rb+") as written:
                _if_possible(os.fsync, written.fileno())
            _if_possible(os.chmod, partial, 0o666 & ~_umask())
            os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary folder beside `path`, which becomes `path` when the block ends well.

    Raises:
        SerKerasError: `path` exists already, the disk is full or the folder cannot be written.
    """
    target = Path(path)
    if target.exists():
        raise SerKerasError(target, "exists already", "Choose another folder or move this one away")
    with guarded(target):
        _make_folder(target.parent)
        partial = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
        try:
            yield partial
            _if_possible(os.chmod, partial, 0o777 & ~_umask())
            os.replace(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def scratch(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a new folder beside `path` for the temporary files of a block, and remove it.

    Libraries get it from `tempfile` too: $TMPDIR may be far smaller than the disk of the results.
    """
    target, before = Path(path), tempfile.tempdir
    with guarded(target):
        folder = tempfile.mkdtemp(dir=target.parent, prefix=f".{target.stem}-", suffix=".partial")
    tempfile.tempdir = folder
    try:
        yield Path(folder)
    finally:
        tempfile.tempdir = before
        shutil.rmtree(folder, ignore_errors=True)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write `text` to a file as UTF-8."""
    with atomic(path) as partial:
        partial.write_text(text, encoding="utf-8")


def fill_slots(
    path: str | os.PathLike,
    slots: Mapping[str, str],
    template: str | os.PathLike | None = None,
) -> None:
    """Replace the text of named slots in a document, and leave the rest of it alone.

    A slot is the text between `<!-- begin: NAME -->` and `<!-- end -->`, which Markdown does
    not show. If the begin mark ends its line, the slot's text is put on lines of its own.

    Args:
        path: Document to write.
        slots: Name -> text of each slot.
        template: Document to read; None reads the one at `path`.

    Raises:
        SerKerasError: The document cannot be read, or does not have each slot exactly once.
    """
    template = path if template is None else template
    try:
        document = Path(template).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SerKerasError(template, "cannot be read as text", "Check the path") from error
    for name, text in slots.items():
        begin, end = f"<!-- begin: {name} -->", "<!-- end -->"
        before, _, rest = document.partition(begin)
        old, _, after = rest.partition(end)
        if document.count(begin) != 1 or not rest.count(end) or "<!-- begin: " in old:
            problem = f"does not have the slot {name} exactly once"
            raise SerKerasError(template, problem, f"Write {begin} and {end} where it belongs")
        new = f"\n{text}\n" if old.startswith("\n") else text
        document = f"{before}{begin}{new}{end}{after}"
    write_text(path, document)


def write_json(path: str | os.PathLike, value: object) -> None:
    """Write `value` as strict JSON, one key a line.

    Raises:
        ValueError: `value` contains NaN or infinity, which not every reader of JSON accepts.
    """
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def write_csv(path: str | os.PathLike, table: pd.DataFrame) -> None:
    """Write a table without its index; unknown values become empty cells."""
    with atomic(path) as partial:
        table.to_csv(partial, index=False, lineterminator="\n")


def read_csv(path: str | os.PathLike, **options) -> pd.DataFrame:
    """Return the table in a CSV file.

    Args:
        path: CSV file.
        options: Options of `pandas.read_csv`.

    Raises:
        SerKerasError: The file does not exist or is not a table.
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
    """Hold the lock file `<path>.lock`; wait while another process holds it.

    A wait of more than `PATIENCE_S` seconds is announced. Some mounts (buckets, network disks,
    folders of a virtual machine's host) have no locks: work goes on without one, after a warning.
    The file is removed at the end; who waits for it then makes it anew.

    Raises:
        SerKerasError: The lock file cannot be written.
    """
    from filelock import Timeout

    target = Path(path)
    with guarded(target):
        _make_folder(target.parent)
        try:
            lock_file = _acquire(target, PATIENCE_S)
        except Timeout:
            console.say(f"Another process holds {target}.lock; waiting for it.")
            lock_file = _acquire(target, timeout=-1)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows removes no open file, and need not
            Path(f"{target}.lock").unlink()
        lock_file.release()


def is_locked(path: str | os.PathLike) -> bool:
    """Return whether a process holds `lock(path)` now; False where there are no locks."""
    from filelock import Timeout

    if not Path(f"{path}.lock").exists():
        return False
    try:
        with guarded(path):
            _acquire(path, timeout=0).release()
    except Timeout:
        return True
    return False


def _acquire(path: str | os.PathLike, timeout: float):
    """Return the lock of a path, held, or not held where the file system has no locks."""
    from filelock import FileLock

    # Without locks filelock would go by whether the file exists. One that was copied from another
    # disk has no owner who removes it, and everybody would wait for ever.
    lock_file = FileLock(f"{path}.lock", fallback_to_soft=False)
    try:
        lock_file.acquire(timeout=timeout)
    except OSError as error:
        # the last two are answers of network disks, and of folders of a virtual machine's host
        if error.errno not in (*errors.UNSUPPORTED, errno.EINVAL, errno.ENOTTY):
            raise
        _warn_of_locks(Path(path).absolute().parent)
    return lock_file


@functools.cache
def _warn_of_locks(folder: Path) -> None:
    console.warn(f"The disk of {folder} has no locks: let no two commands write there at once.")


def link_or_copy(source: str | os.PathLike, target: str | os.PathLike) -> None:
    """Make `target` a symbolic link to `source`, or a copy where the system allows no links."""
    with guarded(target):
        _make_folder(Path(target).parent)
        try:
            os.symlink(Path(source).resolve(), target)
        except (OSError, NotImplementedError) as error:
            if isinstance(error, FileExistsError):
                raise
            shutil.copyfile(source, target)


def remove(path: str | os.PathLike) -> None:
    """Remove a file or folder that this package has written, if it exists."""
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
    """Raise an error where the disk has too little space left.

    Args:
        folder: Folder that will be written to; it need not exist.
        needed: Number of bytes.

    Raises:
        SerKerasError: Fewer than `needed` bytes are free.
    """
    existing = Path(folder).resolve()
    while not existing.exists():
        existing = existing.parent
    free = shutil.disk_usage(existing).free
    if free < needed:
        problem = f"{needed / 1e6:.0f} MB are needed and {free / 1e6:.0f} MB are free on its disk"
        raise SerKerasError(folder, problem, "Free some space or choose another folder")


def short(path: str | os.PathLike) -> Path:
    """Return a path as it can be typed in the working folder: relative, where it lies below it.

    Example:
        >>> short(Path.cwd() / "results" / "runs").as_posix()
        'results/runs'
    """
    path = Path(path)
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def digest(*parts: bytes | str, size: int = 8) -> str:
    """Return the BLAKE2b hash of the joined parts as 2 x `size` hex digits.

    Example:
        >>> digest("ser", "_keras")
        'd7243954a133979f'
    """
    state = hashlib.blake2b(digest_size=size)
    for part in parts:
        state.update(part.encode() if isinstance(part, str) else part)
    return state.hexdigest()


def sha256(path: str | os.PathLike) -> str:
    """Return the SHA-256 of a file as 64 hex digits, in constant memory."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, where they are missing.

    Raises:
        SerKerasError: There is no place for it: a drive, or the working folder, is gone.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileNotFoundError as error:
        raise SerKerasError(folder, "cannot be made", errors.ELSEWHERE) from error


def _if_possible(action: Callable, *arguments: object) -> None:
    """Do what many mounts cannot, such as chmod and fsync; only a disk that fails is an error."""
    try:
        action(*arguments)
    except OSError as error:
        if error.errno in (*errors.FULL, *errors.FAILING):
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
