"""What `Use_Our_Model.py` prints where the emotions of recordings are known."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras import cli, console, corpora, files, models
from ser_keras.bundle import Bundle
from ser_keras.cli import labelling
from ser_keras.errors import SerKerasError
from ser_keras.prediction import UNSURE, Prediction

if TYPE_CHECKING:
    from ser_keras.evaluation import Evaluation


def warn_of_one_label(bundle: Bundle, predictions: list[Prediction], scored: bool) -> None:
    """Warn where all of many recordings got the same label, and say what to try.

    Args:
        bundle: Model that made the predictions.
        predictions: A prediction for each recording.
        scored: Whether it is known that the recordings are of several emotions.
    """
    labels = {prediction.label for prediction in predictions}
    if len(labels) > 1 or len(predictions) < labelling.SEVERAL or not labels <= set(bundle.labels):
        return
    from ser_keras.evaluation import advice  # late: labelling does without it

    (label,) = labels
    shipped = models.is_shipped(bundle.folder)  # its user cannot train it again
    failing = "it is of no use for such recordings" if shipped else "it has not learned enough"
    unless = "" if scored else f" Unless all of them are {label}, {failing}."
    remedy = "" if shipped else f" {advice(bundle.manifest['recipe'])}"
    console.warn(f"The network gives every recording the same label ({label}).{unless}{remedy}")


def evaluate(
    bundle: Bundle,
    predictions: list[Prediction],
    truth: dict[Path, str],
    arguments: argparse.Namespace,
) -> None:
    """Print the scores of labelled recordings, and draw their confusion matrix."""
    from ser_keras import evaluation as evaluations
    from ser_keras import pictures  # late: scores and pictures, which labelling does without

    out, form = arguments.out, arguments.format
    if form != "table":
        labelling.show(bundle, predictions, arguments)
    emotions = [truth[Path(p.file)] for p in predictions]
    evaluation = evaluations.evaluate(bundle, predictions, emotions, arguments.cache)
    if evaluation.learned:
        console.warn(
            f"{evaluation.learned} of these {evaluation.scores.n} clips were in the model's "
            "training or validation set: the scores below are too good."
        )
    if evaluation.one_emotion:
        console.warn("All clips are of one emotion: the scores say little.")
    else:
        warn_of_one_label(bundle, predictions, scored=True)
    answered = _answered(bundle, predictions, emotions)
    text = "\n\n".join(["", _scores(evaluation) + answered, _shared(evaluation, bundle.folder)])
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


def _answered(bundle: Bundle, predictions: list[Prediction], emotions: list[str]) -> str:
    """Return how good the labels are of which the model is sure, as text."""
    if bundle.pipeline.reliability is None:
        return ""
    sure = [
        p.label == truth
        for p, truth in zip(predictions, emotions, strict=True)
        if p.label != UNSURE
    ]
    if not sure:
        return "\nThe model is unsure of every clip."
    share = f"{100 * len(sure) / len(predictions):.0f} % of the clips"
    return f"\nThe model answers {share}, and {100 * sum(sure) / len(sure):.2f} % of these rightly."
