"""What the tests of all recipes ask of a network."""

from __future__ import annotations

import numpy as np

from ser_keras import batches, recipes
from ser_keras.batches import Normalization

# the same functions, made cheap: loops instead of unrolled steps, few small basis networks
CHEAP = {
    "adafnn-transformer": {"unroll": False, "bases": 1, "basis_width": 8},
    "adafnn-transformer-corrected": {"unroll": False},
    "mean-mfcc-lstm": {"unroll": False},
    "mean-mfcc-lstm-corrected": {"unroll": False},
}


def network(name: str, n_classes: int | None = None, **model):
    """Return the network of a recipe, some of its settings changed."""
    recipe = recipes.get(name)
    shapes = recipe.batch.shapes(recipe.features.n_features)
    settings = CHEAP.get(name, {}) | dict(recipe.model) | model
    return recipe.build(shapes, n_classes or len(recipe.emotions), **settings)


def weights(model) -> tuple[int, int]:
    """Return how many weights there are, and how many of them are trained."""
    trained = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    return model.count_params(), trained


def input_shapes(model) -> dict[str, tuple]:
    """Return the shape of each input, without the batch axis."""
    return {tensor.name: tuple(tensor.shape[1:]) for tensor in model.inputs}


def shape(model, layer: str) -> tuple:
    """Return the shape that comes out of a layer, without the batch axis."""
    return tuple(model.get_layer(layer).output.shape[1:])


def clips(name: str, lengths=(70, 150, 97)) -> list[np.ndarray]:
    """Return noise in the features of a recipe, (frames, n_features) each."""
    rng = np.random.default_rng(0)
    n_features = recipes.get(name).features.n_features
    return [rng.normal(-40, 10, (length, n_features)).astype(np.float32) for length in lengths]


def inputs(name: str, some) -> dict[str, np.ndarray]:
    """Return what the network of a recipe gets for clips."""
    spec = recipes.get(name).batch
    return batches.assemble(some, spec, Normalization.fit(clips(name), spec))


def probabilities(model, given) -> np.ndarray:
    """Return (batch, classes)."""
    import keras

    return keras.ops.convert_to_numpy(model(given, training=False))
