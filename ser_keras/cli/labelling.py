"""How `Use_Our_Model.py` labels recordings: many or one, and in which form the rows come out."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ser_keras import archives, audio, console, files, formats, models, segments
from ser_keras.bundle import Bundle
from ser_keras.errors import SerKerasError, Skipped
from ser_keras.prediction import NO_SPEECH, Prediction
from ser_keras.windows import Windows

SYNTHETIC = "the model was trained on synthetic speech"
SEVERAL = 10  # rows; from this number on the same label for all of them is worth a remark
MANY = 50  # recordings; from this number on a progress bar is shown
TIMELINES = files.RESULTS / "timelines"


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
    if arguments.jobs or arguments.dask:
        enrolled = tuple(map(os.fspath, arguments.enrol or ()))
        folder = os.fspath(bundle.folder)
        work = archives.Work(folder, arguments.engine, settings, enrolled)
        labelled = archives.label_elsewhere(
            work, recordings, jobs=arguments.jobs, dask=arguments.dask
        )
    else:
        labelled = archives.label(bundle, recordings, settings)
    bar = console.progress(len(recordings), "labelling") if len(recordings) >= MANY else None
    skipped: list[Skipped] = []
    for path, rows in labelled:
        bad = [row for row in rows if isinstance(row, Skipped)]
        if bad and (arguments.strict or len(recordings) + done == 1):
            remedy = getattr(bad[0], "remedy", "") or "Give a recording of speech"
            raise SerKerasError(path, bad[0].reason, remedy)
        for row in bad:
            console.warn(f"skipped {row}")
        skipped += bad
        if bundle.synthetic and arguments.paths:
            rows = [_marked(row) for row in rows]
        yield path, rows
        if bar is not None:
            bar.update(1)
    if bar is not None:
        bar.close()
    if skipped:
        console.warn(f"{len(skipped)} of {len(recordings)} recordings were skipped.")
    if skipped and len(skipped) == len(recordings) + done:
        first = skipped[0]
        raise SerKerasError(first.path, first.reason, "None of the recordings could be read")


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
    table = archives.Table(arguments.resume, _columns(bundle, arguments))
    left = [path for path in recordings if os.fspath(path) not in table.finished]
    done = len(recordings) - len(left)
    if done:
        console.say(f"{done} of {len(recordings)} recordings are labelled already.")
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
    everything: list[Prediction] = []
    name = bundle.folder.name if models.is_shipped(bundle.folder) else bundle.name
    for path in recordings:
        envelope = audio.Envelope()
        rows: list[Prediction] = []
        for row in segments.segments(
            bundle.pipeline, path, None, windows(arguments), watch=envelope.add
        ):
            if isinstance(row, Skipped):
                if arguments.strict or len(recordings) == 1:
                    remedy = getattr(row, "remedy", "") or "Give a recording of speech"
                    raise SerKerasError(row.path, row.reason, remedy)
                console.warn(f"skipped {row}")
            else:
                note = SYNTHETIC if bundle.synthetic else ""
                rows.append(replace(row, note="; ".join(filter(None, (row.note, note)))))
        if not rows:
            continue
        everything += rows
        target = Path(arguments.timeline or TIMELINES)
        if not target.suffix or len(recordings) > 1:
            target = target / f"{path.name}.png"
        kind = ", trained on synthetic speech" if bundle.synthetic else ""
        title = f"{path.name}: emotion over time by {name}{kind}"
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


def show(bundle: Bundle, rows: list[Prediction], arguments: argparse.Namespace) -> None:
    """Print rows, or write them where `--save` says.

    Raises:
        SerKerasError: The form needs a file or a folder.
    """
    form, target = arguments.format, arguments.save
    columns = _columns(bundle, arguments)
    if target is not None and form == "table":
        suffixes = {each.suffix.lower(): name for name, each in formats.FORMATS.items()}
        form = suffixes.get(target.suffix.lower(), "")
        if not form:
            names = ", ".join(each.suffix for each in formats.FORMATS.values())
            raise SerKerasError(target, "has a suffix of no form", f"Choose {names}, or --format")
    if form == "table":
        console.show(_table(bundle, rows, arguments))
        return
    several = len({row.file for row in rows}) > 1
    if target is None:
        if not formats.FORMATS[form].text:
            raise SerKerasError(f"--format {form}", "is no text", "Name a file with --save")
        if several and not formats.FORMATS[form].several:
            problem = "describes one recording, and there are several"
            raise SerKerasError(f"--format {form}", problem, "Name a folder with --save")
        for line in formats.lines(form, rows, columns):
            console.show(line)
    elif several and not formats.FORMATS[form].several:
        for path in formats.write_each(form, target, rows, columns):
            console.say(f"Rows: {files.short(path)}")
    else:
        formats.write(form, target, rows, columns)
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


def live(bundle: Bundle, arguments: argparse.Namespace) -> None:
    """Print the emotion of the last seconds of a microphone, until Ctrl-C.

    A label is at most one hop and the time of one window older than the sound it is of.
    """
    rate = bundle.pipeline.features.sample_rate
    window, _ = windows(arguments).lengths(bundle.pipeline.features)
    hop = arguments.hop or 0.5
    heard, since = [], 0.0
    console.say("Listening. Stop with Ctrl-C.")
    begun = time.monotonic()
    import numpy as np  # late: for this alone

    for block in audio.listen(rate):
        heard.append(block)
        since += len(block) / rate
        if since < hop:
            continue
        since = 0.0
        samples = np.concatenate(heard)[-round(window * rate) :]
        heard = [samples]
        (row,) = bundle.pipeline.predict_numbered([(0, samples)], rate, arguments.speech or "")
        meter = "#" * max(0, round((audio.level(samples[-round(hop * rate) :]) + 60) / 4))
        seconds = f"{time.monotonic() - begun:6.1f} s"
        if isinstance(row, Skipped):
            console.show(f"{seconds}  {meter:15}  {row.reason}")
            continue
        best = "" if row.label == NO_SPEECH else f" {max(row.probabilities.values()):.2f}"
        console.show(f"{seconds}  {meter:15}  {row.label}{best}")
