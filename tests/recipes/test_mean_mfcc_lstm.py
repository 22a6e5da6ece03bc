import numpy as np

from ser_keras import recipes
from tests.recipes.networks import clips, input_shapes, inputs, network, weights

NAME = "mean-mfcc-lstm"


def test_it_has_the_published_shapes_and_weights():
    model = network(NAME)
    assert input_shapes(model) == {"features": (40, 1)}
    assert weights(model) == (33_287, 33_287)
    counts = {layer.name: layer.count_params() for layer in model.layers if layer.weights}
    assert counts == {"lstm": 26_240, "hidden": 6_480, "emotion": 567}


def test_its_steps_are_the_averages_of_the_coefficients_unscaled():
    some = clips(NAME)
    expected = [clip.mean(axis=0)[:, None] for clip in some]
    np.testing.assert_allclose(inputs(NAME, some)["features"], expected, rtol=1e-5)


def test_its_figure_is_the_stored_output():
    (figure,) = recipes.get(NAME).published
    assert figure.value == round(416 / 420, 4)
    assert figure.n == 420


def test_unrolling_changes_nothing():
    loop, steps = network(NAME, unroll=False), network(NAME, unroll=True)
    steps.set_weights(loop.get_weights())
    given = inputs(NAME, clips(NAME))
    np.testing.assert_allclose(loop(given), steps(given), atol=1e-6)
