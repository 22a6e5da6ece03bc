"""The vector of a clip is that of the original network, however clips are batched."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ser_keras
from ser_keras import audio, manifest
from ser_keras.batches import BatchSpec, Normalization
from ser_keras.cache import FeatureStore
from ser_keras.errors import SerKerasError
from ser_keras.features import FeatureSpec, extract
from ser_keras.models import speaker_encoder
from ser_keras.models.speaker_encoder import convert, encoder, network
from ser_keras.prediction import Pipeline

SPEC = FeatureSpec(kind="speaker_encoder")
RATE = 16_000
TOLERANCE = 1e-4  # of the original; 1e-6 was measured


def chirp():
    """A gliding buzz of 1.5 s that swells and fades."""
    time = np.arange(24_000) / RATE
    phase = 2 * np.pi * (140 * time + 30 * np.sin(3 * time))
    envelope = np.sin(np.pi * time / 1.5) ** 2
    return (0.2 * envelope * sum(np.sin(k * phase) / k for k in range(1, 30))).astype(np.float32)


def mels(frames, seed=0):
    """Made-up mel bands, as large and as sparse as those of speech at -30 dBFS."""
    return np.random.default_rng(seed).gamma(0.05, 1.0, (frames, 40)).astype(np.float32)


def moments(states):
    """Mean and deviation over time of the states (frames, 512), in the order of the vector."""
    exact = states.astype(np.float64)
    mean, deviation = exact.mean(axis=0), exact.std(axis=0)
    return np.concatenate([mean[:256], deviation[:256], mean[256:], deviation[256:]])


def torch_states(arrays, bands):
    """The states (frames, 512) of two torch.nn.LSTM with weights in torch's own layout."""
    torch = pytest.importorskip("torch", reason="the original runs on torch (bench extra)")
    states, x = [], torch.tensor(bands)[None]
    with torch.no_grad():
        for i in range(2):
            lstm = torch.nn.LSTM(x.shape[2], 256, batch_first=True)
            weights = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            lstm.load_state_dict(
                {f"{w}_l0": torch.tensor(arrays[f"lstm.{w}_l{i}"]) for w in weights}
            )
            x, _ = lstm(x)
            states.append(x[0].numpy())
    return np.concatenate(states, axis=1)


def original_mels(samples):
    """Mel bands as resemblyzer's `normalize_volume` and `wav_to_mel_spectrogram` compute them."""
    librosa = pytest.importorskip("librosa")
    largest = 2**15 - 1
    level = 20 * np.log10(np.sqrt(np.mean((samples * largest) ** 2)) / largest)
    samples = samples * 10 ** ((-30 - level) / 20)
    bands = librosa.feature.melspectrogram(y=samples, sr=RATE, n_fft=400, hop_length=160, n_mels=40)
    return bands.astype(np.float32).T


@pytest.fixture(scope="module")
def pretrained():
    """The file of weights in the package resemblyzer, which need not be importable."""
    spec = importlib.util.find_spec("resemblyzer")
    if spec is None or spec.origin is None:
        pytest.skip("needs the original: pip install --no-deps resemblyzer==0.1.4")
    return Path(spec.origin).with_name("pretrained.pt")


def test_the_vector_of_a_sound_is_that_of_the_original():
    """Computed once with resemblyzer 0.1.4 (float32 weights), torch 2.13 and librosa 0.11."""
    (vector,) = extract(chirp(), SPEC)
    assert vector.shape == (1024,)
    assert vector.dtype == np.float32
    expected = {
        0: [0.000579, -0.022808, -0.015789, -0.004797],  # layer 1: mean
        256: [0.012684, 0.033659, 0.0271, 0.012787],  # deviation
        512: [0.035239, -0.036397, 0.007496, 0.294208],  # layer 2: mean
        768: [0.036559, 0.025288, 0.046099, 0.183058],  # deviation
    }
    for start, values in expected.items():
        np.testing.assert_allclose(vector[start : start + 4], values, atol=1e-5)
    assert np.abs(vector.astype(np.float64)).sum() == pytest.approx(54.02122, abs=1e-3)


def test_the_keras_network_has_the_states_that_the_vectors_are_made_of():
    bands = mels(300)  # more than a block of frames
    (states,) = network.build().predict_on_batch(bands[None])
    assert states.shape == (300, 512)
    (vector,) = speaker_encoder.vectors([bands])
    np.testing.assert_allclose(vector, moments(states), atol=1e-5)


def test_a_clip_has_the_same_vector_alone_and_among_others():
    clips = [mels(frames, seed=frames) for frames in (1, 300, 255, 256, 257, 300, 513, 20)]
    clips += [mels(5, seed=100 + i) for i in range(40)]
    together = speaker_encoder.vectors(clips)
    alone = np.concatenate([speaker_encoder.vectors([clip]) for clip in clips])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_a_single_frame_has_no_deviation():
    (vector,) = speaker_encoder.vectors([mels(1)])
    deviations = vector.reshape(2, 2, 256)[:, 1]
    assert np.abs(deviations).max() < 1e-6
    assert np.abs(vector).max() > 0.01


@pytest.mark.parametrize("shape", [(0, 40), (10, 39), (40,)])
def test_anything_but_40_mel_bands_is_refused(shape):
    with pytest.raises(SerKerasError, match="clips: are not mel bands"):
        speaker_encoder.vectors([mels(3), np.zeros(shape, np.float32)])


def test_a_damaged_file_of_weights_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(encoder, "ARRAYS", tmp_path / "layers.safetensors")
    with pytest.raises(SerKerasError, match="Install ser_keras again"):
        encoder.load()


def test_the_level_is_set_and_does_not_matter():
    levelled = speaker_encoder.set_level(chirp())
    assert 20 * np.log10(np.sqrt(np.mean(levelled**2))) == pytest.approx(-30, abs=1e-3)
    expected = extract(chirp(), SPEC)
    for gain in (0.001, 0.1, 4.0):
        np.testing.assert_allclose(extract(gain * chirp(), SPEC), expected, atol=1e-5)


def test_silence_has_a_vector():
    vector = extract(np.zeros(8_000, np.float32), SPEC)
    assert vector.shape == (1, 1024)
    assert np.isfinite(vector).all()


def test_the_store_keeps_one_vector_a_clip_and_batches_and_bundles_take_it(tiny_tess, cache):
    paths = sorted(tiny_tess.rglob("*.wav"))[:3]
    store = FeatureStore("tess", SPEC, cache)
    assert store.fill(paths, ["a", "b", "c"]) == []
    samples = audio.read(paths[1], RATE)
    assert np.array_equal(store["b"], extract(samples, SPEC))
    batch = BatchSpec(fit="mean")
    normalization = Normalization.fit([store[content] for content in "abc"], batch)
    assert len(normalization.mean) == SPEC.n_features == 1024
    parts = {"features": SPEC, "batch": batch, "normalization": normalization}
    stored_settings = json.loads(json.dumps({name: part.to_json() for name, part in parts.items()}))
    assert manifest.settings(Path("bundle.json"), stored_settings) == tuple(parts.values())

    class Loudest:
        shapes = batch.shapes(SPEC.n_features)

        def __call__(self, inputs):
            assert inputs["features"].shape[1:] == self.shapes["features"] == (1024,)
            first = 1 / (1 + np.exp(-inputs["features"][:, :1]))
            return np.concatenate([first, 1 - first], axis=1)

    pipeline = Pipeline(("sad", "angry"), SPEC, batch, normalization, Loudest())
    stored = pipeline.probabilities([store[content] for content in "abc"])
    labelled = [prediction.probabilities["sad"] for prediction in pipeline.predict(paths)]
    np.testing.assert_allclose(labelled, stored[:, 0], atol=1e-5)
    assert len(set(labelled)) == 3


def test_nothing_heavy_is_imported():
    code = (
        "import sys, numpy as np\n"
        "from ser_keras.features import FeatureSpec, extract\n"
        "extract(np.ones(8_000), FeatureSpec(kind='speaker_encoder'), few=True)\n"
        "heavy = 'scipy', 'keras', 'tensorflow', 'torch', 'ai_edge_litert', 'librosa'\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(ser_keras.__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_what_ships_is_small_and_names_its_licence():
    folder = encoder.ARRAYS.parent
    assert encoder.ARRAYS.stat().st_size < 2.6e6
    assert "Apache License" in (folder / "LICENSE").read_text("utf-8")
    assert "resemblyzer" in (folder / "NOTICE").read_text("utf-8")


def test_torch_has_the_same_states_with_the_weights_that_ship():
    arrays = {}
    for name, array in encoder.load().items():
        i, kind = int(name[0]) - 1, name[2:]
        torch_name = {"kernel": "weight_ih", "recurrent_kernel": "weight_hh", "bias": "bias_ih"}
        arrays[f"lstm.{torch_name[kind]}_l{i}"] = array.T.copy()
        arrays[f"lstm.bias_hh_l{i}"] = np.zeros(1024, np.float32)
    bands = mels(300)
    expected = torch_states(arrays, bands)
    (states,) = network.build().predict_on_batch(bands[None])
    np.testing.assert_allclose(states, expected, atol=1e-5)
    np.testing.assert_allclose(speaker_encoder.vectors([bands])[0], moments(expected), atol=1e-5)


@pytest.mark.corpora
def test_vectors_and_states_of_real_clips_are_those_of_the_original(real_corpora, pretrained):
    arrays = convert.read(pretrained)
    paths = [
        *sorted((real_corpora / "ravdess").rglob("*.ogg"))[::180],
        *sorted((real_corpora / "tess").rglob("*.flac"))[::400],
        *sorted((real_corpora / "ased").rglob("*.ogg"))[::500],
    ]
    assert len(paths) >= 20
    starts = []
    for path in paths:
        samples = audio.read(path, RATE)
        bands = original_mels(samples)
        expected = torch_states(arrays, bands)
        assert np.abs(extract(samples, SPEC)[0] - moments(expected)).max() <= TOLERANCE, path.name
        starts.append((bands[:100], expected[:100]))
    first, expected = map(np.stack, zip(*starts, strict=True))
    assert np.abs(network.build().predict_on_batch(first) - expected).max() <= TOLERANCE


def test_the_file_that_ships_is_made_from_the_original(pretrained, tmp_path):
    convert.convert(pretrained, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == encoder.ARRAYS.read_bytes()
