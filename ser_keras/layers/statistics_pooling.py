"""Attentive statistics pooling: a sequence becomes the weighted mean and deviation of its steps."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="ser_keras")
class StatisticsPooling(keras.layers.Layer):
    """Pools a sequence to its mean and standard deviation, weighted by learned attention.

    For states `h_t` of the unmasked steps t::

        s_t = u^T tanh(W^T h_t + b)
        a_t = exp(s_t) / sum_k exp(s_k)
        mean = sum_t a_t h_t
        deviation = sqrt(max(sum_t a_t h_t^2 - mean^2, epsilon))
        output = [mean, deviation]

    The deviation tells how much a voice moves, which the mean alone loses.

    Args:
        units: Width of the scoring layer.
        epsilon: Least variance; it keeps the gradient of the root finite.
        kernel_initializer: Initializer of `W`, shape (features, units).
        bias_initializer: Initializer of `b`, shape (units,).
        query_initializer: Initializer of `u`, shape (units, 1).
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Sequences, (batch, steps, features).
        mask: bool (batch, steps), False for padding; None if no step is padding. A sequence without
            any unmasked step gives a mean of zeros.

    Returns:
        Mean and deviation of each feature, (batch, 2 x features).

    Example:
        >>> import numpy as np
        >>> pooled = StatisticsPooling(units=4)(np.zeros((2, 5, 3), "float32"))
        >>> tuple(pooled.shape)
        (2, 6)

    Source:
        Okabe, Koshinaka and Shinoda 2018, arXiv:1803.10963, equations 1 to 6, with tanh as `f`.
    """

    def __init__(
        self,
        units,
        epsilon=1e-4,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        query_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"units must be at least 1, received {units}")
        self.units = units
        self.epsilon = epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.query_initializer = keras.initializers.get(query_initializer)
        self.supports_masking = True

    def build(self, input_shape):
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], self.units),
            initializer=self.kernel_initializer,
        )
        self.bias = self.add_weight(
            name="bias", shape=(self.units,), initializer=self.bias_initializer
        )
        self.query = self.add_weight(
            name="query", shape=(self.units, 1), initializer=self.query_initializer
        )

    def call(self, inputs, mask=None):
        scores = ops.matmul(ops.tanh(ops.matmul(inputs, self.kernel) + self.bias), self.query)
        if mask is not None:
            mask = ops.expand_dims(ops.cast(mask, scores.dtype), -1)  # (batch, steps, 1)
            # finite in float16 too, and far below any score, which cannot exceed the norm of u
            scores = scores * mask - 1e4 * (1.0 - mask)
        weights = ops.softmax(scores, axis=1)  # (batch, steps, 1)
        if mask is not None:
            weights = weights * mask
        mean = ops.sum(weights * inputs, axis=1)  # (batch, features)
        # products, because the light engine accepts no operator for squares
        variance = ops.sum(weights * inputs * inputs, axis=1) - mean * mean
        deviation = ops.sqrt(ops.maximum(variance, self.epsilon))
        return ops.concatenate([mean, deviation], axis=-1)

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 2 * input_shape[-1])

    def get_config(self):
        config = super().get_config()
        config.update(
            units=self.units,
            epsilon=self.epsilon,
            kernel_initializer=keras.initializers.serialize(self.kernel_initializer),
            bias_initializer=keras.initializers.serialize(self.bias_initializer),
            query_initializer=keras.initializers.serialize(self.query_initializer),
        )
        return config
