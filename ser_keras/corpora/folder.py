"""A corpus of one's own: `<label>/<clip>`, or a `labels.csv` (or `metadata.csv`) beside the clips.

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

from collections import Counter
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ser_keras.corpora import emotions
from ser_keras.corpora._corpus import Corpus, Parsed
from ser_keras.corpora._spellings import with_one_spelling
from ser_keras.corpora._tables import composed, read_table
from ser_keras.errors import SerKerasError, Skipped

TABLES = ("labels.csv", "metadata.csv")


def parse(path: str) -> Parsed | None:
    """Return a clip with the label of its folder, or None if it lies in none."""
    label = _label(path)
    return None if label is None else Parsed(speaker=None, emotion=label)


def place(root: Path, paths: list[str]) -> tuple[dict[str, Parsed], list[Skipped]]:
    """Return the facts about each clip, and the files that have no label.

    Raises:
        SerKerasError: There are fewer than two labels, or the CSV is not as described above.
    """
    table = next((root / name for name in TABLES if (root / name).is_file()), None)
    listed = {path: {} for path in paths} if table is None else _read_rows(table, paths)
    placed, skipped = {}, []
    for path in sorted({*paths, *listed}):  # the reader reports clips that are listed but missing
        if table is not None and path not in listed:
            skipped.append(Skipped(path, f"is not in {table.name}"))
        elif label := _label(path, listed[path].get("emotion")):
            row = listed[path]
            placed[path] = Parsed(row.get("speaker"), label, text=row.get("text"))
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


def _label(path: str, listed: str | None = None) -> str | None:
    parts = PurePosixPath(path).parts
    label = listed or (parts[0] if len(parts) == 2 else None)
    return label and (emotions.of_folder(label) or composed(label))


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
)
