"""What people have is labelled, and each recording gets a row, or a reason."""

from __future__ import annotations

import io
import math
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import soundfile

from ser_keras import load_bundle
from ser_keras.batches import BatchSpec, Normalization
from ser_keras.errors import SerKerasError, Skipped
from ser_keras.features import FeatureSpec
from ser_keras.prediction import Pipeline, Prediction
from ser_keras.recordings import listed

RATE = 22_050


@pytest.fixture(scope="module")
def bundle(tiny_run):
    return load_bundle(tiny_run.folder)


@pytest.fixture(scope="module")
def paths(tiny_tess):
    return sorted(map(str, tiny_tess.rglob("*.wav")))[3:20:5]


@pytest.fixture(scope="module")
def expected(bundle, paths):
    """Probabilities of each emotion for the paths, (paths, emotions)."""
    return probabilities(bundle.predict(paths))


def probabilities(table):
    return table.filter(like="p_").to_numpy()


def refusal(function, *arguments, **options):
    with pytest.raises(SerKerasError) as caught:
        function(*arguments, **options)
    return str(caught.value)


class Loud:
    """An engine that gives each class the same probability, and counts what it is asked."""

    def __init__(self, n_bands):
        self.shapes = {"features": (None, n_bands)}

    def __call__(self, inputs):
        return np.full((len(inputs["features"]), 2), 0.5, np.float32)


def pipeline(**changes):
    features = FeatureSpec(kind="log_mel", n_mels=16, **changes)
    batch = BatchSpec(normalize="none")
    return Pipeline(("sad", "happy"), features, batch, Normalization(), Loud(16))


@pytest.mark.parametrize(
    "column",
    [
        pd.Series,
        pd.Index,
        np.array,
        tuple,
        iter,
        lambda paths: np.array(paths, dtype=object),
        lambda paths: np.array(paths, dtype="S"),
        lambda paths: np.array(paths)[:, None],
        lambda paths: pd.Series(paths, dtype="category"),
        lambda paths: pd.DataFrame({"path": paths}, index=range(5, 9))["path"],
        lambda paths: [path.encode() for path in paths],
        lambda paths: {path: 1 for path in paths}.keys(),
    ],
)
def test_paths_are_taken_from_any_column(bundle, paths, expected, column):
    table = bundle.predict(column(paths))
    assert np.array_equal(probabilities(table), expected)
    assert list(table.index.get_level_values("file")) == paths


def test_an_array_of_one_path_is_one_recording(bundle, paths, expected):
    assert np.allclose(probabilities(bundle.predict(np.array(paths[0]))), expected[:1], atol=1e-6)


def test_samples_are_taken_in_every_usual_form(bundle, paths, expected):
    samples, rate = soundfile.read(paths[0], dtype="float32")
    integers, _ = soundfile.read(paths[0], dtype="int16")
    stereo = np.stack([samples, samples], axis=1)
    for given in (
        (samples, rate),
        (rate, integers),  # as `scipy.io.wavfile.read` returns it
        [samples, rate],
        [(samples, np.int64(rate))],
        (samples.tolist(), float(rate)),
    ):
        table = bundle.predict(given)
        np.testing.assert_allclose(probabilities(table), expected[:1], atol=1e-5)
        assert table.index[0][0] == "array 0"
    for given in (samples, integers, stereo, stereo.T, samples[None], pd.Series(samples)):
        table = bundle.predict(given, sample_rate=rate)
        np.testing.assert_allclose(probabilities(table), expected[:1], atol=1e-5)
    table = bundle.predict(samples.astype(np.float64).tolist(), sample_rate=rate)
    np.testing.assert_allclose(probabilities(table), expected[:1], atol=1e-5)


def test_tensors_are_taken_as_arrays(bundle, paths, expected):
    torch = pytest.importorskip("torch")
    samples, rate = soundfile.read(paths[0], dtype="float32")
    for given in ((torch.from_numpy(samples)[None], rate), [(torch.from_numpy(samples), rate)]):
        np.testing.assert_allclose(probabilities(bundle.predict(given)), expected[:1], atol=1e-5)


def test_file_objects_and_contents_are_taken(bundle, paths, expected):
    with open(paths[0], "rb") as first, open(paths[1], "rb") as second:
        table = bundle.predict([first, second])
        alone = bundle.predict(first)
    np.testing.assert_allclose(probabilities(table), expected[:2], atol=1e-5)
    np.testing.assert_allclose(probabilities(alone), expected[:1], atol=1e-5)
    assert list(table.index.get_level_values("file")) == paths[:2]
    with open(paths[0], "rb") as stream:
        content = stream.read()
    table = bundle.predict([io.BytesIO(content), content])
    np.testing.assert_allclose(probabilities(table), expected[[0, 0]], atol=1e-5)
    assert list(table.index.get_level_values("file")) == ["file 0", "item 1"]


def test_one_call_takes_recordings_of_all_kinds(bundle, paths, expected):
    samples, rate = soundfile.read(paths[1])
    with open(paths[2], "rb") as stream:
        table = bundle.predict([paths[0], samples, stream, (samples, rate)], sample_rate=rate)
    np.testing.assert_allclose(probabilities(table), expected[[0, 1, 2, 1]], atol=1e-5)
    assert list(table.index.get_level_values("file")) == [paths[0], "array 1", paths[2], "array 3"]


def test_each_recording_keeps_its_row(bundle, paths, expected, tmp_path):
    (tmp_path / "notes.wav").write_text("no sound")
    given = pd.Series([paths[0], str(tmp_path / "notes.wav"), None, math.nan, paths[1], pd.NA])
    table = bundle.predict(given)
    assert len(table) == len(given)
    assert table["label"].isna().tolist() == [False, True, True, True, False, True]
    np.testing.assert_allclose(probabilities(table)[[0, 4]], expected[:2], atol=1e-5)
    assert np.isnan(probabilities(table)[[1, 2, 3, 5]]).all()
    names = table.index.get_level_values("file")
    assert list(names) == [paths[0], given[1], "item 2", "item 3", paths[1], "item 5"]
    assert table["note"].iloc[1].startswith("is in no format that is read")
    assert table["note"].iloc[2:].tolist() == ["is missing", "is missing", "", "is missing"]
    assert [str(skipped.path) for skipped in table.attrs["skipped"]] == list(names[[1, 2, 3, 5]])
    assert all(isinstance(skipped, Skipped) for skipped in table.attrs["skipped"])


def test_if_no_recording_can_be_read_the_first_reason_is_the_error(bundle, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(RATE), RATE)
    sentence = refusal(bundle.predict, [tmp_path / "a.wav", "none.wav"])
    assert sentence == f"{tmp_path / 'a.wav'}: is silent. Check the microphone or the export."
    assert bundle.predict([]).empty


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "recordings: are of the type NoneType. Give a path, a file object"),
        (7, "recordings: are of the type int. Give a path"),
        ([7, "a.wav"], "item 0: is no recording, but of the type int"),
        (
            {"path": ["a.wav"]},
            "recordings: are of the type dict. Give one of its columns or values",
        ),
        (pd.DataFrame({"path": ["a.wav"]}), "recordings: are of the type DataFrame. Give one of"),
        (np.array([["a.wav", "sad"]] * 3), "recordings: are an array of shape (3, 2). Give one"),
        ([{"array": [0.1]}], "item 0: is no recording, but of the type dict. Give a path"),
        ([True], "item 0: is no recording, but of the type bool"),
        (np.zeros(9), "array 0: has no sample rate. Give sample_rate in Hz, or the pair"),
        ([np.zeros(9)], "array 0: has no sample rate"),
        ((np.ones(9), 0), "array 0: has a rate of 0 Hz. Give 1000 to 768000 Hz."),
        ((np.ones(9), math.nan), "array 0: has a rate of nan Hz"),
        ((np.ones((4, 900)), RATE), "array 0: has shape (4, 900). Give (samples,) or"),
        ((np.arange(900), RATE), "array 0: is an array of int64, whose full scale is unknown"),
        ((np.full(30_000, 9_000.0), RATE), "array 0: has samples up to 9000, as integers have"),
        ([io.StringIO("words")], "file 0: is a file object that does not return bytes"),
        ("none.wav", "none.wav: does not exist. Check the path."),
        ("", "item 0: does not exist. Check the path."),
        ("https://example.org/a.wav", "a.wav: is an address, and no file. Download it."),
        ([["a.wav"]], "item 0: is no recording, but of the type list"),
        (b"none.wav", "none.wav: does not exist. Check the path."),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_is_no_recording_is_named(bundle, given, words):
    assert words in refusal(bundle.predict, given)


def test_the_rate_that_is_given_must_be_a_number(bundle):
    assert "has the rate '16000', which is no number. Give it in Hz" in refusal(
        bundle.predict, np.ones(9), sample_rate="16000"
    )


def test_a_stream_takes_one_recording_too(bundle, paths):
    (result,) = bundle.stream(paths[0])
    assert isinstance(result, Prediction)
    assert "are of the type int" in refusal(bundle.stream, 7)
    assert list(listed(())) == []


def test_a_bundle_is_one_line(bundle):
    line = repr(bundle)
    assert line.startswith("<Bundle 'attention-tess")
    assert "7 emotions" in line
    assert str(bundle.folder) in line
    assert len(line) < 300
    assert "\n" not in line


def test_notes_about_a_recording_travel_with_its_prediction(bundle, voice, tmp_path):
    samples = voice(200, 2.0)
    soundfile.write(tmp_path / "loud.wav", samples * 40, RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "opposed.wav", np.stack([samples, -samples], axis=1), RATE)
    soundfile.write(tmp_path / "died.wav", samples, RATE)
    content = bytearray((tmp_path / "died.wav").read_bytes())
    content[4:8] = content[40:44] = bytes(4)
    (tmp_path / "died.wav").write_bytes(content)
    table = bundle.predict([tmp_path / f"{name}.wav" for name in ("loud", "opposed", "died")])
    assert "and full scale is 1" in table["note"].iloc[0]
    assert table["note"].iloc[1:].tolist() == [
        "its channels cancel each other, so only channel 1 was used",
        "its header was never finished, so it was read to its end",
    ]


def test_a_few_milliseconds_get_a_note(voice):
    samples = voice(200, 0.55)
    (result,) = pipeline(offset=0.5, duration=3.0).predict([samples], RATE)
    assert result.note == "the model hears only 50 ms, since it skips the first 0.5 s"
    (result,) = pipeline().predict([samples[:99]], RATE)
    assert result.note == "the model hears only 4 ms"
    (result,) = pipeline(duration=0.05).predict([samples], RATE)
    assert result.note == "0.5 s long; the model hears only this part"  # as in training
    (result,) = pipeline().predict([samples], RATE)
    assert result.note == ""


def test_a_clip_that_is_shorter_than_a_frame_does_not_end_the_batch(voice):
    samples = voice(200, 1.0)
    good, bad = pipeline(center=False).predict([samples, samples[:900]], RATE)
    assert isinstance(good, Prediction)
    assert bad == Skipped("array 1", "are too few for one frame", "Give a longer mono clip")


def test_a_recording_of_too_many_frames_is_refused_before_they_are_computed(voice):
    (result,) = pipeline(hop_length=1).predict([np.tile(voice(200, 10.0), 20)], RATE)
    assert result.reason == "has 4,410,001 frames of 16 bands, which is too many"


def test_frames_of_long_recordings_do_not_pile_up(voice):
    model = pipeline(n_fft=64, hop_length=16)
    long = np.tile(voice(200, 10.0), 8)  # 110,251 frames
    tracemalloc.start()
    results = list(model.predict([long] * 20, RATE))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [result.file for result in results] == [f"array {i}" for i in range(20)]
    assert peak < 220 << 20  # at once, frames and inputs would take 270 MiB
