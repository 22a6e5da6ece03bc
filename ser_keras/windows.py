"""Windows over recordings of any length, and the features of each, in constant memory."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from ser_keras import audio, engines, speech
from ser_keras.errors import SerKerasError, check_choice, check_number
from ser_keras.features import FeatureSpec, extract_many
from ser_keras.recordings import Recording, as_file, is_file, name_of, samples_of

WINDOW = 3.0  # seconds; about as long as the clips of the corpora
OVERLAP = 1 / 4  # of a window with the next; a third makes an eighth more windows
SHORT = 0.2  # seconds; no emotion is heard in less
BY = ("none", "file", "speaker", "all")
_LONGEST = 30.0  # seconds of a stretch of speech; a longer one is taken in parts
_PIECE = 10  # seconds that are looked through at a time
_TOGETHER = 8  # windows whose features are computed in one go


Watch = Callable[[np.ndarray, int], object]


@dataclass(frozen=True, kw_only=True)
class Windows:
    """How recordings are cut, and what their parts are adapted to.

    Args:
        window: Seconds of a window; None takes what the model hears of a clip, or 3.
        hop: Seconds from the start of a window to the start of the next; None means three quarters
            of the window.
        whole: Whether each recording is one clip, whatever its length, speech or none.
        speech: Detector of speech, one of `speech.kinds()`; None takes the default.
        speakers: Whether the windows of a recording are divided by voice.
        adapt: What the model is adapted to, out of the very recordings that are labelled: "none",
            "file" (each recording), "speaker" (each voice in a recording) or "all" (all recordings
            at once, which are kept in memory). Only for material whose emotions vary.
        possible: Coverage of the set of labels that each row gets, such as 0.9; None for no set.

    Raises:
        SerKerasError: A value is out of range, or two exclude each other.
    """

    window: float | None = None
    hop: float | None = None
    whole: bool = False
    speech: str | None = None
    speakers: bool = False
    adapt: str = "none"
    possible: float | None = None

    def __post_init__(self):
        check_number("--window", self.window, SHORT, 600.0, optional=True)
        check_number("--hop", self.hop, SHORT / 2, 600.0, optional=True)
        check_choice("--adapt", self.adapt, BY)
        check_number("--possible", self.possible, 0.5, 0.999, optional=True)
        if self.speech is not None:
            check_choice("--speech", self.speech, speech.kinds())
        cuts = self.window or self.hop or self.speakers or self.adapt != "none"
        if self.whole and cuts:
            problem = "makes one row of each recording, so there are no windows to set or to adapt"
            raise SerKerasError("--whole", problem, "Leave out one of the options")

    def lengths(self, features: FeatureSpec) -> tuple[float, float]:
        """Return the seconds of a window and of a hop for a model with these features.

        Raises:
            SerKerasError: The window is longer than what the model hears, or the hop too long.
        """
        most = features.duration or 600.0
        window = min(WINDOW, most) if self.window is None else self.window
        if window > most:
            problem = f"is {window:g} s, and this model hears {most:g} s at a time"
            raise SerKerasError("--window", problem, f"Give at most {most:g}")
        hop = window * (1 - OVERLAP) if self.hop is None else self.hop
        if hop > window:
            problem = f"is {hop:g} s, so {hop - window:g} s after each window would not be heard"
            raise SerKerasError("--hop", problem, f"Give at most {window:g}, the window")
        return window, hop


@dataclass(eq=False)
class Stretch:
    """A stretch of speech: its times in seconds, and its windows."""

    start: float
    end: float
    windows: list[tuple[float, float]]
    frames: list[np.ndarray]
    probabilities: np.ndarray = field(
        default_factory=lambda: np.zeros((0, 0))
    )  # (windows, classes)
    voices: list[str] = field(default_factory=list)
    adapted_by: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def is_long(
    features: FeatureSpec,
    sample_rate: float | None,
    windows: Windows,
    numbered: tuple[int, Recording],
) -> bool:
    """Return whether a recording is cut into windows; what cannot be read is not."""
    position, recording = numbered
    if windows.speakers or windows.adapt != "none":
        return True
    if windows.window is not None:
        most = windows.window
    elif features.duration:
        most = features.offset + features.duration * 4 / 3
    else:
        most = 2 * WINDOW
    try:
        if is_file(recording):
            return audio.length(as_file(recording)) > most
        samples, rate = samples_of(recording, sample_rate, name_of(recording, position))
        return max(np.shape(samples), default=0) / rate > most
    except (SerKerasError, TypeError, ValueError, ZeroDivisionError):
        return False  # the reader says what is wrong


@contextlib.contextmanager
def opened(
    recording: Recording, name: str, sample_rate: float | None, features: FeatureSpec
) -> Iterator[audio.Stream]:
    """Yield the stream of a recording at the rate of the features.

    Raises:
        SerKerasError: It cannot be read, or is no recording.
    """
    if is_file(recording):
        given, rate = as_file(recording), None
    else:
        given, rate = samples_of(recording, sample_rate, name)
    with audio.stream(given, features.sample_rate, rate=rate, name=name) as sound:
        yield sound


def stretches(
    spec: FeatureSpec, sound: audio.Stream, windows: Windows, watch: Watch | None
) -> Iterator[Stretch]:
    """Yield the stretches of speech of a recording with the features of their windows."""
    rate = sound.sample_rate
    window, hop = windows.lengths(spec)
    detector, joiner = speech.Detector(rate, windows.speech), speech.Stretches(longest_s=_LONGEST)
    held, first = np.zeros(0, np.float32), 0  # samples that may still be needed, and their place
    pending: deque[tuple[Stretch, list[tuple[Future, int]]]] = deque()
    batch: list[np.ndarray] = []  # clips whose features are computed together
    features: Future = Future()  # of this batch

    def compute() -> None:
        nonlocal batch, features
        clips, promised = batch, features
        if clips:
            job = executor.submit(extract_many, clips, spec)
            job.add_done_callback(partial(_pass_on, promised))
        batch, features = [], Future()

    def cut(times: Iterable[tuple[float, float]]) -> None:
        for start, end in times:
            begin, stop = round(start * rate), min(round(end * rate), first + len(held))
            if stop - begin < SHORT * rate:
                continue
            begin = max(begin, first)
            samples = held[begin - first : stop - first].copy()
            places = _places(len(samples) / rate, window, hop)
            stretch = Stretch(
                begin / rate,
                stop / rate,
                [(a + begin / rate, b + begin / rate) for a, b in places],
                [],
            )
            slots = []
            for a, b in places:
                slots.append((features, len(batch)))
                batch.append(samples[round(a * rate) : round(b * rate)])
                if len(batch) == _TOGETHER:
                    compute()
            pending.append((stretch, slots))

    def done(least: int) -> Iterator[Stretch]:
        """Yield the first stretches, as long as so many windows are still pending after them."""
        # windows, not stretches: of speech without pauses these are ten times as long
        while pending and sum(len(slots) for _, slots in list(pending)[1:]) >= least:
            stretch, slots = pending.popleft()
            stretch.frames = [promised.result()[place] for promised, place in slots]
            yield stretch

    def heard() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for block in sound.blocks():
            for start in range(0, len(block), _PIECE * rate):
                part = block[start : start + _PIECE * rate]
                yield part, detector(part)

    # one thread reads while others label: three hours took tess 11.4 s, and 12.3 s without it
    reader = ThreadPoolExecutor(1)
    with one_blas_thread(), ThreadPoolExecutor(engines.cores()) as executor, reader:
        pieces = heard()
        coming = reader.submit(next, pieces, None)
        while (piece := coming.result()) is not None:
            coming = reader.submit(next, pieces, None)
            part, flags = piece
            if watch is not None:
                watch(part, rate)
            held = np.concatenate([held, part])
            cut(joiner(flags))
            # the detector lags a second or two behind
            needed = joiner.open_s
            keep = (joiner.seconds - 1.0 if needed is None else needed) * rate
            drop = max(0, int(keep) - first)
            held, first = held[drop:], first + drop
            yield from done(_TOGETHER * 2 * engines.cores())
        cut(joiner(detector.finish()))
        cut(joiner.finish())
        compute()
        yield from done(0)


def _pass_on(promised: Future, job: Future) -> None:
    """Give a promise the result of a job, or its error."""
    error = job.exception()
    if error:
        promised.set_exception(error)
    else:
        promised.set_result(job.result())


def _places(length: float, window: float, hop: float) -> list[tuple[float, float]]:
    """Return start and end of the windows that cover a stretch of this length, in seconds.

    The last one ends with the stretch, so it may overlap more than the others.
    """
    if length <= window:
        return [(0.0, length)]
    starts = list(np.arange(0, length - window, hop))
    if length - window - starts[-1] > 1e-6:
        starts.append(length - window)
    return [(float(start), float(start + window)) for start in starts]


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let matrix products use one thread each: products of single clips are small.

    On two busy cores the functionals of a window took 99 ms with threads of both kinds, and 7 ms
    without those of the products.
    """
    try:
        from threadpoolctl import threadpool_limits  # late: it comes with scikit-learn
    except ImportError:
        yield
        return
    with threadpool_limits(1, user_api="blas"):
        yield
