"""A user's own recordings: the files that folders, patterns and paths name."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from ser_keras import audio, console
from ser_keras.corpora._tables import composed
from ser_keras.errors import SerKerasError, Skipped


def recordings(paths: Iterable[str | os.PathLike]) -> tuple[list[Path], list[Skipped]]:
    """Return the sound files that paths name, each once, and what was left out of folders.

    Args:
        paths: Folders, which are searched with `audio.walk`; patterns such as `calls/*.flac` or
            `calls/**/*.wav`; and files, which are taken whatever their suffix. A part of a pattern
            that exists as it is written stands for itself. Accents may be written with composed or
            decomposed letters.

    Raises:
        SerKerasError: A path does not exist, a folder holds no sound files, or a pattern matches
            none.
    """
    chosen: dict[Path, None] = {}
    skipped: list[Skipped] = []
    for given in paths:
        name, path = os.fspath(given), Path(given)
        is_pattern = not os.path.lexists(path) and glob.has_magic(name)
        matches = [path] if os.path.lexists(path) else _matches(path, skipped)
        if is_pattern:
            matches = [match for match in matches if audio.is_named_as_sound(match.name)]
            if not matches:
                raise SerKerasError(name, "matches no sound file", "Check the pattern")
            chosen |= dict.fromkeys(matches)
            continue
        if not matches:
            raise SerKerasError(path, "no such file or folder", "Check the path")
        for match in matches:
            if not match.is_dir():
                chosen[match] = None
                continue
            names, left_out = audio.walk(match)
            if not names:
                reasons = f" ({console.listed(left_out)})" if left_out else ""
                remedy = "Give a folder with WAV, FLAC, OGG, MP3 or AIFF files"
                raise SerKerasError(match, f"holds no sound files{reasons}", remedy)
            chosen |= dict.fromkeys(match / name for name in names)
            skipped += _below(match, left_out)
    return list(chosen), skipped


def left_out(paths: Iterable[str | os.PathLike]) -> dict[str, int]:
    """Return how many files of the folders among `paths` are no recordings, by kind.

    Args:
        paths: What `recordings` takes. Patterns and files leave nothing out.

    Returns:
        Kind -> number of files, the most frequent kind first, as `audio.left_out` names them.
    """
    kinds: Counter[str] = Counter()
    for folder in dict.fromkeys(Path(path) for path in paths):
        if folder.is_dir():
            kinds.update(audio.left_out(folder))
    return dict(sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0])))


def _below(folder: Path, left_out: list[Skipped]) -> list[Skipped]:
    return [Skipped(os.fspath(folder / file.path), file.reason) for file in left_out]


def _matches(pattern: Path, skipped: list[Skipped]) -> list[Path]:
    """Return the paths that fit a pattern, and add to `skipped` what cannot be searched.

    `glob` takes the brackets in the name of an existing folder for a pattern, and follows links in
    circles where a pattern has `**`.
    """
    places = [Path(pattern.anchor)]
    parts = pattern.parts[1:] if pattern.anchor else pattern.parts
    for number, part in enumerate(parts):
        if part == "**":
            rest = parts[number:] if parts[number + 1 :] else ("**", "*")
            matches = []
            for place in filter(Path.is_dir, places):
                names, left_out = audio.walk(place)
                skipped += _below(place, left_out)
                matches += [place / name for name in names if _fits(name.split("/"), rest)]
            return matches
        places = [path for place in places for path in _entries(place, part, skipped)]
    return places


def _entries(folder: Path, part: str, skipped: list[Skipped]) -> list[Path]:
    """Return what fits one part of a pattern in a folder: what has that very name, or all else."""
    if os.path.lexists(folder / part):
        return [folder / part]
    if not folder.is_dir():
        return []
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        skipped.append(Skipped(os.fspath(folder), "cannot be opened"))
        return []
    return [folder / name for name in names if _is_named(name, part)]


def _fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_fits(parts[start:], pattern[1:]) for start in range(len(parts) + 1))
    return bool(parts) and _is_named(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])


def _is_named(name: str, part: str) -> bool:
    """Return whether a name fits one part of a pattern; hidden names fit only `.*` and the like."""
    name, part = composed(name), composed(part)
    if name == part:
        return True
    visible = name[0] != "." or part[0] == "."
    return visible and glob.has_magic(part) and fnmatch.fnmatch(name, part)
