"""What a trained network makes of the clips of a split, and baselines of the same clips."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser_keras import baselines, corpora, files, metrics, splits
from ser_keras.engines import Engine, Inputs
from ser_keras.prediction import Pipeline
from ser_keras.runs import adapted
from ser_keras.runs.adapted import Adapted
from ser_keras.runs.record import Baseline
from ser_keras.splits import Split

if TYPE_CHECKING:
    import pandas as pd


@dataclass(eq=False)
class _Among:
    """An engine that chooses among those emotions alone that test clips can have.

    Args:
        engine: Engine of the network.
        possible: Whether each class is among them, bool (classes,).
    """

    engine: Engine
    possible: np.ndarray
    shapes: dict = field(default_factory=dict)

    def __call__(self, inputs: Inputs) -> np.ndarray:
        probabilities = self.engine(inputs) * self.possible
        totals = probabilities.sum(axis=1, keepdims=True)
        # a network that is sure of an impossible emotion can give all possible ones exactly 0
        alike = np.full_like(probabilities, 1 / self.possible.sum()) * self.possible
        return np.divide(probabilities, totals, out=alike, where=totals > 0)


def score(
    pipeline: Pipeline, split: Split, store: Mapping[str, np.ndarray]
) -> tuple[metrics.Scores, metrics.Scores, pd.DataFrame, Adapted]:
    """Return what the code that users will run makes of the clips.

    That is the scores of validation and test, a row a clip, and the test scores adapted to voices.
    Under a protocol of `own_emotions` the test clips are named among the emotions that they have.
    """
    import pandas as pd

    number = {label: i for i, label in enumerate(pipeline.labels)}
    scores, tables = [], []
    for role in ("validation", "test"):
        table = split.part(role)
        if role == "test" and splits.PROTOCOLS[split.protocol].own_emotions:
            there = np.isin(pipeline.labels, table["emotion"].unique())
            pipeline = dataclasses.replace(pipeline, engine=_Among(pipeline.engine, there))
        probabilities = pipeline.probabilities(store[content] for content in table["content"])
        truth = table["emotion"].map(number).to_numpy(dtype=int)
        voices = table["corpus"] + "/" + table["speaker"]  # <NA> where speakers are not known
        scores.append(metrics.score(truth, probabilities, pipeline.labels, groups=voices))
        columns = {f"p_{label}": probabilities[:, i].round(6) for label, i in number.items()}
        predicted = [pipeline.labels[i] for i in probabilities.argmax(axis=1)]
        table = table[["path", "speaker", "emotion", "text", "role"]]
        tables.append(table.assign(predicted=predicted, **columns))
    predictions = pd.concat(tables, ignore_index=True)
    return scores[0], scores[1], predictions, adapted.measure(pipeline, split, store)


def named_by_baselines(
    index: corpora.Index, split: Split, cache: Path = files.CACHE
) -> dict[str, np.ndarray]:
    """Return the emotions that each baseline names for the test clips.

    Under a protocol of `own_emotions` they choose among the same emotions as the network.

    Args:
        index: Index of the corpus.
        split: Clips with their roles.
        cache: Folder in which features are kept.
    """
    if splits.PROTOCOLS[split.protocol].own_emotions:
        there = split.table["emotion"].isin(split.part("test")["emotion"].unique())
        split = dataclasses.replace(split, table=split.table[there])
    return baselines.predict(index, split, cache)


def with_paired_tests(
    split: Split, named: Mapping[str, np.ndarray], predictions: pd.DataFrame
) -> dict[str, Baseline]:
    """Return what baselines reached on the test clips, each with its paired test.

    Args:
        split: Split whose test clips they are.
        named: Emotions that each baseline names for these clips.
        predictions: Predictions of the network, with the columns path and predicted.
    """
    clips = split.part("test")
    network = predictions.set_index("path")["predicted"].loc[clips["path"]].to_numpy(str)
    truth = clips["emotion"].to_numpy(str)
    return {
        name: Baseline(scores, metrics.paired(truth, network, named[name]))
        for name, scores in baselines.score(split, named).items()
    }
