"""From the network's inputs to probabilities: the light runtime, and Keras.

LiteRT is the light one: against ONNX Runtime it starts sooner in a fresh process and takes less
memory, and Keras itself exports to it, where ONNX needs a converter of its own.
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

import numpy as np

from ser_keras import console, files
from ser_keras.errors import SerKerasError

MODELS = {"light": "model.tflite", "quantized": "model.int8.tflite", "keras": "model.keras"}
TOLERANCE = 1e-4


class LightEngine:
    """Probabilities by LiteRT.

    One clip alone gets all threads inside its convolutions; of several, each thread computes its
    own, which is the faster way for a batch (batches of one lost nothing against larger ones).

    Args:
        path: The exported model.
        threads: None for as many as there are cores.

    Raises:
        SerKerasError: The file is no LiteRT model, or needs operators that LiteRT has not got.
    """

    def __init__(self, path: str | os.PathLike, threads: int | None = None):
        self._path = Path(path)
        self._threads = threads or cores()
        try:
            self._content = self._path.read_bytes()
        except OSError as error:
            remedy = "Train again, or use --engine keras"
            raise SerKerasError(path, "cannot be read", remedy) from error
        self._alone = self._interpreter(self._threads)
        self._pool: queue.SimpleQueue | None = None
        self.shapes = {  # without the batch axis
            name: tuple(details["shape_signature"][1:])
            for name, details in self._alone.input_details.items()
        }

    def __call__(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """Return float32 (batch, classes) for a dict of arrays (batch, ...)."""
        count = len(next(iter(inputs.values())))
        if count == 1 or self._threads == 1:
            return np.concatenate([self._alone(_row(inputs, i)) for i in range(count)])
        if self._pool is None:
            self._pool = queue.SimpleQueue()
            for _ in range(self._threads):
                self._pool.put(self._interpreter(1))
        with ThreadPoolExecutor(self._threads) as executor:
            rows = (_row(inputs, i) for i in range(count))
            return np.concatenate(list(executor.map(self._borrowed, rows)))

    def _borrowed(self, row: dict[str, np.ndarray]) -> np.ndarray:
        interpreter = self._pool.get()
        try:
            return interpreter(row)
        finally:
            self._pool.put(interpreter)

    def _interpreter(self, threads: int) -> _Signature:
        try:
            return _Signature(self._content, threads)
        except (ValueError, RuntimeError) as error:
            raise SerKerasError(
                self._path,
                f"is no model that LiteRT can run ({str(error).splitlines()[0]})",
                "Take a fresh copy, or use --engine keras",
            ) from error


class _Signature:
    """An interpreter that takes inputs by their names."""

    def __init__(self, content: bytes, threads: int):
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise SerKerasError(
                "ai-edge-litert", "is not installed", "pip install -r requirements.txt"
            ) from error
        with console.native_silence():  # the runtime announces its delegate there
            interpreter = Interpreter(model_content=content, num_threads=threads)
            interpreter.allocate_tensors()
        self._interpreter = interpreter
        (self._runner,) = (
            interpreter.get_signature_runner(key) for key in interpreter.get_signature_list()
        )

    @property
    def input_details(self) -> dict:
        return self._runner.get_input_details()

    def __call__(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        (output,) = self._runner(**inputs).values()
        return output


class KerasEngine:
    """Probabilities by the Keras network itself, the reference path.

    Args:
        network: A Keras model whose inputs are named.
    """

    batch_size = 32

    def __init__(self, network):
        network.jit_compile = False  # XLA would compile for seconds before the first clip
        self._network = network
        self.shapes = {tensor.name: tuple(tensor.shape[1:]) for tensor in network.inputs}

    def __call__(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """Return float32 (batch, classes) for a dict of arrays (batch, ...)."""
        count = len(next(iter(inputs.values())))
        parts = (
            {name: values[start : start + self.batch_size] for name, values in inputs.items()}
            for start in range(0, count, self.batch_size)
        )
        return np.concatenate([self._network.predict_on_batch(part) for part in parts])

    @classmethod
    def load(cls, path: str | os.PathLike) -> KerasEngine:
        """Return the engine of a saved network.

        Raises:
            SerKerasError: Keras cannot read it.
        """
        with console.native_silence():
            import keras

            import ser_keras.layers  # noqa: F401  registers the layers that the file may name

        try:
            return cls(keras.saving.load_model(path, compile=False, safe_mode=True))
        except (OSError, ValueError, TypeError, KeyError) as error:
            reason = str(error).strip().splitlines()[0]
            remedy = "Train it again with this version"
            raise SerKerasError(path, f"cannot be loaded ({reason})", remedy) from error


def export(
    network, path: str | os.PathLike, inputs: dict[str, np.ndarray], *, quantize: bool = False
) -> float:
    """Export a network for the light runtime and hold it against Keras.

    Keras exports from TensorFlow alone: on another backend a process of its own does it.

    Args:
        network: The Keras model.
        path: Of the file to write.
        inputs: Some real clips, a dict of arrays (batch, ...).
        quantize: Whether weights are stored in 8 bits (dynamic range); the outputs may then differ
            by any amount.

    Returns:
        The largest difference between two probabilities of the same clip.

    Raises:
        SerKerasError: They differ by more than `TOLERANCE`, or the network cannot be exported; no
            file is written.
    """
    import keras

    with files.atomic(path) as partial:
        if keras.backend.backend() == "tensorflow":
            _convert(network, partial, quantize)
        else:
            _convert_elsewhere(network, partial, quantize)
        light = LightEngine(partial)(inputs)
        difference = float(np.abs(light - KerasEngine(network)(inputs)).max())
        if not quantize and not difference <= TOLERANCE:
            raise SerKerasError(
                path,
                f"the exported network differs from Keras by {difference:.2g}",
                "Use --engine keras",
            )
    return difference


def _convert(network, path: str | os.PathLike, quantize: bool) -> None:
    options = {}
    if quantize:
        import tensorflow as tf  # its converter wants a member of its own enumeration

        options["optimizations"] = [tf.lite.Optimize.DEFAULT]
    with console.native_silence(), contextlib.ExitStack() as constants:
        for layer in network.layers:
            if hasattr(layer, "as_constants"):  # what of it no input changes
                constants.enter_context(layer.as_constants())
        network.export(path, format="litert", verbose=False, **options)


def _convert_elsewhere(network, path: Path, quantize: bool) -> None:
    """Convert a network in a process whose backend is TensorFlow."""
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / MODELS["keras"]
        network.save(saved)
        arguments = map(str, (files.ROOT, saved, path, int(quantize)))
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
engines._convert(keras.saving.load_model(saved, compile=False), path, quantize == "1")
"""


def milliseconds(engine, inputs: dict[str, np.ndarray], repeats: int = 20) -> float:
    """Return the median time that an engine takes for the first of some clips, once it is warm."""
    clip = _row(inputs, 0)
    times = []
    for _ in range(repeats + 1):
        begun = time.perf_counter()
        engine(clip)
        times.append(1000 * (time.perf_counter() - begun))
    return statistics.median(times[1:])


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _row(inputs: dict[str, np.ndarray], i: int) -> dict[str, np.ndarray]:
    return {name: values[i : i + 1] for name, values in inputs.items()}
