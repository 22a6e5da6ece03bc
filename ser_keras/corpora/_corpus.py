"""What all corpora share: finding one on a disk, and reading it into a table."""

from __future__ import annotations

import os
import posixpath
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import astuple, dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from ser_keras.audio import SUFFIXES
from ser_keras.corpora import _download, emotions
from ser_keras.corpora._download import Archive
from ser_keras.corpora._index import Index, Validation, count
from ser_keras.errors import SerKerasError, Skipped
from ser_keras.files import CACHE, DATA

if TYPE_CHECKING:
    import pandas as pd

    from ser_keras.audio import Clip

LOSSY = frozenset({".mp3", ".ogg", ".oga", ".opus"})  # of two copies, the other is the clip
MAX_DEPTH = 8  # folders below the one that is searched
MAX_FOLDERS = 20_000  # a home folder, given by mistake, must end soon


@dataclass(frozen=True)
class Parsed:
    """What a clip's name says; None where it says nothing.

    Args:
        speaker: Id of the voice within the corpus.
        emotion: Of `emotions.VOCABULARY` (a folder corpus may have others).
        text: Id of the wording within the corpus: the same words, the same id.
        take: Repetition of the same voice, emotion and text, from 1.
        intensity: How strongly it is meant.
    """

    speaker: str | None
    emotion: str
    text: str | None = None
    take: int | None = None
    intensity: str | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Corpus:
    """The facts of a corpus, and the straight way from a folder to its `Index`.

    Args:
        name: As on the command line; its file's, with hyphens.
        title: Its full name.
        licence: What its publishers allow.
        source: Whom to cite, with DOI or address.
        home: Where to get it, in one line.
        archive: Where `download` fetches it, or in a few words why it cannot.
        naming: How its files are named, for whoever has other ones.
        emotions: Its classes, in the order of the house vocabulary.
        speakers: Its voices.
        expected: Counts of the complete corpus, as far as they are known: `{"clips": n,
            "speaker": {id: n}, "emotion": {label: n}}`.
        parse: Relative path -> what it says, or None for a file that is no clip of this corpus.
        inner: Pattern (whole name, any case) of the folders between a clip and the corpus's own.
        complete: Returns name -> `Parsed` of every clip, where they are known by construction.
        repeats: Name -> name of the clip whose recording it holds again, lower-case and without
            suffix; for recordings that differ too little to be two and too much to be found by
            their sound.
        place: Takes parse's place where names alone do not tell: (root, relative paths) -> what
            each says, and what is skipped.
        synthetic: True where no person spoke.
    """

    name: str
    title: str
    licence: str
    source: str
    home: str
    archive: Archive | str
    naming: str
    emotions: tuple[str, ...]
    speakers: tuple[str, ...]
    parse: Callable[[str], Parsed | None]
    expected: dict = field(default_factory=dict)
    inner: str = ""
    complete: Callable[[], dict[str, Parsed]] | None = None
    repeats: Mapping[str, str] = field(default_factory=dict)
    place: Callable[[Path, list[str]], tuple[dict[str, Parsed], list[Skipped]]] | None = None
    synthetic: bool = False

    def find(self, root: str | os.PathLike = DATA) -> Path | None:
        """Return the corpus's own folder: `root` or one below it, or None if it is not there.

        The names of the files decide. Where the corpus lies below `root` more than once, among
        other sounds, the folder with the most of its clips is meant, then the outermost.
        """
        root = Path(root)
        paths, _ = _walk(root)
        if self.place:
            return root if paths else None
        homes, strangers = Counter(), []
        for path in paths:
            if self.parse(path):
                homes[self._home(path)] += 1
            else:
                strangers.append(path)
        if not homes:
            return None
        home = posixpath.commonpath(homes)
        if len(homes) > 1 and any(PurePosixPath(path).is_relative_to(home) for path in strangers):
            home = min(homes, key=lambda at: (-homes[at], len(PurePosixPath(at).parts), at))
        return root / home

    def index(
        self,
        root: str | os.PathLike = DATA,
        cache: str | os.PathLike = CACHE,
        *,
        jobs: int | None = None,
    ) -> Index:
        """Read the whole corpus: what each clip is, how long, and what it repeats.

        A clip is a duplicate if an earlier one has the same sound or, where names tell clips
        apart, the same name (a second copy in another format), or if the corpus is known to
        repeat it (`repeats`). The first is the outermost one that is stored without loss.

        Args:
            root: The corpus's own folder or any above it.
            cache: Where it is remembered what the files hold.
            jobs: Threads that decode; None for one a core, at most 8.

        Raises:
            SerKerasError: No such folder, no clip of this corpus in it, or none that can be read.
        """
        found = self._read(root, cache, jobs)
        skipped = sorted([*found.misnamed, *found.unreadable], key=lambda file: file.path)
        return Index(self.name, found.root, found.table, skipped, self.synthetic)

    def validate(
        self,
        root: str | os.PathLike = DATA,
        cache: str | os.PathLike = CACHE,
        *,
        jobs: int | None = None,
    ) -> Validation:
        """Compare what lies on the disk with the complete corpus; arguments as of `index`."""
        found = self._read(root, cache, jobs)
        known = {} if self.complete is None else self.complete()
        readable = {path: found.placed[path] for path in found.table["path"]}
        repeats = found.table.dropna(subset="duplicate_of")
        pairs = tuple(zip(repeats["path"], repeats["duplicate_of"], strict=True))
        if self.place:  # names do not tell clips apart: count each sound once
            clips = [readable[path] for path in readable.keys() - dict(pairs).keys()]
        else:
            clips = set(readable.values()) & set(known.values() or readable.values())
        there = set(found.placed.values())
        return Validation(
            corpus=self.name,
            root=found.root,
            found=_counts(clips),
            expected=self.expected,
            missing=tuple(name for name, parsed in known.items() if parsed not in there),
            surplus=tuple(
                path for path, parsed in readable.items() if known and parsed not in clips
            ),
            duplicated=pairs,
            contradicting=tuple(
                path for path, first in pairs if readable[path].emotion != readable[first].emotion
            ),
            misplaced=tuple(
                path
                for path, parsed in readable.items()
                if _folder_emotion(path) not in (None, parsed.emotion)
            ),
            misnamed=tuple(file.path for file in found.misnamed),
            unreadable=tuple(found.unreadable),
            synthetic=self.synthetic,
        )

    def download(
        self, root: str | os.PathLike = DATA, cache: str | os.PathLike = CACHE
    ) -> Validation:
        """Fetch the corpus from its publishers into a folder of its own below `root`.

        Source, licence, size and the space it needs are said first. One that is complete below
        `root` already is not fetched again. An interrupted or damaged download leaves nothing.

        Args:
            root: Where corpora are kept; `TESS`, `RAVDESS`, ... appear below it.
            cache: As of `index`.

        Returns:
            What arrived beside what should have, as of `validate`; it has been said.

        Raises:
            SerKerasError: There is no archive open to all, part of the corpus is there already,
                the disk is too small, or what the archive sent is not what it publishes.
        """
        return _download.download(self, Path(root), cache)

    def _home(self, path: str) -> str:
        """Return the folder of the corpus that a clip belongs to, relative as `path` is."""
        folder = PurePosixPath(path).parent
        while self.inner and re.fullmatch(self.inner, folder.name, re.IGNORECASE):
            folder = folder.parent
        return "" if folder == PurePosixPath(".") else str(folder)

    def _read(self, root, cache, jobs) -> _Reading:
        from ser_keras.cache import Memory

        root = Path(root)
        if not root.is_dir():
            problem = "is not a folder" if root.exists() else "does not exist"
            raise SerKerasError(root, problem, f"Name the folder of {self.title}: {self.home}")
        own = self.find(root)
        if own is None:
            remedy = f"Its files are named {self.naming}: {self.home}"
            raise SerKerasError(root, f"holds no clips of {self.title}", remedy)
        paths, refused = _walk(own)
        placed, misnamed = self._place(own, paths)
        at = {os.fspath(own / path): path for path in placed}
        clips, failed = Memory(cache).inspect(list(at), jobs=jobs, title=f"reading {self.name}")
        if not clips:
            problem = f"holds {count(len(placed), 'clip')} of {self.title}, none of them readable"
            raise SerKerasError(own, problem, f"Take a fresh copy: the first {failed[0].reason}")
        unreadable = refused + [Skipped(at[file.path], file.reason) for file in failed]
        clips = {at[os.fspath(path)]: clip for path, clip in clips.items()}
        return _Reading(own, placed, _table(self, placed, clips), misnamed, unreadable)

    def _place(self, own: Path, paths: list[str]) -> tuple[dict[str, Parsed], list[Skipped]]:
        """Return what each file says, and the files that say nothing."""
        if self.place:
            return self.place(own, paths)
        parsed = {path: self.parse(path) for path in paths}
        placed = {path: what for path, what in parsed.items() if what}
        reason = f"is not named {self.naming}"
        return placed, [Skipped(path, reason) for path in paths if path not in placed]


class _Reading(NamedTuple):
    """Everything there is to know about a corpus on a disk."""

    root: Path
    placed: dict[str, Parsed]
    table: pd.DataFrame
    misnamed: list[Skipped]
    unreadable: list[Skipped]


def _walk(root: Path) -> tuple[list[str], list[Skipped]]:
    """Return the sound files below a folder, sorted, and what could not be opened.

    Hidden files and folders are none (macOS lays a `._x.wav` beside each x.wav of an archive).
    Links to folders are followed out of `root` and at most once, so loops come to an end.

    Raises:
        SerKerasError: There are more than `MAX_FOLDERS`.
    """
    paths, refused = [], []
    real_root = os.path.realpath(root)
    followed = {real_root}

    def refuse(error: OSError) -> None:
        refused.append(Skipped(_relative(error.filename, root), "cannot be opened"))

    def is_new(folder: str) -> bool:
        real = os.path.realpath(folder)
        inside = os.path.islink(folder) and Path(real).is_relative_to(real_root)
        new = not inside and real not in followed
        followed.add(real)
        return new

    for folder, below, names in os.walk(root, onerror=refuse, followlinks=True):
        at = _relative(folder, root)
        if at.count("/") + 1 >= MAX_DEPTH:
            below.clear()
        visible = [name for name in sorted(below) if not name.startswith(".")]
        below[:] = [name for name in visible if is_new(os.path.join(folder, name))]
        if len(followed) > MAX_FOLDERS:
            problem = f"holds more than {MAX_FOLDERS} folders"
            raise SerKerasError(root, problem, "Name the corpus's own folder")
        for name in names:
            path = name if at == "." else f"{at}/{name}"
            if name.startswith(".") or PurePosixPath(name).suffix.lower() not in SUFFIXES:
                continue
            if path.isascii() or _is_text(path):
                paths.append(path)
            else:
                refused.append(Skipped(ascii(path), "its name is not Unicode"))
    return sorted(paths), refused


def _relative(path: str, root: Path) -> str:
    return Path(os.path.relpath(path, root)).as_posix()


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _table(corpus: Corpus, placed: dict[str, Parsed], clips: dict[str, Clip]) -> pd.DataFrame:
    """Return the index table: one row per clip, unknown is <NA>."""
    import pandas as pd

    first_of = _first_of(clips, placed if corpus.place is None else {}, corpus.repeats)
    rows = [
        (
            path,
            corpus.name,
            *astuple(placed[path]),
            clips[path].duration,
            clips[path].sample_rate,
            clips[path].channels,
            clips[path].content,
            None if first_of[path] == path else first_of[path],
        )
        for path in sorted(clips)
    ]
    return pd.DataFrame(rows, columns=list(_DTYPES)).astype(_DTYPES)


_DTYPES = {
    "path": "string",
    "corpus": "string",
    "speaker": "string",
    "emotion": "string",
    "text": "string",
    "take": "Int16",
    "intensity": "string",
    "duration": "float32",
    "sample_rate": "Int32",
    "channels": "Int16",
    "content": "string",
    "duplicate_of": "string",
}


def _first_of(
    clips: dict[str, Clip], named: dict[str, Parsed], repeats: Mapping[str, str]
) -> dict[str, str]:
    """Return for each path the first path with its sound, its name or its recording.

    The usual downloads of TESS and RAVDESS hold the corpus again in a folder inside it, so the
    outermost comes first; CREMA-D's comes as MP3 too.
    """

    def precedence(path: str) -> tuple:
        return PurePosixPath(path).suffix.lower() in LOSSY, path.count("/"), path

    first_of, seen = {}, {}
    for path in sorted(clips, key=precedence):
        stem = PurePosixPath(path).stem.lower()
        marks = [clips[path].content, repeats.get(stem, stem) if repeats else None]
        marks = [mark for mark in (*marks, named.get(path)) if mark is not None]
        first_of[path] = next((seen[mark] for mark in marks if mark in seen), path)
        for mark in marks:
            seen.setdefault(mark, first_of[path])
    return first_of


def _counts(clips: Iterable[Parsed]) -> dict:
    """Return {"clips": n, "speaker": {...}, "emotion": {...}} of clips, keys sorted."""
    clips = list(clips)
    speakers = Counter(clip.speaker for clip in clips if clip.speaker is not None)
    labels = Counter(clip.emotion for clip in clips)
    return {
        "clips": len(clips),
        "speaker": dict(sorted(speakers.items())),
        "emotion": dict(sorted(labels.items())),
    }


def _folder_emotion(path: str) -> str | None:
    return emotions.of_folder(PurePosixPath(path).parent.name)
