"""The small network that is trained from scratch."""

import numpy as np

from ser_keras import recipes
from tests.recipes.networks import clips, input_shapes, inputs, network, shape, weights

NAME = "cnn-attention"


def test_it_has_fewer_than_50000_weights():
    total, trained = weights(network(NAME))
    assert trained < total < 50_000


def test_it_pools_the_bands_and_all_that_the_convolutions_make_of_them():
    model = network(NAME, n_classes=3)
    assert input_shapes(model) == {"features": (200, 64, 1), "mask": (200,)}
    units = model.get_layer("narrow").filters
    widths = [shape(model, f"pooling_{i}") for i in range(5)]
    assert widths == [(128,), (2 * 16 * 8,), (2 * units,), (2 * units,), (2 * units,)]
    assert shape(model, "emotion") == (3,)


def test_what_follows_after_a_clip_in_its_batch_moves_no_statistic_of_training():
    import keras

    model = network(NAME, n_classes=3, map_dropout=0.0)
    given = inputs(NAME, clips(NAME, lengths=[60, 100]))
    spoilt = given["features"] + 50.0 * ~given["mask"][:, :, None, None]
    averages = []
    for features in (given["features"], spoilt.astype(np.float32)):
        copy = keras.models.clone_model(model)
        copy.set_weights(model.get_weights())
        copy(given | {"features": features}, training=True)
        averages.append(keras.ops.convert_to_numpy(copy.get_layer("narrow_norm").moving_mean))
    np.testing.assert_allclose(*averages, atol=1e-6)
    assert np.abs(averages[0]).max() > 1e-4


def test_its_augmentation_works_on_waveform_and_spectrogram_in_each_epoch():
    augment = recipes.get(NAME).augment
    assert augment.works_on("waveform")
    assert augment.works_on("frames")
    assert augment.keep_original
    assert augment.when == "epoch"


def test_all_emotions_weigh_the_same_in_its_loss_and_the_last_epoch_counts():
    training = recipes.get(NAME).training
    assert training.balanced
    assert training.monitor == "epoch"
