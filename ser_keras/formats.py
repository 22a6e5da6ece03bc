"""Predictions in the forms that other tools read: tables, RTTM, Praat's TextGrid and subtitles.

`COLUMNS` says what the columns mean. What could break a line in a name is written as an escape.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ser_keras import console, files
from ser_keras.errors import SerKerasError, unknown
from ser_keras.prediction import NO_SPEECH, UNSURE, Prediction
from ser_keras.prediction import row as whole_row

COLUMNS = {  # name -> meaning, in the order in which they are written
    "file": "the recording, as it was named",
    "start": "start of the part, in seconds",
    "end": "end of the part, in seconds",
    "label": f"the emotion, or `{NO_SPEECH}`, or `{UNSURE}`",
    "p_<emotion>": f"probability of each emotion; empty where there is `{NO_SPEECH}`",
    "emotion_1, p_1, ...": "with `--top K`, instead of these: the K most probable emotions and "
    "their probabilities, the first one even where the label is `unsure`",
    "arousal": "how aroused the voice sounds, 0 to 1, where the model says it",
    "speaker": "A, B, ... in the order in which they speak, with `--speakers`",
    "possible": "the emotions among which the true one is with the stated probability, with a | "
    "between them (in JSON, a list)",
    "adapted_by": "number of recordings by which the model was adapted to the voice or the room",
    "note": "a remark on the part, or nothing",
}

ROWS = 1_024  # of a Parquet file that are in memory at once
_LONGEST = 200  # bytes of a file's name; systems allow 255, and unfinished files add some


@dataclass(frozen=True)
class Format:
    """A form in which predictions are written.

    Args:
        suffix: How the names of its files end.
        several: Whether a file may describe several recordings.
        text: Whether it is text, which can be printed.
        summary: What it is for, for a help text.
    """

    suffix: str
    several: bool
    text: bool
    summary: str


FORMATS = {
    "csv": Format(".csv", True, True, "a table for pandas, R, audformat and spreadsheets"),
    "json": Format(".json", True, True, "one array of objects"),
    "jsonl": Format(".jsonl", True, True, "an object a line"),
    "parquet": Format(".parquet", True, False, "a table for pandas, Arrow and DuckDB"),
    "rttm": Format(".rttm", True, True, "for tools that tell speakers apart"),
    "textgrid": Format(".TextGrid", False, True, "tiers for Praat and ELAN"),
    "srt": Format(".srt", False, True, "subtitles for players and editors of video"),
}


def columns(
    labels: Sequence[str],
    *,
    arousal: bool = False,
    speaker: bool = False,
    possible: bool = False,
    top: int | None = None,
) -> tuple[str, ...]:
    """Return the names of the columns, the same for all recordings.

    Args:
        labels: Emotions in the order of the model's classes.
        arousal: Whether the model says how aroused a voice sounds.
        speaker: Whether voices are told apart.
        possible: Whether the possible emotions were asked for.
        top: Number of the most probable emotions to name; None gives the probability of each.

    Example:
        >>> columns(["happy", "sad"])
        ('file', 'start', 'end', 'label', 'p_happy', 'p_sad', 'adapted_by', 'note')
        >>> columns(["happy", "sad"], arousal=True, top=1)[4:7]
        ('emotion_1', 'p_1', 'arousal')
    """
    if top is None:
        measured = [f"p_{label}" for label in labels]
    else:
        ranks = range(1, min(top, len(labels)) + 1)
        measured = [name for rank in ranks for name in (f"emotion_{rank}", f"p_{rank}")]
    asked = {"arousal": arousal, "speaker": speaker, "possible": possible}
    further = [name for name, is_asked in asked.items() if is_asked]
    return ("file", "start", "end", "label", *measured, *further, "adapted_by", "note")


def row(prediction: Prediction, columns: Sequence[str]) -> dict[str, object]:
    """Return a prediction as a flat dict with just these columns; None where there is no number.

    Example:
        >>> prediction = Prediction("a.wav", 0.0, 2.0, "sad", {"happy": 0.25, "sad": 0.75})
        >>> row(prediction, ["label", "emotion_1", "p_1", "arousal"])
        {'label': 'sad', 'emotion_1': 'sad', 'p_1': 0.75, 'arousal': None}
    """
    flat: dict[str, object] = {
        **whole_row(prediction),
        "start": round(float(prediction.start), 6),
        "end": round(float(prediction.end), 6),
        "speaker": prediction.speaker,
        "possible": list(prediction.possible),
    }
    if "emotion_1" in columns:
        for rank, (emotion, value) in enumerate(_ranked(prediction), start=1):
            flat |= {f"emotion_{rank}": emotion, f"p_{rank}": round(value, 6)}
    known = {name: flat.get(name) for name in columns}
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in known.items()
    }


def lines(
    name: str,
    predictions: Iterable[Prediction],
    columns: Sequence[str],
    *,
    header: bool = True,
    length: float | None = None,
) -> Iterator[str]:
    r"""Yield predictions as text, in pieces that each want a line break after them.

    All but TextGrid take the predictions one by one, so that any number of them fits into memory.

    Args:
        name: One of `FORMATS` that is text.
        predictions: Predictions, those of a recording one after the other.
        columns: What `columns` returned. RTTM names the speakers if "speaker" is among them, else
            the emotions; the other columns matter to the tables alone.
        header: Whether the names of the columns come first (csv).
        length: Length of the recording in seconds (textgrid); None takes the end of its last part.

    Raises:
        SerKerasError: There is no such format, or it describes one recording and there are several.

    Example:
        >>> part = Prediction("a.wav", 0.0, 2.0, "sad", {"happy": 0.25, "sad": 0.75}, speaker="A")
        >>> print(*lines("srt", [part], ()), sep="\n")
        1
        00:00:00,000 --> 00:00:02,000
        sad 75 % (A)
        <BLANKLINE>
    """
    if not (name in FORMATS and FORMATS[name].text):
        texts = [each for each in FORMATS if FORMATS[each].text]
        raise unknown(f"format {name}", "text format", name, texts)
    if name == "csv":
        yield from _csv(predictions, columns, header)
    elif name == "jsonl":
        yield from (_json(row(prediction, columns)) for prediction in predictions)
    elif name == "json":
        before = "["
        for prediction in predictions:
            yield before
            before = f"{_json(row(prediction, columns))},"
        yield "[" if before == "[" else before.removesuffix(",")
        yield "]"
    elif name == "rttm":
        yield from _rttm(predictions, by_speaker="speaker" in columns)
    elif name == "srt":
        further = [column for column in columns if re.fullmatch(r"emotion_\d+", column)]
        yield from _srt(_of_one(name, predictions), max(1, len(further)))
    else:
        yield from _textgrid(list(_of_one(name, predictions)), length)


def write(
    name: str,
    path: str | os.PathLike,
    predictions: Iterable[Prediction],
    columns: Sequence[str],
    *,
    length: float | None = None,
) -> None:
    """Write predictions into one file, whole or not at all.

    Args:
        name: One of `FORMATS`.
        path: File to write.
        predictions: Predictions, those of a recording one after the other.
        columns: What `columns` returned.
        length: Length of the recording in seconds, as for `lines`.

    Raises:
        SerKerasError: The disk refuses, a package is missing, or as for `lines`.
    """
    if name == "parquet":
        _write_parquet(path, predictions, columns)
        return
    with (
        files.atomic(path) as unfinished,
        open(unfinished, "w", encoding="utf-8", newline="\n") as stream,
    ):
        for line in lines(name, predictions, columns, length=length):
            stream.write(f"{line}\n")


def write_each(
    name: str,
    folder: str | os.PathLike,
    predictions: Iterable[Prediction],
    columns: Sequence[str],
    lengths: Mapping[str, float] | None = None,
) -> list[Path]:
    """Write a file for each recording, named after it, and return their paths.

    Of recordings with equal names, such as a/1.wav and b/1.wav, the second one becomes 1-2.srt.

    Args:
        name: One of `FORMATS`.
        folder: Folder to write into.
        predictions: Predictions, those of a recording one after the other.
        columns: What `columns` returned.
        lengths: Length of each recording in seconds, by its name, as for `lines`.

    Raises:
        SerKerasError: As for `write`.
    """
    paths: dict[str, Path] = {}
    for recording, parts in itertools.groupby(predictions, key=lambda part: part.file):
        name_bytes = (console.visible(Path(recording).stem) or "recording").encode()
        stem = re.sub(r"[\\:]", "_", name_bytes[:_LONGEST].decode("utf-8", "ignore"))
        tried = (f"{stem}-{number}" if number > 1 else stem for number in itertools.count(1))
        unused = next(each for each in tried if each.casefold() not in paths)
        path = Path(folder) / f"{unused}{FORMATS[name].suffix}"
        write(name, path, parts, columns, length=(lengths or {}).get(recording))
        paths[unused.casefold()] = path
    return list(paths.values())


def _csv(predictions: Iterable[Prediction], columns: Sequence[str], header: bool) -> Iterator[str]:
    if header:
        yield console.comma_separated(columns, [])
    for prediction in predictions:
        line: Any = [_joined(cell) for cell in row(prediction, columns).values()]
        yield console.comma_separated(line, [])


def _joined(cell: object) -> object:
    """Return a cell of a table, in which a list has to be one text."""
    return "|".join(cell) if isinstance(cell, list) else cell


def _json(values: Mapping[str, object]) -> str:
    """Return an object as one line of JSON; what could steer a terminal is an escape in it."""
    return console.visible(json.dumps(values, ensure_ascii=False, allow_nan=False))


def _write_parquet(
    path: str | os.PathLike, predictions: Iterable[Prediction], columns: Sequence[str]
) -> None:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        remedy = "Install it with: pip install pyarrow, or choose csv"
        raise SerKerasError("pyarrow", "is not installed, which writes Parquet", remedy) from error

    def kind(column: str):
        if column in ("start", "end", "arousal") or column.startswith("p_"):
            return pyarrow.float64()
        return pyarrow.int64() if column == "adapted_by" else pyarrow.string()

    schema = pyarrow.schema([(column, kind(column)) for column in columns])
    parts = iter(predictions)
    with files.atomic(path) as unfinished, parquet.ParquetWriter(unfinished, schema) as writer:
        while batch := [row(part, columns) for part in itertools.islice(parts, ROWS)]:
            cells = {
                name: [
                    console.visible(_joined(cell)) if isinstance(cell, (str, list)) else cell
                    for cell in (each[name] for each in batch)
                ]
                for name in columns
            }
            writer.write_table(pyarrow.table(cells, schema=schema))


def _rttm(predictions: Iterable[Prediction], by_speaker: bool) -> Iterator[str]:
    """Yield a SPEAKER line of ten fields for each part with speech.

    The file is the whole path, as two recordings may have one name; signs that would end a field
    are written as in a URL. The confidence is the probability of an emotion; speakers have none.

    Source: NIST 2009, The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan,
        appendix A.
    """
    for part in predictions:
        if part.label == NO_SPEECH:
            continue
        name = (part.speaker or "unknown") if by_speaker else part.label
        confidence = "" if by_speaker else _number(part.probabilities.get(part.label))
        where = f"{_field(part.file)} 1 {part.start:.3f} {part.end - part.start:.3f}"
        yield f"SPEAKER {where} <NA> <NA> {_field(name)} {confidence or '<NA>'} <NA>"


def _field(text: str) -> str:
    """Return a text as a field that ends at a space."""
    shown = console.visible(text)
    escaped = re.sub(r"[%\s]", lambda sign: "".join(f"%{b:02X}" for b in sign[0].encode()), shown)
    return escaped or "<NA>"


def _srt(predictions: Iterable[Prediction], top: int) -> Iterator[str]:
    """Yield a numbered subtitle for each part, with an empty line after it."""
    for number, part in enumerate(predictions, start=1):
        ranked = [] if part.label == NO_SPEECH else _ranked(part)
        if part.label in part.probabilities:  # a smoothed label need not be the most probable one
            ranked.sort(key=lambda each: each[0] != part.label)
        words = ", ".join(f"{emotion} {100 * value:.0f} %" for emotion, value in ranked[:top])
        if part.label == UNSURE:
            words = f"{UNSURE}: {words}"
        text = console.visible(words or part.label).replace("-->", "→")
        speaker = f" ({part.speaker})" if part.speaker else ""
        yield f"{number}\n{_clock(part.start)} --> {_clock(part.end)}\n{text}{speaker}\n"


def _clock(seconds: float) -> str:
    """Return a time as hh:mm:ss,mmm."""
    whole, milliseconds = divmod(round(1000 * seconds), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02},{milliseconds:03}"


def _textgrid(predictions: Sequence[Prediction], length: float | None) -> Iterator[str]:
    """Yield Praat's long form: a tier each for emotion, probability, arousal and speaker.

    Source: Praat manual, TextGrid file formats.
    """
    last = max((part.end for part in predictions), default=0.0)
    end = max(last, length or 0.0)
    tiers = {
        "emotion": [part.label for part in predictions],
        "probability": [_number(part.probabilities.get(part.label)) for part in predictions],
    }
    if any(part.arousal is not None for part in predictions):
        tiers["arousal"] = [_number(part.arousal) for part in predictions]
    if any(part.speaker for part in predictions):
        tiers["speaker"] = [part.speaker for part in predictions]
    yield 'File type = "ooTextFile"\nObject class = "TextGrid"\n'
    yield f"xmin = 0\nxmax = {end:.6f}\ntiers? <exists>\nsize = {len(tiers)}\nitem []:"
    for number, (name, texts) in enumerate(tiers.items(), start=1):
        intervals = []
        reached = 0.0
        for part, text in zip(predictions, texts, strict=True):
            start, stop = max(part.start, reached), max(part.end, reached)
            if start - reached >= 1e-6:
                intervals.append((reached, start, ""))
            if stop - start >= 1e-6:
                intervals.append((start, stop, text))
            reached = stop
        if end - reached >= 1e-6 or not intervals:
            intervals.append((reached, end, ""))
        yield f'    item [{number}]:\n        class = "IntervalTier"\n        name = "{name}"'
        yield f"        xmin = 0\n        xmax = {end:.6f}"
        yield f"        intervals: size = {len(intervals)}"
        for i, (start, stop, text) in enumerate(intervals, start=1):
            quoted = console.visible(text).replace('"', '""')
            yield f"        intervals [{i}]:\n            xmin = {start:.6f}"
            yield f'            xmax = {stop:.6f}\n            text = "{quoted}"'


def _number(value: float | None) -> str:
    """Return a share as text; nothing where there is none."""
    return "" if value is None or not math.isfinite(value) else f"{value:.2f}"


def _ranked(prediction: Prediction) -> list[tuple[str, float]]:
    """Return the emotions with their probabilities, the most probable one first."""
    measured = [(e, p) for e, p in prediction.probabilities.items() if math.isfinite(p)]
    return sorted(measured, key=lambda each: -each[1])


def _of_one(name: str, predictions: Iterable[Prediction]) -> Iterator[Prediction]:
    """Yield predictions as long as they are of one recording.

    Raises:
        SerKerasError: Another recording follows.
    """
    first = None
    for prediction in predictions:
        first = first or prediction.file
        if prediction.file != first:
            problem = f"describes one recording, and {prediction.file} follows {first}"
            raise SerKerasError(f"format {name}", problem, "Write a file for each into a folder")
        yield prediction
