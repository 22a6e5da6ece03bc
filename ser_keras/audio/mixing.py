"""Several channels to one, and whether the result is a sound at all."""

from __future__ import annotations

import math

import numpy as np

from ser_keras.errors import SerKerasError

MIN_LEVEL = 1e-4  # of full scale; a recording that never rises above it is silent
FULL_LEVEL = 2.0  # decoded MP3 and loud mixes rise a little above full scale, but not so far
MAX_LEVEL = 100.0  # above it, samples are on a scale of integers

# Power of the mix, relative to what independent channels give. It is 1 too where one channel alone
# has sound, and 0.15 where two equal ones are correlated with -0.85.
_CANCELLED = 0.15
_FEW_FRAMES = 1 << 14  # of a block, from which it is judged


class Mix:
    """Turns blocks into mono, and keeps what their channels have in common.

    Args:
        channel: Channel to take; None takes the mean of all.
    """

    def __init__(self, channel: int | None = None):
        self.low, self.high = np.float32(np.inf), np.float32(-np.inf)  # of the mono samples
        self._channel = channel
        self._frames = 0
        self._sums = self._products = np.zeros(1)

    def __call__(self, block: np.ndarray) -> np.ndarray:
        """Return a block (frames,) or (frames, channels) as mono."""
        if block.ndim == 1:
            mono = block
        elif self._channel is not None:
            mono = np.ascontiguousarray(block[:, self._channel])
        else:
            with np.errstate(over="ignore", invalid="ignore"):  # `check_level` refuses the result
                mono = block.mean(axis=1)
                # all frames would take as long as reading the clip, and say the same
                few = block[:: 1 + len(block) // _FEW_FRAMES]
                self._frames += len(few)
                self._sums = self._sums + few.sum(axis=0, dtype=np.float64)
                self._products = self._products + few.T @ few
        # `np.maximum` passes NaN on, `max` does not
        self.low, self.high = np.minimum(self.low, mono.min()), np.maximum(self.high, mono.max())
        return mono

    @property
    def level(self) -> np.floating:
        """The largest distance of the mono samples from 0."""
        return np.maximum(self.high, -self.low)

    @property
    def cancels(self) -> bool:
        """Whether the channels cancel each other, so that little of them is left in their mean."""
        if not self._frames:
            return False
        with np.errstate(over="ignore", invalid="ignore"):
            covariance = self._covariance()
            alone = np.trace(covariance)
            sounds = alone > 1e-3 * np.trace(self._products) / self._frames  # more than an offset
            return bool(sounds and covariance.sum() < _CANCELLED * alone)

    @property
    def loudest(self) -> int:
        """The channel with most power."""
        return int(np.diag(self._covariance()).argmax())

    def _covariance(self) -> np.ndarray:
        mean = self._sums / self._frames
        return self._products / self._frames - np.outer(mean, mean)


def check_level(name: str, level: np.floating) -> None:
    if not level < math.inf:  # true for NaN too
        raise SerKerasError(name, "holds samples that are not finite", "Export it again")
    if level > MAX_LEVEL:
        full = next((n for n in (1 << 7, 1 << 15, 1 << 23, 1 << 31) if level <= n), None)
        problem = f"has samples up to {level:.6g}, as integers have, and full scale is 1"
        raise SerKerasError(name, problem, f"Divide them by {full}" if full else "Export it again")
    if level <= MIN_LEVEL:
        raise SerKerasError(name, "is silent", "Check the microphone or the export")
