"""Fetching a corpus from the archive of those who publish it, on request: the only connection.

An archive is a record with a DOI. `pooch` asks the repository behind it (Zenodo, Dataverse) which
files the record has, where, and with which checksums. Everything is fetched, checked and unpacked
in a hidden folder beside its place, and moved there in one step at the end.

All this was tried against a local server that speaks as these repositories are documented to.
There was no way to the real ones, so it is not known from trial that the DOIs resolve today, that
they let us fetch without limits of rate, nor how the record of TESS is laid out (a file per clip,
as its copies in use suggest, or zip files: both are understood).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import threading
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras import console, files
from ser_keras.errors import SerKerasError

if TYPE_CHECKING:
    from ser_keras.corpora._corpus import Corpus
    from ser_keras.corpora._index import Validation

CONNECTIONS = 4  # a record with a file per clip takes most of an hour over one
RETRIES = 3  # of a file that does not arrive whole; pooch waits 1, 2, 3 s between
MAX_FILES = 20_000  # in a record or a zip file
SLACK = 2  # how many times the announced size is believed before it is called an attack
CHUNK = 1 << 16


@dataclass(frozen=True)
class Archive:
    """Where a corpus is published, open to all.

    Args:
        doi: Of the record that holds it.
        size: Bytes to fetch.
        unpacked: Bytes that its zip file unfolds to; 0 where the record has a file per clip.
        file: Name of its zip file in the record; None for all clips that the record has.
        checksum: Of that file (`md5:...`); None for what the record says.
    """

    doi: str
    size: int
    unpacked: int = 0
    file: str | None = None
    checksum: str | None = None

    @property
    def address(self) -> str:
        return f"https://doi.org/{self.doi}"

    @property
    def needed(self) -> int:
        """Bytes on the disk while it is fetched and unpacked."""
        return self.size + self.unpacked


def download(corpus: Corpus, root: Path, cache: str | os.PathLike) -> Validation:
    """Fetch a corpus into a folder of its own below `root`; see `Corpus.download`."""
    archive = corpus.archive
    if isinstance(archive, str):
        problem = f"cannot be fetched from here: {archive}"
        raise SerKerasError(corpus.name, problem, f"How to have it: {corpus.home}")
    own = corpus.find(root)
    if own is not None:
        return _already_there(corpus, own, cache)
    target = root / corpus.name.upper()
    console.say(f"{corpus.title}: {corpus.source}.")
    console.say(f"Licence: {corpus.licence}.")
    console.say(
        f"{archive.size / 1e6:.0f} MB to fetch from {archive.address}; "
        f"{archive.needed / 1e6:.0f} MB needed on the disk of {target}."
    )
    files.require_space(target, archive.needed)
    with files.atomic_folder(target) as folder:
        for path in _fetch(corpus, archive, folder):
            if path.suffix.lower() == ".zip":
                _unpack(path, folder, SLACK * max(archive.size, archive.unpacked))
                files.remove(path)
        if corpus.find(folder) is None:
            problem = f"holds no clips of {corpus.title}"
            raise SerKerasError(archive.address, problem, f"It may have changed: {corpus.home}")
    console.say(f"{corpus.title} is in {target}.")
    found = corpus.validate(target, cache)
    for sentence in found.sentences():
        console.say(sentence)
    if not found.complete:
        console.warn(f"{corpus.title} is not complete, though all that its archive has arrived.")
    return found


def _already_there(corpus: Corpus, own: Path, cache: str | os.PathLike) -> Validation:
    found = corpus.validate(own, cache)
    if not found.complete:
        problem = f"holds {corpus.title} in part ({found.sentences()[0].rstrip('.')})"
        raise SerKerasError(own, problem, "Move it away, or choose another folder, to fetch it all")
    console.say(f"{corpus.title} is in {own} already; nothing is fetched.")
    for sentence in found.sentences():
        console.say(sentence)
    return found


def _fetch(corpus: Corpus, archive: Archive, folder: Path) -> list[Path]:
    """Fetch what is wanted of the record into `folder`, each file checked; return the paths."""
    import pooch

    pooch.get_logger().setLevel("WARNING")  # it would tell of each file
    checksums, address_of = _look_up(corpus, archive)
    store = pooch.create(folder, base_url="", registry=checksums, retry_if_failed=RETRIES)
    limit = archive.size if archive.file else SLACK * archive.size
    bar = console.progress(archive.size, f"fetching {corpus.name}", unit="B")
    meter = _Meter(archive, bar, limit)

    def fetch(name: str) -> Path:
        with _explained(corpus, archive, f"{name} "):
            store.urls[name] = address_of(name)
            return Path(store.fetch(name, downloader=meter.receive))

    pool = ThreadPoolExecutor(CONNECTIONS)  # not joblib's: what waits must not start after an error
    try:
        return list(pool.map(fetch, checksums))
    finally:
        meter.stop()
        pool.shutdown(cancel_futures=True)
        bar.close()


def _look_up(corpus: Corpus, archive: Archive) -> tuple[dict[str, str], Callable[[str], str]]:
    """Return name -> checksum of the files wanted of the record, and what tells an address."""
    from pooch import DOIDownloader, create
    from pooch.downloaders import doi_to_repository

    polite = DOIDownloader()  # its headers are what Zenodo wants to see, its timeout is 30 s
    record = create(".", base_url="")
    with _explained(corpus, archive, "its list of files "):
        repository = doi_to_repository(archive.doi, headers=polite.headers, timeout=polite.timeout)
        repository.populate_registry(record)
    if archive.file:
        wanted = [name for name in record.registry if name == archive.file]
    else:  # where there are both clips and zip files, these hold the clips again
        clips = [name for name in record.registry if corpus.parse(name)]
        wanted = clips or [name for name in record.registry if name.lower().endswith(".zip")]
    if not wanted or len(wanted) > MAX_FILES or not all(_is_plain(name) for name in wanted):
        problem = f"does not list {archive.file or f'clips of {corpus.title}'} as it should"
        raise SerKerasError(archive.address, problem, f"It may have changed: {corpus.home}")
    checksums = {name: record.registry[name] for name in sorted(wanted)}
    if archive.checksum:
        checksums[archive.file] = archive.checksum
    return checksums, repository.download_url


class _Meter:
    """Counts what arrives over all connections, and ends what is too much or no longer wanted."""

    def __init__(self, archive: Archive, bar, limit: int):
        self.archive = archive
        self.bar = bar
        self.left = limit
        self.arrived = Counter()  # address -> bytes
        self.stopped = False
        self.lock = threading.Lock()

    def receive(self, url: str, path: str, store) -> None:
        """Fetch `url` into `path`, as pooch wants its downloaders to."""
        from pooch import DOIDownloader, HTTPDownloader

        polite = DOIDownloader()
        download = HTTPDownloader(chunk_size=CHUNK, headers=polite.headers, timeout=polite.timeout)
        self.add(url, -self.arrived[url])  # pooch tries again
        with open(path, "wb") as stream:
            download(url, _Counted(stream, url, self), store)

    def add(self, url: str, size: int) -> None:
        with self.lock:
            self.arrived[url] += size
            self.left -= size
            self.bar.update(size)

    def check(self) -> None:
        if self.stopped:
            raise SerKerasError(self.archive.address, "was left", "Run the same command again")
        if self.left < 0:
            problem = f"sends more than the {self.archive.size / 1e6:.0f} MB that it should"
            raise SerKerasError(self.archive.address, problem, "Tell its publishers")

    def stop(self) -> None:
        self.stopped = True


class _Counted:
    """A file that tells a meter what is written to it."""

    def __init__(self, stream, url: str, meter: _Meter):
        self.stream = stream
        self.url = url
        self.meter = meter

    def write(self, chunk: bytes) -> None:
        self.stream.write(chunk)
        self.meter.add(self.url, len(chunk))
        self.meter.check()

    def flush(self) -> None:
        self.stream.flush()


@contextlib.contextmanager
def _explained(corpus: Corpus, archive: Archive, what: str) -> Iterator[None]:
    """Turn what pooch raises into a sentence; what the disk refuses goes on as it is.

    The errors of requests, which pooch uses, are OSErrors without a number, some of them
    ValueErrors too.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error.errno, int):
            raise
        reason, cause = _reason(error), error
    except ValueError as error:
        reason, cause = f"is not what its publishers describe ({error})", error
    except (LookupError, TypeError, AttributeError) as error:
        reason, cause = "is in a form that is not understood", error
    else:
        return
    remedy = f"Try again later, or {corpus.home}"
    raise SerKerasError(archive.address, f"{what}{reason}", remedy) from cause


def _reason(error: OSError) -> str:
    response = getattr(error, "response", None)
    if response is not None:
        return f"was refused (HTTP status {response.status_code})"
    if "Timeout" in type(error).__name__ or "timed out" in str(error):
        return "did not come: the server fell silent"
    return "did not come whole: the connection failed or was cut"


def _is_plain(name: str) -> bool:
    """Return whether a name is a path that stays below the folder it is put in."""
    parts = name.rstrip("/").split("/")
    strange = any(character in name for character in "\\:\0")
    return not strange and all(
        part not in ("", ".", "..") and len(part.encode()) < 256 for part in parts
    )


def _unpack(path: Path, folder: Path, limit: int) -> None:
    """Unpack a zip file into `folder`.

    Raises:
        SerKerasError: It is damaged, encrypted, holds more than `limit` bytes or `MAX_FILES`, or
            anything but plain files below its folder.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(path, archive, limit)
            total = sum(member.file_size for member in members)
            files.require_space(folder, total)
            title = f"unpacking {path.name}"
            with contextlib.closing(console.progress(total, title, unit="B")) as bar:
                for member in members:
                    target = folder / member.filename
                    target.parent.mkdir(parents=True, exist_ok=True)
                    # no member unfolds to more than it announces: zipfile stops there
                    with archive.open(member) as source, open(target, "xb") as sink:
                        shutil.copyfileobj(source, sink, CHUNK)
                    bar.update(member.file_size)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise SerKerasError(path.name, f"is damaged ({error})", "Fetch it again") from error


def _members(path: Path, archive: zipfile.ZipFile, limit: int) -> list[zipfile.ZipInfo]:
    """Return the files of a zip file, if every one of them may be unpacked."""
    everything = archive.infolist()
    problem = None
    if len(everything) > MAX_FILES:
        problem = f"holds more than {MAX_FILES} files"
    elif sum(member.file_size for member in everything) > limit:
        problem = f"unfolds to more than {limit / 1e6:.0f} MB"
    seen = {path.name.lower()}
    for member in everything:
        kind = stat.S_IFMT(member.external_attr >> 16)  # 0: not said
        name = member.filename.rstrip("/").lower()
        if not _is_plain(member.filename) or kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            problem = problem or f"holds {member.filename!r}, which is no file below its folder"
        elif member.flag_bits & 1:
            problem = problem or "is encrypted"
        elif name in seen:
            problem = problem or f"holds {member.filename!r} twice"
        seen.add(name)
    if problem:
        raise SerKerasError(path.name, problem, "Do not trust it; nothing of it was kept")
    return [member for member in everything if not member.is_dir()]
