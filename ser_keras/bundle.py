"""A trained model on disk, which is checked before it is opened: bundles come from strangers."""

from __future__ import annotations

import json
import math
import os
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from ser_keras import console, engines, files
from ser_keras.batches import BatchSpec, Normalization
from ser_keras.engines import MODELS, Engine, Inputs
from ser_keras.errors import SerKerasError, Skipped
from ser_keras.features import FeatureSpec
from ser_keras.prediction import Pipeline, Prediction, Recording

if TYPE_CHECKING:
    import h5py
    import pandas as pd

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
        "MaxPooling1D MaxPooling2D AveragePooling2D GlobalAveragePooling1D GlobalAveragePooling2D "
        "Dropout SpatialDropout2D TimeDistributed Flatten LSTM LSTMCell Reshape Permute Dense "
        "LayerNormalization Add Multiply Concatenate MultiHeadAttention EinsumDense Softmax "
        "Masking GetItem Cast Rescaling DTypePolicy GlorotUniform GlorotNormal HeNormal "
        "Orthogonal Zeros Ones VarianceScaling RandomNormal Constant L2 UnitNorm"
    ).split()
)
_KERAS_MODULES = re.compile(r"(keras(\.src)?(\.[a-z_0-9]+)*|ser_keras\.layers(\.[a-z_]+)*)")
_ARCHIVE = ("config.json", "metadata.json", "model.weights.h5")
_FRESH = "Take a fresh copy of the model, or train it again"


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

    def stream(
        self, recordings: Iterable[Recording], sample_rate: int | None = None
    ) -> Iterator[Prediction | Skipped]:
        """Yield a Prediction for each recording, or the reason why it was skipped.

        Args:
            recordings: Paths, or arrays of samples (samples,) or (samples, channels).
            sample_rate: Sample rate of the arrays in Hz; None where there are only paths.
        """
        return self.pipeline.predict(recordings, sample_rate)

    def predict(
        self, recordings: Recording | Iterable[Recording], sample_rate: int | None = None
    ) -> pd.DataFrame:
        """Return a table with a row for each recording that could be read.

        Args:
            recordings: One path or array of samples, or several.
            sample_rate: Sample rate of the arrays in Hz; None where there are only paths.

        Returns:
            DataFrame with the index (file, start, end) and the columns `label`, `p_<emotion>` for
            each class, and `note`. Its `.attrs["skipped"]` lists the recordings that could not be
            read.

        Raises:
            SerKerasError: None of the recordings could be read, or pandas is not installed.
        """
        try:
            import pandas as pd  # late: the command line does without it
        except ImportError as error:
            remedy = "Install it with: pip install pandas, or use stream(), which works without it"
            raise SerKerasError("pandas", "is not installed", remedy) from error
        if isinstance(recordings, (str, os.PathLike)) or hasattr(recordings, "ndim"):
            recordings = [cast(Recording, recordings)]
        results = list(self.stream(recordings, sample_rate))
        skipped = [item for item in results if isinstance(item, Skipped)]
        if results and len(skipped) == len(results):
            first = skipped[0]
            raise SerKerasError(first.path, first.reason, "Give a recording of speech")
        rows = [row(item) for item in results if isinstance(item, Prediction)]
        probabilities = [f"p_{label}" for label in self.labels]
        columns = ["file", "start", "end", "label", *probabilities, "note"]
        table = pd.DataFrame(rows, columns=columns).set_index(columns[:3])
        table.attrs["skipped"] = skipped
        return table


def row(prediction: Prediction) -> dict[str, object]:
    """Return a prediction as a flat dict: file, start, end, label, p_<emotion>..., note.

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
        "note": prediction.note,
    }


def load_bundle(name: str | os.PathLike, engine: str = "light") -> Bundle:
    """Return a trained model.

    Args:
        name: Run folder, copy of one, or name of a model in `results/models`.
        engine: `light` (LiteRT, which starts in a fraction of a second), `quantized` (LiteRT with
            weights in 8 bits, where the model has them) or `keras` (the reference).

    Raises:
        SerKerasError: There is no such model, or it differs from its own manifest.

    Example:
        >>> bundle = load_bundle("results/runs/attention-tess/tess/paper-0-seed0")  # doctest: +SKIP
        >>> bundle.predict("speech.wav")  # doctest: +SKIP
    """
    folder = _locate(name)
    manifest = verify(folder)
    if engine not in MODELS:
        raise SerKerasError(f"--engine {engine}", "no such engine", f"Choose {', '.join(MODELS)}")
    model = folder / MODELS[engine]
    if model.name not in manifest["models"]:
        others = ", ".join(name for name, file in MODELS.items() if file in manifest["models"])
        raise SerKerasError(folder, f"has no {model.name}", f"Choose --engine {others}")
    pipeline = Pipeline(
        labels=tuple(manifest["labels"]),
        features=FeatureSpec.from_json(manifest["features"]),
        batch=BatchSpec.from_json(manifest["batch"]),
        normalization=Normalization.from_json(manifest["normalization"]),
        engine=_open_engine(model),  # after the settings have been checked
    )
    _check_shapes(model, pipeline)
    return Bundle(folder, manifest, pipeline)


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
    for name in (MANIFEST, *MODELS.values()):
        files.remove(folder / name)
    with files.atomic(folder / MODELS["keras"]) as partial:
        network.save(partial)
    try:
        engines.export(network, folder / MODELS["light"], example)
        if quantize:
            engines.export(network, folder / MODELS["quantized"], example, quantize=True)
    except SerKerasError as error:
        console.warn(str(error))
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
    folder = Path(folder)
    path = folder / MANIFEST
    manifest = files.read_json(path)
    if not isinstance(manifest, dict):
        raise SerKerasError(path, "is not a manifest", _FRESH)
    if manifest.get("format") != FORMAT:
        problem = f"has format {manifest.get('format')!r}, and this version reads {FORMAT}"
        raise SerKerasError(path, problem, "Update ser_keras, or train the model again")
    if missing := sorted(_KEYS - manifest.keys()):
        raise SerKerasError(path, f"lacks the keys {', '.join(missing)}", _FRESH)
    if unknown := sorted(manifest.keys() - _KEYS):
        raise SerKerasError(path, f"has the unknown keys {', '.join(map(repr, unknown))}", _FRESH)
    _check_labels(path, manifest["labels"])
    models = manifest["models"]
    if not isinstance(models, dict) or not models or not models.keys() <= set(MODELS.values()):
        raise SerKerasError(path, "names other files than a model has", _FRESH)
    for name, fingerprint in models.items():
        _check_file(folder / name, fingerprint)
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


def _check_file(path: Path, fingerprint: object) -> None:
    if not isinstance(fingerprint, dict) or fingerprint.keys() != {"bytes", "sha256"}:
        problem = f"lacks the size and hash of {path.name}"
        raise SerKerasError(path.parent / MANIFEST, problem, _FRESH)
    if path.is_symlink() or not path.is_file():
        raise SerKerasError(path, "is missing or not a plain file", _FRESH)
    size = path.stat().st_size  # a larger file is refused before it is hashed
    if size > MAX_MODEL_BYTES or size != fingerprint["bytes"] or _fingerprint(path) != fingerprint:
        raise SerKerasError(path, "is not the file that the manifest describes", _FRESH)


def _fingerprint(path: Path) -> dict[str, object]:
    return {"bytes": path.stat().st_size, "sha256": files.sha256(path)}


def _open_engine(path: Path) -> Engine:
    if path.name != MODELS["keras"]:
        return engines.LightEngine(path)
    inspect_archive(path)
    return engines.KerasEngine.load(path)


def _check_shapes(path: Path, pipeline: Pipeline) -> None:
    """Compare the network's inputs and outputs with the settings, using one silent clip."""
    import numpy as np

    described = pipeline.batch.shapes(pipeline.features.n_features)
    if set(described) != set(pipeline.engine.shapes):
        raise SerKerasError(path, "takes other inputs than the manifest describes", _FRESH)
    for name, shape in pipeline.engine.shapes.items():
        if len(shape) != len(described[name]) or any(
            None not in (a, b) and a != b and a != -1
            for a, b in zip(shape, described[name], strict=True)
        ):
            raise SerKerasError(path, f"its input {name} has another shape than described", _FRESH)
    silence = np.zeros((64, pipeline.features.n_features), np.float32)
    output = pipeline.probabilities([silence])
    if output.shape != (1, len(pipeline.labels)):
        problem = f"gives {output.shape[-1]} classes, and the manifest names {len(pipeline.labels)}"
        raise SerKerasError(path, problem, _FRESH)
    if not np.isfinite(output).all():
        raise SerKerasError(path, "its weights are not finite numbers", _FRESH)


def inspect_archive(path: Path) -> None:
    """Refuse a .keras file that could do more than hold a network of this package.

    Keras's safe mode has been circumvented more than once. So this looks at the archive itself: its
    members, their sizes, every class that the configuration names, and the layout of the weights.

    Raises:
        SerKerasError: The file breaks one of these rules.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if sorted(member.filename for member in members) != sorted(_ARCHIVE):
                raise SerKerasError(path, "holds other parts than a Keras model has", _FRESH)
            if sum(member.file_size for member in members) > MAX_MODEL_BYTES:
                raise SerKerasError(path, "unpacks to more than is allowed", _FRESH)
            config = json.loads(archive.read("config.json"))
            _inspect_config(path, config)
            with archive.open("model.weights.h5") as weights:
                _inspect_weights(path, weights)
    except (zipfile.BadZipFile, ValueError, KeyError, RecursionError, OSError) as error:
        raise SerKerasError(path, "is not a Keras model", _FRESH) from error


def _inspect_config(path: Path, value: object) -> None:
    if isinstance(value, list):
        for item in value:
            _inspect_config(path, item)
    if not isinstance(value, dict):
        return
    name, registered = value.get("class_name"), value.get("registered_name")
    if name is not None:
        own_class = isinstance(registered, str) and registered.startswith("ser_keras>")
        module = value.get("module")
        module_allowed = module is None or _KERAS_MODULES.fullmatch(str(module)) is not None
        plain = name in ("__tuple__", "__keras_tensor__", "__slice__")
        if not module_allowed or not (own_class or plain or name in _KERAS_CLASSES):
            raise SerKerasError(path, f"names the class {name}, which no model here has", _FRESH)
    for item in value.values():
        _inspect_config(path, item)


def _inspect_weights(path: Path, stream: IO[bytes]) -> None:
    import h5py

    total = 0

    def visit(name: str, group: h5py.Group) -> None:
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
                raise SerKerasError(path, f"its weights at {name}/{key} are not numbers", _FRESH)
            total += math.prod(item.shape)
            if total > MAX_PARAMETERS:
                raise SerKerasError(path, f"has over {MAX_PARAMETERS} weights", _FRESH)

    with h5py.File(stream, "r") as weights:
        visit("", weights)
