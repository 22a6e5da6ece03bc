"""The balanced loss, worked out by hand: weights of clips, and emotions that a corpus lacks."""

import numpy as np
import pytest

from ser_keras import losses
from ser_keras.errors import SerKerasError
from ser_keras.recipes import Training

BALANCED = Training(balanced=True)
EMOTIONS = [0, 0, 0, 1, 2, 2]  # "many" has 0 and 1, "few" has 2 alone of three
CORPORA = [*["many"] * 4, *["few"] * 2]


def value(targets, probabilities, training=BALANCED):
    loss = losses.crossentropy(training)
    return float(loss(np.float32(targets), np.float32(probabilities)))


def test_targets_are_one_hot_without_balance():
    result = losses.targets([1, 0], ["a", "b"], 3, Training())
    assert result.dtype == np.float32
    assert result.tolist() == [[0, 1, 0], [1, 0, 0]]


def test_all_corpora_weigh_the_same_and_so_do_the_emotions_of_each():
    result = losses.targets(EMOTIONS, CORPORA, 3, BALANCED)
    weights = np.maximum(result, 0).sum(axis=1)
    assert weights.mean() == pytest.approx(1)
    assert weights[:4].sum() == pytest.approx(weights[4:].sum())
    assert weights[:3].sum() == pytest.approx(weights[3])
    assert result.argmax(axis=1).tolist() == EMOTIONS


def test_emotions_that_a_corpus_lacks_are_marked():
    result = losses.targets(EMOTIONS, CORPORA, 3, BALANCED)
    assert (result == -1).tolist() == [[False, False, True]] * 4 + [[True, True, False]] * 2


def test_the_loss_compares_the_emotions_of_the_corpus_alone():
    target = losses.targets([0, 1], ["a", "a"], 3, BALANCED)
    probabilities = np.array([[0.2, 0.2, 0.6], [0.1, 0.3, 0.6]])
    assert value(target, probabilities) == pytest.approx(-np.log([0.5, 0.75]).mean(), rel=1e-5)


def test_no_clip_pushes_down_an_emotion_that_its_corpus_lacks():
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    network.add(keras.layers.Softmax())
    network.compile("sgd", losses.crossentropy(BALANCED))
    clips = np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32)
    before = network.get_weights()
    network.train_on_batch(clips, losses.targets([0, 1, 0, 1], ["a"] * 4, 3, BALANCED))
    for old, new in zip(before, network.get_weights(), strict=True):
        np.testing.assert_allclose(new[..., 2], old[..., 2], atol=1e-7)
        assert not np.allclose(new[..., :2], old[..., :2])


def test_with_all_emotions_alike_it_is_the_usual_cross_entropy():
    probabilities = np.random.default_rng(0).dirichlet(np.ones(3), size=6)
    targets = [losses.targets([0, 1, 2] * 2, ["a"] * 6, 3, each) for each in (BALANCED, Training())]
    expected = value(targets[1], probabilities, Training())
    assert value(targets[0], probabilities) == pytest.approx(expected, rel=1e-5)


def test_balance_does_not_go_with_label_smoothing():
    with pytest.raises(SerKerasError, match="balanced: does not go with label smoothing"):
        Training(balanced=True, label_smoothing=0.1)
