"""A resampling filter that is written down in full, so that another program can repeat it.

The web page of a model resamples with this very filter, where the rest of the package takes soxr.
The constants are those that fit the impulse response of soxr's "HQ" best. The two differ by 1e-4 of
the filter's peak at most.
"""

from __future__ import annotations

import math

import numpy as np

from ser_keras.audio.decoding import check_rate

CUTOFF = 0.95687  # of half the lower rate: where the filter has lost 6 dB
HALF_WIDTH = 97.25  # of the window, in samples of the lower rate
BETA = 13.04  # of the Kaiser window
# A filter is tabulated for this many places between two samples at most. Rates with more of them
# (44,101 Hz, say) take the nearest place, which is 80 dB below the sound.
MAX_PHASES = 4_096
_BLOCK_VALUES = 1 << 22  # of the samples that are gathered at once; 16 MiB


def resample_sinc(samples: np.ndarray, rate: int, new_rate: int) -> np.ndarray:
    """Return samples at another rate, by a windowed sinc.

    For output n, at the place `t = n * rate / new_rate` of the input x, and with
    `low = min(1, new_rate / rate)`::

        y[n] = sum_k x[k] h(low (k - t)) low,    h(u) = c sinc(c u) kaiser(u / HALF_WIDTH)

    Samples beyond both ends count as zero.

    Args:
        samples: Mono floats (samples,).
        rate: Their rate in whole Hz.
        new_rate: Rate to return in whole Hz.

    Returns:
        float32 (ceil(samples * new_rate / rate),).

    Raises:
        SerKerasError: A rate is none that a recording has.

    Example:
        >>> tone = np.sin(2 * np.pi * 440 / 44_100 * np.arange(44_100))
        >>> halved = resample_sinc(tone, 44_100, 22_050)
        >>> halved.shape, bool(np.abs(halved - tone[::2])[200:-200].max() < 1e-5)
        ((22050,), True)
    """
    for each in (rate, new_rate):
        check_rate("samples", each)
    samples = np.asarray(samples, np.float32)
    if rate == new_rate or not len(samples):
        return samples.copy()
    common = math.gcd(rate, new_rate)
    up, down = new_rate // common, rate // common
    phases = min(up, MAX_PHASES)
    filters = _filters(rate, new_rate, phases)  # (phases, taps)
    half = filters.shape[1] // 2
    count = math.ceil(len(samples) * up / down)
    padded = np.pad(samples, (half - 1, half + 1))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half)
    resampled = np.empty(count, np.float32)
    block = max(1, _BLOCK_VALUES // (2 * half))
    for start in range(0, count, block):
        places = np.arange(start, min(start + block, count)) * down
        first, phase = np.divmod(places, up)
        if phases < up:
            phase = np.floor(phase * phases / up + 0.5).astype(int)
            first, phase = first + phase // phases, phase % phases
        resampled[start : start + block] = np.einsum("nt,nt->n", windows[first], filters[phase])
    return resampled


def _filters(rate: int, new_rate: int, phases: int) -> np.ndarray:
    """Return the weights of the samples around each place, float64 (phases, taps)."""
    low = min(1.0, new_rate / rate)
    half = math.ceil(HALF_WIDTH / low)
    place = np.arange(phases)[:, None] / phases  # between sample 0 and sample 1
    u = low * (np.arange(1 - half, half + 1) - place)
    inside = np.maximum(0, 1 - np.square(u / HALF_WIDTH))
    window = np.i0(BETA * np.sqrt(inside)) / np.i0(BETA) * (inside > 0)
    return low * CUTOFF * np.sinc(CUTOFF * u) * window
