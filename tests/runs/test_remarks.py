import dataclasses

import numpy as np
import pytest

from ser_keras import baselines, metrics, recipes, runs


@pytest.fixture
def run(tiny_run):
    """A finished run with all its epochs that beats every baseline."""
    key = dataclasses.replace(tiny_run.key, overrides=())
    uar = dataclasses.replace(tiny_run.test.uar, value=1.1)
    return dataclasses.replace(
        tiny_run, key=key, test=dataclasses.replace(tiny_run.test, uar=uar), epochs=300
    )


def constant(run, label="sad"):
    """Return the run as if its network gave every test clip one label."""
    labels = run.test.labels
    truth = np.repeat(np.arange(len(labels)), 2)
    probabilities = np.tile(np.eye(len(labels))[labels.index(label)], (len(truth), 1))
    return dataclasses.replace(run, test=metrics.score(truth, probabilities, labels))


def test_nothing_is_remarked_of_a_network_that_beats_its_baselines(run):
    assert run.unbeaten == ()
    assert runs.remarks(run) == []


def test_validation_scores_of_clips_that_were_trained_on_are_remarked(run):
    key = dataclasses.replace(run.key, recipe="encoder-linear")
    (line,) = runs.remarks(dataclasses.replace(run, key=key))
    assert line == "The network was trained on the validation clips too: look at test alone."


def test_a_constant_prediction_is_named_with_what_to_try(run):
    bare = dataclasses.replace(constant(run), baselines={})
    assert bare.constant_prediction == "sad"
    (line,) = runs.remarks(bare)
    assert line.startswith("The network gives every clip the same label (sad). Try ")
    assert "--set training.batch_size=8" in line
    assert "--set training.epochs=600" in line


def test_a_network_that_does_not_beat_a_baseline_names_the_command_of_its_recipe(run, monkeypatch):
    names = recipes.names()
    monkeypatch.setattr(recipes, "names", lambda: [*names, "mfcc-statistics"])
    key = dataclasses.replace(run.key, protocol="speaker", fold=1, seed=2)
    scores = run.baselines["MFCC statistics"].scores
    equal = dataclasses.replace(
        run, key=key, test=scores, baselines={"MFCC statistics": run.baselines["MFCC statistics"]}
    )
    assert equal.unbeaten == ("MFCC statistics",)
    value = f"{scores.uar.value:.3f}"
    assert runs.remarks(equal, "my recordings") == [
        f"The network does not beat MFCC statistics (UAR {value} against {value}).",
        "MFCC statistics as a model of its own: python Emotion_Recognition.py --recipe "
        "mfcc-statistics --corpus tess --protocol speaker --fold 1 --seed 2 "
        "--data 'my recordings'",
    ]


def test_no_recipe_is_named_to_itself(run, monkeypatch):
    monkeypatch.setitem(baselines.RECIPES, "duration", run.key.recipe)
    same = {"duration": run.baselines["duration"]}
    lines = runs.remarks(dataclasses.replace(run, test=same["duration"].scores, baselines=same))
    assert not any("--recipe attention-tess" in line for line in lines)


def test_a_baseline_without_a_recipe_has_no_command(run):
    other = {"duration": run.baselines["duration"]}
    (line,) = runs.remarks(dataclasses.replace(run, test=other["duration"].scores, baselines=other))
    assert line.startswith("The network does not beat duration (UAR ")


def test_a_shortened_run_is_to_be_trained_in_full_instead_of_being_judged(run):
    overrides = ("training.epochs=3", "model.dropout=0.5")
    key = dataclasses.replace(run.key, overrides=overrides)
    lines = runs.remarks(constant(dataclasses.replace(run, key=key, epochs=3)))
    assert lines[0] == "The network gives every clip the same label (sad)."
    assert lines[-1] == (
        "This run was limited to 3 of 300 epochs. In full: python Emotion_Recognition.py "
        "--recipe attention-tess --corpus tess --protocol paper --fold 0 --seed 0 "
        "--set model.dropout=0.5"
    )
    assert not any("learned" in line or "Try " in line for line in lines)


def test_the_summary_beside_a_model_has_the_remarks_on_it(tiny_run):
    summary = (tiny_run.folder / "model_summary.txt").read_text()
    assert runs.remarks(tiny_run) != []  # it was limited to 4 epochs, so it beats few baselines
    assert all(line in summary for line in runs.remarks(tiny_run))
