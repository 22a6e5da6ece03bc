"""Batch normalisation that trains with one fused kernel where the backend has one."""

import keras


@keras.saving.register_keras_serializable(package="ser_keras")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization`, trained by TensorFlow's fused kernel on images.

    The function, the weights and the moving averages are Keras's to the last digits of float32.
    Keras writes the layer out in separate operations, each of which reads and writes the whole
    tensor; on a CPU they took a third of a training step of `attention-tess`. The fused kernel is
    taken in training, on the TensorFlow backend, for float32 (batch, rows, columns, channels)
    without a mask, scaled and centred; everything else is left to Keras.

    Args:
        **kwargs: Of `keras.layers.BatchNormalization`.

    Call arguments:
        inputs: (batch, ..., channels).
        mask: bool (batch, ...), False where the moments pass over the input.

    Returns:
        The shape of `inputs`.
    """

    def call(self, inputs, training=False, mask=None):
        if not (training and self.trainable and mask is None and self._is_fusible(inputs)):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, self.gamma, self.beta, epsilon=self.epsilon, is_training=True
        )
        n = tf.cast(tf.size(inputs) // tf.size(mean), variance.dtype)
        variance *= (n - 1) / n  # the kernel's is unbiased, Keras's is not
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
