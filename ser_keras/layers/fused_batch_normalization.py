"""Batch normalisation that trains with a fused kernel if the backend has one."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="ser_keras")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization`, trained by TensorFlow's fused kernel on images.

    Outputs, weights and moving averages equal those of Keras but for the last digits of float32.
    Keras computes the layer in separate operations, each of which reads and writes the whole
    tensor; on a CPU they took a third of a training step of `attention-tess`. The fused kernel is
    used in training, on the TensorFlow backend, for float32 (batch, rows, columns, channels), with
    scale and center; Keras computes all other cases. With a mask, the kernel gets the unmasked
    places side by side.

    Args:
        **kwargs: Arguments of `keras.layers.BatchNormalization`.

    Call arguments:
        inputs: Tensor to normalise, (batch, ..., channels).
        mask: bool, the shape of `inputs` without its last axes, such as (batch, rows). Places where
            it is False do not count in mean and variance, and become zero.

    Returns:
        The normalised tensor, with the shape of `inputs`.

    Example:
        >>> import numpy as np
        >>> images = np.ones((2, 4, 5, 3), "float32")
        >>> tuple(FusedBatchNormalization()(images, training=True).shape)
        (2, 4, 5, 3)
    """

    def call(self, inputs, training=False, mask=None):
        if training and self.trainable and self._is_fusible(inputs):
            return self._fused(inputs) if mask is None else self._fused_inside(inputs, mask)
        if mask is None:
            return super().call(inputs, training=training)
        places = mask  # `expand_dims`, because LiteRT has no operator for slices with a new axis
        while places.ndim < inputs.ndim - 1:
            places = ops.expand_dims(places, -1)
        places = ops.broadcast_to(places, ops.shape(inputs)[:-1])
        outputs = super().call(inputs, training=training, mask=places)
        return ops.where(ops.expand_dims(places, -1), outputs, 0)

    def _fused_inside(self, inputs, mask):
        import tensorflow as tf

        places = tf.where(mask)  # (places, axes of the mask)
        inside = tf.gather_nd(inputs, places)
        image = tf.reshape(inside, (1, tf.shape(inside)[0], -1, inputs.shape[-1]))
        outputs = tf.reshape(self._fused(image), tf.shape(inside))
        return tf.ensure_shape(
            tf.scatter_nd(places, outputs, tf.shape(inputs, tf.int64)), inputs.shape
        )

    def _fused(self, inputs):
        import tensorflow as tf

        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, self.gamma, self.beta, epsilon=self.epsilon, is_training=True
        )
        n = tf.cast(tf.size(inputs) // tf.size(mean), variance.dtype)
        variance *= (n - 1) / n  # the kernel's variance is unbiased, Keras's is not
        for average, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            average.assign(average * self.momentum + value * (1 - self.momentum))
        return outputs

    def _is_fusible(self, inputs):
        return (
            keras.backend.backend() == "tensorflow"
            and inputs.ndim == 4
            and self.axis in (-1, 3)
            and self.scale
            and self.center
            and not (self.renorm or self.synchronized)
            and keras.backend.standardize_dtype(inputs.dtype) == self.variable_dtype == "float32"
        )
