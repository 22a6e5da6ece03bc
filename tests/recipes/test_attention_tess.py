from ser_keras import recipes
from tests.recipes.networks import input_shapes, network, shape, weights

NAME = "attention-tess"


def test_it_has_the_published_shapes_and_weights():
    model = network(NAME)
    assert input_shapes(model) == {"features": (40, 130, 1)}
    shapes = [shape(model, f"pool_{block}") for block in (1, 2, 3, 4)]
    assert shapes == [(20, 65, 64), (10, 33, 64), (5, 17, 64), (3, 9, 64)]
    assert shape(model, "steps") == (3, 576)
    assert shape(model, "lstm") == (3, 32)
    assert shape(model, "attention") == (32,)
    assert weights(model) == (200_039, 199_527)
    counts = {layer.name: layer.count_params() for layer in model.layers}
    assert counts["conv_1"] == 640
    assert {counts[f"conv_{block}"] for block in (2, 3, 4)} == {36_928}
    assert counts["lstm"] == 77_952
    assert counts["attention"] == 1_088
    assert counts["second_lstm"] == 8_320
    assert counts["emotion"] == 231


def test_with_eight_classes_it_has_the_published_weights():
    assert weights(network(NAME, 8)) == (200_072, 199_560)


def test_its_second_lstm_never_uses_what_only_a_second_step_would_need():
    import keras
    import numpy as np

    model = network(NAME)
    before = [np.copy(weight) for weight in model.get_layer("second_lstm").get_weights()]
    model.compile(keras.optimizers.SGD(0.1), "categorical_crossentropy", run_eagerly=True)
    x = np.random.default_rng(0).normal(size=(2, 40, 130, 1))
    model.train_on_batch({"features": x}, np.eye(7)[:2])
    kernel, recurrent, bias = (
        (a != b).reshape(-1, 4, 32).any(axis=(0, 2))  # input, forget, cell and output gate
        for a, b in zip(before, model.get_layer("second_lstm").get_weights(), strict=True)
    )
    assert kernel.tolist() == bias.tolist() == [True, False, True, True]
    assert not recurrent.any()


def test_its_settings_are_the_published_ones():
    recipe = recipes.get(NAME)
    assert recipe.features.frames(3 * 22_050) == recipe.batch.frames == 130
    assert recipe.emotions == (
        "angry", "disgust", "fearful", "happy", "neutral", "surprised", "sad",
    )  # fmt: skip
    assert (recipe.training.learning_rate, recipe.training.batch_size) == (5e-4, 64)
    assert (recipe.training.epochs, recipe.training.patience) == (300, 10)
