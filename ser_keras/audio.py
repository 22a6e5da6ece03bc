"""The only opener of sound: finds sound files and reads them as mono float32.

A file that cannot be read raises an error that says why, in one sentence.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ser_keras.errors import SerKerasError, Skipped

MIN_LEVEL = 1e-4  # of full scale; a recording that never rises above it is silent
MAX_LEVEL = 1e6  # above it the power spectrum overflows float32; no recording comes near
MAX_SECONDS = 4 * 3_600
MAX_CHANNELS = 32
RATES = (1_000, 768_000)  # Hz, lowest and highest
MAX_DEPTH = 8  # levels of folders below the one that is searched
MAX_FOLDERS = 20_000  # so that a search of a home folder, named by mistake, ends soon

_FORMATS = "WAV, FLAC, OGG, Opus, MP3, AIFF, AU, CAF, W64"
_READ = {".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc"}
_READ |= {".au", ".snd", ".caf", ".w64", ".rf64"}
_REFUSED = {".m4a", ".aac", ".wma", ".amr", ".webm"}  # listed, so that an error names such files
SUFFIXES = frozenset(_READ | _REFUSED)  # of the files that `walk` returns

_BLOCK_FRAMES = 1 << 20  # the length that a header promises is never allocated at once
_CONVERT = "Convert it, for instance with: ffmpeg -i <file> <file>.wav"
_AGAIN = "Fetch or record it again"

# What libsndfile logs about a chunk larger than the file (WAV and CAF, AIFF, AU, W64) and in RF64.
_SIZES = re.compile(r"^ *(?:data|SSND|Data Size|riff) *: (\d+) \(should be (\d+)\)", re.MULTILINE)
_FRAMES = re.compile(r"frame count (\d+) does not match value from 'ds64' chunk of (\d+)")
_OGG_CUT = "Ogg: Junk after the last page.", "Ogg : Junk after the last page."
_PLACEHOLDER = 0x7F000000  # bytes; programs that write to a pipe promise as much (ffmpeg, SoX)
_SLACK_BYTES = 64  # some programs promise the size of the file instead of that of its data
_SLACK_FRAMES = 1_152  # one frame of MP3, whose length without a Xing header is an estimate


@dataclass(frozen=True)
class Clip:
    """A sound file's seconds, Hz and channels as stored, and a hash of its decoded samples."""

    duration: float
    sample_rate: int
    channels: int
    content: str


def read(
    path: str | os.PathLike,
    sample_rate: int | None = None,
    *,
    offset: float = 0.0,
    duration: float | None = None,
) -> np.ndarray:
    """Return a sound file as mono, like `librosa.load` with the same arguments.

    Args:
        path: File in any format that libsndfile reads.
        sample_rate: Rate in Hz to resample to; None keeps the file's own.
        offset: Seconds to skip, rounded down to whole samples of the file's own rate.
        duration: Seconds to read after the offset, rounded down likewise; None reads to the end.

    Returns:
        (samples,) float32.

    Raises:
        SerKerasError: The file does not exist, is no sound, is cut off, is silent, is shorter than
            the offset, or exceeds a limit of this module.
    """
    with _opened(path) as sound:
        rate = sound.samplerate
        start, stop = _region(path, sound.frames, rate, offset, duration)
        if start:
            sound.seek(start)
        blocks = [_mono(block) for block in _blocks(path, sound, stop - start)]
    samples = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
    _check_level(path, _level(samples))
    return _resample(path, samples, rate, sample_rate)


def length(path: str | os.PathLike) -> float:
    """Return the length of a sound file in seconds, from its header, without decoding it.

    Raises:
        SerKerasError: The same errors as in `read`, as far as the header shows them.
    """
    with _opened(path) as sound:
        return sound.frames / sound.samplerate


def inspect(path: str | os.PathLike) -> Clip:
    """Return the `Clip` of a sound file; decodes all of it once, in constant memory.

    `content` is the same for every lossless copy: 16 hex digits, BLAKE2b of rate, channels and
    samples (float32 at the file's own rate).

    Raises:
        SerKerasError: The same errors as in `read`.
    """
    with _opened(path) as sound:
        rate, channels = sound.samplerate, sound.channels
        _, stop = _region(path, sound.frames, rate, 0.0, None)
        state = hashlib.blake2b(f"{rate} {channels} ".encode(), digest_size=8)
        frames, level = 0, 0.0
        for block in _blocks(path, sound, stop):
            state.update(block.data)
            frames += len(block)
            level = np.maximum(level, _level(_mono(block)))  # passes NaN on, `max` does not
    _check_level(path, level)
    return Clip(frames / rate, rate, channels, state.hexdigest())


def from_samples(
    samples: np.ndarray,
    rate_in: int,
    sample_rate: int | None,
    *,
    offset: float = 0.0,
    duration: float | None = None,
    name: str = "array",
) -> np.ndarray:
    """Return an array of samples as `read` returns a file: checked, cut, mono, resampled.

    Args:
        samples: (samples,) or (samples, channels) floats, full scale 1.0.
        rate_in: Rate of `samples` in Hz.
        sample_rate: Rate in Hz to resample to; None keeps `rate_in`.
        offset: Seconds to skip.
        duration: Seconds to keep after the offset; None keeps all.
        name: Name of the array in errors.

    Returns:
        (samples,) float32, never a view of the argument.

    Raises:
        SerKerasError: The array does not hold floats or has another shape; otherwise the same
            errors as in `read`.

    Example:
        >>> from_samples(np.array([[0.5, 0.25], [0.5, 0.75]]), 16_000, None)
        array([0.375, 0.625], dtype=float32)
    """
    samples = np.asarray(samples)
    if samples.dtype.kind != "f":
        raise SerKerasError(name, "is not an array of floats", "Divide integers by full scale")
    if samples.ndim not in (1, 2):
        raise SerKerasError(name, f"has shape {samples.shape}", "Give (samples, channels)")
    _check_rate(name, rate_in)
    _check_channels(name, samples.shape[1] if samples.ndim == 2 else 1)
    start, stop = _region(name, len(samples), rate_in, offset, duration)
    with np.errstate(over="ignore"):  # float64 beyond float32 becomes infinite, and is refused
        samples = _mono(np.array(samples[start:stop], dtype=np.float32))
    _check_level(name, _level(samples))
    return _resample(name, samples, rate_in, sample_rate)


def squeeze(frames: np.ndarray, length: int) -> np.ndarray:
    """Return frames resampled along time to a smaller number, each column as if it were a sound.

    Like `librosa.resample` from rate n to rate `length`, cut to `length`; values beyond both ends
    count as zero.

    Args:
        frames: (n, columns) floats, n at least `length`.
        length: Number of frames to return.

    Returns:
        (length, columns), with the dtype of `frames`.

    Example:
        >>> squeeze(np.ones((4, 3), np.float32), 2).shape
        (2, 3)
    """
    import soxr

    if len(frames) == length:
        return frames
    squeezed = np.zeros((length, frames.shape[1]), frames.dtype)
    resampled = soxr.resample(np.ascontiguousarray(frames), len(frames), length, quality="HQ")
    squeezed[: len(resampled)] = resampled[:length]  # soxr gives one frame more or less
    return squeezed


def is_named_as_sound(name: str) -> bool:
    """Return whether a file's name has a suffix of `SUFFIXES` and does not begin with a dot."""
    return name[:1] != "." and os.path.splitext(name)[1].lower() in SUFFIXES


def walk(
    root: str | os.PathLike, max_folders: int = MAX_FOLDERS
) -> tuple[list[str], list[Skipped]]:
    """Return the sound files below a folder, and what was left out.

    Hidden files and folders, whose names begin with a dot, are no part of it: macOS puts a
    `._x.wav` beside each x.wav of an archive. Links to files and folders are followed; each folder
    is visited once, so that loops end.

    Args:
        root: Folder to search.
        max_folders: Largest number of folders that is searched.

    Returns:
        The files by their suffix, relative to `root`, with "/" between parts, sorted; and folders
        that cannot be opened or lie below level `MAX_DEPTH`, and names that are not Unicode.

    Raises:
        SerKerasError: There are more than `max_folders` folders.
    """
    root, paths, skipped = os.fspath(root), [], []
    real_root = os.path.realpath(root)
    visited = {real_root}

    def relative(path: str) -> str:
        return Path(os.path.relpath(path, root)).as_posix()

    def refuse(error: OSError) -> None:
        skipped.append(Skipped(relative(error.filename), "cannot be opened"))

    def is_new(folder: str) -> bool:
        real = os.path.realpath(folder)
        # the target of a link into `root` is reached by its own path
        inside = os.path.islink(folder) and Path(real).is_relative_to(real_root)
        new = not inside and real not in visited
        visited.add(real)
        return new

    for folder, below, names in os.walk(root, onerror=refuse, followlinks=True):
        at = relative(folder)
        visible = [name for name in sorted(below) if name[0] != "."]
        below[:] = [name for name in visible if is_new(os.path.join(folder, name))]
        if len(visited) > max_folders:
            problem = f"holds more than {max_folders} folders"
            raise SerKerasError(root, problem, "Name the folder of the recordings itself")
        if at.count("/") + 1 >= MAX_DEPTH:
            reason = f"lies below {MAX_DEPTH} levels of folders and is not searched"
            skipped += [Skipped(f"{at}/{name}", reason) for name in below]
            below.clear()
        for name in filter(is_named_as_sound, names):
            path = name if at == "." else f"{at}/{name}"
            try:
                path.encode()
                paths.append(path)
            except UnicodeEncodeError:
                skipped.append(Skipped(ascii(path), "its name is not Unicode"))
    return sorted(paths), skipped


@contextlib.contextmanager
def _opened(path: str | os.PathLike) -> Iterator:
    """Yield the `soundfile.SoundFile`, after its header was checked."""
    import soundfile

    name = os.fspath(path)
    _check_file(name)
    try:  # bytes, because soundfile cannot encode a name that is not UTF-8
        sound = soundfile.SoundFile(os.fsencode(name) if os.name == "posix" else name)
    except soundfile.LibsndfileError as error:
        if error.code == 1:  # SF_ERR_UNRECOGNISED_FORMAT
            problem = f"is in no format that is read ({_FORMATS})"
            raise SerKerasError(name, problem, _CONVERT) from error
        # code 7 is an MP3 without a single frame; libsndfile's message is about a missing file
        reason = "no frame was found" if error.code == 7 else error.error_string.rstrip(". ")
        raise SerKerasError(name, f"cannot be decoded ({reason})", _AGAIN) from error
    except TypeError as error:  # soundfile wants rate and channels of a .raw file
        raise SerKerasError(name, "has no header that tells its format", _CONVERT) from error
    with sound:
        _check_rate(name, sound.samplerate)
        _check_channels(name, sound.channels)
        if sound.frames > 1 << 62:  # FLAC written to a pipe
            raise SerKerasError(name, "does not say how long it is", _CONVERT)
        if _is_cut(sound.extra_info):
            raise _cut_off(name)
        try:
            yield sound
        except soundfile.LibsndfileError as error:  # how FLAC ends too early
            raise _cut_off(name) from error


def _blocks(path: str | os.PathLike, sound, frames: int) -> Iterator[np.ndarray]:
    """Yield the next `frames` as float32 blocks, (frames,) or (frames, channels)."""
    # libsndfile converts 16 bit to float so slowly that numpy halves the time of a WAV; equal bits
    dtype = "int16" if sound.subtype == "PCM_16" else "float32"
    missing = frames
    while missing > 0:
        block = sound.read(min(missing, _BLOCK_FRAMES), dtype=dtype)
        if not len(block):
            break
        missing -= len(block)
        yield np.multiply(block, np.float32(2**-15)) if dtype == "int16" else block
    if missing > _SLACK_FRAMES or missing == frames:
        raise _cut_off(path)


def _region(
    path: str | os.PathLike, frames: int, rate: int, offset: float, duration: float | None
) -> tuple[int, int]:
    """Return the first frame to read and the frame after the last, rounded as in librosa."""
    if not (0 <= offset < math.inf and (duration is None or 0 < duration < math.inf)):
        raise SerKerasError(
            path, f"cannot be read from {offset} s for {duration} s", "Give seconds"
        )
    if not frames:
        raise SerKerasError(path, "holds no samples", _AGAIN)
    start = int(offset * rate)
    stop = frames if duration is None else min(frames, start + max(1, int(duration * rate)))
    if start >= frames:
        lasts = f"lasts {frames / rate:.2f} s and the first {offset:g} s are skipped"
        raise SerKerasError(path, lasts, "Give a longer clip")
    if stop - start > MAX_SECONDS * rate:
        hours = f"lasts {(stop - start) / rate / 3600:.1f} h and at most 4 h are read"
        raise SerKerasError(path, hours, "Cut it into parts")
    return start, stop


def _mono(block: np.ndarray) -> np.ndarray:
    if block.ndim == 1:
        return block
    with np.errstate(over="ignore", invalid="ignore"):  # `_check_level` refuses the result
        return block.mean(axis=1)


def _resample(
    path: str | os.PathLike, samples: np.ndarray, rate: int, new_rate: int | None
) -> np.ndarray:
    if new_rate is None or new_rate == rate:
        return samples
    import soxr

    _check_rate(path, new_rate)
    resampled = soxr.resample(samples, rate, new_rate, quality="HQ")
    exact = np.zeros(math.ceil(len(samples) * (new_rate / rate)), np.float32)  # librosa's length
    shared = min(len(exact), len(resampled))  # soxr gives one sample more or less
    exact[:shared] = resampled[:shared]
    return exact


def _is_cut(log: str) -> bool:
    """Return whether libsndfile logged, on opening, that data is missing.

    It shortens such a file without an error; only its log shows what the header promises.
    """
    sizes = [(int(promised), int(present)) for promised, present in _SIZES.findall(log)]
    frames = [(int(promised), int(present)) for present, promised in _FRAMES.findall(log)]
    return (
        any(present + _SLACK_BYTES < promised < _PLACEHOLDER for promised, present in sizes)
        or any(present < promised for promised, present in frames)
        or any(note in log for note in _OGG_CUT)
    )


def _check_file(path: str) -> None:
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise SerKerasError(path, "does not exist", "Check the path") from error
    if stat.S_ISDIR(status.st_mode):
        raise SerKerasError(path, "is a folder", "Give a sound file")
    if not stat.S_ISREG(status.st_mode):
        raise SerKerasError(path, "is not a file", "Give a sound file")
    if not status.st_size:
        raise SerKerasError(path, "is empty", _AGAIN)


def _check_rate(path: str | os.PathLike, rate: float) -> None:
    low, high = RATES
    if not low <= rate <= high:
        raise SerKerasError(path, f"has a rate of {rate} Hz", f"Give {low} to {high} Hz")


def _check_channels(path: str | os.PathLike, channels: int) -> None:
    if not 1 <= channels <= MAX_CHANNELS:
        raise SerKerasError(path, f"has {channels} channels", f"Give 1 to {MAX_CHANNELS}")


def _level(samples: np.ndarray) -> float:
    return np.maximum(samples.max(), -samples.min())


def _check_level(path: str | os.PathLike, level: float) -> None:
    if not level <= MAX_LEVEL:  # true for NaN too
        raise SerKerasError(path, "holds samples that are not finite", "Export it again")
    if level <= MIN_LEVEL:
        raise SerKerasError(path, "is silent", "Check the microphone or the export")


def _cut_off(path: str | os.PathLike) -> SerKerasError:
    return SerKerasError(
        path, "is cut off or damaged: its header promises more than is there", _AGAIN
    )
