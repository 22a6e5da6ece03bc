"""Random numbers by name: each use of a seed has a generator of its own.

Neither the order of the draws nor parallel work can then change a result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ser_keras.files import digest

if TYPE_CHECKING:
    import keras
    import numpy as np


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
