"""Sounds, tiny corpora and a tiny run, made once for the whole suite."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

WORDS = ("back", "bar", "base", "bath", "bean", "beg", "bite", "boat")
PITCH = {
    "angry": 330,
    "disgust": 150,
    "fear": 400,
    "happy": 280,
    "neutral": 200,
    "ps": 500,
    "sad": 110,
}


def pytest_ignore_collect(collection_path):
    """Leave modules that hold no tests alone: examples in docstrings are those of the package."""
    helper = collection_path.suffix == ".py" and not collection_path.name.startswith("test_")
    return True if helper else None


@pytest.fixture(scope="session")
def real_corpora() -> Path:
    """The folder with the real recordings; the test is skipped where it is not there."""
    beside = Path(__file__).parents[2] / "shared" / "corpora"
    folder = Path(os.environ.get("SER_CORPORA", beside))
    if not folder.is_dir():
        pytest.skip(f"needs the real recordings: {folder} is not there, nor does $SER_CORPORA help")
    return folder


@pytest.fixture(scope="session")
def voice():
    """Return a function that makes speech-like samples: a buzz with vibrato, and noise.

    Every tenth of a second or so each harmonic gets another level, so that two clips of one pitch
    are two recordings and no near-duplicates.
    """

    def make(pitch: float, seconds: float = 1.0, rate: int = 22_050, seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        time = np.arange(int(seconds * rate)) / rate
        pitch = pitch * rng.uniform(0.97, 1.03) * (1 + 0.02 * np.sin(2 * np.pi * 5 * time))
        phase = 2 * np.pi * np.cumsum(pitch) / rate
        knots = np.cumsum(rng.uniform(0.05, 0.15, int(20 * seconds) + 2))  # s
        levels = rng.uniform(0.1, 1.5, (8, len(knots)))
        buzz = sum(np.interp(time, knots, levels[k]) * np.sin(k * phase) / k for k in range(1, 8))
        samples = 0.1 * buzz + 0.003 * rng.normal(size=len(time))
        return samples.astype(np.float32)

    return make


@pytest.fixture(scope="session")
def tiny_tess(tmp_path_factory, voice) -> Path:
    """A folder shaped as TESS: 2 voices x 7 emotions x 8 words, easy to tell apart."""
    import soundfile

    root = tmp_path_factory.mktemp("data") / "TESS"
    for speaker, factor in (("OAF", 1.0), ("YAF", 1.15)):
        for emotion, pitch in PITCH.items():
            folder = root / f"{speaker}_{emotion}"
            folder.mkdir(parents=True)
            for i, word in enumerate(WORDS):
                samples = voice(pitch * factor, 0.9 + 0.05 * i, seed=hash_of(speaker, emotion, i))
                soundfile.write(folder / f"{speaker}_{word}_{emotion}.wav", samples, 22_050)
    return root


def hash_of(speaker: str, emotion: str, i: int) -> int:
    return ["OAF", "YAF"].index(speaker) * 1000 + list(PITCH).index(emotion) * 100 + i


SMALL = {
    "model.filters": "4",
    "model.units": "4",
    "training.epochs": "4",
    "training.batch_size": "16",
}


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> Path:
    """A folder for features, shared by the whole suite."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def tiny_index(tiny_tess, cache):
    """The index of the tiny corpus."""
    from ser_keras import corpora

    return corpora.get("tess").index(tiny_tess, cache=cache)


@pytest.fixture(scope="session")
def tiny_run(tiny_index, cache, tmp_path_factory):
    """A finished run of the published system, made small, on the tiny corpus."""
    from ser_keras import recipes, runs

    recipe = recipes.get("attention-tess").override(SMALL)
    out = tmp_path_factory.mktemp("runs") / "run"
    return runs.run(recipe, tiny_index, out=out, options=runs.Options(cache=cache))


def stop_in_epoch(number, monkeypatch):
    """Let the next run be interrupted in an epoch; what is called then ends that."""
    from ser_keras import training

    calls, validate = iter(range(1, 100)), training._validate

    def interrupted(*arguments):
        if next(calls) == number:
            raise KeyboardInterrupt
        return validate(*arguments)

    monkeypatch.setattr(training, "_validate", interrupted)
    return lambda: monkeypatch.setattr(training, "_validate", validate)


def claim_seconds(last, seconds):
    """Let the first epoch of a kept state have taken so long; return its history."""
    with np.load(last) as state:
        kept, told = dict(state), json.loads(str(state["progress"]))
    told["history"][0]["seconds"] = seconds
    np.savez(last, **{**kept, "progress": json.dumps(told)})
    return told["history"]
