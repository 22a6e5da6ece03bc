"""The three published AESDD systems and their corrections, which share two networks."""

import numpy as np
import pytest

from ser_keras import recipes
from ser_keras.augment import Augmentation
from tests.recipes.networks import clips, inputs, network, probabilities, shape, weights

VARIABLE, RESIZED, ARTIFICIAL = (
    f"mel-cnn-aesdd-{variant}" for variant in ("variable", "resized", "artificial")
)


@pytest.mark.parametrize(
    ("name", "convolutions", "trained", "normed", "last"),
    [
        (VARIABLE, 3, 23_621, 0, 325),
        (VARIABLE, 4, 97_797, 0, 645),
        (RESIZED, 3, 187_365, 112, 163_845),
        (RESIZED, 4, 179_557, 240, 81_925),
        (ARTIFICIAL, 4, 179_557, 240, 81_925),
    ],
)
def test_a_network_has_the_published_weights(name, convolutions, trained, normed, last):
    model = network(name, convolutions=convolutions)
    assert weights(model) == (trained + 2 * normed, trained)  # running means and deviations
    assert model.get_layer("emotion").count_params() == last


def test_the_networks_are_by_default_those_of_the_best_published_runs():
    assert weights(network(VARIABLE))[1] == 23_621
    assert weights(network(RESIZED))[1] == 179_557
    assert [recipes.get(name).published[0].value for name in (VARIABLE, RESIZED, ARTIFICIAL)] == [
        0.7438, 0.6281, 0.6281,
    ]  # fmt: skip
    assert round(90 / 121, 4) == 0.7438


def test_the_smallest_network_leaves_its_third_map_unpooled():
    names = {layer.name for layer in network(VARIABLE).layers}
    assert {"pool_1", "pool_2"} <= names
    assert "pool_3" not in names
    assert "pool_4" in {layer.name for layer in network(VARIABLE, convolutions=4).layers}


def test_resized_pictures_shrink_as_published():
    assert shape(network(RESIZED, convolutions=3), "pool_3") == (32, 16, 64)
    assert shape(network(RESIZED), "pool_4") == (16, 8, 128)
    assert network(RESIZED).get_layer("dropout").rate == 0.5
    assert network(VARIABLE).get_layer("dropout").rate == 0.25


def test_pictures_get_their_length_as_published_and_corrected_ones_all_alike():
    fits = {name: recipes.get(name).batch.fit for name in recipes.names() if "aesdd" in name}
    assert fits[RESIZED] == fits[ARTIFICIAL] == "squeeze"
    assert fits[f"{RESIZED}-corrected"] == fits[f"{ARTIFICIAL}-corrected"] == "resize"


def test_figures_picked_on_the_test_set_say_so():
    for name in (VARIABLE, RESIZED, ARTIFICIAL):
        for figure in recipes.get(name).published:
            assert figure.n == 121
            assert (figure.selected_on is None) == ("last epoch" in figure.source)


def test_features_are_relative_to_the_clip_and_end_at_8_khz():
    features = recipes.get(VARIABLE).features
    assert (features.ref, features.fmax, features.sample_rate) == ("max", 8_000.0, 44_100)
    assert recipes.get(VARIABLE).training.batch_size == 1


def test_artificial_pictures_are_made_as_published():
    augment = recipes.get(ARTIFICIAL).augment
    assert list(augment.numbers) == list(range(1, 11))  # ten for each clip, itself not among them
    clip = np.random.default_rng(0).normal(-40, 8, (350, 128)).clip(-80, 0).astype(np.float32)
    pictures = [
        augment.apply("frames", clip, augment.stream(0, "clip", number, "frames"))
        for number in augment.numbers
    ]
    assert all(picture.shape == clip.shape for picture in pictures)
    assert any((picture == 0.0).all(axis=0).any() for picture in pictures)  # 0 dB, the loudest
    assert any((picture == 0.0).all(axis=1).any() for picture in pictures)


@pytest.mark.parametrize("name", [f"{name}-corrected" for name in (VARIABLE, RESIZED, ARTIFICIAL)])
def test_the_corrections_share_one_network(name):
    model = network(name)
    bands = 128 // 2**4
    last = bands * 128 * 5 + 5
    assert weights(model) == (97_152 + 480 + 480 + last, 97_152 + 480 + last)
    assert "flatten" not in {layer.name for layer in model.layers}


def test_a_correction_can_forget_the_bands_as_the_published_network_does():
    model = network(f"{VARIABLE}-corrected", head="average")
    assert model.get_layer("emotion").count_params() == 645


def test_a_correction_gives_a_clip_the_same_answer_in_any_company():
    name = f"{VARIABLE}-corrected"
    model, some = network(name), clips(name, [17, 33, 64, 150, 5])
    model.set_weights([w + 0.1 for w in model.get_weights()])
    together = probabilities(model, inputs(name, some))
    alone = [probabilities(model, inputs(name, [clip]))[0] for clip in some]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_the_corrected_augmentation_hides_with_the_floor_and_shifts_on_the_waveform():
    augment = recipes.get(f"{ARTIFICIAL}-corrected").augment
    assert isinstance(augment, Augmentation)
    assert augment.works_on("waveform")
    assert {step.fill for step in augment.steps if step.level == "frames"} == {"floor"}
