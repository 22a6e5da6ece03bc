"""The command lines: they parse arguments, print results and set exit codes; no decisions."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from ser_keras import console, files
from ser_keras.errors import ELSEWHERE, SerKerasError

FAILED, INTERRUPTED = 1, 130


def parse(parser: argparse.ArgumentParser, argv: list[str] | None) -> argparse.Namespace:
    """Return the arguments `argv` (None: those of the process); prepare the process for the rest.

    What other programs have left in the environment is set right before a library reads it: the
    drawing backend of a notebook, and the start-up notes of TensorFlow.
    """
    for number in range(3):
        # a file that is opened later must not become the standard error of native code
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["MPLBACKEND"] = "agg"  # pictures need no screen
    with exit_codes("Stopped."):
        printed = io.StringIO()  # argparse would pass over a help text that cannot be printed
        try:
            with contextlib.redirect_stdout(printed):
                return parser.parse_args(argv)
        finally:
            if printed.getvalue():
                console.show(printed.getvalue().removesuffix("\n"))


def command(script: str, *words: str) -> str:
    """Return the command that runs a script of the project, as it can be pasted in this folder.

    Example:
        >>> command("Use_Our_Model.py", "my test").endswith("Use_Our_Model.py 'my test'")
        True
    """
    program = ["python", str(files.short(files.ROOT / script))]
    if not files.IN_CHECKOUT and script == "Use_Our_Model.py":
        program = ["ser-keras-label"]
    return shlex.join([*program, *words])


@contextlib.contextmanager
def exit_codes(
    on_interrupt: str, folders: Mapping[str, Path | None] | None = None
) -> Iterator[None]:
    """Turn an error or an interrupt into a message and an exit code.

    A `SerKerasError`, a package that is not installed, and results that could not be printed exit
    with 1, and Ctrl-C with 130 after the message `on_interrupt`. If the reader of a pipe has gone,
    the command exits with 1 and no message. Any other exception is a bug and shows its traceback.

    Args:
        on_interrupt: Message after Ctrl-C.
        folders: Option -> folder that it names. An error says which option helps where a folder
            cannot be written.
    """
    status: str | int | None = None
    try:
        yield
    except SystemExit as stop:
        status = stop.code or 0
    except SerKerasError as error:
        console.error(with_option(error, folders or {}))
        status = FAILED
    except ModuleNotFoundError as error:
        name = error.name or ""
        if name.startswith("ser_keras"):
            raise
        remedy = "Run, in the folder of the project: pip install -r requirements.txt"
        console.error(SerKerasError(name, "is not installed", remedy))
        status = FAILED
    except KeyboardInterrupt:
        console.say("", on_interrupt)
        status = INTERRUPTED
    except BrokenPipeError:
        status = FAILED
    status = _settled(status)
    if status is not None:
        sys.exit(status)


def with_option(error: SerKerasError, folders: Mapping[str, Path | None]) -> SerKerasError:
    """Return the error with the option that names another folder, where that is the remedy."""
    subject = Path(error.subject).absolute()
    for option, folder in folders.items():
        if error.remedy != ELSEWHERE or folder is None:
            continue
        folder = folder.absolute()
        beside = folder.with_name(f".{folder.name}")  # where a run folder is locked
        if subject == beside or subject.is_relative_to(folder):
            return SerKerasError(error.subject, error.problem, f"{ELSEWHERE}, with {option}")
    return error


def _settled(status: str | int | None) -> str | int | None:
    """Return the exit code once all output is written, or is known to be lost."""
    lost, broken = console.unshown(), _flush(sys.stdout)
    if broken is not None:
        status = status or FAILED
        if lost is None and not isinstance(broken, BrokenPipeError):
            lost = f"cannot be written ({broken})"
    if lost is not None:
        status = status or FAILED
        problem = f"{lost}, so a part of the results was not printed"
        console.error(SerKerasError("standard output", problem, "Send it to another place"))
    _flush(sys.stderr)
    return status


def _flush(stream: IO[str] | None) -> OSError | ValueError | None:
    """Write what a stream still holds; return the error, after which it writes to nothing.

    Python writes it once more when it ends, and would end with a message and a code of its own.
    """
    if stream is None:
        return None
    try:
        stream.flush()
    except (OSError, ValueError) as error:
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return error
    return None
