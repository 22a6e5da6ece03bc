"""Tables and names as other programs write them: encodings, separators, composed letters."""

from __future__ import annotations

import csv
import io
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ser_keras.errors import SerKerasError

MAX_BYTES = 32 << 20  # lists of a million clips are shorter
MAX_LINE = 1 << 20  # characters
MAX_ROWS = 500_000
MAX_CELLS = 5_000_000  # a cell takes up to 60 bytes more in memory than in the file
_SEPARATORS = ",;\t|"
_AS_TEXT = 'Save it as CSV in UTF-8 ("CSV UTF-8" in a spreadsheet)'


@dataclass(frozen=True, eq=False)
class Table:
    """A table that was read from a file.

    Args:
        header: Names of the columns as written, without blanks around them.
        rows: Line and cells of each row, as many cells as there are columns; a cell that is
            missing is empty. Rows without any text are left out.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]

    def records(self) -> list[tuple[int, dict[str, str]]]:
        """Return the line of each row, and its cells by the name of their column in small letters.

        Cells come without blanks around them.
        """
        names = [name.lower() for name in self.header]
        return [
            (line, {name: cell.strip() for name, cell in zip(names, cells, strict=True)})
            for line, cells in self.rows
        ]


def composed(text: str) -> str:
    """Return a text with composed letters: macOS writes accents apart in the names of files.

    Example:
        >>> len("e\\u0301"), len(composed("e\\u0301"))
        (2, 1)
    """
    return unicodedata.normalize("NFC", text)


def read_table(path: str | os.PathLike) -> Table:
    """Return the table in a CSV file.

    Cells may be separated by commas, semicolons, tabs or upright bars; the header decides.

    Raises:
        SerKerasError: The file cannot be read as text (see `read_text`), two columns have one
            name, a row has more cells than the header, or quotes are not closed.
    """
    text = read_text(path)
    if mark := re.match(r"sep=.\r?\n", text):  # some spreadsheets name the separator there
        text = "\n" + text[mark.end() :]
    head = next((line for line in _lines(text, path) if line.strip()), "")
    head = re.sub(r'"[^"]*"', "", head)
    reader = csv.reader(_lines(text, path), delimiter=max(_SEPARATORS, key=head.count), strict=True)
    header: tuple[str, ...] = ()
    rows: list[tuple[int, tuple[str, ...]]] = []
    cells, line = 0, 1
    try:
        for row in reader:
            start, line = line, reader.line_num + 1
            if not any(cell.strip() for cell in row):
                continue
            if not header:
                header = tuple(composed(cell.strip()) for cell in row)
                continue
            surplus = row[len(header) :]
            if any(cell.strip() for cell in surplus):
                problem = f"has {len(row)} cells in line {start}, and {len(header)} in its header"
                remedy = "Put cells that contain the separator in double quotes"
                raise SerKerasError(path, problem, remedy)
            cells += len(header)
            if cells > MAX_CELLS or len(rows) >= MAX_ROWS:
                problem = f"has more than {MAX_ROWS:,} rows or {MAX_CELLS:,} cells"
                raise SerKerasError(path, problem, "Divide it, or leave out columns")
            row = row[: len(header)] + [""] * (len(header) - len(row))
            rows.append((start, tuple(row)))
    except csv.Error as error:
        raise SerKerasError(
            path, f"cannot be read as CSV from line {line} on ({error})", _AS_TEXT
        ) from error
    for name, number in Counter(name.lower() for name in header if name).items():
        if number > 1:
            raise SerKerasError(path, f"has {number} columns named {name}", "Rename all but one")
    return Table(header, tuple(rows))


def _lines(text: str, path: str | os.PathLike) -> Iterator[str]:
    for line in io.StringIO(text, newline=""):
        if len(line) > MAX_LINE:
            raise SerKerasError(path, f"has a line of {len(line):,} characters", _AS_TEXT)
        yield line


def read_text(path: str | os.PathLike, max_bytes: int = MAX_BYTES) -> str:
    """Return the text of a file in UTF-8 or UTF-16, with or without a byte order mark.

    Raises:
        SerKerasError: It is no ordinary file, longer than `max_bytes`, or not in these encodings.
    """
    path = Path(path)
    if not path.is_file():  # a pipe or a device might never end
        problem = "is no ordinary file" if path.exists() else "does not exist"
        raise SerKerasError(path, problem, "Check the path")
    try:
        with open(path, "rb") as stream:
            data = stream.read(max_bytes + 1)
    except OSError as error:
        raise SerKerasError(path, "cannot be read", "Check its permissions") from error
    if len(data) > max_bytes:
        problem = f"is longer than {max_bytes >> 20} MiB"
        raise SerKerasError(path, problem, "Check that it is a list, or divide it")
    encoding = "utf-8-sig"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif data[:1] and data[1:2] == b"\0":
        encoding = "utf-16-le"
    elif data[:1] == b"\0" and data[1:2]:
        encoding = "utf-16-be"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise SerKerasError(path, "is not in UTF-8 or UTF-16", _AS_TEXT) from error
    if "\0" in text:
        raise SerKerasError(path, "is no text file", _AS_TEXT)
    return text
