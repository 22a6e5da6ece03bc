import keras
import numpy as np
import pytest
from keras import ops

from ser_keras.layers import AdaptiveBasis
from tests.layers.contract import check_layer

STEPS = 130
T = np.linspace(0, 1, STEPS)
COSINE = np.sqrt(2) * np.cos(np.pi * T)


def test_it_passes_the_contract(tmp_path):
    inputs = np.random.default_rng(0).normal(size=(4, 7, 3)).astype(np.float32)
    check_layer(
        AdaptiveBasis,
        {"bases": 2, "hidden": [4, 3], "share": "band", "lambda_1": 0.1, "lambda_2": 0.5, "k_2": 4},
        inputs,
        # Linear 1 -> 4, norm, Linear 4 -> 3, norm: 16 + 21 a band; then 4 a function
        weights=3 * (16 + 21) + 6 * 4,
        masked=True,
        output_shape=(4, 6),
        tmp_path=tmp_path,
    )


@pytest.mark.parametrize(("share", "networks"), [("none", 6), ("band", 3), ("all", 1)])
def test_functions_share_the_hidden_layers_that_share_names(share, networks):
    layer = AdaptiveBasis(bases=2, hidden=(4, 3), share=share)
    layer.build((None, 7, 3))
    assert layer.count_params() == networks * (16 + 21) + 6 * 4
    assert layer.functions().shape == (3, 2, 7)
    assert len(np.unique(ops.convert_to_numpy(layer.functions())[:, :, 0])) == 6


def _with_functions(functions, **options):
    """Return a layer with these functions, (bands, bases, steps)."""
    functions = np.asarray(functions, np.float32)
    bands, bases, steps = functions.shape
    layer = AdaptiveBasis(bases, hidden=(2,), **options)
    layer.build((None, steps, bands))
    layer.functions = lambda training=False: ops.convert_to_tensor(functions)
    return layer


def _penalties(layer):
    return [float(ops.convert_to_numpy(penalty)) for penalty in layer.penalties()]


def test_a_network_has_as_many_weights_as_published():
    layer = AdaptiveBasis(bases=1)
    layer.build((None, STEPS, 1))
    assert layer.count_params() == 200_193
    layer = AdaptiveBasis(bases=6, hidden=(32, 32, 32, 32))
    layer.build((None, STEPS, 40))
    assert layer.count_params() == 240 * 3_521


def test_scores_are_the_integrals_of_the_raw_functions():
    layer = _with_functions([[np.ones(STEPS), COSINE]])
    inputs = np.stack([T, COSINE, np.full(STEPS, 2.0)])[:, :, None].astype(np.float32)
    h = 1 / (STEPS - 1)
    cosine_of_line = np.sqrt(2) * -2 / np.pi**2  # integral of sqrt(2) t cos(pi t) over [0, 1]
    expected = [[0.5, cosine_of_line], [0.0, 1.0], [2.0, 0.0]]
    result = ops.convert_to_numpy(layer(inputs))
    np.testing.assert_allclose(result, expected, atol=np.pi**2 / 12 * h**2 + 1e-6)  # trapezium


def test_scores_of_a_band_stand_side_by_side():
    functions = [[np.full(3, 1.0), np.full(3, 2.0)], [np.full(3, 10.0), np.full(3, 20.0)]]
    inputs = np.ones((1, 3, 2), np.float32)
    result = ops.convert_to_numpy(_with_functions(functions)(inputs))
    np.testing.assert_allclose(result, [[1, 2, 10, 20]], rtol=1e-6)


def test_the_trapezium_rule_counts_the_ends_half():
    result = _with_functions([[[1.0, 1.0, 1.0]]])(np.array([[[4.0], [2.0], [8.0]]], np.float32))
    np.testing.assert_allclose(ops.convert_to_numpy(result), [[0.5 * (2 + 2 + 4)]], rtol=1e-6)


def test_an_orthogonal_pair_costs_nothing_and_a_repeated_one_all_of_lambda_2():
    layer = _with_functions([[np.ones(STEPS), COSINE]], lambda_2=0.7)
    assert _penalties(layer)[1] == pytest.approx(0, abs=1e-6)
    layer = _with_functions([[COSINE, -3 * COSINE]], lambda_2=0.7)
    assert _penalties(layer)[1] == pytest.approx(0.7, abs=1e-5)


def test_a_constant_function_costs_all_of_lambda_1_whatever_its_size():
    layer = _with_functions([[np.full(STEPS, 5.0)], [np.full(STEPS, -0.1)]], lambda_1=0.3)
    # the 1e-6 beside the norm is 1e-5 of the smaller one
    assert _penalties(layer)[0] == pytest.approx(0.3, abs=1e-5)


def test_pairs_of_a_band_leave_other_bands_alone():
    functions = [[np.ones(STEPS), COSINE], [COSINE, np.ones(STEPS)]]
    anywhere = _with_functions(functions, lambda_2=1.0, pairs="any")
    assert _penalties(anywhere)[1] == pytest.approx(2 / 6, abs=1e-5)  # of 6 pairs 2 are repeated
    within = _with_functions(functions, lambda_2=1.0, pairs="band")
    assert _penalties(within)[1] == pytest.approx(0, abs=1e-6)


def test_the_published_layer_draws_three_of_28680_pairs():
    layer = AdaptiveBasis(bases=6, hidden=(2,))
    layer.build((None, STEPS, 40))
    pairs = layer._pairs()
    assert pairs.shape == (28_680, 2)
    drawn = ops.convert_to_numpy(layer._draw(pairs, 3))
    assert drawn.shape == (3, 2)
    assert (drawn[:, 0] < drawn[:, 1]).all()
    assert len({tuple(pair) for pair in drawn}) == 3


def test_penalties_join_the_loss_in_training_only_and_are_metrics_of_their_own():
    inputs = keras.Input((9, 2))
    layer = AdaptiveBasis(bases=2, hidden=(3,), lambda_1=0.2, lambda_2=0.5, k_1=None, k_2=None)
    network = keras.Model(inputs, keras.layers.Dense(1)(layer(inputs)))
    network.compile("sgd", "mse")
    x, y = np.random.default_rng(0).normal(size=(4, 9, 2)), np.zeros((4, 1))
    layer.drop.rate = 0.0
    sparsity, orthogonality = _penalties(layer)
    assert sparsity > 0
    assert orthogonality > 0
    task = network.test_on_batch(x, y, return_dict=True)["loss"]
    network.reset_metrics()
    logs = network.train_on_batch(x, y, return_dict=True)
    assert logs["loss"] == pytest.approx(task + sparsity + orthogonality, rel=1e-5)
    if keras.backend.backend() != "jax":  # Keras drops the metrics of layers there
        assert logs["sparsity"] == pytest.approx(sparsity, rel=1e-5)
        assert logs["orthogonality"] == pytest.approx(orthogonality, rel=1e-5)


class _Size(keras.layers.Layer):
    """Multiplies functions by a weight and adds their penalty to the loss."""

    def __init__(self, basis, functions):
        super().__init__()
        self.basis, self.functions = basis, functions

    def build(self, input_shape):
        self.size = self.add_weight(name="size", shape=(), initializer="ones")

    def call(self, inputs):
        self.add_loss(self.basis.penalties(self.size * self.functions)[1])
        return inputs


@pytest.mark.parametrize(("detach_norm", "gradient"), [(True, 2 / np.sqrt(2)), (False, 0.0)])
def test_only_a_detached_norm_shrinks_the_functions(detach_norm, gradient):
    functions = np.stack([np.ones(STEPS), 1 + COSINE])[None].astype(np.float32)
    basis = AdaptiveBasis(2, hidden=(2,), lambda_2=1.0, detach_norm=detach_norm)
    basis.build((None, STEPS, 1))
    basis.trainable = False
    inputs, layer = keras.Input((1,)), _Size(basis, functions)
    network = keras.Model(inputs, layer(inputs))
    network.compile(keras.optimizers.SGD(1.0), "mse")
    network.train_on_batch(np.zeros((1, 1)), np.zeros((1, 1)))
    assert 1 - float(ops.convert_to_numpy(layer.size)) == pytest.approx(gradient, abs=1e-3)


def test_as_constants_it_computes_the_same_without_its_networks(monkeypatch):
    layer = AdaptiveBasis(2, hidden=(4,))
    inputs = np.random.default_rng(0).normal(size=(3, 5, 2)).astype(np.float32)
    expected = ops.convert_to_numpy(layer(inputs))
    with layer.as_constants(), monkeypatch.context() as patch:
        patch.setattr(layer, "functions", None)  # a call would be an error
        np.testing.assert_array_equal(ops.convert_to_numpy(layer(inputs)), expected)
    for weight in layer.trainable_variables:
        weight.assign(2 * weight)
    assert np.abs(ops.convert_to_numpy(layer(inputs)) - expected).max() > 0.1


def test_functions_depend_on_time_from_the_start():
    keras.utils.set_random_seed(0)
    layer = AdaptiveBasis(bases=3, hidden=(16, 16))
    layer.build((None, 20, 1))
    assert ops.convert_to_numpy(layer.functions()).std(axis=-1).min() > 0.01


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"bases": 0}, "at least 1"),
        ({"bases": 1, "hidden": (1,)}, "at least 2"),
        ({"bases": 1, "share": "some"}, "share is one of"),
        ({"bases": 1, "pairs": "all"}, "pairs one of"),
    ],
)
def test_invalid_arguments_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        AdaptiveBasis(**options)


def test_an_unknown_number_of_frames_is_refused():
    with pytest.raises(ValueError, match="must be fixed"):
        AdaptiveBasis(bases=1).build((None, None, 3))
