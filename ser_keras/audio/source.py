"""What every decoder returns, and the limits that every decoder keeps."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ser_keras.errors import SerKerasError

MAX_CHANNELS = 32
RATES = (1_000, 768_000)  # Hz, lowest and highest
MAX_SECONDS = 4 * 3_600
MAX_DECODED = 1_400_000_000  # samples of all channels; 4 h of stereo at 48 kHz
MAX_STREAMED = 25  # times as much of both is read block by block

BLOCK_FRAMES = 1 << 20  # the length that a header promises is never allocated at once
BLOCK_SAMPLES = 1 << 21  # of all channels together

AGAIN = "Fetch or record it again"
CONVERT = "Convert it, for instance with: ffmpeg -i <file> <file>.wav"

Blocks = Callable[[int, int], Iterator[np.ndarray]]


@dataclass(frozen=True)
class Source:
    """Samples that can be read in blocks.

    Args:
        name: Name in errors.
        rate: Sample rate in Hz.
        channels: Number of channels.
        frames: Number of samples in each channel.
        blocks: Function that yields the frames from the first argument to the second, as float32
            blocks (frames,) or (frames, channels).
        notes: Remarks for the user on how the samples are read.
    """

    name: str
    rate: float
    channels: int
    frames: int
    blocks: Blocks
    notes: tuple[str, ...] = ()


def check_rate(name: str, rate: object) -> None:
    """Raise an error for a sample rate that no recording has."""
    low, high = RATES
    if isinstance(rate, bool) or not isinstance(rate, numbers.Real):
        raise SerKerasError(name, f"has the rate {rate!r}, which is no number", "Give it in Hz")
    if not low <= float(rate) <= high:
        raise SerKerasError(name, f"has a rate of {rate} Hz", f"Give {low} to {high} Hz")


def countable(rate: float, channels: int) -> int:
    """Return how many frames are counted in a file that does not say how long it is.

    One more than what is read block by block, so that the reader refuses a longer file.
    """
    return MAX_STREAMED * min(int(MAX_SECONDS * rate), MAX_DECODED // channels) + 1


def check_channels(name: str, channels: int) -> None:
    """Raise an error for a number of channels that is not read."""
    if not 1 <= channels <= MAX_CHANNELS:
        raise SerKerasError(name, f"has {channels} channels", f"Give 1 to {MAX_CHANNELS}")


def cut_off(name: str) -> SerKerasError:
    """Return the error for a file that ends too early."""
    return SerKerasError(
        name, "is cut off or damaged: its header promises more than is there", AGAIN
    )
