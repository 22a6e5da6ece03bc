"""Recordings of any length as mono samples of one rate, block by block."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from ser_keras.audio.decoding import AGAIN, File, Source, check_rate, opened
from ser_keras.audio.mixing import FULL_LEVEL, MAX_LEVEL, MIN_LEVEL, Mix, check_level
from ser_keras.audio.reading import array_source
from ser_keras.audio.source import countable
from ser_keras.errors import SerKerasError


class Stream:
    """A recording that is read block by block, in constant memory.

    Args:
        source: Where the samples come from.
        sample_rate: Rate in Hz of the blocks.

    Attributes:
        seconds: Length of the recording.
        notes: Remarks for the user on how it was read; complete once all blocks were read.
    """

    def __init__(self, source: Source, sample_rate: int):
        check_rate(source.name, sample_rate)
        self.seconds = source.frames / source.rate
        self.sample_rate = sample_rate
        self.notes = list(source.notes)
        self._source = source
        if not source.frames:
            raise SerKerasError(source.name, "holds no samples", AGAIN)
        most = countable(source.rate, source.channels) - 1
        if source.frames > most:
            hours = most / source.rate / 3600
            problem = f"lasts longer than {hours:.0f} h, and no more is read"
            raise SerKerasError(source.name, problem, "Cut it into parts")

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield float32 blocks (samples,) of up to about a minute.

        Where the channels of a block cancel each other, the loudest is taken, as in `hear`, which
        judges a recording as a whole.

        Raises:
            SerKerasError: The file is cut off, or its samples are not finite or not on a scale of
                1.
        """
        source, level = self._source, np.float32(0)
        resampler = None
        if source.rate != self.sample_rate:
            import soxr

            resampler = soxr.ResampleStream(source.rate, self.sample_rate, 1, quality="HQ")
        for block in source.blocks(0, source.frames):
            mix = Mix()
            mono = mix(block)
            if mix.cancels:
                self._note("its channels cancel each other, so only the louder one was used")
                mix = Mix(mix.loudest)
                mono = mix(block)
            if not mix.level <= MAX_LEVEL:  # true for NaN too
                check_level(source.name, mix.level)
            level = max(level, mix.level)
            yield resampler.resample_chunk(mono) if resampler else mono
        if resampler:
            yield resampler.resample_chunk(np.empty(0, np.float32), last=True)
        if level <= MIN_LEVEL:
            self._note("it is silent")
        if level > FULL_LEVEL:
            self._note(f"its samples reach {level:.1f}, and full scale is 1: check its export")

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


@contextlib.contextmanager
def stream(
    recording: File | Any,
    sample_rate: int,
    *,
    rate: float | None = None,
    name: str | None = None,
) -> Iterator[Stream]:
    """Yield the `Stream` of a sound file, or of an array of samples.

    Args:
        recording: Path or file object as for `hear`, or samples as for `hear_samples`.
        sample_rate: Rate in Hz of the blocks.
        rate: Rate of the samples in Hz; None for files.
        name: Name in errors; None takes the path.

    Raises:
        SerKerasError: The same errors as in `hear`. Silence is none, and up to 100 h are read.

    Example:
        >>> with stream(np.ones(32_000, np.float32), 8_000, rate=16_000) as sound:
        ...     sound.seconds, sum(map(len, sound.blocks()))
        (2.0, 16000)
    """
    if rate is not None:
        yield Stream(array_source(recording, rate, name or "array"), sample_rate)
        return
    with opened(recording, name) as source:
        yield Stream(source, sample_rate)
