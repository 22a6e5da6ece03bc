import numpy as np
import pytest
from keras import ops

from ser_keras.layers import ResidualBlock
from tests.layers.contract import check_layer


def test_it_passes_the_contract(tmp_path):
    inputs = np.random.default_rng(0).normal(size=(3, 6, 5, 2)).astype(np.float32)
    check_layer(
        ResidualBlock,
        {"filters": 4, "dropout": 0.2},
        inputs,
        weights=(9 * 2 * 4 + 4) + 4 * 4 + 2 * 4 + 4 * 4,
        masked=True,
        output_shape=(3, 6, 5, 4),
        tmp_path=tmp_path,
    )


@pytest.mark.parametrize(("filters", "projection"), [(4, False), (2, True), (2, False)])
def test_without_a_projection_it_has_the_weights_of_a_plain_block(filters, projection):
    layer = ResidualBlock(filters, projection=projection)
    layer.build((None, 6, 5, 2))
    assert layer.count_params() == (9 * 2 * filters + filters) + 4 * filters


def _block(filters, channels, **options):
    layer = ResidualBlock(filters, kernel_size=1, epsilon=0.0, negative_slope=0.1, **options)
    layer.build((None, 2, 1, channels))
    return layer


def test_the_shortcut_is_the_input_if_the_number_of_channels_stays():
    layer = _block(1, 1)
    layer.convolution.set_weights([np.full((1, 1, 1, 1), -3.0), np.array([1.0])])
    result = layer(np.array([[[[2.0]], [[-2.0]]]], np.float32))
    # -3 x 2 + 1 + 2 = -3, times the slope is -0.3; -3 x -2 + 1 - 2 = 5
    np.testing.assert_allclose(ops.convert_to_numpy(result).ravel(), [-0.3, 5.0], rtol=1e-6)


def test_the_shortcut_is_a_projection_or_nothing_if_the_channels_change():
    kernel, inputs = np.array([[[[2.0, 1.0]]]]), np.array([[[[3.0]], [[1.0]]]], np.float32)
    for projection, expected in ((True, [6 + 15, 3 + 18, 2 + 5, 1 + 6]), (False, [6, 3, 2, 1])):
        layer = _block(2, 1, projection=projection)
        layer.convolution.set_weights([kernel, np.zeros(2)])
        if projection:
            layer.shortcut.set_weights([np.array([[[[5.0, 6.0]]]])])
        np.testing.assert_allclose(ops.convert_to_numpy(layer(inputs)).ravel(), expected, rtol=1e-6)


def test_padding_is_left_out_of_the_batch_statistics_and_becomes_zero():
    rng = np.random.default_rng(0)
    short = rng.normal(size=(2, 4, 3, 2)).astype(np.float32)
    padded = np.concatenate([short, np.full((2, 5, 3, 2), 99, np.float32)], axis=1)
    mask = np.arange(9)[None].repeat(2, axis=0) < 4
    layer = ResidualBlock(3)
    layer.build(padded.shape)
    result = ops.convert_to_numpy(layer(padded, mask=mask, training=True))
    alone = ops.convert_to_numpy(layer(short, training=True))
    np.testing.assert_allclose(result[:, :4], alone, atol=1e-5)
    assert not result[:, 4:].any()


def test_zero_filters_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        ResidualBlock(filters=0)
