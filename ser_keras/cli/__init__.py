"""The command lines: they parse arguments, print results and set exit codes; no decisions."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

from ser_keras import console
from ser_keras.errors import SerKerasError

FAILED, INTERRUPTED = 1, 130


@contextlib.contextmanager
def exit_codes(on_interrupt: str) -> Iterator[None]:
    """Turn an error or an interrupt into a message and an exit code.

    A `SerKerasError` or a package that is not installed exits with 1, and Ctrl-C with 130 after the
    message `on_interrupt`. If the reader of a pipe has gone, the command exits with 1 and no
    message. Any other exception is a bug and shows its traceback.
    """
    try:
        yield
    except SerKerasError as error:
        console.error(error)
        sys.exit(FAILED)
    except ModuleNotFoundError as error:
        name = error.name or ""
        if name.startswith("ser_keras"):
            raise
        remedy = "Run, in the folder of the project: pip install -r requirements.txt"
        console.error(SerKerasError(name, "is not installed", remedy))
        sys.exit(FAILED)
    except KeyboardInterrupt:
        console.say(f"\n{on_interrupt}")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Python flushes standard output once more when it ends, and would raise again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
