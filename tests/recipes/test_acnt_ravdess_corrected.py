from ser_keras import recipes
from tests.recipes.networks import network, weights

NAME = "acnt-ravdess-corrected"


def test_its_residual_blocks_have_shortcuts_and_its_encoders_the_usual_width():
    model = network(NAME)
    plain, *_ = weights(network("acnt-ravdess"))
    shortcuts = 32 * 64 + 4 * 64 + 64 * 128 + 4 * 128
    narrower = 2 * (2048 - 4 * 128) * (128 + 1 + 128)  # in two encoders: inwards, bias, outwards
    assert weights(model)[0] == plain + shortcuts - narrower
    assert [model.get_layer(f"block_{i}").shortcut is None for i in (1, 2, 3, 4)] == [
        True, True, False, False,
    ]  # fmt: skip


def test_its_augmentation_works_on_waveform_and_spectrogram():
    augment = recipes.get(NAME).augment
    assert augment.works_on("waveform")
    assert augment.works_on("frames")
    assert augment.keep_original
