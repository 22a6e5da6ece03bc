"""A corpus of one's own: `<label>/<clip>`, or a `labels.csv` (or `metadata.csv`) beside the clips.

A folder's name is the label of its clips: an emotion in any corpus's spelling becomes the house's,
another label stays as it is. The CSV has a column path (relative, `/` between parts) and any of
speaker, emotion, text; it alone then says which clips there are, and an empty cell is unknown.

Speakers: without a column of that name, the part of a file's name before its first `_` is the
speaker if this is so clearly meant that a take number cannot be mistaken for one: every clip has
such a part; at least two of these occur under more than one label; and somewhere one occurs more
than once under the same label. Otherwise speakers are unknown.
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
    """Return the label that a clip's folder gives it."""
    label = _label(path)
    return None if label is None else Parsed(speaker=None, emotion=label)


def place(root: Path, paths: list[str]) -> tuple[dict[str, Parsed], list[Skipped]]:
    """Return what is known of each clip, and the files that have no label.

    Raises:
        SerKerasError: There are fewer than two labels, or the CSV is not as above.
    """
    table = next((root / name for name in TABLES if (root / name).is_file()), None)
    told = {path: {} for path in paths} if table is None else _read_table(table)
    placed, skipped = {}, []
    for path in sorted({*paths, *told}):  # a clip that is listed but not there gets its error later
        if path not in told:
            skipped.append(Skipped(path, f"is not in {table.name}"))
        elif label := _label(path, told[path].get("emotion")):
            placed[path] = Parsed(told[path].get("speaker"), label, text=told[path].get("text"))
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


def _label(path: str, told: str | None = None) -> str | None:
    parts = PurePosixPath(path).parts
    label = told or (parts[0] if len(parts) == 2 else None)
    return label and (emotions.of_folder(label) or label)


def _read_table(path: Path) -> dict[str, dict[str, str]]:
    """Return clip -> column -> cell, without empty cells."""
    table = files.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    table.columns = [str(column).strip().lower() for column in table.columns]
    if "path" not in table.columns:
        remedy = "Give it the columns path, speaker, emotion, text (path and any of the others)"
        raise SerKerasError(path, "has no column path", remedy)
    told = {}
    for row in table.to_dict("records"):
        clip = row["path"].strip().replace("\\", "/")
        parts = PurePosixPath(clip).parts
        if not parts or clip.startswith("/") or ".." in parts or clip in told:
            problem = f"names {clip!r}" + (" twice" if clip in told else ", which is not below it")
            raise SerKerasError(path, problem, "Name each clip once, relative to the CSV's folder")
        told[clip] = {column: cell.strip() for column, cell in row.items() if cell.strip()}
    return told


def _with_speakers(placed: dict[str, Parsed]) -> dict[str, Parsed]:
    """Return the clips with the speakers of their names, if these clearly are some."""
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
