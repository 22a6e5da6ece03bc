"""What a run leaves in its folder: the bundle, a table of every clip and epoch, and pictures."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser_keras import bundle, console, corpora, engines, files, metrics, pictures, splits, training
from ser_keras.prediction import Pipeline
from ser_keras.recipes import Recipe
from ser_keras.runs import provenance
from ser_keras.runs.adapted import Adapted
from ser_keras.runs.key import RunKey
from ser_keras.runs.provenance import Environment
from ser_keras.runs.record import Baseline, Headline, Run
from ser_keras.runs.remarks import remarks
from ser_keras.splits import Split

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network with all that it was trained with, and what it says of the clips.

    Args:
        key: Key of the run.
        recipe: Recipe with its overrides.
        index: Index of the corpus.
        split: Clips with their roles.
        store: Frames of each clip by its content, float32 (frames, n_features).
        fitted: The network as `training.fit` returned it.
        pipeline: The network as users will run it.
        validation: Scores of the validation clips.
        test: Scores of the test clips.
        predictions: A row for each validation and test clip.
        adapted: Scores of the test clips with the network adapted to their voices.
    """

    key: RunKey
    recipe: Recipe
    index: corpora.Index
    split: Split
    store: Mapping[str, np.ndarray]
    fitted: training.Fitted
    pipeline: Pipeline
    validation: metrics.Scores
    test: metrics.Scores
    predictions: pd.DataFrame
    adapted: Adapted

    @property
    def title(self) -> str:
        """What the network is, and what it was trained on."""
        return (
            f"{self.recipe.name} on {console.corpus_name(self.index.corpus, self.index.synthetic)}"
        )


def save_bundle(trained: Trained, folder: Path, quantize: bool) -> None:
    """Write the network and all that is needed to use it.

    With an 8-bit network size, speed and agreement of all engines are printed.
    """
    key, split = trained.key, trained.split
    contents = {role: sorted(split.part(role)["content"]) for role in splits.ROLES}
    clips = [trained.store[content] for content in contents["validation"]]
    inputs = trained.pipeline.inputs(clips)
    bundle.save(
        folder,
        trained.fitted.network,
        trained.pipeline,
        example={name: values[:16] for name, values in inputs.items()},
        quantize=quantize,
        name=trained.title,
        created=datetime.datetime.now(datetime.UTC).date().isoformat(),
        versions=provenance.versions(provenance.PACKAGES),
        recipe=trained.recipe.to_json(),
        split={
            "corpus": key.corpus,
            "protocol": key.protocol,
            "fold": key.fold,
            "seed": key.seed,
            "hash": split.hash,
        },
        training_clips=sorted(contents["train"] + contents["validation"]),
        test_clips=contents["test"],
        figures={
            "validation": asdict(Headline.of(trained.validation)),
            "test": asdict(Headline.of(trained.test)),
        },
        synthetic=trained.index.synthetic,
    )
    if not quantize:
        return
    loaded = {
        name: bundle.load_bundle(folder, name).pipeline.engine
        for name, file in engines.MODELS.items()
        if (folder / file).exists()  # a network that cannot be exported has one engine
    }
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
    table = console.table(header, rows)  # a message: what is printed as results are the scores
    console.say("", f"On {len(reference)} validation clips, against Keras:", "", *table.split("\n"))


def write_tables(trained: Trained, sealed: Run, folder: Path) -> None:
    """Write history, predictions, and the layers of the network with shapes and counts.

    The summary of the layers ends with what a user of the network has to know.

    Args:
        trained: What was trained.
        sealed: Its record.
        folder: Run folder.
    """
    import pandas as pd

    files.write_csv(folder / "history.csv", pd.DataFrame(trained.fitted.history))
    files.write_csv(folder / "predictions.csv", trained.predictions)
    lines: list[str] = []
    trained.fitted.network.summary(line_length=100, print_fn=lines.append)
    lines += ["", *trained.recipe.notes, "", *remarks(sealed), ""]
    files.write_text(folder / "model_summary.txt", "\n".join(lines))


def draw_attention(trained: Trained, folder: Path) -> None:
    """Draw what the network's attention weighs in the test clips, if it has any."""
    from ser_keras.layers import AttentionPooling

    network, pipeline = trained.fitted.network, trained.pipeline
    layer = next((one for one in network.layers if isinstance(one, AttentionPooling)), None)
    if layer is None:
        return
    test = trained.split.part("test")
    inputs = pipeline.inputs([trained.store[content] for content in test["content"]])
    attention = pictures.Attention(
        weights=layer.weights_in(network, inputs),
        paths=[trained.index.locate(clip) for clip in test["path"]],
        emotions=list(test["emotion"]),
        features=pipeline.features,
        rows=math.prod(one.strides[0] for one in network.layers if hasattr(one, "strides")),
        over_time=pipeline.batch.axes == "time_first",
        order=pipeline.labels,
    )
    title = f"{trained.title}: attention in the test clips"
    pictures.attention(attention, folder / "attention.png", title)


def record(trained: Trained, baselines: dict[str, Baseline], seconds: float, folder: Path) -> Run:
    """Return the record of a run.

    Args:
        trained: What was trained.
        baselines: Baselines on the same test clips, by name.
        seconds: Time that the run took.
        folder: Run folder.
    """
    split, fitted, recipe = trained.split, trained.fitted, trained.recipe
    counts = split.table.groupby(["corpus", "role"]).size()
    corpora_there = sorted(split.table["corpus"].unique())
    test = split.part("test")
    speakers = len(test[["corpus", "speaker"]].drop_duplicates())
    by_corpus = {}
    if len(corpora_there) > 1:
        clips = trained.predictions[trained.predictions["role"] == "test"]
        columns = [f"p_{label}" for label in recipe.emotions]
        for corpus, part in clips.merge(test[["path", "corpus"]]).groupby("corpus"):
            truth = part["emotion"].map(recipe.emotions.index).to_numpy(int)
            probabilities, speaker = part[columns].to_numpy(), part["speaker"]
            scores = metrics.score(truth, probabilities, recipe.emotions, groups=speaker)
            by_corpus[corpus] = Headline.of(scores)
    return Run(
        key=trained.key,
        title=recipe.title,
        synthetic=trained.index.synthetic,
        clips={
            corpus: {role: int(counts.get((corpus, role), 0)) for role in splits.ROLES}
            for corpus in corpora_there
        },
        speakers=None if test["speaker"].isna().any() else speakers,
        folds=splits.folds(trained.index, trained.key.protocol),
        split_hash=split.hash,
        validation=trained.validation,
        test=trained.test,
        by_corpus=by_corpus,
        baselines=baselines,
        baseline_versions=provenance.versions(provenance.BASELINE_PACKAGES),
        published=recipe.published,
        best_epoch=fitted.best_epoch,
        epochs=len(fitted.history),
        seconds=seconds,
        parameters=fitted.network.count_params(),
        environments=tuple(Environment(**each) for each in fitted.environments),
        adapted=trained.adapted.scores,
        adapted_by_corpus=trained.adapted.by_corpus,
        arousal=trained.adapted.arousal,
        folder=folder,
    )


def draw(run: Run, folder: Path) -> None:
    """Draw the pictures of a run that need its record and its history.csv alone.

    Args:
        run: Record of the run.
        folder: Folder that holds history.csv and takes the pictures.
    """
    title = f"{run.key.recipe} on {console.corpus_name(run.key.corpus, run.synthetic)}"
    history = files.read_csv(folder / "history.csv")
    curves = folder / "training_history.png"
    pictures.training_history(history, curves, title, best_epoch=run.best_epoch)
    for role, scores in (("validation", run.validation), ("test", run.test)):
        path = folder / f"confusion_matrix_{role}.png"
        pictures.confusion_matrix(scores, path, f"{title}, {role}")
    pictures.reliability(run.test, folder / "reliability.png", f"{title}, test")
