"""Vectors of a voice are moved to the training clips, and each row tells by how many recordings."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ser_keras.adaptation import Weights, adapt, enrol, variety
from ser_keras.batches import BatchSpec, Normalization
from ser_keras.errors import SerKerasError
from ser_keras.features import FeatureSpec
from ser_keras.prediction import Pipeline, Refused

REFERENCE = Normalization("feature", (1.0, -2.0), (2.0, 0.5))
NAIVE = Weights(mean=0, variance=0)
RATE = 16_000


def clips(n=12, shift=0.0, scale=1.0, seed=0):
    """Vectors of a voice that differs from the training clips by a shift and a scale."""
    rng = np.random.default_rng(seed)
    return shift + scale * (rng.normal(size=(n, 2)) * REFERENCE.std + REFERENCE.mean)


def test_without_shrinkage_a_voice_gets_mean_and_deviation_of_the_training_clips():
    vectors = clips(shift=7, scale=3)
    moved = enrol(vectors, REFERENCE, NAIVE).move(vectors)
    np.testing.assert_allclose(moved.mean(axis=0), REFERENCE.mean)
    np.testing.assert_allclose(moved.std(axis=0), REFERENCE.std)


def test_the_mean_is_drawn_to_the_training_clips_as_by_so_many_recordings():
    vectors = np.array([[5.0, -2.0], [5.0, -2.0], [5.0, -2.0]])
    voice = enrol(vectors, REFERENCE, Weights(mean=1, variance=1e6))
    # the mean of the voice is (3 x 5 + 1 x 1) / 4 = 4, which becomes the 1 of the training clips
    np.testing.assert_allclose(voice.move(np.array([[4.0, -2.0]])), [[1.0, -2.0]], rtol=1e-4)


def test_the_variance_is_drawn_to_the_training_clips_as_by_so_many_recordings():
    vectors = np.array([[7.0, -2.0], [-5.0, -2.0]])  # variance 36 against 4
    voice = enrol(vectors, REFERENCE, Weights(mean=1, variance=6))
    assert voice.scale[0] == pytest.approx(np.sqrt(4 / ((2 * 36 + 6 * 4) / 8)))


def test_one_recording_moves_a_voice_half_way_and_stretches_it_little():
    voice = enrol([np.array([5.0, -2.0])], REFERENCE)
    assert voice.recordings == 1
    assert voice.move(np.array([5.0, -2.0]))[0] == pytest.approx(1 + 2 * np.sqrt(21 / 20))


def test_no_recording_moves_nothing():
    voice, vectors = enrol([], REFERENCE), clips()
    assert voice.recordings == 0
    assert not voice.note
    assert np.array_equal(voice.move(vectors), vectors)


def test_nothing_is_adapted_by_default():
    vectors = clips(shift=7)
    for adaptation in adapt(vectors, REFERENCE):
        assert (adaptation.recordings, adaptation.note) == (0, "")
        assert np.array_equal(adaptation.move(vectors), vectors)


def test_speakers_are_adapted_apart_and_rows_tell_by_how_many():
    vectors = np.concatenate([clips(30, shift=7), clips(12, shift=-3, seed=1)])
    speakers = ["a"] * 30 + ["b"] * 12
    adaptations = adapt(vectors, REFERENCE, "speaker", speakers=speakers, weights=NAIVE)
    assert [each.recordings for each in adaptations] == [30] * 30 + [12] * 12
    assert adaptations[0].itself
    assert adaptations[0].note == "adapted by 30 recordings, this one among them"
    moved = np.array([each.move(v) for each, v in zip(adaptations, vectors, strict=True)])
    for own in (slice(0, 30), slice(30, 42)):
        np.testing.assert_allclose(moved[own].mean(axis=0), REFERENCE.mean)


def test_a_corpus_is_adapted_as_one_group():
    vectors = np.concatenate([clips(5, shift=7), clips(3, shift=-3)])
    adaptations = adapt(vectors, REFERENCE, "corpus")
    assert [each.recordings for each in adaptations] == [8] * 8


def test_a_recording_alone_is_never_adapted_to_itself():
    first, _ = adapt(clips(2), REFERENCE, "speaker", speakers=["a", "b"])
    assert (first.recordings, first.note) == (0, "not adapted")


def answers(emotions, n_classes=3, share=0.8):
    rest = (1 - share) / (n_classes - 1)
    return np.where(np.arange(n_classes) == np.array(emotions)[:, None], share, rest)


def test_a_group_that_seems_to_be_of_one_emotion_is_left_alone_and_says_so():
    vectors, mixed = clips(12), answers([0, 1, 2] * 4)
    usual = variety(vectors, REFERENCE, mixed)
    angry = answers([2] * 12) + np.random.default_rng(0).uniform(0, 0.01, (12, 3))
    options = {"usual": usual}
    (first, *_) = adapt(vectors, REFERENCE, "corpus", probabilities=mixed, **options)
    assert first.recordings == 12
    (first, *_) = adapt(vectors, REFERENCE, "corpus", probabilities=angry, **options)
    assert (first.recordings, first.note) == (0, "not adapted: 12 recordings vary too little")


def test_variety_grows_with_the_emotions_and_does_not_depend_on_confidence_in_one():
    vectors = clips(12)
    one, two, three = (variety(vectors, REFERENCE, answers(np.arange(12) % n)) for n in (1, 2, 3))
    assert one == pytest.approx(0, abs=1e-9)
    assert one < two < three
    assert variety(vectors[:1], REFERENCE, answers([0])) == 0
    certain = np.eye(3)[np.zeros(12, int)]
    assert variety(vectors, REFERENCE, certain) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: enrol([np.zeros((3, 2))], REFERENCE), "one vector a clip"),
        (lambda: enrol(np.zeros((4, 5)), REFERENCE), "not of 2 numbers each"),
        (lambda: enrol([np.array([np.nan, 0])], REFERENCE), "not finite"),
        (lambda: enrol(clips(), Normalization("clip")), "kind 'clip'"),
        (lambda: adapt(clips(), REFERENCE, "speaker"), "where nobody knows them"),
        (lambda: adapt(clips(), REFERENCE, "speaker", speakers=["a"]), "are 1 for 12 recordings"),
        (lambda: adapt(clips(), REFERENCE, "room"), "cannot be 'room'"),
        (lambda: adapt(clips(), REFERENCE, "corpus", usual=1.0), "Give a row each"),
        (lambda: variety(clips(), REFERENCE, np.ones((2, 3))), "Give a row each"),
        (lambda: Weights(mean=-1), "weights.mean"),
        (lambda: Weights(variance=float("nan")), "weights.variance"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(call, message):
    with pytest.raises(SerKerasError, match=message):
        call()


class FirstFeature:
    """An engine that is sure of the second class where the first feature is above zero."""

    def __init__(self, size):
        self.shapes = {"features": (size,)}

    def __call__(self, inputs):
        high = 1 / (1 + np.exp(-4 * inputs["features"][:, 0]))
        return np.stack([1 - high, high], axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def recordings(voice):
    """Eight recordings of a low voice, and eight of a high one."""
    return [voice(pitch, 0.5, RATE, seed) for pitch in (110, 300) for seed in range(8)]


@pytest.fixture(scope="module")
def pipeline(recordings):
    features, batch = FeatureSpec(kind="speaker_encoder"), BatchSpec(fit="mean")
    plain = Pipeline(("low", "high"), features, batch, Normalization(), FirstFeature(1024))
    vectors = [item.frames for item in next(plain._batches(recordings, RATE))]
    return dataclasses.replace(plain, normalization=Normalization.fit(vectors, batch))


def test_other_recordings_enrol_a_voice_and_every_row_tells_how_many(pipeline, recordings):
    plain = list(pipeline.predict(recordings[8:10], RATE))
    assert [row.adapted_by for row in plain] == [0, 0]
    enrolled = pipeline.enrol(recordings[10:], RATE)
    rows = list(enrolled.predict(recordings[8:10], RATE))
    assert [row.adapted_by for row in rows] == [6, 6]
    assert rows[0].note == "adapted by 6 recordings"
    assert rows[0].probabilities != plain[0].probabilities
    assert list(pipeline.predict(recordings[8:10], RATE)) == plain


def test_enrolling_with_nothing_changes_no_label(pipeline, recordings):
    enrolled = pipeline.enrol([], RATE)
    assert list(enrolled.predict(recordings, RATE)) == list(pipeline.predict(recordings, RATE))


def test_enrolment_moves_what_is_scored_as_what_is_labelled(pipeline, recordings):
    enrolled = pipeline.enrol(recordings[10:], RATE)
    frames = [item.frames for item in next(pipeline._batches(recordings[8:10], RATE))]
    labelled = [row.probabilities["high"] for row in enrolled.predict(recordings[8:10], RATE)]
    np.testing.assert_allclose(enrolled.probabilities(frames)[:, 1], labelled, atol=1e-6)


def test_recordings_are_adapted_to_themselves_speaker_by_speaker(pipeline, recordings):
    names = ["a"] * 8 + ["b"] * 8 + ["c"]
    mixed = [*recordings, np.zeros(0, np.float32)]
    rows = list(pipeline.predict_adapted(mixed, RATE, by="speaker", speakers=names))
    assert isinstance(rows.pop(), Refused)
    assert [row.adapted_by for row in rows] == [8] * 16
    frames = [item.frames[0] for item in next(pipeline._batches(recordings, RATE))]
    by_hand = adapt(frames, pipeline.normalization, "speaker", speakers=names[:16])
    moved = [each.move(v)[None] for each, v in zip(by_hand, frames, strict=True)]
    expected = pipeline.probabilities(moved)[:, 1]
    np.testing.assert_allclose([row.probabilities["high"] for row in rows], expected, atol=1e-6)


def test_recordings_that_vary_too_little_are_labelled_as_without_adaptation(pipeline, recordings):
    plain = list(pipeline.predict(recordings, RATE))
    rows = list(pipeline.predict_adapted(recordings, RATE, by="corpus", usual=1e6))
    assert [row.probabilities for row in rows] == [row.probabilities for row in plain]
    assert {(row.adapted_by, row.note) for row in rows} == {
        (0, "not adapted: 16 recordings vary too little")
    }


def test_a_voice_is_not_adapted_twice_nor_frames_at_all(pipeline, recordings):
    enrolled = pipeline.enrol(recordings[:2], RATE)
    with pytest.raises(SerKerasError, match="adapted already"):
        list(enrolled.predict_adapted(recordings, RATE, by="corpus"))
    with pytest.raises(SerKerasError, match="are 1 for 16 recordings"):
        list(pipeline.predict_adapted(recordings, RATE, by="speaker", speakers=["a"]))
    with pytest.raises(SerKerasError, match="holds no samples"):
        pipeline.enrol([np.zeros(0, np.float32)], RATE)
    framed = dataclasses.replace(
        pipeline,
        features=FeatureSpec(kind="mfcc"),
        normalization=Normalization("feature", (0.0,) * 40, (1.0,) * 40),
    )
    with pytest.raises(SerKerasError, match="one vector a clip"):
        framed.enrol(recordings[:2], RATE)
