"""Three hours are compared with a loop over the very windows that they are cut into."""

import pytest

from tests.benchmarks import long
from tests.benchmarks.rows import Result
from tests.benchmarks.timing import Cost, Repetitions


def costs(seconds, **others):
    return Repetitions(tuple(Cost(s, 10**8, 2.0, **others) for s in seconds))


def test_a_note_says_what_other_programs_took():
    assert long.note(costs([4.0, 5.0, 6.0])) == "2 s of processor time"
    busy = long.note(costs([4.0, 5.0, 6.0], others=5.0))
    assert busy == "2 s of processor time, while other programs kept 1.0 cores busy"


def test_each_model_has_its_aims():
    aims = {row.name: row.aim for row in long.ROWS}
    assert aims["long-tess"] == "at least 1000x"
    assert aims["long-general"] == "at least 200x"
    assert aims["long-tess-memory"] == aims["long-general-memory"] == "at most 1.3x"


def test_the_loop_is_measured_on_a_part_and_counted_for_the_whole(monkeypatch):
    setting = type("Setting", (), {"repeats": 3, "quick": False})()
    measured = {"long": costs([10, 12, 11]), "loop": costs([5, 5, 5]), "short": costs([1, 1, 1])}
    monkeypatch.setattr(long, "measured", lambda *_: measured)
    row = next(row for row in long.ROWS if row.name == "long-tess")
    result = Result(row, row.measure(setting), None)
    assert result.ratio == pytest.approx(10_800 / 11)
    assert result.reached is False
    row = next(row for row in long.ROWS if row.name == "long-tess-loop")
    result = Result(row, row.measure(setting), None)
    assert result.ratio == pytest.approx(18 * 5 / 11)
    assert result.measurement.note.endswith("of the loop 36 s")
