"""Recordings labelled by this process, by several of this machine, or by those of a cluster."""

from __future__ import annotations

import contextlib
import functools
import itertools
import logging
import os
import re
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ser_keras import console, files, models
from ser_keras.bundle import MANIFEST, Bundle, load_bundle
from ser_keras.errors import SerKerasError, Skipped
from ser_keras.prediction import Prediction
from ser_keras.windows import Windows

AT_ONCE = 16  # recordings that a process is given at a time
AHEAD = 4  # such parts for each thread of a cluster, so that none waits for the next
PATIENCE = 30.0  # seconds without a single worker, after which this computer labels alone
_CONNECT = "10s"  # a scheduler that answers takes milliseconds
_ADDRESS = re.compile(r"((tcp|tls|wss?)://)?[^/\s]+:\d+|inproc://\S+")

Rows = list[Prediction | Skipped]


@dataclass(frozen=True)
class Work:
    """What every process needs to know to label recordings alike.

    Args:
        model: Folder of the bundle, or the name of a model that ships with the package.
        engine: Name of the engine.
        windows: How recordings are cut.
        enrolled: Other recordings of the voice, to which the model is adapted first.
        manifest: Hash of the bundle's manifest, by which another machine sees that its model with
            the same name is another one; "" for any.
    """

    model: str
    engine: str
    windows: Windows
    enrolled: tuple[str, ...] = ()
    manifest: str = ""

    @classmethod
    def of(
        cls, bundle: Bundle, engine: str, windows: Windows, enrolled: Iterable[str | os.PathLike]
    ) -> Work:
        """Return the work with an opened bundle."""
        shipped = models.is_shipped(bundle.folder)
        return cls(
            bundle.folder.name if shipped else os.path.abspath(bundle.folder),
            engine,
            windows,
            tuple(os.path.abspath(path) for path in enrolled),
            files.sha256(bundle.folder / MANIFEST),
        )

    def settings(self) -> dict[str, str]:
        """Return all that the rows depend on, by the options that set it, as text."""
        options = {f"--{name}": str(value) for name, value in asdict(self.windows).items()}
        enrolled = [files.sha256(path) for path in self.enrolled]
        return {
            "--model": f"{Path(self.model).name} ({self.manifest[:16]})",
            "--engine": self.engine,
            **options,
            "--enrol": files.digest(*enrolled) if enrolled else "None",
        }


def label(
    bundle: Bundle, recordings: Iterable[str | os.PathLike], windows: Windows
) -> Iterator[tuple[str, Rows]]:
    """Yield each recording with its rows, in order, labelled by this process.

    Args:
        bundle: Model.
        recordings: Paths, each once.
        windows: How they are cut.
    """
    rows = bundle.stream(map(os.fspath, recordings), **vars(windows))
    for path, own in itertools.groupby(rows, key=_file):
        yield path, list(own)


def label_elsewhere(
    work: Work,
    recordings: Sequence[str | os.PathLike],
    *,
    jobs: int | None = None,
    dask: str | None = None,
) -> Iterator[tuple[str, Rows]]:
    """Yield each recording with its rows, in order, labelled by other processes.

    What a machine of a cluster cannot do, because it lacks the model or does not see a recording,
    is done by this process, so that the rows are those of `label`.

    Args:
        work: What they need to know.
        recordings: Paths, each once, which the other machines see under the same names.
        jobs: Number of processes on this machine.
        dask: Address of a Dask scheduler, such as tcp://host:8786, in place of `jobs`.

    Raises:
        SerKerasError: The model is adapted to all recordings, which needs them in one process, the
            scheduler cannot be reached, or a process was killed.
    """
    option = "--jobs" if dask is None else "--dask"
    if work.windows.adapt == "all":
        problem = "divides the recordings, and --adapt all needs them in one process"
        raise SerKerasError(option, problem, "Leave out one of the two")
    paths = [os.fspath(path) for path in recordings]
    parts = [paths[i : i + AT_ONCE] for i in range(0, len(paths), AT_ONCE)]
    if dask is not None:
        yield from _label_by_cluster(work, parts, dask)
        return
    try:
        import joblib  # late: few need it
    except ImportError as error:
        raise SerKerasError("--jobs", "needs joblib", "Run: pip install joblib") from error
    from joblib.externals.loky.process_executor import BrokenProcessPool

    run = joblib.Parallel(n_jobs=jobs, return_as="generator")
    try:
        for labelled in run(joblib.delayed(label_part)(work, part) for part in parts):
            yield from labelled
    except BrokenProcessPool as error:
        problem = f"one of the {jobs} processes was killed, perhaps because memory ran out"
        raise SerKerasError("--jobs", problem, "Give fewer, and go on with --resume") from error


def label_part(work: Work, paths: Sequence[str]) -> list[tuple[str, Rows]]:
    """Return recordings with their rows, labelled in a process that opens the model once."""
    return list(label(_opened(work), paths, work.windows))


@functools.lru_cache(maxsize=1)
def _opened(work: Work) -> Bundle:
    bundle = load_bundle(work.model, work.engine)
    if work.manifest and work.manifest != files.sha256(bundle.folder / MANIFEST):
        remedy = "Install the same version of ser_keras, or copy the model there"
        raise SerKerasError(work.model, "is another model on this machine", remedy)
    return bundle.enrol(list(work.enrolled)) if work.enrolled else bundle


def _file(row: Prediction | Skipped) -> str:
    return row.path if isinstance(row, Skipped) else row.file


@contextlib.contextmanager
def cluster(address: str) -> Iterator[Any]:
    """Yield the `distributed.Client` of a Dask cluster, which prints nothing by itself.

    Args:
        address: Address of its scheduler, such as tcp://host:8786.

    Raises:
        SerKerasError: The package is not installed, or the scheduler cannot be reached.
    """
    try:
        import distributed  # late: an extra
    except ImportError as error:
        remedy = 'Install it: pip install "distributed>=2026.1"'
        raise SerKerasError("--dask", "needs a package that is not there", remedy) from error
    if not _ADDRESS.fullmatch(address):  # Dask would fail only later, with a traceback
        remedy = "Give that of a scheduler, such as tcp://192.168.0.7:8786"
        raise SerKerasError(f"--dask {address!r}", "is no address", remedy)
    for handler in logging.getLogger("distributed").handlers:
        handler.setLevel(logging.CRITICAL)  # a lost connection is pages of tracebacks
    console.say(f"Connecting to {address}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of versions that differ: a worker that fails says so
            client = distributed.Client(address, set_as_default=False, timeout=_CONNECT)
    except (OSError, ValueError) as error:
        remedy = "Check the address, or start a scheduler with: dask scheduler --host 127.0.0.1"
        raise SerKerasError(f"--dask {address}", "cannot be reached", remedy) from error
    with client:
        yield client


def _label_by_cluster(
    work: Work, parts: Iterable[list[str]], address: str
) -> Iterator[tuple[str, Rows]]:
    """Yield recordings with their rows; what a worker cannot do is done by this process."""
    left, coming = iter(parts), deque[tuple[list[str], Any]]()
    reasons: set[str] = set()

    def warn(reason: str) -> None:
        if reason not in reasons:
            console.warn(f"{reason}. This computer labels the recordings in question.")
        reasons.add(reason)

    with cluster(address) as client:
        there = functools.partial(_label_there(), str(files.SOURCE), asdict(work))
        try:
            while True:
                ahead = AHEAD * max(1, _threads(client)) - len(coming)
                for part in itertools.islice(left, max(0, ahead)):
                    full = list(map(os.path.abspath, part))
                    coming.append((part, client.submit(there, full, pure=False)))
                if not coming:
                    return
                part, future = coming[0]
                error = _error(client, future)
                coming.popleft()
                if error is not None:
                    reason = str(error).rstrip(".")
                    warn(f"A worker of the cluster has failed ({reason})")
                    yield from label_part(work, part)
                    continue
                for path, (_, rows) in zip(part, future.result(), strict=True):
                    if any(isinstance(row, Skipped) for row in rows):
                        ((_, rows),) = label_part(work, [path])
                        if not any(isinstance(row, Skipped) for row in rows):
                            warn("A worker of the cluster cannot read recordings that are there")
                        yield path, rows
                        continue
                    yield path, [replace(row, file=path) for row in rows]
        except ConnectionError as error:
            console.warn(f"{error}. This computer labels what is left.")
    for part in [*(part for part, _ in coming), *left]:
        yield from label_part(work, part)


def _label_there() -> Callable[..., list[tuple[str, Rows]]]:
    """Return `label_part` for workers whose Python does not know where this package lies.

    A function within a function travels as its code, and its arguments as plain values, so that
    the scheduler needs no such package either.
    """

    def label_there(root, work, paths):
        import sys

        if root not in sys.path:
            sys.path.append(root)
        from ser_keras import archives
        from ser_keras.windows import Windows

        windows = Windows(**work["windows"])
        return archives.label_part(archives.Work(**{**work, "windows": windows}), paths)

    return label_there


def _error(client: Any, future: Any) -> Exception | None:
    """Wait until a part is labelled, and return the error of its worker, if there was one.

    Raises:
        ConnectionError: The cluster is lost, or has had no worker for a while.
    """
    patience = time.monotonic() + PATIENCE
    is_announced = False
    while True:
        with contextlib.suppress(TimeoutError):
            error = future.exception(timeout=1)
            if future.status in ("cancelled", "lost"):
                raise ConnectionError("The connection to the scheduler is lost")
            return error
        if _threads(client):
            patience = time.monotonic() + PATIENCE
        elif not is_announced:
            console.say("The cluster has no workers now; waiting for one.")
            is_announced = True
        if time.monotonic() > patience:
            raise ConnectionError(f"The cluster has had no worker for {PATIENCE:.0f} s")


def _threads(client: Any) -> int:
    """Return how many threads the workers of a cluster have now.

    Raises:
        ConnectionError: The scheduler does not answer.
    """
    try:
        if client.status == "running":
            return sum(client.nthreads().values())
    except OSError as error:
        raise ConnectionError("The connection to the scheduler is lost") from error
    raise ConnectionError("The connection to the scheduler is lost")
