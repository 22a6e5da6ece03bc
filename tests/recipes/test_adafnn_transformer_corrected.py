from ser_keras import recipes
from tests.recipes.networks import network, weights

NAME = "adafnn-transformer-corrected"


def test_it_needs_a_hundredth_of_the_published_weights():
    model = network(NAME)
    # Linear 1 -> 32 and three 32 -> 32, each with a norm, for each band; 33 for each function
    assert model.get_layer("basis").count_params() == 40 * (128 + 3 * 1_120) + 240 * 33
    # attention, 40 -> 160 -> 40, two norms
    assert model.get_layer("encoder_1").count_params() == 4 * 1_640 + 6_560 + 6_440 + 160
    total, _ = weights(model)
    assert total == 348_180
    assert total < 48_552_916 / 100


def test_all_pairs_within_a_band_are_kept_apart_with_a_gradient():
    basis = network(NAME).get_layer("basis")
    assert basis.k_2 is None
    assert len(basis._pairs()) == 40 * 15
    assert not basis.detach_norm


def test_its_augmentation_turns_nothing_over():
    steps = recipes.get(NAME).augment.steps
    assert {step.level for step in steps} == {"frames"}
