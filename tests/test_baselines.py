import dataclasses
import importlib.util
import json
import os

import numpy as np
import pandas as pd
import pytest

from ser_keras import baselines, console, recipes, runs, splits
from ser_keras.errors import SerKerasError
from ser_keras.features import extract

NAMES = ["majority", "duration", "loudness", "mean spectrum", "MFCC statistics"]


@pytest.fixture(scope="module")
def paper(tiny_index):
    return splits.make(tiny_index, "paper", draw=recipes.get("attention-tess").draw)


def scored(index, split, cache):
    return baselines.score(split, baselines.predict(index, split, cache))


@pytest.fixture(scope="module")
def scores(tiny_index, paper, cache):
    return scored(tiny_index, paper, cache)


def test_fitting_the_baselines_shows_its_progress(tiny_index, paper, cache, monkeypatch):
    titles = []
    progress = console.progress

    def noted(total, title, *arguments):
        titles.append((title, total))
        return progress(total, title, *arguments)

    monkeypatch.setattr(console, "progress", noted)
    named = baselines.predict(tiny_index, paper, cache)
    assert titles[-1] == ("fitting baselines", len(named))


def changed(split, role, **columns):
    """Return the split with other values for the clips of a role."""
    table = split.table.copy()
    for column, values in columns.items():
        table.loc[table["role"] == role, column] = values
    return dataclasses.replace(split, table=table)


def with_durations(index, split, seconds):
    """Return the index with durations that a function computes from the table of the split."""
    values = pd.Series(seconds(split.table), index=split.table["path"], dtype="float32")
    duration = index.table["path"].map(values)
    return dataclasses.replace(index, table=index.table.assign(duration=duration))


def predicted(scores):
    """Return how often each emotion was predicted."""
    return np.sum(scores.confusion, axis=0).tolist()


def test_every_baseline_scores_the_test_clips(scores, paper):
    assert [name for name in scores if name not in baselines._FUNCTIONALS] == NAMES
    assert {value.n for value in scores.values()} == {paper.counts()["test"]}


def test_the_majority_is_the_most_frequent_emotion_of_the_training_clips(tiny_index, paper, cache):
    happy = paper.table["emotion"].eq("happy") & paper.table["role"].eq("train")
    keep = happy | paper.table["role"].ne("train") | paper.table.index.to_series().mod(2).eq(0)
    fewer = dataclasses.replace(paper, table=paper.table[keep].reset_index(drop=True))
    majority = scored(tiny_index, fewer, cache)["majority"]
    share = paper.part("test")["emotion"].eq("happy").mean()
    assert majority.accuracy.value == share
    assert majority.uar.value == pytest.approx(1 / 7)
    assert predicted(majority)[majority.labels.index("happy")] == majority.n


def test_the_spectrum_and_the_mfcc_show_the_pitch(scores):
    assert scores["mean spectrum"].accuracy.value > 0.9
    assert scores["MFCC statistics"].accuracy.value > 0.9


def test_durations_predict_an_emotion_between_two_others(tiny_index, paper, cache):
    order = ["angry", "disgust", "fearful", "happy", "neutral", "sad", "surprised"]
    index = with_durations(tiny_index, paper, lambda t: t["emotion"].map(order.index).to_numpy())
    assert scored(index, paper, cache)["duration"].accuracy.value > 0.8


def test_equal_durations_give_a_constant_prediction(tiny_index, paper, cache):
    index = with_durations(tiny_index, paper, lambda t: np.ones(len(t)))
    duration = scored(index, paper, cache)["duration"]
    assert np.count_nonzero(predicted(duration)) == 1


def test_durations_that_differ_in_test_clips_only_do_not_help(tiny_index, paper, cache):
    def durations(table):
        number = table["emotion"].astype("category").cat.codes.to_numpy(float)
        return np.where(table["role"] == "test", number, 1.0)

    index = with_durations(tiny_index, paper, durations)
    duration = scored(index, paper, cache)["duration"]
    assert np.count_nonzero(predicted(duration)) == 1


def test_the_labels_of_test_clips_change_no_prediction(tiny_index, paper, scores, cache):
    emotions = paper.part("test")["emotion"].to_numpy()[::-1]
    reversed_ = scored(tiny_index, changed(paper, "test", emotion=emotions), cache)
    for name, value in scores.items():
        assert predicted(reversed_[name]) == predicted(value)


def test_validation_clips_are_not_used(tiny_index, paper, scores, cache):
    other = changed(paper, "validation", emotion="sad")
    assert scored(tiny_index, other, cache) == scores


def test_loudness_is_the_level_of_the_waveform(voice):
    samples = voice(220)
    spec = dataclasses.replace(baselines.SPECTRUM, center=False)
    loud, quiet = (baselines._level(extract(np.float32(g) * samples, spec)) for g in (1, 0.1))
    assert loud - quiet == pytest.approx(20, abs=0.01)


def test_predictions_have_full_confidence(scores):
    for value in scores.values():
        (filled,) = value.calibration["bins"]
        assert filled["confidence"] == 1.0
    assert len(json.dumps([value.to_json() for value in scores.values()])) < 10_000


def test_intervals_resample_speakers_if_there_are_three(tiny_index, paper, cache):
    three = np.resize(["A", "B", "C"], paper.counts()["test"])
    by_speaker = scored(tiny_index, changed(paper, "test", speaker=three), cache)
    assert {value.resampled_by for value in by_speaker.values()} == {"speaker"}


def test_training_clips_of_one_emotion_are_refused(tiny_index, paper, cache):
    with pytest.raises(SerKerasError, match="fold 0 of paper trains on clips of one emotion only"):
        scored(tiny_index, changed(paper, "train", emotion="sad"), cache)


def test_without_opensmile_the_other_baselines_remain(tiny_index, paper, cache, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert list(scored(tiny_index, paper, cache)) == NAMES


def test_opensmile_adds_its_functionals_if_it_is_installed(scores):
    pytest.importorskip("opensmile", reason="needs the optional package opensmile")
    for name in baselines._FUNCTIONALS:
        assert scores[name].accuracy.value > 0.7  # of tones with noise; chance is 0.14


def test_opensmile_runs_in_other_processes_because_it_may_crash_them(
    tiny_index, paper, tmp_path, monkeypatch
):
    def extract(samples, spec):
        import os

        return np.full((1, spec.n_features), os.getpid(), np.float32)

    monkeypatch.setattr(baselines.Functionals, "extract", staticmethod(extract))
    monkeypatch.setattr(baselines.Functionals, "key", "of-tests")
    clips = paper.table[:3]  # however few
    paths = [tiny_index.locate(path) for path in clips["path"]]
    rows = baselines._functionals("eGeMAPS", clips, paths, tmp_path)
    assert rows.shape == (3, 88)
    assert np.float32(os.getpid()) not in rows


def test_a_run_keeps_the_scores_of_its_baselines(tiny_run, scores):
    record = runs.read(tiny_run.folder)
    assert {name: value.scores for name, value in record.baselines.items()} == scores


def test_a_run_keeps_its_paired_test_with_each_baseline(tiny_run, tiny_index, paper, cache):
    table = pd.read_csv(tiny_run.folder / "predictions.csv").set_index("path")
    clips = table.loc[paper.part("test")["path"]]
    named = baselines.predict(tiny_index, paper, cache)
    assert tiny_run.baselines.keys() == named.keys()
    for name, labels in named.items():
        network, baseline = (clips["emotion"] == of for of in (clips["predicted"], labels))
        test = tiny_run.baselines[name].paired
        assert test.first_only == (network & ~baseline).sum()
        assert test.second_only == (~network & baseline).sum()
        assert test.n == len(clips)


@pytest.mark.corpora
@pytest.mark.parametrize(("protocol", "low", "high"), [("paper", 0.98, 1.0), ("speaker", 0.6, 0.7)])
def test_mfcc_statistics_solve_tess_unless_the_voice_is_new(
    real_corpora, cache, monkeypatch, protocol, low, high
):
    from ser_keras import corpora

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)  # minutes of opensmile
    index = corpora.get("tess").index(real_corpora, cache=cache)
    draw = recipes.get("attention-tess").draw
    scores = scored(index, splits.make(index, protocol, draw=draw), cache)
    assert low <= scores["MFCC statistics"].accuracy.value <= high
