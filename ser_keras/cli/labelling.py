"""How `Use_Our_Model.py` labels recordings: many or one, and in which form the rows come out."""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from ser_keras import archives, audio, console, files, formats, models, segments
from ser_keras.bundle import Bundle
from ser_keras.errors import SerKerasError, Skipped
from ser_keras.prediction import NO_SPEECH, Prediction
from ser_keras.windows import Windows, one_blas_thread

SYNTHETIC = "the model was trained on synthetic speech"
SEVERAL = 10  # rows; from this number on the same label for all of them is worth a remark
MANY = 50  # recordings; from this number on a progress bar is shown
TIMELINES = files.RESULTS / "timelines"
LIVE_HOP = 0.5  # seconds of sound after which a microphone gets its next label
LIVE_DELAY = 1.0  # seconds from a sound to its label, in the median; a test measures it


def windows(arguments: argparse.Namespace, *, whole: bool = False) -> Windows:
    """Return how recordings are cut by the options of the command line."""
    return Windows(
        window=arguments.window,
        hop=arguments.hop,
        whole=arguments.whole or whole,
        speech=arguments.speech,
        speakers=arguments.speakers,
        adapt=arguments.adapt,
        possible=arguments.possible,
    )


def label(
    bundle: Bundle,
    recordings: list[Path],
    arguments: argparse.Namespace,
    *,
    whole: bool = False,
    done: int = 0,
) -> Iterator[tuple[str, archives.Rows]]:
    """Yield each recording with its rows; what cannot be read is reported and counted.

    Args:
        bundle: Model.
        recordings: Recordings to label.
        arguments: Options of the command line.
        whole: Whether each recording gets one row.
        done: Number of recordings that were labelled before.

    Raises:
        SerKerasError: None could be read, or one could not and `--strict` is set.
    """
    settings = windows(arguments, whole=whole)
    if arguments.jobs or arguments.dask is not None:
        work = archives.Work.of(bundle, arguments.engine, settings, arguments.enrol or ())
        labelled = archives.label_elsewhere(
            work, recordings, jobs=arguments.jobs, dask=arguments.dask
        )
    else:
        labelled = archives.label(bundle, recordings, settings)
    yield from _reported(bundle, labelled, len(recordings), arguments, done)


def _reported(
    bundle: Bundle,
    labelled: Iterable[tuple[str, archives.Rows]],
    number: int,
    arguments: argparse.Namespace,
    done: int = 0,
) -> Iterator[tuple[str, archives.Rows]]:
    """Yield recordings with their rows, and report those that were skipped once all are there.

    Args:
        bundle: Model.
        labelled: Recordings with their rows.
        number: Number of recordings.
        arguments: Options of the command line.
        done: Number of recordings that were labelled before.

    Raises:
        SerKerasError: None could be read, or one could not and `--strict` is set.
    """
    bar = console.progress(number, "labelling") if number >= MANY else None
    skipped: list[Skipped] = []
    try:
        for path, rows in labelled:
            bad = [row for row in rows if isinstance(row, Skipped)]
            if bad and (arguments.strict or number + done == 1):
                raise bad[0].error
            skipped += bad
            if bundle.synthetic and arguments.paths:
                rows = [_marked(row) for row in rows]
            yield path, rows
            if bar is not None:
                bar.update(1)
    finally:  # also after Ctrl-C, which ends most long batches
        if bar is not None:
            bar.close()
        warn_of_skipped(skipped)
    if skipped:
        console.warn(f"{len(skipped)} of {number} recordings were skipped.")
    if skipped and len(skipped) == number + done:
        first = skipped[0]
        raise SerKerasError(first.path, first.reason, "None of the recordings could be read")


def warn_of_skipped(skipped: Iterable[Skipped]) -> None:
    """Warn of files that were skipped: one line for all with the same reason, but for figures."""
    groups: dict[str, list[Skipped]] = {}
    for file in skipped:
        groups.setdefault(re.sub(r"\d[\d.,]*", "0", file.reason), []).append(file)
    for group in groups.values():
        first, *others = group
        if not others:
            console.warn(f"skipped {first}")
            continue
        alike = "" if all(file.reason == first.reason for file in others) else ", or the like"
        names = console.listed(file.path for file in group)
        console.warn(f"skipped {len(group)}: {first.reason}{alike} ({names}).")


def _marked(row: Prediction | Skipped) -> Prediction | Skipped:
    if isinstance(row, Skipped):
        return row
    return replace(row, note="; ".join(filter(None, (row.note, SYNTHETIC))))


def predictions(
    bundle: Bundle, recordings: list[Path], arguments: argparse.Namespace, *, whole: bool = False
) -> list[Prediction]:
    """Return all rows of recordings that could be read."""
    return [
        row
        for _, rows in label(bundle, recordings, arguments, whole=whole)
        for row in rows
        if isinstance(row, Prediction)
    ]


def resume(bundle: Bundle, recordings: list[Path], arguments: argparse.Namespace) -> None:
    """Label the recordings that a table does not hold yet, and add them to it."""
    work = archives.Work.of(bundle, arguments.engine, windows(arguments), arguments.enrol or ())
    columns = _columns(bundle, arguments)
    with archives.table(arguments.resume, columns, work.settings()) as table:
        given = {os.path.abspath(path): path for path in recordings}
        left = [path for full, path in given.items() if full not in table.finished]
        done = len(given) - len(left)
        if done:
            console.say(f"{done} of {len(given)} recordings are labelled already.")
        for path, rows in label(bundle, left, arguments, done=done):
            table.add(path, rows)
    console.say(f"Rows: {files.short(table.path)}")


def timeline(
    bundle: Bundle, recordings: list[Path], arguments: argparse.Namespace
) -> list[Prediction]:
    """Return the rows of recordings, and draw the timeline of each."""
    from ser_keras import pictures  # late: labelling does without it

    if arguments.jobs or arguments.dask or arguments.whole or arguments.adapt == "all":
        problem = "draws one recording after the other, cut into windows"
        remedy = "Leave out --jobs, --dask, --whole and --adapt all"
        raise SerKerasError("--timeline", problem, remedy)
    settings, pipeline = windows(arguments), bundle.pipeline
    envelope = audio.Envelope()

    def labelled() -> Iterator[tuple[str, archives.Rows]]:
        nonlocal envelope
        for path in recordings:
            envelope = audio.Envelope()
            rows = segments.segments(pipeline, path, None, settings, watch=envelope.add)
            yield os.fspath(path), list(rows)

    everything: list[Prediction] = []
    name = bundle.folder.name if models.is_shipped(bundle.folder) else bundle.name
    kind = ", trained on synthetic speech" if bundle.synthetic else ""
    for path, mixed in _reported(bundle, labelled(), len(recordings), arguments):
        rows = [row for row in mixed if isinstance(row, Prediction)]
        if not rows:
            continue
        everything += rows
        target = Path(arguments.timeline or TIMELINES)
        if not target.suffix or len(recordings) > 1:
            target = target / f"{Path(path).name}.png"
        title = f"{Path(path).name}: emotion over time by {name}{kind}"
        pictures.timeline(rows, target, sound=envelope, title=title)
        console.say(f"Timeline: {files.short(target)}")
    return everything


def _columns(bundle: Bundle, arguments: argparse.Namespace) -> tuple[str, ...]:
    return formats.columns(
        bundle.labels,
        arousal=bundle.pipeline.arousal is not None,
        speaker=arguments.speakers,
        possible=arguments.possible is not None,
        top=arguments.top,
    )


def form(arguments: argparse.Namespace, several: bool) -> str:
    """Return the form of the rows; what cannot be written is refused before hours of labelling.

    Args:
        arguments: Options of the command line.
        several: Whether the rows are of several recordings.

    Raises:
        SerKerasError: The form needs a file, a folder or a package, or a suffix names none.
    """
    name, target = arguments.format, arguments.save
    if target is not None and name == "table":
        suffixes = {each.suffix.lower(): name for name, each in formats.FORMATS.items()}
        name = suffixes.get(target.suffix.lower(), "")
        if not name:
            names = ", ".join(each.suffix for each in formats.FORMATS.values())
            raise SerKerasError(target, "has a suffix of no form", f"Choose {names}, or --format")
    if name == "table":
        return name
    if target is None and not formats.FORMATS[name].text:
        raise SerKerasError(f"--format {name}", "is no text", "Name a file with --save")
    if target is None and several and not formats.FORMATS[name].several:
        problem = "describes one recording, and there are several"
        raise SerKerasError(f"--format {name}", problem, "Name a folder with --save")
    if name == "parquet" and importlib.util.find_spec("pyarrow") is None:
        remedy = "Install it with: pip install pyarrow, or choose csv"
        raise SerKerasError("pyarrow", "is not installed, which writes Parquet", remedy)
    return name


def show(bundle: Bundle, rows: list[Prediction], arguments: argparse.Namespace) -> None:
    """Print rows, or write them where `--save` says.

    Raises:
        SerKerasError: The form needs a file or a folder.
    """
    several = len({row.file for row in rows}) > 1
    name, target, columns = form(arguments, several), arguments.save, _columns(bundle, arguments)
    if name == "table":
        console.show(_table(bundle, rows, arguments))
    elif target is None:
        for line in formats.lines(name, rows, columns):
            console.show(line)
    elif several and not formats.FORMATS[name].several:
        for path in formats.write_each(name, target, rows, columns):
            console.say(f"Rows: {files.short(path)}")
    else:
        formats.write(name, target, rows, columns)
        console.say(f"Rows: {files.short(target)}")


def _table(bundle: Bundle, rows: list[Prediction], arguments: argparse.Namespace) -> str:
    """Return rows as a table to read: times only where a recording has several rows."""
    timed = len({row.file for row in rows}) < len(rows)
    has_arousal = bundle.pipeline.arousal is not None
    top = min(arguments.top or 0, len(bundle.labels))
    header = ["file", *(["start", "end"] if timed else []), "label"]
    header += [f"{n}." for n in range(1, top + 1)] if top else bundle.labels
    header += ["arousal"] if has_arousal else []
    header += ["speaker"] if arguments.speakers else []
    header += ["possible"] if arguments.possible is not None else []
    lines = []
    for row in rows:
        nothing = row.label == NO_SPEECH
        values = list(row.probabilities.values())
        if top:
            ranked = sorted(row.probabilities.items(), key=lambda item: -item[1])[:top]
            shown = ["" if nothing else f"{word} {value:.3f}" for word, value in ranked]
        else:
            shown = ["" if nothing else f"{value:.3f}" for value in values]
        line = [row.file, *([_clock(row.start), _clock(row.end)] if timed else []), row.label]
        line += shown
        line += ["" if row.arousal is None else f"{row.arousal:.3f}"] if has_arousal else []
        line += [row.speaker] if arguments.speakers else []
        line += [", ".join(row.possible)] if arguments.possible is not None else []
        lines.append([*line, row.note])
    keep = None if any(row.note for row in rows) else -1
    return console.table([*header, "note"][:keep], [line[:keep] for line in lines])


def _clock(seconds: float) -> str:
    hours, rest = divmod(round(seconds, 1), 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours:.0f}:{minutes:02.0f}:{rest:04.1f}" if hours else f"{minutes:.0f}:{rest:04.1f}"


@one_blas_thread()
def live(bundle: Bundle, arguments: argparse.Namespace) -> None:
    """Print the emotion of the last seconds of a microphone, until Ctrl-C.

    Where labelling is slower than the sound, hops are passed over, so that each label is of the
    newest sound. How late labels were is printed at the end.
    """
    import numpy as np  # late: for this alone

    pipeline, kind = bundle.pipeline, arguments.speech or ""
    rate, hop = pipeline.features.sample_rate, arguments.hop or LIVE_HOP
    window, _ = windows(arguments).lengths(pipeline.features)
    span = round((window + pipeline.features.offset) * rate)
    tone = np.sin(np.arange(span) / 20).astype(np.float32)
    list(pipeline.predict_numbered([(0, tone)], rate, kind))  # the first label of all takes longest
    heard, since, total = np.zeros(0, np.float32), 0.0, 0.0
    delays: list[float] = []
    blocks = audio.listen(rate)
    console.say("Listening. Stop with Ctrl-C.")
    try:
        while True:
            asked = time.monotonic()
            block = next(blocks, None)
            if block is None:
                return
            came = time.monotonic()
            heard = np.concatenate([heard, block])[-span:]
            since, total = since + len(block) / rate, total + len(block) / rate
            if since < hop - 1e-3 or came - asked < 1e-3:  # newer sound is waiting already
                continue
            (row,) = pipeline.predict_numbered([(0, heard)], rate, kind)
            delays.append(since + time.monotonic() - came)
            level = audio.level(heard[-round(since * rate) :])
            line = f"{total:6.1f} s  {'#' * max(0, round((level + 60) / 4)):15}"
            since = 0.0
            if isinstance(row, Skipped):
                console.show(f"{line}  {row.reason}")
                continue
            best = "" if row.label == NO_SPEECH else f" {max(row.probabilities.values()):.2f}"
            console.show(f"{line}  {row.label}{best}")
    finally:
        if delays:
            console.say(
                "",
                f"Half of the labels came at most {np.median(delays):.2f} s after the sound that "
                f"they are of, all of them at most {max(delays):.2f} s.",
            )
