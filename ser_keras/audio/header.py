"""What a sound file's header promises, compared with what the file holds."""

from __future__ import annotations

import re
from typing import Any, Literal

# What libsndfile logs about a chunk larger than the file (WAV and CAF, AIFF, AU, W64) and in RF64.
_SIZES = re.compile(r"^ *(?:data|SSND|Data Size|riff) *: (\d+) \(should be (\d+)\)", re.MULTILINE)
_FRAMES = re.compile(r"frame count (\d+) does not match value from 'ds64' chunk of (\d+)")
_BEYOND = re.compile(r"Unknown chunk marker \(\w+\) at position (\d+)")
_PACE = re.compile(r"^ *Bytes/sec *: (\d+)", re.MULTILINE)
_OGG_CUT = "Ogg: Junk after the last page.", "Ogg : Junk after the last page."
_PLACEHOLDER = 0x7F000000  # bytes; programs that write to a pipe promise as much (ffmpeg, SoX)
_SLACK_BYTES = 64  # some programs promise the size of the file instead of that of its data
_UNKNOWN = b"\xff" * 4  # a size that stands for "to the end of the file"
_NO_SIZE = re.compile(r"^data *: 0$", re.MULTILINE)  # in a W64, which libsndfile reads to its end
_REPAIRED = "wasn't closed properly"  # libsndfile itself reads a WAV of RIFF size 8 to its end
_MAX_CHUNKS = 1_000  # no file has as many; without a limit, a list of empty chunks takes minutes


def is_cut(log: str) -> bool:
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


def was_repaired(log: str) -> bool:
    """Return whether libsndfile logged, on opening, that it reads beyond an unfinished header."""
    sizes = _SIZES.findall(log)
    is_empty = any(promised == "0" != present for promised, present in sizes)
    return _REPAIRED in log or is_empty or _NO_SIZE.search(log) is not None


def seconds_left(log: str, size: int) -> float:
    """Return how many seconds of sound may lie behind those that a WAV's header promises.

    Some recorders write the sizes every few seconds. Where one died, what came after the last time
    looks like a chunk that nobody knows; so does a large tag that another program appended.

    Args:
        log: What libsndfile logged on opening.
        size: Size of the file in bytes.
    """
    place, pace = _BEYOND.search(log), _PACE.search(log)
    if place is None or pace is None:
        return 0.0
    return (size - int(place[1])) / max(1, int(pace[1]))


def is_blank(stream: Any) -> bool:
    """Return whether a file begins with zeros: a recorder kept the place for its header."""
    stream.seek(0)
    return not stream.read(16).strip(b"\0")


def missing_sizes(stream: Any, size: int) -> list[tuple[int, bytes]]:
    """Return what a recorder would have written into the header, had it closed the file.

    A recorder writes the sizes last. Where it died before that, they are 0 (in CAF also -1), though
    the samples are there. libsndfile reads such AIFF and W64 files to their end by itself.

    Args:
        stream: File object of a WAV, RF64, CAF or AU file.
        size: Size of the file in bytes.

    Returns:
        Places in the file, and the bytes that belong there; nothing if the header is finished, or
        if the file is of another format.
    """
    stream.seek(0)
    kind = stream.read(4)
    if kind == b".snd":
        return [(8, _UNKNOWN)] if stream.read(8)[4:] == bytes(4) else []
    if kind not in (b"RIFF", b"RF64", b"caff"):
        return []
    order: Literal["little", "big"] = "big" if kind == b"caff" else "little"
    place, width = (8, 12) if kind == b"caff" else (12, 8)  # of the first chunk; of a chunk's head
    long_size = 0
    for _ in range(_MAX_CHUNKS):
        if place + width > size:  # no file is as large as CAF's 64 bits may say
            return []
        stream.seek(place)
        head = stream.read(width)
        name, promised = head[:4], int.from_bytes(head[4:], order)
        if name == b"data":
            break
        if name == b"ds64":  # holds the size of the samples in 64 bits
            long_size = place + 16
        place += width + promised + promised % 2 * (kind != b"caff")
    rest = size - place - width
    after = stream.read(8)  # another chunk follows one that is meant to be empty
    is_chunk = after[:4].isascii() and after[:4].decode().isprintable()
    if name != b"data" or rest < _SLACK_BYTES:
        return []
    if is_chunk and int.from_bytes(after[4:], order) <= rest - 8:
        return []
    if kind == b"caff":
        unfinished = promised == 0 or promised >= 1 << 63
        return [(place + 4, rest.to_bytes(8, order))] * unfinished
    if kind == b"RF64":
        return [(long_size, rest.to_bytes(8, order)), (place + 4, _UNKNOWN)] * bool(long_size)
    return [(4, _UNKNOWN), (place + 4, _UNKNOWN)]
