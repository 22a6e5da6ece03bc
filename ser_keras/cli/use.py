"""`python Use_Our_Model.py`: label recordings with a trained model, or score it."""

from __future__ import annotations

import argparse
import csv
import glob
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from ser_keras import audio, cli, console, corpora, files
from ser_keras.bundle import Bundle, latest, load_bundle, row
from ser_keras.corpora import emotions
from ser_keras.errors import SerKerasError, Skipped
from ser_keras.prediction import Prediction

EVALUATION = files.RESULTS / "evaluation"
MANY = 50  # recordings from which on progress is shown

_EXAMPLES = """\
examples:
  python Use_Our_Model.py
      Score the test clips of the model that was trained last.
  python Use_Our_Model.py Test
      Score the recordings in the folder Test; their emotions are read from names or folders.
  python Use_Our_Model.py interview.wav 'calls/*.flac'
      Label recordings: a row for each, with the probability of every emotion.
  python Use_Our_Model.py calls --format csv > labels.csv
      The same as CSV; messages go to standard error and do not mix with it.
  python Use_Our_Model.py calls --labels truth.csv
      Score recordings whose emotions are in the columns path and emotion of truth.csv.
  python Use_Our_Model.py Test --model results/runs/attention-tess/tess/paper-0-seed0
      Use another model than the last one.
"""


def main(argv: list[str] | None = None) -> None:
    """Run the command line `argv` (None: that of the process)."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # start-up notes of native code
    arguments = _parser().parse_args(argv)
    with cli.exit_codes("Stopped."):
        _use(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="Use_Our_Model.py",
        description="Label recordings of speech with a trained model. Where their emotions are "
        "known, score the model on them.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="folders, files or globs (default: the test clips of the model's own run)",
    )
    parser.add_argument("--model", metavar="RUN", help="a run folder, or a model in results/models")
    parser.add_argument(
        "--engine", default="light", metavar="NAME", help="light, quantized or keras"
    )
    parser.add_argument("--labels", type=Path, metavar="CSV", help="columns: path, emotion")
    parser.add_argument(
        "--unlabelled", action="store_true", help="only predict, whatever the names say"
    )
    parser.add_argument(
        "--data", type=Path, default=files.DATA, metavar="DIR", help="where the run's corpus lies"
    )
    parser.add_argument("--format", default="table", choices=("table", "csv", "jsonl"))
    parser.add_argument(
        "--out", type=Path, default=EVALUATION, metavar="DIR", help="for the confusion matrix"
    )
    parser.add_argument("--strict", action="store_true", help="let one bad file be an error")
    return parser


def _use(arguments: argparse.Namespace) -> None:
    bundle = _model(arguments.model, arguments.engine)
    if arguments.paths:
        recordings = _recordings(arguments.paths)
        truth = {} if arguments.unlabelled else _truth(recordings, arguments.labels, bundle)
    else:
        truth = _test_clips(bundle, arguments.data)
        recordings = list(truth)
    predictions = _predict(bundle, recordings, arguments.strict)
    if not arguments.unlabelled and len(truth) == len(recordings):
        _evaluate(bundle, predictions, truth, arguments.out, arguments.format)
    else:
        if truth:
            console.say(f"{len(truth)} of {len(recordings)} have a known emotion: not scored.")
        _print(predictions, bundle, arguments.format)


def _model(name: str | None, engine: str) -> Bundle:
    """Return the model asked for, else the one trained last, and say which."""
    if name is None:
        name = latest()
        if name is None:
            remedy = "Train one with: python Emotion_Recognition.py, or give one with --model"
            raise SerKerasError("--model", "no model has been trained here yet", remedy)
    bundle = load_bundle(name, engine)
    kind = ", trained on synthetic speech" if bundle.synthetic else ""
    console.say(f"Model: {bundle.name}{kind} ({bundle.folder}).")
    return bundle


def _recordings(paths: Iterable[str]) -> list[Path]:
    """Return the sound files that the arguments name, folders walked, each once."""
    found: dict[Path, None] = {}
    for given in paths:
        path = Path(given)
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if _is_sound(p))
            if not inside:
                remedy = "Give a folder with WAV, FLAC, OGG, MP3 or AIFF files"
                raise SerKerasError(path, "holds no sound files", remedy)
        elif path.exists() or path.is_symlink():
            inside = [path]
        elif glob.has_magic(given):
            inside = sorted(p for p in map(Path, glob.glob(given, recursive=True)) if _is_sound(p))
            if not inside:
                raise SerKerasError(given, "matches no sound file", "Check the pattern")
        else:
            raise SerKerasError(path, "no such file or folder", "Check the path")
        found |= dict.fromkeys(inside)
    return list(found)


def _is_sound(path: Path) -> bool:
    hidden = path.name.startswith(".")  # macOS leaves ._x.wav beside x.wav
    return path.suffix.lower() in audio.SUFFIXES and not hidden and path.is_file()


def _truth(recordings: list[Path], labels: Path | None, bundle: Bundle) -> dict[Path, str]:
    """Return the emotion of each recording that has one the model knows."""
    if labels is not None:
        return _read_labels(labels, recordings, bundle)
    guessed = {path: corpora.guess(path) for path in recordings}
    return {path: emotion for path, emotion in guessed.items() if emotion in bundle.labels}


def _read_labels(labels: Path, recordings: list[Path], bundle: Bundle) -> dict[Path, str]:
    """Return what the CSV says: by path as given, relative to the CSV, or by file name alone."""
    try:
        with open(labels, newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, ValueError, csv.Error) as error:
        raise SerKerasError(labels, "cannot be read as CSV", "Check the path and format") from error
    if not rows or not {"path", "emotion"} <= rows[0].keys():
        raise SerKerasError(labels, "has no columns path and emotion", "Add a header with both")
    said: dict[str, str] = {}
    for entry in rows:
        word = (entry["emotion"] or "").strip()
        emotion = word if word in bundle.labels else emotions.of_word(word)
        if emotion not in bundle.labels:
            raise SerKerasError(
                labels,
                f"says {entry['emotion']!r}, which the model does not know",
                f"It knows {', '.join(bundle.labels)}",
            )
        for key in (entry["path"], str((labels.parent / entry["path"]).resolve())):
            said[key] = emotion
    truth = {}
    for path in recordings:
        for key in (str(path), str(path.resolve()), path.name):
            if key in said:
                truth[path] = said[key]
                break
    missing = [path for path in recordings if path not in truth]
    if missing:
        problem = f"has no row for {missing[0]} ({len(missing)} recordings in all)"
        raise SerKerasError(labels, problem, "Add the missing rows, or leave the recordings out")
    return truth


def _test_clips(bundle: Bundle, data: Path) -> dict[Path, str]:
    """Return the test clips of the model's own run with their emotions."""
    split, listing = bundle.manifest["split"], bundle.folder / "split.csv"
    if not listing.is_file():
        raise SerKerasError(bundle.folder, "has no split.csv", "Name recordings to label")
    roots = {}
    for name in split["corpus"].split("+"):
        corpus = corpora.get(name)
        roots[name] = corpus.find(data)
        if roots[name] is None:
            raise SerKerasError(data, f"holds no {corpus.title}", "Say with --data where it lies")
    with open(listing, newline="", encoding="utf-8") as stream:
        rows = [entry for entry in csv.DictReader(stream) if entry["role"] == "test"]
    places = ", ".join(map(str, roots.values()))
    console.say(f"The {len(rows)} test clips of this model's run, from {places}.")
    return {corpora.located(entry["path"], roots): entry["emotion"] for entry in rows}


def _predict(bundle: Bundle, recordings: list[Path], strict: bool) -> list[Prediction]:
    """Return what the model says; what it cannot hear is told on stderr and counted."""
    predictions, skipped = [], []
    bar = console.progress(len(recordings), "labelling") if len(recordings) >= MANY else None
    for result in bundle.stream(recordings):
        if isinstance(result, Skipped):
            if strict or len(recordings) == 1:
                raise SerKerasError(result.path, result.reason, "Give a recording of speech")
            skipped.append(result)
            console.warn(f"skipped {result}")
        else:
            predictions.append(result)
        if bar is not None:
            bar.update(1)
    if bar is not None:
        bar.close()
    if skipped:
        console.warn(f"{len(skipped)} of {len(recordings)} recordings were skipped.")
    if not predictions:
        first = skipped[0]
        raise SerKerasError(first.path, first.reason, "None of the recordings could be heard")
    return predictions


def _print(predictions: list[Prediction], bundle: Bundle, form: str) -> None:
    rows = [row(prediction) for prediction in predictions]
    if form == "jsonl":
        for entry in rows:
            console.show(json.dumps(entry, ensure_ascii=False))
    elif form == "csv":
        writer = csv.DictWriter(sys.stdout, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        lines = [
            [p.file, p.label, *(f"{value:.3f}" for value in p.probabilities.values()), p.note]
            for p in predictions
        ]
        noted = any(p.note for p in predictions)
        header = ["file", "label", *bundle.labels, "note"]
        keep = None if noted else -1
        console.show(console.table(header[:keep], [line[:keep] for line in lines]))


def _evaluate(
    bundle: Bundle, predictions: list[Prediction], truth: dict[Path, str], out: Path, form: str
) -> None:
    from ser_keras import figures  # late: scores and pictures, which labelling does without

    if form != "table":
        _print(predictions, bundle, form)
    spoken = [truth[Path(p.file)] for p in predictions]
    evaluation = figures.evaluate(bundle, predictions, spoken, out)
    (console.show if form == "table" else console.say)(evaluation)
