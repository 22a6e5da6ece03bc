"""Rows of the table: what is compared, with what, and which ratio it should reach."""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ser_keras.engines import cores
from tests.benchmarks.setting import Setting
from tests.benchmarks.timing import Spread

_PACKAGES = (
    *("tensorflow", "keras", "torch", "ai-edge-litert", "numpy", "scipy", "librosa"),
    *("soundfile", "soxr", "scikit-learn", "pandas", "matplotlib"),
)


@dataclass(frozen=True)
class Environment:
    """Where and how a row was measured; it names neither user nor machine.

    Args:
        date: Day of the measurement, UTC, as YYYY-MM-DD.
        system: Operating system and architecture.
        processor: Name of the processor.
        cores: Cores that this process may use.
        python: Version of Python.
        packages: Versions of the packages that take part.
        repeats: Counted repetitions of each contender.
        clips: Number of clips.
        synthetic: Whether the clips are those of the demo corpus.
    """

    date: str
    system: str
    processor: str
    cores: int
    python: str
    packages: Mapping[str, str]
    repeats: int
    clips: int
    synthetic: bool

    @classmethod
    def here(cls, setting: Setting) -> Environment:
        """Return the environment of this process."""
        return cls(
            date=datetime.datetime.now(datetime.UTC).date().isoformat(),
            system=f"{platform.system()} {platform.machine()}",
            processor=_processor(),
            cores=cores(),
            python=platform.python_version(),
            packages=dict(_versions()),
            repeats=setting.repeats,
            clips=len(setting.clips),
            synthetic=setting.synthetic,
        )


@dataclass(frozen=True)
class Measurement:
    """The repetitions of both sides of a row.

    Args:
        ours: Costs of this package.
        peer: Costs of what it is compared with, each measured right after ours.
        unit: "s" (seconds) or "B" (bytes).
        peaks: Median peak memory of both sides in bytes, None if the row is not about memory.
        note: Something that the reader has to know, or "".
    """

    ours: Spread
    peer: Spread
    unit: str = "s"
    peaks: tuple[float, float] | None = None
    note: str = ""

    def to_json(self) -> dict:
        """Return the measurement as JSON values."""
        return {
            "ours": list(self.ours.values),
            "peer": list(self.peer.values),
            "unit": self.unit,
            "peaks": None if self.peaks is None else list(self.peaks),
            "note": self.note,
        }

    @classmethod
    def from_json(cls, value: Mapping) -> Measurement:
        """Return the measurement that `to_json` gave."""
        ours, peer = (Spread(tuple(value[side])) for side in ("ours", "peer"))
        peaks = None if value["peaks"] is None else tuple(value["peaks"])
        return cls(ours, peer, value["unit"], peaks, value["note"])


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Args:
        name: Name for `--only`.
        work: What is done; `{clips}` stands for the number of clips.
        against: What a user would pick instead.
        measure: Function that measures both sides; a SerKerasError leaves the row out.
        target: Ratio that the row should reach, None if it is only shown.
        sense: "gain" if the ratio is the peer's cost over ours and should be at least `target`,
            "cost" if it is ours over the peer's and should be at most `target`.
    """

    name: str
    work: str
    against: str
    measure: Callable[[Setting], Measurement]
    target: float | None = None
    sense: str = "gain"

    @property
    def aim(self) -> str:
        """The target in words, "" if there is none."""
        bound = "at least" if self.sense == "gain" else "at most"
        return "" if self.target is None else f"{bound} {self.target:g}x"


@dataclass(frozen=True)
class Result:
    """A row that was measured."""

    row: Row
    measurement: Measurement
    environment: Environment

    @property
    def work(self) -> str:
        """What was done, in words."""
        return self.row.work.format(clips=self.environment.clips)

    @property
    def ratio(self) -> float:
        """Ratio of the medians."""
        ours, peer = self.measurement.ours.median, self.measurement.peer.median
        return peer / ours if self.row.sense == "gain" else ours / peer

    @property
    def ratios(self) -> Spread:
        """Ratio of each pair of repetitions that ran one after the other."""
        ours, peer = self.measurement.ours, self.measurement.peer
        return peer.over(ours) if self.row.sense == "gain" else ours.over(peer)

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached, None if there is none."""
        if self.row.target is None:
            return None
        gain = self.row.sense == "gain"
        return self.ratio >= self.row.target if gain else self.ratio <= self.row.target


def _versions() -> Iterator[tuple[str, str]]:
    for name in _PACKAGES:
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # an extra


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return platform.processor() or "unknown processor"
    names = (line.partition(":")[2].strip() for line in lines if "model name" in line)
    return next(names, "unknown processor")
