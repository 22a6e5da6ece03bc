import numpy as np
import pytest

from ser_keras.augment import ImageShiftZoomFlip
from tests.augment.signals import picture, rng

STILL = {"ty": 0.0, "zx": 1.0, "zy": 1.0, "flip_horizontal": False}
STEP = ImageShiftZoomFlip()


def moved(**changes):
    """Return the picture of the legacy class and that of the layers for the same movement."""
    movement = STILL | changes
    return STEP.legacy(picture(), movement), STEP.layers(picture(), movement)


def test_the_width_shift_moves_time_by_a_share_of_the_number_of_bands():
    for image in moved(ty=2.0):
        np.testing.assert_array_equal(image[:-2], picture()[2:])
        np.testing.assert_array_equal(image[-2:], picture()[[-1, -1]])
    shifts = [STEP.draw((130, 40), rng(i))["ty"] for i in range(200)]
    assert 1.9 < np.abs(shifts).max() <= 2.0  # 0.05 x 40 bands, though 130 frames move


def test_the_flip_turns_low_bands_into_high_ones():
    for image in moved(flip_horizontal=True):
        np.testing.assert_array_equal(image, picture()[:, ::-1])


def test_time_is_zoomed_about_the_middle_of_the_bands_and_bands_about_that_of_time():
    time = STEP.legacy(picture(), STILL | {"zy": 1.04})[:, 0]  # the frame shown at each place
    centre = (40 - 1) / 2
    np.testing.assert_allclose(time[1:120], centre + 1.04 * (np.arange(1, 120) - centre), 1e-4)
    bands = STEP.legacy(picture(), STILL | {"zx": 0.96})[0] / 100  # the band shown
    centre = (130 - 1) / 2
    np.testing.assert_allclose(bands[:30], centre + 0.96 * (np.arange(30) - centre), 1e-4)


@pytest.mark.parametrize(
    "drawn",
    [
        {"ty": 1.37},
        {"ty": -0.4, "flip_horizontal": True},
        {"zx": 1.04},
        {"zy": 0.96},
        {"ty": 1.9, "zx": 0.951, "zy": 1.049, "flip_horizontal": True},
    ],
)
def test_legacy_class_and_layers_agree_for_the_same_movement(drawn):
    legacy, layers = moved(**drawn)
    # the picture is a plane, so interpolating twice is exact; the edges, where the nearest
    # value was filled in once or twice, are left out: zoom about frame 19.5 brings up to
    # 0.05 x 110 + 2 frames of them in at the end
    inside = np.s_[4:-9, 4:-4]
    np.testing.assert_allclose(layers[inside], legacy[inside], atol=0.02)


def test_both_draw_from_the_same_ranges():
    drawn = {
        through: [ImageShiftZoomFlip(through=through).draw((130, 40), rng(i)) for i in range(300)]
        for through in ("legacy", "layers")
    }
    for name, low, high in (("ty", -2, 2), ("zx", 0.95, 1.05), ("zy", 0.95, 1.05)):
        for draws in drawn.values():
            values = np.array([draw[name] for draw in draws])
            span = high - low
            assert low <= values.min() < low + span / 50
            assert high - span / 50 < values.max() <= high
    for draws in drawn.values():
        assert np.mean([bool(d["flip_horizontal"]) for d in draws]) == pytest.approx(0.5, abs=0.1)


def test_the_global_generator_is_left_as_it_was():
    np.random.seed(5)
    expected = np.random.random(3)
    np.random.seed(5)
    STEP.apply(picture(), rng())
    np.testing.assert_array_equal(np.random.random(3), expected)
