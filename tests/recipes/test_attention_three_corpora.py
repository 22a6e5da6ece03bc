from ser_keras import recipes
from tests.recipes.networks import network, weights

NAME = "attention-three-corpora"


def test_it_is_the_network_of_the_tess_system_with_eight_classes():
    assert weights(network(NAME)) == (200_072, 199_560)


def test_it_names_the_classes_and_corpora_of_the_abstract():
    recipe = recipes.get(NAME)
    assert recipe.corpora == ("ravdess", "savee", "tess")
    assert len(recipe.emotions) == 8
    (figure,) = recipe.published
    assert (figure.value, figure.n) == (0.90, None)
