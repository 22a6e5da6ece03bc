"""Training that leaves the test clips alone: how one of several settings is tried."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ser_keras import corpora, splits, training
from ser_keras.recipes import Recipe
from ser_keras.runs import classes
from ser_keras.runs.experiment import (
    Options,
    _check_leaks,
    _features,
    _varied,
)
from ser_keras.runs.provenance import Environment
from ser_keras.splits import Split


def check(
    recipe: Recipe, index: corpora.Index, protocol: str, *, fold: int, seed: int, cache: Path
) -> Split:
    """Return the split of a run once it is known to keep the rules of its protocol.

    Raises:
        SerKerasError: The roles share what the protocol forbids, or there is no such split.
    """
    recipe, index = classes.adapted(recipe, index)
    split = splits.make(index, protocol, seed=seed, fold=fold, draw=recipe.draw)
    _check_leaks(index, split, cache)
    return split


def rehearse(
    recipe: Recipe,
    index: corpora.Index,
    split: Split,
    folder: Path,
    *,
    options: Options,
    callbacks: Sequence = (),
) -> training.Fitted:
    """Train on the training clips of a split and validate; its test clips are not opened.

    Validation clips judge and are not trained on, even if the recipe trains on them in a run. An
    unfinished training that lies in the folder is resumed.

    Args:
        recipe: Recipe with the settings to try.
        index: Index of the corpus.
        split: Split of a run.
        folder: Folder of the checkpoint.
        options: How it is trained.
        callbacks: Callbacks as Keras has them.

    Raises:
        SerKerasError: A clip cannot be read, the loss is no longer finite, or the disk is full.
        KeyboardInterrupt: Ctrl-C was pressed; the last finished epoch is stored.
    """
    recipe = dataclasses.replace(recipe, emotions=classes.emotions_of(recipe, index))
    recipe = classes.of_split(recipe, index, split)
    trained = dataclasses.replace(recipe.training, fit_on=("train",))  # the others judge
    recipe = dataclasses.replace(recipe, training=trained)
    known = split.table[split.table["role"] != "test"].reset_index(drop=True)
    split = dataclasses.replace(split, table=known)
    return training.fit(
        recipe,
        split,
        _features(recipe, index, split, options.cache),
        seed=split.seed,
        folder=folder,
        deterministic=options.deterministic,
        varied=_varied(recipe, index, split, split.seed),
        environment=asdict(Environment.here(options.deterministic)),
        callbacks=callbacks,
    )
