"""Many recordings: labelled by several processes or machines, and continued where it stopped."""

from __future__ import annotations

import csv
import functools
import io
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ser_keras import files, formats
from ser_keras.bundle import Bundle, load_bundle
from ser_keras.errors import SerKerasError, Skipped
from ser_keras.prediction import Prediction
from ser_keras.windows import Windows

AT_ONCE = 16  # recordings that a process is given at a time

Rows = list[Prediction | Skipped]


@dataclass(frozen=True)
class Work:
    """What every process needs to know to label recordings alike.

    Args:
        model: Folder of the bundle.
        engine: Name of the engine.
        windows: How recordings are cut.
        enrolled: Other recordings of the voice, to which the model is adapted first.
    """

    model: str
    engine: str
    windows: Windows
    enrolled: tuple[str, ...] = ()


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

    Args:
        work: What they need to know.
        recordings: Paths, each once, which the other machines see under the same names.
        jobs: Number of processes on this machine.
        dask: Address of a Dask scheduler, such as tcp://host:8786, in place of `jobs`.

    Raises:
        SerKerasError: The model is adapted to all recordings, which needs them in one process, or
            the scheduler cannot be reached.
    """
    option = "--dask" if dask else "--jobs"
    if work.windows.adapt == "all":
        problem = "divides the recordings, and --adapt all needs them in one process"
        raise SerKerasError(option, problem, "Leave out one of the two")
    paths = [os.fspath(path) for path in recordings]
    parts = [paths[i : i + AT_ONCE] for i in range(0, len(paths), AT_ONCE)]
    if dask:
        try:
            from distributed import Client  # late: an extra
        except ImportError as error:
            remedy = "Install it with: pip install distributed"
            raise SerKerasError("--dask", "needs distributed", remedy) from error
        try:
            client = Client(dask)
        except (OSError, ValueError) as error:
            problem = f"{dask} cannot be reached ({error})"
            raise SerKerasError("--dask", problem, "Check the address of the scheduler") from error
        with client:
            futures = [client.submit(_label_part, work, part, pure=False) for part in parts]
            for future in futures:
                yield from future.result()
        return
    import joblib  # late: few need it

    run = joblib.Parallel(n_jobs=jobs, return_as="generator")
    for labelled in run(joblib.delayed(_label_part)(work, part) for part in parts):
        yield from labelled


def _label_part(work: Work, paths: list[str]) -> list[tuple[str, Rows]]:
    return list(label(_opened(work), paths, work.windows))


@functools.lru_cache(maxsize=1)
def _opened(work: Work) -> Bundle:
    bundle = load_bundle(work.model, work.engine)
    return bundle.enrol(list(work.enrolled)) if work.enrolled else bundle


def _file(row: Prediction | Skipped) -> str:
    return row.path if isinstance(row, Skipped) else row.file


class Table:
    """A CSV file of rows that grows by one recording at a time, and survives an interruption.

    The rows of a recording are written together and synced to disk. When the table is opened again,
    the last recording is taken out, since its rows may be incomplete, and labelled anew.

    Args:
        path: CSV file, which may be there already.
        columns: Its columns; see `formats.columns`.

    Attributes:
        finished: Recordings whose rows are there, as their paths were given.

    Raises:
        SerKerasError: The file has other columns, or cannot be read or written.
    """

    def __init__(self, path: str | os.PathLike, columns: Sequence[str]):
        self.path, self.columns = Path(path), tuple(columns)
        self.finished: set[str] = set()
        kept = [list(self.columns)]
        if self.path.exists() and self.path.stat().st_size:
            try:
                with open(
                    self.path, newline="", encoding="utf-8", errors="surrogateescape"
                ) as file:
                    rows = list(csv.reader(file))
            except (OSError, csv.Error) as error:
                remedy = "Give another file to --resume"
                raise SerKerasError(self.path, f"cannot be read ({error})", remedy) from error
            if not rows or rows[0] != kept[0]:
                problem = "has other columns than this model and these options write"
                raise SerKerasError(self.path, problem, "Give another file to --resume")
            whole = [row for row in rows[1:] if len(row) == len(self.columns)]
            last = whole[-1][0] if whole else None
            kept += [row for row in whole if row[0] != last]
            self.finished = {row[0] for row in kept[1:]}
        files.write_text(self.path, _text(kept))

    def add(self, path: str, rows: Rows) -> None:
        """Write the rows of a recording; of one that was skipped, its name and the reason."""
        cells = []
        for row in rows:
            if isinstance(row, Skipped):
                flat: dict[str, object] = {"file": path, "adapted_by": 0, "note": row.reason}
            else:
                flat = formats.row(row, self.columns)
            cells.append([_cell(flat.get(column)) for column in self.columns])
        with open(self.path, "a", newline="", encoding="utf-8", errors="surrogateescape") as file:
            file.write(_text(cells))
            file.flush()
            with suppress(OSError):  # some network drives do not sync
                os.fsync(file.fileno())


def _cell(value: object) -> object:
    return "|".join(map(str, value)) if isinstance(value, (list, tuple)) else value


def _text(rows: Iterable[Sequence[object]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()
