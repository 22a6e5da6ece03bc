"""The emotions of a user's own recordings, from a table."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from ser_keras import console
from ser_keras.corpora import emotions
from ser_keras.corpora._tables import composed, read_table
from ser_keras.errors import SerKerasError, Skipped


class _Row(NamedTuple):
    line: int
    name: str
    emotion: str


def read_labels(
    table: str | os.PathLike, recordings: Sequence[Path], labels: Sequence[str]
) -> tuple[dict[Path, str], list[Skipped]]:
    """Return the emotion that a CSV gives each recording, and what was left out.

    Args:
        table: CSV with the columns path and emotion (see `read_table`). A path is written as in
            `recordings`, or relative to the CSV's folder. The end of a path will do (`S1/x.wav`,
            or the file's name alone) if it fits one recording only. Accents may be written with
            composed or decomposed letters.
        recordings: Files to look up.
        labels: Emotions that a model knows; other spellings of them are understood.

    Returns:
        The emotions of the recordings that the table labels; and the other recordings, and the
        rows that name none.

    Raises:
        SerKerasError: The file is no such CSV, an emotion is not in `labels`, a row fits several
            recordings, two rows contradict each other, or no recording has a row.
    """
    table = Path(table)
    rows, left_out = _read_rows(table, labels)
    at_key = defaultdict(list)  # complete path -> rows
    folders = {os.path.abspath(table.parent), os.path.realpath(table.parent)}
    for row in rows:
        places = {os.path.normpath(os.path.join(folder, row.name)) for folder in folders}
        for key in {row.name} | places:
            at_key[key].append(row)
    ends = defaultdict(list)  # name of a file -> recordings
    rows_of: dict[Path, list[_Row]] = {}
    used: set[_Row] = set()
    for path in recordings:
        ends[composed(path.name)].append(path)
        keys = {_key(path), _key(os.path.abspath(path)), _key(os.path.realpath(path))}
        rows_of[path] = list(dict.fromkeys(row for key in keys for row in at_key.get(key, ())))
        used.update(rows_of[path])
    for row in rows:
        if row in used or os.path.exists(table.parent / row.name):
            continue
        fitting = {
            os.path.realpath(path): path
            for path in ends[row.name.rpartition("/")[2]]
            if f"/{_key(os.path.abspath(path))}".endswith(f"/{row.name}")
        }
        if len(fitting) > 1:
            problem = f"line {row.line} fits several recordings: {console.listed(fitting.values())}"
            raise SerKerasError(table, problem, "Write the folders of these recordings too")
        for path in fitting.values():
            rows_of[path].append(row)
    for path, fitting_rows in rows_of.items():
        _check_agreement(table, path, fitting_rows)
    known = {path: fitting[0].emotion for path, fitting in rows_of.items() if fitting}
    missing = [path for path in recordings if path not in known]
    if missing and not known:
        problem = f"has no row for {console.listed(missing, limit=1)}"
        raise SerKerasError(table, problem, "Check the column path")
    reason = f"has no row in {table.name}"
    return known, left_out + [Skipped(os.fspath(path), reason) for path in missing]


def _read_rows(table: Path, labels: Sequence[str]) -> tuple[list[_Row], list[Skipped]]:
    content = read_table(table)
    if not {"path", "emotion"} <= {name.lower() for name in content.header}:
        raise SerKerasError(table, "has no columns path and emotion", "Add a header with both")
    spelling = {composed(label).casefold(): label for label in labels}
    rows, left_out = [], []
    by_name: defaultdict[str, list[_Row]] = defaultdict(list)
    for line, cell in content.records():
        word, name = composed(cell["emotion"]), _key(cell["path"])
        if not name or not word:
            lacking = "path" if not name else "emotion"
            left_out.append(Skipped(f"{table}, line {line}", f"has no {lacking}"))
            continue
        emotion = spelling.get(word.casefold()) or emotions.of_word(word)
        if emotion is None or emotion not in labels:
            problem = f"has the emotion {word!r}, which the model does not know, in line {line}"
            raise SerKerasError(table, problem, f"It knows {', '.join(labels)}")
        rows.append(_Row(line, name, emotion))
        by_name[name].append(rows[-1])
    for name, of_name in by_name.items():
        _check_agreement(table, name, of_name)
    return rows, left_out


def _check_agreement(table: Path, name: str | Path, rows: Iterable[_Row]) -> None:
    line_of = {row.emotion: row.line for row in rows}
    if len(line_of) > 1:
        words = ", ".join(f"{emotion} in line {line}" for emotion, line in line_of.items())
        problem = f"gives {name} several emotions: {words}"
        raise SerKerasError(table, problem, "Leave one row of each recording in it")


def _key(path: str | Path) -> str:
    """Return a path with composed letters and "/" between its parts, without a leading "./"."""
    name = composed(os.fspath(path)).replace("\\", "/")
    return os.path.normpath(name) if name else ""
