"""`Use_Our_Model.py`: labelling and scoring of recordings, and what goes to which stream."""

import csv
import dataclasses
import io
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from ser_keras import files
from ser_keras.cli import labelling, use


@pytest.fixture
def test_folder(tiny_run, tiny_tess, tmp_path):
    """The test clips of the tiny run, laid out on disk."""
    with open(tiny_run.folder / "split.csv") as stream:
        rows = [row for row in csv.DictReader(stream) if row["role"] == "test"]
    for row in rows:
        files.link_or_copy(tiny_tess / row["path"], tmp_path / "Test" / row["path"])
    return tmp_path / "Test"


def run(argv, tiny_run, tmp_path):
    use.main([*map(str, argv), "--model", str(tiny_run.folder), "--out", str(tmp_path / "out")])


def fails(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        use.main([*map(str, argv)])
    assert stop.value.code == 1
    (line,) = (x for x in capsys.readouterr().err.splitlines() if x.startswith("error:"))
    return line


def test_a_labelled_folder_gets_the_figures_of_the_run(tiny_run, test_folder, tmp_path, capsys):
    run([test_folder], tiny_run, tmp_path)
    out, err = capsys.readouterr()
    scores = tiny_run.test
    assert f"{100 * scores.accuracy.value:.2f}" in out
    assert "precision %" in out
    assert "not comparable with the published 0.9000: 4 of 300 epochs; changed settings: " in out
    assert "training" not in err.replace("Training", "")
    assert (tmp_path / "out" / "confusion_matrix_test.png").stat().st_size > 10_000


def test_the_same_clips_by_the_keras_engine_get_the_same_labels(
    tiny_run, test_folder, tmp_path, capsys
):
    tables = []
    for engine in ("light", "keras"):
        run(
            [test_folder, "--unlabelled", "--format", "csv", "--engine", engine], tiny_run, tmp_path
        )
        tables.append(list(csv.DictReader(io.StringIO(capsys.readouterr().out))))
    assert [row["label"] for row in tables[0]] == [row["label"] for row in tables[1]]
    for one, other in zip(*tables, strict=True):
        assert float(one["p_sad"]) == pytest.approx(float(other["p_sad"]), abs=1e-4)


def shares(out):
    """Return the table of shared kinds as a dict."""
    lines = out[out.index("what these clips share") :].splitlines()[1:5]
    return {line.split()[0]: " ".join(line.split()[1:]) for line in lines}


def test_scores_come_with_what_the_clips_share_with_the_training_side(
    tiny_run, test_folder, tmp_path, capsys
):
    run([test_folder, "--cache", tmp_path / "cache"], tiny_run, tmp_path)
    out, err = capsys.readouterr()
    n = tiny_run.test.n
    texts = {clip.stem.split("_")[1] for clip in test_folder.rglob("*.wav")}
    assert shares(out) == {
        "sound": f"0 of {n}",
        "near-duplicate": "not known",
        "speaker": "2 of 2",
        "text": f"{len(texts)} of {len(texts)}",
    }
    assert "So these are scores on seen speakers, seen texts." in out
    assert err.splitlines()[-2].endswith(f": python -m ser_keras.audit {tiny_run.folder}")
    shutil.copytree(tiny_run.folder, tmp_path / "copy")  # as from a stranger: it tells no place
    options = ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    use.main([str(test_folder), "--model", str(tmp_path / "copy"), *options])
    assert f"python -m ser_keras.audit {tmp_path}/copy --data DIR" in capsys.readouterr().err


def test_near_duplicates_of_a_run_are_known_after_its_training(
    tiny_run, test_folder, tmp_path, cache, capsys
):
    run([test_folder, "--cache", cache], tiny_run, tmp_path)
    out, err = capsys.readouterr()
    assert shares(out)["near-duplicate"] == "0"
    assert "Near-duplicates are not known" not in err


@pytest.fixture
def constant_model(monkeypatch):
    """Every model gives the same label to every recording."""
    from ser_keras.bundle import Bundle

    stream = Bundle.stream

    def constant(self, recordings, **windows):
        for result in stream(self, recordings, **windows):
            yield dataclasses.replace(result, label="sad")

    monkeypatch.setattr(Bundle, "stream", constant)


@pytest.mark.parametrize("words", [[], ["--unlabelled"]])
def test_the_same_label_for_many_recordings_is_remarked(
    tiny_run, test_folder, tmp_path, capsys, constant_model, words
):
    run([test_folder, *words], tiny_run, tmp_path)
    (line,) = (x for x in capsys.readouterr().err.splitlines() if "same label" in x)
    assert line.startswith("warning: The network gives every recording the same label (sad).")
    assert ("Unless all of them are sad" in line) is bool(words)
    assert line.endswith("It was limited to 4 of 300 epochs: train it in full.")


def test_the_same_label_for_few_recordings_is_not_remarked(
    tiny_run, test_folder, tmp_path, capsys, constant_model
):
    few = sorted(test_folder.rglob("*.wav"))[:3]
    run([*few, "--unlabelled"], tiny_run, tmp_path)
    assert "same label" not in capsys.readouterr().err


def test_recordings_of_unknown_speakers_are_not_called_unseen(tiny_run, tmp_path, voice, capsys):
    for i, emotion in enumerate(("sad", "angry")):
        path = tmp_path / "mine" / emotion / f"{i}.wav"
        path.parent.mkdir(parents=True)
        soundfile.write(path, voice(200 + i, seed=i), 22_050)
    run([tmp_path / "mine"], tiny_run, tmp_path)
    out = capsys.readouterr().out
    assert shares(out)["speaker"] == shares(out)["text"] == "not known"
    assert "So these are scores on speakers not known, texts not known." in out


def test_clips_of_the_training_set_give_a_warning(tiny_run, tiny_tess, tmp_path, capsys):
    run([tiny_tess], tiny_run, tmp_path)
    err = capsys.readouterr().err
    assert "were in the model's training or validation set" in err


def test_unlabelled_recordings_get_a_row_each_with_all_probabilities(
    tiny_run, test_folder, tmp_path, capsys
):
    clips = sorted(test_folder.rglob("*.wav"))[:3]
    for i, clip in enumerate(clips):
        shutil.copy(clip, tmp_path / f"recording{i}.wav")
    run([tmp_path / "recording*.wav", "--format", "jsonl"], tiny_run, tmp_path)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [os.path.basename(row["file"]) for row in rows] == [
        f"recording{i}.wav" for i in range(3)
    ]
    for row in rows:
        assert sum(v for k, v in row.items() if k.startswith("p_")) == pytest.approx(1, abs=1e-5)
        assert row["label"] in tiny_run.test.labels


def test_labels_from_a_table_are_used_for_scoring(tiny_run, test_folder, tmp_path, capsys):
    clips = sorted(test_folder.rglob("*.wav"))
    (tmp_path / "plain").mkdir()
    lines = ["path,emotion"]
    for i, clip in enumerate(clips):
        shutil.copy(clip, tmp_path / "plain" / f"{i}.wav")
        lines.append(f"{i}.wav,{clip.stem.rpartition('_')[2]}")
    (tmp_path / "truth.csv").write_text("\n".join(lines))
    run([tmp_path / "plain", "--labels", tmp_path / "truth.csv"], tiny_run, tmp_path)
    out = capsys.readouterr().out
    assert f"{100 * tiny_run.test.accuracy.value:.2f}" in out


def test_one_bad_file_among_many_is_reported_skipped_and_counted(
    tiny_run, test_folder, tmp_path, capsys
):
    (test_folder / "notes_x_sad.wav").write_text("this is no sound")
    run([test_folder], tiny_run, tmp_path)
    err = capsys.readouterr().err
    total = len(list(test_folder.rglob("*.wav")))
    assert f"1 of {total} recordings were skipped" in err
    assert "notes_x_sad.wav" in err


def test_a_folder_that_is_not_searched_is_reported(tiny_run, test_folder, capsys, tmp_path):
    deep = test_folder.joinpath(*"123456789", "a_b_sad.wav")
    deep.parent.mkdir(parents=True)
    deep.touch()
    run([test_folder, "--unlabelled"], tiny_run, tmp_path)
    sentence = f"{deep.parent}: lies below 8 levels of folders and is not searched."
    assert f"warning: skipped {sentence}" in capsys.readouterr().err
    line = fails([test_folder, "--strict", "--model", tiny_run.folder], capsys)
    assert sentence in line


def test_recordings_are_not_scored_if_an_emotion_is_unknown(
    tiny_run, test_folder, tmp_path, capsys
):
    shutil.copy(next(test_folder.rglob("*.wav")), tmp_path / "recording.wav")
    run([test_folder, tmp_path / "recording.wav"], tiny_run, tmp_path)
    n = len(list(test_folder.rglob("*.wav")))
    out, err = capsys.readouterr()
    assert f"Only {n} of {n + 1} recordings have a known emotion, so the model is not scored" in err
    assert "recording.wav" in out


def test_strict_makes_a_bad_file_an_error(tiny_run, test_folder, capsys):
    (test_folder / "notes_x_sad.wav").write_text("this is no sound")
    line = fails([test_folder, "--strict", "--model", tiny_run.folder], capsys)
    assert "notes_x_sad.wav" in line


def _make(kind, path, voice):
    samples = voice(200)
    if kind == "text":
        path.write_text("hello")
    elif kind == "zero bytes":
        path.write_bytes(b"")
    elif kind == "silent":
        soundfile.write(path, np.zeros(22_050), 22_050)
    elif kind == "no samples":
        soundfile.write(path, np.zeros(0), 22_050)
    elif kind == "truncated":
        soundfile.write(path, samples, 22_050)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif kind == "too short":
        soundfile.write(path, samples[:5_000], 22_050)
    elif kind == "not a number":
        samples[15_000] = np.nan
        soundfile.write(path, samples, 22_050, subtype="FLOAT")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("text", "is in no format that is read"),
        ("zero bytes", "is empty"),
        ("silent", "is silent"),
        ("no samples", "holds no samples"),
        ("truncated", "is cut off"),
        ("too short", "the first 0.5 s are skipped"),
        ("not a number", "not finite"),
    ],
)
def test_an_unreadable_recording_is_one_sentence(kind, words, tiny_run, tmp_path, voice, capsys):
    path = tmp_path / "recording.wav"
    _make(kind, path, voice)
    line = fails([path, "--model", tiny_run.folder], capsys)
    assert str(path) in line
    assert words in line


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["nothing_here"], "nothing_here: no such file or folder"),
        (["none*.wav"], "matches no sound file"),
        (["EMPTY"], "holds no sound files"),
        (["EMPTY", "--model", "EMPTY"], "is no trained model: it has no bundle.json"),
        (["EMPTY", "--model", "none"], "none: no such model"),
        (["EMPTY", "--engine", "warp"], "no such engine. Choose light, quantized, keras"),
    ],
)
def test_wrong_arguments_are_one_sentence(argv, words, tiny_run, tmp_path, capsys):
    argv = [str(tmp_path) if word == "EMPTY" else word for word in argv]
    if "--model" not in argv:
        argv += ["--model", str(tiny_run.folder)]
    assert words in fails(argv, capsys)


def test_a_longer_recording_says_what_the_model_heard(tiny_run, tmp_path, voice, capsys):
    soundfile.write(tmp_path / "long.wav", voice(200, 10.0), 22_050)
    run([tmp_path / "long.wav", "--whole"], tiny_run, tmp_path)
    assert "10.0 s long; the model hears only this part" in capsys.readouterr().out


def test_without_a_model_the_last_run_is_used_and_named(
    tiny_run, tmp_path, monkeypatch, capsys, voice
):
    from ser_keras import bundle

    monkeypatch.setattr(bundle, "LATEST", tmp_path / "latest")
    assert "no model has been trained here yet" in fails([], capsys)
    bundle.remember_latest(tiny_run.folder)
    soundfile.write(tmp_path / "a.wav", voice(200), 22_050)
    use.main([str(tmp_path / "a.wav")])
    assert str(tiny_run.folder) in capsys.readouterr().err


def test_without_a_path_the_runs_own_test_clips_are_scored(tiny_run, tiny_tess, tmp_path, capsys):
    run(["--data", tiny_tess.parent], tiny_run, tmp_path)
    out, err = capsys.readouterr()
    assert f"The {tiny_run.test.n} test clips of this model's run" in err
    assert f"{100 * tiny_run.test.accuracy.value:.2f}" in out


def test_labelling_starts_neither_tensorflow_nor_keras_nor_librosa(tiny_run, tmp_path, voice):
    soundfile.write(tmp_path / "a.wav", voice(200), 22_050)
    program = (
        "import sys\nfrom ser_keras.cli import use\nuse.main(sys.argv[1:])\n"
        "heavy = {'tensorflow', 'keras', 'librosa', 'pandas', 'sklearn', 'matplotlib'}\n"
        "assert not heavy & {name.split('.')[0] for name in sys.modules}\n"
    )
    argv = [sys.executable, "-c", program, str(tmp_path / "a.wav"), "--model", str(tiny_run.folder)]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=files.ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert "a.wav" in done.stdout


def test_standard_output_is_clean_for_a_pipe(tiny_run, tmp_path, voice):
    soundfile.write(tmp_path / "a.wav", voice(200), 22_050)
    script = str(files.ROOT / "Use_Our_Model.py")
    argv = [sys.executable, script, str(tmp_path / "a.wav"), "--format", "csv"]
    done = subprocess.run(
        [*argv, "--model", str(tiny_run.folder)], capture_output=True, text=True, check=True
    )
    header, line = done.stdout.splitlines()
    assert header.startswith("file,start,end,label,p_angry")
    assert line.startswith(str(tmp_path / "a.wav"))
    assert done.stderr.startswith("Model: attention-tess on tess")


def test_a_model_is_adapted_to_one_thing_alone(tiny_run, test_folder, tmp_path, capsys):
    words = [test_folder, "--adapt", "file", "--unlabelled", "--enrol", test_folder]
    with pytest.raises(SystemExit) as stop:
        run(words, tiny_run, tmp_path)
    assert stop.value.code == 1
    assert "error: --enrol: adapts the model already" in capsys.readouterr().err


def test_one_srt_of_several_recordings_needs_a_folder(tiny_run, test_folder, tmp_path, capsys):
    words = [test_folder, "--unlabelled", "--format", "srt"]
    with pytest.raises(SystemExit):
        run(words, tiny_run, tmp_path)
    assert "Name a folder with --save" in capsys.readouterr().err
    run([*words, "--save", tmp_path / "subtitles"], tiny_run, tmp_path)
    assert list((tmp_path / "subtitles").glob("*.srt"))


def test_a_table_is_continued_where_it_stopped(tiny_run, test_folder, tmp_path, capsys):
    words = [test_folder, "--unlabelled", "--resume", tmp_path / "out.csv"]
    run(words, tiny_run, tmp_path)
    before = (tmp_path / "out.csv").read_text()
    run(words, tiny_run, tmp_path)
    assert (tmp_path / "out.csv").read_text() == before
    assert "recordings are labelled already" in capsys.readouterr().err


def test_a_timeline_is_drawn_and_named(tiny_run, tmp_path, voice, capsys):
    soundfile.write(tmp_path / "talk.wav", voice(200, 8.0), 22_050)
    words = [tmp_path / "talk.wav", "--unlabelled", "--timeline", tmp_path / "talk.png"]
    run([*words, "--top", "2"], tiny_run, tmp_path)
    shown = capsys.readouterr()
    assert (tmp_path / "talk.png").stat().st_size > 10_000
    assert "Timeline: " in shown.err
    assert "1." in shown.out


def test_parts_of_recordings_are_labelled_and_not_scored(tiny_run, test_folder, tmp_path, capsys):
    run([test_folder, "--window", "0.5"], tiny_run, tmp_path)
    shown = capsys.readouterr()
    assert "so their parts are not scored" in shown.err
    assert "UAR" not in shown.out


def test_skipped_files_with_one_reason_share_a_line(tiny_run, test_folder, tmp_path, capsys):
    for name in ("a", "b", "c"):
        (test_folder / f"{name}.wav").touch()
    (test_folder / "d.wav").write_bytes(b"no sound")
    for name, seconds in (("e", 0.4), ("f", 0.45)):
        soundfile.write(test_folder / f"{name}.wav", np.full(int(22_050 * seconds), 0.1), 22_050)
    for name in ("x.docx", "y.docx", "z.jpg"):
        (test_folder / name).touch()
    run([test_folder, "--unlabelled", "--format", "csv"], tiny_run, tmp_path)
    messages = capsys.readouterr().err
    assert "3 files of the folders are no recordings: 2 .docx, 1 .jpg.\n" in messages
    empty = ", ".join(str(test_folder / f"{name}.wav") for name in "abc")
    assert f"warning: skipped 3: is empty ({empty}).\n" in messages
    assert f"warning: skipped {test_folder / 'd.wav'}: is in no format" in messages
    short = f"({test_folder / 'e.wav'}, {test_folder / 'f.wav'})"
    assert f"lasts 0.40 s and the first 0.5 s are skipped, or the like {short}.\n" in messages
    assert "warning: 6 of " in messages


def test_a_timeline_reports_what_was_skipped_in_the_same_words(
    tiny_run, test_folder, tmp_path, capsys
):
    folder = tmp_path / "some"
    folder.mkdir()
    shutil.copy(next(test_folder.rglob("*.wav")), folder / "good.wav")
    for name in ("a", "b"):
        (folder / f"{name}.wav").touch()
    run([folder, "--unlabelled", "--timeline", tmp_path / "lines"], tiny_run, tmp_path)
    messages = capsys.readouterr().err
    assert "warning: skipped 2: is empty (" in messages
    assert "warning: 2 of 3 recordings were skipped." in messages
    assert [path.name for path in (tmp_path / "lines").iterdir()] == ["good.wav.png"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--resume", "a.csv", "--timeline"], "--resume: does not go with --timeline. Leave out"),
        (["--resume", "a.csv", "--format", "srt"], "--resume: does not go with --format."),
        (["--dask", "tcp://a:1", "--jobs", "2"], "--dask: does not go with --jobs."),
        (["--jobs", "0"], "--jobs: cannot be 0. Give a whole number from 1"),
        (["--top", "0"], "--top: cannot be 0. Give a whole number from 1"),
    ],
)
def test_options_of_which_one_would_be_passed_over_are_refused(
    options, words, tiny_run, test_folder, tmp_path, capsys
):
    line = fails([test_folder, "--model", tiny_run.folder, *options], capsys)
    assert line.startswith(f"error: {words}")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--save", "a.xls"], "has a suffix of no form"),
        (["--format", "srt"], "Name a folder with --save"),
        (["--save", "a.parquet"], "pip install pyarrow"),
    ],
)
def test_rows_that_cannot_be_written_are_refused_before_a_recording_is_labelled(
    options, words, tiny_run, test_folder, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(labelling.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(labelling, "label", None)  # nothing may be labelled
    line = fails([test_folder, "--unlabelled", "--model", tiny_run.folder, *options], capsys)
    assert words in line
