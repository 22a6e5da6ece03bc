"""What was computed once: the frames of a corpus, and what is known of its files.

Both are files that may be deleted at any time, are replaced as a whole under a lock, and count as
absent when they are damaged.
"""

from __future__ import annotations

import contextlib
import glob
import itertools
import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from ser_keras import audio, console, files
from ser_keras.errors import SerKerasError, Skipped
from ser_keras.features import FeatureSpec, extract

# Clips that a thread takes at a time: one by one costs 20 % more, and more would be held in memory.
_CHUNK = 8
_MAX_THREADS = 8  # what Python itself does for a clip, a tenth, is done by one thread at a time

_LENGTH_BYTES = 8  # of the number before the header that tells its length
_ENTRY_BYTES = 96  # reserved in the header for a clip besides its name, more than it ever takes
_MAX_HEADER_BYTES = 100_000_000  # the format's own limit, 870,000 clips
_MAX_MEMORY_BYTES = 64 << 20
_MEMORY_FORMAT = 1


class FeatureStore:
    """The frames of every clip of a corpus under one `FeatureSpec`, in one memory-mapped file.

    The file has the layout of safetensors (8 bytes of length, a JSON header, the numbers), so that
    any tool opens it; a tensor is named after the content of its clip.

    Args:
        name: Of the corpus; begins the name of the file.
        spec: What is extracted; its key ends the name of the file.
        folder: Where the file is.
        extract: How: maps samples and the spec to float32 (frames, n_features). With another than
            `features.extract`, the spec may be anything with a FeatureSpec's key, n_features,
            sample_rate, offset, duration and to_json.
        apart: Whether it runs in processes of their own: for native code that two threads, or the
            other libraries of a process, may crash.

    Example:
        store = FeatureStore("tess", recipe.features)
        skipped = store.fill(paths, contents)
        frames = store[contents[0]]  # float32 (frames, n_features), read-only
    """

    def __init__(
        self,
        name: str,
        spec: FeatureSpec,
        folder: str | os.PathLike = files.CACHE,
        extract: Callable[[np.ndarray, FeatureSpec], np.ndarray] = extract,
        apart: bool = False,
    ):
        self.spec = spec
        self._frames_of = extract
        self._apart = apart
        self.path = Path(folder) / f"{name}-{spec.key}.safetensors"
        self._tensors = _load(self.path, spec.n_features)

    def __contains__(self, content: str) -> bool:
        return content in self._tensors.spans

    def __len__(self) -> int:
        return len(self._tensors.spans)

    def __getitem__(self, content: str) -> np.ndarray:
        """Return the frames (frames, n_features) of a clip, float32, as a read-only view."""
        start, frames = self._tensors.spans[content]
        return self._tensors.rows[start : start + frames]

    def fill(
        self,
        paths: Sequence[str | os.PathLike],
        contents: Sequence[str],
        *,
        jobs: int | None = None,
        strict: bool = False,
        title: str = "features",
    ) -> list[Skipped]:
        """Extract what is not there yet; memory does not grow with the corpus.

        A process that comes while another one fills waits, and then finds the work done. One that
        is killed leaves the file as it was.

        Args:
            paths: Sound files.
            contents: What each holds, `Clip.content`; frames are kept under it.
            jobs: Threads, or processes; None means as many as there are cores, at most 8.
            strict: Whether a clip that cannot be read is an error.
            title: What the progress is called.

        Returns:
            The clips that cannot be read, which will be tried again next time.

        Raises:
            SerKerasError: A clip cannot be read and `strict`, or the disk is full.
        """
        if not self._missing(paths, contents):
            return []
        with files.lock(self.path):
            self._tensors = _load(self.path, self.spec.n_features)
            missing = self._missing(paths, contents)
            skipped = []
            with contextlib.closing(self._extract(missing, jobs, strict, title, skipped)) as fresh:
                first = next(fresh, None)
                if first is not None:  # else there is nothing to replace the file for
                    self._write(itertools.chain([first], fresh), missing)
                    self._tensors = _load(self.path, self.spec.n_features)
        return skipped

    def _missing(self, paths, contents) -> dict[str, str | os.PathLike]:
        """Return content and path of what is to be extracted, each content once."""
        pairs = zip(contents, paths, strict=True)
        return {content: path for content, path in pairs if content not in self}

    def _extract(self, missing, jobs, strict, title, skipped) -> Iterator[tuple[str, np.ndarray]]:
        """Yield content and frames of each clip that can be read; add the others to `skipped`."""
        if not missing:
            return
        spec, extracted = self.spec, self._frames_of

        def frames_of(path):  # takes nothing along but what it names: it may go to other processes
            part = {"offset": spec.offset, "duration": spec.duration}
            return extracted(audio.read(path, spec.sample_rate, **part), spec)

        results = _each(frames_of, list(missing.values()), jobs, self._apart)
        with contextlib.closing(console.progress(len(missing), title)) as bar:
            for (content, path), result in zip(missing.items(), results, strict=True):
                bar.update()
                if not isinstance(result, SerKerasError):
                    yield content, result
                elif strict:
                    raise result
                else:
                    skipped.append(Skipped.because(path, result))

    def _write(self, fresh: Iterator[tuple[str, np.ndarray]], missing: Iterable[str]) -> None:
        """Write what is there already and what comes, as a new file that replaces the old one."""
        partials = f".{glob.escape(self.path.stem)}-*.partial{self.path.suffix}"
        for stale in self.path.parent.glob(partials):
            files.remove(stale)  # of a process that was killed: who holds the lock writes alone
        spans = self._tensors.spans
        with files.atomic(self.path) as partial, open(partial, "wb") as stream:
            writer = _Writer(stream, self.spec, [*spans, *missing])
            if spans:  # copied as bytes: through the memory map they would stay in memory
                with open(self.path, "rb") as source:
                    _read_header(source)
                    writer.copy(source, {content: frames for content, (_, frames) in spans.items()})
            for content, frames in fresh:
                writer.add(content, frames)
            writer.finish()


class Memory:
    """What `audio.inspect` found in a file, remembered by absolute path, size and time of change.

    Args:
        folder: Where the memory is kept.
    """

    def __init__(self, folder: str | os.PathLike = files.CACHE):
        self.path = Path(folder) / "clips.json"

    def inspect(
        self,
        paths: Sequence[str | os.PathLike],
        jobs: int | None = None,
        title: str = "reading",
    ) -> tuple[dict[str | os.PathLike, audio.Clip], list[Skipped]]:
        """Return the clip of each path, and the files that cannot be read.

        Only files that are new or have changed are decoded.

        Args:
            paths: Sound files; the clips are returned under these very objects, in this order.
            jobs: Threads; None means as many as there are cores, at most 8.
            title: What the progress is called.
        """
        known = self._read()
        keys = {path: (os.path.abspath(path), _stamp(path)) for path in paths}
        clips = {path: _recall(known.get(name), stamp) for path, (name, stamp) in keys.items()}
        unknown = [path for path, clip in clips.items() if clip is None]
        skipped = []
        if unknown:
            with contextlib.closing(console.progress(len(unknown), title)) as bar:
                for path, result in zip(unknown, _each(audio.inspect, unknown, jobs), strict=True):
                    bar.update()
                    clips[path] = result
            skipped = [
                Skipped.because(path, clips.pop(path))
                for path in unknown
                if isinstance(clips[path], SerKerasError)
            ]
            learned = (path for path in unknown if path in clips)
            self._learn(
                {keys[path][0]: [*keys[path][1], *_values(clips[path])] for path in learned}
            )
        return clips, skipped

    def _read(self) -> dict[str, list]:
        try:
            value = files.read_json(self.path, _MAX_MEMORY_BYTES)
        except SerKerasError:  # absent or damaged: everything will be read again
            return {}
        known = value.get("clips") if isinstance(value, dict) else None
        right = isinstance(known, dict) and value.get("format") == _MEMORY_FORMAT
        return known if right else {}

    def _learn(self, rows: dict[str, list]) -> None:
        if rows:
            with files.lock(self.path):  # others may have learned something meanwhile
                clips = self._read() | rows
                files.write_json(self.path, {"format": _MEMORY_FORMAT, "clips": clips})


class _Tensors(NamedTuple):
    """What a file holds: where the frames of a clip begin, how many there are, and all of them."""

    spans: dict[str, tuple[int, int]]
    rows: np.ndarray  # (all frames, n_features)


class _Writer:
    """Writes a safetensors file in one pass: room for the header first, the header itself last."""

    def __init__(self, stream: BinaryIO, spec: FeatureSpec, contents: list[str]):
        metadata = {"spec": json.dumps(spec.to_json(), sort_keys=True)}
        self._head = json.dumps({"__metadata__": metadata})[:-1].encode()
        names = sum(len(json.dumps(content)) for content in contents)
        self._room = len(self._head) + names + _ENTRY_BYTES * len(contents) + 1
        self._room += -(self._room + _LENGTH_BYTES) % 64  # the numbers begin on a round address
        self._stream = stream
        self._width = spec.n_features
        self._frames: dict[str, int] = {}
        stream.seek(_LENGTH_BYTES + self._room)

    def copy(self, source: BinaryIO, frames: dict[str, int]) -> None:
        """Take the numbers of other clips, which follow one another as in `frames`."""
        shutil.copyfileobj(source, self._stream, 1 << 20)
        self._frames |= frames

    def add(self, content: str, clip: np.ndarray) -> None:
        self._stream.write(np.ascontiguousarray(clip, "<f4"))
        self._frames[content] = len(clip)

    def finish(self) -> None:
        """Write the header, padded with the spaces that the format allows."""
        self._stream.seek(0)
        self._stream.write(self._room.to_bytes(_LENGTH_BYTES, "little") + self._head)
        end = 0
        for content, frames in self._frames.items():
            start, end = end, end + 4 * frames * self._width
            entry = {"dtype": "F32", "shape": [frames, self._width], "data_offsets": [start, end]}
            text = f",{json.dumps(content)}:{json.dumps(entry, separators=(',', ':'))}"
            self._stream.write(text.encode())
        self._stream.write(b"}".ljust(_LENGTH_BYTES + self._room - self._stream.tell()))


def _load(path: Path, width: int) -> _Tensors:
    """Return what a file holds: nothing if it is absent, damaged, or of other features."""
    row = 0

    def span(entry: dict) -> object:
        """Turn an entry into its span as soon as it is parsed: dicts take four times the memory."""
        nonlocal row
        if "data_offsets" not in entry:
            return entry
        frames = entry["shape"][0]
        first, row = row, row + frames
        offsets = [4 * width * first, 4 * width * row]
        right = {"dtype": "F32", "shape": [frames, width], "data_offsets": offsets}
        if type(frames) is not int or frames < 1 or entry != right:
            raise ValueError("an entry is not as it was written")
        return first, frames

    try:
        with open(path, "rb") as stream:
            spans = json.loads(_read_header(stream), object_hook=span)
            del spans["__metadata__"]
            wanted = stream.tell() + 4 * width * row
            if not spans or wanted != os.fstat(stream.fileno()).st_size:
                raise ValueError("there is more or less than the header says")
            if not all(type(value) is tuple for value in spans.values()):
                raise ValueError("an entry is missing")
            rows = np.memmap(stream, "<f4", "r", stream.tell()).reshape(-1, width)
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return _Tensors({}, np.empty((0, width), np.float32))
    return _Tensors(spans, rows.view(np.ndarray))


def _read_header(stream: BinaryIO) -> bytes:
    """Return the header of a safetensors file, leaving the stream where the numbers begin."""
    size = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
    if size > _MAX_HEADER_BYTES:
        raise ValueError("the header is too long")
    return stream.read(size)


def _each(
    function: Callable, items: list, jobs: int | None, apart: bool = False
) -> Iterator[object]:
    """Yield what the function returns for each item, or the SerKerasError that it raises."""

    def attempts(chunk):
        results = []
        for item in chunk:
            try:
                results.append(function(item))
            except SerKerasError as error:
                results.append(error)
        return results

    chunks = (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))
    few = jobs == 1 or len(items) <= _CHUNK  # a few files are read before joblib is imported
    if few and not apart:
        for chunk in chunks:
            yield from attempts(chunk)
        return
    import joblib

    # Threads, because decoding, resampling and transforms leave Python's lock: on two cores they
    # were 1.5 to 1.6 times as fast as a loop, loky's processes 1.1 to 1.4 times, start not counted.
    n_jobs = jobs or min(joblib.cpu_count(), _MAX_THREADS)
    run = joblib.Parallel(
        n_jobs=max(2, n_jobs) if apart else n_jobs,  # one would be this process
        backend="loky" if apart else "threading",
        return_as="generator",
        pre_dispatch="2*n_jobs",
        batch_size=1,
    )
    for results in run(joblib.delayed(attempts)(chunk) for chunk in chunks):
        yield from results


def _stamp(path: str | os.PathLike) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # `audio.inspect` will say what is wrong
        return None
    return status.st_size, status.st_mtime_ns


def _values(clip: audio.Clip) -> list:
    return [clip.duration, clip.sample_rate, clip.channels, clip.content]


def _recall(row: object, stamp: tuple[int, int] | None) -> audio.Clip | None:
    """Return the clip in a row of the memory, unless the file is another one by now."""
    match row:
        case [int(size), int(time), float(duration), int(rate), int(channels), str(content)]:
            if (size, time) == stamp and math.isfinite(duration):
                return audio.Clip(duration, rate, channels, content)
    return None
