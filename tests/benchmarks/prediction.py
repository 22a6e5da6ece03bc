"""Prediction: fresh processes against a script of the usual style, and engines that are warm.

The commands need Keras: `python -m tests.benchmarks.prediction predict MODEL INPUTS` serves
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
from ser_keras.engines import KERAS_FILE, MODELS, LightEngine
from ser_keras.features import extract
from tests.benchmarks.rows import Measurement, Row
from tests.benchmarks.setting import Setting
from tests.benchmarks.timing import Repetitions, Spread, Worker, fresh, interleave, serve, timed

_MODULE = "tests.benchmarks.prediction"


@functools.cache
def clip_inputs(setting: Setting) -> dict[str, np.ndarray]:
    """Return the inputs of the network for all clips."""
    pipeline = load_bundle(setting.model).pipeline
    spec = pipeline.features
    part = {"offset": spec.offset, "duration": spec.duration}
    samples = (audio.read(path, spec.sample_rate, **part) for path in setting.clips)
    return pipeline.inputs([extract(clip, spec) for clip in samples])


def one_clip(setting: Setting) -> Measurement:
    both = _one(setting)
    return Measurement(both["ours"].seconds, both["published"].seconds, peaks=_peaks(both))


def one_clip_memory(setting: Setting) -> Measurement:
    both = _one(setting)
    return Measurement(both["ours"].peak, both["published"].peak, unit="B")


def many_clips(setting: Setting) -> Measurement:
    both = _fresh(setting, list(setting.clips))
    return Measurement(both["ours"].seconds, both["published"].seconds, peaks=_peaks(both))


def one_clip_warm(setting: Setting) -> Measurement:
    light = LightEngine(setting.model / MODELS["light"])
    one = {name: values[:1] for name, values in clip_inputs(setting).items()}
    with Worker("prediction", "predict", setting.model, _saved(setting)) as keras:
        contenders = {
            "light": timed(lambda: light(one), times=100),
            "predict": keras.contender("predict"),
        }
        both = interleave(contenders, setting.repeats)
    return Measurement(both["light"].seconds, both["predict"].seconds)


def quantized(setting: Setting) -> Measurement:
    inputs = clip_inputs(setting)
    quantized_engine, float_engine = map(LightEngine, _exports(setting))
    contenders = {
        "quantized": timed(lambda: quantized_engine(inputs)),
        "float": timed(lambda: float_engine(inputs)),
    }
    both = interleave(contenders, setting.repeats)
    same = quantized_engine(inputs).argmax(axis=1) == float_engine(inputs).argmax(axis=1)
    note = f"both give {100 * float(np.mean(same)):.1f} % of the clips the same label"
    return Measurement(both["quantized"].seconds, both["float"].seconds, note=note)


def quantized_size(setting: Setting) -> Measurement:
    small, large = (Spread((float(path.stat().st_size),)) for path in _exports(setting))
    return Measurement(small, large, unit="B")


@functools.cache
def _one(setting: Setting) -> dict[str, Repetitions]:
    both = _fresh(setting, [setting.clips[0]], "--unlabelled", "--format", "csv")
    csv, label = both["ours"].costs[0].output, both["published"].costs[0].output
    assert f",{label}," in csv, f"the two scripts disagree: {label} and {csv}"
    return both


def _fresh(setting: Setting, clips: list[Path], *options: str) -> dict[str, Repetitions]:
    """Return what both scripts cost from start to end; our cache is empty each time."""
    out = setting.scratch / "out"
    out.mkdir(exist_ok=True)

    def ours():
        shutil.rmtree(setting.project / files.CACHE.relative_to(files.ROOT), ignore_errors=True)
        words = [*clips, "--model", setting.model, "--out", out, *options]
        return fresh(["Use_Our_Model.py", *words], setting.project)

    def published():
        return fresh(["-m", "tests.benchmarks.published_style", setting.model, out, *clips])

    return interleave({"ours": ours, "published": published}, setting.repeats)


def _peaks(both: dict[str, Repetitions]) -> tuple[float, float]:
    return both["ours"].peak.median, both["published"].peak.median


@functools.cache
def _exports(setting: Setting) -> tuple[Path, Path]:
    """Return the files of the network in 8 bits and in floats."""
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

    network = keras.saving.load_model(Path(model) / KERAS_FILE)
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
        "script of the usual style, fresh process",
        one_clip,
        target=20,
    ),
    Row(
        "one-clip-memory",
        "peak memory of one clip, fresh process, file to label",
        "script of the usual style, fresh process",
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
        "script of the usual style, fresh process",
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
