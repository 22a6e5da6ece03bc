"""From the network's inputs to probabilities: the light engine (LiteRT) and Keras.

LiteRT starts sooner in a fresh process than ONNX Runtime and takes less memory, and Keras itself
exports to it, where ONNX needs a separate converter.
"""

from __future__ import annotations

import contextlib
import errno
import os
import statistics
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ser_keras import console, files, seeding
from ser_keras.errors import SerKerasError

if TYPE_CHECKING:
    import keras

Inputs = dict[str, np.ndarray]  # name of an input -> (batch, ...)

MODELS = {
    "light": "model.tflite",
    "quantized": "model.int8.tflite",
    "keras": "weights.safetensors",
}
KERAS_FILE = "model.keras"  # for the user's own Keras; no engine opens it
TOLERANCE = 1e-4
_OPENING: dict[int, threading.Lock] = {}  # of each process: a fork would copy a lock that is held


class ExportError(SerKerasError):
    """A network that the light engine cannot run; Keras still can."""


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

    It may be called from several threads at once, and in a forked process. LiteRT's interpreters
    may not, so each call takes one that no other call uses, and puts it back.

    Args:
        path: The exported network.
        threads: Number of threads; None takes one for each core.
        content: Content of the file, where it has been read already.

    Raises:
        SerKerasError: The file is not a LiteRT model, or needs operators that LiteRT lacks.
    """

    def __init__(
        self, path: str | os.PathLike, threads: int | None = None, content: bytes | None = None
    ):
        self._path = Path(path)
        self._threads = threads or cores()
        try:
            self._content = self._path.read_bytes() if content is None else content
        except OSError as error:
            remedy = "Train again, or use --engine keras"
            raise SerKerasError(path, "cannot be read", remedy) from error
        # (process, threads of an interpreter) -> interpreters that no call uses. A forked process
        # leaves those of its parent alone: their threads do not exist there.
        self._idle: dict[tuple[int, int], deque[_Signature]] = {}
        first = self._open(self._threads)
        self._idle[os.getpid(), self._threads] = deque([first])
        self.shapes: dict[str, tuple[int | None, ...]] = {
            name: tuple(details["shape_signature"][1:])
            for name, details in first.input_details.items()
        }

    def __call__(self, inputs: Inputs) -> np.ndarray:
        """Return float32 (batch, classes) for a dict of arrays (batch, ...)."""
        rows = [_row(inputs, i) for i in range(len(next(iter(inputs.values()))))]
        if len(rows) == 1 or self._threads == 1:
            return np.concatenate([self._compute(row, self._threads) for row in rows])
        with ThreadPoolExecutor(self._threads) as executor:
            return np.concatenate(list(executor.map(lambda row: self._compute(row, 1), rows)))

    def _compute(self, row: Inputs, threads: int) -> np.ndarray:
        idle = self._idle.setdefault((os.getpid(), threads), deque())
        try:
            interpreter = idle.pop()
        except IndexError:  # as many calls as there are interpreters run now
            interpreter = self._open(threads)
        output = interpreter(row)
        idle.append(interpreter)
        return output

    def _open(self, threads: int) -> _Signature:
        try:
            return _Signature(self._content, threads)
        except (ValueError, RuntimeError) as error:
            raise SerKerasError(
                self._path,
                f"is not a model that LiteRT can run ({_first_line(error)})",
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
        # the runtime prints its delegate; only one thread at a time may redirect the output
        lock = _OPENING.setdefault(os.getpid(), threading.Lock())
        with lock, console.native_silence():
            interpreter = Interpreter(model_content=content, num_threads=threads)
            interpreter.allocate_tensors()
        self._interpreter = interpreter
        (self._runner,) = (
            interpreter.get_signature_runner(key) for key in interpreter.get_signature_list()
        )
        self.input_details = self._runner.get_input_details()

    def __call__(self, inputs: Inputs) -> np.ndarray:
        (output,) = self._runner(**inputs).values()
        return output


class KerasEngine:
    """Engine that runs the Keras network itself: the reference for the light engine.

    It may be called from several threads, which take turns.

    Args:
        network: Keras model with named inputs.
    """

    batch_size = 32

    def __init__(self, network: keras.Model):
        network.jit_compile = False  # XLA would compile for seconds before the first clip
        self.network = network
        self._turn = threading.Lock()
        self._process = os.getpid()
        self.shapes: dict[str, tuple[int | None, ...]] = {
            tensor.name: tuple(tensor.shape[1:]) for tensor in network.inputs
        }

    def __call__(self, inputs: Inputs) -> np.ndarray:
        """Return float32 (batch, classes) for a dict of arrays (batch, ...)."""
        if os.getpid() != self._process:  # TensorFlow would wait for ever for its threads
            problem = "does not work in a forked process"
            raise SerKerasError("--engine keras", problem, "Load the model in that process")
        count = len(next(iter(inputs.values())))
        parts = (
            {name: values[start : start + self.batch_size] for name, values in inputs.items()}
            for start in range(0, count, self.batch_size)
        )
        with self._turn:
            return np.concatenate([self.network.predict_on_batch(part) for part in parts])

    @classmethod
    def load(
        cls,
        path: str | os.PathLike,
        build: Callable[[], keras.Model],
        arrays: Mapping[str, np.ndarray],
    ) -> KerasEngine:
        """Return the engine of a network whose weights were stored.

        Args:
            path: File of the weights, for errors.
            build: Function that builds the network.
            arrays: Its weights, as `weights_of` names them.

        Raises:
            SerKerasError: The network cannot be built, or has other weights.
        """
        stored = {name: (array.shape, str(array.dtype)) for name, array in arrays.items()}
        remedy = "Take a fresh copy, or train it again"
        needed = describe(build, path, remedy)
        if stored != needed:
            names = [*needed, *stored]
            other = next(name for name in names if needed.get(name) != stored.get(name))
            problem = f"does not hold the weights of the recipe's network ({other[:80]!r})"
            raise SerKerasError(path, problem, remedy)
        network = build()
        for name, variable in _named(network).items():
            variable.assign(arrays[name])
        return cls(network)


def describe(
    build: Callable[[], keras.Model], subject: str | os.PathLike, remedy: str
) -> dict[str, tuple[tuple[int, ...], str]]:
    """Return shape and type of each weight of a network, named as by `weights_of`.

    The weights themselves take no memory, however many they are.

    Args:
        build: Function that builds the network.
        subject: Name of what asks for the network, for errors.
        remedy: What to do about a network that cannot be built.

    Raises:
        SerKerasError: The network cannot be built.
    """
    keras = seeding.start_backend()
    try:
        # variables have names and shapes in this scope, and take no memory
        with keras.StatelessScope(initialize_variables=False):
            weights = _named(build())
    except (ValueError, TypeError, OverflowError, ArithmeticError, LookupError) as error:
        problem = f"the recipe's network cannot be built ({_first_line(error)})"
        raise SerKerasError(subject, problem, remedy) from error
    return {name: (tuple(v.shape), str(v.dtype)) for name, v in weights.items()}


def weights_of(network: keras.Model) -> dict[str, np.ndarray]:
    """Return the weights of a network by number and name, such as `000 kernel`.

    Layers are not named: Keras numbers them on through all networks of a process.
    """
    from keras import ops

    return {name: ops.convert_to_numpy(v) for name, v in _named(network).items()}


def _named(network: keras.Model) -> dict[str, keras.Variable]:
    return {f"{i:03d} {variable.name}": variable for i, variable in enumerate(network.weights)}


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0][:200]


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
        ExportError: The largest difference is above `TOLERANCE`, or the light engine cannot run the
            network. No file is written.
        SerKerasError: The disk is full or cannot be written.
    """
    import keras

    with files.atomic(path) as partial, files.scratch(path):
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf  # for its errors: it writes files of its own

            try:
                convert(network, partial, quantize)
            except (tf.errors.OpError, RuntimeError, ValueError) as error:
                raise _not_exported(path, str(error)) from error
        else:
            _convert_in_process(network, partial, quantize)
        try:
            light = LightEngine(partial)(inputs)
        except SerKerasError as error:
            raise ExportError(path, error.problem, "Use --engine keras") from error
        difference = float(np.abs(light - KerasEngine(network)(inputs)).max())
        if not quantize and not difference <= TOLERANCE:
            problem = f"the exported network differs from Keras by {difference:.2g}"
            raise ExportError(path, problem, "Use --engine keras")
    return difference


def convert(network: keras.Model, path: str | os.PathLike, quantize: bool) -> None:
    """Write a network as a LiteRT model; the backend must be TensorFlow.

    The lists of a loop over time steps have LiteRT's own operators only where their size is known.
    Such a network is written for one clip at a time, as the light engine computes.

    Args:
        network: Keras model.
        path: File to write.
        quantize: Whether weights are stored in 8 bits.
    """
    import keras

    options = {}
    if quantize:
        import tensorflow as tf  # its converter takes a member of its own enumeration

        options["optimizations"] = [tf.lite.Optimize.DEFAULT]
    with console.native_silence(), contextlib.ExitStack() as constants:
        for layer in network.layers:
            if hasattr(layer, "as_constants"):  # for the parts of it that no input changes
                constants.enter_context(layer.as_constants())
        network.export(path, format="litert", verbose=False, **options)
        if b"FlexTensorListReserve" in Path(path).read_bytes():  # which LiteRT lacks
            clip = keras.tree.map_structure(
                lambda x: keras.InputSpec(x.dtype, (1, *x.shape[1:]), name=x.name), network.input
            )
            network.export(path, format="litert", verbose=False, input_signature=[clip], **options)


def _convert_in_process(network: keras.Model, path: Path, quantize: bool) -> None:
    """Convert a network in a separate process whose backend is TensorFlow."""
    import subprocess

    with files.scratch(path) as folder:
        saved = folder / KERAS_FILE
        network.save(saved)
        arguments = map(str, (files.SOURCE, saved, path, int(quantize), folder))
        command = [sys.executable, "-c", _CONVERTER, *arguments]
        try:
            subprocess.run(command, capture_output=True, text=True, check=True)
        except subprocess.CalledProcessError as error:
            reason = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise _not_exported(path, reason) from error


def _not_exported(path: str | os.PathLike, reason: str) -> Exception:
    """Return the error for a network that TensorFlow did not export; a full disk is another one."""
    if "No space left on device" in reason or "Disk quota exceeded" in reason:
        return OSError(errno.ENOSPC, "No space left on device", os.fspath(path))
    problem = f"could not be exported by TensorFlow ({reason.strip().partition(chr(10))[0]})"
    return ExportError(path, problem, "Use --engine keras")


_CONVERTER = """
import os, sys, tempfile
os.environ["KERAS_BACKEND"] = "tensorflow"
root, saved, path, quantize, tempfile.tempdir = sys.argv[1:]
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
