import numpy as np
import pytest
from keras import ops

from ser_keras.layers import TransformerEncoder
from tests.layers.contract import check_layer


def test_it_passes_the_contract(tmp_path):
    inputs = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    check_layer(
        TransformerEncoder,
        {"intermediate_dim": 7, "num_heads": 2, "normalize_first": True},
        inputs,
        weights=4 * (36 + 6) + (6 * 7 + 7) + (7 * 6 + 6) + 4 * 6,
        masked=True,
        output_shape=(4, 5, 6),
        tmp_path=tmp_path,
    )


@pytest.mark.parametrize(("width", "heads", "weights"), [(40, 4, 172_648), (128, 8, 593_024)])
def test_it_has_as_many_weights_as_the_layer_of_torch(width, heads, weights):
    layer = TransformerEncoder(2048, heads)
    layer.build((None, 10, width))
    assert layer.count_params() == weights


@pytest.mark.parametrize("normalize_first", [False, True])
def test_one_head_follows_the_equations(normalize_first):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3, 4))
    layer = TransformerEncoder(5, 1, normalize_first=normalize_first)
    layer.build((None, 3, 4))
    layer.set_weights([rng.normal(size=weight.shape) for weight in layer.weights])
    w = {v.path.split("/", 1)[1]: np.asarray(ops.convert_to_numpy(v)) for v in layer.weights}
    result, scores = layer(x[None].astype(np.float32), return_attention_scores=True)

    def norm(x, name):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return x * w[f"{name}/gamma"] + w[f"{name}/beta"]

    def project(x, name):
        return x @ w[f"attention/{name}/kernel"].reshape(4, 4) + w[f"attention/{name}/bias"].ravel()

    def attend(x):
        logits = project(x, "query") @ project(x, "key").T / np.sqrt(4)
        weights = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        pooled = weights @ project(x, "value")
        kernel = w["attention/attention_output/kernel"].reshape(4, 4)
        return weights, pooled @ kernel + w["attention/attention_output/bias"]

    def transform(x):
        inner = np.maximum(x @ w["inner/kernel"] + w["inner/bias"], 0)
        return inner @ w["outer/kernel"] + w["outer/bias"]

    if normalize_first:
        weights, attended = attend(norm(x, "attention_norm"))
        y = x + attended
        expected = y + transform(norm(y, "outer_norm"))
    else:
        weights, attended = attend(x)
        y = norm(x + attended, "attention_norm")
        expected = norm(y + transform(y), "outer_norm")
    np.testing.assert_allclose(ops.convert_to_numpy(scores)[0, 0], weights, atol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(result)[0], expected, rtol=1e-4, atol=1e-4)


def test_no_step_attends_to_a_masked_step():
    layer = TransformerEncoder(8, 2)
    inputs = np.random.default_rng(0).normal(size=(1, 4, 6)).astype(np.float32)
    mask = np.array([[True, True, False, False]])
    _, scores = layer(inputs, mask=mask, return_attention_scores=True)
    scores = ops.convert_to_numpy(scores)
    assert scores.shape == (1, 2, 4, 4)
    assert scores[..., 2:].max() == 0
    np.testing.assert_allclose(scores.sum(-1), 1, atol=1e-6)


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ValueError, match="6 features cannot be shared by 4 heads"):
        TransformerEncoder(8, 4).build((None, 3, 6))
