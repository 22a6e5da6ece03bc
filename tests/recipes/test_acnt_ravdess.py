import numpy as np

from ser_keras import recipes
from tests.recipes.networks import clips, inputs, network, shape, weights

NAME = "acnt-ravdess"


def test_it_has_the_published_shapes_and_weights():
    model = network(NAME)
    shapes = [shape(model, name) for name in ("pool_1", "pool_2", "pool_3", "block_4")]
    assert shapes == [(87, 20, 16), (43, 10, 32), (21, 5, 64), (21, 5, 128)]
    assert shape(model, "steps") == (21, 640)
    assert shape(model, "encoder_2") == (21, 128)
    assert weights(model) == (1_374_760 + 480, 1_374_760)  # torch does not count running means
    trained = {
        layer.name: sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights)
        for layer in model.layers
        if layer.weights
    }
    assert trained == {
        "block_1": 160 + 32,
        "block_2": 4_640 + 64,
        "block_3": 18_496 + 128,
        "block_4": 73_856 + 256,
        "project": 82_048,
        "project_norm": 256,
        "encoder_1": 593_024,
        "encoder_2": 593_024,
        "hidden": 8_256,
        "emotion": 520,
    }


def test_no_skip_connection_fires():
    model = network(NAME)
    assert all(model.get_layer(f"block_{block}").shortcut is None for block in (1, 2, 3, 4))
    channels = [model.get_layer(f"block_{block}").input.shape[-1] for block in (1, 2, 3, 4)]
    assert channels == [1, 16, 32, 64]


def test_padding_is_zero_decibel_before_the_normalisation():
    clip = clips(NAME, [100])[0]
    features = inputs(NAME, [clip])["features"][0, ..., 0]
    padded = np.concatenate([clip, np.zeros((74, 40), np.float32)])
    expected = (padded - padded.mean(axis=0)) / (padded.std(axis=0) + 1e-6)
    np.testing.assert_allclose(features, expected, atol=1e-4)
    assert (features[100:] > features[:100].max(axis=0)).all()  # silence is the brightest part


def test_its_settings_are_the_published_ones():
    recipe = recipes.get(NAME)
    assert recipe.batch.frames == 1 + int(4.04 * 22_050) // 512
    training = recipe.training
    assert (training.learning_rate, training.weight_decay) == (3e-2, 1e-5)
    assert (training.label_smoothing, training.clip_norm) == (0.1, 1.0)
    assert recipe.published[0].value == round(61 / 460, 4)
    assert not recipe.augment.steps
