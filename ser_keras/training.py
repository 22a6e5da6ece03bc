"""Fitting a recipe's network on a Split: feeding, callbacks, checkpoint, resume.

The loop is our own, over Keras's training step and Keras's callbacks: all that an epoch draws
(order, dropout) depends on the seed and the epoch alone, so a resumed run and an uninterrupted one
end with the same weights.
"""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ser_keras import batches, console, epochs, files, metrics, seeding
from ser_keras.augment import Augmentation
from ser_keras.batches import Normalization
from ser_keras.errors import SerKerasError
from ser_keras.recipes import Recipe, Training

CHECKPOINT = "checkpoint"
_LAST, _BEST = "last.npz", "best.npz"


@dataclass(frozen=True)
class Fitted:
    """A trained network with the weights of its best validation epoch, and how it got there.

    Args:
        network: The Keras model, not compiled.
        normalization: As fitted on the recipe's side of the split.
        history: A dict for each epoch, as in history.csv.
        best_epoch: Counted from 1.
        environments: In which epochs were trained, the first one first; several where the run was
            gone on with elsewhere.
        seconds_before: What the epochs took that earlier processes had trained.
    """

    network: object
    normalization: Normalization
    history: list[dict]
    best_epoch: int
    environments: list[dict]
    seconds_before: float


def fit(
    recipe: Recipe,
    split,
    store,
    *,
    seed: int,
    folder: Path,
    deterministic: bool = True,
    varied: Mapping[tuple[str, int], np.ndarray] | None = None,
    environment: dict | None = None,
) -> Fitted:
    """Return the recipe's network, fitted on the training clips of `split`.

    The state after each epoch is kept in `folder/checkpoint`; where it is found, training goes on
    from there. It may be carried to another machine, and to another backend of Keras.

    Args:
        recipe: What to fit, and how.
        split: A `Split`; its test part is never looked at.
        store: Maps the content of a clip to its frames, float32 (frames, n_features).
        seed: Of initial weights, order and dropout.
        folder: Of the run.
        deterministic: Whether equal runs give equal weights, at some cost in speed.
        varied: Frames of what `recipe.augment` made of the waveforms, by content and number.
        environment: What this machine is, kept with the epochs that it trains.

    Raises:
        SerKerasError: The loss is no longer a number, or the checkpoint is of another network.
        KeyboardInterrupt: Ctrl-C; the last finished epoch is safe.
    """
    _start_backend(seed, deterministic)
    parts = {role: split.part(role) for role in ("train", "validation")}
    forms = {
        "train": _Forms(parts["train"], store, recipe.augment, seed, varied, recipe.batch.frames),
        "validation": _Forms(parts["validation"], store, Augmentation(), seed),
    }
    normalization = Normalization.fit(
        (forms[role].frames(i) for role in recipe.batch.fit_on for i in range(len(forms[role]))),
        recipe.batch,
    )
    size = recipe.training.batch_size
    sizes = {"train": size, "validation": 1 if recipe.batch.one_by_one else size}
    train, validation = (
        Feed(side, recipe, normalization, sizes[role]) for role, side in forms.items()
    )
    network = build(recipe)
    compile_network(network, recipe.training)
    state = _State(network, folder / CHECKPOINT, environment or {})
    callbacks = _callbacks(network, recipe.training)
    for row in state.restore():  # what the callbacks remember, they learn again from the history
        for callback in callbacks:
            callback.on_epoch_end(row["epoch"] - 1, row)
    seconds_before = sum(row["seconds"] for row in state.history)
    if state.history:
        console.say(f"Going on after epoch {len(state.history)}.")
        if not _is_over(network, state, recipe.training):
            state.load()
    _train(network, train, validation, recipe.training, state, callbacks, seed)
    best = _best_row(state.history, recipe.training)
    state.load_best()
    trained = build(recipe)  # as it travels: without optimizer, loss and metrics
    trained.set_weights(network.get_weights())
    return Fitted(
        trained, normalization, state.history, best["epoch"], state.environments, seconds_before
    )


def has_begun(folder: Path) -> bool:
    """Return whether a run folder keeps the state of a finished epoch."""
    return (folder / CHECKPOINT / _LAST).exists()


def device() -> str:
    """Return the name of the GPU that Keras computes on, else the kind of the processor."""
    import keras

    found = None
    match keras.backend.backend():
        case "jax":
            import jax

            if jax.default_backend() != "cpu":
                found = jax.devices()[0].device_kind
        case "torch":
            import torch

            if torch.cuda.is_available():
                found = torch.cuda.get_device_name()
        case "tensorflow":
            import tensorflow as tf

            for gpu in tf.config.list_physical_devices("GPU")[:1]:
                found = tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
    return found or platform.machine()


def build(recipe: Recipe):
    """Return the recipe's network, not compiled."""
    shapes = recipe.batch.shapes(recipe.features.n_features)
    return recipe.build(shapes, len(recipe.emotions), **recipe.model)


def compile_network(network, training: Training) -> None:
    """Compile a network with the recipe's loss and optimizer."""
    import keras

    optimizers = {
        "adam": keras.optimizers.Adam,
        "adamw": keras.optimizers.AdamW,
        "sgd": keras.optimizers.SGD,
        "rmsprop": keras.optimizers.RMSprop,
    }
    options = {} if training.weight_decay is None else {"weight_decay": training.weight_decay}
    network.compile(
        optimizer=optimizers[training.optimizer](
            learning_rate=training.learning_rate, global_clipnorm=training.clip_norm, **options
        ),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=training.label_smoothing),
        metrics=["accuracy"],
        # XLA on the CPU was slower than plain graphs for every network of this package
        jit_compile=False,
    )
    network.optimizer.build(network.trainable_variables)  # a checkpoint needs its variables


class _Forms:
    """The clips of one side in all the forms in which they are trained on, as matrices of frames.

    Args:
        part: Rows of the split.
        store: Maps content to frames.
        augmentation: What is done to them.
        seed: Of what it draws.
        varied: Frames of varied waveforms, by content and number of the form.
        length: Frames of an image; None for those of the clip.
    """

    def __init__(
        self,
        part,
        store,
        augmentation: Augmentation,
        seed: int,
        varied: Mapping | None = None,
        length: int | None = None,
    ):
        self._forms = [(c, number) for c in part["content"] for number in augmentation.numbers]
        self._store = store
        self._augmentation = augmentation
        self._seed = seed
        self._varied = varied or {}
        self._length = length
        self.emotions = [e for e in part["emotion"] for _ in augmentation.numbers]
        self.change = augmentation.when == "epoch" and any(
            augmentation.works_on(level) for level in ("frames", "image")
        )

    def __len__(self) -> int:
        return len(self._forms)

    def frames(self, i: int, epoch: int = 0) -> np.ndarray:
        """Return the frames of one form, (frames, n_features)."""
        content, number = self._forms[i]
        if number == 0:  # the clip itself
            return self._store[content]
        frames = self._varied.get((content, number))
        frames = self._store[content] if frames is None else frames
        for level in ("frames", "image"):
            if self._augmentation.works_on(level):
                if level == "image":  # its size decides where an image is zoomed
                    frames = frames[: self._length]
                rng = self._augmentation.stream(self._seed, content, number, level, epoch)
                frames = self._augmentation.apply(level, frames, rng)
        return frames


class Feed:
    """The clips of one side, as batches of the network's inputs and one-hot targets.

    Clips of one length that never change are assembled once and rows picked from them; else each
    batch is assembled as it comes.
    """

    def __init__(
        self, forms: _Forms, recipe: Recipe, normalization: Normalization, batch_size: int
    ):
        self._forms = forms
        self._spec = recipe.batch
        self._normalization = normalization
        self.batch_size = batch_size
        index = {emotion: i for i, emotion in enumerate(recipe.emotions)}
        self.truth = np.array([index[emotion] for emotion in forms.emotions])
        self.targets = np.eye(len(index), dtype=np.float32)[self.truth]
        self.inputs = None  # of all clips at once, where that is what every epoch takes
        one_length = self._spec.frames is not None or self._spec.fit == "mean"
        if one_length and not forms.change:
            self.inputs = self._assemble(range(len(self)), epoch=0)

    def __len__(self) -> int:
        return len(self._forms)

    def batches(self, order: np.ndarray, epoch: int = 0) -> Iterator[tuple[dict, np.ndarray]]:
        """Yield (inputs, targets) of the clips in this order."""
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size]
            yield self._assemble(rows, epoch), self.targets[rows]

    def _assemble(self, rows: Sequence[int], epoch: int) -> dict:
        if self.inputs is not None:
            return {name: values[rows] for name, values in self.inputs.items()}
        clips = [self._forms.frames(row, epoch) for row in rows]
        return batches.assemble(clips, self._spec, self._normalization)


def _start_backend(seed: int, deterministic: bool) -> None:
    with console.native_silence():
        import keras

    keras.utils.clear_session(free_memory=False)  # layer names count from 1 in every run
    if deterministic and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    seeding.seed_backend(seed)


def _callbacks(network, training: Training) -> list:
    import keras

    chosen = []
    if training.schedule == "plateau":
        plateau = keras.callbacks.ReduceLROnPlateau(
            monitor="val_loss",
            factor=training.plateau_factor,
            patience=training.plateau_patience,
            min_lr=training.min_learning_rate,
        )
        chosen.append(plateau)
    if training.patience is not None:
        mode = "min" if training.monitor == "val_loss" else "max"
        chosen.append(
            keras.callbacks.EarlyStopping(training.monitor, patience=training.patience, mode=mode)
        )
    for callback in chosen:
        callback.set_model(network)
        callback.on_train_begin()
    network.stop_training = False
    return chosen


def _is_over(network, state: _State, training: Training) -> bool:
    return network.stop_training or len(state.history) >= training.epochs


def _train(network, train, validation, training, state, callbacks, seed) -> None:
    whole = None
    if train.inputs is not None and epochs.pays():
        whole = epochs.compiled(network, train.inputs, train.targets, train.batch_size)
    while not _is_over(network, state, training):
        epoch = len(state.history)
        begun = time.perf_counter()
        if epoch < training.warmup_epochs:
            network.optimizer.learning_rate = (
                training.learning_rate * (epoch + 1) / training.warmup_epochs
            )
        rate = float(network.optimizer.learning_rate)
        seeding.seed_epoch(network, seed, epoch)
        order = seeding.stream(seed, "order", epoch).permutation(len(train))
        if whole is None:
            logs = _train_epoch(network, train, order, epoch, training.epochs)
        else:
            logs = whole(order)
        row = {"epoch": epoch + 1, "loss": logs.pop("loss"), "accuracy": logs.pop("accuracy")}
        row |= logs | _validate(network, validation)
        row |= {"learning_rate": rate, "seconds": round(time.perf_counter() - begun, 3)}
        if not math.isfinite(row["loss"]):
            raise SerKerasError(
                f"epoch {epoch + 1}",
                "the loss is no longer a finite number",
                "Lower it with --set training.learning_rate=, or clip with training.clip_norm",
            )
        for callback in callbacks:
            callback.on_epoch_end(epoch, row)
        best = _best_row([*state.history, row], training)
        state.save(row, is_best=best is row)
        console.say(_sentence(row, best, training.monitor))


def _train_epoch(network, feed: Feed, order: np.ndarray, epoch: int, last: int) -> dict:
    """Return the mean of each log over the clips of an epoch."""
    totals: dict[str, float] = {}
    with console.progress(len(feed), f"epoch {epoch + 1}/{last}", leave=False) as bar:
        for inputs, targets in feed.batches(order, epoch):
            logs = network.train_on_batch(inputs, targets, return_dict=True)  # of this batch alone
            for name, value in logs.items():
                totals[name] = totals.get(name, 0.0) + float(value) * len(targets)
            bar.update(len(targets))
    return {name: total / len(feed) for name, total in totals.items()}


def _validate(network, feed: Feed) -> dict:
    """Return loss (with the weights' penalties), accuracy and macro F1, from one pass."""
    from keras import ops

    probabilities = np.concatenate(
        [network.predict_on_batch(inputs) for inputs, _ in feed.batches(np.arange(len(feed)))]
    )
    weights = (v for v in network.trainable_variables if v.regularizer is not None)
    # what layers add themselves stays out
    penalty = sum(float(ops.convert_to_numpy(v.regularizer(v))) for v in weights)
    predicted = probabilities.argmax(axis=1)
    return {
        "val_loss": float(network.loss(feed.targets, probabilities)) + penalty,
        "val_accuracy": float(np.mean(predicted == feed.truth)),
        "val_macro_f1": metrics.macro_f1(feed.truth, predicted, probabilities.shape[1]),
    }


def _best_row(history: list[dict], training: Training) -> dict:
    sign = 1 if training.monitor == "val_loss" else -1
    return min(history, key=lambda row: sign * row[training.monitor])  # the first of equals


def _sentence(row: dict, best: dict, monitor: str) -> str:
    mark = "best so far" if best is row else f"best: epoch {best['epoch']}"
    return (
        f"epoch {row['epoch']:3d}  loss {row['loss']:.4f}  accuracy {row['accuracy']:.4f}  "
        f"val_loss {row['val_loss']:.4f}  val_accuracy {row['val_accuracy']:.4f}  "
        f"val_macro_f1 {row['val_macro_f1']:.4f}  {row['seconds']:.1f} s  ({mark})"
    )


class _State:
    """What a run needs to go on: all variables and the history, in one file, written at once.

    The best weights are written before it. A kill between the two loses nothing: the epoch is
    trained again, to the same weights. Of a training that is over, the history is all that counts
    of this file: its variables are not read again.
    """

    def __init__(self, network, folder: Path, environment: dict):
        self._network = network
        self._folder = folder
        self._environment = environment
        self.environments: list[dict] = []
        self.history: list[dict] = []

    def restore(self) -> list[dict]:
        """Return the rows of the epochs that are finished, none where nothing was kept."""
        if (self._folder / _LAST).exists():
            with self._open(_LAST) as state:
                if "told" not in state:
                    raise self._refusal(_LAST, "was written by another version of this package")
                told = json.loads(str(state["told"]))
            self.history, self.environments = told["history"], told["environments"]
        return self.history

    def load(self) -> None:
        self._assign(_LAST, [*self._network.variables, *self._network.optimizer.variables])

    def load_best(self) -> None:
        self._assign(_BEST, self._network.variables)

    def save(self, row: dict, is_best: bool) -> None:
        self.history.append(row)
        if self._environment not in self.environments:
            self.environments.append(self._environment)
        variables = self._network.variables
        if is_best:
            self._write(_BEST, variables)
        self._write(_LAST, [*variables, *self._network.optimizer.variables])

    def _write(self, name: str, variables) -> None:
        import keras

        told = json.dumps({"history": self.history, "environments": self.environments})
        arrays = {str(i): keras.ops.convert_to_numpy(v) for i, v in enumerate(variables)}
        with files.atomic(self._folder / name) as partial:
            np.savez(partial, told=told, **arrays)

    def _assign(self, name: str, variables) -> None:
        with self._open(name) as state:
            arrays = [state[str(i)] for i in range(len(state.files) - 1)]
        shapes = [tuple(variable.shape) for variable in variables]
        if shapes != [array.shape for array in arrays]:
            raise self._refusal(name, "belongs to another network")
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)

    def _open(self, name: str):
        try:
            return np.load(self._folder / name, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise self._refusal(name, "cannot be read") from error

    def _refusal(self, name: str, problem: str) -> SerKerasError:
        return SerKerasError(self._folder / name, problem, "Train anew with --fresh")
