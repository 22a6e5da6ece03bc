"""A convolution block with a way around it."""

import keras
from keras import ops

from ser_keras.layers.fused_batch_normalization import FusedBatchNormalization


@keras.saving.register_keras_serializable(package="ser_keras")
class ResidualBlock(keras.layers.Layer):
    """Convolution, batch normalisation, LeakyReLU and dropout of whole maps, with a shortcut.

    With N for batch normalisation, over frames and bands of the clips::

        output = dropout(leaky_relu(N(conv(x)) + shortcut(x)))

    The shortcut is `x` itself where the number of channels stays the same. Where it changes, it is
    `N(conv_1x1(x))` with `projection`; without, there is none, and the block is a plain one. So is
    every "residual" block in the published network of `acnt-ravdess`: all change the channels.

    Args:
        filters: Channels that come out.
        kernel_size: Of the convolution, along frames and bands; the size stays ("same" padding).
        projection: Whether a change of channels gets a 1 x 1 convolution as its shortcut.
        negative_slope: Of the LeakyReLU; 0 for ReLU.
        dropout: Rate at which whole channels are dropped.
        kernel_initializer: For the kernels.
        momentum: Of the batch normalisation, in Keras's sense (torch's 0.1 is 0.9 here).
        epsilon: Of the batch normalisation.
        **kwargs: Of `keras.layers.Layer`.

    Call arguments:
        inputs: (batch, frames, bands, channels).
        mask: bool (batch, frames), False where a frame is padding: it counts as zero in the
            convolution, not at all in the batch statistics, and comes out as zero. None where all
            count.

    Returns:
        (batch, frames, bands, filters).

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
        if mask is not None:  # `expand_dims`: slices with a new axis have no LiteRT operator
            inside = ops.expand_dims(ops.expand_dims(mask, 2), 3)  # (batch, frames, 1, 1)
            inputs = ops.where(inside, inputs, 0)
        x = self.normalization(self.convolution(inputs), training=training, mask=mask)
        if self.shortcut is not None:
            around = self.shortcut(inputs)
            x = x + self.shortcut_normalization(around, training=training, mask=mask)
        elif inputs.shape[-1] == self.filters:
            x = x + inputs
        return self.drop(ops.leaky_relu(x, self.negative_slope), training=training)

    def compute_mask(self, inputs, mask=None):
        return None  # the pooling that follows would drop it with a warning: it is an input

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
