"""The only printer: messages and progress on stderr, results and tables on stdout."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence


def say(message: str) -> None:
    """Print a message for whoever watches; never part of the result."""
    print(message, file=sys.stderr, flush=True)


def warn(message: str) -> None:
    """Print something that the user can act on."""
    say(f"warning: {message}")


def error(message: object) -> None:
    """Print why the work could not be done."""
    say(f"error: {message}")


def show(text: str) -> None:
    """Print a part of the result."""
    print(text, flush=True)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows as aligned columns: the first to the left, the others to the right.

    Example:
        >>> print(table(["emotion", "recall"], [["sad", 0.5], ["happy", 1.0]]))
        emotion  recall
        sad         0.5
        happy       1.0
    """
    cells = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = (
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    )
    return "\n".join(line.rstrip() for line in lines)


def progress(total: int, title: str, unit: str = "clip", leave: bool = True):
    """Return a tqdm bar on stderr: call `update(n)`, and `close()` at the end.

    On anything but a terminal nothing is drawn. `leave` keeps the full bar on the screen. A unit
    "B", for bytes, becomes kB or MB as it suits.
    """
    from tqdm import tqdm

    return tqdm(
        total=total,
        desc=title,
        unit=unit,
        unit_scale=unit == "B",
        file=sys.stderr,
        disable=None,
        dynamic_ncols=True,
        leave=leave,
    )


@contextlib.contextmanager
def native_silence() -> Iterator[None]:
    """Silence what native code prints on stderr while it starts; Python's errors still raise.

    TensorFlow and LiteRT announce processor features and delegates there, whatever their log level.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(null)
        os.close(saved)
