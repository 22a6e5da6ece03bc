"""The command lines: arguments in, exit codes out; no decisions."""

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
    """Turn what ends a command into a sentence and an exit code.

    A `SerKerasError` is 1, Ctrl-C is 130 after the message `on_interrupt`, a reader that closed our
    pipe ends us in silence. Anything else is a bug of ours and shows its traceback.
    """
    try:
        yield
    except SerKerasError as error:
        console.error(error)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        console.say(f"\n{on_interrupt}")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # whatever else Python wants to flush at its end goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
