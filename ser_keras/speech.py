"""Where speech is in a recording, decided hop by hop in constant memory.

Two detectors: `own`, an untrained gate of energy and voicing that needs numpy alone, and `earshot`,
a small network, where that package is installed (`pip install earshot`). `Stretches` joins the hops
of either to stretches of speech. A detector hears quiet, sad speech less than angry speech: what it
leaves out should be marked, not dropped.
"""

from __future__ import annotations

import importlib.util

import numpy as np

from ser_keras.errors import check_choice, check_number

HOP = 0.02  # seconds
_EARSHOT_RATE, _EARSHOT_FRAME = 16_000, 256  # Hz, samples
_EARSHOT_THRESHOLD = 0.5  # what its authors recommend

# The gate looks at levels and periods below 1.8 kHz. Sums of neighbouring samples bring the rate
# to 3.5 to 7 kHz; what they fold down from above is weak, and counts as energy all the same.
_LOWEST_RATE = 3_500  # Hz
_FFT = 256  # samples, 37 to 73 ms
_PAST, _FUTURE = 150, 50  # hops that a decision looks back and ahead
_AT_ONCE = 1 << 18  # samples whose spectra are held in memory
_BAND = (90.0, 1_750.0)  # Hz, in which the level is measured
_PERIODIC = (60.0, 1_000.0)  # Hz, in which periods are looked for
_PITCH = (70.0, 450.0)  # Hz
_LAG_STEPS = 256  # of the inverse transform
_QUIET_DB = -72.0  # below full scale; nothing softer is speech
_ABOVE_FLOOR_DB = 8.0
_VOICED = 0.42  # height of the peak of the autocorrelation
_STEADY = 0.985  # similarity of spectra 60 ms apart, above which a sound is held like a note
_STEADY_SHARE = 0.6  # of the loud hops within half a second
_FEW_VOICED = 3  # hops within a quarter of a second, from which on it is speech
_NEAR = 12  # hops before and after a voiced one that belong to the same syllable


def kinds() -> tuple[str, ...]:
    """Return the names of the detectors that can be used here.

    Example:
        >>> "own" in kinds()
        True
    """
    return ("own", "earshot") if importlib.util.find_spec("earshot") else ("own",)


class Detector:
    """Tells where there is speech in one recording that comes in blocks.

    Call it with the next samples, as many as there are, and it returns the hops that are decided by
    then; `finish` returns the rest. Hop i lasts from i x 0.02 s to (i + 1) x 0.02 s, and the last
    one may be cut short. The result does not depend on the sizes of the blocks, and memory does not
    grow with the length of the recording.

    Args:
        sample_rate: Sample rate in Hz of what it is called with.
        kind: "own", "earshot", or None for the default, which is "own".

    Raises:
        SerKerasError: There is no such detector here, or the sample rate is out of range.

    Example:
        >>> detector = Detector(16_000)
        >>> len(detector(np.zeros(16_000, np.float32))) + len(detector.finish())
        50
    """

    def __init__(self, sample_rate: int, kind: str | None = None):
        check_number("sample_rate", sample_rate, 1_000, 768_000, whole=True)
        self.kind = check_choice("speech detector", kind or "own", kinds())
        self.sample_rate = sample_rate
        self._gate = (_Own if self.kind == "own" else _Earshot)(sample_rate)
        self._samples = self._hops = 0

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Return whether there is speech in each hop that is decided now, bool (hops,).

        Args:
            samples: The next mono samples, float32 (samples,).
        """
        samples = np.asarray(samples, np.float32)
        self._samples += len(samples)
        parts = [np.zeros(0, bool)]
        for start in range(0, len(samples), _AT_ONCE):
            parts.append(self._gate.feed(samples[start : start + _AT_ONCE]))
        flags = np.concatenate(parts)
        self._hops += len(flags)
        return flags

    def finish(self) -> np.ndarray:
        """Return whether there is speech in each hop that was still open, bool (hops,)."""
        missing = -(-self._samples * 50 // self.sample_rate) - self._hops
        parts = [np.zeros(0, bool)]
        silence = np.zeros(self.sample_rate // 10 + 1, np.float32)
        while sum(map(len, parts)) < missing:  # what lies behind the end counts as silence
            parts.append(self._gate.feed(silence))
        self._hops += max(missing, 0)
        return np.concatenate(parts)[: max(missing, 0)]


class Stretches:
    """Joins hops to stretches of speech as they come.

    Call it with the next hops of a `Detector`; it returns the stretches that have ended by then,
    and `finish` returns the last one. Pauses shorter than `pause_s` are bridged, stretches with
    less speech than `shortest_s` are dropped, and the others get a margin on both sides.

    Args:
        pause_s: Seconds without speech that end a stretch.
        shortest_s: Seconds from the first to the last hop of speech that a stretch needs.
        margin_s: Seconds added on both sides, at most half of `pause_s`.
        longest_s: Seconds after which a stretch ends, and the next one begins, without a pause.

    Example:
        >>> stretches = Stretches()
        >>> flags = np.repeat([False, True, False], 50)
        >>> stretches(flags) + stretches.finish()
        [(0.9, 2.1)]
    """

    def __init__(
        self,
        *,
        pause_s: float = 0.6,
        shortest_s: float = 0.15,
        margin_s: float = 0.1,
        longest_s: float = 3_600.0,
    ):
        check_number("margin_s", margin_s, 0.0, pause_s / 2)
        self._pause, self._margin = round(pause_s / HOP), round(margin_s / HOP)
        self._shortest, self._longest = shortest_s / HOP, longest_s / HOP
        self._hops = 0
        self._start: int | None = None  # first hop of the stretch that is open
        self._end = 0  # behind its last hop of speech

    @property
    def open_s(self) -> float | None:
        """Seconds at which the stretch starts that has not ended yet; None if there is none."""
        if self._start is None:
            return None
        return round(max(0, self._start - self._margin) * HOP, 6)

    @property
    def seconds(self) -> float:
        """Seconds of the hops that came until now."""
        return self._hops * HOP

    def __call__(self, flags: np.ndarray) -> list[tuple[float, float]]:
        """Return the stretches that have ended, each as start and end in seconds.

        Args:
            flags: Whether there is speech in each of the next hops, bool (hops,).
        """
        ended, before = [], self._hops
        self._hops += len(flags)
        for hop in (np.flatnonzero(flags) + before).tolist():
            if self._start is not None and (
                hop - self._end >= self._pause or hop - self._start >= self._longest
            ):
                ended += self._closed()
            if self._start is None:
                self._start = hop
            self._end = hop + 1
        if self._start is not None and self._hops - self._end >= self._pause:
            ended += self._closed()
        return ended

    def finish(self) -> list[tuple[float, float]]:
        """Return the stretch that was still open, if it is long enough."""
        return self._closed() if self._start is not None else []

    def _closed(self) -> list[tuple[float, float]]:
        first, end, start_s = self._start or 0, self._end, self.open_s or 0.0
        self._start = None
        if end - first < self._shortest:
            return []
        return [(start_s, round(min(self._hops, end + self._margin) * HOP, 6))]


class _Own:
    """The gate of energy and voicing; returns the hops that samples decide."""

    def __init__(self, sample_rate: int):
        self.fold = max(1, sample_rate // _LOWEST_RATE)
        self.rate = sample_rate / self.fold
        self.samples = np.zeros(0, np.float32)  # not yet folded
        self.folded = np.zeros(_FFT // 2, np.float32)  # hop i starts _FFT / 2 samples later
        self.dropped = 0  # folded samples before these
        self.next = 0  # hop whose spectrum comes next
        self.window = np.hanning(_FFT + 1)[:_FFT].astype(np.float32)
        bins = np.arange(_FFT // 2 + 1) * self.rate / _FFT
        self.band = slice(*np.searchsorted(bins, _BAND))
        self.periodic = slice(*np.searchsorted(bins, _PERIODIC))
        lags = self.rate * _LAG_STEPS / _FFT / np.array(_PITCH[::-1])
        self.lags = slice(int(lags[0]), min(int(lags[1]) + 2, _LAG_STEPS // 2))
        self.magnitudes = np.zeros((3, self.band.stop - self.band.start), np.float32)
        # level in dB, height of the peak of periods, similarity: of past hops
        self.history = np.tile(np.array([[np.inf], [0], [0]], np.float32), _PAST)

    def feed(self, samples: np.ndarray) -> np.ndarray:
        samples = np.concatenate([self.samples, samples])
        count = len(samples) // self.fold
        whole, self.samples = samples[: count * self.fold], samples[count * self.fold :]
        parts = whole.reshape(count, self.fold).T
        total = parts[0] / np.float32(self.fold)
        for part in parts[1:]:
            total = total + part / np.float32(self.fold)
        self.folded = np.concatenate([self.folded, total])
        # windows are centred on the middles of hops
        last = int((self.dropped + len(self.folded) - _FFT) / (self.rate * HOP)) + 1
        hops = np.arange(self.next, max(last, self.next))
        starts = ((hops + 0.5) * self.rate * HOP).astype(int) - self.dropped
        starts = starts[starts + _FFT <= len(self.folded)]
        if not len(starts):
            return np.zeros(0, bool)
        frames = np.lib.stride_tricks.sliding_window_view(self.folded, _FFT)[starts] * self.window
        self.next += len(starts)
        cut = max(0, int((self.next + 0.5) * self.rate * HOP) - self.dropped)
        self.folded, self.dropped = self.folded[cut:], self.dropped + cut
        self.history = np.concatenate([self.history, self._measured(frames)], axis=1)
        return self._decided()

    def _measured(self, frames: np.ndarray) -> np.ndarray:
        """Return level, periodicity and steadiness of frames, (3, frames)."""
        spectra = np.abs(np.fft.rfft(frames))
        band = spectra[:, self.band]
        level = 20 * np.log10(np.sqrt((band * band).sum(axis=1)) * (2 / _FFT) + 1e-7)
        low = np.zeros((len(frames), _LAG_STEPS // 2 + 1), np.float32)
        # magnitudes, not powers: formants weigh less, and the peak stands out of noise
        low[:, self.periodic] = spectra[:, self.periodic]
        correlation = np.fft.irfft(low, _LAG_STEPS)
        inside = correlation[:, self.lags]
        peaks = (inside[:, 1:-1] >= inside[:, :-2]) & (inside[:, 1:-1] >= inside[:, 2:])
        height = (inside[:, 1:-1] * peaks).max(axis=1) / (correlation[:, 0] + 1e-9)
        band = np.concatenate([self.magnitudes, band])
        self.magnitudes = band[-3:]
        energy = (band * band).sum(axis=1)
        product = (band[3:] * band[:-3]).sum(axis=1)
        steady = product / np.sqrt(energy[3:] * energy[:-3] + 1e-20)
        return np.stack([level, height, steady]).astype(np.float32)

    def _decided(self) -> np.ndarray:
        hops = self.history.shape[1] - _PAST - _FUTURE
        if hops < 1:
            return np.zeros(0, bool)
        level, height, steady = self.history

        def around(values: np.ndarray, before: int, after: int) -> np.ndarray:
            values = values[_PAST - before : _PAST + hops + after]
            return np.lib.stride_tricks.sliding_window_view(values, before + after + 1)

        floor = np.maximum(around(level, _PAST, _FUTURE).min(axis=1), _QUIET_DB - _ABOVE_FLOOR_DB)
        # against the lowest floor near by: voiced hops that stand out of it
        loud_now = level[_PAST : _PAST + hops] > floor + _ABOVE_FLOOR_DB
        wide = around(level, 2 * _NEAR, 2 * _NEAR) > floor[:, None] + _ABOVE_FLOOR_DB
        held = (around(steady, 2 * _NEAR, 2 * _NEAR) > _STEADY) & wide
        music = held.sum(axis=1) > _STEADY_SHARE * np.maximum(wide.sum(axis=1), 1)
        near = around(level, _NEAR, _NEAR) > floor[:, None] + _ABOVE_FLOOR_DB
        voiced = (near & (around(height, _NEAR, _NEAR) > _VOICED)).sum(axis=1)
        self.history = self.history[:, hops:]
        return loud_now & (voiced >= _FEW_VOICED) & ~music


class _Earshot:
    """The network of the package earshot, its frames of 16 ms read at the middles of hops."""

    def __init__(self, sample_rate: int):
        import earshot

        self.network = earshot.Detector()
        self.resampler = None
        if sample_rate != _EARSHOT_RATE:
            import soxr

            self.resampler = soxr.ResampleStream(sample_rate, _EARSHOT_RATE, 1, dtype="float32")
        self.samples = np.zeros(0, np.float32)
        self.scores: list[float] = []
        self.frames = self.next = 0  # frames before these scores, hop that comes next

    def feed(self, samples: np.ndarray) -> np.ndarray:
        if self.resampler is not None:
            samples = self.resampler.resample_chunk(samples)
        samples = np.concatenate([self.samples, np.clip(samples, -1, 1)])
        count = len(samples) // _EARSHOT_FRAME
        for frame in samples[: count * _EARSHOT_FRAME].reshape(count, _EARSHOT_FRAME):
            self.scores.append(self.network.predict_f32(frame))
        self.samples = samples[count * _EARSHOT_FRAME :]
        hop, flags = _EARSHOT_RATE // 50, []
        while (index := (self.next * hop + hop // 2) // _EARSHOT_FRAME - self.frames) < len(
            self.scores
        ):
            flags.append(self.scores[index] > _EARSHOT_THRESHOLD)
            self.next += 1
        done = min(index, len(self.scores))
        self.scores, self.frames = self.scores[done:], self.frames + done
        return np.array(flags, bool)
