"""Sound that libsndfile does not read, decoded with PyAV: M4A, MP4, WebM, AMR, WMA and the like.

A file is opened by what its first bytes say, with the one demuxer of FFmpeg for this kind: play
lists, scripts, devices and network protocols, which FFmpeg knows too, cannot be reached. Decoders
of pictures are never opened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from ser_keras.audio.source import (
    AGAIN,
    BLOCK_FRAMES,
    BLOCK_SAMPLES,
    CONVERT,
    Source,
    check_channels,
    check_rate,
    countable,
    cut_off,
)
from ser_keras.errors import SerKerasError

_KINDS = (  # the first bytes, what the file is called, and the demuxer of FFmpeg
    (rb".{4}ftypM4[ABP]", "M4A", "mov"),
    (rb".{4}ftyp3g", "3GP", "mov"),
    (rb".{4}ftypqt", "QuickTime", "mov"),
    (rb".{4}ftyp", "MP4", "mov"),
    (rb".{4}(moov|mdat|wide|free|skip|pnot)", "QuickTime", "mov"),
    (rb"\x1a\x45\xdf\xa3.{0,50}webm", "WebM", "matroska"),
    (rb"\x1a\x45\xdf\xa3", "Matroska", "matroska"),
    (rb"#!AMR", "AMR", "amr"),
    (rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "WMA", "asf"),
    (rb"\xff[\xf0\xf1\xf8\xf9]", "AAC", "aac"),
    (rb"RIFF.{4}AVI ", "AVI", "avi"),
    (rb"FLV\x01", "FLV", "flv"),
    (rb"\x00\x00\x01\xba", "MPEG video", "mpeg"),
    (rb"\x47.{187}\x47", "MPEG-TS", "mpegts"),
    (rb"\x0b\x77", "AC-3", "ac3"),
)
_CODECS = (
    "aac aac_latm ac3 eac3 dca alac flac mp1 mp1float mp2 mp2float mp3 mp3float opus vorbis speex "
    "wmav1 wmav2 wmapro wmalossless wmavoice amrnb amrwb qcelp evrc gsm gsm_ms g722 "
    "pcm_u8 pcm_s8 pcm_s16le pcm_s16be pcm_s24le pcm_s24be pcm_s32le pcm_s32be "
    "pcm_f32le pcm_f32be pcm_f64le pcm_f64be pcm_alaw pcm_mulaw "
    "adpcm_ms adpcm_ima_wav adpcm_ima_qt adpcm_swf"
).split()
_OPTIONS = {
    "codec_whitelist": ",".join(_CODECS),  # pictures are not decoded, not even to look at them
    "protocol_whitelist": "none",  # nothing but the open file is read
    "max_streams": "64",
}
_MOV_OPTIONS = {"enable_drefs": "0"}  # samples that lie in other files are not fetched
_INSTALL = (
    "Run: pip install 'ser_keras[media]' (in a checkout: pip install '.[media]'), or convert it "
    "with: ffmpeg -i <file> <file>.wav"
)
_ENCRYPTED = ("enca", "drms", "drmi")  # tags of the codec in MP4
_MAX_FRAME = 1 << 22  # samples of all channels in one decoded frame
_SECONDS = (10.0, 10.0)  # to open the file, and to wait for a packet


def kind_of(stream: Any) -> tuple[str, str] | None:
    """Return what a file is called and FFmpeg's demuxer, by its first bytes; None if not known."""
    stream.seek(0)
    head = stream.read(256)
    for pattern, name, demuxer in _KINDS:
        if re.match(pattern, head, re.DOTALL):
            return name, demuxer
    return None


class Track:
    """The first sound track of a file, decoded with PyAV; it starts anew to go back.

    Args:
        name: Name in errors.
        stream: File object that can seek.
        kind: What the file is called, and FFmpeg's demuxer for it.

    Raises:
        SerKerasError: PyAV is not installed, the file is damaged or encrypted, or it holds no
            sound that can be decoded.
    """

    def __init__(self, name: str, stream: Any, kind: tuple[str, str]):
        self.name, self._stream, (self._kind, self._demuxer) = name, stream, kind
        try:
            import av
        except ImportError as error:
            problem = f"is {self._kind}, which needs the package av, and that is not installed"
            raise SerKerasError(name, problem, _INSTALL) from error
        self._av = av
        self._container: Any = None
        self._open()

    def close(self) -> None:
        if self._container is not None:
            self._container.close()
        self._container = None

    def source(self) -> Source:
        """Return the track as a `Source`; it is decoded once to count, if its length is unknown."""
        track, notes = self._track, []
        tracks = len(self._container.streams.audio)
        if tracks > 1:
            notes.append(f"it has {tracks} sound tracks, of which the first was read")
        # the other containers state the length of the pictures, or none, or guess it from the size
        if self._demuxer == "mov" and track.frames and track.duration:
            frames = round(track.duration * track.time_base * self.rate)
        else:
            frames = sum(map(len, self._read(countable(self.rate, self.channels))))
            self._open()
        return Source(self.name, self.rate, self.channels, frames, self.blocks, tuple(notes))

    def blocks(self, start: int, stop: int) -> Iterator[np.ndarray]:
        """Yield the frames from `start` to `stop` as float32 blocks.

        Raises:
            SerKerasError: There are fewer, or a part cannot be decoded.
        """
        if start < self._place or self._container is None:
            self._open()
        for _ in self._read(start - self._place):
            pass
        missing = stop - start
        for block in self._read(missing):
            missing -= len(block)
            yield block
        if missing > self._slack or missing == stop - start:
            raise cut_off(self.name)

    def _open(self) -> None:
        """Open the file anew, and decode its first frame, which alone shows the true rate."""
        self.close()
        self._stream.seek(0)
        # tags need not be UTF-8; version 19 takes them as they are
        is_old = int(self._av.__version__.split(".")[0]) < 19
        tags = {"metadata_errors": "replace"} if is_old else {}
        options = _OPTIONS | (_MOV_OPTIONS if self._demuxer == "mov" else {})
        try:
            self._container = self._av.open(
                self._stream,
                format=self._demuxer,
                options=options,
                timeout=_SECONDS,
                **tags,
            )
            streams = self._container.streams
            if not streams.audio:
                problem = "holds no sound, only pictures" if streams.video else "holds no sound"
                raise SerKerasError(self.name, problem, "Give a file with a sound track")
            self._track = streams.audio[0]
            codec = self._track.codec_context
            is_encrypted = "ASF_Protection_Type" in self._container.metadata
            is_encrypted |= codec is not None and codec.codec_tag in _ENCRYPTED
        except (self._av.FFmpegError, MemoryError, ValueError) as error:
            raise self._damaged(error) from error
        if is_encrypted:
            problem = f"is {self._kind} that is encrypted"
            raise SerKerasError(self.name, problem, "Get a copy without protection")
        if codec is None or codec.name not in _CODECS:
            problem = f"is {self._kind} with sound in a codec that is not read"
            raise SerKerasError(self.name, problem, CONVERT)
        self._place, self._rest, self._slack = 0, None, 0
        self.rate = self.channels = 0
        self._frames = self._decoded()
        self._rest = next(self._frames, None)
        if self._rest is None:
            raise SerKerasError(self.name, f"is {self._kind} without a single sample", AGAIN)

    def _decoded(self) -> Iterator[np.ndarray]:
        """Yield one array of samples after the other, as the codec gives them.

        What precedes the first frame that can be decoded is skipped, as in a stream that was cut
        out of a longer one. Damage behind it is an error.
        """
        try:
            for packet in self._container.demux(self._track):
                try:
                    frames = packet.decode()
                except self._av.FFmpegError:
                    if self.rate:
                        raise
                    continue
                for frame in frames:
                    if frame.samples:
                        yield self._samples(frame)
        except (self._av.FFmpegError, MemoryError, ValueError) as error:
            raise self._damaged(error) from error

    def _samples(self, frame: Any) -> np.ndarray:
        """Return a frame as float32, (samples,) or (samples, channels)."""
        rate, channels = frame.sample_rate, frame.layout.nb_channels
        if not self.rate:
            check_rate(self.name, rate)
            check_channels(self.name, channels)
            self.rate, self.channels = rate, channels
        if (rate, channels) != (self.rate, self.channels):
            problem = f"changes from {self.rate} Hz and {self.channels} channels to {rate} Hz and"
            raise SerKerasError(self.name, f"{problem} {channels} channels", CONVERT)
        if frame.samples * channels > _MAX_FRAME:
            raise self._damaged(f"a frame of {frame.samples:,} samples")
        # the last packet of a track is longer than what it holds, and the header knows
        self._slack = max(self._slack, 2 * frame.samples)
        samples = frame.to_ndarray()
        samples = samples.T if frame.format.is_planar else samples.reshape(-1, channels)
        if samples.dtype == np.uint8:
            samples = (samples.astype(np.float32) - 128) / 128
        elif samples.dtype.kind == "i":
            samples = samples.astype(np.float32) * np.float32(2.0 ** (1 - 8 * samples.itemsize))
        with np.errstate(over="ignore"):  # beyond float32 becomes infinite, which is refused
            samples = samples.astype(np.float32, copy=False)
        return samples[:, 0] if channels == 1 else samples

    def _read(self, frames: int) -> Iterator[np.ndarray]:
        """Yield the next `frames`, or as many as there are."""
        size = min(BLOCK_FRAMES, BLOCK_SAMPLES // self.channels)
        while frames > 0:
            parts, length = [], 0
            while length < min(frames, size):
                part = next(self._frames, None) if self._rest is None else self._rest
                self._rest = None
                if part is None:
                    break
                room = min(frames, size) - length
                if len(part) > room:
                    part, self._rest = part[:room], part[room:]
                parts.append(part)
                length += len(part)
            if not parts:
                return
            frames -= length
            self._place += length
            yield np.ascontiguousarray(np.concatenate(parts))

    def _damaged(self, error: object) -> SerKerasError:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        problem = f"is {self._kind} that is cut off, damaged or encrypted ({reason})"
        return SerKerasError(self.name, problem, AGAIN)
