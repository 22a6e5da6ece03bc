"""A row of the table: what is compared, with what, and what it should reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks.setting import Setting
from tests.benchmarks.timing import Spread


@dataclass(frozen=True)
class Contest:
    """What was measured for a row.

    Args:
        ours: Of ours.
        peer: Of what it is held against, repetition by repetition.
        unit: "s" or "B" (bytes).
        peaks: Median peak memory of both, in bytes, where it matters.
        note: What the reader has to know, or "".
    """

    ours: Spread
    peer: Spread
    unit: str = "s"
    peaks: tuple[float, float] | None = None
    note: str = ""


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Args:
        name: For `--only`.
        work: What is done; `{clips}` stands for the number of clips.
        against: Who else does it.
        contest: Measures both; a SerKerasError leaves the row out and says why.
        target: What the ratio should reach; None where it is only shown.
        sense: "gain": the peer's cost over ours, at least `target`. "cost": ours over the peer's,
            at most `target`.
    """

    name: str
    work: str
    against: str
    contest: Callable[[Setting], Contest]
    target: float | None = None
    sense: str = "gain"

    @property
    def aim(self) -> str:
        """The target in words, "" where there is none."""
        bound = "at least" if self.sense == "gain" else "at most"
        return "" if self.target is None else f"{bound} {self.target:g}x"


@dataclass(frozen=True)
class Result:
    """A row with its figures."""

    row: Row
    contest: Contest

    @property
    def ratio(self) -> float:
        """Of the medians."""
        ours, peer = self.contest.ours.median, self.contest.peer.median
        return peer / ours if self.row.sense == "gain" else ours / peer

    @property
    def ratios(self) -> Spread:
        """Of the repetitions that followed one another."""
        ours, peer = self.contest.ours, self.contest.peer
        return peer.over(ours) if self.row.sense == "gain" else ours.over(peer)

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached, None where there is none."""
        if self.row.target is None:
            return None
        short = self.ratio < self.row.target
        return not short if self.row.sense == "gain" else self.ratio <= self.row.target

    def to_json(self) -> dict:
        """Return all of it as plain values."""
        row, contest = self.row, self.contest
        return {
            "name": row.name,
            "work": row.work,
            "against": row.against,
            "unit": contest.unit,
            "ours": list(contest.ours.values),
            "peer": list(contest.peer.values),
            "ratio": self.ratio,
            "ratio_low": self.ratios.low,
            "ratio_high": self.ratios.high,
            "target": row.aim or None,
            "reached": self.reached,
            "peaks": None if contest.peaks is None else list(contest.peaks),
            "note": contest.note,
        }
