"""Open sound files, on disk and in memory, and decode them in blocks."""

from __future__ import annotations

import contextlib
import io
import os
import stat
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np

from ser_keras.audio import header, media
from ser_keras.audio.source import (
    AGAIN,
    BLOCK_FRAMES,
    BLOCK_SAMPLES,
    CONVERT,
    MAX_CHANNELS,
    MAX_DECODED,
    MAX_SECONDS,
    RATES,
    Source,
    check_channels,
    check_rate,
    countable,
    cut_off,
)
from ser_keras.errors import SerKerasError

__all__ = [
    "AGAIN",
    "BLOCK_FRAMES",
    "MAX_CHANNELS",
    "MAX_DECODED",
    "MAX_SECONDS",
    "RATES",
    "File",
    "Source",
    "check_channels",
    "check_rate",
    "cut_off",
    "opened",
]

_FORMATS = "WAV, FLAC, OGG, Opus, MP3, AIFF, AU, CAF, W64"
_NEW_HEADER = "Give it a header, for instance with: ffmpeg -f s16le -ar <rate> -i <file> <file>.wav"

_SLACK_FRAMES = 1_152  # one frame of MP3, whose length without a Xing header is an estimate
_UNKNOWN_FRAMES = 1 << 62  # more than this is what libsndfile says where a header gives no length
_MAX_HEADER = 1 << 16  # bytes; a file without samples is hardly ever larger
_MAX_STREAM = 1 << 28  # bytes; so much is kept of a file object that cannot seek

File = str | bytes | os.PathLike | BinaryIO


@contextlib.contextmanager
def opened(file: File, name: str | None = None) -> Iterator[Source]:
    """Yield the `Source` of a sound file, after its header was checked.

    Args:
        file: Path, or file object opened for bytes, which is read from its start and left at the
            place where it was.
        name: Name in errors; None takes the path.
    """
    import soundfile

    with contextlib.ExitStack() as stack:
        if isinstance(file, (str, bytes, os.PathLike)):
            path = os.fsdecode(file)
            name = name or path
            size = _check_file(path, name)
            # bytes, because soundfile cannot encode a name that is not UTF-8
            target: Any = os.fsencode(path) if os.name == "posix" else path
        else:
            name = name or "file"
            target = stack.enter_context(_seekable(file, name))
            size = target.size
        decoder = _decoder(name, target, size, stack)
        if isinstance(decoder, media.Track):
            stack.callback(decoder.close)
            yield decoder.source()
            return
        notes = []
        stack.callback(decoder.close)
        sound = decoder.sound
        check_rate(name, sound.samplerate)
        check_channels(name, sound.channels)
        if decoder.was_unfinished or header.was_repaired(sound.extra_info):
            notes.append("its header was never finished, so it was read to its end")
        elif header.is_cut(sound.extra_info):
            raise cut_off(name)
        else:
            left = header.seconds_left(sound.extra_info, size)
            if left > min(1, sound.frames / sound.samplerate / 4):  # tags are shorter
                notes.append(f"its header promises less than it holds: {left:.1f} s may be missing")
        try:
            frames = sound.frames
            if frames > _UNKNOWN_FRAMES:  # FLAC that was written to a pipe, or never finished
                frames = decoder.count(countable(sound.samplerate, sound.channels))
                notes.append("its header does not say how long it is, so it was read to its end")
            yield Source(
                name, sound.samplerate, sound.channels, frames, decoder.blocks, tuple(notes)
            )
        except soundfile.LibsndfileError as error:  # how FLAC ends too early
            raise cut_off(name) from error


def _decoder(
    name: str, target: Any, size: int, stack: contextlib.ExitStack
) -> _Decoder | media.Track:
    """Return the decoder of a file of `size` bytes; one without samples is looked at again."""
    try:
        decoder = _Decoder(name, target)
    except SerKerasError:  # a CAF that gives its size as -1, among others
        stream = _stream(name, target, stack)
        if kind := media.kind_of(stream):
            return media.Track(name, stream, kind)
        finished = _finished(name, target, size, stack)
        if finished is None:
            raise
        return finished
    if decoder.sound.frames:
        return decoder
    finished = _finished(name, target, size, stack)
    if finished is None and size > _MAX_HEADER:
        problem = (
            f"holds no samples, if its header is right, but has {size:,} bytes: the recorder may "
            "not have finished it"
        )
        raise SerKerasError(name, problem, CONVERT)
    return finished or decoder


def _finished(name: str, target: Any, size: int, stack: contextlib.ExitStack) -> _Decoder | None:
    """Return the decoder of a file with the sizes that its header lacks; None if it lacks none."""
    stream = _stream(name, target, stack)
    if header.is_blank(stream):
        problem = "begins with zeros in place of a header: the recorder may not have finished it"
        raise SerKerasError(name, problem, _NEW_HEADER)
    patches = header.missing_sizes(stream, size)
    return _Decoder(name, _Stream(stream, patches), was_unfinished=True) if patches else None


def _stream(name: str, target: Any, stack: contextlib.ExitStack) -> _Stream:
    """Return what `_Decoder` takes as a file object that can seek."""
    if isinstance(target, _Stream):
        return target
    try:
        return _Stream(stack.enter_context(io.FileIO(target)))
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise SerKerasError(name, problem, "Check its permissions") from error


class _Decoder:
    """A `soundfile.SoundFile`, which is opened anew where its codec cannot seek.

    Args:
        name: Name in errors.
        target: What soundfile opens: a path, or a `_Stream`.
        was_unfinished: Whether the stream adds what the file's header lacks.
    """

    def __init__(self, name: str, target: Any, was_unfinished: bool = False):
        self.name, self.target, self.was_unfinished = name, target, was_unfinished
        self.sound, self._was_read = self._open(), False

    def close(self) -> None:
        self.sound.close()

    def reopen(self) -> None:
        """Open the file anew, at its first frame."""
        self.close()
        self.sound, self._was_read = self._open(), False

    def count(self, most: int) -> int:
        """Return the number of frames, at most `most`, after decoding them all."""
        frames = sum(map(len, self._read(most)))
        self.reopen()
        return frames

    def blocks(self, start: int, stop: int) -> Iterator[np.ndarray]:
        """Yield the frames from `start` to `stop` as float32 blocks.

        Raises:
            SerKerasError: There are fewer.
        """
        if start or self._was_read:
            self._seek(start)
        missing = stop - start
        for block in self._read(missing):
            missing -= len(block)
            yield block
        if missing > _SLACK_FRAMES or missing == stop - start:
            raise cut_off(self.name)

    def _seek(self, start: int) -> None:
        import soundfile

        try:
            if self.sound.seekable() and self.sound.seek(start) == start:
                return
        except soundfile.LibsndfileError:
            pass
        self.reopen()  # GSM 6.10, G.72x and others cannot seek: all before `start` is decoded
        for _ in self._read(start):
            pass

    def _read(self, frames: int) -> Iterator[np.ndarray]:
        """Yield the next `frames`, or as many as there are."""
        sound, self._was_read = self.sound, True
        size = min(BLOCK_FRAMES, BLOCK_SAMPLES // sound.channels)
        # libsndfile converts 16 bit to float so slowly that numpy halves the time of a WAV; equal
        # bits
        dtype = "int16" if sound.subtype == "PCM_16" else "float32"
        while frames > 0:
            block = sound.read(min(frames, size), dtype=dtype)
            if not len(block):
                return
            frames -= len(block)
            yield np.multiply(block, np.float32(2**-15)) if dtype == "int16" else block

    def _open(self):
        import soundfile

        if isinstance(self.target, _Stream):
            self.target.seek(0)
        try:
            sound = soundfile.SoundFile(self.target)
            if sound.frames > _UNKNOWN_FRAMES or sound.subtype.startswith("DWVW"):
                # soundfile seeks after each read, which fails at the end of such a FLAC and in DWVW
                sound.seekable = lambda: False
            return sound
        except soundfile.LibsndfileError as error:
            if error.code == 1:  # SF_ERR_UNRECOGNISED_FORMAT
                problem = f"is in no format that is read ({_FORMATS})"
                raise SerKerasError(self.name, problem, CONVERT) from error
            # code 7 is an MP3 without a single frame; libsndfile's message is about a missing file
            reason = "no frame was found" if error.code == 7 else error.error_string.rstrip(". ")
            raise SerKerasError(self.name, f"cannot be decoded ({reason})", AGAIN) from error
        except TypeError as error:  # soundfile wants rate and channels of a .raw file
            problem = "has no header that tells its format"
            raise SerKerasError(self.name, problem, CONVERT) from error


class _Stream:
    """A file object for soundfile, with other bytes in some places.

    Args:
        file: File object that can seek.
        patches: Places, and the bytes that are read there.
    """

    def __init__(self, file: Any, patches: Sequence[tuple[int, bytes]] = ()):
        self._file, self._patches = file, patches
        self.size = self.seek(0, 2)
        self.seek(0)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._file.seek(offset, whence)
        return self._file.tell()

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        start = self._file.tell()
        content = self._file.read(size)
        for place, new in self._patches:
            if start < place + len(new) and place < start + len(content):
                changed = bytearray(content)
                for i, byte in enumerate(new, place - start):
                    if 0 <= i < len(changed):
                        changed[i] = byte
                content = bytes(changed)
        return content


@contextlib.contextmanager
def _seekable(file: Any, name: str) -> Iterator[_Stream]:
    """Yield the stream of a file object, which keeps its place."""
    remedy = "Open the file with open(path, 'rb'), or give its path"
    try:
        if not isinstance(file.read(0), bytes):
            raise SerKerasError(name, "is a file object that does not return bytes", remedy)
        seekable = file.seekable() if hasattr(file, "seekable") else hasattr(file, "seek")
        if seekable:
            place = file.tell()
        else:
            content = file.read(_MAX_STREAM + 1)
            if len(content) > _MAX_STREAM:
                problem = f"cannot seek, and holds more than {_MAX_STREAM >> 20} MiB"
                raise SerKerasError(name, problem, "Save it as a file, and give its path")
        stream = _Stream(file if seekable else io.BytesIO(content))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise SerKerasError(name, f"cannot be read ({error})", remedy) from error
    if not stream.size:
        raise SerKerasError(name, "is empty", AGAIN)
    try:
        yield stream
    finally:
        if seekable:
            file.seek(place)


def _check_file(path: str, name: str) -> int:
    """Return the size of a file in bytes."""
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        if "://" in path:
            raise SerKerasError(name, "is an address, and no file", "Download it") from error
        raise SerKerasError(name, "does not exist", "Check the path") from error
    if stat.S_ISDIR(status.st_mode):
        raise SerKerasError(name, "is a folder", "Give a sound file")
    if not stat.S_ISREG(status.st_mode):
        raise SerKerasError(name, "is not a file", "Give a sound file")
    if not status.st_size:
        raise SerKerasError(name, "is empty", AGAIN)
    return status.st_size
