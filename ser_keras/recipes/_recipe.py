"""What a recipe states: features, network, training, published figures, sources."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ser_keras.augment import Augmentation
from ser_keras.batches import BatchSpec
from ser_keras.errors import SerKerasError
from ser_keras.features import FeatureSpec


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a network is fitted; the names are Keras's where Keras has one.

    The best epoch is the one with the best `monitor`; training ends `patience` epochs after it
    (None: never early). `schedule` is `constant` or `plateau`: after `plateau_patience` epochs
    without a better validation loss the rate is multiplied by `plateau_factor`, down to
    `min_learning_rate`. Over the first `warmup_epochs` the rate rises linearly.
    """

    optimizer: str = "adam"
    learning_rate: float = 1e-3
    weight_decay: float | None = None
    label_smoothing: float = 0.0
    clip_norm: float | None = None
    batch_size: int = 32
    epochs: int = 100
    monitor: str = "val_loss"
    patience: int | None = 10
    schedule: str = "plateau"
    plateau_factor: float = 0.5
    plateau_patience: int = 5
    min_learning_rate: float = 1e-6
    warmup_epochs: int = 0

    def __post_init__(self):
        choices = {
            "optimizer": ("adam", "adamw", "sgd", "rmsprop"),
            "monitor": ("val_loss", "val_accuracy", "val_macro_f1"),
            "schedule": ("constant", "plateau"),
        }
        for field, allowed in choices.items():
            if getattr(self, field) not in allowed:
                problem = f"is {getattr(self, field)!r}"
                raise SerKerasError(f"training.{field}", problem, f"Choose {_one_of(allowed)}")
        for field in ("learning_rate", "batch_size", "epochs"):
            if not getattr(self, field) > 0:
                raise SerKerasError(f"training.{field}", "is not above 0", "Give a positive number")


@dataclass(frozen=True)
class Published:
    """A figure as its authors give it.

    Args:
        value: In [0, 1].
        metric: `accuracy`, `uar` or `macro_f1`.
        n: Clips it was measured on, None where nobody says.
        corpus: What it was measured on.
        protocol: The protocol of this package that repeats it.
        source: Where it stands.
        selected_on: `test` where the authors chose their model on the clips they report.
    """

    value: float
    metric: str
    n: int | None = None
    corpus: str = ""
    protocol: str = "paper"
    source: str = ""
    selected_on: str | None = None


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A published system, or its correction.

    Args:
        title: What it is, in a few words.
        sources: Papers and code with commits.
        corpora: Names of the corpora it was published on, the first being the default.
        emotions: Names of the classes; their order is the class index.
        features: From a waveform to frames.
        batch: From frames to the network's inputs.
        training: How the network is fitted.
        build: `build(shapes, n_classes, **model)` returns the network, not compiled; `shapes` maps
            the name of an input to its shape without the batch axis.
        paper: Whose drawing the protocol `paper` is, one of `splits.PAPERS`.
        augment: What is done to the training clips; by default nothing.
        model: Arguments of `build` that differ from its defaults.
        published: Figures to compare with.
        notes: What a reader of its figures has to know, in plain sentences.
        corrects: What a corrected variant mends.
        name: The name of its file, filled in by `recipes.get`.
    """

    title: str
    sources: tuple[str, ...]
    corpora: tuple[str, ...]
    emotions: tuple[str, ...]
    features: FeatureSpec
    batch: BatchSpec
    training: Training
    build: Callable
    paper: str = "attention-tess"
    augment: Augmentation = Augmentation()  # noqa: RUF009  frozen, so it may be shared
    model: Mapping[str, object] = dataclasses.field(default_factory=dict)
    published: tuple[Published, ...] = ()
    notes: tuple[str, ...] = ()
    corrects: tuple[str, ...] = ()
    name: str = ""

    def settings(self) -> dict[str, object]:
        """Return every setting that `override` takes, by its dotted key, with its value."""
        values = {}
        for part in ("features", "batch", "augment", "training"):
            spec = getattr(self, part)
            for field in dataclasses.fields(spec):
                values[f"{part}.{field.name}"] = getattr(spec, field.name)
        for key, default in _model_arguments(self.build).items():
            values[f"model.{key}"] = self.model.get(key, default)
        return values

    def override(self, changes: Mapping[str, str]) -> Recipe:
        """Return the recipe with some settings changed, each given as text.

        Args:
            changes: Dotted key to value, e.g. `{"training.epochs": "3", "model.dropout": "0.3"}`.
                `none` is None; `true` and `false` are what they say.

        Raises:
            SerKerasError: No such setting (the nearest is named), or a value of another type.
        """
        known = self.settings()
        parts: dict[str, dict[str, object]] = {}
        for key, text in changes.items():
            if key not in known:
                raise SerKerasError(f"--set {key}", "no such setting", _hint(key, known))
            part, field = key.split(".", 1)
            parts.setdefault(part, {})[field] = _convert(key, text, self._annotation(part, field))
        recipe = self
        for part, values in parts.items():
            if part == "model":
                recipe = dataclasses.replace(recipe, model={**recipe.model, **values})
            else:
                spec = dataclasses.replace(getattr(recipe, part), **values)
                recipe = dataclasses.replace(recipe, **{part: spec})
        return recipe

    def to_json(self) -> dict:
        """Return all that the recipe states as plain values; `build` by the name of its module."""
        value = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name != "build"
        }
        for part in ("features", "batch", "augment"):
            value[part] = value[part].to_json()
        value["training"] = dataclasses.asdict(self.training)
        value["published"] = [dataclasses.asdict(figure) for figure in self.published]
        value["model"] = {k.split(".")[1]: v for k, v in self.settings().items() if "model." in k}
        value["network"] = self.build.__module__.rpartition(".")[2]
        return {key: list(v) if isinstance(v, tuple) else v for key, v in value.items()}

    def identity(self) -> dict:
        """Return what of `to_json` a run depends on; the rest may be put into other words."""
        return _without_words(self.to_json())

    def makes(self, told: Mapping[str, object]) -> bool:
        """Return whether a run of the recipe that `to_json` told of is one of this recipe."""
        return _without_words(told) == self.identity()

    def _annotation(self, part: str, field: str):
        if part != "model":
            return typing.get_type_hints(type(getattr(self, part)))[field]
        default = _model_arguments(self.build)[field]
        return type(default) if default is not None else str


def _without_words(told: Mapping[str, object]) -> dict[str, object]:
    words = ("title", "sources", "published", "notes", "corrects")
    return {key: value for key, value in told.items() if key not in words}


def _model_arguments(build: Callable) -> dict[str, object]:
    parameters = inspect.signature(build).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}


def _hint(key: str, known: Mapping[str, object]) -> str:
    same_end = [name for name in known if name.rpartition(".")[2] == key.rpartition(".")[2]]
    nearest = same_end or difflib.get_close_matches(key, known, n=1, cutoff=0.3)
    return f"Did you mean {nearest[0]}" if nearest else "--list RECIPE shows them all"


def _convert(key: str, text: str, annotation: object) -> object:
    """Return `text` as the annotated type; a union is tried from left to right."""
    options = typing.get_args(annotation) if _is_union(annotation) else (annotation,)
    if type(None) in options and text.lower() == "none":
        return None
    for option in options:
        try:
            return _parse(text, option)
        except ValueError:
            continue
    wanted = _one_of([_words(option) for option in options])
    raise SerKerasError(f"--set {key}={text}", "is of another kind", f"Give {wanted}")


def _is_union(annotation: object) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def _parse(text: str, kind: object) -> object:
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise ValueError(text)
        return text.lower() == "true"
    if kind in (int, float, str):
        return kind(text)
    origin = typing.get_origin(kind)
    if origin is tuple or kind is tuple:
        item = (typing.get_args(kind) or (str,))[0]
        return tuple(_parse(part.strip(), item) for part in text.split(",") if part.strip())
    if origin is typing.Literal and text in typing.get_args(kind):
        return text
    raise ValueError(text)


def _words(kind: object) -> str:
    names = {int: "a whole number", float: "a number", bool: "true or false", type(None): "none"}
    if typing.get_origin(kind) is typing.Literal:
        return _one_of(typing.get_args(kind))
    return names.get(kind, "a list divided by commas" if kind is not str else "a word")


def _one_of(choices) -> str:
    *others, last = choices
    return f"{', '.join(others)} or {last}" if others else last
