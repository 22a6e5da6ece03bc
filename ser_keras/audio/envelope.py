"""The lowest and highest samples of a recording of any length, in constant memory, for pictures."""

from __future__ import annotations

import numpy as np

from ser_keras.errors import SerKerasError


class Envelope:
    """The outline of a waveform, gathered block by block.

    A column describes `step` samples. Where the columns do not suffice for the samples so far,
    `step` doubles and neighbouring columns are merged. So the outline depends on the samples alone,
    and not on how they are cut into blocks.

    Args:
        columns: Number of columns at most.

    Raises:
        SerKerasError: There is less than one column.

    Example:
        >>> envelope = Envelope(columns=2)
        >>> for block in ([0.25, -0.5, 0.5], [0.0, 0.75]):
        ...     envelope.add(np.array(block), 16_000)
        >>> envelope.step, envelope.extremes.tolist()
        (4, [[-0.5, 0.5], [0.75, 0.75]])
    """

    def __init__(self, columns: int = 1_600) -> None:
        if columns < 1:
            raise SerKerasError("columns", f"are {columns}", "Give at least one")
        self.step = 1
        self._sample_rate = 0.0
        self._n = 0  # samples so far
        self._low = np.full(columns, np.inf, np.float32)
        self._high = np.full(columns, -np.inf, np.float32)

    def add(self, samples: np.ndarray, sample_rate: float) -> None:
        """Take the next samples of the recording.

        Args:
            samples: Finite samples of one channel, (samples,); any number of them.
            sample_rate: Their sample rate in Hz, the same for all blocks.

        Raises:
            SerKerasError: The sample rate differs from that of the blocks before.
        """
        if self._sample_rate not in (0, sample_rate):
            problem = f"changes from {self._sample_rate:g} to {sample_rate:g} Hz"
            raise SerKerasError("sample rate", problem, "Take one envelope for each recording")
        self._sample_rate = sample_rate
        samples = np.asarray(samples, np.float32)
        if not len(samples):
            return
        columns = len(self._low)
        while self._n + len(samples) > columns * self.step:
            self._merge()
        first, left = divmod(self._n, self.step)
        starts = np.arange(-left, len(samples), self.step).clip(min=0)
        place = slice(first, first + len(starts))
        for extreme, held in ((np.minimum, self._low), (np.maximum, self._high)):
            held[place] = extreme(held[place], extreme.reduceat(samples, starts))
        self._n += len(samples)

    def _merge(self) -> None:
        """Double the step; the columns behind are empty then."""
        columns = len(self._low)
        for extreme, held, nothing in (
            (np.minimum, self._low, np.inf),
            (np.maximum, self._high, -np.inf),
        ):
            merged = extreme.reduceat(held, np.arange(0, columns, 2))
            held[: len(merged)], held[len(merged) :] = merged, nothing
        self.step *= 2

    @property
    def extremes(self) -> np.ndarray:
        """Lowest and highest sample of each column so far, float32 (n, 2)."""
        n = -(-self._n // self.step)
        return np.stack([self._low[:n], self._high[:n]], axis=1)

    @property
    def seconds(self) -> float:
        """Length of the recording so far."""
        return self._n / self._sample_rate if self._n else 0.0

    @property
    def edges(self) -> np.ndarray:
        """Seconds at which the columns start, and the end of the last one, float64 (n + 1,)."""
        n = -(-self._n // self.step)
        edges = np.arange(n + 1) * self.step
        return np.minimum(edges, self._n) / (self._sample_rate or 1.0)
