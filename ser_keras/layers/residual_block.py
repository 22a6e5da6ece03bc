"""A convolution block with a shortcut around the convolution."""

import keras
from keras import ops

from ser_keras.layers.fused_batch_normalization import FusedBatchNormalization


@keras.saving.register_keras_serializable(package="ser_keras")
class ResidualBlock(keras.layers.Layer):
    """Convolution, batch normalisation, LeakyReLU and dropout of whole maps, with a shortcut.

    With N for batch normalisation, over frames and bands of the clips::

        output = dropout(leaky_relu(N(conv(x)) + shortcut(x)))

    If the number of channels stays the same, the shortcut is `x` itself. If it changes, the
    shortcut is `N(conv_1x1(x))` with `projection`; without `projection` there is none, and the
    block is a plain one. So is every "residual" block in the published network of `acnt-ravdess`:
    all change the number of channels.

    Args:
        filters: Number of output channels.
        kernel_size: Size of the convolution kernel along frames and bands; padding is "same".
        projection: Whether the shortcut is a 1 x 1 convolution if the number of channels changes.
        negative_slope: Slope of the LeakyReLU below 0; 0 makes it a ReLU.
        dropout: Rate at which whole channels are dropped.
        kernel_initializer: Initializer of the kernels.
        momentum: Momentum of the batch normalisation, as Keras defines it (torch's 0.1 is 0.9).
        epsilon: Epsilon of the batch normalisation.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Maps, (batch, frames, bands, channels).
        mask: bool (batch, frames), False for padding; None if no frame is padding. Padding counts
            as zero in the convolution, is left out of the batch statistics, and becomes zero.

    Returns:
        Maps, (batch, frames, bands, filters).

    Example:
        >>> import numpy as np
        >>> maps = np.zeros((2, 6, 5, 1), "float32")
        >>> tuple(ResidualBlock(filters=4)(maps).shape)
        (2, 6, 5, 4)

    Source:
        He et al. 2016, arXiv:1512.03385, equations 1 and 2 (shortcut option B).
    """

    def __init__(
        self,
        filters,
        kernel_size=3,
        projection=True,
        negative_slope=0.1,
        dropout=0.0,
        kernel_initializer="glorot_uniform",
        momentum=0.9,
        epsilon=1e-5,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if filters < 1:
            raise ValueError(f"filters must be at least 1, received {filters}")
        self.filters = filters
        self.kernel_size = kernel_size
        self.projection = projection
        self.negative_slope = negative_slope
        self.dropout = dropout
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.momentum = momentum
        self.epsilon = epsilon
        self.supports_masking = True

    def build(self, input_shape):
        self.convolution = self._convolution(self.kernel_size, "convolution", use_bias=True)
        self.normalization = self._normalization("normalization")
        self.drop = keras.layers.SpatialDropout2D(
            self.dropout, data_format="channels_last", name="drop", dtype=self.dtype_policy
        )
        self.shortcut = None
        if input_shape[-1] != self.filters and self.projection:
            self.shortcut = self._convolution(1, "shortcut", use_bias=False)
            self.shortcut.build(input_shape)
            self.shortcut_normalization = self._normalization("shortcut_normalization")
            self.shortcut_normalization.build(self.compute_output_shape(input_shape))
        self.convolution.build(input_shape)
        self.normalization.build(self.compute_output_shape(input_shape))

    def call(self, inputs, mask=None, training=False):
        if (
            mask is not None
        ):  # `expand_dims`, because LiteRT has no operator for slices with a new axis
            inside = ops.expand_dims(ops.expand_dims(mask, 2), 3)  # (batch, frames, 1, 1)
            inputs = ops.where(inside, inputs, 0)
        x = self.normalization(self.convolution(inputs), training=training, mask=mask)
        if self.shortcut is not None:
            shortcut = self.shortcut(inputs)
            x = x + self.shortcut_normalization(shortcut, training=training, mask=mask)
        elif inputs.shape[-1] == self.filters:
            x = x + inputs
        return self.drop(ops.leaky_relu(x, self.negative_slope), training=training)

    def compute_mask(self, inputs, mask=None):
        return (
            None  # networks pass the mask as an input; a pooling layer would drop it with a warning
        )

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        config = super().get_config()
        config.update(
            filters=self.filters,
            kernel_size=self.kernel_size,
            projection=self.projection,
            negative_slope=self.negative_slope,
            dropout=self.dropout,
            kernel_initializer=keras.initializers.serialize(self.kernel_initializer),
            momentum=self.momentum,
            epsilon=self.epsilon,
        )
        return config

    def _convolution(self, kernel_size, name, use_bias):
        return keras.layers.Conv2D(
            self.filters,
            kernel_size,
            padding="same",
            use_bias=use_bias,
            kernel_initializer=self.kernel_initializer,
            data_format="channels_last",
            name=name,
            dtype=self.dtype_policy,
        )

    def _normalization(self, name):
        return FusedBatchNormalization(
            momentum=self.momentum, epsilon=self.epsilon, name=name, dtype=self.dtype_policy
        )
