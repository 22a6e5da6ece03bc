import numpy as np
import pytest
from keras import ops

from ser_keras.layers import StatisticsPooling
from tests.layers.contract import check_layer


def test_it_passes_the_contract(tmp_path):
    inputs = np.random.default_rng(0).normal(size=(4, 6, 5)).astype(np.float32)
    check_layer(
        StatisticsPooling,
        {"units": 3},
        inputs,
        weights=5 * 3 + 3 + 3,
        masked=True,
        output_shape=(4, 10),
        tmp_path=tmp_path,
    )


def test_with_equal_weights_it_gives_mean_and_deviation():
    layer = StatisticsPooling(2, query_initializer="zeros")
    inputs = np.array([[[1.0, 2.0], [3.0, 2.0], [5.0, 8.0]]], np.float32)
    expected = [3.0, 4.0, np.sqrt(8 / 3), np.sqrt(8.0)]  # by hand
    np.testing.assert_allclose(ops.convert_to_numpy(layer(inputs))[0], expected, rtol=1e-5)


def test_weights_follow_the_published_equation():
    layer = StatisticsPooling(2)
    inputs = np.array([[[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]], np.float32)
    layer.build(inputs.shape)
    kernel, bias, query = np.array([[0.5, -1], [0, 1]]), np.array([0.1, 0.2]), np.array([[2], [1]])
    layer.set_weights([kernel, bias, query])
    scores = np.exp(np.tanh(inputs[0] @ kernel + bias) @ query)[:, 0]
    weights = scores / scores.sum()
    mean = weights @ inputs[0]
    deviation = np.sqrt(weights @ (inputs[0] - mean) ** 2)
    pooled = ops.convert_to_numpy(layer(inputs))[0]
    np.testing.assert_allclose(pooled, [*mean, *deviation], rtol=1e-4)


def test_masked_steps_count_for_nothing_and_a_wholly_masked_clip_has_a_mean_of_zeros():
    layer = StatisticsPooling(3)
    inputs = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    mask = np.array([[True, False, True], [False, False, False]])
    pooled = ops.convert_to_numpy(layer(inputs, mask=mask))
    alone = ops.convert_to_numpy(layer(inputs[:1, [0, 2]]))
    np.testing.assert_allclose(pooled[:1], alone, rtol=1e-4)
    assert not pooled[1, :4].any()


def test_a_sequence_that_never_changes_has_a_finite_gradient():
    import keras

    layer = StatisticsPooling(3)
    model = keras.Sequential([keras.Input((5, 2)), keras.layers.Dense(2), layer])
    model.compile("sgd", "mse", run_eagerly=True)
    model.train_on_batch(np.zeros((2, 5, 2), np.float32), np.zeros((2, 4), np.float32))
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_zero_units_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        StatisticsPooling(0)
