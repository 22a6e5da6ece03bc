"""`Use_Our_Model.py`: which model it takes, what it says about that, and what its rows tell."""

import csv
import io
import json
import statistics

import pytest
import soundfile

from ser_keras import bundle, files, ledger, models
from ser_keras.cli import use
from ser_keras.ledger import adapted
from tests.faults.hostile import copied, edit

NOTE = "the model was trained on synthetic speech"


@pytest.fixture
def recordings(tmp_path, voice):
    """A folder with two recordings, whose names tell no emotions."""
    (tmp_path / "calls").mkdir()
    for i in range(2):
        soundfile.write(tmp_path / "calls" / f"{i}.wav", voice(200 + 90 * i, seed=i), 22_050)
    return str(tmp_path / "calls")


@pytest.fixture
def nothing(tmp_path, monkeypatch):
    """A machine where nothing was trained and nothing ships."""
    monkeypatch.setattr(models, "SHIPPED", tmp_path / "package")
    monkeypatch.setattr(bundle, "LATEST", tmp_path / "latest")
    (tmp_path / "package").mkdir()


@pytest.fixture
def general(nothing, tiny_run, tmp_path):
    """The folder of a model `general` that ships."""
    folder = copied(tiny_run.folder, tmp_path / "package" / "general")
    (folder / "CARD.md").write_text("# General\n\nIt learned from tones.\n")
    return folder


@pytest.fixture
def trained(nothing, tiny_run, tmp_path):
    """Return a function that makes a run the one that was trained last, and returns its folder."""

    def train(synthetic):
        folder = copied(tiny_run.folder, tmp_path / "run")
        edit(folder, synthetic=synthetic)
        bundle.remember_latest(folder)
        return folder

    return train


@pytest.fixture
def run(capsys, tmp_path):
    """Return a function that runs the command and returns the status and both streams."""

    def main(*words):
        status = 0
        try:
            use.main([*map(str, words), "--out", str(tmp_path / "out")])
        except SystemExit as stop:
            status = stop.code
        return status, *capsys.readouterr()

    return main


def test_recordings_get_the_general_model_where_nothing_was_trained(general, recordings, run):
    status, out, err = run(recordings)
    assert status == 0
    assert err.splitlines()[0] == "Model: general (comes with ser_keras)."
    assert "0.wav" in out
    assert "--model" not in err


def test_recordings_get_the_model_trained_last_if_it_learned_from_real_speech(
    general, trained, recordings, run
):
    folder = trained(synthetic=False)
    _, _, err = run(recordings)
    assert err.splitlines()[0] == f"Model: attention-tess on tess (trained last here, in {folder})."


def test_a_model_of_synthetic_speech_is_passed_over_and_it_is_said_how_to_use_it(
    general, trained, recordings, run
):
    folder = trained(synthetic=True)
    _, out, err = run(recordings)
    assert err.splitlines()[:2] == [
        "Model: general (comes with ser_keras).",
        "The model trained last here learned from synthetic speech. Use it all the same with: "
        f"--model {folder}",
    ]
    assert NOTE not in out


def test_a_model_of_synthetic_speech_that_is_named_says_so_in_every_row(
    general, trained, recordings, run
):
    folder = trained(synthetic=True)
    _, table, err = run(recordings, "--model", folder)
    assert table.count(NOTE) == 2
    assert f"trained on synthetic speech ({folder})." in err
    _, text, _ = run(recordings, "--model", folder, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["note"] for row in rows] == [NOTE, NOTE]
    _, lines, _ = run(recordings, "--model", folder, "--format", "jsonl")
    assert [json.loads(line)["note"] for line in lines.splitlines()] == [NOTE, NOTE]


def test_the_remark_on_synthetic_speech_comes_after_other_remarks(trained, tmp_path, voice, run):
    folder = trained(synthetic=True)
    soundfile.write(tmp_path / "long.wav", voice(200, 5.0), 22_050)
    _, text, _ = run(tmp_path / "long.wav", "--whole", "--model", folder, "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["note"].startswith("5.0 s long; ")
    assert row["note"].endswith(f"; {NOTE}")


def test_without_a_general_model_one_of_synthetic_speech_has_to_be_named(trained, recordings, run):
    folder = trained(synthetic=True)
    status, out, err = run(recordings)
    assert (status, out) == (1, "")
    assert err == (
        "error: --model: the model trained last here learned from synthetic speech. "
        f"Train one on real speech, or use it all the same with --model {folder}.\n"
    )


@pytest.mark.parametrize("synthetic", [True, False])
def test_without_recordings_the_model_trained_last_gets_its_own_test_clips(
    general, trained, tiny_run, tiny_tess, run, synthetic
):
    folder = trained(synthetic)
    (folder / "split.csv").write_bytes((tiny_run.folder / "split.csv").read_bytes())
    status, text, err = run("--data", tiny_tess.parent, "--format", "csv")
    assert status == 0
    assert f"(trained last here, in {folder})." in err
    assert f"The {tiny_run.test.n} test clips of this model's run" in err
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == tiny_run.test.n
    assert not any(NOTE in row["note"] for row in rows)


def test_without_recordings_and_a_run_the_error_says_what_to_do(general, run):
    assert run()[::2] == (
        1,
        "error: --model: no model has been trained here yet. Name recordings to label, or train "
        "one with: python Emotion_Recognition.py.\n",
    )
    status, _, err = run("--model", "general")
    assert status == 1
    assert "comes without the clips that it was tested on (split.csv). Name recordings" in err


def test_where_nothing_was_trained_and_nothing_ships_the_error_says_to_train(
    nothing, recordings, run
):
    assert run(recordings)[::2] == (
        1,
        "error: --model: no model has been trained here yet. Give one with --model, or train one "
        "with: python Emotion_Recognition.py.\n",
    )


def test_the_general_model_is_scored_on_recordings_whose_emotions_are_known(
    general, tiny_tess, tmp_path, run
):
    status, out, err = run(tiny_tess, "--cache", tmp_path / "cache")
    assert status == 0
    assert "accuracy" in out
    assert "Near-duplicates are not known" not in err  # nobody here has the clips it learned from


def test_a_shipped_model_that_gives_one_label_is_not_to_be_trained_again(
    general, tiny_tess, run, monkeypatch
):
    stream = bundle.Bundle.stream

    def constant(self, recordings, **windows):
        for result in stream(self, recordings, **windows):
            object.__setattr__(result, "label", "sad")
            yield result

    monkeypatch.setattr(bundle.Bundle, "stream", constant)
    _, _, err = run(*sorted(tiny_tess.rglob("*.wav"))[:12], "--unlabelled")
    (line,) = (line for line in err.splitlines() if "same label" in line)
    assert line == (
        "warning: The network gives every recording the same label (sad). Unless all of them are "
        "sad, it is of no use for such recordings."
    )


def test_arousal_is_a_column_where_the_model_gives_it(general, recordings, run):
    _, plain, _ = run(recordings)
    assert "arousal" not in plain.splitlines()[0]
    edit(general, arousal={"emotions": ["angry", "happy"], "slope": 1.0, "offset": 0.5})
    _, table, _ = run(recordings)
    assert table.splitlines()[0].split()[-1] == "arousal"
    _, text, _ = run(recordings, "--format", "csv")
    assert text.splitlines()[0].endswith(",p_sad,arousal,adapted_by,note")
    for line, row in zip(table.splitlines()[1:], csv.DictReader(io.StringIO(text)), strict=True):
        assert line.split()[-1] == f"{float(row['arousal']):.3f}"
        assert row["adapted_by"] == "0"


def test_the_card_of_a_model_is_printed(general, run):
    assert run("--card") == (0, "# General\n\nIt learned from tones.\n", "")
    assert run("--card", "general")[1].startswith("# General")
    status, out, err = run("--card", "genral")
    assert (status, out) == (1, "")
    assert "genral: no such model. Did you mean general." in err


def test_the_help_names_the_models_that_ship(general, run):
    status, out, _ = run("--help")
    assert status == 0
    assert "comes with ser_keras (general)" in " ".join(out.split())


def test_the_help_gives_the_figures_that_were_measured(capsys):
    with pytest.raises(SystemExit):
        use.main(["--help"])
    words = " ".join(capsys.readouterr().out.split())
    (general,) = (row for row in ledger.rows() if row.key.recipe == "general")
    values = [[run.estimate("uar").value for run in general.runs]]
    for by in ("1 recording", "3 recordings"):
        values.append([run.adapted[by].uar.value for run in general.runs])
    plain, one, three = map(statistics.fmean, values)
    assert f"raised UAR from {plain:.2f} to {one:.2f}, three to {three:.2f}" in words
    itself = [each["one_emotion"] for each in files.read_json(adapted.RESULTS)]
    before, after = (statistics.fmean(each[how] for each in itself) for how in ("plain", "adapted"))
    assert f"UAR {after:.2f} instead of {before:.2f}" in words
