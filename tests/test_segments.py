"""Long recordings: windows, segments, adaptation to a voice."""

import dataclasses
import itertools
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser_keras import audio, load_bundle, segments
from ser_keras.batches import BatchSpec, Normalization
from ser_keras.errors import SerKerasError, Skipped
from ser_keras.features import FeatureSpec, extract, extract_many
from ser_keras.prediction import NO_SPEECH, UNSURE, Pipeline
from ser_keras.windows import Windows

RATE = 22_050


class Pitch:
    """An engine that tells a low voice from a high one by where its energy lies."""

    def __call__(self, inputs):
        (bands,) = inputs.values()
        low = bands[:, 0].mean(axis=-1) if bands.ndim == 3 else bands[:, 0]
        high = 1 / (1 + np.exp(np.clip(low, -50, 50)))
        return np.stack([1 - high, high], axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def bundle(tiny_run):
    return load_bundle(tiny_run.folder)


@pytest.fixture(scope="module")
def sound(voice):
    """Speech, silence, speech: 7, 5 and 2 seconds."""
    silence = np.zeros(5 * RATE, np.float32)
    return np.concatenate([voice(120, 7.0, RATE, 1), silence, voice(220, 2.0, RATE, 2)])


def rows_of(bundle, sound, **windows):
    return list(bundle.stream(sound, RATE, **windows))


def test_the_segments_of_a_long_recording_cover_it_without_gaps(bundle, sound):
    rows = rows_of(bundle, sound)
    assert rows[0].start == 0
    assert rows[-1].end == pytest.approx(14.0, abs=1e-3)
    assert all(a.end == b.start for a, b in itertools.pairwise(rows))
    assert all(row.end > row.start for row in rows)


def test_silence_is_a_row_without_probabilities(bundle, sound):
    (silent,) = (row for row in rows_of(bundle, sound) if row.start < 9.5 < row.end)
    assert silent.label == NO_SPEECH
    assert 6.5 < silent.start < 7.5
    assert 11.5 < silent.end < 12.5
    assert np.isnan(list(silent.probabilities.values())).all()
    assert silent.arousal is None


def test_neighbouring_segments_differ_in_their_labels(bundle, sound):
    rows = rows_of(bundle, sound)
    assert all(a.label != b.label for a, b in itertools.pairwise(rows))
    for row in rows:
        if row.label != NO_SPEECH:
            assert sum(row.probabilities.values()) == pytest.approx(1, abs=1e-5)


def test_a_short_recording_is_one_row_as_before(bundle, voice):
    short = voice(200, 1.5)
    (row,) = rows_of(bundle, short)
    (whole,) = rows_of(bundle, short, whole=True)
    assert row == whole


def test_whole_makes_one_row_of_any_recording(bundle, sound):
    (row,) = rows_of(bundle, sound, whole=True)
    assert row.label in bundle.labels


def test_a_short_recording_without_speech_has_the_label_no_speech(bundle):
    noise = np.random.default_rng(0).normal(0, 0.05, 2 * RATE).astype(np.float32)
    (row,) = rows_of(bundle, noise)
    assert row.label == NO_SPEECH
    (whole,) = rows_of(bundle, noise, whole=True)
    assert whole.label in bundle.labels


def test_a_long_recording_of_silence_is_one_row_that_says_so(bundle):
    (row,) = rows_of(bundle, np.zeros(20 * RATE, np.float32))
    assert (row.label, row.start, row.end) == (NO_SPEECH, 0, 20.0)
    assert "silent" in row.note


def test_speech_shorter_than_a_window_gets_a_label(bundle, voice):
    silence = np.zeros(4 * RATE, np.float32)
    rows = rows_of(bundle, np.concatenate([silence, voice(150, 0.8), silence]))
    assert sum(row.label != NO_SPEECH for row in rows) == 1


def test_a_file_gives_the_rows_of_its_samples(bundle, sound, tmp_path):
    path = tmp_path / "long.wav"
    soundfile.write(path, sound, RATE, subtype="FLOAT")
    by_file = list(bundle.stream(path))
    by_samples = rows_of(bundle, sound)
    assert [(r.start, r.end, r.label) for r in by_file] == [
        (r.start, r.end, r.label) for r in by_samples
    ]
    assert {row.file for row in by_file} == {str(path)}


def test_rows_come_in_the_order_of_the_recordings(bundle, sound, voice, tmp_path):
    short = voice(200, 1.0)
    rows = list(bundle.stream([short, sound, tmp_path / "none.wav", short], RATE))
    names = [row.path if isinstance(row, Skipped) else row.file for row in rows]
    assert list(dict.fromkeys(names)) == [
        "array 0",
        "array 1",
        str(tmp_path / "none.wav"),
        "array 3",
    ]


def test_the_table_has_a_row_for_each_segment(bundle, sound):
    table = bundle.predict(sound, sample_rate=RATE)
    rows = rows_of(bundle, sound)
    assert table.index.tolist() == [(r.file, r.start, r.end) for r in rows]
    assert table["label"].tolist() == [r.label for r in rows]


def test_predict_proba_follows_scikit_learn(bundle, voice):
    arrays = [voice(150, 1.0), voice(250, 1.0)]
    probabilities = bundle.predict_proba(arrays, RATE)
    assert probabilities.shape == (2, len(bundle.labels))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert bundle.classes_.tolist() == list(bundle.labels)
    with pytest.raises(SerKerasError, match="does not exist"):
        bundle.predict_proba(["none.wav"])


@pytest.mark.parametrize(
    ("windows", "sentence"),
    [
        ({"window": 0.01}, "--window"),
        ({"window": 2.0, "hop": 2.5}, "would not be heard"),
        ({"whole": True, "window": 1.0}, "--whole"),
        ({"adapt": "me"}, "--adapt"),
        ({"possible": 2.0}, "--possible"),
    ],
)
def test_windows_that_make_no_sense_are_refused(bundle, sound, windows, sentence):
    with pytest.raises(SerKerasError, match=sentence):
        rows_of(bundle, sound, **windows)


def test_a_window_is_at_most_what_the_model_hears():
    with pytest.raises(SerKerasError, match="this model hears 3 s at a time"):
        Windows(window=5.0).lengths(FeatureSpec(kind="mfcc", duration=3.0))


def test_an_unsure_model_says_so_and_shows_its_probabilities(bundle, sound):
    class Never:
        usual = None

        def answers(self, probabilities, adapted):
            return False

        def note(self, frames):
            return ""

    pipeline = dataclasses.replace(bundle.pipeline, reliability=Never())
    rows = list(segments.predict(pipeline, [sound], RATE))
    assert {row.label for row in rows} == {UNSURE, NO_SPEECH}
    assert all(max(r.probabilities.values()) > 0 for r in rows if r.label == UNSURE)


def test_what_a_model_cannot_do_is_no_fault_of_a_recording(bundle, sound):
    with pytest.raises(SerKerasError, match=r"--possible.*has not measured it"):
        rows_of(bundle, sound, possible=0.9)
    framed = dataclasses.replace(bundle.pipeline, features=FeatureSpec(kind="mfcc"))
    with pytest.raises(SerKerasError, match=r"--speakers.*needs a model on the speaker encoder"):
        list(segments.predict(framed, [sound], RATE, Windows(speakers=True)))


def test_watching_shows_every_sample_once(bundle, sound):
    seen = []
    rows = segments.segments(
        bundle.pipeline, sound, RATE, watch=lambda part, rate: seen.append(part)
    )
    assert list(rows)
    np.testing.assert_array_equal(np.concatenate(seen), sound)


@pytest.fixture(scope="module")
def encoder(voice):
    """A model on the speaker encoder, which can be adapted."""
    spec, batch = FeatureSpec(kind="speaker_encoder"), BatchSpec(fit="mean")
    clips = [voice(pitch, 1.0, 16_000, pitch) for pitch in (110, 150, 220, 300)]
    vectors = extract_many(clips, spec)
    return Pipeline(("low", "high"), spec, batch, Normalization.fit(vectors, batch), Pitch())


def test_several_windows_have_the_features_of_each(voice):
    for kind in ("speaker_encoder", "speaker_encoder+functionals", "mfcc"):
        spec = FeatureSpec(kind=kind)
        clips = [voice(150, seconds, spec.sample_rate) for seconds in (1.0, 0.6)]
        for one, many in zip(clips, extract_many(clips, spec), strict=True):
            np.testing.assert_allclose(extract(one, spec), many, atol=2e-5, rtol=1e-4)


def test_enrolment_counts_the_windows_of_other_recordings(encoder, voice):
    other = voice(130, 8.0, 16_000)
    adapted = segments.enrol(encoder, [other], 16_000, Windows(window=2.0))
    assert adapted.adaptation.recordings > 2
    (row,) = segments.predict(adapted, [voice(130, 1.0, 16_000)], 16_000)
    assert row.adapted_by == adapted.adaptation.recordings
    long = [r for r in segments.predict(adapted, [other], 16_000) if r.label != NO_SPEECH]
    assert {r.adapted_by for r in long} == {row.adapted_by}
    assert all(r.note.startswith("adapted by") for r in long)
    with pytest.raises(SerKerasError, match="holds no speech"):
        segments.enrol(encoder, [np.zeros(32_000, np.float32)], 16_000)


def test_recordings_that_vary_too_little_are_not_adapted_and_the_rows_say_so(encoder, voice):
    class Wary:
        usual = 1e6

        def answers(self, probabilities, adapted):
            return True

        def note(self, frames):
            return ""

    wary = dataclasses.replace(encoder, reliability=Wary())
    settings = Windows(adapt="file", window=2.0)
    rows = list(segments.predict(wary, [voice(120, 8.0, 16_000)], 16_000, settings))
    spoken = [row for row in rows if row.label != NO_SPEECH]
    assert all(row.adapted_by == 0 and "vary too little" in row.note for row in spoken)


@pytest.mark.parametrize("by", ["file", "all"])
def test_a_recording_can_be_adapted_to_itself(encoder, voice, by):
    long = np.concatenate([voice(pitch, 4.0, 16_000) for pitch in (120, 240)])
    rows = list(segments.predict(encoder, [long, long], 16_000, Windows(adapt=by, window=2.0)))
    spoken = [row for row in rows if row.label != NO_SPEECH]
    assert all(row.adapted_by > 1 for row in spoken)
    assert all("this one among them" in row.note for row in spoken)
    assert {row.file for row in rows} == {"array 0", "array 1"}


def test_voices_are_letters_in_the_order_of_appearance(encoder, voice):
    pytest.importorskip("scipy")
    long = np.concatenate([voice(pitch, 4.0, 16_000) for pitch in (120, 240)])
    rows = list(segments.predict(encoder, [long], 16_000, Windows(speakers=True, window=2.0)))
    letters = [row.speaker for row in rows if row.label != NO_SPEECH]
    assert letters[0] == "A"
    assert set(letters) <= set("ABCDEF")


CORPORA = Path(os.environ.get("SER_CORPORA") or Path(__file__).parents[2] / "shared" / "corpora")


@pytest.mark.corpora
@pytest.mark.skipif(not (CORPORA / "tess").is_dir(), reason="needs TESS below $SER_CORPORA")
def test_the_parts_of_ten_minutes_stand_in_the_timeline():
    def clips(folder):
        paths = itertools.cycle(sorted((CORPORA / "tess" / folder).iterdir())[:60])
        parts, seconds = [], 0.0
        while seconds < 120:
            parts.append(audio.read(next(paths), RATE))
            seconds += len(parts[-1]) / RATE
        return np.concatenate(parts)[: 120 * RATE]

    t = np.arange(120 * RATE) / RATE
    chord = sum(np.sin(2 * np.pi * f * (1 + (t // 2 % 4) / 12) * t) for f in (220, 277, 330))
    parts = [
        clips("OAF_happy"),
        np.zeros(120 * RATE),
        clips("OAF_angry"),
        clips("YAF_sad"),
        0.05 * chord,
    ]
    rows = list(load_bundle("general").stream(np.concatenate(parts).astype(np.float32), RATE))
    expected = ("happy", NO_SPEECH, "angry", "sad", NO_SPEECH)
    for number, label in enumerate(expected):
        start, end = 120 * number, 120 * (number + 1)
        seconds = {}
        for row in rows:
            overlap = min(end, row.end) - max(start, row.start)
            probable = max(row.probabilities, key=row.probabilities.get)
            name = NO_SPEECH if row.label == NO_SPEECH else probable
            seconds[name] = seconds.get(name, 0) + max(0, overlap)
        assert max(seconds, key=seconds.get) == label
