"""A network of vectors is also scored where it is adapted to the voices of the test clips."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from ser_keras import runs
from ser_keras.batches import BatchSpec, Normalization
from ser_keras.errors import SerKerasError
from ser_keras.features import FeatureSpec
from ser_keras.prediction import Pipeline
from ser_keras.runs import adapted
from ser_keras.runs.adapted import Adapted
from ser_keras.splits import Split

NAMES = ["1 recording", "3 recordings", "speaker", "corpus"]
CLIPS, SPREAD = 12, 10.0  # clips of each voice, and how far apart the voices lie
FEATURES = FeatureSpec(kind="functionals")


class FirstFeature:
    """An engine that is sure of the second class where the first feature is above zero."""

    def __init__(self):
        self.shapes = {"features": (FEATURES.n_features,)}

    def __call__(self, inputs):
        high = 1 / (1 + np.exp(-4 * inputs["features"][:, 0]))
        return np.stack([1 - high, high], axis=1).astype(np.float32)


class SadOrHappy(FirstFeature):
    """The same engine with three emotions more, which it never names."""

    def __call__(self, inputs):
        two = super().__call__(inputs)
        return np.concatenate([two, np.zeros((len(two), 3), np.float32)], axis=1)


@pytest.fixture
def pipeline():
    size = FEATURES.n_features
    normalization = Normalization("feature", (0.0,) * size, (1.0,) * size)
    batch = BatchSpec(fit="mean")
    return Pipeline(("low", "high"), FEATURES, batch, normalization, FirstFeature())


def split_of(corpora, **changes):
    """Clips of two voices in each corpus, low and high ones in turn."""
    rows = [
        {"path": f"{corpus}/{voice}{i}.wav", "corpus": corpus, "speaker": voice, "text": None}
        | {"emotion": ("low", "high")[i % 2], "role": "test", "content": f"{corpus}{voice}{i:02}"}
        for corpus in corpora
        for voice in ("a", "b")
        for i in range(CLIPS)
    ]
    table = pd.DataFrame(rows).astype("string").assign(**changes)
    return Split("+".join(corpora), "speaker", 0, 0, table, ())


@pytest.fixture
def store():
    """Vectors whose first feature is shifted by the voice: one below and one above all others."""
    rng = np.random.default_rng(0)
    vectors = {}
    for corpus in ("x", "y"):
        for voice, shift in (("a", -SPREAD), ("b", SPREAD)):
            for i in range(CLIPS):
                vector = rng.normal(size=(1, FEATURES.n_features))
                vector[0, 0] = shift + 2 * (i % 2) - 1
                vectors[f"{corpus}{voice}{i:02}"] = vector.astype(np.float32)
    return vectors


def test_enrolled_clips_are_not_scored_and_each_draw_is(pipeline, store):
    headlines = adapted.measure(pipeline, split_of(["x"]), store).scores
    assert list(headlines) == NAMES
    assert [headlines[name].n for name in NAMES] == [
        adapted.DRAWS * (2 * CLIPS - 2 * 1),
        adapted.DRAWS * (2 * CLIPS - 2 * 3),
        2 * CLIPS,
        2 * CLIPS,
    ]


def test_speakers_are_told_apart_by_corpus_and_adapted_each_to_their_own(pipeline, store):
    headlines = adapted.measure(pipeline, split_of(["x", "y"]), store).scores
    assert headlines["speaker"].n == 4 * CLIPS
    assert headlines["speaker"].uar.value == 1
    assert headlines["corpus"].uar.value == 0.5
    assert headlines["3 recordings"].uar.value > 0.5


def test_several_corpora_are_each_adapted_to_alone(pipeline, store):
    shifted = {
        content: vector + (20.0 if content[0] == "y" else 0.0) for content, vector in store.items()
    }
    alone = split_of(["x", "y"], speaker="a")
    of = {name: vector for name, vector in shifted.items() if name[1] == "a"}
    table = alone.table[alone.table["content"].isin(list(of))]
    headlines = adapted.measure(pipeline, dataclasses.replace(alone, table=table), of).scores
    assert headlines["corpus"] == headlines["speaker"]
    assert headlines["corpus"].uar.value == 1


def test_each_of_several_corpora_has_the_scores_that_it_has_alone(pipeline, store):
    both = adapted.measure(pipeline, split_of(["x", "y"]), store)
    alone = {name: adapted.measure(pipeline, split_of([name]), store) for name in ("x", "y")}
    assert both.by_corpus == {name: each.scores for name, each in alone.items()}
    assert both.by_corpus["x"] != both.by_corpus["y"]
    assert alone["x"].by_corpus == {}


def test_arousal_is_measured_plain_and_adapted(pipeline, store):
    labels = ("sad", "happy", "angry", "fearful", "surprised")
    named = dataclasses.replace(pipeline, labels=labels, engine=SadOrHappy())
    split = split_of(["x"])
    emotions = split.table["emotion"].map({"low": "sad", "high": "happy"})
    split = dataclasses.replace(split, table=split.table.assign(emotion=emotions))
    areas = adapted.measure(named, split, store).arousal
    assert list(areas) == ["plain", *NAMES]
    assert areas["speaker"] == 1
    assert areas["plain"] == 0.5  # the voice alone decides what the clips are called
    assert 0.5 <= areas["corpus"] < 1
    assert adapted.measure(pipeline, split_of(["x"]), store).arousal == {}


def test_clips_of_one_kind_tell_nothing_about_arousal(pipeline, store):
    labels = ("sad", "happy", "angry", "fearful", "surprised")
    named = dataclasses.replace(pipeline, labels=labels, engine=SadOrHappy())
    assert adapted.measure(named, split_of(["x"], emotion="happy"), store).arousal == {}


def test_equal_seeds_draw_the_same_recordings_whatever_the_files_are_called(pipeline, store):
    split = split_of(["x"])
    first = adapted.measure(pipeline, split, store).scores
    paths = split.table["path"].to_numpy()[::-1]
    renamed = split.table.assign(path=paths).sort_values("path", ignore_index=True)
    assert (
        adapted.measure(pipeline, dataclasses.replace(split, table=renamed), store).scores == first
    )


def test_a_speaker_of_few_clips_is_enrolled_with_half_of_them_at_most(pipeline, store):
    split = split_of(["x"])
    few = split.table.groupby("speaker").head(3)
    headlines = adapted.measure(pipeline, dataclasses.replace(split, table=few), store).scores
    assert headlines["3 recordings"].n == adapted.DRAWS * 2 * 2
    one = split.table.groupby("speaker").head(1)
    headlines = adapted.measure(pipeline, dataclasses.replace(split, table=one), store).scores
    assert headlines["3 recordings"].n == adapted.DRAWS * 2
    assert headlines["speaker"].n == 2


def test_intervals_of_few_speakers_are_no_narrower_for_clips_that_count_three_times(
    pipeline, store
):
    unsure = {
        content: vector + (np.random.default_rng(i).normal(size=1) * 2).astype(np.float32)
        for i, (content, vector) in enumerate(store.items())
    }
    uars = {
        name: scores.uar
        for name, scores in adapted.measure(pipeline, split_of(["x"]), unsure).scores.items()
    }
    assert 0.5 < uars["speaker"].value < 1
    widths = {name: uar.high - uar.low for name, uar in uars.items()}
    assert widths["3 recordings"] > 0.8 * widths["speaker"]  # a third of the clips: 0.58


def test_what_cannot_be_adapted_has_no_such_scores(pipeline, store):
    split = split_of(["x"])
    assert adapted.measure(pipeline, split_of(["x"], speaker=pd.NA), store) == Adapted()
    for change in (
        {"batch": BatchSpec(fit="mean", normalize="clip")},
        {"batch": BatchSpec(fit="statistics")},
        {"features": FeatureSpec(kind="mfcc")},
    ):
        other = dataclasses.replace(pipeline, **change)
        assert adapted.measure(other, split, store) == Adapted()


def test_a_record_keeps_adapted_scores_and_has_none_otherwise(pipeline, store, tiny_run, tmp_path):
    assert "adapted" not in tiny_run.to_json()
    measured = adapted.measure(pipeline, split_of(["x", "y"]), store)
    headlines, parts = measured.scores, measured.by_corpus
    areas = {"plain": 0.75, "speaker": 1.0}
    of = {"adapted": headlines, "adapted_by_corpus": parts, "arousal": areas}
    run = dataclasses.replace(tiny_run, **of, folder=tmp_path)
    run.write()
    assert runs.read(tmp_path) == run
    assert runs.read(tmp_path).adapted_to() == headlines
    assert runs.read(tmp_path).adapted_to("y") == parts["y"]
    assert runs.read(tmp_path).adapted_to("z") == {}
    wrong = [{"adapted": each} for each in ([], {"speaker": 0.5}, {"speaker": {"n": 3}})]
    wrong += [{"adapted_by_corpus": each} for each in ([], headlines)]
    wrong += [{"arousal": each} for each in ([], {"plain": "high"})]
    for each in wrong:
        with pytest.raises(SerKerasError, match="is not a record as this version writes it"):
            runs.Run.from_json({**run.to_json(), **each}, tmp_path)


def test_each_adapted_score_has_a_line(pipeline, store, tiny_run):
    headlines = adapted.measure(pipeline, split_of(["x"]), store).scores
    lines = adapted.sentences(dataclasses.replace(tiny_run, adapted=headlines))
    assert len(lines) == len(NAMES)
    uar = headlines["3 recordings"].uar
    assert lines[1] == f"adapted to the speaker by 3 other recordings: UAR {uar}"
    assert not adapted.sentences(tiny_run)
