import numpy as np
import pytest

from ser_keras import engines, recipes, training
from ser_keras.augment import ImageShiftZoomFlip
from tests.recipes.networks import clips, input_shapes, inputs, network, shape, weights

NAME = "adafnn-transformer"


@pytest.fixture(scope="module")
def published():
    """The network with all its 240 basis networks."""
    return network(NAME, bases=6, basis_width=256)


def test_it_has_the_published_shapes_and_weights(published):
    assert input_shapes(published) == {"features": (130, 40)}
    assert shape(published, "encoder_2") == (130, 40)
    assert shape(published, "lstm_relu") == (130, 40)
    assert shape(published, "basis") == (240,)
    counts = {layer.name: layer.count_params() for layer in published.layers if layer.weights}
    assert counts["encoder_1"] == counts["encoder_2"] == 172_648
    assert counts["lstm"] == 12_960  # torch has a second bias, 13,120
    assert counts["lstm_norm"] == 80
    assert counts["basis"] == 48_046_320 == 240 * 200_193
    head = sum(n for name, n in counts.items() if name.startswith(("dense", "norm", "emotion")))
    assert head == 148_260
    assert weights(published) == (48_553_076 - 160, 48_553_076 - 160)


def test_it_draws_three_pairs_out_of_all_240_functions(published):
    basis = published.get_layer("basis")
    assert (basis.lambda_1, basis.lambda_2, basis.k_2) == (0.0, 0.5, 3)
    assert len(basis._pairs()) == 28_680
    assert basis.detach_norm


def test_training_tells_the_penalty_from_the_loss():
    model = network(NAME)
    model.compile("adam", "categorical_crossentropy", run_eagerly=True)
    logs = model.train_on_batch(inputs(NAME, clips(NAME)), np.eye(4)[:3], return_dict=True)
    assert 0 < logs["orthogonality"] <= 0.5
    assert logs["sparsity"] == 0
    assert logs["loss"] > logs["orthogonality"]


def test_what_is_exported_holds_the_basis_functions_and_not_the_networks_behind_them(tmp_path):
    small = {"batch.frames": "8", "features.n_mels": "8", "model.encoders": "1"}
    recipe = recipes.get(NAME).override(small | {"model.inner": "16", "model.basis_width": "64"})
    model = training.build(recipe)
    some = np.random.default_rng(0).normal(size=(3, 8, 8)).astype(np.float32)
    path = tmp_path / "model.tflite"
    assert engines.export(model, path, {"features": some}) <= engines.TOLERANCE
    assert path.stat().st_size < model.get_layer("basis").count_params()  # a byte each, not four


def test_its_augmentation_is_the_image_generator():
    augment = recipes.get(NAME).augment
    assert augment.steps == (ImageShiftZoomFlip(),)
    assert list(augment.numbers) == [0, 1, 2, 3]  # four times the clips


def test_its_figure_is_of_another_corpus():
    (figure,) = recipes.get(NAME).published
    assert (figure.value, figure.n) == (round(607 / 858, 2), 858)
    assert figure.corpus not in recipes.get(NAME).corpora
