"""A user's own recordings: which files there are, and which emotion each is known to have."""

from __future__ import annotations

import csv
import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from ser_keras import audio, console
from ser_keras.corpora import emotions
from ser_keras.errors import SerKerasError, Skipped


def recordings(paths: Iterable[str | os.PathLike]) -> tuple[list[Path], list[Skipped]]:
    """Return the sound files that paths name, each once, and what was left out of folders.

    Args:
        paths: Folders, which are searched with `audio.walk`; patterns such as `calls/*.flac`; and
            files, which are taken whatever their suffix.

    Raises:
        SerKerasError: A path does not exist, a folder holds no sound files, or a pattern matches
            none.
    """
    chosen: dict[Path, None] = {}
    skipped = []
    for given in paths:
        name, path = os.fspath(given), Path(given)
        if path.is_dir():
            names, left_out = audio.walk(path)
            skipped += [Skipped(os.fspath(path / file.path), file.reason) for file in left_out]
            if not names:
                reasons = f" ({console.listed(left_out)})" if left_out else ""
                remedy = "Give a folder with WAV, FLAC, OGG, MP3 or AIFF files"
                raise SerKerasError(path, f"holds no sound files{reasons}", remedy)
            chosen |= dict.fromkeys(path / name for name in names)
        elif os.path.lexists(path):
            chosen[path] = None
        elif glob.has_magic(name):
            matches = [Path(match) for match in sorted(glob.glob(name, recursive=True))]
            matches = [match for match in matches if audio.is_named_as_sound(match.name)]
            if not matches:
                raise SerKerasError(name, "matches no sound file", "Check the pattern")
            chosen |= dict.fromkeys(matches)
        else:
            raise SerKerasError(path, "no such file or folder", "Check the path")
    return list(chosen), skipped


def guess(path: str | os.PathLike) -> str | None:
    """Return the emotion in a file's name (`<voice>_<word>_<emotion>`) or in its folder's name.

    Example:
        >>> guess("OAF_bar_ps.wav"), guess("clips/03Happy/1.ogg"), guess("clips/1.ogg")
        ('surprised', 'happy', None)
    """
    path = Path(path).absolute()
    label = "_".join(path.stem.split("_")[2:])
    return (
        emotions.of_word(label)
        or emotions.of_word(label.rpartition("_")[2])
        or emotions.of_folder(path.parent.name)
    )


def read_labels(
    table: str | os.PathLike, recordings: Sequence[Path], labels: Sequence[str]
) -> dict[Path, str]:
    """Return the emotion that a CSV gives each recording.

    Args:
        table: CSV with the columns path and emotion. A path is written as in `recordings`, relative
            to the CSV's folder, or as the file's name alone.
        recordings: Files to look up.
        labels: Emotions that a model knows; other spellings of them are understood.

    Raises:
        SerKerasError: The file is no such CSV, an emotion is not in `labels`, or a recording has no
            row.
    """
    table = Path(table)
    try:
        with open(table, newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, ValueError, csv.Error) as error:
        raise SerKerasError(table, "cannot be read as CSV", "Check the path and format") from error
    if not rows or not {"path", "emotion"} <= rows[0].keys():
        raise SerKerasError(table, "has no columns path and emotion", "Add a header with both")
    emotion_of: dict[str, str] = {}
    for row in rows:
        word = (row["emotion"] or "").strip()
        emotion = word if word in labels else emotions.of_word(word)
        if emotion is None or emotion not in labels:
            problem = f"has the emotion {row['emotion']!r}, which the model does not know"
            raise SerKerasError(table, problem, f"It knows {', '.join(labels)}")
        name = row["path"] or ""
        emotion_of[name] = emotion_of[str((table.parent / name).resolve())] = emotion
    known = {}
    for path in recordings:
        keys = (str(path), str(path.resolve()), path.name)
        if key := next((key for key in keys if key in emotion_of), None):
            known[path] = emotion_of[key]
    missing = [path for path in recordings if path not in known]
    if missing:
        problem = f"has no row for {console.listed(missing, limit=1)}"
        raise SerKerasError(table, problem, "Add the missing rows, or leave the recordings out")
    return known
