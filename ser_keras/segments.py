"""Emotion over time: windows over recordings of any length, joined to segments.

A recording is read block by block. A detector says where there is speech, the stretches of speech
are cut into windows, and each window is labelled like a clip. Where windows overlap, their
probabilities are averaged; neighbours with the same label become one segment. What is no speech
is a segment as well, so that the segments cover the whole recording.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ser_keras import audio
from ser_keras.errors import SerKerasError, Skipped
from ser_keras.prediction import NO_SPEECH, Pipeline, Prediction
from ser_keras.recordings import Recording, name_of
from ser_keras.windows import Stretch, Watch, Windows, is_long, opened, stretches

_GAP = 0.25  # seconds; a shorter rest at the start or the end is no segment of its own


def predict(
    pipeline: Pipeline,
    recordings: Iterable[Recording],
    sample_rate: float | None = None,
    windows: Windows | None = None,
) -> Iterator[Prediction | Skipped]:
    """Yield the segments of recordings in order, or the reasons why they were skipped.

    A recording that is hardly longer than a clip is one segment. Memory does not grow with the
    length of a recording, unless voices are told apart or the model is adapted: then the features
    of all its windows are in memory.

    Args:
        pipeline: All steps from waveforms to probabilities.
        recordings: Recordings, as for `Pipeline.predict`.
        sample_rate: Sample rate in Hz of the arrays that come without one.
        windows: How they are cut.
    """
    windows = windows or Windows()
    numbered = enumerate(recordings)
    if windows.whole:
        _check(pipeline, windows)
        for row in pipeline.predict_numbered(numbered, sample_rate):
            yield _with_set(pipeline, windows, row)
        return
    _check(pipeline, windows)
    if windows.adapt == "all":
        yield from _adapted_to_all(pipeline, numbered, sample_rate, windows)
        return
    cut = partial(is_long, pipeline.features, sample_rate, windows)
    for long, group in itertools.groupby(numbered, key=cut):
        if not long:
            for row in pipeline.predict_numbered(group, sample_rate, windows.speech or ""):
                yield _with_set(pipeline, windows, row)
            continue
        for position, recording in group:
            yield from segments(pipeline, recording, sample_rate, windows, position)


def segments(
    pipeline: Pipeline,
    recording: Recording,
    sample_rate: float | None = None,
    windows: Windows | None = None,
    position: int = 0,
    watch: Watch | None = None,
) -> Iterator[Prediction | Skipped]:
    """Yield the segments of one recording, however short it is, or why it was skipped.

    Args:
        pipeline: All steps from waveforms to probabilities.
        recording: Recording, as for `Pipeline.predict`.
        sample_rate: Sample rate in Hz of an array that comes without one.
        windows: How it is cut.
        position: Number of the recording, of which the names of arrays are made.
        watch: Function that gets each block of samples and its rate as it is read.
    """
    windows = windows or Windows()
    _check(pipeline, windows)
    name = name_of(recording, position)
    try:
        with opened(recording, name, sample_rate, pipeline.features) as sound:
            parts_of = stretches(pipeline.features, sound, windows, watch)
            if windows.speakers or windows.adapt != "none":
                parts = list(parts_of)
                pipelines = _pipelines(pipeline, parts, windows)
                labelled = _labelled_by(parts, pipelines)
            else:
                labelled = _labelled(pipeline, parts_of)
            yield from _joined(pipeline, labelled, sound, name, windows)
    except SerKerasError as error:
        yield Skipped.because(name, error)


def _check(pipeline: Pipeline, windows: Windows) -> None:
    """Refuse what a model cannot do, before a recording is read that it has nothing to do with.

    Raises:
        SerKerasError: The windows do not suit the model, or it lacks what an option needs.
    """
    windows.lengths(pipeline.features)
    kind = pipeline.features.kind
    by_voice = windows.speakers or windows.adapt == "speaker"
    if by_voice and not kind.startswith("speaker_encoder"):
        option = "--speakers" if windows.speakers else "--adapt speaker"
        problem = f"needs a model on the speaker encoder, and this one hears {kind}"
        raise SerKerasError(option, problem, "Use --model general")
    if windows.possible is None:
        return
    if pipeline.reliability is None:
        problem = "needs what a model knows of its reliability, and this one has not measured it"
        raise SerKerasError("--possible", problem, "Use --model general")
    alike = np.full(len(pipeline.labels), 1 / len(pipeline.labels))
    pipeline.reliability.possible(alike, pipeline.labels, windows.possible)


def _labelled(pipeline: Pipeline, stretches: Iterable[Stretch]) -> Iterator[Stretch]:
    """Yield stretches with the probabilities of their windows, many windows at a time."""
    held: list[Stretch] = []

    def labelled() -> Iterator[Stretch]:
        frames = [each for stretch in held for each in stretch.frames]
        rows = pipeline.probabilities(frames)
        for stretch in held:
            n = len(stretch.windows)
            stretch.probabilities, rows = rows[:n], rows[n:]
            own = pipeline.adaptation.note if pipeline.adaptation else ""
            remarks = map(pipeline.remark, stretch.frames)
            stretch.notes = ["; ".join(filter(None, (own, remark))) for remark in remarks]
            stretch.adapted_by = [pipeline.adaptation.recordings if pipeline.adaptation else 0] * n
            stretch.frames = []
            yield stretch
        held.clear()

    for stretch in stretches:
        held.append(stretch)
        if sum(len(each.windows) for each in held) >= 64:
            yield from labelled()
    yield from labelled()


def _voices(parts: Sequence[Stretch]) -> None:
    """Give each window of a recording the letter of its voice."""
    from ser_keras import voices  # late: few need it

    vectors = np.array([each[0, : voices.STATES] for part in parts for each in part.frames])
    letters = iter(voices.letters(vectors) if len(vectors) else [])
    for part in parts:
        part.voices = [next(letters) for _ in part.windows]


def _pipelines(
    pipeline: Pipeline, parts: Sequence[Stretch], windows: Windows
) -> list[list[Pipeline]]:
    """Return the pipeline for each window of each stretch, adapted as `windows` says."""
    if windows.adapt == "speaker" or (windows.speakers and windows.adapt != "all"):
        _voices(parts)
    if windows.adapt == "none":
        return [[pipeline] * len(part.windows) for part in parts]
    from ser_keras import adaptation  # late: few need it

    frames = [each for part in parts for each in part.frames]
    reliability = pipeline.reliability
    usual = reliability.usual if reliability else None
    adaptations = adaptation.adapt(
        frames,
        pipeline.normalization,
        pipeline.batch,
        "speaker" if windows.adapt == "speaker" else "corpus",
        speakers=[voice for part in parts for voice in part.voices] or None,
        probabilities=None if usual is None else pipeline.probabilities(frames),
        usual=usual,
    )
    ready = {each: pipeline.adapted(each) for each in dict.fromkeys(adaptations)}
    order = iter(adaptations)
    return [[ready[next(order)] for _ in part.windows] for part in parts]


def _labelled_by(
    parts: Sequence[Stretch], pipelines: Sequence[Sequence[Pipeline]]
) -> Iterator[Stretch]:
    """Yield stretches with the probabilities that a pipeline for each window gives."""
    frames = [each for part in parts for each in part.frames]
    chosen = [each for own in pipelines for each in own]
    rows: list[Any] = [None] * len(frames)
    for one in {id(each): each for each in chosen}.values():
        places = [i for i, each in enumerate(chosen) if each is one]
        for i, row in zip(places, one.probabilities([frames[i] for i in places]), strict=True):
            rows[i] = row
    done = 0
    for part, own in zip(parts, pipelines, strict=True):
        n = len(part.windows)
        part.probabilities, done = np.array(rows[done : done + n]), done + n
        remarks = [each.remark(row) for each, row in zip(own, part.frames, strict=True)]
        adapted = [each.adaptation.note if each.adaptation else "" for each in own]
        part.notes = [
            "; ".join(filter(None, notes)) for notes in zip(adapted, remarks, strict=True)
        ]
        part.adapted_by = [each.adaptation.recordings if each.adaptation else 0 for each in own]
        yield part


def _adapted_to_all(
    pipeline: Pipeline,
    numbered: Iterable[tuple[int, Recording]],
    sample_rate: float | None,
    windows: Windows,
) -> Iterator[Prediction | Skipped]:
    """Yield the segments of all recordings after adapting to all of them at once."""
    heard: list[tuple[str, Any, list[Stretch]] | Skipped] = []
    for position, recording in numbered:
        name = name_of(recording, position)
        try:
            with opened(recording, name, sample_rate, pipeline.features) as sound:
                heard.append(
                    (name, sound, list(stretches(pipeline.features, sound, windows, None)))
                )
        except SerKerasError as error:
            heard.append(Skipped.because(name, error))
    parts = [part for item in heard if not isinstance(item, Skipped) for part in item[2]]
    pipelines = iter(_pipelines(pipeline, parts, windows)) if parts else iter(())
    for item in heard:
        if isinstance(item, Skipped):
            yield item
            continue
        name, sound, own = item
        if windows.speakers:
            _voices(own)
        labelled = _labelled_by(own, [next(pipelines) for _ in own])
        yield from _joined(pipeline, labelled, sound, name, windows)


def _joined(
    pipeline: Pipeline,
    stretches: Iterable[Stretch],
    sound: audio.Stream,
    name: str,
    windows: Windows,
) -> Iterator[Prediction | Skipped]:
    """Yield the segments of a recording from its labelled stretches."""
    nothing = np.full(len(pipeline.labels), np.nan)
    rows = _merged(pipeline, stretches, sound, nothing)
    for number, part in enumerate(rows):
        notes = [*(sound.notes if number == 0 else ()), part.note]
        is_speech = part.label != NO_SPEECH
        mean = part.total / part.seconds if is_speech else nothing
        arousal = pipeline.arousal
        measured = float(arousal.measure(mean, pipeline.labels)) if arousal and is_speech else None
        row = Prediction(
            file=name,
            start=round(part.start, 3),
            end=round(part.end, 3),
            label=part.label,
            probabilities=dict(zip(pipeline.labels, map(float, mean), strict=True)),
            note="; ".join(filter(None, notes)),
            adapted_by=part.adapted_by,
            arousal=measured,
            speaker=part.speaker,
        )
        yield _with_set(pipeline, windows, row)


@dataclass(eq=False)
class _Part:
    """A segment that grows: the sum of its probabilities times their seconds."""

    start: float
    end: float
    label: str
    speaker: str
    total: np.ndarray
    seconds: float
    adapted_by: int
    note: str


def _merged(
    pipeline: Pipeline, stretches: Iterable[Stretch], sound: audio.Stream, nothing: np.ndarray
) -> Iterator[_Part]:
    """Yield the segments of speech and those without, each as long as its label stays the same."""
    now, last = 0.0, None

    def silence(end: float) -> _Part:
        return _Part(now, end, NO_SPEECH, "", nothing, end - now, 0, "")

    for stretch in stretches:
        if stretch.start - now > (_GAP if now == 0 else 1e-3):
            if last:
                yield last
            yield silence(stretch.start)
            last, now = None, stretch.start
        for start, end, row, first in _cells(stretch):
            label = pipeline.label(row)
            voice = stretch.voices[first] if stretch.voices else ""
            n = stretch.adapted_by[first] if stretch.adapted_by else 0
            start, end = max(start, now) if last or now else 0.0, max(end, now)
            if end <= start:
                continue
            note = stretch.notes[first]
            if last and (last.label, last.speaker, last.adapted_by) == (label, voice, n):
                last.end, last.seconds = end, last.seconds + end - start
                last.total = last.total + row * (end - start)
                last.note = last.note and note  # only what holds from its start to its end
            else:
                if last:
                    yield last
                last = _Part(start, end, label, voice, row * (end - start), end - start, n, note)
            now = end
    if last and sound.seconds - now <= _GAP:
        last.end = sound.seconds
        now = sound.seconds
    if last:
        yield last
    if sound.seconds > now:
        yield silence(sound.seconds)


def _cells(stretch: Stretch) -> Iterator[tuple[float, float, np.ndarray, int]]:
    """Yield start, end, probabilities and nearest window of each part between window edges.

    The probabilities are the mean of those windows over it that are of the voice of the nearest.
    """
    edges = sorted({edge for window in stretch.windows for edge in window})
    for start, end in itertools.pairwise(edges):
        middle = (start + end) / 2
        over = [i for i, (a, b) in enumerate(stretch.windows) if a <= middle <= b]
        first = min(over, key=lambda i: abs(sum(stretch.windows[i]) / 2 - middle))
        if stretch.voices:
            over = [i for i in over if stretch.voices[i] == stretch.voices[first]]
        yield start, end, stretch.probabilities[over].mean(axis=0), first


def _with_set(
    pipeline: Pipeline, windows: Windows, row: Prediction | Skipped
) -> Prediction | Skipped:
    """Return a row with the set of labels that is asked for."""
    known = pipeline.reliability
    if windows.possible is None or known is None:
        return row
    if isinstance(row, Skipped) or row.label == NO_SPEECH:
        return row
    values = np.array(list(row.probabilities.values()))
    possible = known.possible(values, pipeline.labels, windows.possible, row.adapted_by > 0)
    return replace(row, possible=possible)


def enrol(
    pipeline: Pipeline,
    recordings: Iterable[Recording],
    sample_rate: float | None = None,
    windows: Windows | None = None,
) -> Pipeline:
    """Return the pipeline adapted to a voice by other recordings of it; long ones are cut.

    Args:
        pipeline: Pipeline that is not adapted yet.
        recordings: Ordinary recordings of the voice, of any emotion.
        sample_rate: Sample rate in Hz of the arrays that come without one.
        windows: How they are cut; each window counts as a recording.

    Raises:
        SerKerasError: A recording cannot be read or holds no speech, or the features do not suit.
    """
    from ser_keras import adaptation  # late: few need it

    windows = windows or Windows()
    vectors: list[np.ndarray] = []
    for position, recording in enumerate(recordings):
        name = name_of(recording, position)
        before = len(vectors)
        with opened(recording, name, sample_rate, pipeline.features) as sound:
            for part in stretches(pipeline.features, sound, windows, None):
                vectors += part.frames
        if len(vectors) == before:
            raise SerKerasError(name, "holds no speech", "Give an ordinary recording of the voice")
    if not vectors:
        raise SerKerasError("--enrol", "has no recordings", "Give some of the voice")
    return pipeline.adapted(adaptation.enrol(vectors, pipeline.normalization, pipeline.batch))
