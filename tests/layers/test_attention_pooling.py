import keras
import numpy as np
import pytest
from keras import ops

from ser_keras.layers import AttentionPooling
from tests.layers.contract import check_layer


def test_it_passes_the_contract(tmp_path):
    inputs = np.random.default_rng(0).normal(size=(4, 6, 5)).astype(np.float32)
    check_layer(
        AttentionPooling,
        {"units": 3},
        inputs,
        weights=5 * 3 + 3 + 3,
        masked=True,
        output_shape=(4, 5),
        tmp_path=tmp_path,
    )


def test_its_default_width_is_the_number_of_features():
    layer = AttentionPooling()
    layer.build((None, 3, 32))
    assert layer.count_params() == 1088  # 32 x 32 + 32 + 32, as published


def test_weights_follow_the_published_equation():
    layer = AttentionPooling()
    inputs = np.array([[[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]], np.float32)
    layer.build(inputs.shape)
    kernel, bias, query = np.array([[0.5, -1], [0, 1]]), np.array([0.1, 0.2]), np.array([[2], [1]])
    layer.set_weights([kernel, bias, query])
    scores = np.tanh(inputs[0] @ kernel + bias) @ query  # s_t = u^T tanh(W^T h_t + b)
    expected = np.exp(scores) / np.exp(scores).sum()
    pooled, weights = layer(inputs, return_attention_scores=True)
    np.testing.assert_allclose(ops.convert_to_numpy(weights)[0], expected[:, 0], rtol=1e-5)
    np.testing.assert_allclose(
        ops.convert_to_numpy(pooled)[0], expected[:, 0] @ inputs[0], rtol=1e-5
    )


def test_scores_that_would_overflow_an_exponential_stay_finite():
    layer = AttentionPooling()
    inputs = np.ones((1, 4, 2), np.float32)
    layer.build(inputs.shape)
    layer.set_weights([np.full((2, 2), 9.0), np.zeros(2), np.full((2, 1), 300.0)])
    np.testing.assert_allclose(ops.convert_to_numpy(layer(inputs)), [[1.0, 1.0]], rtol=1e-6)


def test_masked_steps_get_no_weight_and_a_wholly_masked_clip_gives_zeros():
    layer = AttentionPooling()
    inputs = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    mask = np.array([[True, False, True], [False, False, False]])
    pooled, weights = layer(inputs, mask=mask, return_attention_scores=True)
    weights = ops.convert_to_numpy(weights)
    assert weights[0, 1] == 0
    assert weights[0].sum() == pytest.approx(1, abs=1e-6)
    assert not weights[1].any()
    assert not ops.convert_to_numpy(pooled)[1].any()


def test_zero_units_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        AttentionPooling(units=0)


@pytest.mark.parametrize("masked", [False, True])
def test_the_weights_in_a_network_are_those_of_its_own_forward_pass(masked):
    features = keras.Input((6, 5), name="features")
    mask = keras.Input((6,), dtype="bool", name="mask") if masked else None
    states = keras.layers.LSTM(3, return_sequences=True)(features, mask=mask)
    layer = AttentionPooling()
    pooled = layer(states, mask=mask)
    given = {"features": features} | ({"mask": mask} if masked else {})
    network = keras.Model(given, pooled)
    inputs = {"features": np.random.default_rng(0).normal(size=(4, 6, 5)).astype(np.float32)}
    if masked:
        inputs["mask"] = np.arange(6) < np.array([[1], [3], [5], [6]])
    weights = layer.weights_in(network, inputs)
    assert weights.shape == (4, 6)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    if masked:
        assert not weights[~inputs["mask"]].any()
    before = keras.Model(given, states).predict(inputs, verbose=0)
    expected = network.predict(inputs, verbose=0)
    np.testing.assert_allclose((weights[..., None] * before).sum(axis=1), expected, atol=1e-5)
    assert len(network.layers) == 3 + masked  # the network is unchanged
