"""`Use_Our_Model.py`: where the emotions of recordings come from, and what is said about it."""

import shutil

import pytest

from ser_keras.cli import use


@pytest.fixture
def clips(tiny_tess):
    """Three angry and three sad clips."""
    return {word: sorted(tiny_tess.rglob(f"*_{word}.wav"))[:3] for word in ("angry", "sad")}


@pytest.fixture
def run(tiny_run, tmp_path, capsys):
    """Return a function that labels recordings, and returns the status and both streams."""

    def labelled(*argv):
        status = 0
        try:
            options = ["--model", tiny_run.folder, "--out", tmp_path / "out"]
            use.main([str(word) for word in [*argv, *options]])
        except SystemExit as stop:
            status = stop.code
        return status, *capsys.readouterr()

    return labelled


def lay(root, clips, *names):
    for name, source in zip(names, [*clips["angry"], *clips["sad"]], strict=False):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, root / name)
    return root


@pytest.mark.parametrize(
    ("corpus", "names"),
    [
        ("ravdess", ["Actor_01/03-01-05-01-01-01-01.wav", "Actor_02/03-01-04-01-01-01-02.wav"]),
        ("crema-d", ["1001_DFA_ANG_XX.wav", "1001_DFA_SAD_XX.wav"]),
        ("emodb", ["wav/03a01Wa.wav", "wav/03a01Tc.wav"]),
        ("savee", ["AudioData/DC/a01.wav", "AudioData/DC/sa01.wav"]),
    ],
)
def test_recordings_of_known_corpora_are_scored_by_their_names(run, clips, tmp_path, corpus, names):
    status, out, err = run(lay(tmp_path / "calls", clips, *names))
    assert status == 0
    assert "accuracy" in out
    assert f"Emotions read from names, as in the corpus {corpus} (2 of 2)." in err


def test_why_recordings_are_not_scored_is_said(run, clips, tmp_path):
    calm = lay(tmp_path / "a", clips, "03-01-05-01-01-01-01.wav", "03-01-02-01-01-01-01.wav")
    status, out, err = run(calm)
    assert (status, "accuracy" in out) == (0, False)
    assert "The model does not know the emotions of 1 recording: calm." in err
    assert "Only 1 of 2 recordings have a known emotion, so the model is not scored." in err
    names = ["not_angry/1.wav", "call_12_not_happy.wav"]
    _, out, err = run(lay(tmp_path / "b", clips, *names))
    assert "accuracy" not in out
    assert "The names tell no emotions, so the model is not scored." in err
    assert "The names tell" not in run(tmp_path / "b", "--unlabelled")[2]


def test_recordings_without_a_row_are_reported_and_skipped_or_an_error(run, clips, tmp_path):
    folder = lay(tmp_path / "calls", clips, "1.wav", "2.wav", "3.wav", "4.wav")
    table = tmp_path / "truth.csv"
    table.write_text(
        "Path;Emotion\r\n1.wav;angry\r\n4.wav;sad\r\n2.wav\r\n;\r\n", encoding="utf-16"
    )
    status, out, err = run(folder, "--labels", table)
    assert status == 0
    assert "2 clips" in out
    assert err.count("warning: skipped") == 2
    names = f"{folder}/2.wav, {folder}/3.wav"
    assert f"warning: skipped 2: has no row in truth.csv ({names})." in err
    assert f"{table}, line 4: has no emotion." in err
    status, _, err = run(folder, "--labels", table, "--strict")
    assert (status, "line 4: has no emotion" in err) == (1, True)


def test_hidden_folders_are_left_out_of_folders_and_patterns(run, clips, tmp_path):
    names = ["Call [2024]/x.wav", "Call [2024]/.Trash-1000/y.wav", ".ipynb_checkpoints/z.wav"]
    folder = lay(tmp_path / "calls", clips, *names)
    for path in (folder, f"{folder}/Call [2024]/*.wav", f"{folder}/**/*.wav"):
        _, out, _ = run(path, "--unlabelled", "--format", "csv")
        assert [line.split(",")[0] for line in out.splitlines()[1:]] == [f"{folder}/{names[0]}"]
