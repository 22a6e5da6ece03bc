"""The one error type of the package, and the record of a file that was left out."""

from __future__ import annotations

import os
from dataclasses import dataclass


class SerKerasError(Exception):
    """Something a user can mend: what it is about, what is wrong, and what to do.

    Args:
        subject: The file, folder, option or name at fault.
        problem: What is wrong with it, without a final stop.
        remedy: What to do about it, without a final stop.

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
    """A file that was left out of a result, and why."""

    path: str
    reason: str

    @classmethod
    def because(cls, path: str | os.PathLike, error: SerKerasError) -> Skipped:
        """Return the record of a file that raised `error`."""
        return cls(os.fspath(path), error.problem)

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}."
