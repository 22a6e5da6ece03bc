import keras
import numpy as np
import pytest
from keras import ops

from ser_keras.layers import FusedBatchNormalization
from tests.layers.contract import check_layer


def images(shape=(3, 4, 5, 2)):
    return np.random.default_rng(0).normal(3, 2, size=shape).astype(np.float32)


def test_it_passes_the_contract(tmp_path):
    check_layer(
        FusedBatchNormalization,
        {"momentum": 0.9, "epsilon": 1e-4},
        images(),
        weights=8,
        output_shape=(3, 4, 5, 2),
        tmp_path=tmp_path,
    )


def trained(layer_class, steps=3, **how):
    """Return weights and outputs of a network with one such layer after some training steps."""
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
    ours, reference = (
        trained(which, **how)
        for which in (FusedBatchNormalization, keras.layers.BatchNormalization)
    )
    assert len(ours) == len(reference)
    for a, b in zip(ours, reference, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the kernel is TensorFlow's")
@pytest.mark.parametrize("axes", [1, 2, 3], ids=["clips", "rows", "places"])
def test_a_mask_gives_the_gradients_and_averages_of_keras_and_zero_outside(axes):
    mask = np.random.default_rng(1).random((3, 4, 5)[:axes]) < 0.6
    mask[0] = True
    places = np.broadcast_to(mask.reshape(mask.shape + (1,) * (3 - axes)), (3, 4, 5))
    ours, reference = (
        masked_step(which, given)
        for which, given in (
            (FusedBatchNormalization, mask),
            (keras.layers.BatchNormalization, places),
        )
    )
    assert not ours[0][~places].any()
    reference[0][~places] = 0
    for a, b in zip(ours, reference, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-5)


def masked_step(layer_class, mask):
    """Return outputs and gradients of a training step, and the weights of the layer after it."""
    import tensorflow as tf

    layer = layer_class(momentum=0.7)
    inputs = tf.constant(images())
    layer.build(inputs.shape)
    layer.gamma.assign([2.0, 3.0])
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, mask=tf.constant(mask), training=True)
        inside = tf.boolean_mask(outputs, mask)
        loss = tf.reduce_sum(tf.square(inside - tf.boolean_mask(inputs, mask)))
    gradients = tape.gradient(loss, [inputs, *(v.value for v in layer.trainable_variables)])
    return [np.array(v) for v in (outputs, *gradients, *layer.get_weights())]


@pytest.mark.parametrize("training", [True, False])
def test_masked_places_change_nothing_and_become_zero(training):
    layer = FusedBatchNormalization()
    inputs, mask = images(), np.ones((3, 4), bool)
    mask[:, 2:] = False
    noisy = np.where(mask[..., None, None], inputs, 100)
    clean, dirty = (
        ops.convert_to_numpy(layer(values, mask=mask, training=training))
        for values in (inputs, noisy)
    )
    np.testing.assert_allclose(clean, dirty, atol=1e-5)
    assert not clean[:, 2:].any()


def test_a_frozen_layer_learns_nothing():
    layer = FusedBatchNormalization(trainable=False)
    layer.build((None, 4, 5, 2))
    before = layer.get_weights()
    layer(images(), training=True)
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
