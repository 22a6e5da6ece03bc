"""The clock of the benchmarks is fair, and every row can be asked for."""

import sys
from pathlib import Path

import pytest

from ser_keras.errors import SerKerasError
from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks.rows import Contest, Result, Row
from tests.benchmarks.timing import Cost, Spread, fresh, interleave, timed


def test_contenders_run_in_turn_and_medians_are_taken():
    order = []

    def contender(name, seconds):
        remaining = iter(seconds)

        def run():
            order.append(name)
            return Cost(next(remaining))

        return run

    runs = interleave(
        {"ours": contender("ours", [99, 1, 5, 3]), "peer": contender("peer", [99, 10, 20, 60])}, 3
    )
    assert order == ["ours", "peer"] * 4  # the first turn is not counted
    assert runs["ours"].seconds == Spread((1, 5, 3))
    assert (runs["ours"].seconds.median, runs["peer"].seconds.median) == (3, 20)
    assert (runs["peer"].seconds.low, runs["peer"].seconds.high) == (10, 60)
    assert runs["peer"].seconds.over(runs["ours"].seconds).values == (10, 4, 20)


def test_the_time_of_one_of_several_is_told():
    ticks = iter([100.0, 103.0])
    done = []
    assert timed(lambda: done.append(1), times=6, clock=lambda: next(ticks))() == Cost(0.5)
    assert len(done) == 6


@pytest.mark.skipif(sys.platform == "win32", reason="needs wait4")
def test_a_fresh_process_does_not_inherit_our_peak_memory():
    ballast = bytearray(200_000_000)
    cost = fresh(["-c", "print('done')"])
    assert cost.output == "done"
    assert cost.peak < len(ballast) / 2


@pytest.mark.skipif(sys.platform == "win32", reason="needs wait4")
def test_a_fresh_process_that_fails_says_why():
    with pytest.raises(SerKerasError, match=r"ended with 1 \(ValueError: no\)"):
        fresh(["-c", "raise ValueError('no')"])


@pytest.mark.parametrize(
    ("sense", "ours", "peer", "ratio", "reached"),
    [
        ("gain", 2.0, 10.0, 5.0, True),
        ("gain", 2.0, 9.9, 4.95, False),
        ("cost", 10.0, 2.0, 5.0, True),
        ("cost", 10.2, 2.0, 5.1, False),
    ],
)
def test_a_gain_has_a_least_and_a_cost_a_most(sense, ours, peer, ratio, reached):
    row = Row("name", "work", "peer", contest=None, target=5, sense=sense)
    result = Result(row, Contest(Spread((ours,)), Spread((peer,))))
    assert result.ratio == pytest.approx(ratio)
    assert result.reached is reached


def test_the_table_tells_range_target_and_memory():
    row = Row("name", "reading {clips} clips", "a loop", contest=None, target=5)
    ours, peer = Spread((0.002, 0.001, 0.004)), Spread((2.0, 3.0, 4.0))
    lines = benchmarks.table([Result(row, Contest(ours, peer, peaks=(61e6, 878e6)))], 7).split("\n")
    assert lines[2] == (
        "| reading 7 clips | 2.00 ms (1.00 to 4.00) | a loop: 3.00 s (2.00 to 4.00) "
        "| 1500x (1000 to 3000) | at least 5x: reached | 61 MB against 878 MB |"
    )


def test_every_row_is_listed_and_has_its_own_name(capsys):
    benchmarks.main(["--list"])
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == [row.name for row in benchmarks.ROWS]
    assert len(set(listed)) == len(listed)


def test_all_files_of_rows_are_in_the_table():
    here = Path(benchmarks.__file__).parent
    files = {path.stem for path in here.glob("*.py") if "\nROWS = (\n" in path.read_text("utf-8")}
    told = {row.contest.__module__.rpartition(".")[2] for row in benchmarks.ROWS}
    assert told == files - {"__main__"}
