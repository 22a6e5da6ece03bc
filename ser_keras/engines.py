"""From the network's inputs to probabilities: the light engine (LiteRT) and Keras.

LiteRT starts sooner in a fresh process than ONNX Runtime and takes less memory, and Keras itself
exports to it, where ONNX needs a separate converter.
"""

from __future__ import annotations

import contextlib
import os
import queue
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ser_keras import console, files
from ser_keras.errors import SerKerasError

if TYPE_CHECKING:
    import keras

Inputs = dict[str, np.ndarray]  # name of an input -> (batch, ...)

MODELS = {"light": "model.tflite", "quantized": "model.int8.tflite", "keras": "model.keras"}
TOLERANCE = 1e-4


class Engine(Protocol):
    """Anything that maps the network's inputs to probabilities.

    `shapes` maps the name of each input to its shape without the batch axis; None or -1 stands for
    a free axis.
    """

    shapes: dict[str, tuple[int | None, ...]]

    def __call__(self, inputs: Inputs) -> np.ndarray:
        """Return float32 (batch, classes) for a dict of arrays (batch, ...)."""


class LightEngine:
    """Engine that runs an exported network with LiteRT.

    A single clip is computed by all threads together. Several clips are computed by one thread
    each, which is faster for a batch; larger batches within a thread gained nothing.

    Args:
        path: The exported network.
        threads: Number of threads; None takes one for each core.

    Raises:
        SerKerasError: The file is not a LiteRT model, or needs operators that LiteRT lacks.
    """

    def __init__(self, path: str | os.PathLike, threads: int | None = None):
        self._path = Path(path)
        self._threads = threads or cores()
        try:
            self._content = self._path.read_bytes()
        except OSError as error:
            remedy = "Train again, or use --engine keras"
            raise SerKerasError(path, "cannot be read", remedy) from error
        self._single = self._interpreter(self._threads)  # for one clip
        self._pool: queue.SimpleQueue[_Signature] | None = None  # for several
        self.shapes: dict[str, tuple[int | None, ...]] = {
            name: tuple(details["shape_signature"][1:])
            for name, details in self._single.input_details.items()
        }

    def __call__(self, inputs: Inputs) -> np.ndarray:
        """Return float32 (batch, classes) for a dict of arrays (batch, ...)."""
        count = len(next(iter(inputs.values())))
        if count == 1 or self._threads == 1:
            return np.concatenate([self._single(_row(inputs, i)) for i in range(count)])
        if self._pool is None:
            self._pool = queue.SimpleQueue()
            for _ in range(self._threads):
                self._pool.put(self._interpreter(1))
        pool = self._pool

        def compute(row: Inputs) -> np.ndarray:
            interpreter = pool.get()
            try:
                return interpreter(row)
            finally:
                pool.put(interpreter)

        with ThreadPoolExecutor(self._threads) as executor:
            rows = (_row(inputs, i) for i in range(count))
            return np.concatenate(list(executor.map(compute, rows)))

    def _interpreter(self, threads: int) -> _Signature:
        try:
            return _Signature(self._content, threads)
        except (ValueError, RuntimeError) as error:
            raise SerKerasError(
                self._path,
                f"is not a model that LiteRT can run ({str(error).splitlines()[0]})",
                "Take a fresh copy, or use --engine keras",
            ) from error


class _Signature:
    """A LiteRT interpreter that takes its inputs by name."""

    def __init__(self, content: bytes, threads: int):
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise SerKerasError(
                "ai-edge-litert", "is not installed", "pip install -r requirements.txt"
            ) from error
        with console.native_silence():  # the runtime prints its delegate
            interpreter = Interpreter(model_content=content, num_threads=threads)
            interpreter.allocate_tensors()
        self._interpreter = interpreter
        (self._runner,) = (
            interpreter.get_signature_runner(key) for key in interpreter.get_signature_list()
        )

    @property
    def input_details(self) -> dict:
        return self._runner.get_input_details()

    def __call__(self, inputs: Inputs) -> np.ndarray:
        (output,) = self._runner(**inputs).values()
        return output


class KerasEngine:
    """Engine that runs the Keras network itself: the reference for the light engine.

    Args:
        network: Keras model with named inputs.
    """

    batch_size = 32

    def __init__(self, network: keras.Model):
        network.jit_compile = False  # XLA would compile for seconds before the first clip
        self._network = network
        self.shapes: dict[str, tuple[int | None, ...]] = {
            tensor.name: tuple(tensor.shape[1:]) for tensor in network.inputs
        }

    def __call__(self, inputs: Inputs) -> np.ndarray:
        """Return float32 (batch, classes) for a dict of arrays (batch, ...)."""
        count = len(next(iter(inputs.values())))
        parts = (
            {name: values[start : start + self.batch_size] for name, values in inputs.items()}
            for start in range(0, count, self.batch_size)
        )
        return np.concatenate([self._network.predict_on_batch(part) for part in parts])

    @classmethod
    def load(cls, path: str | os.PathLike) -> KerasEngine:
        """Return the engine of a network that was saved as a `.keras` file.

        Raises:
            SerKerasError: Keras cannot read the file.
        """
        with console.native_silence():
            import keras

            import ser_keras.layers  # noqa: F401  registers the layers that the file may use

        try:
            return cls(keras.saving.load_model(path, compile=False, safe_mode=True))
        except (OSError, ValueError, TypeError, KeyError) as error:
            reason = str(error).strip().splitlines()[0]
            remedy = "Train it again with this version"
            raise SerKerasError(path, f"cannot be loaded ({reason})", remedy) from error


def export(
    network: keras.Model, path: str | os.PathLike, inputs: Inputs, *, quantize: bool = False
) -> float:
    """Export a network for the light engine, and compare its probabilities with those of Keras.

    Keras can export from the backend TensorFlow only. On another backend a separate process with
    TensorFlow exports the network.

    Args:
        network: Keras model.
        path: File to write.
        inputs: Inputs of a few real clips, for the comparison.
        quantize: Whether weights are stored in 8 bits (dynamic range). The probabilities may then
            differ by any amount.

    Returns:
        The largest difference between the two probabilities of an emotion, over all clips.

    Raises:
        SerKerasError: The largest difference is above `TOLERANCE`, or the network cannot be
            exported. No file is written then.
    """
    import keras

    with files.atomic(path) as partial:
        if keras.backend.backend() == "tensorflow":
            convert(network, partial, quantize)
        else:
            _convert_in_process(network, partial, quantize)
        light = LightEngine(partial)(inputs)
        difference = float(np.abs(light - KerasEngine(network)(inputs)).max())
        if not quantize and not difference <= TOLERANCE:
            raise SerKerasError(
                path,
                f"the exported network differs from Keras by {difference:.2g}",
                "Use --engine keras",
            )
    return difference


def convert(network: keras.Model, path: str | os.PathLike, quantize: bool) -> None:
    """Write a network as a LiteRT model; the backend must be TensorFlow.

    Args:
        network: Keras model.
        path: File to write.
        quantize: Whether weights are stored in 8 bits.
    """
    options = {}
    if quantize:
        import tensorflow as tf  # its converter takes a member of its own enumeration

        options["optimizations"] = [tf.lite.Optimize.DEFAULT]
    with console.native_silence(), contextlib.ExitStack() as constants:
        for layer in network.layers:
            if hasattr(layer, "as_constants"):  # for the parts of it that no input changes
                constants.enter_context(layer.as_constants())
        network.export(path, format="litert", verbose=False, **options)


def _convert_in_process(network: keras.Model, path: Path, quantize: bool) -> None:
    """Convert a network in a separate process whose backend is TensorFlow."""
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / MODELS["keras"]
        network.save(saved)
        arguments = map(str, (files.SOURCE, saved, path, int(quantize)))
        command = [sys.executable, "-c", _CONVERTER, *arguments]
        try:
            subprocess.run(command, capture_output=True, text=True, check=True)
        except subprocess.CalledProcessError as error:
            reason = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
            problem = f"could not be exported by TensorFlow ({reason})"
            raise SerKerasError(path, problem, "Use --engine keras") from error


_CONVERTER = """
import os, sys
os.environ["KERAS_BACKEND"] = "tensorflow"
root, saved, path, quantize = sys.argv[1:]
sys.path.insert(0, root)
import keras
import ser_keras.layers
from ser_keras import engines
engines.convert(keras.saving.load_model(saved, compile=False), path, quantize == "1")
"""


def milliseconds(engine: Engine, inputs: Inputs, repeats: int = 20) -> float:
    """Return the median time in ms that an engine takes for one clip, after one call to warm up.

    Args:
        engine: Engine to time.
        inputs: Inputs of clips; the first clip is used.
        repeats: Number of calls that are timed.
    """
    clip = _row(inputs, 0)
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        engine(clip)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[1:])


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _row(inputs: Inputs, i: int) -> Inputs:
    return {name: values[i : i + 1] for name, values in inputs.items()}
