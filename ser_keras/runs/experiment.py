"""The straight way from a corpus to a sealed run folder."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser_keras import (
    bundle,
    console,
    corpora,
    engines,
    files,
    leakage,
    splits,
    training,
)
from ser_keras.cache import FeatureStore
from ser_keras.errors import SerKerasError
from ser_keras.prediction import Pipeline
from ser_keras.recipes import Recipe
from ser_keras.runs import classes, evidence, measured, provenance, scoring
from ser_keras.runs.evidence import Trained
from ser_keras.runs.key import RunKey
from ser_keras.runs.provenance import Environment
from ser_keras.runs.record import SEAL, Run, read
from ser_keras.splits import Split

if TYPE_CHECKING:
    import pandas as pd

RUNS = files.RUNS
DEMO_BATCH_SIZE = 8
EPOCH_STEPS = 24  # with fewer a published recipe's patience ends too early on a small corpus
SMALLEST_BATCH = 4
TRAINING_SHARE = 0.7  # of the clips of a corpus, under most protocols
_SETTINGS = "settings.json"  # in the checkpoint: what an unfinished run was begun with


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a run is made; none of it changes which run it is.

    Args:
        deterministic: Whether equal runs give equal weights.
        quantize: Whether to export the network in 8 bits as well.
        resume: Whether to continue an unfinished run that lies in the folder.
        fresh: Whether to start anew where a run lies in the folder.
        cache: Folder in which features are kept.
    """

    deterministic: bool = True
    quantize: bool = False
    resume: bool = False
    fresh: bool = False
    cache: Path = files.CACHE


def run(
    recipe: Recipe,
    index: corpora.Index,
    protocol: str = "paper",
    *,
    fold: int = 0,
    seed: int = 0,
    out: Path | None = None,
    options: Options = Options(),
    on_split: Callable[[Split], None] | None = None,
) -> Run:
    """Train, score and seal one run; a run that is finished already is returned as it is.

    If another process trains in the same folder, this one waits for it.

    Args:
        recipe: Recipe, perhaps with changed settings.
        index: Index of the corpus.
        protocol: One of `splits.PROTOCOLS`.
        fold: Fold of the protocol.
        seed: Seed of the test draw, the initial weights, the order of the clips, and dropout.
        out: Run folder; None for the one that the run's key names below results/runs.
        options: How the run is made.
        on_split: Function that is called with the split before training begins.

    Raises:
        SerKerasError: The folder holds an unfinished run and neither `resume` nor `fresh` was asked
            for, or a run with other settings; the corpus does not suit the recipe; the split shares
            what its protocol forbids; the disk is full.
        KeyboardInterrupt: Ctrl-C was pressed; with `resume` the run continues after its last
            finished epoch.
    """
    begun, cache = time.perf_counter(), options.cache
    key = RunKey.of(recipe, index.corpus, protocol, fold, seed)
    folder = Path(out or RUNS / key.folder)
    # A start that fails here leaves nothing behind: no folder, no lock.
    recipe, index = classes.adapted(recipe, index)
    split = splits.make(index, protocol, seed=seed, fold=fold, draw=recipe.draw)
    recipe = classes.of_split(recipe, index, split)
    if options.fresh or not (folder / SEAL).is_file():
        counts = ", ".join(f"{n} {role}" for role, n in split.counts().items())
        console.say(f"Split ({protocol}, fold {fold}, seed {seed}): {counts}.")
        _check_leaks(index, split, cache)
    if is_training(folder):
        console.say(f"Another process trains {folder}; waiting for it.")
    with files.lock(_lock(folder)):
        finished = None if options.fresh else read(folder)
        if (
            finished is not None
            and finished.split_hash == split.hash
            and (folder / bundle.MANIFEST).is_file()
            and recipe.makes(bundle.verify(folder)["recipe"])
        ):
            console.say(f"{folder} holds this run, finished; --fresh would train it again.")
            corpora.remember_places(folder, index.roots or {index.corpus: index.root})
            return finished
        bundle.check_recipe(recipe)
        _claim(folder, key, recipe, split, options)
        corpora.remember_places(folder, index.roots or {index.corpus: index.root})
        split.write(folder / "split.csv")
        if on_split is not None:
            on_split(split)

        store = _features(recipe, index, split, cache)
        named = scoring.named_by_baselines(index, split, cache)
        fitted = training.fit(
            recipe,
            split,
            store,
            seed=seed,
            folder=folder,
            deterministic=options.deterministic,
            varied=_varied(recipe, index, split, seed),
            environment=asdict(Environment.here(options.deterministic)),
        )
        pipeline = Pipeline(
            labels=recipe.emotions,
            features=recipe.features,
            batch=recipe.batch,
            normalization=fitted.normalization,
            engine=engines.KerasEngine(fitted.network),
        )
        console.say("Scoring the validation and test clips, and writing the model.")
        trained = Trained(
            key,
            recipe,
            index,
            split,
            store,
            fitted,
            pipeline,
            *scoring.score(pipeline, split, store),
        )
        evidence.save_bundle(trained, folder, options.quantize)
        console.say("Drawing the pictures.")
        with _pictures():
            evidence.draw_attention(trained, folder)
        seconds = round(time.perf_counter() - begun + fitted.seconds_before, 1)
        sealed = evidence.record(
            trained, scoring.with_paired_tests(split, named, trained.predictions), seconds, folder
        )
        evidence.write_tables(trained, sealed, folder)
        with _pictures():
            evidence.draw(sealed, folder)
        if corpora.is_own(index.corpus):  # published systems stay as they were published
            measured.add(folder, recipe, split, store, pipeline, seed)
        sealed.write()
        files.remove(folder / training.CHECKPOINT)
        return sealed


def suited(recipe: Recipe, index: corpora.Index, keep: Iterable[str] = ()) -> Recipe:
    """Return the recipe with settings for the number of clips, on a corpus that is not its own.

    A recipe's batches and its patience, which counts epochs, are made for its own corpora. With
    fewer clips an epoch has fewer steps, and training ends before the averages of batch
    normalisation have settled: all training clips are learned, and all others get the same label.
    Batches of 64 give the demo corpus 5 steps an epoch, and gave it test accuracy 0.14, the chance
    level. With batches of 8 it has 34 (TESS has 31), and it reached 0.96.

    So batches become small enough for `EPOCH_STEPS` steps an epoch, but no smaller than
    `SMALLEST_BATCH`; what is still missing is made up by patience; and the averages forget faster
    (momentum 0.9). A recipe that nothing was published of is for any corpus, and stays as it is.

    Args:
        recipe: Recipe, perhaps with changed settings.
        index: Index of the corpus.
        keep: Settings that the user gave, by their dotted keys: they stay.
    """
    size, changes = recipe.training.batch_size, {}
    if index.synthetic:
        changes["training.batch_size"] = str(min(size, DEMO_BATCH_SIZE))
    elif recipe.published and not set(index.table["corpus"]) <= set(recipe.corpora):
        clips = round(TRAINING_SHARE * len(index.clips))
        while size > SMALLEST_BATCH and clips < size * EPOCH_STEPS:
            size = max(SMALLEST_BATCH, size // 2)
        if size < recipe.training.batch_size:
            changes["training.batch_size"] = str(size)
            changes["model.norm_momentum"] = "0.9"
            longer = math.ceil(size * EPOCH_STEPS / max(1, clips))
            for name in ("patience", "plateau_patience"):
                if (epochs := getattr(recipe.training, name)) is not None:
                    changes[f"training.{name}"] = str(longer * epochs)
    known = recipe.settings()
    changes = {
        key: value
        for key, value in changes.items()
        if key in known and key not in keep and str(known[key]) != value
    }
    if not changes:
        return recipe
    listing = ", ".join(f"{key}={value}" for key, value in changes.items())
    number = console.count(len(index.clips), "clip")
    console.say(f"Settings of {recipe.name} for a corpus of {number}: {listing}.")
    return recipe.override(changes)


def is_training(folder: Path) -> bool:
    """Return whether a process trains in this run folder now."""
    return files.is_locked(_lock(folder))


def rewrite(before: Run, after: Run) -> None:
    """Write a changed record into a run folder.

    Raises:
        SerKerasError: The run was trained anew since it was read.
    """
    with files.lock(_lock(before.folder)):
        if read(before.folder) != before:
            problem, remedy = "was trained anew meanwhile", "Give the same command again"
            raise SerKerasError(before.folder, problem, remedy)
        after.write()


def fit_baselines(
    run: Run, predictions: pd.DataFrame, index: corpora.Index, cache: Path = files.CACHE
) -> Run:
    """Return the record of a finished run with its baselines fitted anew.

    Args:
        run: Finished run. Its split is drawn again; nothing else of it is touched.
        predictions: Predictions of its network, with the columns path and predicted.
        index: Index of its corpus.
        cache: Folder in which features are kept.

    Raises:
        SerKerasError: The corpus is not the one that the run was made from.
    """
    key = run.key
    recipe, index = classes.adapted(key.load_recipe(), index)
    split = splits.make(index, key.protocol, seed=key.seed, fold=key.fold, draw=recipe.draw)
    if split.hash != run.split_hash:
        problem = f"was made from other clips than {index.root} holds"
        raise SerKerasError(run.folder, problem, "Name the corpus as it was, or train the run anew")
    return dataclasses.replace(
        run,
        baselines=scoring.with_paired_tests(
            split, scoring.named_by_baselines(index, split, cache), predictions
        ),
        baseline_versions=provenance.versions(provenance.BASELINE_PACKAGES),
    )


def _lock(folder: Path) -> Path:
    """Return what is locked while a process trains: beside the folder, which may not exist yet."""
    folder = folder.absolute()
    return folder.with_name(f".{folder.name}")


def _claim(folder: Path, key: RunKey, recipe: Recipe, split: Split, options: Options) -> None:
    """Make the folder this run's, or refuse to touch what lies there."""
    checkpoint, seal = folder / training.CHECKPOINT, folder / SEAL
    begun = checkpoint / _SETTINGS
    settings = {
        "recipe": recipe.identity(),
        "protocol": key.protocol,
        "fold": key.fold,
        "seed": key.seed,
        "deterministic": options.deterministic,
        "split": split.hash,
    }
    if options.fresh and (begun.exists() or training.has_begun(folder) or seal.exists()):
        files.remove(seal)
        files.remove(checkpoint)
    if seal.exists():
        remedy = "Add --fresh to train anew in its place, or choose another with --out"
        raise SerKerasError(folder, "holds a finished run of other settings", remedy)
    if training.has_begun(folder):
        if not options.resume:
            remedy = "Add --resume to continue it, or --fresh to start anew"
            raise SerKerasError(folder, "holds an unfinished run", remedy)
        if files.read_json(begun) != settings:
            remedy = "Give the same settings as before, or start anew with --fresh"
            raise SerKerasError(folder, "holds an unfinished run of other settings", remedy)
    else:
        ours = begun.exists() or (folder / "split.csv").exists()
        if folder.exists() and not ours:
            # a run that was killed in its first moment left a checkpoint alone
            others = not folder.is_dir() or {p.name for p in folder.iterdir()} - {checkpoint.name}
            if others:
                problem = "holds other things than a run"
                raise SerKerasError(folder, problem, "Choose an empty folder")
        files.write_json(begun, settings)
    files.sweep(folder)


@contextlib.contextmanager
def _pictures() -> Iterator[None]:
    """Let a run end well without a picture that cannot be drawn or written."""
    try:
        yield
    except SerKerasError as error:
        console.warn(f"A picture is missing: {error}")


def _check_leaks(index: corpora.Index, split: Split, cache: Path) -> None:
    """Print what the sides of the split share, and refuse what its protocol forbids.

    The fingerprints are made under every protocol, so that near-duplicates are known whenever the
    model is scored on other recordings: 7 s of computing for the 2,800 clips of TESS, once.
    """
    fingerprints = FeatureStore(index.corpus, leakage.SPEC, cache)
    paths = [index.locate(path) for path in split.table["path"]]
    fingerprints.fill(paths, list(split.table["content"]), strict=True, title="fingerprints")
    report = leakage.check(split, fingerprints)
    console.say(*report.table().split("\n"))
    leakage.enforce(report, split)


def _features(
    recipe: Recipe, index: corpora.Index, split: Split, cache: Path
) -> Mapping[str, np.ndarray]:
    store = FeatureStore(index.corpus, recipe.features, cache)
    paths = [index.locate(path) for path in split.table["path"]]
    skipped = store.fill(paths, list(split.table["content"]), strict=False, title="features")
    if skipped:
        raise SerKerasError(
            skipped[0].path,
            f"{skipped[0].reason} ({len(skipped)} clips in all)",
            "Move the clips away, then run again",
        )
    return store


def _varied(
    recipe: Recipe, index: corpora.Index, split: Split, seed: int
) -> Mapping[tuple[str, int], np.ndarray]:
    """Return the frames of the training clips' varied waveforms, by content and number."""
    if not recipe.augment.works_on("waveform"):
        return {}
    clips = split.part("train")
    paths = [index.locate(path) for path in clips["path"]]
    return recipe.augment.waveforms(paths, list(clips["content"]), recipe.features, seed)
