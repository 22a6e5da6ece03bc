"""Clips of a voice get a normalisation of their own, and each row tells by how many recordings."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ser_keras.adaptation import Weights, adapt, enrol, reference, variety
from ser_keras.batches import BatchSpec, Normalization, assemble
from ser_keras.errors import SerKerasError, Skipped
from ser_keras.features import FeatureSpec
from ser_keras.prediction import UNSURE, Pipeline
from ser_keras.reliability import Answers, Reliability

REFERENCE = Normalization("feature", (1.0, -2.0), (2.0, 0.5))
BATCH = BatchSpec(fit="mean")
NAIVE = Weights(mean=0, variance=0)
RATE = 16_000


def clips(n=12, shift=0.0, scale=1.0, seed=0):
    """Vectors of a voice that differs from the training clips by a shift and a scale."""
    rng = np.random.default_rng(seed)
    return shift + scale * (rng.normal(size=(n, 2)) * REFERENCE.std + REFERENCE.mean)


def inputs(vectors, adaptation, batch=BATCH):
    return assemble(np.asarray(vectors)[:, None], batch, adaptation.normalization)["features"]


def test_without_shrinkage_a_voice_gets_mean_0_and_deviation_1():
    vectors = clips(shift=7, scale=3)
    rows = inputs(vectors, enrol(vectors, REFERENCE, BATCH, NAIVE))
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(rows.std(axis=0), 1, rtol=1e-6)


def test_the_mean_is_drawn_to_the_training_clips_as_by_so_many_recordings():
    vectors = np.array([[5.0, -2.0], [5.0, -2.0], [5.0, -2.0]])
    voice = enrol(vectors, REFERENCE, BATCH, Weights(mean=1, variance=1e6))
    np.testing.assert_allclose(voice.normalization.mean, [(3 * 5 + 1 * 1) / 4, -2])


def test_the_variance_is_drawn_to_the_training_clips_as_by_so_many_recordings():
    vectors = np.array([[7.0, -2.0], [-5.0, -2.0]])  # variance 36 against 4
    voice = enrol(vectors, REFERENCE, BATCH, Weights(mean=1, variance=6))
    assert voice.normalization.std[0] == pytest.approx(np.sqrt((2 * 36 + 6 * 4) / 8))


def test_one_recording_moves_the_mean_half_way_and_changes_the_deviation_little():
    voice = enrol([np.array([5.0, -2.0])], REFERENCE, BATCH)
    assert voice.recordings == 1
    assert voice.normalization.mean[0] == pytest.approx(3)
    assert voice.normalization.std[0] == pytest.approx(2 * np.sqrt(20 / 21))


@pytest.mark.parametrize("weights", [Weights(), NAIVE, Weights(mean=0.5, variance=1e6)])
def test_without_roots_clips_are_stretched_and_shifted_to_the_training_clips(weights):
    enrolled, vectors = clips(5, shift=4, scale=2), clips(7, shift=4, scale=2, seed=1)
    mean, std = np.array(REFERENCE.mean), np.array(REFERENCE.std)
    own_mean = (5 * enrolled.mean(axis=0) + weights.mean * mean) / (5 + weights.mean)
    own_variance = 5 * enrolled.var(axis=0) + weights.variance * std**2
    scale = np.sqrt(std**2 / (own_variance / (5 + weights.variance)))
    moved = vectors * scale + mean - own_mean * scale
    expected = assemble(moved[:, None], BATCH, REFERENCE)["features"]
    voice = enrol(enrolled, REFERENCE, BATCH, weights)
    np.testing.assert_allclose(inputs(vectors, voice), expected, rtol=1e-5, atol=1e-6)


def test_with_roots_the_statistics_are_those_of_the_roots():
    batch = BatchSpec(fit="mean", signed_root=True, limit=5.0)
    vectors = np.sign(roots := clips(9, shift=3, scale=2)) * roots**2
    np.testing.assert_allclose(
        enrol(vectors, REFERENCE, batch).normalization.mean,
        enrol(roots, REFERENCE, BATCH).normalization.mean,
    )
    rows = inputs(vectors, enrol(vectors, REFERENCE, batch, NAIVE), batch)
    np.testing.assert_allclose(rows.std(axis=0), 1, rtol=1e-6)
    (first, *_) = adapt(vectors, REFERENCE, batch, "corpus", weights=NAIVE)
    np.testing.assert_allclose(inputs(vectors, first, batch), rows)
    mixed = answers([0, 1, 2] * 3)
    assert variety(vectors, REFERENCE, batch, mixed) == pytest.approx(
        variety(roots, REFERENCE, BATCH, mixed)
    )
    pairs = [("tess", "a")] * 9
    assert reference(vectors, pairs, batch).std == pytest.approx(roots.std(axis=0))


def test_no_recording_leaves_the_normalisation_of_the_training_clips():
    voice = enrol([], REFERENCE, BATCH)
    assert voice.normalization == REFERENCE
    assert (voice.recordings, voice.note) == (0, "")


def test_nothing_is_adapted_by_default():
    for adaptation in adapt(clips(shift=7), REFERENCE, BATCH):
        assert (adaptation.recordings, adaptation.note) == (0, "")
        assert adaptation.normalization == REFERENCE


def test_speakers_are_adapted_apart_and_rows_tell_by_how_many():
    vectors = np.concatenate([clips(30, shift=7), clips(12, shift=-3, seed=1)])
    speakers = ["a"] * 30 + ["b"] * 12
    adaptations = adapt(vectors, REFERENCE, BATCH, "speaker", speakers=speakers, weights=NAIVE)
    assert [each.recordings for each in adaptations] == [30] * 30 + [12] * 12
    assert adaptations[0].itself
    assert adaptations[0].note == "adapted by 30 recordings, this one among them"
    for own in (slice(0, 30), slice(30, 42)):
        rows = inputs(vectors[own], adaptations[own.start])
        np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-6)


def test_a_corpus_is_adapted_as_one_group():
    vectors = np.concatenate([clips(5, shift=7), clips(3, shift=-3)])
    adaptations = adapt(vectors, REFERENCE, BATCH, "corpus")
    assert [each.recordings for each in adaptations] == [8] * 8


def test_a_recording_alone_is_never_adapted_to_itself():
    first, _ = adapt(clips(2), REFERENCE, BATCH, "speaker", speakers=["a", "b"])
    assert (first.recordings, first.note) == (0, "not adapted")


def test_the_reference_is_the_mean_of_the_speakers_not_of_the_clips():
    vectors = np.array([[0.0], [2.0], [9.0], [11.0], [10.0], [10.0]])
    of = reference(vectors, [("tess", "a")] * 2 + [("tess", "b")] * 4, BATCH)
    assert of.mean == (5.5,)
    assert of.std == pytest.approx((np.sqrt((1 + 0.5) / 2),))


def test_each_corpus_weighs_the_same_in_the_reference_and_names_may_recur():
    vectors = np.array([[0.0], [2.0], [4.0], [6.0], [100.0], [104.0]])
    pairs = [("tess", "a"), ("tess", "a"), ("tess", "b"), ("tess", "b")]
    of = reference(vectors, [*pairs, ("savee", "a"), ("savee", "a")], BATCH)
    assert of.mean == ((3 + 102) / 2,)
    assert of.std == pytest.approx((np.sqrt((1 + 4) / 2),))


def test_speakers_of_one_clip_have_a_mean_and_no_deviation():
    vectors = np.array([[0.0], [2.0], [8.0]])
    pairs = [("own", "a"), ("own", "a"), ("own", "b")]
    assert reference(vectors, pairs, BATCH) == Normalization("feature", (4.5,), (1.0,))


def test_a_corpus_of_one_clip_a_speaker_has_the_deviation_between_its_clips():
    vectors = clips(20)
    of = reference(vectors[:, None], [("own", str(i)) for i in range(20)], BATCH)
    assert of.mean == pytest.approx(vectors.mean(axis=0))
    assert of.std == pytest.approx(vectors.std(axis=0))
    assert reference(vectors[:1], [("own", "a")], BATCH).std == (1.0, 1.0)


def test_a_constant_feature_is_not_divided_by_nothing():
    vectors = np.array([[3.0, 0.0], [3.0, 2.0]], np.float32)
    assert reference(vectors, [("own", "a")] * 2, BATCH).std == (1.0, 1.0)


def answers(emotions, n_classes=3, share=0.8):
    rest = (1 - share) / (n_classes - 1)
    return np.where(np.arange(n_classes) == np.array(emotions)[:, None], share, rest)


def test_a_group_that_seems_to_be_of_one_emotion_is_left_alone_and_says_so():
    vectors, mixed = clips(12), answers([0, 1, 2] * 4)
    usual = variety(vectors, REFERENCE, BATCH, mixed)
    angry = answers([2] * 12) + np.random.default_rng(0).uniform(0, 0.01, (12, 3))
    options = {"usual": usual}
    (first, *_) = adapt(vectors, REFERENCE, BATCH, "corpus", probabilities=mixed, **options)
    assert first.recordings == 12
    (first, *_) = adapt(vectors, REFERENCE, BATCH, "corpus", probabilities=angry, **options)
    assert (first.recordings, first.note) == (0, "not adapted: 12 recordings vary too little")


def test_variety_grows_with_the_emotions_and_does_not_depend_on_confidence_in_one():
    vectors = clips(12)
    one, two, three = (
        variety(vectors, REFERENCE, BATCH, answers(np.arange(12) % n)) for n in (1, 2, 3)
    )
    assert one == pytest.approx(0, abs=1e-9)
    assert one < two < three
    assert variety(vectors[:1], REFERENCE, BATCH, answers([0])) == 0
    certain = np.eye(3)[np.zeros(12, int)]
    assert variety(vectors, REFERENCE, BATCH, certain) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: enrol([np.zeros((3, 2))], REFERENCE, BATCH), "one vector a clip"),
        (lambda: enrol(np.zeros((4, 5)), REFERENCE, BATCH), "not of 2 numbers each"),
        (lambda: enrol([np.array([np.nan, 0])], REFERENCE, BATCH), "not finite"),
        (lambda: enrol(clips(), Normalization("clip"), BATCH), "kind 'clip'"),
        (lambda: adapt(clips(), REFERENCE, BATCH, "speaker"), "where nobody knows them"),
        (
            lambda: adapt(clips(), REFERENCE, BATCH, "speaker", speakers=["a"]),
            "are 1 for 12 recordings",
        ),
        (lambda: adapt(clips(), REFERENCE, BATCH, "room"), "cannot be 'room'"),
        (lambda: adapt(clips(), REFERENCE, BATCH, "corpus", usual=1.0), "Give a row each"),
        (lambda: variety(clips(), REFERENCE, BATCH, np.ones((2, 3))), "Give a row each"),
        (lambda: reference(clips(), [("own", "a")], BATCH), "1 groups for 12 vectors"),
        (lambda: reference([], [], BATCH), "at least one clip"),
        (lambda: reference([np.ones(2), np.ones(3)], [("own", "a")] * 2, BATCH), "2 numbers each"),
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
    vectors = [item.frames for item in next(plain._batches(enumerate(recordings), RATE))]
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


def test_enrolment_changes_what_is_scored_as_what_is_labelled(pipeline, recordings):
    enrolled = pipeline.enrol(recordings[10:], RATE)
    frames = [item.frames for item in next(pipeline._batches(enumerate(recordings[8:10]), RATE))]
    labelled = [row.probabilities["high"] for row in enrolled.predict(recordings[8:10], RATE)]
    np.testing.assert_allclose(enrolled.probabilities(frames)[:, 1], labelled, atol=1e-6)


def test_recordings_are_adapted_to_themselves_speaker_by_speaker(pipeline, recordings):
    names = ["a"] * 8 + ["b"] * 8 + ["c"]
    mixed = [*recordings, np.zeros(0, np.float32)]
    rows = list(pipeline.predict_adapted(mixed, RATE, by="speaker", speakers=names))
    assert isinstance(rows.pop(), Skipped)
    assert [row.adapted_by for row in rows] == [8] * 16
    frames = [item.frames[0] for item in next(pipeline._batches(enumerate(recordings), RATE))]
    by_hand = adapt(frames, pipeline.normalization, BATCH, "speaker", speakers=names[:16])
    expected = [
        pipeline.adapted(each).probabilities([v[None]])[0, 1]
        for each, v in zip(by_hand, frames, strict=True)
    ]
    np.testing.assert_allclose([row.probabilities["high"] for row in rows], expected, atol=1e-6)


def test_recordings_that_vary_too_little_are_labelled_as_without_adaptation(pipeline, recordings):
    plain = list(pipeline.predict(recordings, RATE))
    rows = list(pipeline.predict_adapted(recordings, RATE, by="corpus", usual=1e6))
    assert [row.probabilities for row in rows] == [row.probabilities for row in plain]
    assert {(row.adapted_by, row.note) for row in rows} == {
        (0, "not adapted: 16 recordings vary too little")
    }


def test_what_is_usual_for_the_model_guards_its_groups_unless_each_is_to_be_adapted(
    pipeline, recordings
):
    wary = dataclasses.replace(pipeline, reliability=Reliability(usual=1e6))
    rows = list(wary.predict_adapted(recordings, RATE, by="corpus"))
    assert {row.adapted_by for row in rows} == {0}
    rows = list(wary.predict_adapted(recordings, RATE, by="corpus", usual=0))
    assert {row.adapted_by for row in rows} == {16}


def test_a_label_counts_by_the_threshold_of_what_the_model_is(pipeline, recordings):
    never = Answers(answer_from=1.0, answered=0.6, right=0.9, overall=0.8, speakers=3)
    always = dataclasses.replace(never, answer_from=0.0)
    known = dataclasses.replace(pipeline, reliability=Reliability(plain=always, adapted=never))
    unsure = {
        by: {row.label for row in known.enrol(recordings[:by], RATE).predict(recordings[8:], RATE)}
        for by in (0, 4)
    }
    assert unsure[4] == {UNSURE}
    assert UNSURE not in unsure[0]  # enrolled with nothing, it is not adapted


def test_a_voice_is_not_adapted_twice_nor_frames_at_all(pipeline, recordings):
    enrolled = pipeline.enrol(recordings[:2], RATE)
    with pytest.raises(SerKerasError, match="adapted already"):
        list(enrolled.predict_adapted(recordings, RATE, by="corpus"))
    with pytest.raises(SerKerasError, match="adapted already"):
        enrolled.enrol(recordings[2:4], RATE)
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
