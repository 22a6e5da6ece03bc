"""The straight way from a corpus to a sealed run folder; finds, reads and resumes runs."""

from __future__ import annotations

import datetime
import importlib.metadata
import math
import platform
import shlex
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ser_keras import (
    augment,
    baselines,
    bundle,
    console,
    corpora,
    engines,
    files,
    leakage,
    metrics,
    recipes,
    report,
    splits,
    training,
)
from ser_keras.cache import FeatureStore
from ser_keras.errors import SerKerasError
from ser_keras.prediction import Pipeline
from ser_keras.recipes import Published, Recipe

FORMAT = 1
RUNS = files.RESULTS / "runs"
SEAL = "metrics.json"
_SETTINGS = "settings.json"
_BASELINE_PACKAGES = ("numpy", "scipy", "librosa", "soundfile", "soxr", "scikit-learn", "opensmile")
_PACKAGES = (
    *("tensorflow", "jax", "torch", "keras", "pandas", "ai-edge-litert"),
    *_BASELINE_PACKAGES,
)


@dataclass(frozen=True)
class Run:
    """A finished run: its folder and what its metrics.json says."""

    folder: Path
    metrics: dict

    def scores(self, part: str = "test") -> metrics.Scores:
        """Return the Scores of a part, `test` or `validation`."""
        return metrics.Scores.from_json(self.metrics[part])

    def figure(self, metric: str, corpus: str | None = None) -> metrics.Figure:
        """Return `accuracy`, `uar` or `macro_f1` of the test clips, or of a pooled corpus's."""
        if corpus is None:
            return getattr(self.scores(), metric)
        return metrics.Figure(**self.by_corpus()[corpus][metric])

    def by_corpus(self) -> dict[str, dict]:
        """Return n and figures of the test clips of each corpus, where several are pooled."""
        return self.metrics.get("test_by_corpus", {})  # older runs know none

    def baselines(self) -> dict[str, metrics.Scores]:
        """Return what each baseline reached on the test clips; older runs know none."""
        told = self.metrics.get("baselines", {})
        return {name: metrics.Scores.from_json(value) for name, value in told.items()}

    def against_baselines(self) -> dict[str, metrics.Paired]:
        """Return the network's paired test with each baseline; older runs know none."""
        told = self.metrics.get("against_baselines", {})
        return {name: metrics.Paired(**value) for name, value in told.items()}

    def is_of(self, plan: Plan, split: splits.Split) -> bool:
        """Return whether this is what the plan would give, and the model is still there."""
        manifest = self.folder / bundle.MANIFEST
        if self.metrics["split"]["hash"] != split.hash or not manifest.is_file():
            return False
        return plan.recipe.makes(files.read_json(manifest)["recipe"])

    @property
    def published(self) -> Published | None:
        """The figure that this run is compared with, if there is one."""
        figures = self.metrics["published"]
        return Published(**figures[0]) if figures else None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be run; equal plans on equal corpora give equal runs.

    Args:
        recipe: With its overrides.
        index: Of the corpus.
        protocol: One of `splits.PROTOCOLS`.
        fold: Of the protocol.
        seed: Of the test draw, initial weights, order and dropout.
        deterministic: Whether equal runs give equal weights.
        quantize: Whether to export the network in 8 bits as well.
    """

    recipe: Recipe
    index: corpora.Index
    protocol: str = "paper"
    fold: int = 0
    seed: int = 0
    deterministic: bool = True
    quantize: bool = False

    @property
    def folder(self) -> Path:
        """Where the run lies unless the user says otherwise."""
        return RUNS / place(self.recipe, self.index.corpus, self.protocol, self.fold, self.seed)

    @property
    def command(self) -> str:
        """The command that makes this run, wherever the corpus lies."""
        words = ["python", "Emotion_Recognition.py", "--recipe", self.recipe.name]
        words += ["--corpus", self.index.corpus, "--protocol", self.protocol]
        words += ["--fold", str(self.fold)] if self.fold else []
        words += ["--seed", str(self.seed)]
        usual = recipes.get(self.recipe.name).settings()
        for key, value in self.recipe.settings().items():
            if value != usual[key]:
                words += ["--set", f"{key}={_as_text(value)}"]
        words += [] if self.deterministic else ["--fast"]
        return shlex.join(words)

    def settings(self, split: splits.Split) -> dict:
        """Return what has to be the same for an unfinished run to be gone on with."""
        return {
            "recipe": self.recipe.identity(),
            "protocol": self.protocol,
            "fold": self.fold,
            "seed": self.seed,
            "deterministic": self.deterministic,
            "split": split.hash,
        }


def place(recipe: Recipe, corpus: str, protocol: str, fold: int, seed: int) -> Path:
    """Return where a run lies in the folder of all; a changed recipe has its own place."""
    name = recipe.name
    if not recipe.makes(recipes.get(name).to_json()):
        name += "-" + files.digest(repr(recipe.settings()), size=3)
    return Path(name, corpus, f"{protocol}-{fold}-seed{seed}")


def run(
    plan: Plan,
    out: Path | None = None,
    *,
    resume: bool = False,
    fresh: bool = False,
    cache: Path = files.CACHE,
    on_split: Callable[[splits.Split], None] | None = None,
) -> Run:
    """Train, score and seal one run; one that is finished already is returned as it is.

    Where another process trains in the same folder, it is waited for.

    Args:
        plan: What is to be run.
        out: The run folder; None for `plan.folder`.
        resume: Whether to go on with an unfinished run that lies there.
        fresh: Whether to start anew where one lies.
        cache: Where features are kept.
        on_split: Called with the split before training, e.g. to lay the test clips out.

    Raises:
        SerKerasError: An unfinished run lies there and neither `resume` nor `fresh` was asked for,
            or a run of other settings; the corpus does not suit the recipe; the protocol forbids
            what the sides of the split share; the disk is full.
        KeyboardInterrupt: Ctrl-C; `resume` goes on after the last finished epoch.
    """
    folder = Path(out or plan.folder)
    if is_training(folder):
        console.say(f"Another process trains {folder}; waiting for it.")
    with files.lock(_gate(folder)):
        return _run(plan, folder, resume, fresh, cache, on_split)


def _run(plan: Plan, folder: Path, resume: bool, fresh: bool, cache: Path, on_split) -> Run:
    begun = time.perf_counter()
    recipe, index = plan.recipe, _known_emotions(plan.recipe, plan.index)
    split = splits.make(index, plan.protocol, seed=plan.seed, fold=plan.fold, paper=recipe.paper)
    finished = None if fresh else read(folder)
    if finished is not None and finished.is_of(plan, split):
        console.say(f"{folder} holds this run, finished; --fresh would train it again.")
        return finished
    _claim(folder, plan.settings(split), resume=resume, fresh=fresh)
    files.sweep(folder)
    say_split(split)
    _check_leaks(index, split, cache)
    split.write(folder / "split.csv")
    if on_split is not None:
        on_split(split)
    store = _features(recipe, index, split, cache)
    to_beat = baselines.predict(index, split, cache)

    fitted = training.fit(
        recipe,
        split,
        store,
        seed=plan.seed,
        folder=folder,
        deterministic=plan.deterministic,
        varied=_varied(recipe, index, split, plan.seed),
        environment=environment(plan.deterministic),
    )
    pipeline = Pipeline(
        labels=recipe.emotions,
        features=recipe.features,
        batch=recipe.batch,
        normalization=fitted.normalization,
        engine=engines.KerasEngine(fitted.network),
    )
    scores, predictions = _score(pipeline, split, store)
    facts = {
        "recipe": recipe.to_json(),
        "split": _split_facts(plan, index, split),
        "synthetic": index.synthetic,
        "figures": {part: _headline(value) for part, value in scores.items()},
    }
    contents = {part: sorted(split.part(part)["content"]) for part in splits.ROLES}
    validation = pipeline.inputs([store[content] for content in contents["validation"]])
    bundle.save(
        folder,
        fitted.network,
        pipeline,
        example={name: values[:16] for name, values in validation.items()},
        quantize=plan.quantize,
        name=f"{recipe.name} on {_corpus_title(index)}",
        created=datetime.datetime.now(datetime.UTC).date().isoformat(),
        versions=_versions(_PACKAGES),
        training_clips=sorted(contents["train"] + contents["validation"]),
        test_clips=contents["test"],
        **facts,
    )
    if plan.quantize:
        show_engines(folder, validation)
    _write_evidence(folder, plan, fitted, scores, predictions)
    _draw_attention(folder / "attention.png", plan, fitted.network, pipeline, split, store)
    sealed = {
        "format": FORMAT,
        **facts,
        "recipe": recipe.name,
        "title": recipe.title,
        "corpora": _counts(split),
        **{part: value.to_json() for part, value in scores.items()},
        "test_by_corpus": _by_corpus(recipe, split, predictions),
        **_beside_baselines(split, to_beat, predictions),
        "published": [vars(figure) for figure in recipe.published],
        "best_epoch": fitted.best_epoch,
        "epochs": len(fitted.history),
        "seconds": round(time.perf_counter() - begun + fitted.seconds_before, 1),
        "parameters": fitted.network.count_params(),
        "command": plan.command,
    }
    files.write_json(folder / SEAL, sealed)
    files.remove(folder / training.CHECKPOINT)
    return Run(folder, sealed)


def is_training(folder: Path) -> bool:
    """Return whether a process trains in this run folder now."""
    return files.is_locked(_gate(folder))


def read(folder: Path) -> Run | None:
    """Return the finished run in a folder, or None where there is none."""
    if not (folder / SEAL).is_file():
        return None
    return Run(folder, files.read_json(folder / SEAL))


def fit_baselines(run: Run, index: corpora.Index, cache: Path = files.CACHE) -> Run:
    """Return a finished run with its baselines fitted anew, and keep them in its folder.

    Args:
        run: What was trained; its list of clips is read again, and nothing of it is changed.
        index: Of its corpus.
        cache: Where features are kept.

    Raises:
        SerKerasError: The list, or what its clips hold, is not what the run was made from.
    """
    told, listing = run.metrics["split"], run.folder / "split.csv"
    drawn = {name: told[name] for name in ("protocol", "fold", "seed")}
    split = splits.Split.read(listing, index, **drawn)
    if split.hash != told["hash"]:
        remedy = f"Take {told['corpus']} as it was, or train the run anew"
        raise SerKerasError(listing, "is not the split that the run was made from", remedy)
    predictions = files.read_csv(run.folder / "predictions.csv", dtype="string")
    found = baselines.predict(index, split, cache)
    sealed = {**run.metrics, **_beside_baselines(split, found, predictions)}
    with files.lock(_gate(run.folder)):
        if read(run.folder) != run:
            raise SerKerasError(run.folder, "was trained anew meanwhile", "Fit its baselines again")
        files.write_json(run.folder / SEAL, sealed)
    return Run(run.folder, sealed)


def say_split(split: splits.Split) -> None:
    """Tell how the clips are parted."""
    counts = ", ".join(f"{n} {role}" for role, n in split.counts().items())
    console.say(f"Split ({split.protocol}, fold {split.fold}, seed {split.seed}): {counts}.")


def show_engines(folder: Path, inputs: dict[str, np.ndarray]) -> None:
    """Print size, speed and agreement of a bundle's engines on some clips."""
    loaded = {name: bundle.load_bundle(folder, name).pipeline.engine for name in engines.MODELS}
    reference = loaded["keras"](inputs)
    rows = []
    for name, engine in loaded.items():
        output = engine(inputs)
        same = np.mean(output.argmax(axis=1) == reference.argmax(axis=1))
        rows.append(
            [
                name,
                f"{(folder / engines.MODELS[name]).stat().st_size / 1000:.0f}",
                f"{engines.milliseconds(engine, inputs):.2f}",
                f"{100 * same:.2f}",
                f"{np.abs(output - reference).max():.1g}",
            ]
        )
    header = ["engine", "kB", "ms for a clip", "same label %", "largest difference"]
    console.show(f"\nOn {len(reference)} validation clips, against Keras:\n")
    console.show(console.table(header, rows))


def _as_text(value: object) -> str:
    """Return a setting as `--set` takes it."""
    if isinstance(value, tuple):
        return ",".join(v if isinstance(v, str) else augment.step_name(v) for v in value)
    return str(value).lower()


def _claim(folder: Path, settings: dict, *, resume: bool, fresh: bool) -> None:
    """Make the folder this run's, or refuse to touch what lies there."""
    kept = folder / training.CHECKPOINT / _SETTINGS
    if fresh and (kept.exists() or training.has_begun(folder) or (folder / SEAL).exists()):
        files.remove(folder / SEAL)
        files.remove(folder / training.CHECKPOINT)
    if (folder / SEAL).exists():
        remedy = "Add --fresh to train anew in its place, or choose another with --out"
        raise SerKerasError(folder, "holds a finished run of other settings", remedy)
    if training.has_begun(folder):
        if not resume:
            remedy = "Add --resume to go on with it, or --fresh to start anew"
            raise SerKerasError(folder, "holds an unfinished run", remedy)
        if files.read_json(kept) != settings:
            remedy = "Give the same settings as before, or start anew with --fresh"
            raise SerKerasError(folder, "holds an unfinished run of other settings", remedy)
        return
    ours = kept.exists() or (folder / "split.csv").exists()
    if folder.exists() and not ours and (not folder.is_dir() or _strangers(folder)):
        raise SerKerasError(folder, "holds other things than a run", "Choose an empty folder")
    files.write_json(kept, settings)


def _strangers(folder: Path) -> list[Path]:
    """Return what is not ours in a folder; a run killed in its first moment left a checkpoint."""
    return [path for path in folder.iterdir() if path.name != training.CHECKPOINT]


def _gate(folder: Path) -> Path:
    """Return what is locked while a process trains in the folder: beside it, for it may be new."""
    folder = folder.absolute()
    return folder.with_name(f".{folder.name}")


def _known_emotions(recipe: Recipe, index: corpora.Index) -> corpora.Index:
    """Return the index of the clips whose emotions the recipe knows, having told of the others."""
    known = index.only(recipe.emotions)
    found = set(known.clips["emotion"])
    if len(found) < 2:
        raise SerKerasError(
            index.root,
            f"has clips of {len(found)} of the emotions that {recipe.name} knows",
            f"It needs two at least of {', '.join(recipe.emotions)}",
        )
    strange = index.clips["emotion"].value_counts().drop(list(found))
    if len(strange):
        told = ", ".join(f"{n} of {emotion}" for emotion, n in strange.sort_index().items())
        console.warn(f"Clips are left out whose emotion {recipe.name} does not know: {told}.")
    return known


def _check_leaks(index: corpora.Index, split, cache: Path) -> None:
    """Tell what the sides of the split share, and refuse what its protocol forbids."""
    prints = None
    if "near" in split.forbids:
        prints = FeatureStore(index.corpus, leakage.SPEC, cache)
        paths = [index.locate(path) for path in split.table["path"]]
        prints.fill(paths, list(split.table["content"]), strict=True, title="fingerprints")
    found = leakage.check(split, prints)
    console.say(found.table())
    leakage.enforce(found, split)


def _features(recipe: Recipe, index: corpora.Index, split, cache: Path) -> FeatureStore:
    store = FeatureStore(index.corpus, recipe.features, cache)
    table = split.table
    paths = [index.locate(path) for path in table["path"]]
    skipped = store.fill(paths, list(table["content"]), strict=False, title="features")
    if skipped:
        raise SerKerasError(
            skipped[0].path,
            f"{skipped[0].reason} ({len(skipped)} clips in all)",
            "Move the clips away, then run again",
        )
    return store


def _varied(recipe: Recipe, index: corpora.Index, split, seed: int) -> dict:
    """Return the frames of the training clips' varied waveforms, by content and number."""
    if not recipe.augment.works_on("waveform"):
        return {}
    clips = split.part("train")
    paths = [index.locate(path) for path in clips["path"]]
    return recipe.augment.waveforms(paths, list(clips["content"]), recipe.features, seed)


def _score(pipeline: Pipeline, split, store) -> tuple[dict, object]:
    """Return Scores of validation and test, and a row for each of their clips."""
    import pandas as pd

    index = {label: i for i, label in enumerate(pipeline.labels)}
    scores, tables = {}, []
    for part in ("validation", "test"):
        table = split.part(part)
        probabilities = pipeline.probabilities(store[content] for content in table["content"])
        truth = table["emotion"].map(index).to_numpy(dtype=int)
        voices = table["corpus"] + "/" + table["speaker"]  # <NA> where nobody knows
        scores[part] = metrics.score(truth, probabilities, pipeline.labels, groups=voices)
        columns = {f"p_{label}": probabilities[:, i].round(6) for label, i in index.items()}
        predicted = [pipeline.labels[i] for i in probabilities.argmax(axis=1)]
        kept = table[["path", "speaker", "emotion", "text", "role"]]
        tables.append(kept.assign(predicted=predicted, **columns))
    return scores, pd.concat(tables, ignore_index=True)


def _beside_baselines(split, named: dict[str, np.ndarray], predictions) -> dict[str, dict]:
    """Return what baselines reached on the test clips, and the network's paired test with each.

    They may be fitted anew long after the network, so they keep the versions that made them.

    Args:
        split: Whose test clips they are.
        named: The emotions that each baseline names for them.
        predictions: Those of the network, a row for each clip.
    """
    clips, network = split.part("test"), predictions.set_index("path")["predicted"]
    truth, mine = clips["emotion"].to_numpy(str), network.loc[clips["path"]].to_numpy(str)
    scores = baselines.score(split, named)
    return {
        "baselines": {name: value.to_json() for name, value in scores.items()},
        "against_baselines": {
            name: vars(metrics.paired(truth, mine, theirs)) for name, theirs in named.items()
        },
        "baselines_made_with": _versions(_BASELINE_PACKAGES),
    }


def _write_evidence(folder: Path, plan: Plan, fitted, scores: dict, predictions) -> None:
    import pandas as pd

    title = f"{plan.recipe.name} on {_corpus_title(plan.index)}"
    history = pd.DataFrame(fitted.history)
    files.write_csv(folder / "history.csv", history)
    files.write_csv(folder / "predictions.csv", predictions)
    files.write_json(folder / "environment.json", trained_in(fitted.environments))
    files.write_text(folder / "model_summary.txt", summary(plan.recipe, fitted.network))
    curves = folder / "training_history.png"
    report.training_history(history, curves, title, best_epoch=fitted.best_epoch)
    for part, value in scores.items():
        report.confusion_matrix(value, folder / f"confusion_matrix_{part}.png", f"{title}, {part}")
    report.reliability(scores["test"], folder / "reliability.png", f"{title}, test")


def _draw_attention(path: Path, plan: Plan, network, pipeline: Pipeline, split, store) -> None:
    """Draw what the network's attention weighs in the test clips, if it has any."""
    from ser_keras.layers import AttentionPooling

    layer = next((one for one in network.layers if isinstance(one, AttentionPooling)), None)
    if layer is None:
        return
    test = split.part("test")
    attention = report.Attention(
        weights=layer.weights_in(network, pipeline.inputs([store[c] for c in test["content"]])),
        paths=[plan.index.locate(clip) for clip in test["path"]],
        emotions=list(test["emotion"]),
        features=pipeline.features,
        rows=math.prod(one.strides[0] for one in network.layers if hasattr(one, "strides")),
        over_time=pipeline.batch.axes == "time_first",
    )
    title = f"{plan.recipe.name} on {_corpus_title(plan.index)}: attention in the test clips"
    report.attention(attention, path, title)


def summary(recipe: Recipe, network) -> str:
    """Return the layers with shapes and counts, and what the recipe's notes say of them."""
    lines: list[str] = []
    network.summary(line_length=100, print_fn=lines.append)
    return "\n".join([*lines, "", *recipe.notes, ""])


def environment(deterministic: bool) -> dict:
    """Return what a figure may depend on; names of nobody and of no machine."""
    import keras

    return {
        "python": platform.python_version(),
        "packages": _versions(_PACKAGES),
        "backend": keras.backend.backend(),
        "device": training.device(),
        "cores": engines.cores(),
        "deterministic": deterministic,
        "commit": _commit(),
    }


def trained_in(environments: list[dict]) -> dict:
    """Return the environment of a run: where it was begun, and where gone on with, if elsewhere."""
    first, *others = environments
    return first | ({"gone_on_with_in": others} if others else {})


def _versions(packages: tuple[str, ...]) -> dict[str, str]:
    versions = {}
    for name in packages:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # another backend or engine may stand in for it
    return versions


def _commit() -> str | None:
    command = ["git", "-C", str(files.ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None  # an unpacked archive has no history
    return done.stdout.strip()


def _counts(split: splits.Split) -> dict[str, dict[str, int]]:
    """Return for each corpus the number of clips by role."""
    counts = split.table.groupby(["corpus", "role"]).size()
    return {
        corpus: {role: int(counts.get((corpus, role), 0)) for role in splits.ROLES}
        for corpus in sorted(split.table["corpus"].unique())
    }


def _by_corpus(recipe: Recipe, split: splits.Split, predictions) -> dict[str, dict]:
    """Return the figures of the test clips of each corpus, where several are pooled."""
    if split.table["corpus"].nunique() < 2:
        return {}
    test = predictions[predictions["role"] == "test"].merge(split.table[["path", "corpus"]])
    columns = [f"p_{label}" for label in recipe.emotions]
    return {
        corpus: _headline(
            metrics.score(
                part["emotion"].map(recipe.emotions.index).to_numpy(int),
                part[columns].to_numpy(),
                recipe.emotions,
                groups=part["speaker"],
            )
        )
        for corpus, part in test.groupby("corpus")
    }


def _headline(scores: metrics.Scores) -> dict:
    figures = {name: getattr(scores, name) for name in ("accuracy", "uar", "macro_f1")}
    return {"n": scores.n, **{name: vars(figure) for name, figure in figures.items()}}


def _split_facts(plan: Plan, index: corpora.Index, split) -> dict:
    return {
        "corpus": index.corpus,
        "protocol": plan.protocol,
        "fold": plan.fold,
        "folds": splits.folds(index, plan.protocol),
        "seed": plan.seed,
        "hash": split.hash,
    }


def _corpus_title(index: corpora.Index) -> str:
    return index.corpus + synthetic_mark(index.synthetic)


def synthetic_mark(synthetic: bool) -> str:
    """Return what is put behind the name of everything made from synthetic speech."""
    return " (synthetic)" if synthetic else ""
