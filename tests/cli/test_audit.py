"""`python -m ser_keras.audit`: exit statuses, and what goes where."""

import json

import pytest

from ser_keras.cli import audit as command
from tests.audit.lists import emobox_fold, write
from tests.test_leakage import babble


def status(*argv):
    try:
        command.main([str(argument) for argument in argv])
    except SystemExit as stop:
        return stop.code
    return 0


@pytest.fixture
def leaking(tmp_path):
    """Arguments for a fold in which one test clip is a softer copy of a training clip."""
    fold = emobox_fold(tmp_path)
    data = tmp_path / "data"
    copy = data / "TESS" / "OAF" / "OAF_dog_sad.flac"
    write(copy, 0.5 * babble(sum(map(ord, "OAF_back_sad")), seconds=0.6))
    return [fold, "--data", data, "--cache", tmp_path / "cache"]


def test_the_exit_status_depends_on_what_is_forbidden(leaking, tmp_path, capsys):
    assert status(*leaking) == 1
    assert status(*leaking, "--forbid", "content") == 0
    assert status(*leaking, "--forbid", "text, content") == 1  # a copy says the same text
    assert status(*leaking, "--no-sound") == 0
    assert status(tmp_path / "nothing.csv") == 1
    assert status(*leaking, "--forbid", "voices") == 2
    assert status() == 2
    assert "voices is not one of content, near, speaker, text" in capsys.readouterr().err


def test_only_json_goes_to_standard_output(leaking, capsys):
    assert status(*leaking, "--json") == 1
    result = json.loads(capsys.readouterr().out)
    assert result["test"] == {"content": 0, "near": 1, "speaker": 2, "text": 0}
    assert (result["rung"], result["rung_by_labels"]) == ("random", "text")
    assert result["failures"] == ["near"]
    assert result["pairs"][0]["second"] == "downloads/tess/OAF_back_sad.wav"


def test_the_text_names_what_is_shared_and_the_remedy(leaking, capsys):
    status(*leaking)
    out = capsys.readouterr().out
    assert (
        "Near-duplicates: test and the other sides share 1: downloads/tess/OAF_dog_sad.wav" in out
    )
    assert "; without the shared sounds it would be protocol text." in out
    assert "Leave one clip of each such pair out of training." in out


def test_a_clip_that_could_not_be_heard_fails_where_sounds_are_forbidden(leaking, capsys):
    next(leaking[2].rglob("OAF_dog*")).unlink()
    assert status(*leaking) == 1
    assert "Forbidden, but shared or unknown: content, near." in capsys.readouterr().err
    assert status(*leaking, "--forbid", "text") == 0
    assert status(*leaking, "--forbid", "text", "--strict") == 1
    assert status(*leaking, "--no-sound") == 0


def test_the_roles_of_numbers_are_given(tmp_path, capsys):
    rows = [f"{n}.wav,{n},text {n},{n % 3}" for n in range(9)]
    (tmp_path / "split.csv").write_text("\n".join(["path,speaker,text,split", *rows, ""]))
    assert status(tmp_path / "split.csv", "--no-sound") == 1
    assert "--role 0=ROLE,1=ROLE,2=ROLE" in capsys.readouterr().err
    roles = ["--role", "0=train,1=dev,2=test"]
    assert status(tmp_path / "split.csv", "--no-sound", *roles) == 0
    assert "3 train, 3 validation, 3 test" in capsys.readouterr().out
    assert status(tmp_path / "split.csv", "--role", "0:train") == 2
    assert "0:train is not of the form VALUE=ROLE" in capsys.readouterr().err


def test_the_users_files_are_not_changed(leaking):
    def there():
        return sorted(path for at in leaking[:3:2] for path in at.rglob("*"))

    before = there()
    status(*leaking)
    assert there() == before
