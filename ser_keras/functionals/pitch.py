"""Pitch of a voice, frame by frame, by the autocorrelation method of Praat.

Source: Boersma 1993, "Accurate short-term analysis of the fundamental frequency and the
harmonics-to-noise ratio of a sampled sound", Proceedings of the Institute of Phonetic Sciences 17.
The costs are the defaults of Praat's "To Pitch (ac)". Unlike there, the correlation is that of the
band below 5.5 kHz, read off the power spectrum that the other descriptors need anyway.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

MIN_HZ, MAX_HZ = 65.0, 700.0  # lowest voices of men, highest cries of women and children
# Praat keeps fifteen; on RAVDESS, six gave the same pitch as four.
_CANDIDATES = 4
_VOICING_THRESHOLD = 0.45
_SILENCE_THRESHOLD = 0.03
_OCTAVE_COST = 0.01
_OCTAVE_JUMP_COST = 0.35
_VOICING_COST = 0.14
_STEP_S = 0.01  # the step for which the costs of a change are given
_SHARE_OF_BINS = 2  # bins up to half the highest frequency
_QUIET = 1e-6  # power of a frame, relative to the clip's, that counts as silence


class Candidates(NamedTuple):
    """Peaks of the autocorrelation of each frame, (frames, candidates)."""

    hz: np.ndarray
    strength: np.ndarray  # normalised correlation, up to 1
    score: np.ndarray  # strength less the octave cost; -9 where there is no such peak


class _Constants(NamedTuple):
    cosines: np.ndarray  # (bins, 1 + lags): power spectrum -> correlation at lag 0 and at `lags`
    gain: np.ndarray  # (lags,) normalised autocorrelation of the window, the reverse of its taper
    lags: np.ndarray  # (lags,) samples
    octave_cost: np.ndarray  # (lags - 2,)


@functools.lru_cache(maxsize=1)
def _constants(rate: int, length: int) -> _Constants:
    lags = np.arange(int(rate / MAX_HZ) - 1, int(rate / MIN_HZ) + 3)
    bins = np.arange(length // 2 // _SHARE_OF_BINS + 1)
    cosines = np.cos(2 * np.pi / length * np.outer(bins, [0, *lags]))
    cosines[1:] *= 2  # each but the first stands for its mirror image too
    window = np.sin(np.pi / length * np.arange(length)) ** 2  # Hann
    correlation = np.fft.irfft(np.abs(np.fft.rfft(window)) ** 2, length)
    return _Constants(
        cosines.astype(np.float32),
        (correlation[lags] / correlation[0]).astype(np.float32),
        lags,
        (_OCTAVE_COST * np.log2(MIN_HZ / rate * lags[1:-1])).astype(np.float32),
    )


def candidates(power: np.ndarray, rate: int) -> Candidates:
    """Return the best candidates for the pitch of each frame.

    Args:
        power: Power spectra of frames under a Hann window, float32 (frames, 1 + length / 2).
        rate: Sample rate in Hz.
    """
    length = 2 * (power.shape[1] - 1)
    constants = _constants(rate, length)
    correlation = power[:, : len(constants.cosines)] @ constants.cosines
    energy = correlation[:, :1]
    loud = energy > _QUIET * length
    correlation = correlation[:, 1:] / np.where(loud, energy, 1) / constants.gain
    inner = correlation[:, 1:-1]
    peaks = (inner > correlation[:, :-2]) & (inner >= correlation[:, 2:]) & (inner > 0) & loud
    scores = np.where(peaks, inner - constants.octave_cost, np.float32(-9))
    rest, best = scores.copy(), np.empty((len(power), _CANDIDATES), np.intp)
    for column in best.T:  # `np.argpartition` takes fifty times as long
        column[:] = rest.argmax(axis=1)
        np.put_along_axis(rest, column[:, None], -9, axis=1)
    left, top, right = (np.take_along_axis(correlation, best + i, axis=1) for i in range(3))
    curvature = np.minimum(left - 2 * top + right, -1e-6)  # of the parabola through the three
    shift = np.clip(0.5 * (left - right) / curvature, -0.5, 0.5)
    rise = -0.25 * (left - right) * shift
    score = np.take_along_axis(scores, best, axis=1)
    return Candidates(
        hz=rate / (constants.lags[best + 1] + shift),
        strength=np.where(score > -9, np.clip(top + rise, 0, 1), 0),
        score=np.where(score > -9, score + rise, score),
    )


def choose(found: Candidates, peak: np.ndarray, frame_rate: float) -> np.ndarray:
    """Return which candidate each frame takes on the cheapest path, or -1 where it is unvoiced.

    Args:
        found: Candidates of all frames.
        peak: Largest magnitude of a sample in each frame, (frames,).
        frame_rate: Frames in a second.
    """
    frames = len(peak)
    quiet = peak * (1 + _VOICING_THRESHOLD) / (_SILENCE_THRESHOLD * max(peak.max(), 1e-9))
    unvoiced = _VOICING_THRESHOLD + np.maximum(0, 2 - quiet)
    scores = np.column_stack([unvoiced, found.score])  # (frames, states); state 0 is unvoiced
    octave = np.log2(found.hz)
    states = scores.shape[1]
    scale = _STEP_S * frame_rate
    costs = np.full((frames - 1, states, states), _VOICING_COST * scale)  # (step, to, from)
    costs[:, 0, 0] = 0
    jumps = np.abs(octave[1:, :, None] - octave[:-1, None, :])
    costs[:, 1:, 1:] = _OCTAVE_JUMP_COST * scale * jumps
    totals = scores.copy()
    paths = np.empty((states, states))
    for frame in range(1, frames):
        np.subtract(totals[frame - 1], costs[frame - 1], out=paths)
        totals[frame] += np.maximum.reduce(paths, axis=1)
    chosen = np.empty(frames, np.intp)
    chosen[-1] = totals[-1].argmax()
    for frame in range(frames - 1, 0, -1):
        chosen[frame - 1] = (totals[frame - 1] - costs[frame - 1, chosen[frame]]).argmax()
    return chosen - 1
