"""Features: ours against a plain librosa loop, and against decoding and resampling alone."""

from __future__ import annotations

import functools
import itertools

from ser_keras import audio
from ser_keras.cache import FeatureStore, Memory
from ser_keras.features import extract
from tests.benchmarks.rows import Contest, Row
from tests.benchmarks.setting import RECIPE, Setting
from tests.benchmarks.timing import Runs, interleave, timed

SPEC = RECIPE.features
PART = {"offset": SPEC.offset, "duration": SPEC.duration}


def librosa_mfcc(samples, rate):
    """Return (n_mfcc, frames), everything else being librosa's default, as SPEC's is."""
    import librosa

    return librosa.feature.mfcc(y=samples, sr=rate, n_mfcc=SPEC.n_mfcc)


def librosa_from_file(path):
    import librosa

    return librosa_mfcc(*librosa.load(path, sr=SPEC.sample_rate, **PART))


def floor(path):
    """Decode and resample, nothing else."""
    import soundfile
    import soxr

    with soundfile.SoundFile(path) as sound:
        sound.seek(int(SPEC.offset * sound.samplerate))
        samples = sound.read(int(SPEC.duration * sound.samplerate), dtype="float32")
        return soxr.resample(samples, sound.samplerate, SPEC.sample_rate, quality="HQ")


@functools.cache
def _from_samples(setting: Setting) -> dict[str, Runs]:
    import numpy as np

    clips = [audio.read(path, SPEC.sample_rate, **PART) for path in setting.clips]
    for samples in clips[:28]:  # else the two would not do the same work
        reference = librosa_mfcc(samples, SPEC.sample_rate).T
        np.testing.assert_allclose(extract(samples, SPEC), reference, atol=0.01)
    contenders = {
        "ours": timed(lambda: [extract(samples, SPEC) for samples in clips]),
        "librosa": timed(lambda: [librosa_mfcc(samples, SPEC.sample_rate) for samples in clips]),
    }
    return interleave(contenders, setting.repeats)


@functools.cache
def _from_files(setting: Setting) -> dict[str, Runs]:
    paths = setting.clips
    names = [f"{i:016x}" for i in range(len(paths))]
    folders = (setting.scratch / f"features-{i}" for i in itertools.count())

    def fill(jobs):
        return FeatureStore("bench", SPEC, next(folders)).fill(paths, names, jobs=jobs, strict=True)

    contenders = {
        "one": timed(lambda: fill(1)),
        "librosa": timed(lambda: [librosa_from_file(path) for path in paths]),
        "all": timed(lambda: fill(None)),
        "floor": timed(lambda: [floor(path) for path in paths]),
    }
    return interleave(contenders, setting.repeats)


@functools.cache
def _twice(setting: Setting) -> dict[str, Runs]:
    paths = setting.clips
    folders = (setting.scratch / f"twice-{i}" for i in itertools.count())
    folder = None

    def read():
        found, _ = Memory(folder).inspect(paths)
        contents = [clip.content for clip in found.values()]
        store = FeatureStore("bench", SPEC, folder)
        store.fill(list(found), contents)
        return sum(float(store[content].sum()) for content in contents)  # reads every number

    def first():
        nonlocal folder
        folder = next(folders)
        return read()

    return interleave({"first": timed(first), "second": timed(read)}, setting.repeats)


def _pick(session, ours: str, peer: str):
    def contest(setting: Setting) -> Contest:
        runs = session(setting)
        return Contest(runs[ours].seconds, runs[peer].seconds)

    return contest


ROWS = (
    Row(
        "mfcc-samples",
        "MFCC of {clips} clips, decoded samples given, one process",
        "librosa.feature.mfcc loop",
        _pick(_from_samples, "ours", "librosa"),
        target=5,
    ),
    Row(
        "mfcc-files",
        "MFCC of {clips} clips from files, cold cache, one process",
        "librosa.load, librosa.feature.mfcc loop",
        _pick(_from_files, "one", "librosa"),
        target=3,
    ),
    Row(
        "mfcc-files-floor",
        "MFCC of {clips} clips from files, cold cache, one process",
        "the floor: soundfile + soxr alone",
        _pick(_from_files, "one", "floor"),
        target=1.7,
        sense="cost",
    ),
    Row(
        "mfcc-files-cores",
        "MFCC of {clips} clips from files, cold cache, all cores",
        "librosa.load, librosa.feature.mfcc loop, one process",
        _pick(_from_files, "all", "librosa"),
        target=5,
    ),
    Row(
        "warm-cache",
        "MFCC of {clips} clips from files, second run, warm cache",
        "first run: indexed and extracted, all cores",
        _pick(_twice, "second", "first"),
        target=50,
    ),
)
