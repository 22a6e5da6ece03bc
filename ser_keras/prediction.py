"""All between a waveform and a probability, the same for training's scores and for users."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np

from ser_keras import audio, batches, engines
from ser_keras.batches import BatchSpec, Normalization
from ser_keras.errors import SerKerasError, Skipped
from ser_keras.features import FeatureSpec, extract

CHUNK = 128  # clips held in memory at once, whatever is asked for
FEW = 32  # recordings up to which it is not worth while to import a faster transform


@dataclass(frozen=True)
class Prediction:
    """What a model says of a part of a recording.

    Args:
        file: As it was given; `array 0`, ... for samples.
        start: Of the part that the model heard, in seconds.
        end: In seconds.
        label: The most probable emotion.
        probabilities: Emotion to probability, in the order of the model's classes.
        note: What the user should know of this clip, or "".
    """

    file: str
    start: float
    end: float
    label: str
    probabilities: dict[str, float]
    note: str = ""


@dataclass(frozen=True)
class Pipeline:
    """From waveforms to probabilities.

    Args:
        labels: Of the classes, in their order.
        features: From samples to frames.
        batch: From frames to the network's inputs.
        normalization: As fitted in training.
        engine: Maps inputs, a dict of (batch, ...), to float32 (batch, classes).
    """

    labels: tuple[str, ...]
    features: FeatureSpec
    batch: BatchSpec
    normalization: Normalization
    engine: Callable[[dict], np.ndarray]

    def probabilities(self, clips: Iterable[np.ndarray]) -> np.ndarray:
        """Return float32 (clips, classes) for matrices of frames (frames, n_features)."""
        size = 1 if self.batch.one_by_one else CHUNK
        parts = [self.engine(self.inputs(chunk)) for chunk in _chunks(clips, size)]
        return np.concatenate(parts) if parts else np.empty((0, len(self.labels)), np.float32)

    def inputs(self, clips: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Return what the network takes for these matrices of frames."""
        return batches.assemble(clips, self.batch, self.normalization)

    def predict(
        self, recordings: Iterable[object], sample_rate: float | None = None
    ) -> Iterator[Prediction | Skipped]:
        """Yield a Prediction for each recording as it comes, or why there is none.

        Args:
            recordings: Paths, or arrays of samples (samples,) or (samples, channels).
            sample_rate: Of the arrays, in Hz.
        """
        with ThreadPoolExecutor(engines.cores()) as executor:
            for chunk in _chunks(enumerate(recordings), CHUNK):
                hear = partial(self._hear, sample_rate=sample_rate, few=len(chunk) <= FEW)
                # a single recording, the common case, needs no thread to be started
                run = map if len(chunk) == 1 else executor.map
                heard = list(run(hear, chunk))
                clips = [item.frames for item in heard if isinstance(item, _Heard)]
                rows = iter(self.probabilities(clips))
                for item in heard:
                    yield item if isinstance(item, Skipped) else self._prediction(item, next(rows))

    def _hear(
        self, source: tuple[int, object], sample_rate: float | None, few: bool
    ) -> _Heard | Skipped:
        position, recording = source
        spec = self.features
        part = {"offset": spec.offset, "duration": spec.duration}
        is_path = isinstance(recording, (str, os.PathLike))
        name = os.fspath(recording) if is_path else f"array {position}"
        try:
            if is_path:
                length = audio.length(recording)
                samples = audio.read(recording, spec.sample_rate, **part)
            else:
                if sample_rate is None:
                    raise SerKerasError(name, "has no sample rate", "Give sample_rate in Hz")
                length = len(recording) / sample_rate
                samples = audio.from_samples(
                    recording, sample_rate, spec.sample_rate, **part, name=name
                )
        except SerKerasError as error:
            return Skipped.because(name, error)
        end = spec.offset + len(samples) / spec.sample_rate
        return _Heard(name, end, length, extract(samples, spec, few=few))

    def _prediction(self, heard: _Heard, row: np.ndarray) -> Prediction:
        note = ""
        if heard.length - heard.end > 0.05:  # a frame or so more is not worth a word
            note = f"{heard.length:.1f} s long; the model hears only this part"
        return Prediction(
            file=heard.name,
            start=self.features.offset,
            end=round(heard.end, 3),
            label=self.labels[int(row.argmax())],
            probabilities=dict(zip(self.labels, map(float, row), strict=True)),
            note=note,
        )


@dataclass(frozen=True)
class _Heard:
    name: str
    end: float
    length: float
    frames: np.ndarray


def _chunks(items: Iterable, size: int) -> Iterator[list]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
