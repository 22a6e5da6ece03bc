"""The only printer: messages and progress on stderr, results and tables on stdout."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tqdm import tqdm


def say(message: str) -> None:
    """Print a message on stderr; it is not part of the result."""
    print(message, file=sys.stderr, flush=True)


def warn(message: str) -> None:
    """Print a warning on stderr: something that the user can act on."""
    say(f"warning: {message}")


def error(message: object) -> None:
    """Print on stderr why a command failed."""
    say(f"error: {message}")


def show(text: str) -> None:
    """Print a part of the result on stdout."""
    print(text, flush=True)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows as aligned columns: the first column to the left, the others to the right.

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


def markdown(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows as a table in Markdown.

    Example:
        >>> print(markdown(["emotion", "recall"], [["sad", 0.5]]))
        | emotion | recall |
        | --- | --- |
        | sad | 0.5 |
    """
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, cells))} |" for cells in lines)


def count(number: int, noun: str, spec: str = "") -> str:
    """Return a number with its noun, in the plural where it is not 1.

    Args:
        number: The number.
        noun: Its noun in the singular.
        spec: Format of the number, such as "," for thousands.

    Example:
        >>> count(1, "clip"), count(2, "clip"), count(2800, "clip", ",")
        ('1 clip', '2 clips', '2,800 clips')
    """
    return f"{number:{spec}} {noun}" if number == 1 else f"{number:{spec}} {noun}s"


def corpus_name(name: str, synthetic: bool) -> str:
    """Return the name of a corpus as it is shown, with a mark if its speech is synthetic.

    Example:
        >>> corpus_name("tess", False), corpus_name("demo", True)
        ('tess', 'demo (synthetic)')
    """
    return f"{name} (synthetic)" if synthetic else name


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it.

    Example:
        >>> duration(59.6), duration(90), duration(9000)
        ('60 s', '2 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def listed(items: Iterable[object], limit: int = 5) -> str:
    """Return the first `limit` items as text, and the number of the others.

    Example:
        >>> listed(["a", "b", "c"], limit=2)
        'a, b and 1 more'
    """
    texts = [str(item).rstrip(".") for item in items]
    rest = f" and {len(texts) - limit} more" if len(texts) > limit else ""
    return ", ".join(texts[:limit]) + rest


def progress(total: int, title: str, unit: str = "clip", leave: bool = True) -> tqdm:
    """Return a tqdm bar on stderr: call `update(n)`, and `close()` at the end.

    Nothing is drawn where stderr is not a terminal.

    Args:
        total: Number of units in all.
        title: Text before the bar.
        unit: What is counted; "B" stands for bytes, shown as kB or MB.
        leave: Whether the full bar stays on the screen.
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
    """Discard what native code prints on stderr inside the block; Python's errors still raise.

    TensorFlow and LiteRT print processor features and delegates there, whatever their log level.
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
