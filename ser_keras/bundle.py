"""A trained model on disk, which is checked before it is opened: bundles come from strangers.

Each file is read once: those bytes are compared with the manifest, and those bytes are opened. The
network's weights are numbers alone, and its code is that of the recipe. `model.keras` is written
for the user's own Keras and opened by nothing here.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_keras import (
    batches,
    console,
    engines,
    files,
    formats,
    integrity,
    models,
    plain,
    segments,
    tensors,
    trial,
)
from ser_keras import manifest as manifests
from ser_keras.calibration import Arousal
from ser_keras.engines import KERAS_FILE, MODELS, Engine, Inputs
from ser_keras.errors import SerKerasError, Skipped
from ser_keras.features import FeatureSpec
from ser_keras.prediction import Pipeline, Prediction, row
from ser_keras.recordings import Recording, listed
from ser_keras.reliability import Reliability
from ser_keras.windows import Windows

if TYPE_CHECKING:
    import pandas as pd

    from ser_keras.recipes import Recipe

MANIFEST = manifests.NAME
LATEST = files.RESULTS / "latest"

_HEADER_BYTES = 1 << 20  # of a file of weights, at most


@dataclass(frozen=True)
class Bundle:
    """A trained model with everything that is needed to use it.

    Args:
        folder: Folder of the bundle.
        manifest: Content of its bundle.json.
        pipeline: All steps from waveforms to probabilities.
    """

    folder: Path
    manifest: dict
    pipeline: Pipeline

    @property
    def name(self) -> str:
        """Recipe and corpus of the model."""
        return self.manifest["name"]

    @property
    def labels(self) -> tuple[str, ...]:
        """Emotions in the order of the classes."""
        return self.pipeline.labels

    @property
    def synthetic(self) -> bool:
        """Whether the model was trained on synthetic speech."""
        return self.manifest["synthetic"]

    def __repr__(self) -> str:
        kind = ", trained on synthetic speech" if self.synthetic else ""
        emotions = console.count(len(self.labels), "emotion")
        return f"<Bundle {self.name!a}, {emotions}{kind}, in {os.fspath(self.folder)!a}>"

    def stream(
        self,
        recordings: Recording | Iterable[Recording],
        sample_rate: float | None = None,
        **windows: Any,
    ) -> Iterator[Prediction | Skipped]:
        """Yield the segments of each recording, or the reason why it was skipped.

        A recording that is hardly longer than a clip is one segment. The segments of a longer one
        cover it without gaps, and where nobody speaks the label is "no speech".

        Args:
            recordings: One recording or several, as for `predict`.
            sample_rate: Sample rate in Hz of the arrays that come without one.
            windows: Settings of `Windows`: window, hop, whole, speech, speakers, adapt, possible.

        Raises:
            SerKerasError: `recordings` is nothing that holds recordings, or a setting does not
                suit.
        """
        settings = Windows(**windows)
        return segments.predict(self.pipeline, listed(recordings), sample_rate, settings)

    def enrol(
        self, recordings: Recording | Iterable[Recording], sample_rate: float | None = None
    ) -> Bundle:
        """Return the bundle adapted to a voice by other recordings of it, of any emotion.

        Args:
            recordings: Ordinary recordings of the voice, as for `predict`.
            sample_rate: Sample rate in Hz of the arrays that come without one.

        Raises:
            SerKerasError: A recording cannot be read or holds no speech, or the model cannot be
                adapted.
        """
        return replace(
            self, pipeline=segments.enrol(self.pipeline, listed(recordings), sample_rate)
        )

    def predict_proba(
        self, recordings: Recording | Iterable[Recording], sample_rate: float | None = None
    ) -> np.ndarray:
        """Return the probabilities of whole recordings, as scikit-learn's classifiers do.

        Args:
            recordings: Recordings as for `predict`, such as a list of arrays.
            sample_rate: Sample rate in Hz of the arrays that come without one.

        Returns:
            float64 (recordings, classes), with the classes in the order of `classes_`.

        Raises:
            SerKerasError: One of the recordings cannot be read.
        """
        rows = []
        for item in self.stream(recordings, sample_rate, whole=True):
            if isinstance(item, Skipped):
                raise item.error
            rows.append(list(item.probabilities.values()))
        return np.array(rows, np.float64).reshape(len(rows), len(self.labels))

    @property
    def classes_(self) -> np.ndarray:
        """Labels in the order of the columns of `predict_proba`."""
        return np.array(self.labels)

    def predict(
        self,
        recordings: Recording | Iterable[Recording],
        sample_rate: float | None = None,
        **windows: Any,
    ) -> pd.DataFrame:
        """Return a table with the segments of each recording, in their order.

        A recording that is hardly longer than a clip is one row; see `stream`.

        Args:
            recordings: One recording or several: a list, a column of a table, an array or any
                iterable of them. A recording is a path, a file object opened for bytes, an array
                of samples, or a pair of samples and their rate. Samples are floats with full scale
                1.0, or integers of 8, 16 or 32 bits; (samples,) or (samples, channels), or
                (channels, samples) for one and two channels.
            sample_rate: Sample rate in Hz of the arrays that come without one.
            windows: Settings of `Windows`; `whole=True` makes one row of each recording.

        Returns:
            DataFrame with the index (file, start, end) and the columns `label`, `p_<emotion>` for
            each class, `arousal` where the model says it (how aroused the voice sounds, 0 to 1),
            `adapted_by` and `note`. A recording that could not be read has no label, no
            probabilities and no times, and the reason as its note; `.attrs["skipped"]` lists these
            recordings.

        Raises:
            SerKerasError: None of the recordings could be read, `recordings` is nothing that holds
                recordings, or pandas is not installed.
        """
        try:
            import pandas as pd  # late: the command line does without it
        except ImportError as error:
            remedy = "Install it with: pip install pandas, or use stream(), which works without it"
            raise SerKerasError("pandas", "is not installed", remedy) from error
        settings = Windows(**windows)
        results = list(self.stream(recordings, sample_rate, **windows))
        skipped = [item for item in results if isinstance(item, Skipped)]
        if results and len(skipped) == len(results):
            raise skipped[0].error
        rows = [
            row(item)
            if isinstance(item, Prediction)
            else {"file": item.path, "adapted_by": 0, "note": item.reason}
            for item in results
        ]
        further = {"arousal": bool(self.pipeline.arousal), "speaker": settings.speakers}
        further["possible"] = settings.possible is not None
        columns = formats.columns(self.labels, **further)
        table = pd.DataFrame(rows, columns=columns).set_index(list(columns[:3]))
        table.attrs["skipped"] = skipped
        return table


def load_bundle(name: str | os.PathLike, engine: str = "light") -> Bundle:
    """Return a trained model.

    Args:
        name: Run folder, copy of one, or name of a model in `results/models` or of one that comes
            with the package (`ser_keras.models.names()`).
        engine: `light` (LiteRT, which starts in a fraction of a second), `quantized` (LiteRT with
            weights in 8 bits, where the model has them) or `keras` (the reference).

    Raises:
        SerKerasError: There is no such model, or it differs from its own manifest.

    Example:
        >>> bundle = load_bundle("results/runs/attention-tess/tess/paper-0-seed0")  # doctest: +SKIP
        >>> bundle.predict("speech.wav")  # doctest: +SKIP
    """
    folder = models.locate(name)
    if engine not in MODELS:
        raise SerKerasError(f"--engine {engine}", "no such engine", f"Choose {', '.join(MODELS)}")
    file = MODELS[engine]
    manifest, content = integrity.check(folder, file)
    if content is None:
        others = ", ".join(name for name, file in MODELS.items() if file in manifest["models"])
        raise SerKerasError(folder, f"has no {file}", f"Choose --engine {others}")
    path, labels = folder / file, tuple(manifest["labels"])
    features, batch, normalization = manifests.settings(folder / MANIFEST, manifest)
    shapes = batch.shapes(features.n_features)
    inputs = batches.assemble([_silence(features)], batch, normalization)
    opened: Engine
    if engine == "keras":
        from ser_keras import recipes  # late: the light engine needs none

        record = manifest["recipe"]
        build = recipes.builder(record["network"], record["model"], shapes)
        arrays = tensors.parse(content, path)
        opened = engines.KerasEngine.load(path, partial(build, shapes, len(labels)), arrays)
    else:
        trial.check(path, content, manifest["models"][file]["sha256"], inputs, engines.cores())
        opened = engines.LightEngine(path, content=content)
    _check_engine(path, opened, shapes, inputs, len(labels))
    pipeline = Pipeline(
        labels,
        features,
        batch,
        normalization,
        opened,
        temperature=float(manifest.get("temperature", 1)),
        arousal=Arousal(**manifest["arousal"]) if "arousal" in manifest else None,
        reliability=(
            Reliability.from_json(manifest["reliability"]) if "reliability" in manifest else None
        ),
    )
    return Bundle(folder, manifest, pipeline)


def check_recipe(recipe: Recipe) -> None:
    """Refuse a recipe before training if its model could not be opened afterwards.

    Raises:
        SerKerasError: The network cannot be built or has too many weights, a manifest cannot hold a
            setting, or the settings ask for more work than a model may ask for.
    """
    manifests.check_recipe(recipe.name, recipe.to_json(), recipe.features, recipe.batch)
    shapes = recipe.batch.shapes(recipe.features.n_features)
    build = partial(recipe.build, shapes, len(recipe.emotions), **recipe.model)
    weights = engines.describe(build, recipe.name, "Change it with --set")
    parameters = sum(math.prod(shape) for shape, _ in weights.values())
    if 4 * parameters > manifests.MAX_MODEL_BYTES - _HEADER_BYTES:
        most = (manifests.MAX_MODEL_BYTES - _HEADER_BYTES) // 4
        problem = f"has {parameters:,} parameters, and a model may have {most:,}"
        raise SerKerasError(recipe.name, problem, "Make its layers smaller with --set")


def save(
    folder: Path,
    network,
    pipeline: Pipeline,
    *,
    example: Inputs,
    quantize: bool = False,
    **facts: object,
) -> Bundle:
    """Write the network, the exported network and the manifest, the manifest last.

    Args:
        folder: Run folder to write into.
        network: Keras model.
        pipeline: Pipeline whose settings are written; its engine is not used.
        example: Inputs of a few real clips, with which the export is checked.
        quantize: Whether to export the network with weights in 8 bits as well.
        facts: The other keys of the manifest, such as name, recipe and figures.

    Returns:
        The bundle with the light engine, or with Keras where the network could not be exported.
    """
    for name in (MANIFEST, *manifests.FILES):
        files.remove(folder / name)
    with files.atomic(folder / KERAS_FILE) as unfinished:
        network.save(unfinished)
    tensors.write(folder / MODELS["keras"], engines.weights_of(network))
    try:
        engines.export(network, folder / MODELS["light"], example)
        if quantize:
            engines.export(network, folder / MODELS["quantized"], example, quantize=True)
    except engines.ExportError as error:
        console.warn(str(error))
    for path in (folder / KERAS_FILE, folder / MODELS["light"], folder / MODELS["quantized"]):
        try:
            content = plain.read_plain(path, manifests.MAX_MODEL_BYTES) if path.exists() else None
            if content is not None and path.name != KERAS_FILE:
                trial.inspect(path, content)
        except SerKerasError as error:  # what was trained is not lost by it
            files.remove(path)
            console.warn(f"{path} {error.problem}. It is left out; use --engine keras.")
    fingerprints = {
        name: integrity.fingerprint(folder / name)[0]
        for name in manifests.FILES
        if (folder / name).exists()
    }
    manifest = {
        "format": manifests.FORMAT,
        **facts,
        "labels": list(pipeline.labels),
        "features": pipeline.features.to_json(),
        "batch": pipeline.batch.to_json(),
        "normalization": pipeline.normalization.to_json(),
        "models": fingerprints,
        **({} if pipeline.temperature == 1 else {"temperature": pipeline.temperature}),
        **({"arousal": pipeline.arousal.to_json()} if pipeline.arousal else {}),
        **({"reliability": pipeline.reliability.to_json()} if pipeline.reliability else {}),
    }
    files.write_json(folder / MANIFEST, manifest)
    silence = pipeline.inputs([_silence(pipeline.features)])
    for name in (MODELS["light"], MODELS["quantized"]):
        if name in fingerprints:  # made by this machine
            trial.remember(str(fingerprints[name]["sha256"]), silence)
    return load_bundle(folder, "light" if MODELS["light"] in fingerprints else "keras")


def remember_latest(folder: Path) -> None:
    """Make the model in a run folder the default of `Use_Our_Model.py`."""
    folder = folder.resolve()
    inside = folder.is_relative_to(files.ROOT)
    files.write_text(LATEST, f"{folder.relative_to(files.ROOT).as_posix() if inside else folder}\n")


def latest() -> Path | None:
    """Return the folder of the run that was trained last; None if there is none."""
    if not LATEST.is_file():
        return None
    folder = files.ROOT / LATEST.read_text(encoding="utf-8").strip()
    return folder if (folder / MANIFEST).is_file() else None


def verify(folder: str | os.PathLike) -> dict:
    """Return the manifest of a bundle after comparing its files with it; no model is opened.

    Raises:
        SerKerasError: A file of the bundle breaks a rule; the error names both.
    """
    return integrity.check(Path(folder), None)[0]


def _silence(features: FeatureSpec) -> np.ndarray:
    """Return the frames of a clip of silence, (64, n_features)."""
    return np.zeros((64, features.n_features), np.float32)


def _check_engine(
    path: Path,
    engine: Engine,
    described: Mapping[str, tuple[int | None, ...]],
    inputs: Inputs,
    n_labels: int,
) -> None:
    """Compare the network's inputs and outputs with the settings, using one silent clip."""
    if set(described) != set(engine.shapes):
        raise SerKerasError(path, "takes other inputs than the manifest describes", manifests.FRESH)
    for name, shape in engine.shapes.items():
        if len(shape) != len(described[name]) or any(
            None not in (a, b) and a != b and a != -1
            for a, b in zip(shape, described[name], strict=True)
        ):
            raise SerKerasError(
                path, f"its input {name} has another shape than described", manifests.FRESH
            )
    output = engine(inputs)
    if output.shape != (1, n_labels):
        problem = f"gives an output of {output.shape}, and the manifest names {n_labels} emotions"
        raise SerKerasError(path, problem, manifests.FRESH)
    if not np.isfinite(output).all():
        raise SerKerasError(path, "its weights are not finite numbers", manifests.FRESH)
