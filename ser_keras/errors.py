"""The one error type, the record of a file that was skipped, and the checks of settings."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class SerKerasError(Exception):
    """An error that the user can correct: what is wrong with what, and what to do.

    Args:
        subject: File, folder, option or name that is wrong.
        problem: What is wrong with it, without a full stop.
        remedy: What to do about it, without a full stop.

    Example:
        >>> print(SerKerasError("a.wav", "holds no samples", "Record it again"))
        a.wav: holds no samples. Record it again.
    """

    def __init__(self, subject: str | os.PathLike, problem: str, remedy: str):
        super().__init__(os.fspath(subject), problem, remedy)  # args alone cross a process boundary

    @property
    def subject(self) -> str:
        return self.args[0]

    @property
    def problem(self) -> str:
        return self.args[1]

    @property
    def remedy(self) -> str:
        return self.args[2]

    def __str__(self) -> str:
        return f"{self.subject}: {self.problem}. {self.remedy}."


@dataclass(frozen=True)
class Skipped:
    """A file that was skipped, and the reason.

    Args:
        path: The file, as the caller gave it.
        reason: What is wrong with it, without a full stop.
        remedy: What to do about it, without a full stop; "" where nothing more is known.
    """

    path: str
    reason: str
    remedy: str = ""

    @classmethod
    def because(cls, path: str | os.PathLike, error: SerKerasError) -> Skipped:
        """Return the record of a file that raised an error."""
        return cls(os.fspath(path), error.problem, error.remedy)

    @property
    def error(self) -> SerKerasError:
        """The error to raise where the file must not be skipped."""
        return SerKerasError(self.path, self.reason, self.remedy or "Give a recording of speech")

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}."


def unknown(subject: str, kind: str, name: str, names: Iterable[str]) -> SerKerasError:
    """Return the error for a name that does not exist; it names the nearest one that does.

    Args:
        subject: What the user wrote, such as "--recipe attention".
        kind: The kind of thing that the name stands for, such as "recipe".
        name: The name alone, without an option before it.
        names: All names that exist.

    Example:
        >>> print(unknown("--recipe attention", "recipe", "attention", ["attention-tess", "acnt"]))
        --recipe attention: no such recipe. Did you mean attention-tess.
    """
    import difflib  # late: only errors need it

    names = list(names)
    nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    remedy = f"Did you mean {nearest[0]}" if nearest else f"Choose one of {', '.join(names)}"
    return SerKerasError(subject, f"no such {kind}", remedy)


def refused(subject: str, value: object, accepted: str) -> SerKerasError:
    """Return the error for a setting that has a value of the wrong type or out of range.

    Args:
        subject: Name of the setting, such as "features.n_mels".
        value: The value that it has.
        accepted: The values that it may have, as they follow the word "Give".

    Example:
        >>> print(refused("features.n_mels", 0, "a whole number from 1 to 1024"))
        features.n_mels: cannot be 0. Give a whole number from 1 to 1024.
    """
    return SerKerasError(subject, f"cannot be {value!r}", f"Give {accepted}")


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FAILING = (errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.ETIMEDOUT)
UNSUPPORTED = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)
ELSEWHERE = "Choose a folder that you may write to"
_DISK = (
    (FULL, "the disk is full", "Free some space and run the same command again"),
    ((errno.EACCES, errno.EPERM, errno.EROFS), "cannot be written", ELSEWHERE),
    (
        (errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENOTEMPTY, errno.ELOOP),
        "something else is in its place",
        "Move it away or choose another",
    ),
    (
        UNSUPPORTED,
        "its file system cannot do what is needed",
        "Choose a folder on another disk",
    ),
    (FAILING, "its disk, or the connection to it, has failed", "Check it, and try again"),
    (
        (errno.EBUSY, errno.ETXTBSY, errno.EXDEV),
        "is in use, or mounted as a disk of its own",
        "Close what uses it, or choose another place",
    ),
    ((errno.ENAMETOOLONG,), "its name is too long", "Choose a shorter one"),
)


def of_disk(path: str | os.PathLike, error: OSError) -> SerKerasError | None:
    """Return the error for what a disk refused; None if the system's error is of another kind.

    Args:
        path: File or folder that was written.
        error: Error of the system.

    Example:
        >>> print(of_disk("a.csv", OSError(errno.ENOSPC, "No space left on device")))
        a.csv: the disk is full. Free some space and run the same command again.
    """
    for numbers, problem, remedy in _DISK:
        if error.errno in numbers:
            return SerKerasError(path, problem, remedy)
    return None


def check_choice(subject: str, value: object, choices: Sequence[object]) -> object:
    """Return the one of `choices` that equals `value`.

    Raises:
        SerKerasError: None does. True and False equal 1 and 0 in Python, but not here.
    """
    for choice in choices:
        if value == choice and isinstance(value, bool) == isinstance(choice, bool):
            return choice
    raise refused(subject, value, "one of " + ", ".join(map(repr, choices)))


def check_number(
    subject: str,
    value: object,
    low: float,
    high: float,
    *,
    whole: bool = False,
    optional: bool = False,
) -> float | None:
    """Return `value`, an int if `whole` and a float otherwise.

    Args:
        subject: Name of the setting.
        value: The value that it has.
        low: Lowest value accepted.
        high: Highest value accepted.
        whole: Whether only an int is accepted.
        optional: Whether None is accepted.

    Raises:
        SerKerasError: The value is no number, not in the range, or True or False.
    """
    if value is None and optional:
        return None
    types = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, types) or not low <= value <= high:
        kind = "a whole number" if whole else "a number"
        raise refused(subject, value, f"{kind} from {low} to {high}{', or None' * optional}")
    return int(value) if whole else float(value)
