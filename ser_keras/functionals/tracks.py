"""Descriptors of a clip, frame by frame: energy, spectrum, mel bands and voice."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np

from ser_keras.functionals import pitch

SAMPLE_RATE = 22_050  # Hz
HOP = 256  # samples, 12 ms
WINDOW = 4 * HOP  # samples, 46 ms: three periods of the lowest voice
FRAME_RATE = SAMPLE_RATE / HOP  # frames in a second
MEL_HZ = (50.0, 8_000.0)  # ends of the mel bands
SILENT_DB = -100.0  # level of a clip, relative to full scale, below which it counts as silence

_TRIM_DB = 35.0  # frames before and after speech that are this far below the loudest one go
_BLOCK_FRAMES = 64  # the spectra of so many frames are in memory at once, and stay in cache
# Added to the power of every bin of a clip whose samples have a power of 1. It lies 60 dB below
# the average bin, so that faint noise and the gaps that a codec leaves look alike.
_FLOOR = 1e-6
_LOWEST_BIN = 2  # 43 Hz; below it are hum and the offset of cheap microphones
_N_MELS = 26
_NARROWEST_KHZ = 0.1  # spread of a pure tone under the window; less has no shape to speak of
_ROLLOFFS = (25, 50, 75, 90)  # percent
_ORDER = 12  # of linear prediction in the band below 5.5 kHz: two poles a formant, and two more
_FORMANTS_KHZ = (0.5, 1.5, 2.5)  # of a neutral vowel, where a frame does not show a formant
_DB = 10 / math.log(10)  # a float of Python: one of numpy would turn float32 into float64


class Track(NamedTuple):
    """A descriptor: its name, its unit and the feature set that it is taken from."""

    name: str
    unit: str
    source: str


ENERGY = (
    Track("loudness", "1", "eGeMAPS"),
    Track("level", "dB", "ComParE"),
    Track("zero_crossings", "1/ms", "ComParE"),
    Track("voicing", "1", "ComParE"),
)
SPECTRUM = (
    Track("centroid", "kHz", "ComParE"),
    Track("spread", "kHz", "ComParE"),
    Track("skewness", "1", "ComParE"),
    Track("kurtosis", "1", "ComParE"),
    Track("slope_0_500", "dB/kHz", "eGeMAPS"),
    Track("slope_500_1500", "dB/kHz", "eGeMAPS"),
    Track("alpha_ratio", "dB", "eGeMAPS"),
    Track("hammarberg", "dB", "eGeMAPS"),
    *(Track(f"rolloff_{percent}", "kHz", "ComParE") for percent in _ROLLOFFS),
    Track("flux", "1", "eGeMAPS"),
    Track("entropy", "1", "ComParE"),
    Track("flatness", "dB", "MPEG-7"),
    Track("sharpness", "bark", "ComParE"),
)
MEL = tuple(Track(f"mel_{band:02}", "dB", "ComParE") for band in range(1, _N_MELS + 1))
VOICE = (
    Track("f0", "semitones", "eGeMAPS"),
    Track("f0_step", "semitones", "eGeMAPS"),
    Track("level_step", "dB", "eGeMAPS"),
    Track("hnr", "dB", "eGeMAPS"),
    Track("h1_h2", "dB", "eGeMAPS"),
    *(Track(f"f{number}", "kHz", "eGeMAPS") for number in (1, 2, 3)),
)
STEADY = ENERGY + SPECTRUM + MEL  # known in every frame, unlike those of the voice


class Tracks(NamedTuple):
    """The descriptors of a clip."""

    level_db: float  # of the trimmed clip, relative to full scale
    steady: np.ndarray  # float32 (frames, len(STEADY))
    voice: np.ndarray  # float32 (voiced frames, len(VOICE))
    voiced: np.ndarray  # bool (frames,)


def measure(samples: np.ndarray) -> Tracks:
    """Return the descriptors of a clip, from the first loud frame to the last.

    All but `level_db` are the same for a louder or softer copy of the clip. There is at least one
    frame; a shorter clip is padded with zeros.

    Args:
        samples: Mono floats (samples,) at `SAMPLE_RATE`.
    """
    samples, level_db = _trimmed(samples)
    frames = 1 + (len(samples) - WINDOW) // HOP
    framed = _framed(samples)
    constants = _constants()
    changes = np.diff(samples >= 0, prepend=samples[0] >= 0)
    steady = np.empty((frames, len(STEADY)), np.float32)
    steady[:, 2] = _sums(changes, frames) * (SAMPLE_RATE / 1_000 / WINDOW)
    peak = np.empty(frames)
    found, harmonics, correlations = [], [], []
    last = np.zeros((0, WINDOW // 2 + 1), np.float32)  # spectrum before the block, for the flux
    for start in range(0, frames, _BLOCK_FRAMES):
        block = slice(start, start + _BLOCK_FRAMES)
        peak[block] = np.abs(framed[block]).max(axis=1)
        # numpy's transform of float64 is as fast as scipy's, that of float32 five times slower
        spectrum = np.fft.rfft(framed[block] * constants.window)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        power[:, :_LOWEST_BIN] = 0
        found.append(pitch.candidates(power, SAMPLE_RATE))
        harmonics.append(_harmonic_difference(power, found[-1].hz))
        correlations.append((power[:, : len(constants.cosines)] + _FLOOR) @ constants.cosines)
        _describe(power, last, steady[block])
        last = power[-1:]
    candidates = pitch.Candidates(*map(np.concatenate, zip(*found, strict=True)))
    steady[:, 3] = candidates.strength.max(axis=1)
    chosen = pitch.choose(candidates, peak, FRAME_RATE)
    rows = np.flatnonzero(chosen >= 0)
    at = rows, chosen[rows]
    voice = np.empty((len(rows), len(VOICE)), np.float32)
    voice[:, 0] = 12 * np.log2(candidates.hz[at] / 27.5)
    joined = np.diff(rows, prepend=-2) == 1  # frames whose predecessor is voiced too
    voice[:, 1] = np.abs(np.diff(voice[:, 0], prepend=0)) * joined
    voice[:, 2] = np.abs(np.diff(steady[rows, 1], prepend=0)) * joined
    strength = np.clip(candidates.strength[at], 0.001, 0.999)
    voice[:, 3] = _DB * np.log(strength / (1 - strength))
    voice[:, 4] = np.concatenate(harmonics)[at]
    correlation = np.concatenate(correlations)[rows]
    for start in range(0, len(rows), _BLOCK_FRAMES):
        block = slice(start, start + _BLOCK_FRAMES)
        voice[block, 5:] = _formants(correlation[block])
    return Tracks(level_db, steady, voice, chosen >= 0)


def _trimmed(samples: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the loud part of a clip with mean 0 and power 1, and its level; zeros for silence."""
    samples = np.asarray(samples, np.float32)
    samples = samples - samples.mean(dtype=np.float64).astype(np.float32)
    if len(samples) < WINDOW:
        samples = np.pad(samples, (0, WINDOW - len(samples)))
    power = _sums(np.square(samples), 1 + (len(samples) - WINDOW) // HOP)
    loud = np.flatnonzero(power >= power.max() * 10 ** (-_TRIM_DB / 10))
    samples = samples[loud[0] * HOP : loud[-1] * HOP + WINDOW]
    level = float(np.sqrt(np.mean(np.square(samples), dtype=np.float64)))
    if level < 10 ** (SILENT_DB / 20):
        return np.zeros_like(samples), SILENT_DB
    return samples / np.float32(level), 20 * float(np.log10(level))


def _sums(values: np.ndarray, frames: int) -> np.ndarray:
    """Return the sum of the values in each frame, (frames,)."""
    hops = values[: (frames + 3) * HOP].reshape(-1, HOP).sum(axis=1)
    return hops[:-3] + hops[1:-2] + hops[2:-1] + hops[3:]


def _framed(samples: np.ndarray) -> np.ndarray:
    """Return overlapping frames (frames, WINDOW) as a view."""
    return np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]


class _Constants(NamedTuple):
    window: np.ndarray  # float64 (WINDOW,); the others are float32
    mel: np.ndarray  # (bins, bands)
    khz: np.ndarray  # (bins,)
    slopes: np.ndarray  # (bins, 2): decibels -> dB/kHz
    sharpness: np.ndarray  # (bands,)
    cosines: np.ndarray  # (bins, 1 + _ORDER): power -> pre-emphasised correlation


@functools.lru_cache(maxsize=1)
def _constants() -> _Constants:
    window = np.sin(np.pi / WINDOW * np.arange(WINDOW)) ** 2  # Hann
    hz = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)
    low, high = (2_595 * np.log10(1 + edge / 700) for edge in MEL_HZ)  # HTK's scale
    corners = (700 * (10 ** (np.linspace(low, high, _N_MELS + 2) / 2_595) - 1))[:, None]
    rising = (hz - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - hz) / (corners[2:] - corners[1:-1])
    slopes = np.zeros((len(hz), 2))
    for i, (start, stop) in enumerate(((60, 500), (500, 1_500))):
        inside = np.flatnonzero((hz >= start) & (hz <= stop))
        centred = (hz[inside] - hz[inside].mean()) / 1_000
        slopes[inside, i] = centred / (centred @ centred)
    centre = corners[1:-1, 0]
    bark = 26.81 * centre / (1_960 + centre) - 0.53  # Traunmüller 1990
    bins = np.arange(WINDOW // 4 + 1)
    angle = 2 * np.pi * bins / (WINDOW // 2)  # as if the samples were those of half the rate
    cosines = np.cos(np.outer(angle, np.arange(_ORDER + 1)))
    cosines *= np.square(np.abs(1 - 0.97 * np.exp(-1j * angle)))[:, None]  # pre-emphasis
    arrays = (
        window * np.sqrt(1 / np.square(window).sum()),  # a sample's power is a bin's
        np.maximum(0, np.minimum(rising, falling)).T,
        hz / 1_000,
        slopes,
        bark * np.where(bark < 16, 1, 0.066 * np.exp(0.171 * bark)),  # Zwicker and Fastl 1999
        cosines,
    )
    return _Constants(arrays[0], *(array.astype(np.float32) for array in arrays[1:]))


def _describe(power: np.ndarray, last: np.ndarray, out: np.ndarray) -> None:
    """Write the descriptors of each spectrum to `out`, all but columns 2 and 3.

    Args:
        power: Power spectra, float32 (frames, bins).
        last: Spectrum before the first one (1, bins); without rows at the start of a clip.
        out: Descriptors in the order of STEADY, float32 (frames, len(STEADY)).
    """
    constants = _constants()
    mel = power @ constants.mel + _FLOOR  # (frames, bands)
    auditory = mel**0.23  # Stevens' law, as in perceptual linear prediction
    loudness = auditory.sum(axis=1)
    floored = power[:, _LOWEST_BIN:] + _FLOOR
    logarithm = np.log(floored)
    total = floored.sum(axis=1)
    khz = constants.khz[_LOWEST_BIN:]
    share = floored / total[:, None]  # spectrum as a distribution over frequencies
    centroid = share @ khz
    offset = khz - centroid[:, None]
    moment = share * offset * offset
    spread = np.sqrt(moment.sum(axis=1))
    width = np.maximum(spread, _NARROWEST_KHZ)
    third = np.einsum("fb,fb->f", moment, offset)
    fourth = np.einsum("fb,fb,fb->f", moment, offset, offset)
    cumulative = np.cumsum(share, axis=1)
    at_1, at_2, at_5 = np.searchsorted(khz, (1, 2, 5))
    alpha = share[:, :at_1].sum(axis=1) / share[:, at_1:at_5].sum(axis=1)
    magnitude = np.sqrt(share)
    before = last[:, _LOWEST_BIN:] + _FLOOR
    before = np.sqrt(before / before.sum(axis=1, keepdims=True)) if len(last) else magnitude[:1]
    steps = np.diff(magnitude, axis=0, prepend=before)
    out[:, 0] = loudness
    out[:, 1] = _DB * np.log(total / len(khz))
    columns = (
        centroid,
        spread,
        third / width**3,
        fourth / width**4,
        *((_DB * logarithm) @ constants.slopes[_LOWEST_BIN:]).T,
        _DB * np.log(alpha),
        _DB * (logarithm[:, :at_2].max(axis=1) - logarithm[:, at_2:at_5].max(axis=1)),
        *(
            khz[np.minimum((cumulative < percent / 100).sum(axis=1), len(khz) - 1)]
            for percent in _ROLLOFFS
        ),
        np.einsum("fb,fb->f", steps, steps),
        (np.log(total) - np.einsum("fb,fb->f", share, logarithm)) / math.log(len(khz)),
        _DB * (logarithm.mean(axis=1) - np.log(total / len(khz))),
        auditory @ constants.sharpness / loudness,
    )
    for i, column in enumerate(columns, len(ENERGY)):
        out[:, i] = column
    out[:, -_N_MELS:] = _DB * np.log(mel)


def _harmonic_difference(power: np.ndarray, hz: np.ndarray) -> np.ndarray:
    """Return by how many dB the first harmonic of each candidate is above the second."""
    rows = np.arange(len(power))[:, None]
    levels = []
    for number in (1, 2):
        nearest = np.rint(hz * (number * WINDOW / SAMPLE_RATE)).astype(int)
        bins = np.stack([nearest - 1, nearest, nearest + 1])  # the main lobe of the window
        levels.append(np.log(power[rows, bins].max(axis=0) + _FLOOR))
    return _DB * (levels[0] - levels[1])


def _formants(correlation: np.ndarray) -> np.ndarray:
    """Return the first three peaks of the envelope below 5.5 kHz, (frames, 3) in kHz.

    Source: Makhoul 1975, "Linear prediction: a tutorial review", section V (selective prediction);
    the peaks of the envelope stand for the roots of the polynomial, which take ten times as long.
    """
    correlation = correlation.astype(np.float64)
    predictor = np.zeros((len(correlation), _ORDER + 1))
    predictor[:, 0] = 1
    error = correlation[:, 0] * (1 + 1e-5)
    for order in range(1, _ORDER + 1):  # Levinson-Durbin, all frames at once
        reflected = predictor[:, :order] * correlation[:, order:0:-1]
        reflection = -reflected.sum(axis=1) / error
        predictor[:, 1 : order + 1] += (
            reflection[:, None] * predictor[:, order - 1 :: -1][:, :order]
        )
        error *= np.maximum(1 - reflection**2, 1e-9)
    envelope = -np.abs(np.fft.rfft(predictor, 512))  # (frames, 257), up to a monotone function
    step_khz = SAMPLE_RATE / 4 / 256 / 1_000
    inner = envelope[:, 1:-1]
    peaks = (inner > envelope[:, :-2]) & (inner >= envelope[:, 2:])
    peaks[:, : int(0.15 / step_khz)] = False  # no vowel has a formant below 150 Hz
    count = np.cumsum(peaks, axis=1)
    formants = np.empty((len(correlation), 3))
    for number, neutral in enumerate(_FORMANTS_KHZ):
        first = (count > number).argmax(axis=1)
        formants[:, number] = np.where(count[:, -1] > number, (first + 1) * step_khz, neutral)
    return formants
