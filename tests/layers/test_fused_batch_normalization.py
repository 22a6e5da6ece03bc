import keras
import numpy as np
import pytest
from keras import ops

from ser_keras.layers import FusedBatchNormalization
from tests.layers.contract import check_layer


def images(shape=(3, 4, 5, 2)):
    return np.random.default_rng(0).normal(3, 2, size=shape).astype(np.float32)


def test_it_keeps_the_contract(tmp_path):
    check_layer(
        FusedBatchNormalization,
        {"momentum": 0.9, "epsilon": 1e-4},
        images(),
        weights=8,
        output_shape=(3, 4, 5, 2),
        tmp_path=tmp_path,
    )


def trained(layer_class, steps=3, **how):
    """Return what a network with one such layer has become after some steps."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4, 5, 2))
    x = keras.layers.Conv2D(3, 3)(inputs)
    outputs = layer_class(momentum=0.7, **how)(x)
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse", jit_compile=False)
    for step in range(steps):
        model.train_on_batch(images() + step, np.ones((3, 2, 3, 3), np.float32))
    return [*model.get_weights(), model.predict(images(), verbose=0)]


@pytest.mark.parametrize("how", [{}, {"scale": False}, {"center": False}, {"dtype": "bfloat16"}])
def test_training_gives_the_weights_and_averages_of_keras(how):
    """27 values a channel: the kernel's unbiased variance would be 4 % off."""
    ours, kerass = (
        trained(which, **how)
        for which in (FusedBatchNormalization, keras.layers.BatchNormalization)
    )
    assert len(ours) == len(kerass)
    for mine, other in zip(ours, kerass, strict=True):
        np.testing.assert_allclose(mine, other, atol=2e-5)


def test_masked_places_leave_no_trace():
    layer = FusedBatchNormalization()
    inputs, mask = images(), np.ones((3, 4, 5), bool)
    mask[:, 2:] = False
    spoilt = np.where(mask[..., None], inputs, 100)
    clean, dirty = (
        ops.convert_to_numpy(layer(values, mask=mask, training=True)) for values in (inputs, spoilt)
    )
    np.testing.assert_allclose(clean[mask], dirty[mask], atol=1e-5)


def test_a_frozen_layer_learns_nothing():
    layer = FusedBatchNormalization(trainable=False)
    layer.build((None, 4, 5, 2))
    before = layer.get_weights()
    layer(images(), training=True)
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
