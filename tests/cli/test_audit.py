"""`python -m ser_keras.audit`: exit statuses, and what goes where."""

import json

import pytest

from ser_keras.cli import audit as command
from tests.lists import emobox_fold, write
from tests.test_leakage import babble


def status(*argv):
    try:
        command.main([str(argument) for argument in argv])
    except SystemExit as stop:
        return stop.code
    return 0


@pytest.fixture
def leaking(tmp_path):
    """Arguments for a fold of which one test clip is a softer training clip."""
    fold = emobox_fold(tmp_path)
    data = tmp_path / "data"
    copy = data / "TESS" / "OAF" / "OAF_dog_sad.flac"
    write(copy, 0.5 * babble(sum(map(ord, "OAF_back_sad")), seconds=0.6))
    return [fold, "--data", data, "--cache", tmp_path / "cache"]


def test_the_exit_status_is_that_of_what_is_forbidden(leaking, tmp_path, capsys):
    assert status(*leaking) == 1
    assert status(*leaking, "--forbid", "content") == 0
    assert status(*leaking, "--forbid", "text, content") == 1  # a copy says the same text
    assert status(*leaking, "--no-sound") == 0
    assert status(tmp_path / "nothing.csv") == 1
    assert status(*leaking, "--forbid", "voices") == 2
    assert status() == 2
    assert "voices is none of content, near, speaker, text" in capsys.readouterr().err


def test_json_stands_alone_on_standard_output(leaking, capsys):
    assert status(*leaking, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["test"] == {"content": 0, "near": 1, "speaker": 2, "text": 0}
    assert (told["rung"], told["rung_by_labels"], told["failures"]) == ("random", "text", ["near"])
    assert told["pairs"][0]["second"] == "downloads/tess/OAF_back_sad.wav"


def test_text_says_what_is_shared_and_what_to_do(leaking, capsys):
    status(*leaking)
    out = capsys.readouterr().out
    assert "Near-duplicates: test and the rest share 1: downloads/tess/OAF_dog_sad.wav and" in out
    assert "without the shared sounds it would be text" in out
    assert "Leave one clip of each such pair out of training." in out


def test_a_clip_that_cannot_be_read_fails_only_where_that_is_asked_for(leaking):
    next(leaking[2].rglob("OAF_dog*")).unlink()
    assert status(*leaking) == 0
    assert status(*leaking, "--strict") == 1


def test_nothing_of_the_users_is_written(leaking):
    def there():
        return sorted(path for at in leaking[:3:2] for path in at.rglob("*"))

    before = there()
    status(*leaking)
    assert there() == before
