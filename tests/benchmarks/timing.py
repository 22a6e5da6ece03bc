"""Fair clocks: contenders in turn, medians, and fresh processes that are measured from outside."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ser_keras import files
from ser_keras.errors import SerKerasError


@dataclass(frozen=True)
class Cost:
    """What one repetition took.

    Args:
        seconds: Wall time.
        peak: Resident memory at its highest, in bytes; None where it was not measured.
        output: What a process wrote on its standard output.
    """

    seconds: float
    peak: int | None = None
    output: str = field(default="", compare=False)


@dataclass(frozen=True)
class Spread:
    """The repetitions of one contender."""

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
        """Return the quotients of the repetitions that followed one another."""
        return Spread(tuple(a / b for a, b in zip(self.values, other.values, strict=True)))


@dataclass(frozen=True)
class Runs:
    """All repetitions of one contender."""

    costs: tuple[Cost, ...]

    @property
    def seconds(self) -> Spread:
        return Spread(tuple(cost.seconds for cost in self.costs))

    @property
    def peak(self) -> Spread:
        return Spread(tuple(float(cost.peak) for cost in self.costs))


def interleave(contenders: Mapping[str, Callable[[], Cost]], repeats: int) -> dict[str, Runs]:
    """Run the contenders in turn, A B A B, so that a machine that slows down slows all of them.

    Each runs once more before that, uncounted: imports, compiled code and files are then warm.
    """
    for contender in contenders.values():
        contender()
    costs: dict[str, list[Cost]] = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, contender in contenders.items():
            costs[name].append(contender())
    return {name: Runs(tuple(values)) for name, values in costs.items()}


def timed(
    work: Callable[[], object], times: int = 1, clock: Callable[[], float] = time.perf_counter
) -> Callable[[], Cost]:
    """Return a contender that does `work` so many times and tells the seconds of one."""

    def contender() -> Cost:
        begun = clock()
        for _ in range(times):
            work()
        return Cost((clock() - begun) / times)

    return contender


# A process that is started by a large one begins with the large one's peak memory, so a small one
# stands between; it also keeps its own start out of the time.
_LAUNCHER = """
import json, os, subprocess, sys, time
begun = time.perf_counter()
process = subprocess.Popen(sys.argv[1:])
_, status, usage = os.wait4(process.pid, 0)
seconds = time.perf_counter() - begun
unit = 1 if sys.platform == "darwin" else 1024
print()
print(json.dumps([os.waitstatus_to_exitcode(status), seconds, usage.ru_maxrss * unit]))
"""


def fresh(command: Sequence[object], cwd: object = files.ROOT) -> Cost:
    """Run a command of Python's arguments in a fresh process, and return what that took.

    Raises:
        SerKerasError: It failed.
    """
    words = [sys.executable, *map(str, command)]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _LAUNCHER, *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    output, _, told = done.stdout.rstrip().rpartition("\n")
    code, seconds, peak = json.loads(told)
    if code:
        name = " ".join(map(str, command[:2]))
        raise SerKerasError(name, f"ended with {code} ({_last(done.stderr)})", "Run it alone")
    return Cost(seconds, peak, output.strip())


class Worker:
    """A process that keeps a backend warm and runs contenders when told.

    Backends in one process would share threads and memory; each gets its own.

    Args:
        module: Below tests.benchmarks; its command line calls `serve`.
        arguments: Of that command line.
    """

    def __init__(self, module: str, *arguments: object):
        words = [sys.executable, "-m", f"tests.benchmarks.{module}", *map(str, arguments)]
        self._name = " ".join([module, *map(str, arguments)])
        # what backends announce is told only if they fail
        self._said = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            words,
            cwd=files.ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
        self._said.close()

    def contender(self, name: str) -> Callable[[], Cost]:
        """Return the contender that the worker serves under this name."""

        def run() -> Cost:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(name + "\n")
                self._process.stdin.flush()
            told = self._process.stdout.readline()
            if not told:
                self._said.seek(0)
                raise SerKerasError(
                    self._name, f"ended early ({_last(self._said.read())})", "Run it alone"
                )
            return Cost(float(told))

        return run


@contextlib.contextmanager
def answers() -> Iterator[Callable[[float], None]]:
    """Yield what a worker answers with; whatever a library prints meanwhile is no answer."""
    stdout = sys.stdout

    def answer(seconds: float) -> None:
        stdout.write(f"{seconds}\n")
        stdout.flush()

    with contextlib.redirect_stdout(sys.stderr):
        yield answer


def serve(contenders: Mapping[str, Callable[[], Cost]]) -> None:
    """Run the contender that each line of standard input names, and answer with its seconds."""
    with answers() as answer:
        for line in sys.stdin:
            answer(contenders[line.strip()]().seconds)


def _last(said: str) -> str:
    """Return the last line of what a process said."""
    return next(iter(said.strip().splitlines()[-1:]), "without a word")
