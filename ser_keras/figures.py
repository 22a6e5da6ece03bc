"""How figures are told: those of a run, and of recordings that a trained model was scored on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser_keras import audit, baselines, console, files, metrics, report
from ser_keras.cache import Memory
from ser_keras.recipes import Published

if TYPE_CHECKING:
    from ser_keras.bundle import Bundle
    from ser_keras.runs import Run


def show(run: Run) -> None:
    """Print a finished run: its figures beside the published one, and where everything lies."""
    told = run.metrics
    split, published = told["split"], run.published
    kind = "synthetic speech" if told["synthetic"] else "real speech"
    console.show(
        f"\n{told['title']}\n{split['corpus']} ({kind}), protocol {split['protocol']}, fold "
        f"{split['fold']}, seed {split['seed']}; {told['parameters']:,} parameters; best epoch "
        f"{told['best_epoch']} of {told['epochs']}\n"
    )
    scores = {part: run.scores(part) for part in ("validation", "test")}
    rows = [
        [name, *(str(getattr(value, field)) for value in scores.values())]
        for name, field in (("accuracy", "accuracy"), ("UAR", "uar"), ("macro F1", "macro_f1"))
    ]
    rows.append(["weighted F1", *(f"{value.weighted_f1:.3f}" for value in scores.values())])
    header = ["95 % intervals", *(f"{part} (n = {value.n})" for part, value in scores.items())]
    console.show(console.table(header, rows))
    if of_each := run.by_corpus():
        rows = [
            [f"{name} (n = {told['n']})", run.figure("accuracy", name), run.figure("uar", name)]
            for name, told in of_each.items()
        ]
        console.show("\n" + console.table(["test clips of", "accuracy", "UAR"], rows))
    console.show("\n" + comparison(scores["test"], published, split))
    if run.baselines():
        console.show("\n" + ranking(run))
    console.say(f"Written to {run.folder}: model, scores, predictions, pictures.")


def ranking(run: Run) -> str:
    """Return the network among its baselines on the test clips, best first."""
    network, beaten = run.scores(), run.baselines()
    name = f"{run.metrics['recipe']} (network)"
    ranked = baselines.best_first({**beaten, name: network})  # of equals the baselines come first
    rows = [[name, value.accuracy, value.uar] for name, value in ranked.items()]
    lines = console.table(["test clips", "accuracy", "UAR"], rows)
    best = next(iter(ranked))
    if best != name:
        lines += f"\nThe network does not beat {best}: it has learned nothing that needs a network."
    rival = next(other for other in ranked if other != name)
    if test := run.against_baselines().get(rival):
        lines += (
            f"\nOnly the network is right on {test.first_only} of {test.n} clips, only {rival} on "
            f"{test.second_only} (exact McNemar test: p = {test.p:.2g})."
        )
    return lines


def evaluate(model: Bundle, predictions, emotions, out: Path, cache: Path = files.CACHE) -> str:
    """Return a model's scores on labelled recordings as text, and draw its confusion matrix.

    Beside them stands what the recordings share with those that the model learned from, and so what
    the scores stand for. Warns of recordings that it learned from themselves.

    Args:
        model: What predicted.
        predictions: A `Prediction` for each recording.
        emotions: What each really is.
        out: Folder for confusion_matrix_test.png.
        cache: Where it is remembered what the files hold.
    """
    truth = [model.labels.index(emotion) for emotion in emotions]
    probabilities = np.array([list(p.probabilities.values()) for p in predictions])
    scores = metrics.score(truth, probabilities, model.labels)
    found, _ = Memory(cache).inspect([p.file for p in predictions])
    given = {path: clip.content for path, clip in found.items()}
    contents = list(given.values())
    manifest = model.manifest
    if learned := sum(map(set(manifest["training_clips"]).__contains__, contents)):
        console.warn(
            f"{learned} of these {scores.n} clips were in the model's training or validation set: "
            "the figures below are too good."
        )
    if scores.n < 2 or len(set(emotions)) < 2:
        console.warn("All clips are of one emotion: the figures say little.")
    title = f"{model.name}: {scores.n} clips"
    report.confusion_matrix(scores, out / "confusion_matrix_test.png", title)
    console.say(f"Confusion matrix: {out / 'confusion_matrix_test.png'}")
    rows = [
        [label, *(f"{100 * row[name]:.2f}" for name in ("precision", "recall", "f1")), row["n"]]
        for label, row in scores.per_class.items()
    ]
    table = console.table(["emotion", "precision %", "recall %", "F1 %", "clips"], rows)
    headlines = [
        [name, f"{100 * f.value:.2f}", f"{100 * f.low:.2f} to {100 * f.high:.2f}"]
        for name, f in (
            ("accuracy", scores.accuracy),
            ("UAR (macro recall)", scores.uar),
            ("macro F1", scores.macro_f1),
        )
    ]
    headlines.append(["weighted F1", f"{100 * scores.weighted_f1:.2f}", ""])
    summary_table = console.table([f"{scores.n} clips", "%", "95 % interval"], headlines)
    own = set(contents) == set(manifest["test_clips"]) and len(contents) == scores.n
    split = manifest["split"] if own else {"corpus": "other clips", "protocol": "none"}
    figures = manifest["recipe"]["published"]
    published = Published(**figures[0]) if figures else None
    shared = _shared(model, given, cache)
    return "\n\n".join(["", table, summary_table, shared, comparison(scores, published, split)])


def _shared(model, given: dict[str, str], cache: Path) -> str:
    """Return what recordings share with those that a model learned from, as text."""
    told = model.manifest
    found = audit.against(
        given,
        told["training_clips"],
        model.folder / "split.csv",
        told["split"]["corpus"],
        cache=cache,
    )
    if found.report.test["near"] is None:
        console.say(
            "Near-duplicates are not known: the cache has no fingerprints of the clips that the "
            f"model learned from. Where its corpus lies at hand, this makes them: python -m "
            f"ser_keras.audit {model.folder} --data DIR"
        )
    rows = [[noun, found.share(kind)] for kind, noun in audit.KINDS.items()]
    lines = console.table(["what these clips share with those it learned from", ""], rows)
    return f"{lines}\nSo these are figures on {found.measures}."


def comparison(scores: metrics.Scores, published: Published | None, split: dict) -> str:
    """Return the published figure beside ours, with the verdict, in a sentence.

    Args:
        scores: Of the test clips.
        published: The figure, if there is one.
        split: With the names of our `corpus` and `protocol`.
    """
    verdict = metrics.verdict(scores, published, protocol=split["protocol"], corpus=split["corpus"])
    if published is None:
        return f"Published: {verdict}."
    ours = getattr(scores, published.metric)
    n = f" on {published.n} clips" if published.n else ""
    return (
        f"Published {published.metric} {published.value:.4f}{n} of {published.corpus} "
        f"({published.source}).\nMeasured  {published.metric} {ours.value:.4f} on {scores.n} clips "
        f"of {split['corpus']}: {verdict}."
    )
