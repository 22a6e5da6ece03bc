"""The two recipes that put one hidden layer on vectors of whole clips."""

import numpy as np
import pytest

from ser_keras import bundle, recipes, runs
from tests.recipes.networks import clips, input_shapes, inputs, network, probabilities, weights

SIZES = {"encoder-mlp": 1_024, "functionals-mlp": 432}


@pytest.mark.parametrize("name", SIZES)
def test_it_is_one_hidden_layer_over_the_vector_of_a_clip(name):
    model = network(name, n_classes=3)
    units = model.get_layer("hidden").units
    assert 128 <= units <= 256
    assert input_shapes(model) == {"features": (SIZES[name],)}
    assert weights(model) == 2 * ((SIZES[name] + 1) * units + (units + 1) * 3,)


@pytest.mark.parametrize("name", SIZES)
def test_it_differs_from_the_linear_recipe_in_network_and_length_of_training_alone(name):
    hidden, linear = recipes.get(name), recipes.get(name.replace("mlp", "linear"))
    same = ("features", "batch", "emotions", "corpora", "augment", "draw")
    assert all(getattr(hidden, key) == getattr(linear, key) for key in same)
    assert hidden.training.balanced
    assert hidden.training.monitor == "epoch"


@pytest.mark.parametrize("name", SIZES)
def test_units_are_dropped_in_training_alone(name):
    import keras

    model = network(name, n_classes=3)
    given = inputs(name, clips(name, lengths=[1, 1]))
    expected = probabilities(model, given)
    np.testing.assert_array_equal(probabilities(model, given), expected)
    dropped = keras.ops.convert_to_numpy(model(given, training=True))
    assert np.abs(dropped - expected).max() > 1e-3


@pytest.mark.parametrize(
    "name", ["encoder-mlp", pytest.param("functionals-mlp", marks=pytest.mark.slow)]
)
def test_it_learns_the_tiny_corpus_and_its_bundle_labels_recordings(
    name, tiny_index, cache, tmp_path
):
    import pandas as pd

    recipe = recipes.get(name).override({"training.epochs": "40"})
    options = runs.Options(cache=cache)
    run = runs.run(recipe, tiny_index, "random", out=tmp_path / "run", options=options)
    assert run.test.accuracy.value > 0.6  # the chance level is 0.14
    assert run.best_epoch == run.epochs == 40
    written = pd.read_csv(run.folder / "predictions.csv")
    written = written[written["role"] == "test"]
    light = bundle.load_bundle(run.folder, "light")
    table = light.predict(map(tiny_index.locate, written["path"]))
    assert list(table["label"]) == list(written["predicted"])
