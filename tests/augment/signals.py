"""Signals and random generators for the tests of augmentation."""

import numpy as np

from ser_keras import seeding

RATE = 16_000  # Hz


def rng(seed=0):
    return seeding.stream(seed, "test")


def tone(hz=440.0, seconds=1.0):
    """Return a sine of full scale, float32 (samples,)."""
    return np.sin(2 * np.pi * hz * np.arange(int(RATE * seconds)) / RATE).astype(np.float32)


def picture(frames=130, bands=40):
    """Return a smooth picture in which all values differ: time rises, bands rise faster."""
    return np.add.outer(np.arange(frames) * 1.0, np.arange(bands) * 100.0).astype(np.float32)
