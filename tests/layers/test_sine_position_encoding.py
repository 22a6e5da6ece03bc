import math

import numpy as np
import pytest
from keras import ops

from ser_keras.layers import SinePositionEncoding
from tests.layers.contract import check_layer


@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
def test_it_passes_the_contract(tmp_path):
    inputs = np.random.default_rng(0).normal(size=(4, 6, 5)).astype(np.float32)
    check_layer(
        SinePositionEncoding,
        {"max_wavelength": 100},
        inputs,
        weights=0,
        masked=True,
        output_shape=(4, 6, 5),
        tmp_path=tmp_path,
    )


def test_each_pair_of_features_has_a_longer_wavelength_than_the_last():
    encoding = ops.convert_to_numpy(SinePositionEncoding()(np.zeros((1, 3, 4), np.float32)))[0]
    slow = 10_000 ** -(2 / 4)
    np.testing.assert_allclose(encoding[0], [0, 1, 0, 1], atol=1e-6)
    np.testing.assert_allclose(
        encoding[2],
        [math.sin(2), math.cos(2), math.sin(2 * slow), math.cos(2 * slow)],
        atol=1e-6,
    )


def test_it_is_added_to_the_input_and_differs_at_far_steps_in_low_precision_too():
    layer = SinePositionEncoding(dtype="bfloat16")
    result = ops.convert_to_numpy(ops.cast(layer(np.full((1, 400, 2), 3.0)), "float32"))[0]
    np.testing.assert_allclose(result[301], [3 + math.sin(301), 3 + math.cos(301)], atol=0.02)


def test_a_wavelength_of_zero_is_refused():
    with pytest.raises(ValueError, match="above 0"):
        SinePositionEncoding(max_wavelength=0)
