"""A corpus of one's own: `<label>/<clip>`, or a `labels.csv` (or `metadata.csv`) beside the clips.

It is named after its folder (see `own_name`), so that two such corpora have runs of their own.

The name of a folder is the label of its clips: a known spelling of an emotion becomes the word of
`emotions.VOCABULARY`, any other label stays as it is. The CSV has a column path (relative, `/`
between parts) and any of speaker, emotion and text. If there is a CSV, only the clips in it count;
an empty cell is unknown.

Without a column speaker, the part of a file's name before its first `_` is the speaker, but only
if it cannot be a take number: every clip has such a part; at least two of these parts occur under
more than one label; and one of them occurs more than once under the same label. Otherwise the
speakers are unknown.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ser_keras.corpora import _registry, emotions
from ser_keras.corpora._corpus import Corpus, Parsed
from ser_keras.corpora._spellings import with_one_spelling
from ser_keras.corpora._tables import composed, read_table
from ser_keras.errors import SerKerasError, Skipped

TABLES = ("labels.csv", "metadata.csv")
_LONGEST_NAME = 40  # characters of a corpus's name, which is part of the names of folders


def is_own(name: str) -> bool:
    """Return whether a corpus, or one of several joined by "+", is a user's own.

    Example:
        >>> is_own("tess"), is_own("my-recordings"), is_own("my-recordings+tess")
        (False, True, True)
    """
    known = set(_registry.names()) - {CORPUS.name}
    return not known.issuperset(name.lower().replace("_", "-").split("+"))


def own_name(folder: Path) -> str:
    """Return the name of the corpus in a user's own folder.

    It is the folder's name in small letters and digits, with a hyphen for all between them; letters
    with accents lose these. A name without any such letter becomes `own`, and one that means
    something else here, such as `tess` or `folder`, gets `own-` before it.

    Example:
        >>> own_name(Path("My recordings (2024)")), own_name(Path("Zoë")), own_name(Path("TESS"))
        ('my-recordings-2024', 'zoe', 'own-tess')
    """
    letters = unicodedata.normalize("NFKD", folder.name).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", letters)[:_LONGEST_NAME].strip("-") or "own"
    return f"own-{name}" if name in _registry.names() else name


def own(folder: Path, places: Mapping[str, Path] | None = None, name: str | None = None) -> Corpus:
    """Return the corpus in a user's own folder.

    Args:
        folder: Folder of the corpus.
        places: Name -> folder of the corpora that have runs already. The same folder keeps its
            name. If another folder that is still there has the name, a number is added to it.
        name: Name in the command of an earlier run, perhaps with such a number; it holds if it fits
            the folder and no other has it.
    """
    folder = folder.resolve()
    taken = {name: place.resolve() for name, place in (places or {}).items() if place.is_dir()}
    taken.pop(CORPUS.name, None)  # a run from Python, which named it so
    given = [each for each, place in taken.items() if place == folder and is_own(each)]
    first = own_name(folder)
    if not given:
        names = [first, *(f"{first}-{number}" for number in range(2, len(taken) + 3))]
        if name is not None and re.fullmatch(f"{re.escape(first)}-[0-9]+", name):
            names.insert(0, name)
        given = [each for each in names if each not in taken]
    return replace(CORPUS, name=given[0], title=f"your own corpus {given[0]}")


def readings(root: Path, paths: list[str]) -> list[str]:
    """Return which labels were read as a word of the vocabulary, each a sentence without its stop.

    Args:
        root: Folder of the corpus.
        paths: Sound files below it.
    """
    table = _table(root)
    rows = {path: {} for path in paths} if table is None else _read_rows(table, paths)
    read: dict[str, None] = {}
    for path, label in _labels(rows).items():
        listed = rows[path].get("emotion")
        written = _written(path, listed) or ""
        if composed(written).casefold() != label.casefold():
            where = f"{written!r} in {table.name}" if table and listed else f"{written}/"
            read[f"{where} is read as {label}"] = None
    return list(read)


def parse(path: str) -> Parsed | None:
    """Return a clip with the label of its folder, or None if it lies in none."""
    label = _labels({path: {}}).get(path)
    return None if label is None else Parsed(speaker=None, emotion=label)


def place(root: Path, paths: list[str]) -> tuple[dict[str, Parsed], list[Skipped]]:
    """Return the facts about each clip, and the files that have no label.

    Raises:
        SerKerasError: There are fewer than two labels, or the CSV is not as described above.
    """
    table = _table(root)
    listed = {path: {} for path in paths} if table is None else _read_rows(table, paths)
    placed, skipped, label_of = {}, [], _labels(listed)
    for path in sorted({*paths, *listed}):  # the reader reports clips that are listed but missing
        if table is not None and path not in listed:
            skipped.append(Skipped(path, f"is not in {table.name}"))
        elif path in label_of:
            row = listed[path]
            placed[path] = Parsed(row.get("speaker"), label_of[path], text=row.get("text"))
        else:
            skipped.append(Skipped(path, "lies in no folder of its own label"))
    if not any(parsed.speaker for parsed in placed.values()):
        placed = _with_speakers(placed)
    placed = with_one_spelling(root, placed)
    labels = sorted({parsed.emotion for parsed in placed.values()})
    if len(labels) < 2:
        problem = f"has one class only ({labels[0]})" if labels else "has no labelled clips"
        remedy = f"Give each emotion a folder of its own in it, or list the clips in {TABLES[0]}"
        raise SerKerasError(root, problem, remedy)
    return placed, skipped


def _table(root: Path) -> Path | None:
    """Return the CSV of a corpus; None where it has none."""
    return next((root / name for name in TABLES if (root / name).is_file()), None)


def _written(path: str, listed: str | None) -> str | None:
    """Return a clip's label as the user wrote it: in the table, else the name of its folder."""
    parts = PurePosixPath(path).parts
    return listed or (parts[0] if len(parts) == 2 else None)


def _labels(rows: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return path -> label, without the clips that have none; labels differ by more than case.

    Args:
        rows: Path -> column -> cell of the CSV; no cells where there is no CSV.
    """
    label_of: dict[str, str] = {}
    spellings: dict[str, str] = {}
    for path in sorted(rows):
        if written := _written(path, rows[path].get("emotion")):
            label = emotions.of_folder(written) or composed(written)
            label_of[path] = spellings.setdefault(label.casefold(), label)
    return label_of


def _read_rows(table: Path, paths: list[str]) -> dict[str, dict[str, str]]:
    """Return path -> column -> cell, without empty cells; paths are spelt as on the disk."""
    content = read_table(table)
    if "path" not in {name.lower() for name in content.header}:
        remedy = "Give it the columns path, speaker, emotion, text (path and any of the others)"
        raise SerKerasError(table, "has no column path", remedy)
    on_disk = {composed(path): path for path in paths}
    rows: dict[str, dict[str, str]] = {}
    for line, row in content.records():
        name = row["path"].replace("\\", "/")
        clip = on_disk.get(composed(name), name)
        if not name or name.startswith("/") or ".." in PurePosixPath(name).parts or clip in rows:
            fault = "a second time" if clip in rows else "and that is not below it"
            problem = (
                f"names {name!r} in line {line}, {fault}"
                if name
                else f"names no clip in line {line}"
            )
            raise SerKerasError(table, problem, "Name each clip once, relative to the CSV's folder")
        rows[clip] = {column: composed(cell) for column, cell in row.items() if cell}
    return rows


def _with_speakers(placed: dict[str, Parsed]) -> dict[str, Parsed]:
    """Return the clips with the speakers from their names, if the names clearly have speakers."""
    prefixes = {path: PurePosixPath(path).name.partition("_") for path in placed}
    if not all(prefix and rest for prefix, _, rest in prefixes.values()):
        return placed
    uses = Counter((prefixes[path][0], parsed.emotion) for path, parsed in placed.items())
    labels = Counter(speaker for speaker, _ in uses)
    recurring = [speaker for speaker, count in labels.items() if count > 1]
    if len(recurring) < 2 or max(uses.values()) == 1:
        return placed
    return {path: replace(parsed, speaker=prefixes[path][0]) for path, parsed in placed.items()}


CORPUS = Corpus(
    name="folder",
    title="your own corpus",
    licence="its owner's",
    source="its owner",
    home="any folder like that will do",
    archive="it is yours",
    naming="<label>/<clip>.wav (happy/anna_01.wav)",
    emotions=(),
    speakers=(),
    parse=parse,
    place=place,
    readings=readings,
)
