from ser_keras import recipes
from tests.recipes.networks import input_shapes, network, weights

NAME = "attention-three-corpora-corrected"


def test_it_is_the_corrected_network_of_the_tess_system_with_eight_classes():
    model = network(NAME)
    assert input_shapes(model) == {"features": (130, 40, 1), "mask": (130,)}
    assert weights(model) == weights(network("attention-tess-corrected", 8))


def test_its_averages_follow_within_the_few_steps_of_an_epoch_on_one_corpus():
    published, corrected = network("attention-three-corpora"), network(NAME)
    assert published.get_layer("norm_1").momentum == 0.99
    assert corrected.get_layer("norm_1").momentum ** 14 < 0.25


def test_corpora_classes_and_training_are_those_of_the_published_system():
    published, corrected = recipes.get("attention-three-corpora"), recipes.get(NAME)
    assert corrected.corpora == published.corpora
    assert corrected.emotions == published.emotions
    assert corrected.training == published.training
