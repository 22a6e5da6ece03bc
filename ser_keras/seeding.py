"""Every random number of the package has a name: the seed, and what it is drawn for."""

from __future__ import annotations

from ser_keras.files import digest


def stream(seed: int, *key: object):
    """Return the `numpy.random.Generator` that belongs to a seed and a use.

    Args:
        seed: The run's seed.
        key: What it is drawn for, e.g. `"split", "ADA", "sad"`. Another key is another stream, so
            neither order nor parallelism can change a result.
    """
    import numpy as np

    return np.random.default_rng(number(seed, *key))


def number(seed: int, *key: object) -> int:
    """Return a 63-bit integer that belongs to a seed and a use (for libraries that want one)."""
    return int(digest(repr((int(seed), *map(str, key)))), 16) >> 1


def seed_backend(seed: int) -> None:
    """Seed Keras and its backend: initial weights, dropout."""
    import keras

    keras.utils.set_random_seed(seed)


def seed_epoch(network, seed: int, epoch: int) -> None:
    """Give every random layer of a network the state that belongs to this epoch.

    Whatever was drawn before, dropout in epoch 7 is the same: a resumed run equals an uninterrupted
    one.
    """
    import numpy as np

    states = [v for v in network.variables if v.path.endswith("seed_generator_state")]
    for position, state in enumerate(states):
        drawn = number(seed, "layer", position, epoch) & 0xFFFFFFFF
        state.assign(np.array([drawn, 0], np.uint32).astype(state.dtype))  # int32 on torch
