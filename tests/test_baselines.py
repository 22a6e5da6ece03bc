import dataclasses
import importlib.util
import json
import os

import numpy as np
import pandas as pd
import pytest

from ser_keras import baselines, figures, runs, splits
from ser_keras.errors import SerKerasError
from ser_keras.features import extract

NAMES = ["majority", "duration", "loudness", "mean spectrum", "MFCC statistics"]


@pytest.fixture(scope="module")
def paper(tiny_index):
    return splits.make(tiny_index, "paper")


def scored(index, split, cache):
    return baselines.score(split, baselines.predict(index, split, cache))


@pytest.fixture(scope="module")
def scores(tiny_index, paper, cache):
    return scored(tiny_index, paper, cache)


def changed(split, role, **columns):
    """The split with other values for the clips of a role."""
    table = split.table.copy()
    for column, values in columns.items():
        table.loc[table["role"] == role, column] = values
    return dataclasses.replace(split, table=table)


def with_durations(index, split, seconds):
    """The index with the durations that a function gives for the rows of the split's clips."""
    values = pd.Series(seconds(split.table), index=split.table["path"], dtype="float32")
    duration = index.table["path"].map(values)
    return dataclasses.replace(index, table=index.table.assign(duration=duration))


def predicted(scores):
    """How often each emotion was predicted."""
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


def test_pitch_is_heard_in_the_spectrum_and_in_the_mfcc(scores):
    assert scores["mean spectrum"].accuracy.value > 0.9
    assert scores["MFCC statistics"].accuracy.value > 0.9


def test_lengths_that_tell_the_emotion_are_found_even_between_two_others(tiny_index, paper, cache):
    order = ["angry", "disgust", "fearful", "happy", "neutral", "sad", "surprised"]
    index = with_durations(tiny_index, paper, lambda t: t["emotion"].map(order.index).to_numpy())
    assert scored(index, paper, cache)["duration"].accuracy.value > 0.8


def test_lengths_that_are_all_the_same_tell_nothing(tiny_index, paper, cache):
    index = with_durations(tiny_index, paper, lambda t: np.ones(len(t)))
    duration = scored(index, paper, cache)["duration"]
    assert np.count_nonzero(predicted(duration)) == 1


def test_what_tells_the_emotion_in_test_clips_alone_does_not_help(tiny_index, paper, cache):
    def planted(table):
        number = table["emotion"].astype("category").cat.codes.to_numpy(float)
        return np.where(table["role"] == "test", number, 1.0)

    index = with_durations(tiny_index, paper, planted)
    duration = scored(index, paper, cache)["duration"]
    assert np.count_nonzero(predicted(duration)) == 1


def test_the_labels_of_test_clips_change_no_prediction(tiny_index, paper, scores, cache):
    emotions = paper.part("test")["emotion"].to_numpy()[::-1]
    mirrored = scored(tiny_index, changed(paper, "test", emotion=emotions), cache)
    for name, value in scores.items():
        assert predicted(mirrored[name]) == predicted(value)


def test_validation_clips_are_not_looked_at(tiny_index, paper, scores, cache):
    blind = changed(paper, "validation", emotion="sad")
    assert scored(tiny_index, blind, cache) == scores


def test_loudness_is_the_level_of_the_waveform(voice):
    samples = voice(220)
    spec = dataclasses.replace(baselines.SPECTRUM, center=False)
    loud, quiet = (baselines._level(extract(np.float32(g) * samples, spec)) for g in (1, 0.1))
    assert loud - quiet == pytest.approx(20, abs=0.01)


def test_only_the_label_counts(scores):
    for value in scores.values():
        (filled,) = value.calibration["bins"]
        assert filled["confidence"] == 1.0
    assert len(json.dumps([value.to_json() for value in scores.values()])) < 10_000


def test_intervals_are_those_of_speakers_where_there_are_three(tiny_index, paper, cache):
    three = np.resize(["A", "B", "C"], paper.counts()["test"])
    found = scored(tiny_index, changed(paper, "test", speaker=three), cache)
    assert {value.resampled_by for value in found.values()} == {"speaker"}


def test_training_clips_of_one_emotion_are_refused(tiny_index, paper, cache):
    with pytest.raises(SerKerasError, match="fold 0 of paper trains on clips of one emotion"):
        scored(tiny_index, changed(paper, "train", emotion="sad"), cache)


def test_an_opensmile_that_is_not_installed_is_not_missed(tiny_index, paper, cache, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert list(scored(tiny_index, paper, cache)) == NAMES


def test_opensmile_adds_its_functionals_where_it_is_installed(scores):
    pytest.importorskip("opensmile", reason="needs the optional package opensmile")
    for name in baselines._FUNCTIONALS:
        assert scores[name].accuracy.value > 0.7  # of tones with noise; chance is 0.14


def test_opensmile_which_may_crash_a_process_has_others_than_ours(
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
    assert tiny_run.baselines() == scores
    assert runs.read(tiny_run.folder).baselines() == scores


def test_a_run_keeps_its_paired_test_with_each_baseline(tiny_run, tiny_index, paper, cache):
    table = pd.read_csv(tiny_run.folder / "predictions.csv").set_index("path")
    clips = table.loc[paper.part("test")["path"]]
    named = baselines.predict(tiny_index, paper, cache)
    tests = tiny_run.against_baselines()
    assert tests.keys() == named.keys()
    for name, labels in named.items():
        network, baseline = (clips["emotion"] == of for of in (clips["predicted"], labels))
        assert tests[name].first_only == (network & ~baseline).sum()
        assert tests[name].second_only == (~network & baseline).sum()
        assert tests[name].n == len(clips)


@pytest.mark.parametrize(("uar", "first"), [(1.1, "attention-tess (network)"), (-0.1, "other")])
def test_a_run_shows_its_network_among_the_baselines_best_first(tiny_run, scores, uar, first):
    told = json.loads(json.dumps(tiny_run.metrics))
    told["test"]["uar"]["value"] = uar
    text = figures.ranking(runs.Run(tiny_run.folder, told))
    best = max(scores, key=lambda name: scores[name].uar.value)
    rows = text.splitlines()
    assert rows[1].startswith(best if first == "other" else first)
    nothing = f"The network does not beat {best}: it has learned nothing that needs a network."
    assert (nothing in rows) is (first == "other")
    test = tiny_run.against_baselines()[best]
    assert rows[-1] == (
        f"Only the network is right on {test.first_only} of {test.n} clips, only {best} on "
        f"{test.second_only} (exact McNemar test: p = {test.p:.2g})."
    )


def test_a_network_that_only_equals_a_baseline_does_not_beat_it(tiny_run, scores):
    told = {**tiny_run.metrics, "test": scores["duration"].to_json()}
    told["baselines"] = {"duration": told["test"]}
    text = figures.ranking(runs.Run(tiny_run.folder, told))
    assert "does not beat duration" in text


@pytest.mark.corpora
@pytest.mark.parametrize(("protocol", "low", "high"), [("paper", 0.98, 1.0), ("speaker", 0.6, 0.7)])
def test_mfcc_statistics_solve_tess_unless_the_voice_is_new(
    real_corpora, cache, monkeypatch, protocol, low, high
):
    from ser_keras import corpora

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)  # minutes of opensmile
    index = corpora.get("tess").index(real_corpora, cache=cache)
    found = scored(index, splits.make(index, protocol), cache)
    assert low <= found["MFCC statistics"].accuracy.value <= high
