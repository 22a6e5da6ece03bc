"""The way from a waveform to probabilities, the same for the scores of a run and for users."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TypeVar

import numpy as np

from ser_keras import audio, batches, engines
from ser_keras.batches import BatchSpec, Normalization
from ser_keras.engines import Engine
from ser_keras.errors import SerKerasError, Skipped
from ser_keras.features import FeatureSpec, extract

CHUNK = 128  # recordings that are in memory at once, however many there are
FEW = 32  # up to this many, importing the faster transform of scipy takes longer than it saves

Recording = str | os.PathLike | np.ndarray  # a path, or samples (samples,) or (samples, channels)
Item = TypeVar("Item")


@dataclass(frozen=True)
class Prediction:
    """The emotions that a model predicts for a part of a recording.

    Args:
        file: Path as the caller gave it; `array 0`, `array 1`, ... for samples.
        start: Start of the part that the model used, in seconds.
        end: End of that part, in seconds.
        label: The most probable emotion.
        probabilities: Probability of each emotion, in the order of the model's classes.
        note: A remark for the user on this recording, or "".
    """

    file: str
    start: float
    end: float
    label: str
    probabilities: dict[str, float]
    note: str = ""


@dataclass(frozen=True)
class Pipeline:
    """All steps from waveforms to probabilities.

    Args:
        labels: Emotions in the order of the classes.
        features: How frames are computed from samples.
        batch: How the network's inputs are made from frames.
        normalization: The normalisation that was fitted in training.
        engine: What computes probabilities from the network's inputs.
    """

    labels: tuple[str, ...]
    features: FeatureSpec
    batch: BatchSpec
    normalization: Normalization
    engine: Engine

    def probabilities(self, clips: Iterable[np.ndarray]) -> np.ndarray:
        """Return float32 (clips, classes) for matrices of frames (frames, n_features)."""
        size = 1 if self.batch.one_by_one else CHUNK
        parts = [self.engine(self.inputs(chunk)) for chunk in _chunks(clips, size)]
        return np.concatenate(parts) if parts else np.empty((0, len(self.labels)), np.float32)

    def inputs(self, clips: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Return the network's inputs for matrices of frames (frames, n_features)."""
        return batches.assemble(clips, self.batch, self.normalization)

    def predict(
        self, recordings: Iterable[Recording], sample_rate: int | None = None
    ) -> Iterator[Prediction | Skipped]:
        """Yield a Prediction for each recording, or the reason why it was skipped.

        Args:
            recordings: Paths, or arrays of samples (samples,) or (samples, channels).
            sample_rate: Sample rate of the arrays in Hz; None where there are only paths.
        """
        has_scipy = importlib.util.find_spec("scipy") is not None  # labelling does not require it
        with ThreadPoolExecutor(engines.cores()) as executor:
            for chunk in _chunks(enumerate(recordings), CHUNK):
                few = len(chunk) <= FEW or not has_scipy
                extract_frames = partial(self._extract, sample_rate=sample_rate, few=few)
                # a single recording, the common case, needs no thread to be started
                run = map if len(chunk) == 1 else executor.map
                extracted = list(run(extract_frames, chunk))
                clips = [item.frames for item in extracted if isinstance(item, _Extracted)]
                rows = iter(self.probabilities(clips))
                for item in extracted:
                    yield item if isinstance(item, Skipped) else self._prediction(item, next(rows))

    def _extract(
        self, source: tuple[int, Recording], sample_rate: int | None, few: bool
    ) -> _Extracted | Skipped:
        position, recording = source
        spec = self.features
        name = f"array {position}"
        try:
            if isinstance(recording, (str, os.PathLike)):
                name = os.fspath(recording)
                length = audio.length(recording)
                samples = audio.read(
                    recording, spec.sample_rate, offset=spec.offset, duration=spec.duration
                )
            else:
                if sample_rate is None:
                    raise SerKerasError(name, "has no sample rate", "Give sample_rate in Hz")
                length = len(recording) / sample_rate
                samples = audio.from_samples(
                    recording,
                    sample_rate,
                    spec.sample_rate,
                    offset=spec.offset,
                    duration=spec.duration,
                    name=name,
                )
        except SerKerasError as error:
            return Skipped.because(name, error)
        end = spec.offset + len(samples) / spec.sample_rate
        return _Extracted(name, end, length, extract(samples, spec, few=few))

    def _prediction(self, clip: _Extracted, row: np.ndarray) -> Prediction:
        note = ""
        if clip.length - clip.end > 0.05:  # the user need not know of a frame or so
            note = f"{clip.length:.1f} s long; the model hears only this part"
        return Prediction(
            file=clip.name,
            start=self.features.offset,
            end=round(clip.end, 3),
            label=self.labels[int(row.argmax())],
            probabilities=dict(zip(self.labels, map(float, row), strict=True)),
            note=note,
        )


@dataclass(frozen=True)
class _Extracted:
    """The frames of a recording, the end of the part they cover and the full length in seconds."""

    name: str
    end: float
    length: float
    frames: np.ndarray


def _chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
