"""Features: ours against a loop over librosa, and against decoding and resampling alone."""

from __future__ import annotations

import functools
import itertools

from ser_keras import audio
from ser_keras.cache import ClipInfoCache, FeatureStore
from ser_keras.features import extract
from tests.benchmarks.rows import Measurement, Row
from tests.benchmarks.setting import RECIPE, Setting
from tests.benchmarks.timing import Repetitions, interleave, timed

SPEC = RECIPE.features
PART = {"offset": SPEC.offset, "duration": SPEC.duration}


def librosa_mfcc(samples, rate):
    """Return MFCC (n_mfcc, frames) with librosa's defaults, which SPEC has too."""
    import librosa

    return librosa.feature.mfcc(y=samples, sr=rate, n_mfcc=SPEC.n_mfcc)


def librosa_from_file(path):
    import librosa

    return librosa_mfcc(*librosa.load(path, sr=SPEC.sample_rate, **PART))


def floor(path):
    """Decode and resample one file, and do nothing else."""
    import soundfile
    import soxr

    with soundfile.SoundFile(path) as sound:
        sound.seek(int(SPEC.offset * sound.samplerate))
        samples = sound.read(int(SPEC.duration * sound.samplerate), dtype="float32")
        return soxr.resample(samples, sound.samplerate, SPEC.sample_rate, quality="HQ")


@functools.cache
def _from_samples(setting: Setting) -> dict[str, Repetitions]:
    import numpy as np

    clips = [audio.read(path, SPEC.sample_rate, **PART) for path in setting.clips]
    for samples in clips[:28]:  # both must do the same work
        reference = librosa_mfcc(samples, SPEC.sample_rate).T
        np.testing.assert_allclose(extract(samples, SPEC), reference, atol=0.01)
    contenders = {
        "ours": timed(lambda: [extract(samples, SPEC) for samples in clips]),
        "librosa": timed(lambda: [librosa_mfcc(samples, SPEC.sample_rate) for samples in clips]),
    }
    return interleave(contenders, setting.repeats)


@functools.cache
def _from_files(setting: Setting) -> dict[str, Repetitions]:
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
def _twice(setting: Setting) -> dict[str, Repetitions]:
    paths = setting.clips
    folders = (setting.scratch / f"twice-{i}" for i in itertools.count())
    folder = None

    def read():
        clips, _ = ClipInfoCache(folder).inspect(paths)
        contents = [clip.content for clip in clips.values()]
        store = FeatureStore("bench", SPEC, folder)
        store.fill(list(clips), contents)
        return sum(float(store[content].sum()) for content in contents)  # reads every number

    def first():
        nonlocal folder
        folder = next(folders)
        return read()

    return interleave({"first": timed(first), "second": timed(read)}, setting.repeats)


def _compare(measured, ours: str, peer: str):
    """Return the function that compares two contenders of a group that is measured once."""

    def measure(setting: Setting) -> Measurement:
        contenders = measured(setting)
        return Measurement(contenders[ours].seconds, contenders[peer].seconds)

    return measure


ROWS = (
    Row(
        "mfcc-samples",
        "MFCC of {clips} clips, decoded samples given, one process",
        "librosa.feature.mfcc loop",
        _compare(_from_samples, "ours", "librosa"),
        target=5,
    ),
    Row(
        "mfcc-files",
        "MFCC of {clips} clips from files, cold cache, one process",
        "librosa.load, librosa.feature.mfcc loop",
        _compare(_from_files, "one", "librosa"),
        target=3,
    ),
    Row(
        "mfcc-files-floor",
        "MFCC of {clips} clips from files, cold cache, one process",
        "soundfile and soxr alone",
        _compare(_from_files, "one", "floor"),
        target=1.7,
        sense="cost",
    ),
    Row(
        "mfcc-files-cores",
        "MFCC of {clips} clips from files, cold cache, all cores",
        "librosa.load, librosa.feature.mfcc loop, one process",
        _compare(_from_files, "all", "librosa"),
        target=5,
    ),
    Row(
        "warm-cache",
        "MFCC of {clips} clips from files, second run, warm cache",
        "first run: indexed and extracted, all cores",
        _compare(_twice, "second", "first"),
        target=50,
    ),
)
