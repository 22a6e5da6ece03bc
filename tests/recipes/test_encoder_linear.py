"""The three recipes that put one dense layer on vectors of whole clips."""

import numpy as np
import pytest

from ser_keras import bundle, recipes, runs
from tests.recipes.networks import clips, input_shapes, inputs, network, probabilities, weights

NAMES = ("encoder-linear", "functionals-linear", "fusion")
SIZES = {"encoder-linear": 1_024, "functionals-linear": 432, "fusion": 1_456}


@pytest.mark.parametrize("name", NAMES)
def test_it_is_one_layer_over_the_vector_of_a_clip(name):
    model = network(name, n_classes=3)
    assert input_shapes(model) == {"features": (SIZES[name],)}
    assert weights(model) == (SIZES[name] * 3 + 3, SIZES[name] * 3 + 3)


@pytest.mark.parametrize("name", NAMES)
def test_its_inputs_are_standardised_over_the_training_clips_and_cut_at_5(name):
    some = clips(name, lengths=[1] * 50)
    some[7] = some[7] * 1_000
    vectors = inputs(name, some)["features"]
    assert vectors.shape == (50, SIZES[name])
    assert np.abs(vectors).max() == 5


def test_fusion_adds_the_scores_of_both_parts():
    import keras

    model = network("fusion", n_classes=3)
    given = inputs("fusion", clips("fusion", lengths=[1, 1]))
    vectors = given["features"]
    encoder, functionals = (model.get_layer(name) for name in ("encoder", "functionals"))
    scores = keras.ops.convert_to_numpy(encoder(vectors[:, :1_024]))
    scores = scores + keras.ops.convert_to_numpy(functionals(vectors[:, 1_024:]))
    expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities(model, given), expected, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_all_training_clips_are_in_one_step_so_that_it_ends_at_the_one_minimum(name):
    training = recipes.get(name).training
    assert training.batch_size > 5_000
    assert training.monitor == "epoch"
    assert training.balanced


@pytest.mark.parametrize(
    "name",
    ["fusion", *(pytest.param(name, marks=pytest.mark.slow) for name in NAMES if name != "fusion")],
)
def test_it_learns_the_tiny_corpus_and_its_bundle_labels_recordings(
    name, tiny_index, cache, tmp_path
):
    import pandas as pd

    recipe = recipes.get(name).override({"training.epochs": "30"})
    options = runs.Options(cache=cache)
    run = runs.run(recipe, tiny_index, "random", out=tmp_path / "run", options=options)
    assert run.test.accuracy.value > 0.6  # the chance level is 0.14
    assert run.best_epoch == run.epochs == 30
    written = pd.read_csv(run.folder / "predictions.csv")
    written = written[written["role"] == "test"]
    light = bundle.load_bundle(run.folder, "light")
    table = light.predict(map(tiny_index.locate, written["path"]))
    assert list(table["label"]) == list(written["predicted"])


def test_records_of_recipes_without_balance_root_and_limit_are_what_they_were():
    record = recipes.get("attention-tess").to_json()
    assert "balanced" not in record["training"]
    assert not {"signed_root", "limit"} & record["batch"].keys()
    assert recipes.get("fusion").to_json()["training"]["balanced"] is True


def test_records_of_recipes_without_averaged_weights_are_what_they_were():
    assert "ema_momentum" not in recipes.get("encoder-linear").to_json()["training"]
    averaged = recipes.get("encoder-linear").override({"training.ema_momentum": "0.9"})
    assert averaged.to_json()["training"]["ema_momentum"] == 0.9
