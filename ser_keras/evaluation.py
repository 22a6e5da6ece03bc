"""A trained model on labelled recordings: its scores, and what they are worth."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ser_keras import audit, baselines, console, files, metrics, recipes
from ser_keras.audit import Audit
from ser_keras.bundle import Bundle
from ser_keras.cache import ClipInfoCache
from ser_keras.errors import SerKerasError
from ser_keras.metrics import Scores
from ser_keras.prediction import Prediction
from ser_keras.recipes import Published, Training

SMALL_BATCH = 8  # clips; with batches of this size a few hundred clips make enough steps


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A model on labelled recordings.

    Args:
        title: Name of the model, and number of recordings.
        scores: Scores of the recordings.
        learned: Number of recordings that the model learned from or was chosen by.
        shared: What the recordings share with the clips that the model learned from.
        corpus: Name of the corpus, if the recordings are the test clips of the model's own run;
            else "other clips".
        published: Published value to compare with, if there is one.
        verdict: What the scores say of it; see `metrics.verdict`.
    """

    title: str
    scores: Scores
    learned: int
    shared: Audit
    corpus: str
    published: Published | None
    verdict: str

    @property
    def one_emotion(self) -> bool:
        """Whether all recordings are of one emotion, so that the scores say little."""
        return sum(row["n"] > 0 for row in self.scores.per_class.values()) < 2


def evaluate(
    model: Bundle,
    predictions: Sequence[Prediction],
    emotions: Sequence[str],
    cache: str | os.PathLike = files.CACHE,
) -> Evaluation:
    """Return the scores of a model, and what the recordings share with those that it learned from.

    Args:
        model: Model that made the predictions.
        predictions: A prediction for each recording.
        emotions: True emotion of each recording.
        cache: Folder in which it is remembered what sound files hold.
    """
    truth = [model.labels.index(emotion) for emotion in emotions]
    probabilities = np.array([list(p.probabilities.values()) for p in predictions])
    scores = metrics.score(truth, probabilities, model.labels)
    clips, _ = ClipInfoCache(cache).inspect([p.file for p in predictions])
    contents = {path: clip.content for path, clip in clips.items()}
    manifest = model.manifest
    split, learned = manifest["split"], set(manifest["training_clips"])
    own = set(contents.values()) == set(manifest["test_clips"]) and len(contents) == scores.n
    values = manifest["recipe"]["published"]
    published = Published(**values[0]) if values else None
    corpus = split["corpus"] if own else "other clips"
    name = manifest["recipe"]["name"]
    changed = name not in recipes.names() or not recipes.get(name).makes(manifest["recipe"])
    verdict = metrics.verdict(
        scores,
        published,
        protocol=split["protocol"] if own else "none",
        corpus=corpus,
        changed=changed,
    )
    if changed and name in recipes.names():
        on_its_corpus = published is not None and published.corpus in ("", corpus)
        changes = _changes(manifest["recipe"], recipes.get(name).to_json())
        verdict = with_reason(verdict, deviation(name, changes, on_its_corpus))
    return Evaluation(
        title=f"{model.name}: {scores.n} clips",
        scores=scores,
        learned=sum(content in learned for content in contents.values()),
        shared=audit.against(
            contents,
            manifest["training_clips"],
            model.folder / "split.csv",
            split["corpus"],
            cache=cache,
        ),
        corpus=corpus,
        published=published,
        verdict=verdict,
    )


def comparison(scores: Scores, published: Published | None, corpus: str, verdict: str) -> str:
    """Return the published value and ours, each in a sentence.

    Args:
        scores: Scores of the test clips.
        published: Published value, if there is one.
        corpus: Name of the corpus of the test clips.
        verdict: Verdict of `metrics.verdict`, perhaps with its reason; see `with_reason`.
    """
    if published is None:
        return f"Published: {verdict}."
    ours = getattr(scores, published.metric)
    verdict, _, reason = verdict.partition(": ")
    if reason:
        return (
            f"Measured {published.metric} {ours.value:.4f} on {scores.n} clips of {corpus}, "
            f"{verdict} with the published {published.value:.4f}: {reason}."
        )
    n = f" on {published.n} clips" if published.n else ""
    return (
        f"Published {published.metric} {published.value:.4f}{n} of {published.corpus} "
        f"({published.source}).\nMeasured  {published.metric} {ours.value:.4f} on {scores.n} clips "
        f"of {corpus}: {with_evidence(verdict, 1, str(scores.n))}."
    )


def shortened(recipe: str, changes: Iterable[str]) -> str:
    """Return how many epochs of a recipe a shortened run may take; "" if it is not shortened.

    Args:
        recipe: Name of the recipe.
        changes: Settings of the recipe that were changed, each written KEY=VALUE.

    Example:
        >>> shortened("attention-tess", ["training.epochs=3"])
        '3 of 300 epochs'
    """
    published = recipes.get(recipe).training.epochs
    values = dict(change.split("=", 1) for change in changes)
    epochs = int(values.get("training.epochs", published))
    return f"{epochs} of {published} epochs" if epochs < published else ""


def deviation(recipe: str, changes: Iterable[str], on_its_corpus: bool = True) -> str:
    """Return how a run deviates from the published system; "" if it does not.

    Args:
        recipe: Name of the recipe.
        changes: Settings of the recipe that were changed, each written KEY=VALUE.
        on_its_corpus: Whether the run was made on the corpus of the published value. On other
            corpora some settings are suited to the number of clips, and they are not named.

    Example:
        >>> deviation("attention-tess", ["training.epochs=3", "model.units=8"])
        '3 of 300 epochs; changed settings: model.units=8'
    """
    changes = list(changes)
    parts = [short] if (short := shortened(recipe, changes)) else []
    others = [each for each in changes if not (short and each.startswith("training.epochs="))]
    if others and on_its_corpus:
        parts.append(f"changed settings: {', '.join(others)}")
    return "; ".join(parts)


def with_reason(verdict: str, reason: str) -> str:
    """Return the verdict "not comparable" with its reason, and any other as it is.

    Example:
        >>> with_reason("not comparable", "3 of 300 epochs"), with_reason("below", "")
        ('not comparable: 3 of 300 epochs', 'below')
    """
    return f"{verdict}: {reason}" if reason and verdict == "not comparable" else verdict


def what_to_try(recipe: str, training: Training, epochs: int | None = None) -> str:
    """Return what may help a network that gives every clip the same label, in a sentence.

    Args:
        recipe: Name of the network's recipe.
        training: Its settings of training.
        epochs: Number of epochs that were trained; None if it is not known.
    """
    statistics, ways, longer = baselines.RECIPES["MFCC statistics"], [], []
    if statistics in recipes.names() and recipe != statistics:
        ways.append(f"--recipe {statistics}")
    if training.batch_size > SMALL_BATCH:
        ways.append(f"smaller batches (--set training.batch_size={SMALL_BATCH})")
    if training.patience is None or epochs in (None, training.epochs):
        longer.append(f"--set training.epochs={2 * training.epochs}")
    if training.patience is not None and epochs != training.epochs:
        longer.append(f"--set training.patience={2 * training.patience}")
    ways.append(f"more epochs ({' '.join(longer)})")
    *others, last = ways
    return f"Try {', '.join(others)} or {last}." if others else f"Try {last}."


def advice(recipe: Mapping) -> str:
    """Return what to try by a recipe as a bundle describes it, which may be any."""
    name = recipe["name"]
    try:
        training = Training(**recipe["training"])
        changes = [f"training.epochs={training.epochs}"]
        if name in recipes.names() and (short := shortened(name, changes)):
            return f"It was limited to {short}: train it in full."
        return what_to_try(name, training)
    except (TypeError, ValueError, SerKerasError):  # written by another version, or by a stranger
        return "Train another network."


def with_evidence(verdict: str, n_runs: int, n: str) -> str:
    """Return a verdict with what it rests on, where it speaks for the published value.

    Example:
        >>> with_evidence("not contradicted", 1, "121"), with_evidence("below", 1, "121")
        ('not contradicted (1 run, n = 121)', 'below')
    """
    if verdict not in ("reproduced", "not contradicted"):
        return verdict
    return f"{verdict} ({console.count(n_runs, 'run')}, n = {n})"


def _changes(recipe: Mapping, published: Mapping) -> list[str]:
    """Return the settings, KEY=VALUE, in which a recipe differs from the published one."""
    return [
        f"{part}.{key}={str(value).lower()}"
        for part in ("features", "batch", "augment", "training", "model")
        for key, value in recipe[part].items()
        if published[part].get(key) != value
    ]
