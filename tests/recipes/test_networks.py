"""What holds for the network of every recipe."""

from functools import partial

import numpy as np
import pytest

from ser_keras import engines, recipes
from ser_keras.batches import Normalization
from ser_keras.corpora import emotions
from ser_keras.prediction import Pipeline
from tests.recipes.networks import CHEAP, clips, inputs, network, probabilities

NAMES = recipes.names()
# the convolutions of attention-* see no mask, even corrected: their padding is always zero
MASKED = [n for n in NAMES if recipes.get(n).batch.mask and not n.startswith("attention-")]


@pytest.mark.parametrize("name", NAMES)
def test_a_network_labels_and_learns_what_its_batches_give(name):
    model = network(name)
    given = inputs(name, clips(name))
    result = probabilities(model, given)
    assert result.shape == (3, len(recipes.get(name).emotions))
    np.testing.assert_allclose(result.sum(axis=1), 1, atol=1e-5)
    before = [np.copy(weight) for weight in model.get_weights()]
    model.compile("adam", "categorical_crossentropy", run_eagerly=True)
    logs = model.train_on_batch(given, np.eye(result.shape[1])[[0, 1, 0]], return_dict=True)
    assert np.isfinite(list(logs.values())).all()
    after = model.get_weights()
    assert any(not np.array_equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_is_labelled_alike_whatever_is_labelled_with_it(name):
    recipe, model, some = recipes.get(name), network(name), clips(name)
    pipeline = Pipeline(
        labels=recipe.emotions,
        features=recipe.features,
        batch=recipe.batch,
        normalization=Normalization.fit(some, recipe.batch),
        engine=partial(probabilities, model),
    )
    alone = np.concatenate([pipeline.probabilities([clip]) for clip in some])
    np.testing.assert_allclose(pipeline.probabilities(some), alone, atol=1e-5)
    assert np.ptp(alone, axis=0).max() > 1e-4  # the clips differ


@pytest.mark.parametrize("name", MASKED)
def test_what_lies_in_the_padding_changes_nothing(name):
    model = network(name)
    given = inputs(name, clips(name))
    axis = given["features"].shape.index(given["mask"].shape[1])
    padding = np.expand_dims(
        ~given["mask"], [i for i in range(given["features"].ndim) if i not in (0, axis)]
    )
    spoilt = given | {"features": np.where(padding, np.float32(50), given["features"])}
    np.testing.assert_allclose(probabilities(model, spoilt), probabilities(model, given), atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_its_emotions_are_of_the_one_vocabulary(name):
    names = recipes.get(name).emotions
    assert set(names) <= set(emotions.VOCABULARY)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", [n for n in NAMES if n.endswith("-corrected")])
def test_a_correction_keeps_classes_and_features_and_says_what_it_mends(name):
    mended, published = recipes.get(name), recipes.get(name.removesuffix("-corrected"))
    assert mended.emotions == published.emotions
    assert mended.features == published.features
    assert mended.published == published.published
    assert mended.corrects
    assert mended.to_json() != published.to_json()


@pytest.mark.parametrize("name", NAMES)
def test_its_network_is_built_anew_from_its_record_and_its_weights(name):
    recipe = recipes.get(name)
    shapes = recipe.batch.shapes(recipe.features.n_features)
    record, weights = recipe.to_json(), engines.weights_of(network(name))
    arguments = {**record["model"], **CHEAP.get(name, {})}
    build = recipes.builder(record["network"], arguments, shapes)
    make = partial(build, shapes, len(recipe.emotions))
    again = engines.KerasEngine.load("weights.safetensors", make, weights)
    assert again.shapes


def test_each_argument_of_a_network_that_is_a_number_of_layers_is_known_as_one():
    arguments = {key.partition(".")[2] for name in NAMES for key in recipes.get(name).settings()}
    assert arguments >= recipes.COUNTS
