"""`python -m ser_keras.stress`: what goes where."""

import json

import pytest

from ser_keras import stress
from ser_keras.cli import stress as command


@pytest.fixture
def arguments(tiny_run, tiny_tess, cache, tmp_path, monkeypatch):
    monkeypatch.setattr(stress, "CHANGES", stress.CHANGES[:1])
    monkeypatch.setattr(stress.examine, "__defaults__", (0, stress.CHANGES))
    folders = ["--cache", str(cache), "--out", str(tmp_path)]
    return [str(tiny_run.folder), "--data", str(tiny_tess), "--clips", "14", *folders]


def test_only_the_table_or_json_goes_to_standard_output(arguments, capsys, tmp_path):
    command.main(arguments)
    printed = capsys.readouterr()
    assert printed.out.startswith("change       amount")
    assert "Chance level of the UAR" in printed.err
    command.main([*arguments, "--format", "json", "--no-picture"])
    value = json.loads(capsys.readouterr().out)
    assert value["effects"][0]["kind"] == "white noise"
    assert (tmp_path / "STRESS.md").is_file()


def test_a_folder_without_corpora_is_an_error_in_one_sentence(arguments, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit) as stop:
        command.main([*arguments, "--data", str(tmp_path / "empty")])
    assert stop.value.code == 1
    assert "holds no known corpus" in capsys.readouterr().err
