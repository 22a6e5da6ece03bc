"""When the labels of a network count that a user has trained, where that can be known honestly."""

import dataclasses
import shutil

import numpy as np
import pandas as pd
import pytest

from ser_keras import bundle, files, models, recipes
from ser_keras.batches import BatchSpec, Normalization
from ser_keras.features import FeatureSpec
from ser_keras.prediction import Pipeline
from ser_keras.runs import measured
from ser_keras.splits import Split

FEATURES = FeatureSpec(kind="speaker_encoder+functionals")
LABELS = ("neutral", "happy", "sad", "angry", "fearful", "disgust", "surprised")
SPEAKERS = 8


class Leaning:
    """An engine that leans to the class that the first feature names."""

    def __init__(self):
        self.shapes = {"features": (FEATURES.n_features,)}

    def __call__(self, inputs):
        distance = np.abs(inputs["features"][:, :1] - np.arange(len(LABELS)))
        odds = np.exp(-distance)
        return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


def split_of(training=SPEAKERS // 2, **changes):
    """Clips of eight speakers; those after the first few are of the role validation."""
    rows = [
        {"path": f"{speaker}-{emotion}-{i}.wav", "corpus": "mine", "speaker": str(speaker)}
        | {"emotion": emotion, "text": None, "content": f"{speaker}{emotion}{i}"}
        | {"role": "train" if speaker < training else "validation"}
        for speaker in range(SPEAKERS)
        for emotion in LABELS
        for i in range(3)
    ]
    table = pd.DataFrame(rows).astype("string").assign(**changes)
    return Split("mine", "speaker", 0, 0, table, ())


@pytest.fixture(scope="module")
def store():
    """Vectors whose first feature is near the number of the emotion."""
    rng = np.random.default_rng(0)
    vectors = {}
    for content, emotion in split_of().table[["content", "emotion"]].itertuples(index=False):
        vector = rng.normal(size=(1, FEATURES.n_features)).astype(np.float32)
        vector[0, 0] = LABELS.index(emotion) + rng.normal(scale=0.7)
        vectors[content] = vector
    return vectors


@pytest.fixture(scope="module")
def recipe():
    """A recipe that leaves its validation clips alone."""
    own = recipes.get("fusion")
    training = dataclasses.replace(own.training, fit_on=("train",), epochs=3)
    return dataclasses.replace(own, training=training, emotions=LABELS)


@pytest.fixture(scope="module")
def learns_all(recipe):
    training = dataclasses.replace(recipe.training, fit_on=("train", "validation"))
    return dataclasses.replace(recipe, training=training)


@pytest.fixture
def pipeline():
    size = FEATURES.n_features
    normalization = Normalization("feature", (0.0,) * size, (1.0,) * size)
    return Pipeline(LABELS, FEATURES, BatchSpec(fit="mean"), normalization, Leaning())


@pytest.fixture
def folder(tmp_path):
    """A bundle; of it the manifest alone is looked at."""
    shutil.copytree(models.SHIPPED / "general", tmp_path / "run")
    content = files.read_json(tmp_path / "run" / "bundle.json")
    del content["temperature"], content["reliability"]
    files.write_json(tmp_path / "run" / "bundle.json", content)
    return tmp_path / "run"


def test_validation_clips_of_new_speakers_say_when_labels_count(
    folder, recipe, pipeline, store, capsys
):
    known = measured.add(folder, recipe, split_of(), store, pipeline, 0)
    assert known.plain.speakers == 4
    assert known.plain.right > known.plain.overall
    assert [coverage for coverage, _ in known.plain.limits] == [0.8]
    assert known.adapted.speakers == 4
    assert known.usual > 0
    content = bundle.verify(folder)
    assert content["reliability"] == known.to_json()
    assert content["temperature"] != 1
    assert "of the clips of 4 speakers left out" in capsys.readouterr().err


def test_where_it_cannot_be_known_nothing_is_written_and_the_reason_is_said(
    folder, recipe, pipeline, store, capsys
):
    before = (folder / "bundle.json").read_bytes()
    shared = split_of(speaker=["1", "2"] * (SPEAKERS * len(LABELS) * 3 // 2))
    for split, reason in (
        (split_of(speaker=pd.NA), "the speakers of its clips are not known"),
        (shared, "its validation clips are of speakers that it learned from"),
        (split_of(training=5), "3 speakers are too few"),
    ):
        assert measured.add(folder, recipe, split, store, pipeline, 0) is None
        assert f"Every label of this model counts: {reason}" in capsys.readouterr().err
    assert (folder / "bundle.json").read_bytes() == before


def test_a_recipe_that_learns_from_validation_needs_each_emotion_of_several_speakers(learns_all):
    assert measured.obstacle(learns_all, split_of()) == ""
    split = split_of()
    rare = split.table["emotion"].ne("sad") | split.table["speaker"].eq("3")
    alone = dataclasses.replace(split, table=split.table[rare])
    assert measured.obstacle(learns_all, alone) == "an emotion is spoken by too few speakers"


def test_test_clips_have_no_share_in_it(folder, recipe, pipeline, store):
    split = split_of()
    first = split.table["speaker"].eq("7")
    tested = dataclasses.replace(
        split, table=split.table.assign(role=split.table["role"].mask(first, "test"))
    )
    assert (
        measured.obstacle(recipe, tested) == "3 speakers are too few to tell how it does on others"
    )


@pytest.mark.slow
def test_a_recipe_that_learns_from_validation_is_trained_without_each_group_of_speakers(
    folder, learns_all, store, pipeline, monkeypatch
):
    from ser_keras import training

    learned, fit = [], training.fit

    def noting(recipe, split, *arguments, **options):
        learned.append((recipe.training.fit_on, set(split.part("train")["speaker"])))
        return fit(recipe, split, *arguments, **options)

    monkeypatch.setattr(training, "fit", noting)
    known = measured.add(folder, learns_all, split_of(), store, pipeline, 0)
    assert known.plain.speakers == SPEAKERS
    assert [len(speakers) for _, speakers in learned] == [6] * measured.GROUPS
    assert {roles for roles, _ in learned} == {("train",)}


def test_how_much_the_emotions_of_a_training_speaker_vary_is_the_median_over_speakers():
    shipped = bundle.load_bundle("general").pipeline
    rng = np.random.default_rng(0)
    size = shipped.features.n_features
    mean, std = np.array(shipped.normalization.mean), np.array(shipped.normalization.std)
    rooted = [mean + std * rng.normal(size=(1, size)) for _ in range(8)]
    frames = [(np.sign(row) * row**2).astype(np.float32) for row in rooted]
    alone = [measured.usual(shipped, frames[i : i + 4], np.full(4, "a")) for i in (0, 4)]
    both = measured.usual(shipped, frames, np.repeat(["a", "b"], 4))
    assert both == pytest.approx(np.mean(alone), abs=1e-3)
    assert min(alone) > 0
