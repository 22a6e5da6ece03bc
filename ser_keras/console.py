r"""The only printer: messages and progress on stderr, results and tables on stdout.

Names come from strangers: whatever could steer a terminal is printed as an escape, as in JSON.
A stream that is closed, absent or full, or that lacks a letter, stops no work.
"""

from __future__ import annotations

import contextlib
import csv
import functools
import io
import json
import os
import sys
import threading
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from tqdm import tqdm

_JOINERS = "\u200c\u200d"  # parts of words in Persian and Hindi, and of emoji
_SPACES = ("Zs", "Co", "Cn")  # categories that take room on the screen, though not "printable"

_unshown: list[str] = []  # why results could not be printed
_silence = threading.Lock()
_silent = 0  # blocks of `native_silence` that run now
_stderr: int | None = None  # a copy of descriptor 2 while it is silent


def visible(text: object) -> str:
    r"""Return a text with its control characters as escapes, also those that reorder a line.

    The escapes are those of JSON, so that a line of JSON stays one.

    Args:
        text: Text, or any value that has one.

    Example:
        >>> print(visible("a\x1b[2J\nb"), visible("é\u202e"))
        a\u001b[2J\nb é\u202e
    """
    text = str(text)
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable()
        or character in _JOINERS
        or unicodedata.category(character) in _SPACES
        else _escape(character)
        for character in text
    )


def say(*lines: object) -> None:
    """Print a message on stderr, each argument on a line; it is not part of the result.

    Where stderr is closed or full, nobody reads messages, and the work goes on.

    Raises:
        BrokenPipeError: The reader of the pipe has gone. A training ends so when the ledger dies.
    """
    try:
        _print(sys.stderr, "\n".join(map(visible, lines)))
    except BrokenPipeError:
        raise
    except (OSError, ValueError):  # full; closed by Python
        return


def warn(message: object) -> None:
    """Print a warning on stderr: something that the user can act on."""
    say(f"warning: {message}")


def error(message: object) -> None:
    """Print on stderr why a command failed."""
    say(f"error: {message}")


def show(text: str) -> None:
    """Print a part of the result on stdout.

    A result that cannot be printed stops no work; `unshown` says afterwards that it is missing.

    Raises:
        BrokenPipeError: The reader of the pipe has gone.
    """
    if sys.stdout is None:
        _unshown.append("is closed")
        return
    try:
        _print(sys.stdout, "\n".join(map(visible, text.split("\n"))))
    except BrokenPipeError:
        raise
    except OSError as failure:
        _unshown.append(f"cannot be written ({failure.strerror})")
    except ValueError:  # Python's word for a stream that it has closed
        _unshown.append("is closed")


def unshown() -> str | None:
    """Return why a part of the result could not be printed, and forget it; None if all was."""
    reason = _unshown[0] if _unshown else None
    _unshown.clear()
    return reason


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows as aligned columns: the first column to the left, the others to the right.

    Example:
        >>> print(table(["emotion", "recall"], [["sad", 0.5], ["happy", 1.0]]))
        emotion  recall
        sad         0.5
        happy       1.0
    """
    cells = [[visible(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = (
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    )
    return "\n".join(line.rstrip() for line in lines)


def comma_separated(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    r"""Return rows as CSV, a line each.

    Example:
        >>> print(comma_separated(["file", "label"], [["a,\n.wav", "sad"]]))
        file,label
        "a,\n.wav",sad
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    cells = ([("" if cell is None else visible(cell)) for cell in row] for row in [header, *rows])
    writer.writerows(cells)
    return text.getvalue().removesuffix("\n")


def markdown(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows as a table in Markdown.

    Example:
        >>> print(markdown(["emotion", "recall"], [["sad", 0.5]]))
        | emotion | recall |
        | --- | --- |
        | sad | 0.5 |
    """
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(visible, cells))} |" for cells in lines)


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
    texts = [visible(item).rstrip(".") for item in items]
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

    try:
        terminal = sys.stderr is not None and sys.stderr.isatty()
    except ValueError:  # it is closed
        terminal = False
    return tqdm(
        total=total,
        desc=visible(title),
        unit=unit,
        unit_scale=unit == "B",
        file=sys.stderr,
        disable=not terminal,
        dynamic_ncols=True,
        leave=leave,
    )


@contextlib.contextmanager
def native_silence() -> Iterator[None]:
    """Discard what native code prints on stderr inside the block; Python's errors still raise.

    TensorFlow and LiteRT print processor features and delegates there, whatever their log level.
    Several threads may be in such blocks at once: the last one to leave opens stderr again.
    """
    global _silent, _stderr
    with _silence:
        _silent += 1
        if _silent == 1:
            with contextlib.suppress(OSError, ValueError, AttributeError):
                sys.stderr.flush()
            _stderr = _discard_stderr()
    try:
        yield
    finally:
        with _silence:
            _silent -= 1
            if not _silent and _stderr is not None:
                os.dup2(_stderr, 2)
                os.close(_stderr)
                _stderr = None


def _discard_stderr() -> int | None:
    """Point descriptor 2 to nothing, and return a copy of it; None where the process has none."""
    try:
        saved = os.dup(2)
    except OSError:
        return None
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)
    return saved


def _print(stream: IO[str] | None, text: str) -> None:
    """Print text on a stream, with an escape for each letter that its encoding lacks."""
    if stream is None:
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = "".join(
            character if character.encode(encoding, "ignore") else _escape(character)
            for character in text
        )
        if stream is sys.stdout:
            _warn_of_encoding(encoding)
    print(f"{text}\n", end="", file=stream, flush=True)  # one piece, whatever threads print


@functools.cache
def _warn_of_encoding(encoding: str) -> None:
    warn(
        f"Standard output is encoded as {encoding}, which lacks letters of this result; they are "
        "written as \\u and a number. To see them, set PYTHONIOENCODING=utf-8."
    )


def _escape(character: str) -> str:
    return json.dumps(character)[1:-1]
