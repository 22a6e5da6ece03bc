"""The models that ship with the package: trained on everything, calibrated on corpora left out.

`general` learns from all corpora of its recipe, so no clip is left to score it on. Its figures are
those of its row under `whole-corpus`, five runs that each left one corpus out; its temperature and
its arousal are fitted to what these runs said of the corpora that they had not heard, and so is the
margin from which its labels count.
"""

from __future__ import annotations

import dataclasses
import datetime
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from ser_keras import (
    adaptation,
    bundle,
    calibration,
    console,
    engines,
    files,
    metrics,
    models,
    recipes,
    reliability,
    splits,
    training,
)
from ser_keras.cache import FeatureStore
from ser_keras.calibration import AROUSED
from ser_keras.corpora import sex
from ser_keras.errors import SerKerasError
from ser_keras.ledger import storage
from ser_keras.ledger.library import Library
from ser_keras.ledger.rows import Row
from ser_keras.ledger.tables import Table
from ser_keras.prediction import Pipeline
from ser_keras.runs import Headline, Run, classes, provenance

PROTOCOL = "whole-corpus"
NEW_SPEAKERS = "speaker"  # the protocol that measures a model of a single corpus
_MODELS = ("model.tflite", "weights.safetensors")


@dataclasses.dataclass(frozen=True, eq=False)
class LeftOut:
    """What a run said of the clips of the corpus, or of the speakers, that it left out.

    Args:
        corpus: Name of the corpus of these clips.
        run: The run.
        labels: Emotions in the order of the classes.
        clips: A row for each test clip, with its path, speaker and emotion.
        probabilities: Probabilities of the emotions, (clips, classes).
    """

    corpus: str
    run: Run
    labels: tuple[str, ...]
    clips: pd.DataFrame
    probabilities: np.ndarray

    @property
    def truth(self) -> np.ndarray:
        """Number of the emotion of each clip, (clips,)."""
        return self.clips["emotion"].map(self.labels.index).to_numpy(int)

    @property
    def aroused(self) -> np.ndarray:
        """1 for emotions in which voices sound aroused, 0 for calm ones, nan for others."""
        return calibration.aroused(self.clips["emotion"])


def left_out(row: Row) -> list[LeftOut]:
    """Return what each run of a row said; under `whole-corpus` each has a corpus of its own.

    Raises:
        SerKerasError: A fold is missing.
    """
    if not row.is_whole:
        problem = f"has runs of {row.coverage} of {row.key.protocol}"
        raise SerKerasError(" ".join(row.key), problem, "Make the others with the action run")
    parts = []
    for run in row.runs:
        table = storage.predictions(run)
        clips = table[table["role"] == "test"].reset_index(drop=True)
        columns = [name for name in clips if name.startswith("p_")]
        parts.append(
            LeftOut(
                corpus=(
                    clips["path"].iloc[0].partition("/")[0]
                    if "+" in row.key.corpus
                    else row.key.corpus
                ),
                run=run,
                labels=tuple(name.removeprefix("p_") for name in columns),
                clips=clips,
                probabilities=clips[columns].to_numpy(float),
            )
        )
    return parts


def temperature(parts: list[LeftOut]) -> float:
    """Return the temperature that fits corpora left out; each weighs the same."""
    weights = np.concatenate([np.full(len(p.clips), 1 / len(p.clips)) for p in parts])
    probabilities = np.concatenate([part.probabilities for part in parts])
    return calibration.temperature(
        probabilities, np.concatenate([part.truth for part in parts]), weights
    )


def calibrated(parts: list[LeftOut]) -> tuple[float, calibration.Arousal]:
    """Return the temperature and the arousal that fit corpora left out; each weighs the same."""
    probabilities = np.concatenate([part.probabilities for part in parts])
    fitted = temperature(parts)
    plain = calibration.Arousal(AROUSED)
    scores = plain.log_odds(calibration.sharpen(probabilities, fitted), parts[0].labels)
    aroused = np.concatenate([part.aroused for part in parts])
    known = ~np.isnan(aroused)
    slope, offset = calibration.logistic(scores[known], aroused[known] == 1)
    return fitted, calibration.Arousal(AROUSED, slope, offset)


def answers(parts: list[LeftOut], temperatures: list[float]) -> reliability.Answers:
    """Return when a label counts, and the limits of sets, by speakers that were left out.

    Args:
        parts: What the runs said of clips that they left out.
        temperatures: Temperature for each part, which its clips have no share in.
    """
    pairs = zip(parts, temperatures, strict=True)
    return reliability.measure(
        np.concatenate([calibration.sharpen(part.probabilities, t) for part, t in pairs]),
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.corpus + "/" + part.clips["speaker"].to_numpy(str) for part in parts]),
        np.concatenate([np.full(len(part.clips), part.corpus) for part in parts]),
    )


def temperatures(parts: list[LeftOut]) -> list[float]:
    """Return for each corpus the temperature that fits the others."""
    return [temperature([other for other in parts if other is not part]) for part in parts]


def card(row: Row) -> Table:
    """Return what the card says of each corpus that was left out, a column for each.

    The corpus is left out of the calibration, too.

    The UAR has its 95 % interval by speaker. The accuracy of the surer half is that of the clips
    whose most probable emotion is more probable than in the median clip. Arousal of adapted clips
    was measured in the runs, before any temperature.
    """
    parts = left_out(row)
    measured_of_all = set.intersection(*(set(part.run.arousal) for part in parts))
    areas = [name for name in parts[0].run.adapted if name in measured_of_all]
    cells = []
    for part in parts:
        fitted, arousal = calibrated([p for p in parts if p is not part])
        probabilities = calibration.sharpen(part.probabilities, fitted)
        predicted, truth = part.probabilities.argmax(axis=1), part.truth
        right, sure = predicted == truth, probabilities.max(axis=1)
        speakers = part.clips["speaker"].to_numpy(str)
        sexes = np.array([sex(part.corpus, path) for path in part.clips["path"]])
        by_speaker = [right[speakers == name].mean() for name in np.unique(speakers)]
        known = ~np.isnan(part.aroused)
        measured = arousal.measure(probabilities, part.labels)
        area = calibration.area_under_curve(measured[known], part.aroused[known] == 1)
        ece = metrics.score(truth, probabilities, part.labels).calibration["ece"]
        adapted = part.run.adapted
        cells.append(
            [
                part.corpus,
                str(len(part.clips)),
                str(len(by_speaker)),
                f"{1 / len(np.unique(truth)):.3f}",
                str(part.run.test.uar),
                *(f"{adapted[name].uar.value:.3f}" for name in adapted),
                *(
                    f"{metrics.uar(truth[sexes == s], predicted[sexes == s]):.3f}"
                    if (sexes == s).any()
                    else ""
                    for s in ("woman", "man")
                ),
                f"{min(by_speaker):.3f}",
                f"{right.mean():.3f}",
                f"{right[sure > np.median(sure)].mean():.3f}",
                f"{part.run.test.calibration['ece']:.3f}",
                f"{ece:.3f}",
                f"{area:.3f}",
                *(f"{part.run.arousal[name]:.3f}" for name in areas),
            ]
        )
    header = ["corpus left out", "clips", "voices", "chance level", "UAR"]
    header += [f"adapted: {name}" for name in parts[0].run.adapted]
    header += ["women", "men", "worst voice (accuracy)", "accuracy", "surer half"]
    header += ["calibration error", "with temperature", "arousal (area under curve)"]
    header += [f"arousal, adapted: {name}" for name in areas]
    means = ["mean", "", ""]
    for column in range(3, len(header)):
        values = [float(cell[column].split()[0]) for cell in cells if cell[column]]
        means.append(f"{np.mean(values):.3f}")
    columns = [header, *cells, means]  # easier to read with a column for each corpus
    rows = [list(row) for row in zip(*columns, strict=True)]
    return Table(rows[0], rows[1:])


def train_general(row: Row, data: Path, cache: Path, out: Path = models.SHIPPED) -> bundle.Bundle:
    """Train `general` on all of its corpora and put it where the package finds it.

    Args:
        row: Its row under `whole-corpus`, which it is calibrated by.
        data: Folder above the corpora.
        cache: Folder of their features.
        out: Folder of the models.

    Raises:
        SerKerasError: A corpus is missing, or a run of the row.
    """
    parts = left_out(row)
    fitted_temperature, arousal = calibrated(parts)
    recipe = recipes.get(row.key.recipe)
    index = Library(data, data, cache).index(row.key.corpus)
    recipe, index = classes.adapted(recipe, index)
    drawn = splits.make(index, "speaker")  # its test clips are trained on as well
    table = drawn.table.assign(role=drawn.table["role"].replace("test", "train"))
    split = dataclasses.replace(drawn, protocol=PROTOCOL, table=table)
    store = FeatureStore(index.corpus, recipe.features, cache)
    paths = [index.locate(path) for path in split.table["path"]]
    store.fill(paths, list(split.table["content"]), strict=True, title="features")
    contents = sorted(split.table["content"])
    heard = metrics.score(
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.probabilities for part in parts]),
        recipe.emotions,
        groups=pd.concat([part.corpus + "/" + part.clips["speaker"] for part in parts]),
    )
    with tempfile.TemporaryDirectory() as scratch:
        fitted = training.fit(recipe, split, store, seed=0, folder=Path(scratch))
        pipeline = Pipeline(
            labels=recipe.emotions,
            features=recipe.features,
            batch=recipe.batch,
            normalization=fitted.normalization,
            engine=engines.KerasEngine(fitted.network),
            temperature=round(fitted_temperature, 4),
            arousal=dataclasses.replace(
                arousal, slope=round(arousal.slope, 4), offset=round(arousal.offset, 4)
            ),
        )
        headline = asdict(Headline.of(heard))
        bundle.save(
            Path(scratch) / "general",
            fitted.network,
            pipeline,
            example=pipeline.inputs([store[content] for content in contents[:16]]),
            name="general",
            created=datetime.datetime.now(datetime.UTC).date().isoformat(),
            versions=provenance.versions(provenance.PACKAGES),
            recipe=recipe.to_json(),
            split={
                "corpus": index.corpus,
                "protocol": PROTOCOL,
                "fold": 0,
                "seed": 0,
                "hash": split.hash,
            },
            training_clips=contents,
            test_clips=[],
            figures={"validation": headline, "test": headline},
            synthetic=index.synthetic,
        )
        ship(Path(scratch) / "general", out / models.GENERAL)
    return refresh(row, out / models.GENERAL, data, cache)


def refresh(row: Row, folder: Path, data: Path, cache: Path) -> bundle.Bundle:
    """Write the manifest of a shipped model anew: its reliability, and the notes of its recipe.

    Nothing is trained, and every other entry stays as it is. The label counts by what the runs of
    the row said of clips that they left out; the distance is that from the training clips.

    Args:
        row: Its row under `whole-corpus`, or under `speaker` for a model of a single corpus.
        folder: Folder of the model.
        data: Folder above the corpora.
        cache: Folder of their features.

    Raises:
        SerKerasError: A corpus or one of its clips is missing, or a run of the row.
    """
    parts = left_out(row)
    pooled = row.key.protocol == PROTOCOL
    plain = answers(parts, temperatures(parts) if pooled else [1.0] * len(parts))
    shipped = bundle.load_bundle(folder)
    pipeline, manifest = shipped.pipeline, bundle.verify(folder)
    index = Library(data, data, cache).index(row.key.corpus)
    recipe, index = classes.adapted(row.runs[0].key.load_recipe(), index)
    clips = splits.make(index, NEW_SPEAKERS).table
    clips = clips[clips["content"].isin(manifest["training_clips"])].sort_values("content")
    if sorted(clips["content"]) != sorted(manifest["training_clips"]):
        problem = f"has {len(clips)} of the {len(manifest['training_clips'])} training clips"
        raise SerKerasError(data, problem, "Name the folder that the model was trained from")
    store = FeatureStore(index.corpus, pipeline.features, cache)
    paths = [index.locate(path) for path in clips["path"]]
    store.fill(paths, list(clips["content"]), strict=True, title="features")
    frames = [store[content] for content in clips["content"]]
    speakers = (clips["corpus"] + "/" + clips["speaker"]).to_numpy(str)
    homes = clips["corpus"].to_numpy(str)
    signed_root = pipeline.batch.signed_root
    known = reliability.Reliability(
        plain=plain,
        distance=reliability.distance(frames, speakers, homes, signed_root),
        usual=usual(pipeline, frames, speakers) if pipeline.batch.fit == "mean" else None,
    )
    content = {
        **manifest,
        "recipe": {**manifest["recipe"], "notes": recipe.to_json()["notes"]},
        "reliability": known.to_json(),
    }
    files.write_json(folder / models.MANIFEST, content)
    console.say(f"Written: {files.short(folder / models.MANIFEST)}.")
    return bundle.load_bundle(folder)


def usual(pipeline: Pipeline, frames: list[np.ndarray], speakers: np.ndarray) -> float:
    """Return the median `adaptation.variety` of training speakers.

    Args:
        pipeline: Model, unadapted.
        frames: Features of the training clips, (1, n_features) each.
        speakers: Speaker of each clip, (clips,).
    """
    probabilities = pipeline.probabilities(frames)
    varieties = []
    for speaker in np.unique(speakers):
        own = np.flatnonzero(speakers == speaker)
        vectors = [frames[i] for i in own]
        if len(own) > 1:
            own_probabilities, batch = probabilities[own], pipeline.batch
            varieties.append(
                adaptation.variety(vectors, pipeline.normalization, batch, own_probabilities)
            )
    return round(float(np.median(varieties)), 4)


def ship(run: Path, folder: Path) -> bundle.Bundle:
    """Copy what labels recordings from a run folder, and nothing else, to a folder of a model.

    Raises:
        SerKerasError: The run is no bundle, or has no export.
    """
    content = bundle.verify(run)
    lacking = [name for name in _MODELS if name not in content["models"]]
    if lacking:
        raise SerKerasError(run, f"has no {lacking[0]}", "Train it again")
    shipped = {name: content["models"][name] for name in _MODELS}
    for name in shipped:
        with files.atomic(folder / name) as partial:
            shutil.copyfile(run / name, partial)
    files.write_json(folder / models.MANIFEST, {**content, "models": shipped})
    console.say(f"Written: {files.short(folder)}.")
    return bundle.load_bundle(folder)
