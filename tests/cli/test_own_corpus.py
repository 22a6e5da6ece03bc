"""A user's own recordings from the first command to the last, with what each prints as next."""

import csv
import shlex
import shutil

import pytest

from ser_keras import audit, corpora, files, runs
from ser_keras.cli import train, use
from ser_keras.errors import SerKerasError

EPOCHS = ["--epochs", "2"]
LABELS = {"angry": "anger", "happy": "happy", "disgust": "frustrated"}  # folder of TESS -> own


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A working folder, with the results of the project in it."""
    from ser_keras import bundle

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(files, "RUNS", tmp_path / "results" / "runs")
    monkeypatch.setattr("ser_keras.runs.experiment.RUNS", tmp_path / "results" / "runs")
    monkeypatch.setattr(bundle, "LATEST", tmp_path / "results" / "latest")
    monkeypatch.setattr(files, "ROOT", tmp_path)
    monkeypatch.setattr(use, "EVALUATION", tmp_path / "results" / "evaluation")
    return tmp_path


def recordings(folder, tiny_tess, words=slice(None)):
    """Copy clips of the tiny corpus into folders of own emotions, and return their folder."""
    for source, label in LABELS.items():
        for speaker in ("OAF", "YAF"):
            for clip in sorted((tiny_tess / f"{speaker}_{source}").iterdir())[words]:
                path = folder / label / f"{speaker.lower()}_{clip.stem.split('_')[1]}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(clip, path)
    return folder


def next_command(err):
    """Return the words of the command that was printed as the next one."""
    (line,) = (line for line in err.splitlines() if line.startswith("Next: "))
    python, script, *words = shlex.split(line.removeprefix("Next: "))
    assert python == "python"
    return script, words


def paste(command, cache):
    """Run a printed command, with the cache of the tests."""
    script, words = command
    main = {"Use_Our_Model.py": use.main, "Emotion_Recognition.py": train.main}[script]
    main([*words, "--cache", str(cache)])


def test_own_recordings_are_trained_on_and_every_next_command_works(
    project, tiny_tess, cache, capsys
):
    recordings(project / "my_recordings", tiny_tess)
    train.main(["--list", "my_recordings"])
    out, err = capsys.readouterr()
    assert "happy 16, angry 16, frustrated 16" in out
    assert "2: oaf 24, yaf 24" in out
    assert "anger/ is read as angry" in out

    script, words = next_command(err)
    paste((script, [*words, *EPOCHS]), cache)
    out, err = capsys.readouterr()
    assert "  anger/ is read as angry." in err
    assert "Recipe fusion: " in err
    assert "Protocol random: " in err  # two speakers are too few for three roles
    folder = project / "results/runs/fusion+epochs=2/my-recordings/random-0-seed0"
    run = runs.read(folder)
    assert run.test.labels == ("happy", "angry", "frustrated")
    assert "my-recordings (real speech), protocol random" in out

    paste(next_command(err), cache)
    out, err = capsys.readouterr()
    assert f"{run.test.n} test clips of this model's run, from my_recordings." in err
    assert f"{100 * run.test.accuracy.value:.2f}" in out
    rows = [line.split()[0] for line in out.strip().splitlines()[1:4]]
    assert rows == ["happy", "angry", "frustrated"]

    assert audit.audit(folder, cache=cache).skipped == ()  # it finds the clips as well

    shutil.move(project / "my_recordings", project / "moved")
    with pytest.raises(SystemExit):
        use.main(["--cache", str(cache)])
    err = capsys.readouterr().err
    assert "holds the corpus my-recordings no longer. Name its folder with --data." in err
    use.main(["--cache", str(cache), "--data", "moved"])
    assert f"{100 * run.test.accuracy.value:.2f}" in capsys.readouterr().out


def test_a_table_names_the_emotions_and_the_test_folder_can_be_scored(
    project, tiny_tess, cache, capsys
):
    folder = recordings(project / "calls", tiny_tess)
    rows = [["path", "speaker", "emotion"]]
    for clip in sorted(folder.rglob("*.wav")):
        speaker = clip.name.partition("_")[0]
        flat = folder / f"{clip.parent.name}-{clip.name}"
        clip.rename(flat)
        rows.append([flat.name, speaker, flat.name.partition("-")[0].capitalize()])
    with open(folder / "labels.csv", "w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    argv = ["--corpus", "calls", "--protocol", "speaker", "--fold", "1", "--cache", str(cache)]
    train.main([*argv, *EPOCHS, "--test-folder", "my test"])
    err = capsys.readouterr().err
    assert "'Anger' in labels.csv is read as angry." in err
    assert (project / "my test" / ".gitignore").read_text() == "*\n"
    command = next_command(err)
    assert command == ("Use_Our_Model.py", ["my test"])
    clip = next((project / "my test" / "Frustrated").iterdir())
    clip.rename(clip.with_name("me_today_happy.wav"))  # a name cannot tell an own label
    paste(command, cache)
    run = runs.read(project / "results/runs/fusion+epochs=2/calls/speaker-1-seed0")
    assert run.test.n == 24
    assert f"{100 * run.test.accuracy.value:.2f}" in capsys.readouterr().out
    use.main(["--cache", str(cache)])
    assert "So these are scores on unseen speakers, texts not known." in capsys.readouterr().out


@pytest.mark.slow
def test_two_folders_of_one_name_have_runs_of_their_own(project, tiny_tess, cache, capsys):
    corpora.remember_places(
        project / "results/runs/recipe/mine/random-0-seed0",
        {"mine": recordings(project / "a" / "mine", tiny_tess, slice(1))},
    )
    recordings(project / "b" / "mine", tiny_tess)
    train.main(["--corpus", "folder", "--data", "b/mine", *EPOCHS, "--cache", str(cache)])
    err = capsys.readouterr().err
    assert "It is called mine-2: the name mine is that of a/mine." in err
    folder = project / "results/runs/fusion+epochs=2/mine-2/random-0-seed0"
    assert runs.read(folder).key.corpus == "mine-2"


def test_the_next_command_names_another_model_and_a_corpus_that_was_moved_is_found_again(
    project, tiny_tess, cache, capsys
):
    recordings(project / "mine", tiny_tess)
    argv = ["--cache", str(cache), *EPOCHS, "--keep-latest", "--out", "my run"]
    train.main(["--corpus", "mine", *argv])
    command = next_command(capsys.readouterr().err)
    assert command == ("Use_Our_Model.py", ["--model", "my run"])
    (project / "elsewhere").mkdir()
    shutil.move(project / "mine", project / "elsewhere" / "mine")
    train.main(["--corpus", "folder", "--data", "elsewhere/mine", *argv])
    err = capsys.readouterr().err
    assert "holds this run, finished" in err
    paste(next_command(err), cache)
    assert "from elsewhere/mine." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (["--fold", "9"], "has 5 folds and no fold 9"),
        (["--protocol", "text"], "has no text"),
        (["--protocol", "papper"], "Did you mean paper"),
        (["--recipe", "no-recipe"], "no such recipe"),
    ],
)
def test_a_start_that_fails_leaves_nothing_behind(
    change, sentence, project, tiny_tess, cache, capsys
):
    recordings(project / "mine", tiny_tess)
    with pytest.raises(SystemExit):
        train.main(["--corpus", "mine", "--cache", str(cache), *EPOCHS, *change])
    assert sentence in capsys.readouterr().err
    assert [path.name for path in project.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tess", ("Toronto", "CC BY-NC-ND", "2800", "surprised 400", "not under data")),
        ("demo", ("synthetic", "392 files with names of clips")),
        ("RAVDESS", ("speaker", "emobox")),
        ("folder", ("--list my_recordings",)),
        ("speaker", ("unseen speakers", "near-duplicates, speakers")),
        ("mfcc_statistics", ("features.n_mfcc",)),
    ],
)
def test_list_answers_for_corpora_protocols_and_recipes(name, words, capsys):
    train.main(["--list", name])
    out = capsys.readouterr().out
    for word in words:
        assert word in out


def test_list_of_nothing_known_names_the_nearest(capsys):
    with pytest.raises(SystemExit):
        train.main(["--list", "speeker"])
    line = capsys.readouterr().err
    assert (
        "--list speeker: no such recipe, corpus, protocol or folder. Did you mean speaker" in line
    )


def test_a_folder_that_is_no_corpus_is_refused_by_list(project):
    (project / "empty").mkdir()
    with pytest.raises(SystemExit):
        train.main(["--list", "empty"])
    with pytest.raises(SerKerasError, match="has no labelled clips"):
        from ser_keras.cli import listing

        listing.show("empty", None)
