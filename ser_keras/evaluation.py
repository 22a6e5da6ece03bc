"""A trained model on labelled recordings: its scores, and what they are worth."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ser_keras import audit, console, files, metrics, recipes
from ser_keras.audit import Audit
from ser_keras.bundle import Bundle
from ser_keras.cache import ClipInfoCache
from ser_keras.metrics import Scores
from ser_keras.prediction import Prediction
from ser_keras.recipes import Published


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
        verdict=metrics.verdict(
            scores,
            published,
            protocol=split["protocol"] if own else "none",
            corpus=corpus,
            changed=changed,
        ),
    )


def comparison(scores: Scores, published: Published | None, corpus: str, verdict: str) -> str:
    """Return the published value and ours, each in a sentence.

    Args:
        scores: Scores of the test clips.
        published: Published value, if there is one.
        corpus: Name of the corpus of the test clips.
        verdict: Verdict of `metrics.verdict`.
    """
    if published is None:
        return f"Published: {verdict}."
    ours = getattr(scores, published.metric)
    n = f" on {published.n} clips" if published.n else ""
    return (
        f"Published {published.metric} {published.value:.4f}{n} of {published.corpus} "
        f"({published.source}).\nMeasured  {published.metric} {ours.value:.4f} on {scores.n} clips "
        f"of {corpus}: {with_evidence(verdict, 1, str(scores.n))}."
    )


def with_evidence(verdict: str, n_runs: int, n: str) -> str:
    """Return a verdict with what it rests on, where it speaks for the published value.

    Example:
        >>> with_evidence("not contradicted", 1, "121"), with_evidence("below", 1, "121")
        ('not contradicted (1 run, n = 121)', 'below')
    """
    if verdict not in ("reproduced", "not contradicted"):
        return verdict
    return f"{verdict} ({console.count(n_runs, 'run')}, n = {n})"
