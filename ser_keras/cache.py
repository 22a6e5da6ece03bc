"""Two caches: the frames of a corpus, and what `audio.inspect` returned for its files.

Both are files that may be deleted at any time. They are replaced as a whole, under a lock, and a
damaged one counts as absent.
"""

from __future__ import annotations

import contextlib
import dataclasses
import glob
import itertools
import json
import math
import os
import shutil
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol, TypeVar

import numpy as np

from ser_keras import audio, console, files
from ser_keras.errors import SerKerasError, Skipped
from ser_keras.features import extract

# Clips that a thread takes at a time. One by one takes 20 % longer; more would use more memory.
_CHUNK = 8
_MAX_THREADS = 8  # a tenth of the work is Python's own, and one thread at a time can do that

_LENGTH_BYTES = 8  # the number at the start of the file that gives the length of the header
_ENTRY_BYTES = 96  # room in the header for a clip, its name apart; more than an entry ever takes
_MAX_HEADER_BYTES = 100_000_000  # the limit of the format, enough for 870,000 clips
_MAX_INFO_BYTES = 64 << 20
_INFO_FORMAT = 1

_Path = TypeVar("_Path", bound=str | os.PathLike)
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Spec(Protocol):
    """What a `FeatureStore` must know of its features; a `FeatureSpec` has it."""

    @property
    def key(self) -> str: ...
    @property
    def n_features(self) -> int: ...
    @property
    def sample_rate(self) -> int: ...
    @property
    def offset(self) -> float: ...
    @property
    def duration(self) -> float | None: ...
    def to_json(self) -> dict: ...


class FeatureStore(Mapping[str, np.ndarray]):
    """The frames of every clip of a corpus under one `FeatureSpec`, in one memory-mapped file.

    The file has the layout of safetensors (8 bytes of length, a JSON header, the numbers), so that
    any tool can open it. Each tensor is named after the content hash of its clip.

    Args:
        name: Name of the corpus, the first part of the file's name.
        spec: Features to extract; the last part of the file's name is `spec.key`.
        folder: Folder of the file.
        extract: Function from (samples, spec) to float32 (frames, n_features).
        isolated: Whether to run `extract` in separate processes; needed for native code that is not
            thread-safe, or that crashes beside other libraries (opensmile).

    Example:
        store = FeatureStore("tess", recipe.features)
        skipped = store.fill(paths, contents)
        frames = store[contents[0]]  # float32 (frames, n_features), read-only
    """

    def __init__(
        self,
        name: str,
        spec: Spec,
        folder: str | os.PathLike = files.CACHE,
        extract: Callable[[np.ndarray, Any], np.ndarray] = extract,
        isolated: bool = False,
    ):
        self.spec = spec
        self._extract = extract
        self._isolated = isolated
        self.path = Path(folder) / f"{name}-{spec.key}.safetensors"
        self._tensors = _load(self.path, spec.n_features)

    def __contains__(self, content: object) -> bool:
        return content in self._tensors.spans

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors.spans)

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
        """Extract the frames that are missing; memory use does not grow with the corpus.

        If another process is filling the same file, this one waits and then uses its work. A
        process that is killed leaves the file as it was.

        Args:
            paths: Sound files.
            contents: Content hash of each file (`audio.Clip.content`), the key of its frames.
            jobs: Number of threads or processes; None means one for each core, at most 8.
            strict: Whether a clip that cannot be read is an error.
            title: Title of the progress bar.

        Returns:
            The clips that cannot be read. The next call tries them again.

        Raises:
            SerKerasError: A clip cannot be read and `strict` is True, or the disk is full.
        """
        if not self._missing(paths, contents):
            return []
        with files.lock(self.path):
            self._tensors = _load(self.path, self.spec.n_features)
            missing = self._missing(paths, contents)
            skipped: list[Skipped] = []
            with contextlib.closing(self._fresh(missing, jobs, strict, title, skipped)) as fresh:
                first = next(fresh, None)
                if first is not None:  # else there is nothing new to write
                    self._write(itertools.chain([first], fresh), missing)
                    self._tensors = _load(self.path, self.spec.n_features)
        return skipped

    def _missing(self, paths, contents) -> dict[str, str | os.PathLike]:
        """Return content and path of the clips without frames, each content once."""
        pairs = zip(contents, paths, strict=True)
        return {content: path for content, path in pairs if content not in self}

    def _fresh(
        self, missing, jobs, strict, title, skipped
    ) -> Generator[tuple[str, np.ndarray], None, None]:
        """Yield content and frames of each clip that can be read; add the others to `skipped`."""
        if not missing:
            return
        spec, extract = self.spec, self._extract  # `frames_of` is sent to processes without self

        def frames_of(path: str | os.PathLike) -> np.ndarray:
            samples = audio.read(path, spec.sample_rate, offset=spec.offset, duration=spec.duration)
            return extract(samples, spec)

        results = _each(frames_of, list(missing.values()), jobs, self._isolated)
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
        """Replace the file by one that holds the present clips and the fresh ones."""
        partials = f".{glob.escape(self.path.stem)}-*.partial{self.path.suffix}"
        for stale in self.path.parent.glob(partials):
            files.remove(stale)  # a killed process has left it: only the holder of the lock writes
        spans = self._tensors.spans
        with files.atomic(self.path) as partial, open(partial, "wb") as stream:
            writer = _Writer(stream, self.spec, [*spans, *missing])
            if spans:  # copied as bytes, because pages of the memory map would stay in memory
                with open(self.path, "rb") as source:
                    _read_header(source)
                    writer.copy(source, {content: frames for content, (_, frames) in spans.items()})
            for content, frames in fresh:
                writer.add(content, frames)
            writer.finish()


class ClipInfoCache:
    """The results of `audio.inspect`, stored by absolute path, size and time of change of a file.

    Args:
        folder: Folder of the file `clips.json`.

    Example:
        clips, skipped = ClipInfoCache().inspect(paths)
        clips[paths[0]].content  # 16 hex digits
    """

    def __init__(self, folder: str | os.PathLike = files.CACHE):
        self.path = Path(folder) / "clips.json"

    def inspect(
        self,
        paths: Sequence[_Path],
        jobs: int | None = None,
        title: str = "reading",
    ) -> tuple[dict[_Path, audio.Clip], list[Skipped]]:
        """Return the `audio.Clip` of each path, and the files that cannot be read.

        Only files that are new or have changed are decoded.

        Args:
            paths: Sound files. The same objects are the keys of the result, in the same order.
            jobs: Number of threads; None means one for each core, at most 8.
            title: Title of the progress bar.
        """
        cached = self._read()
        stamps = {path: (os.path.abspath(Path(path)), _stamp(path)) for path in paths}
        clips = {path: _clip_of(cached.get(name), stamp) for path, (name, stamp) in stamps.items()}
        missing = [path for path, clip in clips.items() if clip is None]
        skipped = []
        if missing:
            rows: dict[str, list] = {}
            with contextlib.closing(console.progress(len(missing), title)) as bar:
                for path, result in zip(missing, _each(audio.inspect, missing, jobs), strict=True):
                    bar.update()
                    if isinstance(result, SerKerasError):
                        skipped.append(Skipped.because(path, result))
                    else:
                        clips[path] = result
                        name, stamp = stamps[path]
                        if stamp:  # else the file was put there only now
                            rows[name] = [*stamp, *dataclasses.astuple(result)]
            if rows:
                self._add(rows)
        return {path: clip for path, clip in clips.items() if clip is not None}, skipped

    def _add(self, rows: dict[str, list]) -> None:
        """Store more rows, where the file can be written: all are known again after decoding."""
        try:
            with files.lock(self.path):  # another process may have added rows meanwhile
                rows = self._read() | rows
                files.write_json(self.path, {"format": _INFO_FORMAT, "clips": rows})
        except SerKerasError as error:
            console.warn(f"{error.subject}: {error.problem}; --cache names another folder.")

    def _read(self) -> dict[str, list]:
        """Return the rows of the file by absolute path."""
        try:
            value = files.read_json(self.path, _MAX_INFO_BYTES)
        except SerKerasError:  # absent or damaged: every file will be decoded again
            return {}
        if not isinstance(value, dict) or value.get("format") != _INFO_FORMAT:
            return {}
        rows = value.get("clips")
        return rows if isinstance(rows, dict) else {}


class _Tensors(NamedTuple):
    """The content of a file of frames."""

    spans: dict[str, tuple[int, int]]  # content of a clip -> its first row, its number of frames
    rows: np.ndarray  # (all frames, n_features)


class _Writer:
    """Writes a safetensors file in one pass: it leaves room for the header, which comes last."""

    def __init__(self, stream: BinaryIO, spec: Spec, contents: list[str]):
        metadata = {"spec": json.dumps(spec.to_json(), sort_keys=True)}
        self._head = json.dumps({"__metadata__": metadata})[:-1].encode()
        names = sum(len(json.dumps(content)) for content in contents)
        self._room = len(self._head) + names + _ENTRY_BYTES * len(contents) + 1
        self._room += -(self._room + _LENGTH_BYTES) % 64  # aligns the numbers to 64 bytes
        self._stream = stream
        self._width = spec.n_features
        self._frames: dict[str, int] = {}
        stream.seek(_LENGTH_BYTES + self._room)

    def copy(self, source: BinaryIO, frames: dict[str, int]) -> None:
        """Copy the frames of other clips, which `source` holds in the order of `frames`."""
        shutil.copyfileobj(source, self._stream, 1 << 20)
        self._frames |= frames

    def add(self, content: str, clip: np.ndarray) -> None:
        self._stream.write(np.ascontiguousarray(clip, "<f4").data)
        self._frames[content] = len(clip)

    def finish(self) -> None:
        """Write the header, padded with spaces, as the format allows."""
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
    """Return the content of a file, or nothing if it is absent, damaged or of other features."""
    row = 0

    def span(entry: dict) -> object:
        """Return the span of an entry while JSON is parsed: dicts take four times the memory."""
        nonlocal row
        if "data_offsets" not in entry:
            return entry
        frames = entry["shape"][0]
        first, row = row, row + frames
        offsets = [4 * width * first, 4 * width * row]
        expected = {"dtype": "F32", "shape": [frames, width], "data_offsets": offsets}
        if type(frames) is not int or frames < 1 or entry != expected:
            raise ValueError("an entry is not as it was written")
        return first, frames

    try:
        with open(path, "rb") as stream:
            spans = json.loads(_read_header(stream), object_hook=span)
            del spans["__metadata__"]
            size = stream.tell() + 4 * width * row
            if not spans or size != os.fstat(stream.fileno()).st_size:
                raise ValueError("there is more or less than the header says")
            if not all(type(value) is tuple for value in spans.values()):
                raise ValueError("an entry is missing")
            rows = np.memmap(stream, "<f4", "r", stream.tell()).reshape(-1, width)
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return _Tensors({}, np.empty((0, width), np.float32))
    return _Tensors(spans, rows.view(np.ndarray))


def _read_header(stream: BinaryIO) -> bytes:
    """Return the header of a safetensors file and leave the stream at the start of the numbers."""
    size = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
    if size > _MAX_HEADER_BYTES:
        raise ValueError("the header is too long")
    return stream.read(size)


def _each(
    function: Callable[[_Item], _Result],
    items: Sequence[_Item],
    jobs: int | None,
    isolated: bool = False,
) -> Iterator[_Result | SerKerasError]:
    """Yield the function's result for each item, or the SerKerasError that it raises."""

    def attempts(chunk: Sequence[_Item]) -> list[_Result | SerKerasError]:
        results: list[_Result | SerKerasError] = []
        for item in chunk:
            try:
                results.append(function(item))
            except SerKerasError as error:
                results.append(error)
        return results

    chunks = (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))
    few = jobs == 1 or len(items) <= _CHUNK  # done sooner than joblib is imported
    if few and not isolated:
        for chunk in chunks:
            yield from attempts(chunk)
        return
    import joblib

    # Threads, because decoding, resampling and transforms release Python's lock: on two cores they
    # were 1.5 to 1.6 times as fast as a loop. loky's processes were 1.1 to 1.4 times as fast, not
    # counting their start.
    n_jobs = jobs or min(joblib.cpu_count(), _MAX_THREADS)
    run = joblib.Parallel(
        n_jobs=max(2, n_jobs) if isolated else n_jobs,  # a single job would run in this process
        backend="loky" if isolated else "threading",
        return_as="generator",
        pre_dispatch="2*n_jobs",
        batch_size=1,
    )
    for results in run(joblib.delayed(attempts)(chunk) for chunk in chunks):
        yield from results


def _stamp(path: str | os.PathLike) -> tuple[int, int] | None:
    """Return size and time of change of a file, or None if it cannot be opened."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # `audio.inspect` will say what is wrong
        return None
    return status.st_size, status.st_mtime_ns


def _clip_of(row: object, stamp: tuple[int, int] | None) -> audio.Clip | None:
    """Return the clip in a row of the cache, or None if the file has changed since."""
    match row:
        case [int(size), int(time), float(duration), int(rate), int(channels), str(content)]:
            if (size, time) == stamp and math.isfinite(duration):
                return audio.Clip(duration, rate, channels, content)
    return None
