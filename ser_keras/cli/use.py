"""`python Use_Our_Model.py`: label recordings with a trained model, or score it."""

from __future__ import annotations

import argparse
import csv
import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras import cli, console, corpora, files, manifest, models
from ser_keras.bundle import Bundle, latest, load_bundle, row
from ser_keras.errors import SerKerasError, Skipped
from ser_keras.prediction import Prediction

if TYPE_CHECKING:
    from ser_keras.evaluation import Evaluation

EVALUATION = files.RESULTS / "evaluation"
SYNTHETIC = "the model was trained on synthetic speech"
MANY = 50  # recordings; from this number on a progress bar is shown
SEVERAL = 10  # recordings; from this number on the same label for all of them is worth a remark

_EXAMPLES = """\
Recordings get the model that was trained last here if it learned from real speech, else the model
general that comes with ser_keras. Another model is named with --model.

examples:
  python Use_Our_Model.py interview.wav 'calls/*.flac'
      Label recordings: one row for each, with the probability of every emotion. Some models also
      give arousal: how aroused the voice sounds, from 0 to 1.
  python Use_Our_Model.py Test
      Score the model on the recordings in the folder Test. Their emotions are those of their
      folders (angry/x.wav) or of their names: <voice>_<word>_<emotion>.wav, or as in RAVDESS,
      CREMA-D and the other corpora that are known. Other words make no emotion: not_angry/x.wav.
  python Use_Our_Model.py
      Score the model that was trained last here, whatever it learned from, on the test clips of
      its own run.
  python Use_Our_Model.py calls --format csv > labels.csv
      Write the same as CSV; messages go to standard error and do not mix with it.
  python Use_Our_Model.py calls --labels truth.csv
      Score the model on recordings whose emotions are in the columns path and emotion of truth.csv.
      Recordings without a row are reported and skipped; --strict makes them an error.
  python Use_Our_Model.py Test --model results/runs/attention-tess/tess/paper-0-seed0
      Use another model than the default one.
  python Use_Our_Model.py --card general
      Say what a model learned from, how good it is, and what it must not be used for.
"""


def main(argv: list[str] | None = None) -> None:
    """Run the command with the arguments `argv`; None takes those of the process."""
    arguments = cli.parse(_parser(), argv)
    with cli.exit_codes("Stopped.", {"--cache": arguments.cache}):
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
    shipped = ", ".join(models.names())
    comes = f", or one that comes with ser_keras ({shipped})" if shipped else ""
    parser.add_argument(
        "--model",
        metavar="NAME",
        help=f"a run folder, a model in results/models{comes}; --card NAME says more about it",
    )
    parser.add_argument(
        "--card",
        nargs="?",
        const=models.GENERAL,
        metavar="NAME",
        help="only print the CARD.md of a model: what it learned from, its scores and its "
        f"limits (default: {models.GENERAL})",
    )
    parser.add_argument(
        "--engine", default="light", metavar="NAME", help="light, quantized or keras"
    )
    parser.add_argument("--labels", type=Path, metavar="CSV", help="columns: path, emotion")
    parser.add_argument(
        "--unlabelled", action="store_true", help="only label, even if names tell the emotions"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder with the run's corpus (default: where it was in training, else data)",
    )
    parser.add_argument("--format", default="table", choices=("table", "csv", "jsonl"))
    parser.add_argument(
        "--out",
        type=Path,
        default=EVALUATION,
        metavar="DIR",
        help="folder for the confusion matrix",
    )
    parser.add_argument(
        "--cache", type=Path, default=files.CACHE, metavar="DIR", help="folder of what clips hold"
    )
    parser.add_argument(
        "--strict", action="store_true", help="end with an error at the first bad file"
    )
    return parser


def _use(arguments: argparse.Namespace) -> None:
    if arguments.card:
        console.show(models.card(arguments.card).rstrip())
        return
    bundle = _model(arguments.model, arguments.engine, bool(arguments.paths))
    truth: dict[Path, str] = {}
    if arguments.paths:
        recordings, left_out = corpora.recordings(arguments.paths)
        if arguments.labels and not arguments.unlabelled:
            truth, unknown = corpora.read_labels(arguments.labels, recordings, bundle.labels)
            recordings, left_out = list(truth), left_out + unknown
        elif not arguments.unlabelled:
            truth = _truth(recordings, bundle.labels)
        for file in left_out:
            if arguments.strict:
                raise SerKerasError(file.path, file.reason, "Mend it, or leave out --strict")
            console.warn(f"skipped {file}")
    else:
        truth = _test_clips(bundle, arguments.data)
        recordings = list(truth)
    predictions = _predict(bundle, recordings, arguments.strict)
    if bundle.synthetic and arguments.paths:
        notes = ["; ".join(filter(None, (p.note, SYNTHETIC))) for p in predictions]
        predictions = [replace(p, note=n) for p, n in zip(predictions, notes, strict=True)]
    if not arguments.unlabelled and len(truth) == len(recordings):
        _evaluate(bundle, predictions, truth, arguments)
    else:
        _warn_of_one_label(bundle, predictions, scored=False)
        if truth:
            known = f"{len(truth)} of {len(recordings)} recordings have a known emotion"
            console.say(f"Only {known}, so the model is not scored.")
        _print(predictions, bundle, arguments.format)


def _truth(recordings: list[Path], labels: Sequence[str]) -> dict[Path, str]:
    """Return the emotions that names tell and the model knows, and say how they were read."""
    guesses = corpora.guesses(recordings, labels)
    for note in guesses.notes:
        console.say(f"{note}.")
    truth = {path: word for path, word in guesses.emotions.items() if word in labels}
    strange = sorted(set(guesses.emotions.values()).difference(labels))
    if strange:
        number = console.count(len(guesses.emotions) - len(truth), "recording")
        console.say(f"The model does not know the emotions of {number}: {', '.join(strange)}.")
    if not guesses.emotions:
        console.say("The names tell no emotions, so the model is not scored.")
    return truth


def _model(name: str | None, engine: str, has_recordings: bool) -> Bundle:
    """Return the model with this name, or the default one, and print which it is and why.

    Args:
        name: Name or folder of the model; None for the default.
        engine: Name of the engine.
        has_recordings: Whether it is for recordings, rather than for the test clips of its own run.

    Raises:
        SerKerasError: There is no such model, or none that suits.
    """
    last, has_general = latest(), models.GENERAL in models.names()
    trains = "train one with: python Emotion_Recognition.py"
    model: str | Path | None = name or last
    passed_over = None
    if name is None and has_recordings and last and manifest.read(last)["synthetic"]:
        passed_over, model = shlex.quote(str(files.short(last))), None
    if model is None and has_recordings and has_general:
        model = models.SHIPPED / models.GENERAL
    elif model is None and passed_over:
        problem = "the model trained last here learned from synthetic speech"
        remedy = f"Train one on real speech, or use it all the same with --model {passed_over}"
        raise SerKerasError("--model", problem, remedy)
    elif model is None:
        remedy = "Name recordings to label, or " if has_general else "Give one with --model, or "
        raise SerKerasError("--model", "no model has been trained here yet", remedy + trains)
    bundle = load_bundle(model, engine)
    kind = ", trained on synthetic speech" if bundle.synthetic else ""
    if models.is_shipped(bundle.folder):
        console.say(f"Model: {bundle.folder.name}{kind} (comes with ser_keras).")
    else:
        why = "trained last here, in " if name is None else ""
        console.say(f"Model: {bundle.name}{kind} ({why}{files.short(bundle.folder)}).")
    if passed_over:
        console.say(
            "The model trained last here learned from synthetic speech. Use it all the same with: "
            f"--model {passed_over}"
        )
    return bundle


def _test_clips(bundle: Bundle, data: Path | None) -> dict[Path, str]:
    """Return the test clips of the model's own run with their emotions."""
    split, listing = bundle.manifest["split"], bundle.folder / "split.csv"
    if not listing.is_file():
        problem = "comes without the clips that it was tested on (split.csv)"
        raise SerKerasError(bundle.folder, problem, "Name recordings to label")
    if data is not None and not data.is_dir():
        raise SerKerasError(data, "no such folder", "Check --data")
    places = corpora.recall_places(bundle.folder)
    roots = {
        name: corpora.root_of(name, data, places.get(name)) for name in split["corpus"].split("+")
    }
    with open(listing, newline="", encoding="utf-8") as stream:
        rows = [entry for entry in csv.DictReader(stream) if entry["role"] == "test"]
    truth = {corpora.located(entry["path"], roots): entry["emotion"] for entry in rows}
    where = ", ".join(str(files.short(root)) for root in roots.values())
    if not any(path.is_file() for path in truth):
        problem = f"has none of the {len(rows)} test clips of this model's run"
        raise SerKerasError(where, problem, "Name the folder of its corpus with --data")
    console.say(f"The {len(rows)} test clips of this model's run, from {where}.")
    return truth


def _predict(bundle: Bundle, recordings: list[Path], strict: bool) -> list[Prediction]:
    """Return the predictions; recordings that cannot be read are reported and counted."""
    predictions, skipped = [], []
    bar = console.progress(len(recordings), "labelling") if len(recordings) >= MANY else None
    for result in bundle.stream(recordings):
        if isinstance(result, Skipped):
            if strict or len(recordings) == 1:
                remedy = getattr(result, "remedy", "") or "Give a recording of speech"
                raise SerKerasError(result.path, result.reason, remedy)
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
        raise SerKerasError(first.path, first.reason, "None of the recordings could be read")
    return predictions


def _print(predictions: list[Prediction], bundle: Bundle, form: str) -> None:
    rows = [row(prediction) for prediction in predictions]
    if form == "jsonl":
        for entry in rows:
            console.show(json.dumps(entry, ensure_ascii=False))
    elif form == "csv":
        console.show(console.comma_separated(list(rows[0]), [list(e.values()) for e in rows]))
    else:
        lines = []
        for p in predictions:
            measured = [*p.probabilities.values(), *([] if p.arousal is None else [p.arousal])]
            lines.append([p.file, p.label, *(f"{value:.3f}" for value in measured), p.note])
        noted = any(p.note for p in predictions)
        arousal = ["arousal"] if bundle.pipeline.arousal else []
        header = ["file", "label", *bundle.labels, *arousal, "note"]
        keep = None if noted else -1
        console.show(console.table(header[:keep], [line[:keep] for line in lines]))


def _warn_of_one_label(bundle: Bundle, predictions: list[Prediction], scored: bool) -> None:
    """Warn where all of many recordings got the same label, and say what to try.

    Args:
        bundle: Model that made the predictions.
        predictions: A prediction for each recording.
        scored: Whether it is known that the recordings are of several emotions.
    """
    labels = {prediction.label for prediction in predictions}
    if len(labels) > 1 or len(predictions) < SEVERAL:
        return
    from ser_keras.evaluation import advice  # late: labelling does without it

    (label,) = labels
    shipped = models.is_shipped(bundle.folder)  # its user cannot train it again
    failing = "it is of no use for such recordings" if shipped else "it has not learned enough"
    unless = "" if scored else f" Unless all of them are {label}, {failing}."
    remedy = "" if shipped else f" {advice(bundle.manifest['recipe'])}"
    console.warn(f"The network gives every recording the same label ({label}).{unless}{remedy}")


def _evaluate(
    bundle: Bundle,
    predictions: list[Prediction],
    truth: dict[Path, str],
    arguments: argparse.Namespace,
) -> None:
    """Print the scores of labelled recordings, and draw their confusion matrix."""
    from ser_keras import pictures  # late: scores and pictures, which labelling does without
    from ser_keras.evaluation import evaluate

    out, form = arguments.out, arguments.format
    if form != "table":
        _print(predictions, bundle, form)
    emotions = [truth[Path(p.file)] for p in predictions]
    evaluation = evaluate(bundle, predictions, emotions, arguments.cache)
    if evaluation.learned:
        console.warn(
            f"{evaluation.learned} of these {evaluation.scores.n} clips were in the model's "
            "training or validation set: the scores below are too good."
        )
    if evaluation.one_emotion:
        console.warn("All clips are of one emotion: the scores say little.")
    else:
        _warn_of_one_label(bundle, predictions, scored=True)
    text = "\n\n".join(["", _scores(evaluation), _shared(evaluation, bundle.folder)])
    if form == "table":
        console.show(text)
    else:
        console.say(*text.split("\n"))
    path = out / "confusion_matrix_test.png"
    try:
        pictures.confusion_matrix(evaluation.scores, path, evaluation.title)
    except SerKerasError as error:
        console.warn(f"No picture: {cli.with_option(error, {'--out': out})}")
    else:
        console.say(f"Confusion matrix: {files.short(path)}")


def _scores(evaluation: Evaluation) -> str:
    """Return the scores by emotion and of all recordings as text."""
    scores = evaluation.scores
    rows = [
        [label, *(f"{100 * row[name]:.2f}" for name in ("precision", "recall", "f1")), row["n"]]
        for label, row in scores.per_class.items()
    ]
    by_emotion = console.table(["emotion", "precision %", "recall %", "F1 %", "clips"], rows)
    summary = [
        [name, f"{100 * e.value:.2f}", f"{100 * e.low:.2f} to {100 * e.high:.2f}"]
        for name, e in (
            ("accuracy", scores.accuracy),
            ("UAR (macro recall)", scores.uar),
            ("macro F1", scores.macro_f1),
        )
    ]
    summary.append(["weighted F1", f"{100 * scores.weighted_f1:.2f}", ""])
    header = [console.count(scores.n, "clip"), "%", "95 % interval"]
    return f"{by_emotion}\n\n{console.table(header, summary)}"


def _shared(evaluation: Evaluation, model: Path) -> str:
    """Return as text what the recordings share with those that the model learned from."""
    from ser_keras import audit
    from ser_keras.evaluation import comparison

    shared = evaluation.shared
    if shared.report.test["near"] is None and (model / "split.csv").is_file():
        places = [place for place in corpora.recall_places(model).values() if place.is_dir()]
        where = "" if len(places) == 1 else " --data DIR (the folder of its corpus)"
        folder = shlex.quote(str(files.short(model)))
        console.say(
            "Near-duplicates are not known: the cache has no fingerprints of the clips that the "
            f"model learned from. Make them with: python -m ser_keras.audit {folder}{where}"
        )
    rows = [[noun, shared.share(kind)] for kind, noun in audit.KINDS.items()]
    table = console.table(["what these clips share with those it learned from", ""], rows)
    published = comparison(
        evaluation.scores, evaluation.published, evaluation.corpus, evaluation.verdict
    )
    return f"{table}\nSo these are scores on {shared.measures}.\n\n{published}"
