"""A table of rows that grows by one recording at a time, and survives an interruption."""

from __future__ import annotations

import contextlib
import csv
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ser_keras import console, files, formats
from ser_keras.archives.labelling import Rows
from ser_keras.errors import SerKerasError, Skipped


class Table:
    """A CSV file of rows that grows by one recording at a time, and survives an interruption.

    The rows of a recording are written together and synced to disk. When the table is opened again,
    the last recording of an interrupted batch is taken out, since its rows may be incomplete, and
    labelled anew; so are recordings that could not be read. Beside the table, a file
    `<name>.settings.json` holds what the rows depend on: nobody gets rows of two models in one.

    Args:
        path: CSV file, which may be there already.
        columns: Its columns; see `formats.columns`.
        settings: What its rows depend on: option -> value, as of `Work.settings`.

    Attributes:
        finished: Recordings whose rows are there, as absolute paths.

    Raises:
        SerKerasError: The file has other columns or was begun with other settings, or cannot be
            read or written.
    """

    def __init__(
        self, path: str | os.PathLike, columns: Sequence[str], settings: Mapping[str, str]
    ):
        self.path, self.columns = Path(path), tuple(columns)
        self._beside = self.path.with_name(f"{self.path.name}.settings.json")
        self._record: dict[str, Any] = {
            "folder": os.getcwd(),
            "finished": -1,
            "settings": dict(settings),
        }
        kept: list[list[str]] = []
        if self.path.exists() and self.path.stat().st_size:
            try:
                content = self.path.read_bytes()
                text = content.decode("utf-8", "surrogateescape")
                rows = list(csv.reader(io.StringIO(text, newline="")))
            except (OSError, csv.Error) as error:
                remedy = "Give another file to --resume"
                raise SerKerasError(self.path, f"cannot be read ({error})", remedy) from error
            if not rows or rows[0] != list(self.columns):
                problem = "has other columns than this model and these options write"
                raise SerKerasError(self.path, problem, "Give another file to --resume")
            self._compare()
            whole = [row for row in rows[1:] if len(row) == len(self.columns)]
            is_finished = self._record["finished"] == len(content)
            last = whole[-1][0] if whole and not is_finished else None
            unread = {row[0] for row in whole if not row[3]}  # the label
            kept = [row for row in whole if row[0] != last and row[0] not in unread]
        folder = str(self._record["folder"])
        self._folder = folder if os.path.isdir(folder) else os.getcwd()
        self.finished = {os.path.join(self._folder, row[0]) for row in kept}
        self._record["finished"] = -1
        files.write_json(self._beside, self._record)
        with files.atomic(self.path) as partial:
            partial.write_bytes(_encoded([list(self.columns), *kept]))

    def _compare(self) -> None:
        """Take over the record beside the table, and refuse other settings than those in it."""
        if not self._beside.exists():
            console.warn(f"{self.path} does not say by which model and options it was begun.")
            return
        before: Any = files.read_json(self._beside)
        is_record = isinstance(before, dict) and isinstance(before.get("settings"), dict)
        if not is_record or not isinstance(before.get("folder"), str):
            problem = "is not what stands beside a table that --resume writes"
            raise SerKerasError(self._beside, problem, "Remove it, or give another file")
        now, then = self._record["settings"], before["settings"]
        for option in now:
            if then.get(option) != now[option]:
                problem = f"was begun with {option} {then.get(option)}, and now it is {now[option]}"
                remedy = "Give what it was begun with, or another file to --resume"
                raise SerKerasError(self.path, problem, remedy)
        self._record = before

    def add(self, path: str, rows: Rows) -> None:
        """Write the rows of a recording; of one that was skipped, its name and the reason."""
        named = path if os.getcwd() == self._folder else os.path.abspath(path)
        cells = []
        for row in rows:
            if isinstance(row, Skipped):
                flat: dict[str, object] = {"adapted_by": 0, "note": row.reason}
            else:
                flat = formats.row(row, self.columns)
            flat["file"] = named
            cells.append([_cell(flat.get(column)) for column in self.columns])
        with files.guarded(self.path), open(self.path, "ab") as file:
            file.write(_encoded(cells))
            file.flush()
            with contextlib.suppress(OSError):  # some network drives do not sync
                os.fsync(file.fileno())

    def finish(self) -> None:
        """Note that the rows of the last recording are complete as well."""
        self._record["finished"] = self.path.stat().st_size
        files.write_json(self._beside, self._record)


@contextlib.contextmanager
def table(
    path: str | os.PathLike, columns: Sequence[str], settings: Mapping[str, str]
) -> Iterator[Table]:
    """Yield the `Table` at a path for a block that adds to it, alone.

    Raises:
        SerKerasError: Another process adds to it, or the same errors as in `Table`.
    """
    if files.is_locked(path):
        raise SerKerasError(path, "is written by another process", "Wait, or give another file")
    with files.lock(path):
        grown = Table(path, columns, settings)
        yield grown
        grown.finish()


def _cell(value: object) -> object:
    return "|".join(map(str, value)) if isinstance(value, (list, tuple)) else value


def _encoded(rows: Iterable[Sequence[object]]) -> bytes:
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue().encode("utf-8", "surrogateescape")
