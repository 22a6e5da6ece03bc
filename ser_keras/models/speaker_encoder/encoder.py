"""A frozen speaker encoder: from mel bands to one vector a clip, with numpy alone.

The network is GE2E (Wan, Wang, Papir and Lopez Moreno 2018, arXiv:1710.10467) as trained on
VoxCeleb by the authors of resemblyzer 0.1.4: LSTM layers of 256 units over 40 mel bands. Emotion
lies less in its output, which names the speaker, than in the states on the way there: the vector
of a clip is the mean and the standard deviation over time of the states of the first two layers.

The two LSTMs are a loop over frames in numpy, so that there is no second file of the weights.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ser_keras import tensors
from ser_keras.errors import SerKerasError

ARRAYS = Path(__file__).with_name("layers.safetensors")
LAYERS = 2
UNITS = 256
BANDS = 40
SIZE = 2 * LAYERS * UNITS  # numbers in the vector of a clip
# What the encoder was trained on, in librosa's names; all other settings are librosa's defaults.
SETTINGS = {"sample_rate": 16_000, "n_fft": 400, "hop_length": 160, "n_mels": BANDS}
VERSION = "speaker encoder 1"  # part of the key of its features; changes whenever a vector does
_LEVEL = -30.0  # dBFS
# Frames computed at a time. Their part of the input product is 1 MB a clip; memory stays flat
# however long a recording is.
_BLOCK = 256
_BATCH = 32  # clips, or rows of the input product, computed at a time
# A matrix product is made in pieces of 32 columns. OpenBLAS computes products of up to 2^18
# multiplications (here 32 rows x 256 x 32 columns) by one thread, without copying the matrices
# first: twice as fast as the whole on one core, and ten times where other processes use the
# cores that its threads would wait for.
_WIDTH = 32
_PIECES = 4 * UNITS // _WIDTH


class _Layer(NamedTuple):
    """An LSTM with the gates in the order input, forget, output, cell, 8 pieces of columns each."""

    kernel: np.ndarray  # (pieces, inputs, width)
    recurrent: np.ndarray  # (pieces, UNITS, width)
    bias: np.ndarray  # (pieces, 1, width)


def set_level(samples: np.ndarray) -> np.ndarray:
    """Return samples (samples,) with a root mean square of -30 dBFS; silence stays silent.

    Example:
        >>> round(float(set_level(np.full(100, 0.5, np.float32)).max()), 4)
        0.0316
    """
    level = np.sqrt(np.mean(np.square(samples, dtype=np.float64)))
    gain = 10 ** (_LEVEL / 20) / float(level) if level else 1.0
    return (samples * gain).astype(np.float32)


def load() -> dict[str, np.ndarray]:
    """Return the weights that ship with the package, as `keras.layers.LSTM` orders them.

    Returns:
        Name -> float32 array: for layer 1 and 2 `1/kernel` (inputs, 1024), `1/recurrent_kernel`
        (256, 1024) and `1/bias` (1024,), with the gates in the order input, forget, cell, output.

    Raises:
        SerKerasError: The file is missing or damaged.
    """
    try:
        content = ARRAYS.read_bytes()
    except OSError as error:
        raise SerKerasError(ARRAYS, "cannot be read", "Install ser_keras again") from error
    stored = tensors.parse(content, ARRAYS, ("F16", "I8"))
    arrays = {}
    for name, half in stored.items():
        rest = stored.get(f"{name} rest")  # in 256ths of the distance to the next float16
        if rest is not None:
            step = np.spacing(np.abs(half)).astype(np.float32) / 256
            arrays[name] = half.astype(np.float32) + rest * step
    return arrays


def vectors(clips: Sequence[np.ndarray]) -> np.ndarray:
    """Return one vector for each clip.

    Several clips are computed together, which takes half the time. The vector of a clip then
    differs from the one that it has alone by rounding, by 1e-6 at most.

    Args:
        clips: Power of the mel bands, float32 (frames, 40), of sound at 16 kHz whose level was set:
            window 25 ms, hop 10 ms.

    Returns:
        float32 (clips, 1024): for each layer the mean over time of its 256 states, then their
        standard deviation.

    Raises:
        SerKerasError: A clip has no frames or not 40 bands.

    Example:
        >>> vectors([np.zeros((100, 40), np.float32)]).shape
        (1, 1024)
    """
    if any(clip.ndim != 2 or not len(clip) or clip.shape[1] != BANDS for clip in clips):
        raise SerKerasError("clips", f"are not mel bands (frames, {BANDS})", "Check their shapes")
    result = np.empty((len(clips), SIZE), np.float32)
    order = sorted(range(len(clips)), key=lambda i: -len(clips[i]))  # of one length where possible
    for start in range(0, len(order), _BATCH):
        rows = order[start : start + _BATCH]
        result[rows] = _batch([clips[row] for row in rows])
    return result


def _batch(clips: list[np.ndarray]) -> np.ndarray:
    """Return the vectors (clips, SIZE) of clips that are sorted by length, the longest first."""
    lengths = np.array([len(clip) for clip in clips])
    moments = np.zeros((LAYERS, 2, len(clips), UNITS))  # sums of states and of their squares
    carried = np.zeros((LAYERS, 2, len(clips), UNITS), np.float32)  # hidden and cell state
    for start in range(0, lengths[0], _BLOCK):
        left = lengths[lengths > start] - start  # frames of the clips that have not ended
        states = np.zeros((min(left[0], _BLOCK), len(left), BANDS), np.float32)
        for i in range(len(left)):
            part = clips[i][start : start + _BLOCK]
            states[: len(part), i] = part
        padding = np.arange(len(states))[:, None] >= left
        for i, layer in enumerate(_layers()):
            states = _run(states, layer, carried[i, :, : len(left)])
            exact = states.astype(np.float64)  # a deviation is the small rest of two large sums
            exact[padding] = 0
            moments[i, 0, : len(left)] += exact.sum(axis=0)
            moments[i, 1, : len(left)] += np.square(exact).sum(axis=0)
    mean, square = np.moveaxis(moments, 1, 0) / lengths[:, None]  # (layers, clips, units) each
    deviation = np.sqrt(np.maximum(square - np.square(mean), 0))
    return np.stack([mean, deviation], axis=1).transpose(2, 0, 1, 3).reshape(len(clips), -1)


def _run(inputs: np.ndarray, layer: _Layer, carried: np.ndarray) -> np.ndarray:
    """Return the hidden states (frames, clips, UNITS) of a layer, and leave the last in `carried`.

    For frame t with input x, hidden state h and cell state c::

        i, f, o = sigmoid(W x + U h + b)        g = tanh(W x + U h + b)
        c = f c + i g                           h = o tanh(c)

    The sigmoid is 1/2 + tanh(x / 2) / 2, so that one call of tanh serves all four gates; the
    weights hold the inner half.
    """
    frames, clips, _ = inputs.shape
    rows = inputs.reshape(frames * clips, -1)
    driven = np.empty((_PIECES, len(rows), _WIDTH), np.float32)
    for start in range(0, len(rows), _BATCH):
        part = slice(start, start + _BATCH)
        np.matmul(rows[part], layer.kernel, out=driven[:, part])
    driven += layer.bias

    def in_pieces(states: np.ndarray) -> np.ndarray:
        """Return a view (..., 8, clips, width) of states (..., clips, UNITS)."""
        return states.reshape(*states.shape[:-1], -1, _WIDTH).swapaxes(-2, -3)

    states = np.empty((frames, clips, UNITS), np.float32)
    states_in_pieces = in_pieces(states)
    cell = in_pieces(carried[1])
    gates = np.empty((_PIECES, clips, _WIDTH), np.float32)
    i, f, o, g = np.split(gates, 4)
    sigmoids = gates[: 3 * _PIECES // 4]
    new = np.empty_like(i)
    before = carried[0]
    for t in range(frames):  # each call writes in place: half the time of one that allocates
        np.matmul(before, layer.recurrent, out=gates)
        gates += driven[:, t * clips : (t + 1) * clips]
        np.tanh(gates, out=gates)
        sigmoids *= 0.5
        sigmoids += 0.5
        np.multiply(i, g, out=new)
        cell *= f
        cell += new
        state = states_in_pieces[t]
        np.tanh(cell, out=state)
        state *= o
        before = states[t]
    carried[0] = before
    return states


@functools.lru_cache(maxsize=1)
def _layers() -> tuple[_Layer, ...]:
    arrays = load()
    columns = np.r_[: 2 * UNITS, 3 * UNITS : 4 * UNITS, 2 * UNITS : 3 * UNITS]
    halves = np.repeat(np.array([0.5, 0.5, 0.5, 1.0], np.float32), UNITS)

    def pieces(name: str) -> np.ndarray:
        """Return an array (pieces, rows, width); the columns of a piece lie one after the other."""
        array = np.atleast_2d(arrays[name][..., columns] * halves)
        return np.ascontiguousarray(array.T).reshape(_PIECES, _WIDTH, -1).swapaxes(1, 2)

    return tuple(
        _Layer(*(pieces(f"{i}/{name}") for name in ("kernel", "recurrent_kernel", "bias")))
        for i in range(1, LAYERS + 1)
    )
