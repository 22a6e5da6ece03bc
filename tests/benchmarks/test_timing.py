"""Timing is fair: contenders take turns, and processes are measured from outside."""

import sys

import pytest

from ser_keras.errors import SerKerasError
from tests.benchmarks.timing import Cost, Spread, fresh, interleave, timed


def test_contenders_run_in_turn_and_medians_are_taken():
    order = []

    def contender(name, seconds):
        remaining = iter(seconds)

        def run():
            order.append(name)
            return Cost(next(remaining))

        return run

    measured = interleave(
        {"ours": contender("ours", [99, 1, 5, 3]), "peer": contender("peer", [99, 10, 20, 60])}, 3
    )
    assert order == ["ours", "peer"] * 4  # the first turn is not counted
    assert measured["ours"].seconds == Spread((1, 5, 3))
    assert (measured["ours"].seconds.median, measured["peer"].seconds.median) == (3, 20)
    assert (measured["peer"].seconds.low, measured["peer"].seconds.high) == (10, 60)
    assert measured["peer"].seconds.over(measured["ours"].seconds).values == (10, 4, 20)


def test_work_that_is_repeated_costs_the_time_of_one_repetition():
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
def test_the_processor_time_of_a_fresh_process_is_its_own_and_that_of_others_is_apart():
    busy = "import time\nwhile time.process_time() < 0.2: pass"
    cost = fresh(["-I", "-S", "-c", busy])
    assert 0.2 <= cost.processor < 5
    assert cost.others is None or cost.others >= 0


@pytest.mark.skipif(sys.platform == "win32", reason="needs wait4")
def test_a_fresh_process_that_fails_says_why():
    with pytest.raises(SerKerasError, match=r"ended with 1 \(ValueError: no\)"):
        fresh(["-c", "raise ValueError('no')"])
