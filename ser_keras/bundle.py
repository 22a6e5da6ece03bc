"""A trained model on disk, which is checked before it is opened: bundles come from strangers.

Each file is read once: those bytes are compared with the manifest, and those bytes are opened. The
network's weights are numbers alone, and its code is that of the recipe. `model.keras` is written
for the user's own Keras and opened by nothing here.
"""

from __future__ import annotations

import hashlib
import math
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser_keras import batches, console, engines, files, models, plain, tensors, trial
from ser_keras import manifest as manifests
from ser_keras.calibration import Arousal
from ser_keras.engines import KERAS_FILE, MODELS, Engine, Inputs
from ser_keras.errors import SerKerasError, Skipped
from ser_keras.features import FeatureSpec
from ser_keras.manifest import FORMAT, FRESH, MAX_MODEL_BYTES
from ser_keras.prediction import Pipeline, Prediction
from ser_keras.recordings import Recording, listed

if TYPE_CHECKING:
    import pandas as pd

    from ser_keras.recipes import Recipe

MANIFEST = manifests.NAME
LATEST = files.RESULTS / "latest"

_HEADER_BYTES = 1 << 20  # of a file of weights, at most

# Files that could be taken for a part of a model; the manifest has to name them.
_PARTS = frozenset(
    (
        ".dll .dylib .exe .h5 .hdf5 .joblib .keras .npy .npz .onnx .pb .pickle .pkl .pt .pth .py "
        ".pyc .safetensors .sh .so .tflite"
    ).split()
)


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
        self, recordings: Recording | Iterable[Recording], sample_rate: float | None = None
    ) -> Iterator[Prediction | Skipped]:
        """Yield a Prediction for each recording, or the reason why it was skipped.

        Args:
            recordings: One recording or several, as for `predict`.
            sample_rate: Sample rate in Hz of the arrays that come without one.

        Raises:
            SerKerasError: `recordings` is nothing that holds recordings.
        """
        return self.pipeline.predict(listed(recordings), sample_rate)

    def predict(
        self, recordings: Recording | Iterable[Recording], sample_rate: float | None = None
    ) -> pd.DataFrame:
        """Return a table with a row for each recording, in their order.

        Args:
            recordings: One recording or several: a list, a column of a table, an array or any
                iterable of them. A recording is a path, a file object opened for bytes, an array
                of samples, or a pair of samples and their rate. Samples are floats with full scale
                1.0, or integers of 8, 16 or 32 bits; (samples,) or (samples, channels), or
                (channels, samples) for one and two channels.
            sample_rate: Sample rate in Hz of the arrays that come without one.

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
        results = list(self.stream(recordings, sample_rate))
        skipped = [item for item in results if isinstance(item, Skipped)]
        if results and len(skipped) == len(results):
            first = skipped[0]
            remedy = getattr(first, "remedy", "Give a recording of speech")
            raise SerKerasError(first.path, first.reason, remedy)
        rows = [
            row(item)
            if isinstance(item, Prediction)
            else {"file": item.path, "adapted_by": 0, "note": item.reason}
            for item in results
        ]
        measured = [f"p_{label}" for label in self.labels]
        measured += ["arousal"] if self.pipeline.arousal else []
        columns = ["file", "start", "end", "label", *measured, "adapted_by", "note"]
        table = pd.DataFrame(rows, columns=columns).set_index(columns[:3])
        table.attrs["skipped"] = skipped
        return table


def row(prediction: Prediction) -> dict[str, object]:
    """Return a prediction as a flat dict, in the order of the columns of `Bundle.predict`.

    Example:
        >>> row(Prediction("a.wav", 0.5, 2.0, "sad", {"sad": 0.75, "happy": 0.25}))["p_happy"]
        0.25
    """
    return {
        "file": prediction.file,
        "start": prediction.start,
        "end": prediction.end,
        "label": prediction.label,
        **{f"p_{label}": round(value, 6) for label, value in prediction.probabilities.items()},
        **({} if prediction.arousal is None else {"arousal": round(prediction.arousal, 6)}),
        "adapted_by": prediction.adapted_by,
        "note": prediction.note,
    }


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
    manifest, content = _verify(folder, file)
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
    if 4 * parameters > MAX_MODEL_BYTES - _HEADER_BYTES:
        most = (MAX_MODEL_BYTES - _HEADER_BYTES) // 4
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
            content = plain.read_plain(path, MAX_MODEL_BYTES) if path.exists() else None
            if content is not None and path.name != KERAS_FILE:
                trial.inspect(path, content)
        except SerKerasError as error:  # what was trained is not lost by it
            files.remove(path)
            console.warn(f"{path} {error.problem}. It is left out; use --engine keras.")
    fingerprints = {
        name: _fingerprint(folder / name)[0] for name in manifests.FILES if (folder / name).exists()
    }
    manifest = {
        "format": FORMAT,
        **facts,
        "labels": list(pipeline.labels),
        "features": pipeline.features.to_json(),
        "batch": pipeline.batch.to_json(),
        "normalization": pipeline.normalization.to_json(),
        "models": fingerprints,
        **({} if pipeline.temperature == 1 else {"temperature": pipeline.temperature}),
        **({"arousal": pipeline.arousal.to_json()} if pipeline.arousal else {}),
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
    return _verify(Path(folder), None)[0]


def _verify(folder: Path, file: str | None) -> tuple[dict, bytes | None]:
    """Return the manifest, and the content of a model file if the manifest names it."""
    manifest = manifests.read(folder)
    described, content = manifest["models"], None
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue  # of the desktop, or half-written by a process that works here
        mode = entry.stat(follow_symlinks=False).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise SerKerasError(entry.path, "is a link or a device, not a plain file", FRESH)
        strange = entry.name in manifests.FILES or Path(entry.name).suffix.lower() in _PARTS
        if strange and entry.name not in described:
            raise SerKerasError(entry.path, "is not named by the manifest beside it", FRESH)
    for name, expected in described.items():
        fingerprint, read = _fingerprint(folder / name, expected["bytes"], keep=name == file)
        if fingerprint != expected:
            problem = "is not the file that the manifest describes"
            raise SerKerasError(folder / name, problem, FRESH)
        content = read if name == file else content
    return manifest, content


def _fingerprint(
    path: Path, size: int | None = None, keep: bool = False
) -> tuple[dict[str, object], bytes | None]:
    """Return size and SHA-256 of a file, and its content if it is to be kept.

    Args:
        path: File to read.
        size: Size that the file should have; of another size nothing is read.
        keep: Whether to return the content.
    """
    with plain.open_plain(path, MAX_MODEL_BYTES, links=False) as stream:
        found = os.fstat(stream.fileno()).st_size
        if size is not None and found != size:
            return {"bytes": found, "sha256": ""}, None
        if keep:
            content = stream.read(found)
            digest = hashlib.sha256(content).hexdigest()
            return {"bytes": len(content), "sha256": digest}, content
        return {"bytes": found, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}, None


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
        raise SerKerasError(path, "takes other inputs than the manifest describes", FRESH)
    for name, shape in engine.shapes.items():
        if len(shape) != len(described[name]) or any(
            None not in (a, b) and a != b and a != -1
            for a, b in zip(shape, described[name], strict=True)
        ):
            raise SerKerasError(path, f"its input {name} has another shape than described", FRESH)
    output = engine(inputs)
    if output.shape != (1, n_labels):
        problem = f"gives an output of {output.shape}, and the manifest names {n_labels} emotions"
        raise SerKerasError(path, problem, FRESH)
    if not np.isfinite(output).all():
        raise SerKerasError(path, "its weights are not finite numbers", FRESH)
