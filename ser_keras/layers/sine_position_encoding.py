"""Sinusoidal position encoding, added to a sequence so that attention knows its order."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="ser_keras")
class SinePositionEncoding(keras.layers.Layer):
    """Adds sines and cosines of the step number to a sequence.

    For step `p` (from 0) and feature pair `i` of `features`::

        output[p, 2i]     = input[p, 2i]     + sin(p / max_wavelength^(2i / features))
        output[p, 2i + 1] = input[p, 2i + 1] + cos(p / max_wavelength^(2i / features))

    The layer has no weights. Sequences may have any length and any number of features.

    Args:
        max_wavelength: Wavelength of the slowest sine, in steps, divided by 2 pi.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Sequences, (batch, steps, features).
        mask: bool (batch, steps) or None. It is passed on and changes nothing: masked steps are
            numbered too.

    Returns:
        Encoded sequences, (batch, steps, features).

    Example:
        >>> import numpy as np
        >>> tuple(SinePositionEncoding()(np.zeros((2, 5, 4), "float32")).shape)
        (2, 5, 4)

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
