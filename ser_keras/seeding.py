"""Random numbers by name: each use of a seed has a generator of its own.

Neither the order of the draws nor parallel work can then change a result.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from ser_keras import console
from ser_keras.errors import SerKerasError
from ser_keras.files import digest

if TYPE_CHECKING:
    import keras
    import numpy as np

_DEFAULTS = {
    "floatx": "float32",
    "dtype_policy": "float32",
    "epsilon": 1e-7,
    "image_data_format": "channels_last",
}
overruled: dict[str, str] = {}  # settings of Keras, as `start_backend` met them and put them right


def stream(seed: int, *key: object) -> np.random.Generator:
    """Return the random generator that belongs to a seed and a use.

    Args:
        seed: Seed of the run.
        key: Names of the use, such as `"split", "ADA", "sad"`. Each key has its own generator.

    Example:
        >>> stream(0, "augment", 3).integers(100, size=3).tolist()
        [33, 21, 94]
    """
    import numpy as np

    return np.random.default_rng(number(seed, *key))


def number(seed: int, *key: object) -> int:
    """Return a 63-bit integer that belongs to a seed and a use, for libraries that take a seed.

    Args:
        seed: Seed of the run.
        key: Names of the use, as in `stream`.
    """
    return int(digest(repr((int(seed), *map(str, key)))), 16) >> 1


def start_backend():
    """Return Keras, with its own defaults for what a network computes.

    A `keras.json` that an old experiment left behind may ask for other numbers, such as float16.
    The same seed would then give other weights, and nothing in the result would tell. What the
    backend prints when it starts, and when it first looks for a GPU, is discarded, and so is its
    advice to programmers; its errors still raise.

    Raises:
        SerKerasError: The backend that $KERAS_BACKEND or `keras.json` names cannot be started.
    """
    remedy = "Set KERAS_BACKEND=tensorflow, or install what it names; see also ~/.keras/keras.json"
    if "keras" not in sys.modules:
        console.say("Starting Keras.")
    try:
        with console.native_silence():
            import keras

            keras.ops.zeros(1)  # the first computation looks for a GPU
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("jax", "tensorflow", "torch", "openvino"):
            raise
        problem = f"needs {error.name} as its backend, which is not installed"
        raise SerKerasError("Keras", problem, remedy) from error
    except (ImportError, ValueError, TypeError, AttributeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise SerKerasError("Keras", f"cannot start ({reason})", remedy) from error
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    floats = {keras.config.floatx(), keras.config.dtype_policy().name} - {"float32"}
    if floats:
        console.warn(f"Keras is set to {', '.join(sorted(floats))}; networks here use float32.")
    for name, value in _DEFAULTS.items():
        setting = getattr(keras.config, name)()
        setting = getattr(setting, "name", setting)  # of a policy
        if setting != value:
            overruled[name] = str(setting)
            getattr(keras.config, f"set_{name}")(value)
    return keras


def seed_backend(seed: int) -> None:
    """Seed Keras and its backend, which draw initial weights and dropout."""
    import keras

    keras.utils.set_random_seed(seed)


def seed_epoch(network: keras.Model, seed: int, epoch: int) -> None:
    """Set the random layers of a network to the state that belongs to an epoch.

    Dropout in epoch 7 is then the same whatever was drawn before, so that a resumed run equals an
    uninterrupted one.

    Args:
        network: Network whose random layers are set.
        seed: Seed of the run.
        epoch: Number of the epoch.
    """
    import numpy as np

    states = [v for v in network.variables if v.path.endswith("seed_generator_state")]
    for position, state in enumerate(states):
        low_bits = number(seed, "layer", position, epoch) & 0xFFFFFFFF
        state.assign(np.array([low_bits, 0], np.uint32).astype(state.dtype))  # int32 on torch
