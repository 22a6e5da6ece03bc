import os

import keras
import numpy as np

from ser_keras import seeding


def test_the_same_use_draws_the_same_and_another_use_another():
    first, again, other = (seeding.stream(0, *key).random(4) for key in ("ab", "ab", "ac"))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, seeding.stream(1, *"ab").random(4))


def test_what_a_backend_prints_when_it_looks_for_a_gpu_is_discarded(monkeypatch, capfd):
    monkeypatch.setattr(keras.ops, "zeros", lambda shape: os.write(2, b"E0000 no GPU here"))
    assert seeding.start_backend() is keras
    assert capfd.readouterr().err == ""


def test_a_key_has_no_twin_by_joining():
    assert seeding.number(0, "ab", "c") != seeding.number(0, "a", "bc")


def test_dropout_depends_on_seed_and_epoch_alone():
    network = keras.Sequential([keras.Input((100,)), keras.layers.Dropout(0.5)])
    ones = np.ones((1, 100), np.float32)

    def draw(epoch, seed=0):
        seeding.seed_epoch(network, seed, epoch)
        return np.asarray(network(ones, training=True))

    third = draw(3)
    draw(7), network(ones, training=True)
    np.testing.assert_array_equal(draw(3), third)
    assert not np.array_equal(draw(4), third)
    assert not np.array_equal(draw(3, seed=1), third)
