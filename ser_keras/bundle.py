"""A Pipeline on disk, verified before anything of it is opened: bundles come from strangers."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ser_keras import engines, files
from ser_keras.batches import BatchSpec, Normalization
from ser_keras.engines import MODELS
from ser_keras.errors import SerKerasError, Skipped
from ser_keras.features import FeatureSpec
from ser_keras.prediction import Pipeline, Prediction

FORMAT = 1
MANIFEST = "bundle.json"
LATEST = files.RESULTS / "latest"
MAX_MODEL_BYTES = 1 << 30
MAX_PARAMETERS = 100_000_000  # the largest published system has 48.6 million

_KEYS = frozenset(
    (
        "format name created versions recipe labels features batch normalization models "
        "split training_clips test_clips figures synthetic"
    ).split()
)
_KERAS_CLASSES = frozenset(
    (
        "Functional InputLayer Conv1D Conv2D BatchNormalization ReLU LeakyReLU Activation "
        "MaxPooling1D MaxPooling2D AveragePooling2D "
        "GlobalAveragePooling1D GlobalAveragePooling2D Dropout "
        "SpatialDropout2D TimeDistributed Flatten LSTM LSTMCell Reshape Permute Dense "
        "LayerNormalization Add Multiply Concatenate MultiHeadAttention EinsumDense "
        "Softmax Masking GetItem Cast Rescaling DTypePolicy GlorotUniform GlorotNormal "
        "HeNormal Orthogonal Zeros Ones VarianceScaling RandomNormal Constant L2 UnitNorm"
    ).split()
)
_KERAS_MODULES = re.compile(r"(keras(\.src)?(\.[a-z_0-9]+)*|ser_keras\.layers(\.[a-z_]+)*)")
_TOLD_PARTS = ("config.json", "metadata.json", "model.weights.h5")
_FRESH = "Take a fresh copy of the model, or train it again"


@dataclass(frozen=True)
class Bundle:
    """A trained model with all that is needed to use it.

    Args:
        folder: Where it lies.
        manifest: The content of its bundle.json.
        pipeline: From waveforms to probabilities.
    """

    folder: Path
    manifest: dict
    pipeline: Pipeline

    @property
    def name(self) -> str:
        return self.manifest["name"]

    @property
    def labels(self) -> tuple[str, ...]:
        return self.pipeline.labels

    @property
    def synthetic(self) -> bool:
        """Whether it was trained on synthetic speech."""
        return self.manifest["synthetic"]

    def stream(
        self, recordings: Iterable[object], sample_rate: float | None = None
    ) -> Iterator[Prediction | Skipped]:
        """Yield what the model says of each recording, one at a time, or why it says nothing.

        Args:
            recordings: Paths, or arrays of samples, (samples,) or (samples, channels).
            sample_rate: Of the arrays, in Hz.
        """
        return self.pipeline.predict(recordings, sample_rate)

    def predict(self, recordings: Iterable[object], sample_rate: float | None = None):
        """Return a DataFrame with a row for each recording that could be heard.

        Args:
            recordings: A path or an array, or several.
            sample_rate: Of the arrays, in Hz.

        Returns:
            Index (file, start, end), columns `label`, `p_<emotion>` for each class, `note`. What
            could not be heard is in its `.attrs["skipped"]`.

        Raises:
            SerKerasError: None of them could be heard.
        """
        import pandas as pd

        if isinstance(recordings, (str, os.PathLike)) or hasattr(recordings, "ndim"):
            recordings = [recordings]
        results = list(self.stream(recordings, sample_rate))
        skipped = [item for item in results if isinstance(item, Skipped)]
        if results and len(skipped) == len(results):
            first = skipped[0]
            raise SerKerasError(first.path, first.reason, "Give a recording of speech")
        rows = [row(item) for item in results if isinstance(item, Prediction)]
        columns = ["file", "start", "end", "label", *_probability_columns(self.labels), "note"]
        table = pd.DataFrame(rows, columns=columns).set_index(["file", "start", "end"])
        table.attrs["skipped"] = skipped
        return table


def row(prediction: Prediction) -> dict:
    """Return a prediction as a flat dict: file, start, end, label, p_<emotion>..., note."""
    columns = zip(
        _probability_columns(prediction.probabilities),
        prediction.probabilities.values(),
        strict=True,
    )
    plain = {f.name: getattr(prediction, f.name) for f in dataclasses.fields(prediction)}
    note = plain.pop("note")
    del plain["probabilities"]
    return {**plain, **{name: round(value, 6) for name, value in columns}, "note": note}


def load_bundle(name: str | os.PathLike, engine: str = "light") -> Bundle:
    """Return a trained model.

    Args:
        name: A run folder or a copy of one, or the name of a model in `results/models`.
        engine: `light` (LiteRT; starts in a fraction of a second), `quantized` (the same in 8 bits,
            where the model has it) or `keras` (the reference).

    Raises:
        SerKerasError: It is not there, or not what its own manifest says.

    Example:
        >>> bundle = load_bundle("results/runs/attention-tess/tess/paper-0-seed0")  # doctest: +SKIP
        >>> bundle.predict("speech.wav")  # doctest: +SKIP
    """
    folder = _locate(name)
    manifest = verify(folder)
    if engine not in MODELS:
        raise SerKerasError(f"--engine {engine}", "no such engine", f"Choose {', '.join(MODELS)}")
    file = MODELS[engine]
    if file not in manifest["models"]:
        others = ", ".join(name for name, f in MODELS.items() if f in manifest["models"])
        raise SerKerasError(folder, f"has no {file}", f"Choose --engine {others}")
    pipeline = Pipeline(
        labels=tuple(manifest["labels"]),
        features=FeatureSpec.from_json(manifest["features"]),
        batch=BatchSpec.from_json(manifest["batch"]),
        normalization=Normalization.from_json(manifest["normalization"]),
        engine=_open_engine(folder / file),
    )
    _check_shapes(folder / file, pipeline)
    return Bundle(folder, manifest, pipeline)


def save(
    folder: Path, network, pipeline: Pipeline, *, example: dict, quantize: bool = False, **facts
) -> Bundle:
    """Write network, exported network and manifest into `folder`, the manifest last.

    Args:
        folder: Of the run.
        network: The Keras model.
        pipeline: With any engine; its settings are written.
        example: Inputs of some real clips, by which the export is checked.
        quantize: Whether to export the network in 8 bits as well.
        facts: The other keys of the manifest, from name and recipe to figures.

    Returns:
        The bundle with the light engine, or with Keras where the export was refused.
    """
    from ser_keras import console

    for name in (MANIFEST, *MODELS.values()):
        files.remove(folder / name)
    with files.atomic(folder / MODELS["keras"]) as partial:
        network.save(partial)
    try:
        engines.export(network, folder / MODELS["light"], example)
        if quantize:
            engines.export(network, folder / MODELS["quantized"], example, quantize=True)
    except SerKerasError as error:
        console.warn(f"{error}")
    models = [name for name in MODELS.values() if (folder / name).exists()]
    manifest = {
        "format": FORMAT,
        **facts,
        "labels": list(pipeline.labels),
        "features": pipeline.features.to_json(),
        "batch": pipeline.batch.to_json(),
        "normalization": pipeline.normalization.to_json(),
        "models": {name: _fingerprint(folder / name) for name in models},
    }
    files.write_json(folder / MANIFEST, manifest)
    return load_bundle(folder, "light" if MODELS["light"] in models else "keras")


def remember_latest(folder: Path) -> None:
    """Make a run the one that `Use_Our_Model.py` takes when it is told nothing."""
    folder = folder.resolve()
    inside = folder.is_relative_to(files.ROOT)
    files.write_text(LATEST, f"{folder.relative_to(files.ROOT).as_posix() if inside else folder}\n")


def latest() -> Path | None:
    """Return the folder of the run that was trained last, if it is still there."""
    if not LATEST.is_file():
        return None
    folder = files.ROOT / LATEST.read_text(encoding="utf-8").strip()
    return folder if (folder / MANIFEST).is_file() else None


def verify(folder: str | os.PathLike) -> dict:
    """Return the manifest of a bundle after holding its files against it; opens no model.

    Raises:
        SerKerasError: One sentence that names the file and the rule it breaks.
    """
    folder = Path(folder)
    path = folder / MANIFEST
    manifest = files.read_json(path)
    if not isinstance(manifest, dict):
        raise SerKerasError(path, "is not a manifest", _FRESH)
    if manifest.get("format") != FORMAT:
        problem = f"has format {manifest.get('format')!r}, and this version reads {FORMAT}"
        raise SerKerasError(path, problem, "Update ser_keras, or train the model again")
    for problem, keys in (
        ("does not say", _KEYS - manifest.keys()),
        ("says", manifest.keys() - _KEYS),
    ):
        if keys:
            words = (
                f"{problem} {', '.join(sorted(map(repr, keys)))}, unlike any model of this format"
            )
            raise SerKerasError(path, words, _FRESH)
    _check_labels(path, manifest["labels"])
    models = manifest["models"]
    if not isinstance(models, dict) or not models or not models.keys() <= set(MODELS.values()):
        raise SerKerasError(path, "names other files than a model has", _FRESH)
    for name, said in models.items():
        _check_file(folder / name, said)
    return manifest


def _locate(name: str | os.PathLike) -> Path:
    shipped = files.RESULTS / "models" / os.fspath(name)
    for folder in (Path(name), shipped):
        if (folder / MANIFEST).is_file():
            return folder
    if Path(name).is_dir():
        raise SerKerasError(
            name, f"is no trained model: it has no {MANIFEST}", "Give a run folder with --model"
        )
    raise SerKerasError(name, "no such model", "Train one with: python Emotion_Recognition.py")


def _check_labels(path: Path, labels: object) -> None:
    good = (
        isinstance(labels, list)
        and 2 <= len(labels) <= 1000
        and all(isinstance(label, str) and label.isprintable() and label for label in labels)
        and len(set(labels)) == len(labels)
    )
    if not good:
        raise SerKerasError(path, "its labels are not two or more different names", _FRESH)


def _check_file(path: Path, said: object) -> None:
    if not isinstance(said, dict) or said.keys() != {"bytes", "sha256"}:
        raise SerKerasError(path.parent / MANIFEST, f"says no size and hash of {path.name}", _FRESH)
    if path.is_symlink() or not path.is_file():
        raise SerKerasError(path, "is missing or no plain file", _FRESH)
    size = path.stat().st_size
    if size > MAX_MODEL_BYTES or size != said["bytes"] or files.sha256(path) != said["sha256"]:
        raise SerKerasError(path, "is not the file that the manifest describes", _FRESH)


def _fingerprint(path: Path) -> dict:
    return {"bytes": path.stat().st_size, "sha256": files.sha256(path)}


def _open_engine(path: Path):
    if path.name != MODELS["keras"]:
        return engines.LightEngine(path)
    _inspect_archive(path)
    return engines.KerasEngine.load(path)


def _check_shapes(path: Path, pipeline: Pipeline) -> None:
    """Hold the network's inputs and outputs against the settings, by one silent clip."""
    import numpy as np

    wanted = pipeline.batch.shapes(pipeline.features.n_features)
    if set(wanted) != set(pipeline.engine.shapes):
        raise SerKerasError(path, "takes other inputs than the manifest describes", _FRESH)
    for name, shape in pipeline.engine.shapes.items():
        if len(shape) != len(wanted[name]) or any(
            None not in (a, b) and a != b and a != -1
            for a, b in zip(shape, wanted[name], strict=True)
        ):
            raise SerKerasError(path, f"its input {name} has another shape than described", _FRESH)
    silence = np.zeros((64, pipeline.features.n_features), np.float32)
    output = pipeline.probabilities([silence])
    if output.shape != (1, len(pipeline.labels)):
        problem = f"gives {output.shape[-1]} classes, and the manifest names {len(pipeline.labels)}"
        raise SerKerasError(path, problem, _FRESH)
    if not np.isfinite(output).all():
        raise SerKerasError(path, "its weights are not finite numbers", _FRESH)


def _inspect_archive(path: Path) -> None:
    """Refuse a .keras file that could do more than hold a network of this package.

    Keras's safe mode has been passed by more than one trick; this looks at the archive itself:
    members, sizes, every class that the configuration names, and the layout of the weights.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if sorted(member.filename for member in members) != sorted(_TOLD_PARTS):
                raise SerKerasError(path, "holds other parts than a Keras model has", _FRESH)
            if sum(member.file_size for member in members) > MAX_MODEL_BYTES:
                raise SerKerasError(path, "unpacks to more than is allowed", _FRESH)
            config = json.loads(archive.read("config.json"))
            _inspect_config(path, config)
            with archive.open("model.weights.h5") as weights:
                _inspect_weights(path, weights)
    except (zipfile.BadZipFile, ValueError, KeyError, RecursionError, OSError) as error:
        raise SerKerasError(path, "is no Keras model", _FRESH) from error


def _inspect_config(path: Path, value: object) -> None:
    if isinstance(value, list):
        for item in value:
            _inspect_config(path, item)
    if not isinstance(value, dict):
        return
    name, registered = value.get("class_name"), value.get("registered_name")
    if name is not None:
        ours = isinstance(registered, str) and registered.startswith("ser_keras>")
        module = value.get("module")
        module_allowed = module is None or _KERAS_MODULES.fullmatch(str(module)) is not None
        plain = name in ("__tuple__", "__keras_tensor__", "__slice__")
        if not module_allowed or not (ours or plain or name in _KERAS_CLASSES):
            raise SerKerasError(path, f"names the class {name}, which no model here has", _FRESH)
    for item in value.values():
        _inspect_config(path, item)


def _inspect_weights(path: Path, stream) -> None:
    import h5py

    total = 0

    def visit(name: str, group) -> None:
        nonlocal total
        for key in group:
            link = group.get(key, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise SerKerasError(path, f"its weights link elsewhere at {name}/{key}", _FRESH)
            item = group[key]
            if isinstance(item, h5py.Group):
                visit(f"{name}/{key}", item)
                continue
            if item.external or item.is_virtual or item.dtype.kind not in "fiu":
                raise SerKerasError(path, f"its weights at {name}/{key} are no numbers", _FRESH)
            total += math.prod(item.shape)
            if total > MAX_PARAMETERS:
                raise SerKerasError(path, f"has over {MAX_PARAMETERS} weights", _FRESH)

    with h5py.File(stream, "r") as weights:
        visit("", weights)


def _probability_columns(labels: Iterable[str]) -> list[str]:
    return [f"p_{label}" for label in labels]
