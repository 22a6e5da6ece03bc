"""The way from a waveform to probabilities, the same for the scores of a run and for users."""

from __future__ import annotations

import importlib.util
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ser_keras import audio, batches, engines
from ser_keras.batches import BatchSpec, Normalization
from ser_keras.calibration import Arousal, sharpen
from ser_keras.engines import Engine
from ser_keras.errors import SerKerasError, Skipped
from ser_keras.features import FeatureSpec, extract
from ser_keras.recordings import Recording, as_file, is_file, name_of, samples_of
from ser_keras.reliability import Reliability
from ser_keras.windows import SHORT

if TYPE_CHECKING:
    from ser_keras.adaptation import Adaptation, Weights

CHUNK = 128  # recordings that are in memory at once, however many there are
FEW = 32  # up to this many, importing the faster transform of scipy takes longer than it saves
MAX_VALUES = 1 << 26  # mel bands of all frames of a recording; 512 MiB while they are computed
NO_SPEECH = "no speech"  # the label where nobody speaks; all probabilities are NaN then
UNSURE = "unsure"  # the label where the model does not commit itself; probabilities are as ever

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Prediction:
    """The emotions that a model predicts for a part of a recording.

    Args:
        file: Path as the caller gave it, or that of a file object; `array 0`, `array 1`, ... for
            samples, by position.
        start: Start of the part that the model used, in seconds.
        end: End of that part, in seconds.
        label: The most probable emotion; `NO_SPEECH` or `UNSURE` where none is named.
        probabilities: Probability of each emotion, in the order of the model's classes; NaN where
            there is no speech.
        note: A remark for the user on this recording, or "".
        adapted_by: Number of recordings by which the model was adapted to the voice or the room.
        arousal: How aroused the voice sounds, from 0 to 1, where the model says it, else None. It
            describes the voice, and not what the person feels.
        speaker: Which voice speaks ("A", "B", ...), or "" where voices are not told apart.
        possible: The emotions among which the true one is with a stated probability; () where they
            were not asked for.
    """

    file: str
    start: float
    end: float
    label: str
    probabilities: dict[str, float]
    note: str = ""
    adapted_by: int = 0
    arousal: float | None = None
    speaker: str = ""
    possible: tuple[str, ...] = ()


def row(prediction: Prediction) -> dict[str, object]:
    """Return a prediction as a flat dict, in the order of the columns of `Bundle.predict`.

    Example:
        >>> row(Prediction("a.wav", 0.5, 2.0, "sad", {"sad": 0.75, "happy": 0.25}))["p_happy"]
        0.25
    """
    return {
        "file": prediction.file,
        "start": prediction.start,
        "end": prediction.end,
        "label": prediction.label,
        **{f"p_{label}": round(value, 6) for label, value in prediction.probabilities.items()},
        **({} if prediction.arousal is None else {"arousal": round(prediction.arousal, 6)}),
        **({"speaker": prediction.speaker} if prediction.speaker else {}),
        **({"possible": "|".join(prediction.possible)} if prediction.possible else {}),
        "adapted_by": prediction.adapted_by,
        "note": prediction.note,
    }


@dataclass(frozen=True)
class Pipeline:
    """All steps from waveforms to probabilities.

    Args:
        labels: Emotions in the order of the classes.
        features: How frames are computed from samples.
        batch: How the network's inputs are made from frames.
        normalization: The normalisation that was fitted in training, or that of `adaptation`.
        engine: What computes probabilities from the network's inputs.
        adaptation: What the pipeline is adapted to; None for nothing.
        temperature: What the probabilities are calibrated with; 1 leaves them as they are.
        arousal: How arousal follows from the probabilities; None where the model gives none.
        reliability: When its labels count; None where that was not measured.
    """

    labels: tuple[str, ...]
    features: FeatureSpec
    batch: BatchSpec
    normalization: Normalization
    engine: Engine
    adaptation: Adaptation | None = None
    temperature: float = 1.0
    arousal: Arousal | None = None
    reliability: Reliability | None = None

    def probabilities(self, clips: Iterable[np.ndarray]) -> np.ndarray:
        """Return float32 (clips, classes) for matrices of frames (frames, n_features)."""
        size = 1 if self.batch.one_by_one else CHUNK
        parts = [self.engine(self.inputs(chunk)) for chunk in _chunks(clips, size)]
        if self.temperature != 1:
            parts = [sharpen(part, self.temperature) for part in parts]
        return np.concatenate(parts) if parts else np.empty((0, len(self.labels)), np.float32)

    def inputs(self, clips: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Return the network's inputs for matrices of frames (frames, n_features)."""
        return batches.assemble(clips, self.batch, self.normalization)

    def predict(
        self, recordings: Iterable[Recording], sample_rate: float | None = None
    ) -> Iterator[Prediction | Skipped]:
        """Yield a Prediction for each recording, or the reason why it was skipped.

        Args:
            recordings: Paths of sound files, file objects opened for bytes, arrays of samples, or
                pairs of samples and their rate.
            sample_rate: Sample rate in Hz of the arrays that come without one.
        """
        yield from self.predict_numbered(enumerate(recordings), sample_rate)

    def predict_numbered(
        self,
        numbered: Iterable[tuple[int, Recording]],
        sample_rate: float | None = None,
        detector: str | None = None,
    ) -> Iterator[Prediction | Skipped]:
        """Yield what `predict` yields for recordings that come with their numbers.

        Args:
            numbered: Pairs of a number, of which the names of arrays are made, and a recording.
            sample_rate: Sample rate in Hz of the arrays that come without one.
            detector: What tells speech, of `speech.kinds()`, or "" for the default; a recording
                without speech gets the label NO_SPEECH. None labels every recording.
        """
        for extracted in self._batches(numbered, sample_rate, detector):
            yield from self._predictions(extracted)

    def label(self, probabilities: np.ndarray) -> str:
        """Return the most probable emotion, or UNSURE where the model is not sure enough.

        Args:
            probabilities: Probabilities of the emotions, (classes,).
        """
        known = self.reliability
        adapted = self.adaptation is not None and self.adaptation.recordings > 0
        if known and not known.answers(probabilities, adapted):
            return UNSURE
        return self.labels[int(np.argmax(probabilities))]

    def remark(self, frames: np.ndarray) -> str:
        """Return a remark where the features of a clip lie far from all that the model knows."""
        return self.reliability.note(frames) if self.reliability else ""

    def enrol(
        self,
        recordings: Iterable[Recording],
        sample_rate: float | None = None,
        weights: Weights | None = None,
    ) -> Pipeline:
        """Return the pipeline adapted to a voice or a room by other recordings than those to label.

        Args:
            recordings: Ordinary recordings of the voice, as for `predict`.
            sample_rate: Sample rate in Hz of the arrays that come without one.
            weights: How many recordings the training clips count as; see `adaptation.Weights`.

        Raises:
            SerKerasError: A recording or the features do not suit, or it is adapted already.
        """
        from ser_keras.adaptation import enrol  # late: labelling does without it

        vectors = []
        for extracted in self._batches(enumerate(recordings), sample_rate):
            for item in extracted:
                if isinstance(item, Skipped):
                    raise item.error
                vectors.append(item.frames)
        return self.adapted(enrol(vectors, self.normalization, self.batch, weights))

    def adapted(self, adaptation: Adaptation) -> Pipeline:
        """Return the pipeline with the normalisation of an adaptation.

        Args:
            adaptation: Adaptation that was made from the normalisation of this pipeline.

        Raises:
            SerKerasError: The pipeline is adapted already.
        """
        if self.adaptation:
            raise SerKerasError("pipeline", "is adapted already", "Take the one before `enrol`")
        return replace(self, normalization=adaptation.normalization, adaptation=adaptation)

    def predict_adapted(
        self,
        recordings: Iterable[Recording],
        sample_rate: float | None = None,
        *,
        by: str,
        speakers: Sequence[str] | None = None,
        usual: float | None = None,
        weights: Weights | None = None,
    ) -> Iterator[Prediction | Skipped]:
        """Yield what `predict` yields, adapted to the very recordings that are labelled.

        Use it only where the emotions within each group vary; see `adaptation.adapt`. The vectors
        of all recordings are in memory at once.

        Args:
            recordings: Recordings, as for `predict`.
            sample_rate: Sample rate in Hz of the arrays that come without one.
            by: "corpus" or "speaker".
            speakers: Name of the speaker of each recording, for "speaker".
            usual: `adaptation.variety` of a training speaker; None for what the model's
                `reliability` says. Groups that vary much less are not adapted; 0 adapts each.
            weights: How many recordings the training clips count as.

        Raises:
            SerKerasError: Names or features do not fit.
        """
        from ser_keras.adaptation import adapt

        if usual is None and self.reliability is not None:
            usual = self.reliability.usual

        items = [
            item for batch in self._batches(enumerate(recordings), sample_rate) for item in batch
        ]
        if speakers is not None and len(speakers) != len(items):
            problem = f"are {len(speakers)} for {len(items)} recordings"
            raise SerKerasError("speakers", problem, "Give one for each recording")
        heard = {i: item for i, item in enumerate(items) if isinstance(item, _Extracted)}
        vectors = [item.frames for item in heard.values()]
        adaptations = adapt(
            vectors,
            self.normalization,
            self.batch,
            by,
            speakers=None if speakers is None else [speakers[i] for i in heard],
            probabilities=None if usual is None else self.probabilities(vectors),
            usual=usual,
            weights=weights,
        )
        groups: dict[Adaptation, list[_Extracted | Skipped]] = {}
        for extracted, adaptation in zip(heard.values(), adaptations, strict=True):
            groups.setdefault(adaptation, []).append(extracted)
        rows = {each: self.adapted(each)._predictions(own) for each, own in groups.items()}
        order = iter(adaptations)
        for item in items:
            yield item if isinstance(item, Skipped) else next(rows[next(order)])

    def _batches(
        self,
        numbered: Iterable[tuple[int, Recording]],
        sample_rate: float | None,
        detector: str | None = None,
    ) -> Iterator[list[_Extracted | Skipped]]:
        """Yield the frames of recordings, as many at once as may be in memory."""
        has_scipy = importlib.util.find_spec("scipy") is not None  # labelling does not require it
        with ThreadPoolExecutor(engines.cores()) as executor:
            for chunk in _chunks(numbered, CHUNK):
                few = len(chunk) <= FEW or not has_scipy
                extract_frames = partial(
                    self._extract, sample_rate=sample_rate, few=few, detector=detector
                )
                # a single recording, the common case, needs no thread to be started
                run = map if len(chunk) == 1 else partial(_ahead, executor)
                extracted: list[_Extracted | Skipped] = []
                values = 0
                for item in run(extract_frames, chunk):
                    extracted.append(item)
                    values += item.frames.size if isinstance(item, _Extracted) else 0
                    if values > MAX_VALUES // 4:  # long recordings: fewer of them at once
                        yield extracted
                        extracted, values = [], 0
                yield extracted

    def _extract(
        self, source: tuple[int, Any], sample_rate: float | None, few: bool, detector: str | None
    ) -> _Extracted | Skipped:
        position, recording = source
        spec = self.features
        name = name_of(recording, position)
        part: dict[str, Any] = {"offset": spec.offset, "duration": spec.duration, "name": name}
        try:
            if is_file(recording):
                sound = audio.hear(as_file(recording), spec.sample_rate, **part)
            else:
                samples, rate = samples_of(recording, sample_rate, name)
                sound = audio.hear_samples(samples, rate, spec.sample_rate, **part)
            n_frames = spec.frames(len(sound.samples))
            if n_frames * max(spec.n_mels, spec.n_fft // 16) > MAX_VALUES:
                problem = f"has {n_frames:,} frames of {spec.n_mels} bands, which is too many"
                raise SerKerasError(name, problem, "Cut it into parts")
            frames = extract(sound.samples, spec, few=few)
            is_speech = detector is None or self._has_speech(sound.samples, detector)
        except SerKerasError as error:
            return Skipped.because(name, error)
        heard = len(sound.samples) / spec.sample_rate
        end = spec.offset + heard
        notes = list(sound.notes)
        if heard < min(SHORT, (spec.duration or 1) / 2):
            first = f", since it skips the first {spec.offset:g} s" if spec.offset else ""
            notes.append(f"the model hears only {1000 * heard:.0f} ms{first}")
        if sound.length - end > 0.05:  # the user need not know of a frame or so
            notes.append(f"{sound.length:.1f} s long; the model hears only this part")
        return _Extracted(name, end, "; ".join(notes), frames, is_speech)

    def _has_speech(self, samples: np.ndarray, kind: str) -> bool:
        from ser_keras import speech  # late: whole recordings are labelled without it

        detector = speech.Detector(self.features.sample_rate, kind or None)
        return bool(detector(samples).any() or detector.finish().any())

    def _predictions(self, extracted: list[_Extracted | Skipped]) -> Iterator[Prediction | Skipped]:
        frames = (item.frames for item in extracted if isinstance(item, _Extracted))
        rows = iter(self.probabilities(frames))
        adaptation = self.adaptation
        for item in extracted:
            if isinstance(item, Skipped):
                yield item
                continue
            row = next(rows)
            notes = [item.note, adaptation.note if adaptation else "", self.remark(item.frames)]
            arousal = float(self.arousal.measure(row, self.labels)) if self.arousal else None
            if not item.is_speech:
                row, arousal = np.full_like(row, np.nan), None
            yield Prediction(
                file=item.name,
                start=self.features.offset,
                end=round(item.end, 3),
                label=self.label(row) if item.is_speech else NO_SPEECH,
                probabilities=dict(zip(self.labels, map(float, row), strict=True)),
                note="; ".join(filter(None, notes)),
                adapted_by=adaptation.recordings if adaptation else 0,
                arousal=arousal,
            )


@dataclass(frozen=True)
class _Extracted:
    """The frames of a recording, the end of the part they cover in seconds, and a remark."""

    name: str
    end: float
    note: str
    frames: np.ndarray
    is_speech: bool = True


def _ahead(
    executor: ThreadPoolExecutor, function: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[Result]:
    """Yield what a function returns for items, in order, with few results that wait."""
    pending: deque[Future[Result]] = deque()
    for item in items:
        pending.append(executor.submit(function, item))
        if len(pending) > 2 * engines.cores():
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
