"""Penalties chosen strictly inside each training side, and what they reach on its test side.

The recipes here have one penalty for all corpora. It was chosen inside training sides, too, but for
several folds and corpora at once; for `general`, each tested corpus was also among the judges. Here
each fold has a choice of its own, which no test clip has a share in: its training and validation
clips are divided into groups of speakers (of pooled corpora, into the corpora), each group in turn
judges networks that are trained on the other groups, and the penalty with the highest mean UAR is
picked. One network is then trained with it on all of these clips, and scored once.

A network is trained as `training.fit` does it, but without a checkpoint after each epoch; with the
penalty of the recipe it gives the weights of the kept run but for rounding.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ser_keras import (
    adaptation,
    batches,
    console,
    corpora,
    engines,
    files,
    metrics,
    recipes,
    seeding,
    splits,
    training,
)
from ser_keras.batches import Normalization
from ser_keras.cache import FeatureStore
from ser_keras.errors import SerKerasError, unknown
from ser_keras.ledger import storage
from ser_keras.ledger.library import Library
from ser_keras.ledger.small_corpora import read
from ser_keras.prediction import Pipeline
from ser_keras.recipes import Recipe
from ser_keras.runs import RunKey, classes, scoring
from ser_keras.splits import Split

if TYPE_CHECKING:
    import pandas as pd

RESULTS = files.RESULTS / "selection.json"
GROUPS = 3  # of speakers in a training side, fewer where it has fewer
_SINGLE = ("model.l2",)
_BOTH = ("model.l2_encoder", "model.l2_functionals")
_PENALTIES = tuple((value,) for value in ("0.003", "0.01", "0.03", "0.1", "0.3"))
_PAIRS = (("0.01", "0.01"), ("0.03", "0.01"), ("0.03", "0.03"), ("0.1", "0.03"), ("0.1", "0.1"))
_NEW_SPEAKERS = [(name, "speaker") for name in ("ravdess", "savee", "aesdd", "ased", "tess")]
_LEFT_OUT = [("aesdd+ased+ravdess+savee+tess", "whole-corpus")]


class Search(NamedTuple):
    """What is tried for a recipe, and where.

    Args:
        keys: Dotted keys of the penalties.
        values: Values to try for these keys, from weak to strong.
        questions: Corpora and protocols.
        scored: Settings of the recipe whose scores on these test sides the history of the project
            holds: the one that is kept; of the linear recipes also a first one, with a penalty of
            0.01 and without adapted and validation clips, whose runs the ledger once held.
    """

    keys: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    questions: list[tuple[str, str]]
    scored: int

    def overrides(self) -> dict[str, dict[str, str]]:
        """Return the changed settings by their short name, such as "0.03" or "0.1 / 0.03"."""
        return {" / ".join(each): dict(zip(self.keys, each, strict=True)) for each in self.values}


SEARCHES = {
    "general": Search(_BOTH, _PAIRS, _LEFT_OUT, 1),
    "fusion": Search(_BOTH, _PAIRS, _NEW_SPEAKERS, 2),
    "encoder-linear": Search(_SINGLE, _PENALTIES, _NEW_SPEAKERS, 2),
    "functionals-linear": Search(_SINGLE, _PENALTIES, _NEW_SPEAKERS, 2),
}


def own_setting(recipe: Recipe, search: Search) -> str:
    """Return the short name of the setting that a recipe has.

    Example:
        >>> own_setting(recipes.get("fusion"), SEARCHES["fusion"])
        '0.03 / 0.03'
    """
    known = recipe.settings()
    return " / ".join(str(known[key]) for key in search.keys)


def groups(clips: pd.DataFrame, *key: object) -> tuple[str, list[np.ndarray]]:
    """Return how a training side is divided, and whether each clip is in each of the groups.

    It is divided by corpus where several are pooled, else by speaker, and by text where there is
    one speaker.

    Args:
        clips: Training and validation clips, with the columns corpus, speaker and text.
        key: Names of the draw, for its random numbers.

    Raises:
        SerKerasError: All clips are of one speaker and one text.
    """
    for column in ("corpus", "speaker", "text"):
        names = clips[column].to_numpy(str)
        values = np.unique(names)
        if len(values) > 1:
            drawn = seeding.stream(0, "selection", *key).permutation(values)
            number = len(values) if column == "corpus" else min(GROUPS, len(values))
            return column, [np.isin(names, drawn[i::number]) for i in range(number)]
    raise SerKerasError("selection", "has one speaker and one text", "Name a larger corpus")


def learn(
    variants: Sequence[Recipe], clips: pd.DataFrame, store: Mapping[str, np.ndarray], seed: int
) -> tuple[Normalization, list[Any]]:
    """Return the normalisation of clips, and a network for each variant of a recipe.

    They are trained side by side, as one network whose loss is the sum of theirs. No weight is
    shared, and Adam has a step of its own for each weight: each becomes what it would be alone.

    Args:
        variants: Variants of a recipe that differ in their penalties alone.
        clips: Clips to learn from.
        store: Vector of each clip by its content.
        seed: Seed of the initial weights.

    Raises:
        SerKerasError: A step would not see all clips.
    """
    keras = seeding.start_backend()
    keras.utils.clear_session(free_memory=False)
    recipe = variants[0]
    columns = {name: list(clips[name]) for name in ("content", "corpus", "speaker", "emotion")}
    examples = training.Examples(columns, store, seed)
    voices = list(zip(examples.corpora, examples.speakers, strict=True))
    normalization = adaptation.reference(list(examples), voices, recipe.batch)
    size = recipe.training.batch_size
    feed = training.Feed(examples, recipe, normalization, size, recipe.training.adapted)
    vectors, targets = next(feed.batches(np.arange(len(feed))))
    if len(targets) < len(feed):
        problem = f"is below the {len(feed)} examples"
        raise SerKerasError("training.batch_size", problem, "Let each step see all examples")

    networks = []
    for number, variant in enumerate(variants):
        seeding.seed_backend(seed)
        networks.append(training.build(variant))
        networks[-1].name = f"variant_{number}"
    training.compile_network(networks[0], recipe.training)
    optimizer, loss = networks[0].optimizer, networks[0].loss
    inputs = {name: keras.Input(each.shape[1:], name=name) for name, each in vectors.items()}
    joined = keras.Model(inputs, [network(inputs) for network in networks])
    joined.compile(
        type(optimizer).from_config(optimizer.get_config()),
        loss=[loss for _ in networks],
        jit_compile=False,
    )
    step = keras.tree.map_structure(keras.ops.convert_to_tensor, (vectors, targets))
    for _ in range(recipe.training.epochs):
        joined.train_on_batch(step[0], [step[1] for _ in networks])
    return normalization, networks


def validate(
    recipe: Recipe,
    changed: Mapping[str, Recipe],
    split: Split,
    store: Mapping[str, np.ndarray],
    learned: dict[frozenset[str], tuple[Normalization, list[Any]]],
) -> tuple[str, dict[str, float]]:
    """Return how the training side was divided, and the mean UAR of each setting over its groups.

    No test clip is looked at. The clips that judge are plain, nothing adapted.

    Args:
        recipe: Recipe as it stands.
        changed: The recipe with each of the settings.
        split: Split of the run.
        store: Vector of each clip by its content.
        learned: What was learned from which clips before: of pooled corpora, the same three are
            left where either of the two others is tested and the other one judges.
    """
    clips = split.table[split.table["role"] != "test"].reset_index(drop=True)
    by, judges = groups(clips, split.corpus, split.protocol, split.fold)
    uars: dict[str, list[float]] = {name: [] for name in changed}
    for judge in judges:
        known = frozenset(clips["content"][~judge])
        if known in learned:
            normalization, networks = learned[known]
        else:
            normalization, networks = learn(
                list(changed.values()), clips[~judge], store, split.seed
            )
            if by == "corpus":
                learned[known] = normalization, networks
        vectors = [store[content] for content in clips["content"][judge]]
        inputs = batches.assemble(vectors, recipe.batch, normalization)
        truth = clips["emotion"][judge].map(recipe.emotions.index).to_numpy(int)
        possible = np.ones(len(recipe.emotions), bool)
        if splits.PROTOCOLS[split.protocol].own_emotions:
            possible = np.isin(np.arange(len(possible)), truth)
        for name, network in zip(changed, networks, strict=True):
            probabilities = network.predict_on_batch(inputs) * possible
            uars[name].append(metrics.uar(truth, probabilities.argmax(axis=1)))
    return by, {name: round(statistics.fmean(values), 6) for name, values in uars.items()}


def select(recipe: Recipe, index: corpora.Index, split: Split, cache: Path, learned: dict) -> dict:
    """Return what is picked inside the training side of a split, and its score on the test side.

    Args:
        recipe: Recipe as it stands, with the classes of the corpus.
        index: Index of the corpus, of these classes alone.
        split: Split of the run.
        cache: Folder in which features are kept.
        learned: As in `validate`.

    Raises:
        SerKerasError: A clip cannot be read.
    """
    search = SEARCHES[recipe.name]
    changed = {name: recipe.override(each) for name, each in search.overrides().items()}
    store = FeatureStore(index.corpus, recipe.features, cache)
    paths = [index.locate(path) for path in split.table["path"]]
    store.fill(paths, list(split.table["content"]), strict=True, title="features")
    by, validation = validate(recipe, changed, split, store, learned)
    picked = max(validation, key=lambda name: validation[name])  # the first of equals
    clips = split.table[split.table["role"] != "test"].reset_index(drop=True)
    normalization, (network,) = learn([changed[picked]], clips, store, split.seed)
    pipeline = Pipeline(
        labels=recipe.emotions,
        features=recipe.features,
        batch=recipe.batch,
        normalization=normalization,
        engine=engines.KerasEngine(network),
    )
    _, test, _, adapted = scoring.score(pipeline, split, store)
    pooled = splits.PROTOCOLS[split.protocol].drawing == "corpora"
    return {
        "left_out": split.part("test")["corpus"].iloc[0] if pooled else "",
        "by": by,
        "validation": validation,
        "picked": picked,
        "uar": round(test.uar.value, 6),
        "adapted": {name: round(each.uar.value, 6) for name, each in adapted.scores.items()},
        "scored": search.scored + (picked != own_setting(recipe, search)),
    }


def run(
    data: Path,
    cache: Path,
    path: Path,
    *,
    names: Sequence[str] = tuple(SEARCHES),
    on: Sequence[str] = (),
) -> list[dict]:
    """Choose and score the folds that are missing, each stored as it ends; return all results.

    Args:
        data: Folder above the corpora.
        cache: Folder in which features are kept.
        path: File of the results, which may not exist yet.
        names: Recipes.
        on: Corpora, with "+" between pooled ones; none for all.

    Raises:
        SerKerasError: There is no search for a recipe, a corpus is missing, or its clips are not
            those of the kept runs.
    """
    for name in names:
        if name not in SEARCHES:
            raise unknown(name, "recipe with a search for penalties", name, list(SEARCHES))
    kept = {run.key: run for run in storage.read(storage.LEDGER) if not run.repeat}
    library = Library(data, data, cache)
    for name in names:
        for corpus, protocol in SEARCHES[name].questions:
            if on and corpus not in on:
                continue
            recipe, index = classes.adapted(recipes.get(name), library.index(corpus))
            learned: dict = {}
            for fold in range(splits.folds(index, protocol)):
                key = RunKey(recipe=name, corpus=index.corpus, protocol=protocol, fold=fold)
                place = {"recipe": name, "corpus": index.corpus, "protocol": protocol, "fold": fold}
                split = splits.make(index, protocol, seed=0, fold=fold, draw=recipe.draw)
                if key in kept and kept[key].split_hash != split.hash:
                    problem = f"was made from other clips than {index.root} holds"
                    raise SerKerasError(str(key), problem, "Name the folder of these with --data")
                tried = [recipe.identity(), SEARCHES[name].values, GROUPS]
                about = {**place, "split": split.hash, "settings": files.digest(json.dumps(tried))}
                results = read(path)
                if any(about.items() <= each.items() for each in results):
                    continue
                chosen = about | select(recipe, index, split, cache, learned)
                others = [each for each in results if not place.items() <= each.items()]
                files.write_json(path, sorted([*others, chosen], key=_order))
                console.say(
                    f"{key}: picked {chosen['picked']}, UAR in validation "
                    f"{chosen['validation'][chosen['picked']]:.3f}, in test {chosen['uar']:.3f}."
                )
    return read(path)


def _order(result: Mapping) -> tuple:
    names = list(SEARCHES)
    questions = [corpus for corpus, _ in [*_LEFT_OUT, *_NEW_SPEAKERS]]
    return names.index(result["recipe"]), questions.index(result["corpus"]), result["fold"]
