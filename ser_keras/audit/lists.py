"""Reads the files in which people list clips: tables, JSON lines, and the usual forms of JSON."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras import audio, corpora
from ser_keras.errors import SerKerasError
from ser_keras.splits import ROLES

if TYPE_CHECKING:
    import pandas as pd

ROLE_OF = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "devel", "development"), "validation"),
    **dict.fromkeys(("test", "testing", "tst", "eval", "evaluation"), "test"),
}
_JSON_LINES = (".jsonl", ".ndjson", ".jsonlines")
SUFFIXES = (
    ".csv",
    ".tsv",
    *_JSON_LINES,
    ".json",
)  # of lists; the first is read where all are there
_MOST_CLIPS = 500_000
_FORMS = "one object of the form {id: {path, speaker, ...}}, or a list of objects"


def form_of(path: Path) -> str:
    """Return the form of a list: "CSV", "JSON lines" or "JSON"."""
    suffix = path.suffix.lower()
    return "JSON lines" if suffix in _JSON_LINES else "JSON" if suffix == ".json" else "CSV"


def read_rows(path: Path) -> pd.DataFrame:
    """Return the rows of a list with the columns that it has, all as strings; empty is <NA>.

    Raises:
        SerKerasError: The file cannot be read, or is in another form.
    """
    import pandas as pd

    form = form_of(path)
    if form == "CSV":
        table = corpora.read_table(path)
        columns = {
            name: [cells[i] if cells[i].strip() else None for _, cells in table.rows]
            for i, name in enumerate(table.header)
            if name
        }
        return pd.DataFrame(columns).astype("string")
    text = corpora.read_text(path)
    items = _json_lines(text, path) if form == "JSON lines" else _json(text, path)
    return frame(_plain(item) for item in items)


def frame(rows: Iterable[dict[str, str]]) -> pd.DataFrame:
    """Return rows as a table of strings."""
    import pandas as pd

    return pd.DataFrame(list(rows)).astype("string")


def _json_lines(text: str, path: Path) -> list[dict]:
    items: list[dict] = []
    for number, line in enumerate(io.StringIO(text), 1):
        if len(items) >= _MOST_CLIPS:
            raise SerKerasError(path, f"lists more than {_MOST_CLIPS:,} clips", "Divide it")
        if line.strip():
            try:
                item = json.loads(line)
            except (ValueError, RecursionError):
                item = None
            if not isinstance(item, dict):
                problem = f"line {number} is not a JSON object"
                raise SerKerasError(path, problem, "Write one object a line")
            items.append(item)
    return items


def _json(text: str, path: Path) -> list[dict]:
    if text.count("{") + text.count("[") > 2 * _MOST_CLIPS:  # each takes 64 bytes and more
        raise SerKerasError(path, f"lists more than {_MOST_CLIPS:,} clips", "Divide it")
    try:
        items = _clips(json.loads(text))
    except RecursionError as error:
        raise SerKerasError(path, "is nested too deeply", f"Write {_FORMS}") from error
    except ValueError as error:
        if text.count("\n{"):  # an object a line, under another suffix
            return _json_lines(text, path)
        raise SerKerasError(path, f"is no JSON ({error})", f"Write {_FORMS}") from error
    if items is None:
        problem = "is JSON, but in no form of a list of clips that is known"
        raise SerKerasError(path, problem, f"Write {_FORMS}")
    return items


def _clips(content: object) -> list[dict] | None:
    """Return an object for each clip, or None if the content is no list of clips.

    SpeechBrain and EmoBox write {id: {"wav": path, ...}}. Others write a list, of objects or of
    paths, an object with one such value ({"data": [...]}), one with a value for each side, one
    with a value for each column, as pandas does, or {path: emotion}.
    """
    if isinstance(content, list):
        items = [{"path": item} if isinstance(item, str) else item for item in content]
        return items if items and all(isinstance(item, dict) for item in items) else None
    if not isinstance(content, dict) or not content:
        return None
    parts = {key: value for key, value in content.items() if isinstance(value, (dict, list))}
    if {key.lower() for key in parts} <= ROLE_OF.keys() and len(parts) > 1:
        sides = {key: _clips(value) for key, value in parts.items()}
        if None in sides.values():
            return None
        return [{**item, "role": key} for key, items in sides.items() for item in items or ()]
    if (columns := _columns(content)) is not None:
        return columns
    if len(content) > 1 and all(isinstance(value, str) for value in content.values()):
        if all(map(audio.is_named_as_sound, content.values())):
            return [{"id": key, "path": value} for key, value in content.items()]
        named = all(map(audio.is_named_as_sound, content))
        return [{"path": key, "emotion": word} for key, word in content.items()] if named else None
    if all(isinstance(value, dict) for value in content.values()):
        is_one_list = len(content) == 1 and (inner := _clips(next(iter(content.values()))))
        return inner if is_one_list else [{"id": key, **item} for key, item in content.items()]
    if len(parts) == 1:
        return _clips(next(iter(parts.values())))
    return None


def _columns(content: dict) -> list[dict] | None:
    """Return the rows of a table that was written column by column, or None if it was not."""
    header, rows = content.get("columns"), content.get("data")
    if isinstance(header, list) and isinstance(rows, list):
        is_table = all(isinstance(row, list) and len(row) == len(header) for row in rows)
        return [dict(zip(map(str, header), row, strict=True)) for row in rows] if is_table else None
    values = list(content.values())
    if len(values) > 1 and all(isinstance(value, dict) and value for value in values):
        if not all(str(key).isdigit() for value in values for key in value):
            return None
        numbers = dict.fromkeys(key for value in values for key in value)
        return [{name: value.get(n) for name, value in content.items()} for n in numbers]
    if len(values) > 1 and all(isinstance(value, list) for value in values):
        scalars = not any(isinstance(cell, (dict, list)) for value in values for cell in value)
        if scalars and len({len(value) for value in values}) == 1:
            return [dict(zip(content, row, strict=True)) for row in zip(*values, strict=True)]
    return None


def _plain(item: dict) -> dict[str, str]:
    """Return the values that are text or numbers; of {"file": path, "start": n} both."""
    plain = {}
    for key, value in item.items():
        places = (value.get(k) for k in ("file", "path")) if isinstance(value, dict) else ()
        if place := next((place for place in places if isinstance(place, str)), None):
            plain[key] = place
            value, key = value.get("start"), "start"
        if isinstance(value, str) and value.strip():
            plain[key] = value
        elif isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
            plain[key] = str(value)
    return plain


def read_roles(text: str) -> dict[str, str]:
    """Return the values of a column with the roles that they stand for.

    Args:
        text: Pairs such as "0=train,1=validation,2=test".

    Raises:
        ValueError: A pair has another form, or a role does not exist.

    Example:
        >>> read_roles("0=train, 1=dev, 2=test")
        {'0': 'train', '1': 'validation', '2': 'test'}
    """
    roles = {}
    for pair in text.split(","):
        value, mark, word = pair.rpartition("=")
        role = ROLE_OF.get(word.strip().lower())
        if not mark or not value.strip() or role is None:
            raise ValueError(f"{pair.strip()} is not of the form VALUE=ROLE ({', '.join(ROLES)})")
        roles[plain_value(value)] = role
    return roles


def plain_value(value: str) -> str:
    """Return a value of a column in small letters; 2.0, as spreadsheets write it, is 2.

    Example:
        >>> plain_value(" 2.0"), plain_value("Fold 1")
        ('2', 'fold 1')
    """
    return corpora.composed(value.strip().casefold()).removesuffix(".0")
