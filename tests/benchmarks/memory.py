"""Memory, and time for each clip, of indexing and extracting a corpus as it grows.

`python -m tests.benchmarks.memory ROOT CACHE` indexes and extracts once, and prints the seconds.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import os
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ser_keras import corpora
from ser_keras.engines import cores
from tests.benchmarks.rows import Measurement, Row
from tests.benchmarks.setting import RECIPE, Setting
from tests.benchmarks.timing import Cost, Repetitions, Spread, fresh, interleave

SIZES = (100, 1_000, 10_000)


def memory(setting: Setting) -> Measurement:
    measured = _growth(setting)
    _, medium, large = _sizes(setting)
    return Measurement(measured[large].peak, measured[medium].peak, unit="B")


def growth(setting: Setting) -> Measurement:
    small, _, large = _sizes(setting)
    return Measurement(_each(setting, large), _each(setting, small))


def growth_thousand(setting: Setting) -> Measurement:
    _, medium, large = _sizes(setting)
    return Measurement(_each(setting, large), _each(setting, medium))


def _each(setting: Setting, size: int) -> Spread:
    """Return the seconds for one clip of a corpus of this size."""
    return Spread(tuple(seconds / size for seconds in _growth(setting)[size].seconds.values))


@functools.cache
def _growth(setting: Setting) -> dict[int, Repetitions]:
    """Return, by size, what it costs to index and extract a corpus in a fresh process.

    The cache is empty each time.
    """
    roots = _corpora(setting)
    caches = (setting.scratch / f"growth-{i}" for i in itertools.count())

    def contender(root: Path):
        def run() -> Cost:
            cache = next(caches)
            cost = fresh(["-m", "tests.benchmarks.memory", root, cache])
            shutil.rmtree(cache)
            return dataclasses.replace(cost, seconds=float(cost.output))  # without imports

        return run

    contenders = {size: contender(root) for size, root in roots.items()}
    return interleave(contenders, setting.repeats)


def _sizes(setting: Setting) -> tuple[int, ...]:
    return tuple(size // 50 for size in SIZES) if setting.quick else SIZES


def _corpora(setting: Setting) -> dict[int, Path]:
    """Return a corpus of each size; the smaller ones are parts of the largest.

    No two clips are equal: in the n-th copy of a real clip, the lowest bit of the n-th sample is
    flipped.
    """
    sizes = _sizes(setting)
    roots = {size: setting.scratch / f"corpus-{size}" for size in sizes}
    sources = list(itertools.islice(itertools.cycle(setting.clips), sizes[-1]))
    numbered = [(i, source, i // len(setting.clips)) for i, source in enumerate(sources)]
    with ThreadPoolExecutor(cores()) as executor:
        clips = list(executor.map(lambda job: _vary(roots[sizes[-1]], *job), numbered))
    for size in sizes[:-1]:
        for clip in clips[:: sizes[-1] // size]:  # evenly spread, so that all are alike
            link = roots[size] / clip.parent.name / clip.name
            link.parent.mkdir(parents=True, exist_ok=True)
            os.link(clip, link)
    return roots


def _vary(root: Path, number: int, source: Path, n: int) -> Path:
    import soundfile

    samples, rate = soundfile.read(source, dtype="int16")
    samples[n] ^= 1
    clip = root / corpora.guess(source) / f"{number:05}.flac"
    clip.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(clip, samples, rate, subtype="PCM_16")
    return clip


def _main(root: str, cache: str) -> None:
    import joblib  # noqa: F401  these imports are not timed
    import pandas  # noqa: F401
    import soundfile  # noqa: F401
    import soxr  # noqa: F401
    from scipy.fft import rfft  # noqa: F401

    from ser_keras.cache import FeatureStore

    start = time.perf_counter()
    index = corpora.get("folder").index(root, cache)
    paths = [index.root / path for path in index.clips["path"]]
    store = FeatureStore("bench", RECIPE.features, cache)
    store.fill(paths, list(index.clips["content"]), strict=True)
    print(time.perf_counter() - start)
    assert len(store) == len(paths) == len(list(Path(root).rglob("*.flac")))


_WORK = "indexing and extracting 10,000 clips, all cores"

ROWS = (
    Row(
        "memory-growth",
        f"peak memory of {_WORK}",
        "itself, 1,000 clips",
        memory,
        target=1.2,
        sense="cost",
    ),
    Row("growth", f"{_WORK}: time for a clip", "itself, 100 clips", growth, sense="cost"),
    Row(
        "growth-thousand",
        f"{_WORK}: time for a clip",
        "itself, 1,000 clips",
        growth_thousand,
        sense="cost",
    ),
)

if __name__ == "__main__":
    _main(*sys.argv[1:])
