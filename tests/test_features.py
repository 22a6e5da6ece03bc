"""Features equal librosa's; a spec survives JSON and refuses invalid values."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ser_keras import audio, mel_scale
from ser_keras.errors import SerKerasError
from ser_keras.features import FeatureSpec, extract

MFCC = FeatureSpec(kind="mfcc", offset=0.5, duration=3.0)
TORCH_MEL = FeatureSpec(kind="log_mel", n_mels=40, htk=True, mel_norm=None, top_db=None)
LOUDEST_MEL = FeatureSpec(kind="log_mel", sample_rate=44_100, fmax=8_000.0, ref="max")
IN_USE = {"mfcc": MFCC, "torch-mel": TORCH_MEL, "loudest-mel": LOUDEST_MEL}
ENCODER = FeatureSpec(kind="speaker_encoder", offset=0.5)
VARIANTS = {
    "magnitude": dataclasses.replace(TORCH_MEL, power=1.0),
    "short-window": dataclasses.replace(MFCC, win_length=400, hop_length=160),
    "reflect": dataclasses.replace(MFCC, pad_mode="reflect"),
    "not-centred": dataclasses.replace(MFCC, center=False),
    "hamming": dataclasses.replace(MFCC, window="hamming", fmin=60.0),
    "one-band": dataclasses.replace(TORCH_MEL, n_mels=1),
    "odd-frame": dataclasses.replace(MFCC, n_fft=1001, n_mels=32, n_mfcc=13),
    "empty-filters": dataclasses.replace(MFCC, n_fft=512, n_mels=256),
}
TOLERANCE = 0.01  # dB; float32 against librosa's float64 transform gives 0.001 on real clips


def librosa_features(samples, spec):
    librosa = pytest.importorskip("librosa")
    mel = librosa.feature.melspectrogram(
        y=samples,
        sr=spec.sample_rate,
        n_fft=spec.n_fft,
        win_length=spec.win_length,
        hop_length=spec.hop_length,
        window=spec.window,
        center=spec.center,
        pad_mode=spec.pad_mode,
        power=spec.power,
        n_mels=spec.n_mels,
        fmin=spec.fmin,
        fmax=spec.fmax,
        htk=spec.htk,
        norm=spec.mel_norm,
    )
    ref = np.max if spec.ref == "max" else spec.ref
    decibel = librosa.power_to_db(mel, ref=ref, amin=spec.amin, top_db=spec.top_db)
    if spec.kind == "mfcc":
        return librosa.feature.mfcc(S=decibel, n_mfcc=spec.n_mfcc).T
    return decibel.T


def sounds():
    rng = np.random.default_rng(7)
    time = np.arange(33_000) / 22_050
    tone = 0.5 * np.sin(2 * np.pi * 440 * time)
    signals = {
        "tone": tone,
        "loud tone": 2 * tone,
        "16-bit tone": np.round(tone * 2**15) / 2**15,
        "noise": 0.1 * rng.standard_normal(len(time)),
        "tone and silence": np.where(time < 0.7, tone, 0),
        "click": np.eye(1, len(time), 9_999)[0],
        "voice-like": sum(np.sin(2 * np.pi * 120 * k * time) / k for k in range(1, 60)) * 0.2,
        "3000 samples": 0.1 * rng.standard_normal(3_000),
    }
    return {name: signal.astype(np.float32) for name, signal in signals.items()}


@pytest.mark.filterwarnings("ignore:Empty filters")
@pytest.mark.parametrize("name", IN_USE | VARIANTS)
def test_features_equal_librosa(name):
    spec = (IN_USE | VARIANTS)[name]
    for sound, samples in sounds().items():
        expected = librosa_features(samples, spec)
        frames = extract(samples, spec)
        assert frames.dtype == np.float32
        assert frames.shape == expected.shape == (spec.frames(len(samples)), spec.n_features), sound
        assert np.abs(frames - expected).max() <= TOLERANCE, sound


def test_mfcc_equal_librosa_with_its_defaults():
    librosa = pytest.importorskip("librosa")
    samples = sounds()["voice-like"]
    expected = librosa.feature.mfcc(y=samples, sr=22_050, n_mfcc=40).T
    assert np.abs(extract(samples, MFCC) - expected).max() <= TOLERANCE


@pytest.mark.filterwarnings("ignore:n_fft=2048 is too large")
def test_a_clip_shorter_than_a_frame_has_frames_where_they_are_centred():
    samples = sounds()["noise"][:100]
    assert extract(samples, MFCC).shape == (1, 40)
    assert np.abs(extract(samples, MFCC) - librosa_features(samples, MFCC)).max() <= TOLERANCE
    with pytest.raises(SerKerasError, match="samples: are too few for one frame"):
        extract(samples, VARIANTS["not-centred"])


def test_three_seconds_have_130_frames_of_40():
    assert extract(np.ones(66_150, np.float32), MFCC).shape == (130, 40)


@pytest.mark.parametrize("samples", [np.empty(0, np.float32), np.ones((9_000, 2), np.float32)])
def test_only_mono_samples_are_accepted(samples):
    with pytest.raises(SerKerasError, match="too few for one frame"):
        extract(samples, MFCC)


def test_a_long_recording_has_the_frames_of_its_parts():
    """Blocks of frames meet without a seam: frame t depends on its own samples alone."""
    spec = dataclasses.replace(TORCH_MEL, center=False)
    samples = np.random.default_rng(0).standard_normal(512 * 400 + 2_048).astype(np.float32)
    whole = extract(samples, spec)
    for frame in (0, 127, 128, 129, 255, 256, 400):
        part = extract(samples[512 * frame : 512 * frame + 2_048], spec)
        np.testing.assert_allclose(part[0], whole[frame], atol=1e-5)  # BLAS sums in another order


def test_the_range_depends_on_the_clip_alone():
    samples = sounds()["tone and silence"]
    spec = dataclasses.replace(TORCH_MEL, top_db=60.0)
    quiet = extract(samples / 100, spec)
    np.testing.assert_allclose(quiet, extract(samples, spec) - 40, atol=1e-3)
    assert quiet.max() - quiet.min() == pytest.approx(60, abs=1e-4)


def test_the_same_samples_give_the_same_bits_and_stay_as_they_were():
    samples = sounds()["noise"]
    before = samples.copy()
    assert np.array_equal(extract(samples, MFCC), extract(samples[:], MFCC))
    assert np.array_equal(samples, before)


@pytest.mark.parametrize("spec", [*IN_USE.values(), *VARIANTS.values(), ENCODER])
def test_a_spec_survives_json(spec):
    import json

    again = FeatureSpec.from_json(json.loads(json.dumps(spec.to_json())))
    assert again == spec
    assert again.key == spec.key


def test_keys_differ_and_do_not_depend_on_how_a_number_is_written():
    specs = [*IN_USE.values(), *VARIANTS.values(), ENCODER]
    assert len({spec.key for spec in specs}) == len(specs)
    assert FeatureSpec(kind="mfcc", offset=0, fmin=0).key == FeatureSpec(kind="mfcc").key
    assert len(MFCC.key) == 16
    int(MFCC.key, 16)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "chroma"),
        ("sample_rate", 0),
        ("sample_rate", 22_050.0),
        ("sample_rate", True),
        ("offset", -1.0),
        ("offset", float("nan")),
        ("duration", 0.0),
        ("duration", float("inf")),
        ("n_fft", 1 << 20),
        ("win_length", 4_096),
        ("hop_length", 0),
        ("window", "kaiser"),
        ("center", 1),
        ("pad_mode", "wrap"),
        ("n_mels", 0),
        ("fmin", 12_000.0),
        ("fmax", 12_000.0),
        ("mel_norm", "l2"),
        ("htk", None),
        ("power", 0.0),
        ("ref", 2.0),
        ("ref", True),
        ("amin", 0.0),
        ("top_db", -80.0),
        ("top_db", "80"),
        ("n_mfcc", 129),
        ("n_mfcc", [40]),
    ],
)
def test_a_value_out_of_range_is_one_sentence_that_names_it(name, value):
    named = "fmax" if name == "fmin" else name  # the two are checked together
    with pytest.raises(SerKerasError, match=rf"^features\.{named}: cannot be .*\. Give .*\.$"):
        FeatureSpec.from_json({"kind": "mfcc", name: value})


@pytest.mark.parametrize("value", [None, [], "mfcc", {}, {"kind": "mfcc", "n_mel": 40}])
def test_anything_but_a_spec_is_refused(value):
    with pytest.raises(SerKerasError, match="is not a feature spec"):
        FeatureSpec.from_json(value)


def test_the_speaker_encoder_fixes_all_settings_but_the_part_that_is_heard():
    assert (ENCODER.sample_rate, ENCODER.n_fft, ENCODER.hop_length) == (16_000, 400, 160)
    assert (ENCODER.n_features, ENCODER.frames(16_000), ENCODER.frames(99)) == (1_024, 1, 1)
    assert extract(np.ones(16_000, np.float32), ENCODER).shape == (1, 1_024)
    with pytest.raises(
        SerKerasError, match=r"n_mels: cannot be 64\. Give 40, which speaker_encoder needs"
    ):
        FeatureSpec(kind="speaker_encoder", n_mels=64)
    with pytest.raises(SerKerasError, match="duration: cannot be 0"):
        FeatureSpec(kind="speaker_encoder", duration=0)


def test_two_vectors_of_a_clip_stand_one_behind_the_other():
    both = FeatureSpec(kind="speaker_encoder+functionals")
    functionals = FeatureSpec(kind="functionals")
    samples = sounds()["voice-like"]
    assert both.sample_rate == functionals.sample_rate == 22_050
    assert both.n_features == ENCODER.n_features + functionals.n_features
    assert all(spec.one_vector for spec in (both, functionals, ENCODER))
    assert not FeatureSpec(kind="mfcc").one_vector
    vector = extract(samples, both)
    heard = audio.from_samples(samples, 22_050, ENCODER.sample_rate)
    assert vector.shape == (1, both.n_features)
    assert np.array_equal(vector[:, :1_024], extract(heard, ENCODER))
    assert np.array_equal(vector[:, 1_024:], extract(samples, functionals))
    assert len({both.key, functionals.key, FeatureSpec(kind="speaker_encoder").key}) == 3


def test_the_keys_of_frames_stay_so_that_caches_stay_valid():
    assert FeatureSpec(kind="mfcc").key == "3d8040f03c172b09"
    assert FeatureSpec(kind="functionals").key == "2ee2bde9348df573"
    assert FeatureSpec(kind="speaker_encoder").key == "feab8ea332589753"


def test_extraction_imports_nothing_heavy():
    code = (
        "import sys, numpy as np\n"
        "from ser_keras.features import FeatureSpec, extract\n"
        "extract(np.ones(22_050), FeatureSpec(kind='mfcc'))\n"
        "heavy = 'librosa', 'pandas', 'sklearn', 'keras', 'tensorflow', 'matplotlib', 'joblib'\n"
        "print([name for name in (*heavy, 'scipy.signal', 'numba') if name in sys.modules])"
    )
    root = Path(__file__).resolve().parents[1]
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert process.stdout.strip() == "[]"


@pytest.mark.corpora
@pytest.mark.parametrize("name", IN_USE)
def test_features_of_real_clips_equal_librosa(name, real_corpora):
    librosa = pytest.importorskip("librosa")
    spec = IN_USE[name]
    folders = sorted(folder for folder in (real_corpora / "tess").iterdir() if folder.is_dir())
    assert len(folders) == 14
    for folder in folders:
        for path in sorted(folder.iterdir())[3::90]:
            samples, _ = librosa.load(
                path, sr=spec.sample_rate, offset=spec.offset, duration=spec.duration
            )
            difference = np.abs(extract(samples, spec) - librosa_features(samples, spec))
            assert difference.max() <= TOLERANCE, path.name


def test_few_changes_features_by_rounding_only():
    samples = np.random.default_rng(0).normal(size=22_050).astype(np.float32)
    for spec in (FeatureSpec(kind="mfcc"), FeatureSpec(kind="log_mel", top_db=None)):
        many, few = extract(samples, spec), extract(samples, spec, few=True)
        np.testing.assert_allclose(few, many, atol=1e-3)


@pytest.mark.parametrize("spec", [MFCC, TORCH_MEL, LOUDEST_MEL])
def test_bands_peak_at_the_frequencies_of_librosa(spec):
    librosa = pytest.importorskip("librosa")
    corners = librosa.mel_frequencies(
        spec.n_mels + 2, fmin=spec.fmin, fmax=spec.fmax or spec.sample_rate / 2, htk=spec.htk
    )
    np.testing.assert_allclose(mel_scale.peaks(spec), corners[1:-1], rtol=1e-9)
