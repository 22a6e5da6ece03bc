"""`ledger selection` asks for the systems and corpora that are named, and prints what came out."""

from __future__ import annotations

import pytest

from ser_keras import ledger as kept
from ser_keras.cli import ledger
from ser_keras.ledger import selection


@pytest.fixture
def asked(monkeypatch):
    """What was asked of `ledger.selection.run`, where nothing is trained."""
    calls = {}

    def run(data, cache, path, **options):
        calls.update(data=data, path=path, **options)
        return []

    monkeypatch.setattr(selection, "run", run)
    monkeypatch.setattr(kept, "rows", list)
    return calls


def test_lists_are_divided_by_commas(asked, tmp_path, capsys):
    words = f"selection --data {tmp_path} --out {tmp_path} --recipe fusion,general --corpus tess"
    ledger.main(words.split())
    assert (asked["names"], asked["on"]) == (["fusion", "general"], ["tess"])
    assert asked["path"] == tmp_path / "selection.json"
    assert "No row is finished." in capsys.readouterr().err


def test_all_systems_are_taken_where_none_is_named_and_results_kept_on_request(asked, tmp_path):
    ledger.main(["selection", "--data", str(tmp_path), "--keep"])
    assert asked["names"] == list(selection.SEARCHES)
    assert asked["path"] == selection.RESULTS


def test_a_missing_folder_of_corpora_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit):
        ledger.main(["selection", "--data", str(tmp_path / "nowhere")])
    assert "no such folder" in capsys.readouterr().err
