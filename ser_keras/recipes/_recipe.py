"""What a recipe states: features, network, training, published figures, sources."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ser_keras.augment import Augmentation
from ser_keras.batches import BatchSpec
from ser_keras.errors import SerKerasError, check_number, unknown
from ser_keras.features import FeatureSpec

if TYPE_CHECKING:
    import keras
    import numpy as np
    import pandas as pd

ADAPTED = ("none", "speaker", "corpus")
# Settings that records of before they were there do not have: written where they differ from these.
_LATER = {"balanced": False, "fit_on": ("train",), "adapted": (), "ema_momentum": None}


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a network is fitted; the names are Keras's where Keras has one.

    Args:
        optimizer: `adam`, `adamw`, `sgd` or `rmsprop`.
        learning_rate: Learning rate at the start, after the warm-up.
        weight_decay: Weight decay of the optimizer; None for the default of Keras.
        label_smoothing: Share of each target that is spread over all classes.
        ema_momentum: Momentum of a moving average of the weights over the steps of an epoch, which
            replaces the weights at its end; None for no averaging.
        clip_norm: Norm to which the gradient of all weights together is clipped; None for none.
        batch_size: Number of clips per step.
        epochs: Greatest number of epochs.
        monitor: Column of the history that chooses the best epoch: `val_loss`, `val_accuracy` or
            `val_macro_f1`; or `epoch`, which takes the last one, whatever the validation clips say.
        patience: Number of epochs after the best one at which training ends; None trains all.
        schedule: `constant`, or `plateau`: the rate is cut when the validation loss stagnates.
        plateau_factor: Factor by which a plateau multiplies the rate.
        plateau_patience: Number of epochs without a better validation loss that make a plateau.
        min_learning_rate: Rate below which no plateau cuts it.
        warmup_epochs: Number of first epochs over which the rate rises linearly.
        balanced: Whether all corpora weigh the same in the loss, and so do all emotions of a
            corpus. The loss of a clip then compares the emotions of its own corpus alone, so that
            pooled corpora do not train the network away from emotions that one of them lacks.
        fit_on: Roles whose clips are trained on: `("train",)`, or `("train", "validation")` where
            the validation clips choose nothing (`monitor="epoch"`). Their scores then say little.
        adapted: How training clips with one vector each are trained on, once for each entry:
            `none` (as they are), or adapted to all clips of their `speaker` or their `corpus`, as
            `ser_keras.adaptation` does it. The normalisation is then that of a usual speaker.
            Empty for `none` under the normalisation of all training clips.
    """

    optimizer: str = "adam"
    learning_rate: float = 1e-3
    weight_decay: float | None = None
    label_smoothing: float = 0.0
    ema_momentum: float | None = None
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
    balanced: bool = False
    fit_on: tuple[str, ...] = ("train",)
    adapted: tuple[str, ...] = ()

    def __post_init__(self):
        choices = {
            "optimizer": ("adam", "adamw", "sgd", "rmsprop"),
            "monitor": ("val_loss", "val_accuracy", "val_macro_f1", "epoch"),
            "schedule": ("constant", "plateau"),
        }
        for field, allowed in choices.items():
            if getattr(self, field) not in allowed:
                problem = f"is {getattr(self, field)!r}"
                raise SerKerasError(f"training.{field}", problem, f"Choose {_one_of(allowed)}")
        for field in ("fit_on", "adapted"):
            object.__setattr__(self, field, tuple(getattr(self, field)))  # JSON has no tuples
        for field in ("learning_rate", "batch_size", "epochs"):
            if not getattr(self, field) > 0:
                raise SerKerasError(f"training.{field}", "is not above 0", "Give a positive number")
        if self.fit_on not in (("train",), ("train", "validation")):
            remedy = "Give train, or train,validation"
            raise SerKerasError("training.fit_on", f"is {','.join(self.fit_on)!r}", remedy)
        if "validation" in self.fit_on and self.monitor != "epoch":
            problem = "trains on the validation clips, which choose the epoch"
            raise SerKerasError("training.fit_on", problem, "Set training.monitor=epoch, too")
        if not set(self.adapted) <= set(ADAPTED) or len(set(self.adapted)) != len(self.adapted):
            remedy = f"Give some of {', '.join(ADAPTED)}"
            raise SerKerasError("training.adapted", f"is {','.join(self.adapted)!r}", remedy)
        check_number("training.ema_momentum", self.ema_momentum, 0.0, 1.0, optional=True)
        if self.balanced and self.label_smoothing:
            problem, remedy = "does not go with label smoothing", "Set training.label_smoothing=0"
            raise SerKerasError("training.balanced", problem, remedy)


@dataclass(frozen=True)
class Published:
    """A figure as its authors give it.

    Args:
        value: Value of the metric, in [0, 1].
        metric: `accuracy`, `uar` or `macro_f1`.
        n: Number of clips it was measured on, None where the authors do not say.
        corpus: Name of the corpus it was measured on; pooled corpora are joined by "+".
        protocol: Name of the protocol of this package that repeats it.
        source: Where the authors give it.
        selected_on: `test` if the authors chose their model on the clips that they report.
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
        title: What the system is, in a few words.
        sources: Papers and code, with commits.
        corpora: Names of the corpora it was published on; a run uses them, pooled, by default.
        emotions: Names of the classes; their order is the class index.
        features: How a waveform becomes frames.
        batch: How frames become the network's inputs.
        training: How the network is fitted.
        build: `build(shapes, n_classes, **model)` returns the network, not compiled; `shapes` maps
            the name of an input to its shape without the batch axis.
        draw: `draw(clips, seed, fold)` draws the split of the protocol `paper` as the authors did.
            It gets the index rows of one corpus, sorted by path and without duplicates, and
            returns an array (clips,) of "train", "validation", "test", or None for a clip that is
            left out.
        augment: Augmentation of the training clips; by default there is none.
        model: Arguments of `build` that differ from its defaults.
        merged: Emotions whose clips count as another, such as `{"calm": "neutral"}`.
        published: Figures to compare with.
        notes: What a reader of the figures has to know, in plain sentences.
        corrects: What a corrected variant corrects.
        name: Name of the recipe's file, filled in by `recipes.get`.
    """

    title: str
    sources: tuple[str, ...]
    corpora: tuple[str, ...]
    emotions: tuple[str, ...]
    features: FeatureSpec
    batch: BatchSpec
    training: Training
    build: Callable
    draw: Callable[[pd.DataFrame, int, int], np.ndarray]
    augment: Augmentation = Augmentation()  # noqa: RUF009  frozen, so it may be shared
    model: Mapping[str, object] = dataclasses.field(default_factory=dict)
    merged: Mapping[str, str] = dataclasses.field(default_factory=dict)
    published: tuple[Published, ...] = ()
    notes: tuple[str, ...] = ()
    corrects: tuple[str, ...] = ()
    name: str = ""

    def __post_init__(self):
        if self.training.adapted and not (self.features.one_vector and self.batch.fit == "mean"):
            remedy = "Leave training.adapted empty, or choose features that are a vector"
            raise SerKerasError("training.adapted", "needs features of one vector a clip", remedy)

    @property
    def draw_name(self) -> str:
        """Name of the authors' draw: that of the module that defines it, with hyphens.

        Recipes that share a draw share its name.
        """
        return self.draw.__module__.rpartition(".")[2].strip("_").replace("_", "-")

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
            changes: Dotted key -> value as text, such as `{"training.epochs": "3"}`; `none`,
                `true` and `false` stand for None, True and False.

        Raises:
            SerKerasError: There is no such setting (the message gives the nearest), or a value has
                the wrong type.
        """
        known = self.settings()
        parts: dict[str, dict[str, object]] = {}
        for key, text in changes.items():
            if key not in known:
                last = key.rpartition(".")[2]
                alike = [name for name in known if name.rpartition(".")[2] == last]
                raise unknown(f"--set {key}", "setting", key, alike or known)
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
        """Return all that the recipe states as plain values.

        `network` is the name of the module that defines `build`, `draw` is `draw_name`.
        """
        value = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name != "build"
        }
        for part in ("features", "batch", "augment"):
            value[part] = value[part].to_json()
        value["training"] = {
            key: list(setting) if isinstance(setting, tuple) else setting
            for key, setting in dataclasses.asdict(self.training).items()
            if key not in _LATER or setting != _LATER[key]
        }
        value["merged"] = dict(self.merged)
        if not self.merged:
            del value["merged"]
        value["published"] = [dataclasses.asdict(figure) for figure in self.published]
        value["model"] = {k.split(".")[1]: v for k, v in self.settings().items() if "model." in k}
        value["network"] = self.build.__module__.rpartition(".")[2]
        value["draw"] = self.draw_name
        return {key: list(v) if isinstance(v, tuple) else v for key, v in value.items()}

    def identity(self) -> dict:
        """Return the part of `to_json` that a run depends on: all but the words for readers."""
        return _without_words(self.to_json())

    def makes(self, record: Mapping[str, object]) -> bool:
        """Return whether the recipe makes the same runs as one whose `to_json` is `record`."""
        return _without_words(record) == self.identity()

    def _annotation(self, part: str, field: str):
        if part != "model":
            return typing.get_type_hints(type(getattr(self, part)))[field]
        default = _model_arguments(self.build)[field]
        return type(default) if default is not None else str


def network_inputs(shapes: Mapping[str, tuple]) -> dict[str, keras.KerasTensor]:
    """Return the Keras input of each name in `shapes`, for use in a recipe's `build`.

    The mask is an input of its own, because Keras convolutions drop implicit masks and exported
    models have none. Pass the dictionary to `keras.Model` as its inputs.

    Args:
        shapes: Shape of each input without the batch axis: `features` and, where batches are
            masked, `mask`.

    Returns:
        Name -> input: `features` (batch, *shape), float32, and, if `shapes` has it, `mask`
        (batch, steps), bool, False where a step is padding.

    Example:
        >>> inputs = network_inputs({"features": (130, 40), "mask": (130,)})
        >>> inputs["features"].shape, inputs["mask"].dtype
        ((None, 130, 40), 'bool')
    """
    import keras  # late: listing recipes must not start a backend

    dtypes = {"features": "float32", "mask": "bool"}
    return {
        name: keras.Input(shapes[name], dtype=dtype, name=name)
        for name, dtype in dtypes.items()
        if name in shapes
    }


def _without_words(record: Mapping[str, object]) -> dict[str, object]:
    words = ("title", "sources", "published", "notes", "corrects")
    return {key: value for key, value in record.items() if key not in words}


def _model_arguments(build: Callable) -> dict[str, object]:
    parameters = inspect.signature(build).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}


def _convert(key: str, text: str, annotation: object) -> object:
    """Return `text` as the annotated type; a union is tried from left to right."""
    is_union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    options = typing.get_args(annotation) if is_union else (annotation,)
    if type(None) in options and text.lower() == "none":
        return None
    for option in options:
        try:
            return _parse(text, option)
        except ValueError:
            continue
    expected = _one_of([_words(option) for option in options])
    raise SerKerasError(f"--set {key}={text}", "has the wrong type", f"Give {expected}")


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
    names: dict[object, str] = {
        **{int: "a whole number", float: "a number", bool: "true or false"},
        **{str: "a word", type(None): "none"},
    }
    if typing.get_origin(kind) is typing.Literal:
        return _one_of(typing.get_args(kind))
    return names.get(kind, "a list separated by commas")


def _one_of(choices) -> str:
    *others, last = choices
    return f"{', '.join(others)} or {last}" if others else last
