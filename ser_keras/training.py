"""Fitting a recipe's network on a Split: feeding, callbacks, checkpoint, resume.

The loop is our own, over Keras's training step and callbacks: what an epoch draws (order, dropout)
depends on seed and epoch alone, so a resumed run ends with the weights of an uninterrupted one.
"""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ser_keras import (
    adaptation,
    batches,
    checkpoint,
    console,
    jax_epoch,
    losses,
    metrics,
    seeding,
)
from ser_keras.augment import Augmentation
from ser_keras.batches import Normalization
from ser_keras.errors import SerKerasError
from ser_keras.recipes import Recipe, Training

CHECKPOINT = checkpoint.FOLDER
_CLIP = ("content", "corpus", "speaker", "emotion")


@dataclass(frozen=True)
class Fitted:
    """A trained network with the weights of its best validation epoch, and its history.

    Args:
        network: The Keras model, not compiled.
        normalization: Normalization fitted on the roles that the recipe names.
        history: A dict for each epoch, with the columns of history.csv.
        best_epoch: Number of the best epoch, counted from 1.
        environments: Environments of the epochs, in order; several if it was resumed elsewhere.
        seconds_before: Seconds of the epochs that earlier processes trained.
    """

    network: Any
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
    callbacks: Sequence = (),
) -> Fitted:
    """Return the recipe's network, fitted on the training clips of a split.

    The state after each epoch is stored in `folder/checkpoint`, from which training resumes. It may
    come from another machine and another backend.

    Args:
        recipe: Recipe of the network and its training.
        split: A `Split`; its test clips are not read.
        store: Maps the content of a clip to its frames, float32 (frames, n_features).
        seed: Seed of the initial weights, the order of the clips and dropout.
        folder: Run folder to write into.
        deterministic: Whether equal runs give equal weights, at some cost in speed.
        varied: Frames of augmented waveforms, by the clip's content and the copy's number.
        environment: Description of this machine, stored with the epochs that it trains.
        callbacks: Further callbacks as Keras has them, which may set `stop_training`.

    Raises:
        SerKerasError: The loss is no longer finite, or the checkpoint belongs to another network.
        KeyboardInterrupt: Ctrl-C was pressed; the last finished epoch is stored.
    """
    keras = seeding.start_backend()
    keras.utils.clear_session(free_memory=False)  # layer names count from 1 in every run
    if deterministic and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    seeding.seed_backend(seed)

    roles = recipe.training.fit_on
    parts = {role: split.part(role) for role in ("train", "validation")}
    learned = {name: [x for r in roles for x in parts[r][name]] for name in _CLIP}
    train = Examples(learned, store, seed, recipe.augment, varied, recipe.batch.frames)
    validation = Examples(parts["validation"], store, seed)
    if recipe.training.adapted:
        voices = list(zip(train.corpora, train.speakers, strict=True))
        normalization = adaptation.reference(list(train), voices, recipe.batch)
    else:
        by_role = {"train": train, "validation": validation}
        fitted_on = [role for role in recipe.batch.fit_on if role == "train" or role not in roles]
        frames_to_fit = (frames for role in fitted_on for frames in by_role[role])
        normalization = Normalization.fit(frames_to_fit, recipe.batch)
    n = recipe.training.batch_size
    train_feed = Feed(train, recipe, normalization, n, recipe.training.adapted)
    validation_feed = Feed(validation, recipe, normalization, 1 if recipe.batch.one_by_one else n)

    network = build(recipe)
    compile_network(network, recipe.training)
    state = checkpoint.Checkpoint(network, folder / CHECKPOINT, environment or {})
    callbacks = _callbacks(network, recipe.training, callbacks)
    for row in state.history:  # rebuilds what the callbacks remember, such as patience
        for callback in callbacks:
            callback.on_epoch_end(row["epoch"] - 1, row)
    seconds_before = sum(row["seconds"] for row in state.history)
    if state.history:
        console.say(f"Resuming after epoch {len(state.history)}.")
        if not (network.stop_training or len(state.history) >= recipe.training.epochs):
            state.load(checkpoint.LAST)
    _train(network, train_feed, validation_feed, recipe.training, state, callbacks, seed)
    state.load(checkpoint.BEST)
    trained = build(recipe)  # bundles hold the network without optimizer, loss and metrics
    trained.set_weights(network.get_weights())
    history, best = state.history, _best_row(state.history, recipe.training)["epoch"]
    return Fitted(trained, normalization, history, best, state.environments, seconds_before)


def has_begun(folder: Path) -> bool:
    """Return whether a run folder has a checkpoint of a finished epoch."""
    return (folder / CHECKPOINT / checkpoint.LAST).exists()


def device() -> str:
    """Return the name of the GPU that Keras computes on, or the architecture of the processor."""
    import keras

    gpu = None
    match keras.backend.backend():
        case "jax":
            import jax

            if jax.default_backend() != "cpu":
                gpu = jax.devices()[0].device_kind
        case "torch":
            import torch

            if torch.cuda.is_available():
                gpu = torch.cuda.get_device_name()
        case "tensorflow":
            import tensorflow as tf

            for unit in tf.config.list_physical_devices("GPU")[:1]:
                gpu = tf.config.experimental.get_device_details(unit).get("device_name", unit.name)
    return gpu or platform.machine()


def build(recipe: Recipe):
    """Return the recipe's network, not compiled."""
    shapes = recipe.batch.shapes(recipe.features.n_features)
    return recipe.build(shapes, len(recipe.emotions), **recipe.model)


def compile_network(network, training: Training) -> None:
    """Compile a network with the recipe's loss and optimizer."""
    import keras

    optimizer = type(keras.optimizers.get(training.optimizer))
    options: dict = {"use_ema": bool(training.ema_momentum), "ema_momentum": training.ema_momentum}
    options |= {} if training.weight_decay is None else {"weight_decay": training.weight_decay}
    network.compile(
        optimizer=optimizer(training.learning_rate, global_clipnorm=training.clip_norm, **options),
        loss=losses.crossentropy(training),
        metrics=["accuracy"],
        jit_compile=False,  # XLA on the CPU was slower than plain graphs for every network here
    )
    network.optimizer.build(network.trainable_variables)  # a checkpoint needs its variables


@dataclass
class Examples:
    """The training examples of one role: its clips and their augmented copies, as frames.

    Args:
        part: Clips of this role: a table with the columns content, corpus, speaker and emotion.
        store: Maps the content of a clip to its frames.
        seed: Seed of the augmentation.
        augmentation: Steps that make the copies; without steps there are only the clips.
        varied: Frames of augmented waveforms, by the clip's content and the copy's number.
        length: Frames to which a clip is cut before its image is augmented; None for no cut.
    """

    part: Mapping[str, Sequence[str]]
    store: Mapping[str, np.ndarray]
    seed: int
    augmentation: Augmentation = Augmentation()  # noqa: RUF009  frozen
    varied: Mapping[tuple[str, int], np.ndarray] | None = None
    length: int | None = None

    def __post_init__(self):
        numbers = self.augmentation.numbers  # 0 is the clip itself
        columns = ([x for x in self.part[name] for _ in numbers] for name in _CLIP[1:])
        self.corpora, self.speakers, self.emotions = columns
        self._keys = [(content, number) for content in self.part["content"] for number in numbers]
        self._levels = [x for x in ("frames", "image") if self.augmentation.works_on(x)]
        self.change = self.augmentation.when == "epoch" and bool(self._levels)

    def __iter__(self) -> Iterator[np.ndarray]:
        return map(self.frames, range(len(self._keys)))

    def frames(self, i: int, epoch: int = 0) -> np.ndarray:
        """Return the frames of one example, (frames, n_features)."""
        content, number = self._keys[i]
        if number == 0:
            return self.store[content]
        frames = (self.varied or {}).get((content, number))
        frames = self.store[content] if frames is None else frames
        for level in self._levels:
            if level == "image":  # the size of an image decides where it is zoomed
                frames = frames[: self.length]
            rng = self.augmentation.stream(self.seed, content, number, level, epoch)
            frames = self.augmentation.apply(level, frames, rng)
        return frames


class Feed:
    """The examples of one role as batches of network inputs and one-hot targets.

    Examples of one length that never change are assembled once, and batches are rows of them.
    Otherwise each batch is assembled when it is needed.

    Args:
        examples: The examples.
        recipe: Recipe of the network.
        normalization: Normalisation of the training clips.
        batch_size: Number of examples in a batch.
        adapted: By what the examples are adapted, as `Training.adapted`: all of them once for each.
    """

    def __init__(
        self,
        examples: Examples,
        recipe: Recipe,
        normalization: Normalization,
        batch_size: int,
        adapted: Sequence[str] = (),
    ):
        self._examples = examples
        self._spec = recipe.batch
        self._normalization = normalization
        self.batch_size = batch_size
        n, emotions = len(recipe.emotions), list(recipe.emotions)
        self.truth = np.array([emotions.index(emotion) for emotion in examples.emotions])
        self.targets = losses.targets(self.truth, examples.corpora, n, recipe.training)
        self.inputs = None  # inputs of all examples, if they can be assembled once
        if not examples.change and (self._spec.frames is not None or self._spec.pooled):
            self.inputs = self._assemble(range(len(self)), epoch=0)
        if adapted:
            self._adapt(adapted)

    def __len__(self) -> int:
        return len(self.truth)

    def batches(self, order: np.ndarray, epoch: int = 0) -> Iterator[tuple[dict, np.ndarray]]:
        """Yield (inputs, targets) of the examples in this order."""
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size]
            yield self._assemble(rows, epoch), self.targets[rows]

    def _assemble(self, rows: Sequence[int] | np.ndarray, epoch: int) -> dict:
        if self.inputs is not None:
            return {name: values[rows] for name, values in self.inputs.items()}
        frames = [self._examples.frames(row, epoch) for row in rows]
        return batches.assemble(frames, self._spec, self._normalization)

    def _adapt(self, adapted: Sequence[str]) -> None:
        """Replace the examples by as many for each way of adapting them."""
        vectors, names = list(self._examples), []
        for corpus, speaker in zip(self._examples.corpora, self._examples.speakers, strict=True):
            names.append({"none": "", "corpus": corpus, "speaker": f"{corpus}/{speaker}"})
        parts = []
        for by in adapted:
            inputs = np.empty((len(vectors), len(self._normalization.mean)), np.float32)
            groups = np.array([name[by] for name in names])
            for group in np.unique(groups):
                rows = np.flatnonzero(groups == group)
                own, normalization = [vectors[row] for row in rows], self._normalization
                if by != "none":
                    voice = adaptation.enrol(own, normalization, self._spec)
                    normalization = voice.normalization
                inputs[rows] = batches.assemble(own, self._spec, normalization)["features"]
            parts.append(inputs)
        self.inputs = {"features": np.concatenate(parts)}
        self.truth = np.tile(self.truth, len(adapted))
        self.targets = np.tile(self.targets, (len(adapted), 1))


def _callbacks(network, training: Training, further: Sequence) -> list:
    from keras.callbacks import EarlyStopping, ReduceLROnPlateau

    callbacks = [*further]
    if training.schedule == "plateau":
        plateau = training.plateau_factor, training.plateau_patience
        callbacks.append(ReduceLROnPlateau("val_loss", *plateau, min_lr=training.min_learning_rate))
    if training.patience is not None:
        mode = "min" if training.monitor == "val_loss" else "max"
        callbacks.append(EarlyStopping(training.monitor, patience=training.patience, mode=mode))
    for callback in callbacks:
        callback.set_model(network)
        callback.on_train_begin()
    network.stop_training = False
    return callbacks


def _best_row(history: list[dict], training: Training) -> dict:
    sign = 1 if training.monitor == "val_loss" else -1
    return min(history, key=lambda row: sign * row[training.monitor])  # the first of equals


def _train(network, train, validation, training, state, callbacks, seed) -> None:
    """Train and validate epoch after epoch, from the end of the history to the end of training."""
    compiled = None
    if train.inputs is not None and jax_epoch.is_faster():
        compiled = jax_epoch.compile_epoch(network, train.inputs, train.targets, train.batch_size)
    while not network.stop_training and len(state.history) < training.epochs:
        epoch, start = len(state.history), time.perf_counter()
        if epoch < training.warmup_epochs:
            share = (epoch + 1) / training.warmup_epochs
            network.optimizer.learning_rate = training.learning_rate * share
        rate = float(network.optimizer.learning_rate)
        seeding.seed_epoch(network, seed, epoch)
        order = seeding.stream(seed, "order", epoch).permutation(len(train))
        if compiled is None:
            logs = _train_epoch(network, train, order, epoch, training.epochs)
        else:
            logs = compiled(order)
        network.optimizer.finalize_variable_values(network.trainable_variables)  # the averages
        row = {"epoch": epoch + 1, "loss": logs.pop("loss"), "accuracy": logs.pop("accuracy")}
        row |= logs | _validate(network, validation)
        row |= {"learning_rate": rate, "seconds": round(time.perf_counter() - start, 3)}
        if not math.isfinite(row["loss"]):
            remedy = "Lower it with --set training.learning_rate=, or set training.clip_norm"
            raise SerKerasError(f"epoch {epoch + 1}", "the loss is no longer finite", remedy)
        for callback in callbacks:
            callback.on_epoch_end(epoch, row)
        best = _best_row([*state.history, row], training)
        state.save(row, is_best=best is row)
        mark = "best so far" if best is row else f"best: epoch {best['epoch']}"
        mark = "the last epoch counts" if training.monitor == "epoch" else mark
        if epoch % 10 < 2 and (left := (training.epochs - epoch - 1) * row["seconds"]) >= 1:
            mark += f"; {console.duration(left)} at most"
        console.say(
            f"epoch {row['epoch']:3d}  loss {row['loss']:.4f}  accuracy {row['accuracy']:.4f}  "
            f"val_loss {row['val_loss']:.4f}  val_accuracy {row['val_accuracy']:.4f}  "
            f"val_macro_f1 {row['val_macro_f1']:.4f}  {row['seconds']:.1f} s  ({mark})"
        )


def _train_epoch(network, feed: Feed, order: np.ndarray, epoch: int, last: int) -> dict:
    """Return the mean of each log over the examples of an epoch."""
    totals: dict[str, float] = {}
    with console.progress(len(feed), f"epoch {epoch + 1}/{last}", leave=False) as bar:
        for inputs, targets in feed.batches(order, epoch):
            logs = network.train_on_batch(inputs, targets, return_dict=True)  # of this batch alone
            totals = {k: totals.get(k, 0.0) + float(v) * len(targets) for k, v in logs.items()}
            bar.update(len(targets))
    return {name: total / len(feed) for name, total in totals.items()}


def _validate(network, feed: Feed) -> dict:
    """Return loss (with penalties of weights, not of `add_loss`), accuracy and macro F1."""
    from keras import ops

    outputs = [network.predict_on_batch(x) for x, _ in feed.batches(np.arange(len(feed)))]
    probabilities = np.concatenate(outputs)
    weights = (v for v in network.trainable_variables if v.regularizer is not None)
    penalty = sum(float(ops.convert_to_numpy(v.regularizer(v))) for v in weights)
    predicted = probabilities.argmax(axis=1)
    return {
        "val_loss": float(network.loss(feed.targets, probabilities)) + penalty,
        "val_accuracy": metrics.accuracy(feed.truth, predicted),
        "val_macro_f1": metrics.macro_f1(feed.truth, predicted, probabilities.shape[1]),
    }
