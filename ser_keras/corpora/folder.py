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

from ser_keras import files
from ser_keras.corpora import emotions
from ser_keras.corpora._corpus import Corpus, Parsed
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
    listed = {path: {} for path in paths} if table is None else _read_table(table)
    placed, skipped = {}, []
    for path in sorted({*paths, *listed}):  # the reader reports clips that are listed but missing
        if table is not None and path not in listed:
            skipped.append(Skipped(path, f"is not in {table.name}"))
        elif label := _label(path, listed[path].get("emotion")):
            row = listed[path]
            placed[path] = Parsed(row.get("speaker"), label, text=row.get("text"))
        else:
            skipped.append(Skipped(path, "lies in no folder of its own label"))
    labels = sorted({parsed.emotion for parsed in placed.values()})
    if len(labels) < 2:
        problem = f"has one class only ({labels[0]})" if labels else "has no labelled clips"
        remedy = f"Give each emotion a folder of its own in it, or list the clips in {TABLES[0]}"
        raise SerKerasError(root, problem, remedy)
    if not any(parsed.speaker for parsed in placed.values()):
        placed = _with_speakers(placed)
    return placed, skipped


def _label(path: str, listed: str | None = None) -> str | None:
    parts = PurePosixPath(path).parts
    label = listed or (parts[0] if len(parts) == 2 else None)
    return label and (emotions.of_folder(label) or label)


def _read_table(path: Path) -> dict[str, dict[str, str]]:
    """Return path -> column -> cell, without empty cells."""
    table = files.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    table.columns = [str(column).strip().lower() for column in table.columns]
    if "path" not in table.columns:
        remedy = "Give it the columns path, speaker, emotion, text (path and any of the others)"
        raise SerKerasError(path, "has no column path", remedy)
    rows = {}
    for row in table.to_dict("records"):
        clip = row["path"].strip().replace("\\", "/")
        parts = PurePosixPath(clip).parts
        if not parts or clip.startswith("/") or ".." in parts or clip in rows:
            problem = f"names {clip!r}" + (" twice" if clip in rows else ", which is not below it")
            raise SerKerasError(path, problem, "Name each clip once, relative to the CSV's folder")
        rows[clip] = {column: cell.strip() for column, cell in row.items() if cell.strip()}
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
