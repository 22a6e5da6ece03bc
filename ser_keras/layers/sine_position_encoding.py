"""Sinusoidal position encoding, added to a sequence so that attention can tell its steps apart."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="ser_keras")
class SinePositionEncoding(keras.layers.Layer):
    """Adds sines and cosines of the step's number to a sequence.

    For step `p` (from 0) and feature pair `i` of `features`::

        output[p, 2i]     = input[p, 2i]     + sin(p / max_wavelength^(2i / features))
        output[p, 2i + 1] = input[p, 2i + 1] + cos(p / max_wavelength^(2i / features))

    It has no weights and takes sequences of any length, odd numbers of features too.

    Args:
        max_wavelength: Of the slowest sine, in steps, divided by 2 pi.
        **kwargs: Of `keras.layers.Layer`.

    Call arguments:
        inputs: (batch, steps, features).
        mask: bool (batch, steps); passed on as it is, every step counts from the first.

    Returns:
        (batch, steps, features).

    Source:
        Vaswani et al. 2017, arXiv:1706.03762, section 3.5.
    """

    def __init__(self, max_wavelength=10_000, **kwargs):
        super().__init__(**kwargs)
        if max_wavelength <= 0:
            raise ValueError(f"max_wavelength must be above 0, received {max_wavelength}")
        self.max_wavelength = max_wavelength
        self.supports_masking = True

    def call(self, inputs, mask=None):
        column = np.arange(inputs.shape[-1])
        slowness = self.max_wavelength ** ((column % 2 - column) / len(column))  # (features,)
        # float32 whatever the policy: bfloat16 has no odd numbers above 256
        step = ops.cast(ops.arange(ops.shape(inputs)[1]), "float32")[:, None]
        angle = step * ops.convert_to_tensor(slowness, "float32")  # (steps, features)
        encoding = ops.where(column % 2 == 0, ops.sin(angle), ops.cos(angle))
        return inputs + ops.cast(encoding, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        config = super().get_config()
        config.update(max_wavelength=self.max_wavelength)
        return config
