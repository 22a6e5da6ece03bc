"""Make `layers.safetensors` from the file of weights in the package resemblyzer; needs no torch.

Run once, by hand::

    pip download --no-deps resemblyzer==0.1.4 && unzip Resemblyzer-0.1.4-py3-none-any.whl
    python -m ser_keras.models.speaker_encoder.convert resemblyzer/pretrained.pt

The file has the form in which torch saved before version 1.6: a few pickles, then the numbers of
each storage. A pickle can call any function, so this reader knows the four names that the file
needs and refuses every other.

Source: `torch/serialization.py` of PyTorch 2.13, `_legacy_load`.
"""

from __future__ import annotations

import argparse
import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from ser_keras import files, tensors
from ser_keras.errors import SerKerasError
from ser_keras.models.speaker_encoder.encoder import ARRAYS, LAYERS

SHA256 = "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"
_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_GET = "Take pretrained.pt from resemblyzer 0.1.4, see the first lines of convert.py"


class _Tensor(NamedTuple):
    """Where the numbers of a tensor lie; they come later in the file."""

    storage: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in numbers, not in bytes


def _tensor(storage, offset, shape, strides, *_) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


_KNOWN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch", "FloatStorage"): np.dtype("<f4"),
    ("torch", "LongStorage"): np.dtype("<i8"),
}


class _Unpickler(pickle.Unpickler):
    """Unpickler that knows four names, and notes the type of each storage in `types`."""

    def __init__(self, stream: IO[bytes]):
        super().__init__(stream)
        self.types: dict[str, np.dtype] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return _KNOWN[module, name]

    def persistent_load(self, pid: Any) -> str:
        _, dtype, key, *_ = pid  # "storage", type, key, device, size, None
        if not isinstance(dtype, np.dtype):
            raise pickle.UnpicklingError("it has a storage of no known type")
        self.types[key] = dtype
        return key


def read(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Return the tensors of the network in a file that torch saved before version 1.6.

    Args:
        path: File with a dictionary whose entry `model_state` maps names to tensors.

    Returns:
        Name -> array, for instance `lstm.weight_ih_l0` -> float32 (1024, 40).

    Raises:
        SerKerasError: The file has another form, or names a function or class beyond the four.
    """
    try:
        with open(path, "rb") as stream:
            if [_Unpickler(stream).load() for _ in range(2)] != [_MAGIC, _PROTOCOL]:
                raise ValueError("it has another mark")
            _Unpickler(stream).load()  # the byte order and sizes of the machine that saved it
            unpickler = _Unpickler(stream)
            found = unpickler.load()["model_state"]
            storages = {}
            for key in _Unpickler(stream).load():
                count = int.from_bytes(stream.read(8), "little")
                dtype = unpickler.types[key]
                storages[key] = np.frombuffer(stream.read(count * dtype.itemsize), dtype, count)
            arrays = {}
            for name, tensor in found.items():
                numbers = storages[tensor.storage][tensor.offset :]
                if sum((n - 1) * s for n, s in zip(*tensor[2:], strict=True)) >= len(numbers):
                    raise ValueError(f"{name} is larger than its storage")
                strides = [numbers.itemsize * step for step in tensor.strides]
                view = np.lib.stride_tricks.as_strided(numbers, tensor.shape, strides)
                arrays[name] = view.copy()
            return arrays
    except (
        *(OSError, EOFError, ValueError, TypeError, LookupError, AttributeError),
        *(pickle.UnpicklingError, OverflowError, MemoryError),
    ) as error:
        raise SerKerasError(path, f"is not the file of weights ({error})", _GET) from error


def keras_layers(state: dict[str, np.ndarray], layers: int) -> dict[str, np.ndarray]:
    """Return the weights of the LSTM layers as `keras.layers.LSTM` orders them.

    Both order the gates input, forget, cell, output. torch has the matrices transposed, and adds
    two biases, where Keras has their sum.

    Args:
        state: Tensors as `read` returns them.
        layers: Number of layers to take, counted from the input, at most 3.

    Returns:
        Name -> float32 array, for instance `1/kernel` -> (40, 1024), `1/recurrent_kernel` ->
        (256, 1024) and `1/bias` -> (1024,).
    """
    arrays = {}
    for i in range(layers):
        arrays[f"{i + 1}/kernel"] = np.ascontiguousarray(state[f"lstm.weight_ih_l{i}"].T)
        arrays[f"{i + 1}/recurrent_kernel"] = np.ascontiguousarray(state[f"lstm.weight_hh_l{i}"].T)
        arrays[f"{i + 1}/bias"] = state[f"lstm.bias_ih_l{i}"] + state[f"lstm.bias_hh_l{i}"]
    return arrays


def convert(
    source: str | os.PathLike, target: str | os.PathLike = ARRAYS, layers: int = LAYERS
) -> None:
    """Write the first layers of the encoder as float16 arrays, with what they leave over.

    Rounding to float16 changes the states by up to 2.5e-3. So a second array of 8 bits holds what
    is left over, in 256ths of the distance to the next float16, which brings that to 1e-5.

    Args:
        source: `pretrained.pt` of resemblyzer 0.1.4.
        target: File to write.
        layers: Number of LSTM layers, at most 3.

    Raises:
        SerKerasError: The source is another file, or the disk is full.
    """
    if not Path(source).is_file() or files.sha256(source) != SHA256:
        raise SerKerasError(source, "is not the file of weights of resemblyzer 0.1.4", _GET)
    arrays = keras_layers(read(source), layers)
    stored = {}
    for name, array in arrays.items():
        stored[name] = half = array.astype(np.float16)
        rest = (array - half.astype(np.float32)) / np.spacing(np.abs(half)).astype(np.float32) * 256
        stored[f"{name} rest"] = np.clip(np.round(rest), -128, 127).astype(np.int8)
    tensors.write(target, stored, ("F16", "I8"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", help="pretrained.pt of resemblyzer 0.1.4")
    parser.add_argument("--target", default=ARRAYS, help="file to write (default: the shipped one)")
    parser.add_argument("--layers", type=int, default=LAYERS, choices=(1, 2, 3))
    arguments = parser.parse_args()
    convert(arguments.source, arguments.target, arguments.layers)
