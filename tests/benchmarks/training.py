"""Training and inference against the same network in plain PyTorch.

`python -m tests.benchmarks.training BACKEND MODE FOLDER CLIPS` serves one epoch, with PyTorch also
inference. Backend and mode: `keras deterministic`, `keras fast`, `torch float32`, `torch bfloat16`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib.util
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from ser_keras.engines import MODELS, LightEngine, cores
from ser_keras.errors import SerKerasError
from tests.benchmarks.prediction import clip_inputs
from tests.benchmarks.rows import Measurement, Row
from tests.benchmarks.setting import RECIPE, Setting
from tests.benchmarks.timing import Repetitions, Worker, answers, interleave, serve, timed

TRAIN = 1_960  # clips on the training side of the published split of TESS
_MODES = {
    "ours": ("keras", "deterministic"),
    "fast": ("keras", "fast"),
    "float32": ("torch", "float32"),
    "bfloat16": ("torch", "bfloat16"),
}


def noise(clips: int) -> tuple[np.ndarray, np.ndarray]:
    """Return features (clips, 40, 130, 1), normalised as real ones are, and a class for each."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(clips, RECIPE.features.n_features, RECIPE.batch.frames, 1))
    return features.astype(np.float32), rng.integers(len(RECIPE.emotions), size=clips)


@functools.cache
def _epochs(setting: Setting) -> dict[str, Repetitions]:
    clips = 130 if setting.quick else TRAIN
    with _workers(setting, clips, *_available()) as workers:
        contenders = {name: worker.contender("epoch") for name, worker in workers.items()}
        return interleave(contenders, setting.repeats)


@functools.cache
def _inference(setting: Setting) -> dict[str, Repetitions]:
    _need_torch()
    light, inputs = LightEngine(setting.model / MODELS["light"]), clip_inputs(setting)
    with _workers(setting, len(setting.clips), "float32", "bfloat16") as workers:
        contenders = {name: worker.contender("predict") for name, worker in workers.items()}
        contenders = {"ours": timed(lambda: light(inputs)), **contenders}
        return interleave(contenders, setting.repeats)


@contextlib.contextmanager
def _workers(setting: Setting, clips: int, *names: str) -> Iterator[dict[str, Worker]]:
    with contextlib.ExitStack() as stack:
        workers = {}
        for name in names:
            folder = setting.scratch / f"training-{name}"
            worker = Worker("training", *_MODES[name], folder, clips)
            workers[name] = stack.enter_context(worker)
        yield workers


def _available() -> list[str]:
    has_torch = importlib.util.find_spec("torch") is not None
    return [name for name, (backend, _) in _MODES.items() if has_torch or backend == "keras"]


def _need_torch() -> None:
    if "float32" not in _available():
        raise SerKerasError(
            "torch", "is not installed", "pip install -r requirements-bench.txt for this row"
        )


def _compare(measured, ours: str, peer: str):
    """Return the function that compares two contenders of a group that is measured once."""

    def measure(setting: Setting) -> Measurement:
        if _MODES[peer][0] == "torch":
            _need_torch()
        contenders = measured(setting)
        return Measurement(contenders[ours].seconds, contenders[peer].seconds)

    return measure


def _serve_keras(mode: str, folder: str, clips: int) -> None:
    """Serve the epochs of `training.fit`, which waits for a request before each of them."""
    import pandas as pd

    from ser_keras import training

    features, truth = noise(clips)
    names = [f"{i:016x}" for i in range(clips)]
    part = pd.DataFrame({"content": names, "emotion": [RECIPE.emotions[i] for i in truth]})
    sides = {"train": part, "validation": part[:64].reset_index(drop=True)}
    split = SimpleNamespace(part=sides.__getitem__)
    store = {name: frames[:, :, 0].T for name, frames in zip(names, features, strict=True)}
    endless = dataclasses.replace(RECIPE.training, epochs=1_000_000, patience=None)
    with answers() as answer, contextlib.suppress(_Finished):
        training._train_epoch = _on_demand(training._train_epoch, answer)
        training.fit(
            dataclasses.replace(RECIPE, training=endless),
            split,
            store,
            seed=0,
            folder=Path(folder),
            deterministic=mode == "deterministic",
        )


class _Finished(Exception):  # noqa: N818  it is no error
    """No further epoch is requested."""


def _on_demand(train_epoch, answer):
    """Return a function that trains an epoch when one is requested."""
    seconds = []

    def waiting(*arguments):
        if seconds:  # not earlier: validation and checkpoint would overlap the next contender
            answer(seconds[-1])
        if not sys.stdin.readline():
            raise _Finished
        start = time.perf_counter()
        result = train_epoch(*arguments)
        seconds.append(time.perf_counter() - start)
        return result

    return waiting


def _serve_torch(precision: str, clips: int) -> None:
    from tests.benchmarks.torch_network import Trainer

    trainer = Trainer(*noise(clips), precision, cores())
    serve({"epoch": timed(trainer.epoch), "predict": timed(trainer.predict)})


def _main(backend: str, mode: str, folder: str, clips: str) -> None:
    if backend == "keras":
        _serve_keras(mode, folder, int(clips))
    else:
        _serve_torch(mode, int(clips))


_EPOCH = "one training epoch of attention-tess"
_INFERENCE = "{clips} clips, warm, features to probabilities"
_FLOAT32 = "PyTorch, float32, channels_last"
_BFLOAT16 = "PyTorch, bfloat16 autocast, channels_last"

ROWS = (
    Row("epoch", _EPOCH, _FLOAT32, _compare(_epochs, "ours", "float32"), target=1.0),
    Row("epoch-bfloat16", _EPOCH, _BFLOAT16, _compare(_epochs, "ours", "bfloat16")),
    Row("epoch-fast", f"{_EPOCH}, --fast", _FLOAT32, _compare(_epochs, "fast", "float32")),
    Row(
        "epoch-determinism",
        f"{_EPOCH}, reproducible as by default",
        "ours with --fast",
        _compare(_epochs, "ours", "fast"),
        sense="cost",
    ),
    Row("inference", _INFERENCE, _FLOAT32, _compare(_inference, "ours", "float32")),
    Row("inference-bfloat16", _INFERENCE, _BFLOAT16, _compare(_inference, "ours", "bfloat16")),
)

if __name__ == "__main__":
    _main(*sys.argv[1:])
