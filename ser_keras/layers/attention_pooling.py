"""Additive attention pooling: a sequence becomes the weighted sum of its steps."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="ser_keras")
class AttentionPooling(keras.layers.Layer):
    """Pools a sequence with learned additive attention.

    For states `h_t` of the unmasked steps t::

        s_t = u^T tanh(W^T h_t + b)
        a_t = exp(s_t) / sum_k exp(s_k)
        output = sum_t a_t h_t

    This is additive ("Bahdanau") scoring with a learned query, not self-attention. The published
    code takes the exponential directly; here the maximum is subtracted first, which gives the same
    weights and cannot overflow.

    Args:
        units: Width of the scoring layer; None for the number of features, as published.
        kernel_initializer: Initializer of `W`, shape (features, units).
        bias_initializer: Initializer of `b`, shape (units,).
        query_initializer: Initializer of `u`, shape (units, 1).
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Sequences, (batch, steps, features).
        mask: bool (batch, steps), False for padding; None if no step is padding. A sequence without
            any unmasked step gives zeros.
        return_attention_scores: Whether to return the weights `a` as well.

    Returns:
        Pooled sequences, (batch, features); with `return_attention_scores` a tuple of these and of
        the weights `a`, (batch, steps).

    Example:
        >>> import numpy as np
        >>> pooled = AttentionPooling()(np.zeros((2, 5, 3), "float32"))
        >>> tuple(pooled.shape)
        (2, 3)

    Source:
        Bahdanau, Cho and Bengio 2015, arXiv:1409.0473, in the form used by
        github.com/Edeni96/Voice_emotion_recognition at 72c27b5.
    """

    def __init__(
        self,
        units=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        query_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if units is not None and units < 1:
            raise ValueError(f"units must be at least 1, received {units}")
        self.units = units
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.query_initializer = keras.initializers.get(query_initializer)
        self.supports_masking = True

    def build(self, input_shape):
        features = input_shape[-1]
        units = self.units or features
        self.kernel = self.add_weight(
            name="kernel", shape=(features, units), initializer=self.kernel_initializer
        )
        self.bias = self.add_weight(name="bias", shape=(units,), initializer=self.bias_initializer)
        self.query = self.add_weight(
            name="query", shape=(units, 1), initializer=self.query_initializer
        )

    def call(self, inputs, mask=None, return_attention_scores=False):
        scores = ops.matmul(ops.tanh(ops.matmul(inputs, self.kernel) + self.bias), self.query)
        if mask is not None:
            mask = ops.expand_dims(ops.cast(mask, scores.dtype), -1)  # (batch, steps, 1)
            # finite in float16 too, and far below any score, which cannot exceed the norm of u
            scores = scores * mask - 1e4 * (1.0 - mask)
        weights = ops.softmax(scores, axis=1)  # (batch, steps, 1)
        if mask is not None:
            weights = weights * mask
        pooled = ops.sum(weights * inputs, axis=1)  # (batch, features)
        return (pooled, ops.squeeze(weights, -1)) if return_attention_scores else pooled

    def weights_in(self, network, inputs):
        """Return the weights `a` of the steps of clips, as this layer computes them in a network.

        Args:
            network: Keras model that contains this layer; its inputs are named.
            inputs: Inputs of the network, a dict of arrays (batch, ...).

        Returns:
            The weights, float32 array (batch, steps).
        """
        before = keras.Model({tensor.name: tensor for tensor in network.inputs}, self.input)
        clips, parts = len(next(iter(inputs.values()))), []
        for start in range(0, clips, 32):  # called directly: compiling does not pay for one pass
            batch = {name: values[start : start + 32] for name, values in inputs.items()}
            states = before(batch, training=False)  # what arrives at the layer
            states, mask = states if isinstance(states, (list, tuple)) else (states, None)
            _, weights = self(states, mask=mask, return_attention_scores=True)
            parts.append(ops.convert_to_numpy(ops.cast(weights, "float32")))
        return np.concatenate(parts)

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])

    def compute_output_spec(self, inputs, mask=None, return_attention_scores=False):
        pooled = keras.KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)
        if not return_attention_scores:
            return pooled
        return pooled, keras.KerasTensor(tuple(inputs.shape[:2]), self.compute_dtype)

    def get_config(self):
        config = super().get_config()
        config.update(
            units=self.units,
            kernel_initializer=keras.initializers.serialize(self.kernel_initializer),
            bias_initializer=keras.initializers.serialize(self.bias_initializer),
            query_initializer=keras.initializers.serialize(self.query_initializer),
        )
        return config
