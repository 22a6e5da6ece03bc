"""Live sound in blocks: from the microphone, or from a file as fast as it plays."""

from __future__ import annotations

import itertools
import math
import queue
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ser_keras import console
from ser_keras.audio.decoding import MAX_CHANNELS, File, check_rate, opened
from ser_keras.audio.mixing import Mix
from ser_keras.errors import SerKerasError, check_number

LOWEST_LEVEL = -120.0  # dBFS of digital silence
_WAITING = 30.0  # seconds of sound that wait while the consumer works
_PATIENCE = 5.0  # seconds without any sound, after which the device counts as dead
_SUBJECT = "microphone"


def listen(
    sample_rate: int,
    *,
    seconds: float = 0.1,
    source: File | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[np.ndarray]:
    """Yield live sound in mono blocks, each as soon as it is complete.

    Up to 30 seconds wait while the consumer works. What comes after that is lost: a warning says
    so at once, and another one at the end says how much. Closing the iterator, or Ctrl-C, stops
    the device.

    Args:
        sample_rate: Rate of the blocks in Hz.
        seconds: Length of a block.
        source: Sound file that is played in real time in place of the microphone; None opens the
            default input device.
        clock: Function that returns the time in seconds; a file is played by it.
        sleep: Function that waits for that many seconds.

    Yields:
        (samples,) float32; the last block of a file may be shorter.

    Raises:
        SerKerasError: The package sounddevice, the PortAudio library or an input device is
            missing, the device gives no sound, or the file cannot be read.
    """
    check_rate(_SUBJECT, sample_rate)
    check_number("seconds", seconds, 0.01, 10)
    size = max(1, round(seconds * sample_rate))
    if source is None:
        yield from _of_size(_recorded(sample_rate, size), size)
        return
    start, played = clock(), 0
    for block in _of_size(_decoded(source, sample_rate), size):
        played += len(block)
        wait = start + played / sample_rate - clock()
        if wait > 0:
            sleep(wait)
        yield block


def level(block: np.ndarray) -> float:
    """Return the level of a block in dBFS: its root mean square, of which a full square has 0 dB.

    Args:
        block: (samples,) floats with full scale 1.

    Returns:
        Level in dB, at least -120.

    Example:
        >>> round(level(np.full(100, 0.1, np.float32)), 1), level(np.zeros(100, np.float32))
        (-20.0, -120.0)
    """
    power = float(np.mean(np.square(block, dtype=np.float64))) if len(block) else 0.0
    return max(LOWEST_LEVEL, 10 * math.log10(power)) if power > 0 else LOWEST_LEVEL


def _decoded(source: File, sample_rate: int) -> Iterator[np.ndarray]:
    """Yield the mono samples of a file, of any number at once."""
    with opened(source) as sound:
        stop = sound.frames
        blocks = sound.blocks(0, stop) if stop else iter(())
        mono = (block if block.ndim == 1 else block.mean(axis=1) for block in blocks)
        yield from _resampled(mono, sound.rate, sample_rate)


def _resampled(
    blocks: Iterable[np.ndarray], rate: float, sample_rate: float
) -> Iterator[np.ndarray]:
    """Yield mono blocks at another rate."""
    if rate == sample_rate:
        yield from blocks
        return
    import soxr

    stream = soxr.ResampleStream(rate, sample_rate, 1, quality="HQ")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.empty(0, np.float32), last=True)


def _of_size(blocks: Iterator[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Yield blocks of equal size; the last one may be shorter."""
    rest = np.empty(0, np.float32)
    for block in blocks:
        rest = np.concatenate([rest, block]) if len(rest) else block
        whole = len(rest) - len(rest) % size
        for start in range(0, whole, size):
            yield rest[start : start + size]
        rest = rest[whole:]
    if len(rest):
        yield rest


def _recorded(sample_rate: int, size: int) -> Iterator[np.ndarray]:
    """Yield what the default input device hears."""
    device = _device()
    rate, channels = _settings(device, sample_rate)
    frames = max(1, round(size * rate / sample_rate))
    waiting: queue.Queue[np.ndarray] = queue.Queue(max(2, int(_WAITING * rate / frames)))
    lost = [0]  # blocks

    def keep(samples: np.ndarray, _frames: int, _time: object, status: Any) -> None:
        """Take the next samples, in the thread of the device, which must never wait."""
        lost[0] += bool(status.input_overflow)
        try:
            waiting.put_nowait(samples.copy())
        except queue.Full:
            lost[0] += 1

    def heard() -> Iterator[np.ndarray]:
        is_warned = False
        while True:
            try:
                block = waiting.get(timeout=_PATIENCE)
            except queue.Empty:
                problem = f"has given no sound for {_PATIENCE:.0f} s"
                raise SerKerasError(_SUBJECT, problem, "Check that it is plugged in") from None
            if lost[0] and not is_warned:
                console.warn("Sound from the microphone is lost: the computer is too slow for it.")
                is_warned = True
            mix = Mix()
            mono = mix(block)
            yield Mix(mix.loudest)(block) if mix.cancels else mono

    try:
        with device.InputStream(
            samplerate=rate, channels=channels, dtype="float32", blocksize=frames, callback=keep
        ):
            yield from _resampled(heard(), rate, sample_rate)
    except device.PortAudioError as error:
        reason = " ".join(str(error).split())
        remedy = "Check that it is plugged in, and that this program may use it"
        raise SerKerasError(_SUBJECT, f"cannot be opened ({reason})", remedy) from error
    finally:
        if lost[0]:
            blocks = console.count(lost[0], "block")
            console.warn(f"{blocks} of the microphone, {lost[0] * frames / rate:.1f} s, were lost.")


def _settings(device: Any, sample_rate: int) -> tuple[int, int]:
    """Return the rate in Hz and the number of channels with which the default device is opened.

    A device of the operating system's own mixer has any rate and one channel. Others have their
    own rate, or all of their channels at once, alone.
    """
    known = _input(device)
    most = min(MAX_CHANNELS, int(known.get("max_input_channels", 1)))
    own = round(known["default_samplerate"])
    for rate, channels in itertools.product((sample_rate, own), dict.fromkeys((1, most))):
        try:
            device.check_input_settings(channels=channels, dtype="float32", samplerate=rate)
        except device.PortAudioError:
            continue
        return rate, channels
    return own, 1  # opening it fails, and PortAudio says why


def _device() -> Any:
    """Return the package sounddevice.

    Raises:
        SerKerasError: It is not installed, or its library, or an input device, is missing.
    """
    try:
        import sounddevice
    except ImportError as error:
        remedy = "Run: pip install 'ser_keras[live]', or in a checkout pip install '.[live]'"
        problem = "needs the package sounddevice, which is not installed"
        raise SerKerasError(_SUBJECT, problem, remedy) from error
    except OSError as error:  # its wheels for Linux come without the library
        remedy = "Install it, for instance with: sudo apt install libportaudio2"
        problem = "needs the PortAudio library, which is missing"
        raise SerKerasError(_SUBJECT, problem, remedy) from error
    _input(sounddevice)
    return sounddevice


def _input(sounddevice: Any) -> Any:
    """Return what is known about the default input device."""
    try:
        return sounddevice.query_devices(kind="input")
    except (sounddevice.PortAudioError, ValueError) as error:
        remedy = "Plug one in, and choose it in the system's settings"
        raise SerKerasError(_SUBJECT, "there is none on this computer", remedy) from error
