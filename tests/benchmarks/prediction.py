"""Prediction: fresh processes against the usual script, and warm engines against each other.

As a command, what needs Keras: `python -m tests.benchmarks.prediction predict MODEL INPUTS` serves
`model.predict`, and `... export MODEL INPUTS OUT` exports the network in 8 bits.
"""

from __future__ import annotations

import functools
import shutil
import sys
from pathlib import Path

import numpy as np

from ser_keras import audio, engines, files
from ser_keras.bundle import load_bundle
from ser_keras.engines import MODELS, LightEngine
from ser_keras.features import extract
from tests.benchmarks.rows import Contest, Row
from tests.benchmarks.setting import Setting
from tests.benchmarks.timing import Runs, Spread, Worker, fresh, interleave, serve, timed

_MODULE = "tests.benchmarks.prediction"


@functools.cache
def clip_inputs(setting: Setting) -> dict[str, np.ndarray]:
    """Return what the network takes for all clips."""
    pipeline = load_bundle(setting.model).pipeline
    spec = pipeline.features
    part = {"offset": spec.offset, "duration": spec.duration}
    samples = (audio.read(path, spec.sample_rate, **part) for path in setting.clips)
    return pipeline.inputs([extract(clip, spec) for clip in samples])


def one_clip(setting: Setting) -> Contest:
    runs = _one(setting)
    return Contest(runs["ours"].seconds, runs["published"].seconds, peaks=_peaks(runs))


def one_clip_memory(setting: Setting) -> Contest:
    runs = _one(setting)
    return Contest(runs["ours"].peak, runs["published"].peak, unit="B")


def many_clips(setting: Setting) -> Contest:
    runs = _fresh(setting, list(setting.clips))
    return Contest(runs["ours"].seconds, runs["published"].seconds, peaks=_peaks(runs))


def one_clip_warm(setting: Setting) -> Contest:
    light = LightEngine(setting.model / MODELS["light"])
    one = {name: values[:1] for name, values in clip_inputs(setting).items()}
    with Worker("prediction", "predict", setting.model, _saved(setting)) as keras:
        contenders = {
            "light": timed(lambda: light(one), times=100),
            "predict": keras.contender("predict"),
        }
        runs = interleave(contenders, setting.repeats)
    return Contest(runs["light"].seconds, runs["predict"].seconds)


def quantized(setting: Setting) -> Contest:
    names, inputs = ("quantized", "float"), clip_inputs(setting)
    loaded = dict(zip(names, map(LightEngine, _exports(setting)), strict=True))
    labels = {name: engine(inputs).argmax(axis=1) for name, engine in loaded.items()}
    same = float(np.mean(labels["quantized"] == labels["float"]))
    runs = interleave(
        {name: timed(lambda engine=engine: engine(inputs)) for name, engine in loaded.items()},
        setting.repeats,
    )
    note = f"both say the same label of {100 * same:.1f} % of the clips"
    return Contest(runs["quantized"].seconds, runs["float"].seconds, note=note)


def quantized_size(setting: Setting) -> Contest:
    small, large = (Spread((float(path.stat().st_size),)) for path in _exports(setting))
    return Contest(small, large, unit="B")


@functools.cache
def _one(setting: Setting) -> dict[str, Runs]:
    runs = _fresh(setting, [setting.clips[0]], "--unlabelled", "--format", "csv")
    told, label = runs["ours"].costs[0].output, runs["published"].costs[0].output
    assert f",{label}," in told, f"the two disagree: {label} and {told}"
    return runs


def _fresh(setting: Setting, clips: list[Path], *options: str) -> dict[str, Runs]:
    """Return what both scripts cost from start to end, our cache being empty each time."""
    out = setting.scratch / "out"
    out.mkdir(exist_ok=True)

    def ours():
        shutil.rmtree(setting.project / files.CACHE.relative_to(files.ROOT), ignore_errors=True)
        words = [*clips, "--model", setting.model, "--out", out, *options]
        return fresh(["Use_Our_Model.py", *words], setting.project)

    def published():
        return fresh(["-m", "tests.benchmarks.published_style", setting.model, out, *clips])

    return interleave({"ours": ours, "published": published}, setting.repeats)


def _peaks(runs: dict[str, Runs]) -> tuple[float, float]:
    return runs["ours"].peak.median, runs["published"].peak.median


@functools.cache
def _exports(setting: Setting) -> tuple[Path, Path]:
    """Return the network in 8 bits and as it was exported, in floats."""
    out = setting.scratch / MODELS["quantized"]
    fresh(["-m", _MODULE, "export", setting.model, _saved(setting), out])
    return out, setting.model / MODELS["light"]


@functools.cache
def _saved(setting: Setting) -> Path:
    path = setting.scratch / "inputs.npz"
    np.savez(path, **{name: values[:16] for name, values in clip_inputs(setting).items()})
    return path


def _main(task: str, model: str, inputs: str, *out: str) -> None:
    import keras

    import ser_keras.layers  # noqa: F401  registers them

    network = keras.saving.load_model(Path(model) / MODELS["keras"])
    with np.load(inputs) as stored:
        clips = dict(stored)
    if task == "export":
        engines.export(network, out[0], clips, quantize=True)
        return
    one = {name: values[:1] for name, values in clips.items()}
    serve({"predict": timed(lambda: network.predict(one, verbose=0), times=10)})


ROWS = (
    Row(
        "one-clip",
        "one clip, fresh process, file to label",
        "published-style script, fresh process",
        one_clip,
        target=20,
    ),
    Row(
        "one-clip-memory",
        "peak memory of one clip, fresh process, file to label",
        "published-style script, fresh process",
        one_clip_memory,
        target=10,
    ),
    Row(
        "one-clip-warm",
        "one clip, warm, features to probabilities",
        "model.predict",
        one_clip_warm,
        target=50,
    ),
    Row(
        "many-clips",
        "{clips} clips, fresh process, files to report and picture",
        "published-style script, fresh process",
        many_clips,
        target=12,
    ),
    Row(
        "quantized",
        "{clips} clips, warm, features to probabilities, 8-bit model",
        "the float model",
        quantized,
    ),
    Row("quantized-size", "size of the 8-bit model", "the float model", quantized_size),
)

if __name__ == "__main__":
    _main(*sys.argv[1:])
