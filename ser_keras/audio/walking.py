"""Find sound files below a folder."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ser_keras.errors import SerKerasError, Skipped

MAX_DEPTH = 8  # levels of folders below the one that is searched
MAX_FOLDERS = 20_000  # so that a search of a home folder, named by mistake, ends soon

_READ = {".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc"}
_READ |= {".au", ".snd", ".caf", ".w64", ".rf64"}
# read with PyAV; where that is missing, an error names such files
_MEDIA = {".m4a", ".m4b", ".mp4", ".mov", ".mkv", ".mka", ".webm", ".aac", ".amr", ".3gp", ".3g2"}
_MEDIA |= {".wma", ".wmv", ".avi", ".flv", ".mpg", ".mpeg", ".ac3"}
# Folders of the system, which are hidden where they were made: bins, thumbnails, repaired files.
_SYSTEM = {"$recycle.bin", "recycler", "#recycle", "@eadir", "lost+found", "__macosx"}
_SYSTEM |= {"system volume information"}
SUFFIXES = frozenset(_READ | _MEDIA)  # of the files that `walk` returns


def is_named_as_sound(name: str) -> bool:
    """Return whether a file's name has a suffix of `SUFFIXES` and does not begin with a dot."""
    return name[:1] != "." and os.path.splitext(name)[1].lower() in SUFFIXES


def walk(
    root: str | os.PathLike, max_folders: int = MAX_FOLDERS
) -> tuple[list[str], list[Skipped]]:
    """Return the sound files below a folder, and what was left out.

    Hidden files and folders, whose names begin with a dot, are no part of it: macOS puts a
    `._x.wav` beside each x.wav of an archive. Nor are bins and other folders of the system. Links
    to files and folders are followed; each folder is visited once, so that loops end.

    Args:
        root: Folder to search.
        max_folders: Largest number of folders that is searched.

    Returns:
        The files by their suffix, relative to `root`, with "/" between parts, sorted; and folders
        that cannot be opened or lie below level `MAX_DEPTH`, links that may be folders but lead
        nowhere, and names that are not Unicode.

    Raises:
        SerKerasError: There are more than `max_folders` folders.
    """
    paths: list[str] = []
    skipped: list[Skipped] = []
    for at, folder, names in _folders(os.fspath(root), max_folders, skipped):
        for name in names:
            path, file = name if at == "." else f"{at}/{name}", os.path.join(folder, name)
            if not is_named_as_sound(name):
                # a folder, perhaps, of a disk that is not there now
                if name[0] != "." and os.path.islink(file) and not os.path.exists(file):
                    skipped.append(Skipped(path, "is a link that leads nowhere"))
                continue
            try:
                path.encode()
                paths.append(path)
            except UnicodeEncodeError:
                skipped.append(Skipped(ascii(path), "its name is not Unicode"))
    return sorted(paths), skipped


def left_out(root: str | os.PathLike, max_folders: int = MAX_FOLDERS) -> dict[str, int]:
    """Return how many files below a folder `walk` leaves out because of their names, by kind.

    Args:
        root: Folder to search.
        max_folders: Largest number of folders that is searched.

    Returns:
        Kind -> number of files, the most frequent kind first. A kind is a suffix in lower case
        (".jpg"), "without a suffix" or "hidden". The content of hidden folders is not counted.

    Raises:
        SerKerasError: There are more than `max_folders` folders.
    """
    kinds: Counter[str] = Counter()
    for _, _, names in _folders(os.fspath(root), max_folders, []):
        for name in names:
            if name[0] == ".":
                kinds["hidden"] += 1
            elif not is_named_as_sound(name):
                kinds[os.path.splitext(name)[1].lower() or "without a suffix"] += 1
    return dict(sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0])))


def _folders(
    root: str, max_folders: int, skipped: list[Skipped]
) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each folder that is searched: its place below `root`, its path, and its files' names.

    What is not searched is added to `skipped`.
    """
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
        visible = [n for n in sorted(below) if n[0] != "." and n.casefold() not in _SYSTEM]
        below[:] = [name for name in visible if is_new(os.path.join(folder, name))]
        if len(visited) > max_folders:
            problem = f"holds more than {max_folders} folders"
            raise SerKerasError(root, problem, "Name the folder of the recordings itself")
        if at.count("/") + 1 >= MAX_DEPTH:
            reason = f"lies below {MAX_DEPTH} levels of folders and is not searched"
            skipped += [Skipped(f"{at}/{name}", reason) for name in below]
            below.clear()
        yield at, folder, names
