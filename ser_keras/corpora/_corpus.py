"""The work that all corpora share: finding one on a disk, and reading it into a table."""

from __future__ import annotations

import os
import posixpath
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import astuple, dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from ser_keras import audio, console
from ser_keras.corpora import emotions
from ser_keras.corpora._index import Index, Validation
from ser_keras.errors import SerKerasError, Skipped
from ser_keras.files import CACHE, DATA

if TYPE_CHECKING:
    import pandas as pd

    from ser_keras.audio import Clip

_SOUND_TRACKS = {".m4a", ".aac", ".amr", ".wma", ".webm", ".mp4", ".mov", ".mkv", ".avi", ".flv"}
# the clip is the copy in another format
LOSSY = frozenset({".mp3", ".ogg", ".oga", ".opus"} | _SOUND_TRACKS)


@dataclass(frozen=True)
class Parsed:
    """The facts that a clip's name states; None where it does not state one.

    Args:
        speaker: Id of the voice within the corpus.
        emotion: A word of `emotions.VOCABULARY` (a folder corpus may have others).
        text: Id of the wording within the corpus; the same words have the same id.
        take: Number of the repetition of the same voice, emotion and text, from 1.
        intensity: Strength of the emotion.
    """

    speaker: str | None
    emotion: str
    text: str | None = None
    take: int | None = None
    intensity: str | None = None


@dataclass(frozen=True)
class Archive:
    """A public record that holds a corpus.

    Args:
        doi: DOI of the record.
        size: Bytes to fetch.
        unpacked: Size of the unpacked zip file in bytes; 0 if the record has a file per clip.
        file: Name of the zip file in the record; None to fetch all clips of the record.
        checksum: Checksum of that file (`md5:...`); None to use the one in the record.

    Example:
        >>> Archive("10.5281/zenodo.1188976", size=208_000_000, unpacked=520_000_000).needed
        728000000
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
        """Bytes needed on the disk while the corpus is fetched and unpacked."""
        return self.size + self.unpacked


@dataclass(frozen=True, eq=False, kw_only=True)
class Corpus:
    """The facts of a corpus, and the way from a folder to its `Index`.

    Args:
        name: Name on the command line: that of its file, with hyphens.
        title: Full name.
        licence: Use that its publishers allow.
        source: Publication to cite, with DOI or address.
        home: Place to get it from, in one line.
        archive: Archive that `download` fetches, or the reason, in a few words, why it cannot.
        naming: Pattern of its file names, with an example, for errors.
        emotions: Its classes, in the order of `emotions.VOCABULARY`.
        speakers: Ids of its voices.
        expected: Counts of the complete corpus, as far as they are known: `{"clips": n,
            "speaker": {id: n}, "emotion": {label: n}}`.
        parse: Function from a relative path to its `Parsed`; None for a file that is no clip of
            this corpus.
        inner: Pattern (whole name, any case) of the folders between a clip and the corpus's own.
        nested: Folder inside the corpus in which the usual download holds every file again.
        complete: Function that returns name -> `Parsed` of every clip, if the names of all clips
            are known.
        repeats: Name -> name of the clip whose recording it repeats, both lower-case and without
            suffix; for copies that differ too much to have the same sound hash.
        speaker_folds: Published groups of speakers to test on, by name of the grouping: the ids of
            one group per fold. "" is the default, which all protocols use that hold out speakers
            and name no grouping; without it `splits` makes the groups.
        place: Function that replaces `parse` where names alone are not enough: (root, relative
            paths) -> (path -> `Parsed`, files that are skipped).
        readings: Function that says how labels were read, where they may be anything: (root,
            relative paths) -> sentences without their stops.
        synthetic: True if no person spoke.
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
    nested: str = ""
    complete: Callable[[], dict[str, Parsed]] | None = None
    repeats: Mapping[str, str] = field(default_factory=dict)
    speaker_folds: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    place: Callable[[Path, list[str]], tuple[dict[str, Parsed], list[Skipped]]] | None = None
    readings: Callable[[Path, list[str]], list[str]] | None = None
    synthetic: bool = False

    def find(self, root: str | os.PathLike = DATA) -> Path | None:
        """Return the corpus's own folder: `root` or one below it, or None if it is not there.

        The names of the files decide. If the corpus lies below `root` several times, among other
        sounds, this is the folder with the most of its clips, and of equal ones the outermost.
        """
        root = Path(root)
        paths, _ = audio.walk(root)
        if self.place:
            return root if paths else None
        homes: Counter[str] = Counter()
        strangers = []
        doubtful = copies(paths)
        for path in paths:
            if path in doubtful or not self.parse(path):
                strangers.append(path)
                continue
            folder = PurePosixPath(path).parent
            while self.inner and re.fullmatch(self.inner, folder.name, re.IGNORECASE):
                folder = folder.parent
            homes["" if folder == PurePosixPath(".") else str(folder)] += 1
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
        """Return the index of the whole corpus: what each clip is, and which clips are duplicates.

        A clip is a duplicate if an earlier one has the same sound, or the same name where names
        identify clips (a second copy in another format), or if the corpus is known to repeat it
        (`repeats`). The first clip is the outermost one that is stored without loss.

        Args:
            root: The corpus's own folder or any folder above it.
            cache: Folder in which the facts about each file are remembered.
            jobs: Number of threads that decode; None for one per core, at most 8.

        Raises:
            SerKerasError: There is no such folder, it has no clip of this corpus, or none that can
                be read.
        """
        reading = self._read(root, cache, jobs)
        skipped = sorted([*reading.misnamed, *reading.unreadable], key=lambda file: file.path)
        return Index(self.name, reading.root, reading.table, skipped, self.synthetic)

    def validate(
        self,
        root: str | os.PathLike = DATA,
        cache: str | os.PathLike = CACHE,
        *,
        jobs: int | None = None,
    ) -> Validation:
        """Compare the corpus on the disk with the complete one; the arguments are as in `index`."""
        reading = self._read(root, cache, jobs)
        known = {} if self.complete is None else self.complete()
        readable = {path: reading.placed[path] for path in reading.table["path"]}
        repeats = reading.table.dropna(subset="duplicate_of")
        pairs = tuple(zip(repeats["path"], repeats["duplicate_of"], strict=True))
        if self.place:  # names do not identify clips: count each sound once
            clips: Collection[Parsed] = [
                readable[path] for path in readable.keys() - dict(pairs).keys()
            ]
        else:
            clips = set(readable.values()) & set(known.values() or readable.values())
        present = set(reading.placed.values())
        return Validation(
            corpus=self.name,
            root=reading.root,
            found=_counts(clips),
            expected=self.expected,
            missing=tuple(name for name, parsed in known.items() if parsed not in present),
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
                if emotions.of_folder(PurePosixPath(path).parent.name) not in (None, parsed.emotion)
            ),
            misnamed=tuple(file.path for file in reading.misnamed),
            unreadable=tuple(reading.unreadable),
            readings=tuple(self.readings(reading.root, list(readable)) if self.readings else ()),
            synthetic=self.synthetic,
        )

    def _read(self, root, cache, jobs) -> _Reading:
        from ser_keras.cache import ClipInfoCache

        root = Path(root)
        if not root.is_dir():
            problem = "is not a folder" if root.exists() else "does not exist"
            raise SerKerasError(root, problem, f"Name the folder of {self.title}: {self.home}")
        own = self.find(root)
        if own is None:
            remedy = f"Its files are named {self.naming}: {self.home}"
            raise SerKerasError(root, f"holds no clips of {self.title}", remedy)
        paths, refused = audio.walk(own)
        placed, misnamed = self._place(own, paths)
        at = {os.fspath(own / path): path for path in placed}
        clips, failed = ClipInfoCache(cache).inspect(
            list(at), jobs=jobs, title=f"reading {self.name}"
        )
        if not clips:
            clips_of = f"{console.count(len(placed), 'clip')} of {self.title}"
            remedy = f"Take a fresh copy: the first {failed[0].reason}"
            raise SerKerasError(own, f"holds {clips_of}, none of them readable", remedy)
        unreadable = refused + [Skipped(at[file.path], file.reason) for file in failed]
        clips = {at[os.fspath(path)]: clip for path, clip in clips.items()}
        return _Reading(own, placed, _table(self, placed, clips), misnamed, unreadable)

    def _place(self, own: Path, paths: list[str]) -> tuple[dict[str, Parsed], list[Skipped]]:
        """Return path -> facts of the clips, and the files that are no clips."""
        if self.place:
            return self.place(own, paths)
        clips = sorted({*paths} - copies(paths))
        placed = {path: parsed for path in clips if (parsed := self.parse(path))}
        reason = f"is not named {self.naming}"
        return placed, [Skipped(path, reason) for path in paths if path not in placed]


def copies(paths: Iterable[str]) -> set[str]:
    """Return the paths that end in a number in brackets, if the path without it is there too.

    A desktop names copies like that, for instance where the folders of SAVEE's speakers were poured
    together (`a01.wav`, `a01 (2).wav`), and the names of AESDD look the same.

    Example:
        >>> copies(["a01 (1).wav", "a01 (2).wav"]), copies(["a01.wav", "a01 (2).wav"])
        (set(), {'a01 (2).wav'})
    """
    stem_of = {path: path.rpartition(".")[0].lower() for path in paths}
    stems = set(stem_of.values()) - {""}
    return {path for path, stem in stem_of.items() if stem.rpartition(" (")[0] in stems}


class _Reading(NamedTuple):
    """A corpus as it was read from a disk; `placed` has the facts of each path."""

    root: Path
    placed: dict[str, Parsed]
    table: pd.DataFrame
    misnamed: list[Skipped]
    unreadable: list[Skipped]


def _table(corpus: Corpus, placed: dict[str, Parsed], clips: dict[str, Clip]) -> pd.DataFrame:
    """Return the index table: one row per clip; unknown values are <NA>."""
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
    """Return for each path the first path with the same sound, name or recording.

    The usual downloads of TESS and RAVDESS hold the corpus again in a folder inside it, so the
    outermost path comes first; CREMA-D has MP3 copies too.
    """

    def precedence(path: str) -> tuple:
        return PurePosixPath(path).suffix.lower() in LOSSY, path.count("/"), path

    first_of: dict[str, str] = {}
    seen: dict[str | Parsed, str] = {}
    for path in sorted(clips, key=precedence):
        stem = PurePosixPath(path).stem.lower()
        recording = repeats.get(stem, stem) if repeats else None
        sharable = (clips[path].content, recording, named.get(path))
        marks = [mark for mark in sharable if mark is not None]
        first_of[path] = next((seen[mark] for mark in marks if mark in seen), path)
        for mark in marks:
            seen.setdefault(mark, first_of[path])
    return first_of


def _counts(clips: Iterable[Parsed]) -> dict:
    """Return the numbers of clips, {"clips": n, "speaker": {...}, "emotion": {...}}, sorted."""
    clips = list(clips)
    speakers = Counter(clip.speaker for clip in clips if clip.speaker is not None)
    labels = Counter(clip.emotion for clip in clips)
    return {
        "clips": len(clips),
        "speaker": dict(sorted(speakers.items())),
        "emotion": dict(sorted(labels.items())),
    }
