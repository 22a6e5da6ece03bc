"""The encoder is compared with how long the clips play."""

from __future__ import annotations

import pytest

from tests.benchmarks import encoder
from tests.benchmarks.rows import Environment, Result
from tests.benchmarks.setting import Setting


def test_the_ratio_is_playing_time_over_processor_time(tiny_index, tmp_path, monkeypatch):
    monkeypatch.setattr(encoder, "CLIPS", 2)
    paths = tiny_index.clips["path"]
    clips = tuple(tiny_index.locate(path) for path in paths[:2])
    setting = Setting(clips, synthetic=True, scratch=tmp_path, repeats=1)
    environment = Environment.here(setting)
    for row in encoder.ROWS:
        measured = row.measure(setting)
        assert measured.peer.median == 2 * encoder.SECONDS
        result = Result(row, measured, environment)
        assert result.ratio == pytest.approx(2 * encoder.SECONDS / measured.ours.median)
        assert "load average" in measured.note
