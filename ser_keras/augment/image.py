"""The step on images: frames, treated as an image library treats a photograph."""

from __future__ import annotations

import functools
import threading
import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ser_keras.augment.checks import check_choice, check_number

_GLOBAL_GENERATOR = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class ImageShiftZoomFlip:
    """Does to (frames, n_features) what `ImageDataGenerator` does to a photograph of that size.

    What its settings really move, tried on Keras 3.15 (which swaps its axes, keras issue 17398):

    - `width_shift`: sized by the width, that is n_features, but it moves axis 0, **time**: for a
      130 x 40 picture by up to 0.05 x 40 = 2 frames.
    - `zoom`: both axes, each by its own factor. The centre is swapped too: time is zoomed about
      frame (n_features - 1) / 2, the bands about band (frames - 1) / 2, which for 130 x 40 lies
      outside the picture, so its bands also move up or down by as many as 2.25.
    - `flip`: "horizontal", so it reverses axis 1, **frequency**: low bands become high ones.

    Args:
        width_shift: Largest shift, as a share of the width.
        zoom: Largest zoom, as a share: factors are drawn from 1 - zoom to 1 + zoom.
        flip: Whether every second picture is flipped.
        through: "legacy" for `tf.keras.preprocessing.image.ImageDataGenerator`, as published;
            "layers" for `keras.layers.RandomTranslation`, `RandomZoom` and `RandomFlip`, given the
            same movements. Shift and flip agree to the last digit; zoom interpolates twice.
    """

    width_shift: float = 0.05
    zoom: float = 0.05
    flip: bool = True
    through: str = "legacy"
    level: ClassVar[str] = "image"

    def __post_init__(self):
        check_number(self, "width_shift", 0.0, 0.99)
        check_number(self, "zoom", 0.0, 0.99)
        check_choice(self, "through", ("legacy", "layers"))

    def apply(self, image, rng):
        movement = self.draw(image.shape, rng)
        transform = self.legacy if self.through == "legacy" else self.layers
        return transform(image, movement)

    def draw(self, shape, rng) -> dict:
        """Return what `ImageDataGenerator.get_random_transform` draws for a (height, width)."""
        if self.through == "legacy":
            seed = int(rng.integers(2**32))
            with _GLOBAL_GENERATOR:  # it draws from numpy's global state, which is put back
                state = np.random.get_state()
                movement = _generator(self).get_random_transform((*shape, 1), seed=seed)
                np.random.set_state(state)
            return movement
        low, high = 1 - self.zoom, 1 + self.zoom
        return {
            "ty": rng.uniform(-self.width_shift, self.width_shift) * shape[1],
            "zx": rng.uniform(low, high),
            "zy": rng.uniform(low, high),
            "flip_horizontal": bool(self.flip and rng.random() < 0.5),
        }

    def legacy(self, image, movement):
        """Return the picture as `ImageDataGenerator` transforms it."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*scipy.ndimage.interpolation")
            return _generator(self).apply_transform(image[..., None], movement)[..., 0]

    def layers(self, image, movement):
        """Return the picture as the layers of Keras 3 transform it, given the same movement."""
        import keras

        height, width = image.shape
        zoom_time, zoom_bands = movement["zy"], movement["zx"]
        off_centre = (height - width) / 2  # from the legacy centre of time to the true one
        time = -movement["ty"] + (1 - zoom_time) * off_centre  # frames that the picture moves later
        bands = -(1 - zoom_bands) * off_centre  # bands that it moves up
        transformations = (
            {"translations": _row(bands, time)},
            {"height_zoom": _row(zoom_time), "width_zoom": _row(zoom_bands)},
            {"flips": np.full((1, 1, 1, 1), bool(movement["flip_horizontal"]))},
        )
        x = image[None, ..., None].astype(np.float32)  # (1, frames, n_features, 1)
        for layer, transformation in zip(_image_layers(), transformations, strict=True):
            x = layer.transform_images(x, {"input_shape": x.shape, **transformation})
        return keras.ops.convert_to_numpy(x)[0, ..., 0]


@functools.lru_cache(maxsize=8)
def _generator(step: ImageShiftZoomFlip):
    import tensorflow as tf  # Keras 3 has dropped the class; TensorFlow still has it

    return tf.keras.preprocessing.image.ImageDataGenerator(
        width_shift_range=step.width_shift,
        zoom_range=step.zoom,
        horizontal_flip=step.flip,
        fill_mode="nearest",
    )


@functools.lru_cache(maxsize=1)
def _image_layers():
    import keras

    options = {"fill_mode": "nearest", "interpolation": "bilinear", "data_format": "channels_last"}
    return (
        keras.layers.RandomTranslation(0.0, 0.0, **options),
        keras.layers.RandomZoom(0.0, 0.0, **options),
        keras.layers.RandomFlip("horizontal", data_format="channels_last"),
    )


def _row(*values: float) -> np.ndarray:
    return np.array([values], np.float32)
