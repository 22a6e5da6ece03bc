"""Downloading a corpus from its publishers, on request: the only network connection.

An archive is a record with a DOI. `pooch` asks its repository (Zenodo, Dataverse) which files the
record has, at which addresses and with which checksums. Everything is fetched, checked and unpacked
in a hidden folder beside the target, and moved to the target in one step at the end.

This was tested against a local server that answers as the repositories are documented to, without
access to the real ones. So three things are untested: that the DOIs resolve today, that the
repositories allow this many requests, and whether the record of TESS has a file per clip, as its
copies in use suggest, or zip files (both work).
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
from pathlib import Path

from ser_keras import console, files
from ser_keras.corpora._corpus import Archive, Corpus
from ser_keras.corpora._index import Validation
from ser_keras.errors import SerKerasError

CONNECTIONS = 4  # with one connection, a record with a file per clip takes most of an hour
RETRIES = 3  # for a file that arrives incomplete; pooch waits 1, 2 and 3 s before each
MAX_FILES = 20_000  # in a record or a zip file
MAX_RECORD_BYTES = 32 << 20  # of what a repository says about a record
LOCAL = ("localhost", "127.0.0.1")  # needs no encryption
SLACK = 2  # more than this many times the announced size is treated as an attack
CHUNK = 1 << 16


def download(
    corpus: Corpus,
    root: str | os.PathLike = files.DATA,
    cache: str | os.PathLike = files.CACHE,
) -> Validation:
    """Fetch a corpus from its publishers into a folder of its own below `root`.

    Source, licence, size and the space it needs are printed first. A corpus that is already
    complete below `root` is not fetched again. An interrupted or damaged download leaves nothing
    behind.

    Args:
        corpus: Corpus to fetch.
        root: Folder of all corpora; `TESS`, `RAVDESS`, ... appear below it.
        cache: Folder in which the facts about each file are remembered.

    Returns:
        The result of `Corpus.validate`, which has been printed.

    Raises:
        SerKerasError: There is no archive open to all, part of the corpus is there already, the
            disk is too small, or the archive sent other data than it publishes.
    """
    root, archive = Path(root), corpus.archive
    if isinstance(archive, str):
        problem = f"cannot be downloaded by this program: {archive}"
        raise SerKerasError(corpus.name, problem, f"How to get it: {corpus.home}")
    own = corpus.find(root)
    if own is not None:
        return _already_there(corpus, own, cache)
    target = root / corpus.name.upper()
    console.say(f"{corpus.title}: {corpus.source}.")
    console.say(f"Licence: {corpus.licence}.")
    console.say(
        f"The download from {archive.address} has {archive.size / 1e6:.0f} MB and needs "
        f"{archive.needed / 1e6:.0f} MB on the disk of {target}."
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
    validation = corpus.validate(target, cache)
    for sentence in validation.sentences():
        console.say(sentence)
    if not validation.complete:
        console.warn(f"{corpus.title} is not complete, although its whole archive was downloaded.")
    return validation


def _already_there(corpus: Corpus, own: Path, cache: str | os.PathLike) -> Validation:
    validation = corpus.validate(own, cache)
    if not validation.complete:
        problem = f"holds a part of {corpus.title} ({validation.sentences()[0].rstrip('.')})"
        remedy = "To download all of it, move this folder away or choose another one"
        raise SerKerasError(own, problem, remedy)
    console.say(f"{corpus.title} is already in {own}; nothing is downloaded.")
    for sentence in validation.sentences():
        console.say(sentence)
    return validation


def _fetch(corpus: Corpus, archive: Archive, folder: Path) -> list[Path]:
    """Fetch the files of a corpus from its record into `folder`, check them, return the paths."""
    import pooch

    pooch.get_logger().setLevel("WARNING")  # it logs every file otherwise
    checksums, address_of = _look_up(corpus, archive)
    store = pooch.create(folder, base_url="", registry=checksums, retry_if_failed=RETRIES)
    limit = archive.size if archive.file else SLACK * archive.size
    bar = console.progress(archive.size, f"fetching {corpus.name}", unit="B")
    meter = _Meter(archive, bar, limit)

    def fetch(name: str) -> Path:
        with _explained(corpus, archive, f"{name} "):
            store.urls[name] = address_of(name)
            return Path(store.fetch(name, downloader=meter.receive))

    pool = ThreadPoolExecutor(CONNECTIONS)  # joblib would start waiting files after an error
    try:
        return list(pool.map(fetch, checksums))
    finally:
        meter.stop()
        pool.shutdown(cancel_futures=True)
        bar.close()


def _look_up(corpus: Corpus, archive: Archive) -> tuple[dict[str, str], Callable[[str], str]]:
    """Return name -> checksum of the files to fetch, and a function from name to address."""
    from pooch import DOIDownloader, create
    from pooch.downloaders import doi_to_repository

    defaults = DOIDownloader()  # its headers are those that Zenodo asks for, its timeout is 30 s
    record = create(".", base_url="")
    with _explained(corpus, archive, "its list of files "):
        repository = doi_to_repository(
            archive.doi,
            headers=defaults.headers,
            timeout=defaults.timeout,
            hooks={"response": _Route(archive, MAX_RECORD_BYTES).check},
        )
        repository.populate_registry(record)
    if archive.file:
        names = [name for name in record.registry if name == archive.file]
    else:  # zip files beside clips hold the same clips again
        clips = [name for name in record.registry if corpus.parse(name)]
        names = clips or [name for name in record.registry if name.lower().endswith(".zip")]
    if not names or len(names) > MAX_FILES or not all(_is_plain(name) for name in names):
        problem = f"does not list {archive.file or f'clips of {corpus.title}'} as it should"
        raise SerKerasError(archive.address, problem, f"It may have changed: {corpus.home}")
    checksums = {name: record.registry[name] for name in sorted(names)}
    if archive.checksum:
        checksums[archive.file] = archive.checksum
    return checksums, repository.download_url


class _Meter:
    """Counts the bytes of all connections; stops them at a limit or after an error elsewhere."""

    def __init__(self, archive: Archive, bar, limit: int):
        self.archive = archive
        self.bar = bar
        self.left = limit
        self.arrived: Counter[str] = Counter()  # address -> bytes
        self.stopped = False
        self.lock = threading.Lock()
        self.route = _Route(archive)

    def receive(self, url: str, path: str, store) -> None:
        """Fetch `url` into `path`; the signature is that of a downloader of pooch."""
        from pooch import DOIDownloader, HTTPDownloader

        defaults = DOIDownloader()
        download = HTTPDownloader(
            chunk_size=CHUNK,
            headers=defaults.headers,
            timeout=defaults.timeout,
            hooks={"response": self.route.check},
        )
        self.add(url, -self.arrived[url])  # a retry starts from the beginning
        with open(path, "wb") as stream:
            download(url, _Counted(stream, url, self), store)

    def add(self, url: str, size: int) -> None:
        with self.lock:
            self.arrived[url] += size
            self.left -= size
            self.bar.update(size)

    def check(self) -> None:
        if self.stopped:
            problem = "was interrupted by an error in another file"
            raise SerKerasError(self.archive.address, problem, "Run the same command again")
        if self.left < 0:
            problem = f"sends more than the expected {self.archive.size / 1e6:.0f} MB"
            raise SerKerasError(self.archive.address, problem, "Report this to its publishers")

    def stop(self) -> None:
        self.stopped = True


class _Route:
    """Watches over which hosts answers come, and how long those are that describe a record.

    Args:
        archive: Archive that is asked.
        limit: Most bytes that an answer may have; None where somebody else counts them.
    """

    def __init__(self, archive: Archive, limit: int | None = None):
        self.archive = archive
        self.limit = limit
        self.announced: set[tuple[str, str]] = set()

    def check(self, response, **_: object) -> None:
        """Look at an answer before its content is read, and before it sends to another address.

        Publishers registered addresses without encryption long ago; they are asked with it.
        """
        host = _host(response.url)
        self._refuse_plain(response.url, host)
        limit = self.limit
        if response.is_redirect:
            limit = MAX_RECORD_BYTES
            location = response.headers["location"]
            other = _host(location) or host
            if location.lower().startswith("http://") and other not in LOCAL:
                location = "https" + location[4:]
                response.headers["location"] = location
            self._refuse_plain(location, host)
            if _publisher(other) != _publisher(host) and (host, other) not in self.announced:
                self.announced.add((host, other))
                console.say(f"{host} sends on to {other}.")
        if limit is not None:
            response.raw = _Limited(response.raw, limit, self.archive)

    def _refuse_plain(self, address: str, asked: str) -> None:
        """Raise an error for an address without encryption, unless this machine asks itself."""
        scheme, separator, _ = address.lower().partition("://")
        if separator and scheme != "https" and not (scheme == "http" and asked in LOCAL):
            problem = f"sends to {address}, which is not encrypted"
            raise SerKerasError(self.archive.address, problem, "Report this to its publishers")


class _Limited:
    """The content of an answer, which ends with an error after too many bytes."""

    def __init__(self, raw, limit: int, archive: Archive):
        self.raw = raw
        self.left = limit
        self.archive = archive

    def __getattr__(self, name: str):
        return getattr(self.raw, name)

    def stream(self, size: int, decode_content: bool) -> Iterator[bytes]:
        for chunk in self.raw.stream(size, decode_content=decode_content):
            self.left -= len(chunk)
            if self.left < 0:
                problem = "describes itself in more bytes than any record has"
                raise SerKerasError(self.archive.address, problem, "Report this to its publishers")
            yield chunk


def _host(address: str) -> str:
    """Return the host of an address; "" for an address below another one.

    Example:
        >>> _host("https://data.example.org:443/a//b"), _host("/a/b")
        ('data.example.org', '')
    """
    place = address.partition("//")[2].partition("/")[0].partition("?")[0]
    return place.rpartition("@")[2].partition(":")[0].lower() if "//" in address[:9] else ""


def _publisher(host: str) -> str:
    """Return the part of a host that its owner has registered.

    Example:
        >>> _publisher("data.example.org"), _publisher("127.0.0.1")
        ('example.org', '127.0.0.1')
    """
    return host if host in LOCAL else ".".join(host.split(".")[-2:])


class _Counted:
    """A file that reports the bytes written to it to a meter."""

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
    """Turn errors of pooch into a SerKerasError; errors of the disk pass through.

    pooch uses requests, whose errors are OSErrors without a number; some are ValueErrors too.
    """
    try:
        yield
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        if isinstance(error, OSError):
            if isinstance(error.errno, int):
                raise
            reason = _reason(error)
        elif isinstance(error, ValueError):
            reason = f"differs from the description of its publishers ({error})"
        else:
            reason = "has an unknown form"
        remedy = f"Try again later, or {corpus.home}"
        raise SerKerasError(archive.address, f"{what}{reason}", remedy) from error


def _reason(error: OSError) -> str:
    response = getattr(error, "response", None)
    if response is not None:
        return f"was refused (HTTP status {response.status_code})"
    if "Timeout" in type(error).__name__ or "timed out" in str(error):
        return "did not arrive: the server stopped answering"
    return "did not arrive completely: the connection failed or broke"


def _is_plain(name: str) -> bool:
    """Return whether a name is a relative path that stays below its folder."""
    parts = name.rstrip("/").split("/")
    special = any(character in name for character in "\\:\0")
    return not special and all(
        part not in ("", ".", "..") and len(part.encode()) < 256 for part in parts
    )


def _unpack(path: Path, folder: Path, limit: int) -> None:
    """Unpack a zip file into `folder`.

    Raises:
        SerKerasError: The file is damaged or encrypted, has more than `limit` bytes or `MAX_FILES`
            files, or holds anything but plain files below its folder.
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
                    # zipfile stops a member at its announced size
                    with archive.open(member) as source, open(target, "xb") as sink:
                        shutil.copyfileobj(source, sink, CHUNK)
                    bar.update(member.file_size)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise SerKerasError(path.name, f"is damaged ({error})", "Download it again") from error


def _members(path: Path, archive: zipfile.ZipFile, limit: int) -> list[zipfile.ZipInfo]:
    """Return the files of a zip file; a SerKerasError if one of them must not be unpacked."""
    everything = archive.infolist()
    problem = None
    if len(everything) > MAX_FILES:
        problem = f"holds more than {MAX_FILES} files"
    elif sum(member.file_size for member in everything) > limit:
        problem = f"unpacks to more than {limit / 1e6:.0f} MB"
    seen = {path.name.lower()}
    for member in everything:
        kind = stat.S_IFMT(member.external_attr >> 16)  # 0 if the file does not say
        name = member.filename.rstrip("/").lower()
        if not _is_plain(member.filename) or kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            problem = problem or f"holds {member.filename!r}, which is not a file below its folder"
        elif member.flag_bits & 1:
            problem = problem or "is encrypted"
        elif name in seen:
            problem = problem or f"holds {member.filename!r} twice"
        seen.add(name)
    if problem:
        raise SerKerasError(path.name, problem, "Do not trust it; nothing was unpacked")
    return [member for member in everything if not member.is_dir()]
