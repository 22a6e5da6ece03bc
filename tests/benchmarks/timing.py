"""Fair timing: contenders take turns, medians count, processes are measured from outside."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ser_keras import files
from ser_keras.errors import SerKerasError


@dataclass(frozen=True)
class Cost:
    """What one repetition took.

    Args:
        seconds: Wall time.
        peak: Highest resident memory in bytes, None if it was not measured.
        processor: Seconds of processor time, of user and system, None if they were not measured.
        others: Seconds of processor time that all other programs took meanwhile, on all cores;
            None where the system does not tell.
        output: Standard output of a process.
    """

    seconds: float
    peak: int | None = None
    processor: float | None = None
    others: float | None = None
    output: str = field(default="", compare=False)


@dataclass(frozen=True)
class Spread:
    """One quantity, with a value for each repetition."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def high(self) -> float:
        return max(self.values)

    def over(self, other: Spread) -> Spread:
        """Return the ratio of each pair of repetitions that ran one after the other."""
        return Spread(tuple(a / b for a, b in zip(self.values, other.values, strict=True)))


@dataclass(frozen=True)
class Repetitions:
    """All repetitions of one contender."""

    costs: tuple[Cost, ...]

    @property
    def seconds(self) -> Spread:
        return Spread(tuple(cost.seconds for cost in self.costs))

    @property
    def peak(self) -> Spread:
        return Spread(tuple(float(cost.peak) for cost in self.costs))


def interleave(
    contenders: Mapping[str, Callable[[], Cost]], repeats: int, warm_up: bool = True
) -> dict[str, Repetitions]:
    """Run the contenders in turn, A B A B, so that a machine that slows down slows all of them.

    Each runs once before that, uncounted, so that imports, compiled code and files are warm; where
    that would take too long, the caller warms them up.
    """
    for contender in contenders.values() if warm_up else ():
        contender()
    costs: dict[str, list[Cost]] = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, contender in contenders.items():
            costs[name].append(contender())
    return {name: Repetitions(tuple(values)) for name, values in costs.items()}


def timed(
    work: Callable[[], object], times: int = 1, clock: Callable[[], float] = time.perf_counter
) -> Callable[[], Cost]:
    """Return a contender that repeats `work` and returns the seconds of one repetition."""

    def contender() -> Cost:
        start = clock()
        for _ in range(times):
            work()
        return Cost((clock() - start) / times)

    return contender


# A process inherits the peak memory of the process that starts it, so a small launcher stands
# between; its own start is not part of the time.
_LAUNCHER = """
import json, os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:])
_, status, usage = os.wait4(process.pid, 0)
seconds = time.perf_counter() - start
unit = 1 if sys.platform == "darwin" else 1024
print()
processor = usage.ru_utime + usage.ru_stime
code = os.waitstatus_to_exitcode(status)
print(json.dumps([code, seconds, usage.ru_maxrss * unit, processor]))
"""


def fresh(command: Sequence[object], cwd: object = files.ROOT) -> Cost:
    """Run Python with these arguments in a fresh process, and return what that took.

    Args:
        command: Arguments of Python, such as `["-m", "module", path]`.
        cwd: Working folder of the process.

    Raises:
        SerKerasError: The process failed.
    """
    words = [sys.executable, *map(str, command)]
    before = _busy_seconds()
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _LAUNCHER, *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    output, _, report = done.stdout.rstrip().rpartition("\n")
    code, seconds, peak, processor = json.loads(report)
    after = _busy_seconds()
    if code:
        name = " ".join(map(str, command[:2]))
        problem = f"ended with {code} ({_last_line(done.stderr)})"
        raise SerKerasError(name, problem, "Run it alone")
    others = None
    if before is not None and after is not None:
        others = max(0.0, after - before - processor)
    return Cost(seconds, peak, processor, others, output.strip())


def _busy_seconds() -> float | None:
    """Return the processor time of all programs since the start of the machine; None if unknown."""
    try:
        times = Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()[1:9]
    except OSError:  # not Linux
        return None
    user, nice, system, _idle, _waiting, *interrupts = map(int, times)
    return sum((user, nice, system, *interrupts)) / os.sysconf("SC_CLK_TCK")


class Worker:
    """A process that keeps a backend warm and runs contenders on request.

    Backends in one process would share threads and memory, so each gets a process of its own.

    Args:
        module: Name of a module of tests.benchmarks whose command line calls `serve`.
        arguments: Arguments of that command line.
    """

    def __init__(self, module: str, *arguments: object):
        words = [sys.executable, "-m", f"tests.benchmarks.{module}", *map(str, arguments)]
        self._name = " ".join([module, *map(str, arguments)])
        # what backends print is shown only if they fail
        self._stderr = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            words,
            cwd=files.ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
        self._stderr.close()

    def contender(self, name: str) -> Callable[[], Cost]:
        """Return the contender that the worker serves under this name."""

        def run() -> Cost:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(name + "\n")
                self._process.stdin.flush()
            answer = self._process.stdout.readline()
            if not answer:
                self._stderr.seek(0)
                problem = f"ended early ({_last_line(self._stderr.read())})"
                raise SerKerasError(self._name, problem, "Run it alone")
            return Cost(float(answer))

        return run


@contextlib.contextmanager
def answers() -> Iterator[Callable[[float], None]]:
    """Yield the function that a worker answers with; what libraries print goes to stderr."""
    stdout = sys.stdout

    def answer(seconds: float) -> None:
        stdout.write(f"{seconds}\n")
        stdout.flush()

    with contextlib.redirect_stdout(sys.stderr):
        yield answer


def serve(contenders: Mapping[str, Callable[[], Cost]]) -> None:
    """Run the contender that each line of standard input names; answer with its seconds."""
    with answers() as answer:
        for line in sys.stdin:
            answer(contenders[line.strip()]().seconds)


def _last_line(text: str) -> str:
    """Return the last line of a process's messages."""
    return next(iter(text.strip().splitlines()[-1:]), "without a message")
