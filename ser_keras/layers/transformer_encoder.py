"""One layer of a Transformer encoder: self-attention, then a network applied to each step."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="ser_keras")
class TransformerEncoder(keras.layers.Layer):
    """Lets each step of a sequence attend to all steps, then transforms each step by itself.

    With A for self-attention, F for the two-layer network and D for dropout::

        y = norm(x + D(A(x)));   output = norm(y + D(F(y)))      as first published
        y = x + D(A(norm(x)));   output = y + D(F(norm(y)))      normalize_first

    Dropout is also applied to the attention weights and between the two layers of F. Defaults and
    number of weights are those of `torch.nn.TransformerEncoderLayer`. The kernels of query, key and
    value start in a range sqrt(2) wider than in torch, which draws the three as one matrix.

    Args:
        intermediate_dim: Inner width of F.
        num_heads: Number of attention heads; it must divide the number of features.
        dropout: Rate of all dropouts.
        activation: Activation between the two layers of F.
        layer_norm_epsilon: Number added to the variance.
        kernel_initializer: Initializer of all kernels.
        bias_initializer: Initializer of all biases.
        normalize_first: Whether the norms come before A and F ("pre-norm"), which trains without
            warm-up where the published order diverges.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Sequences, (batch, steps, features).
        mask: bool (batch, steps), False for padding; None if no step is padding. No step attends
            to padding, and outputs at padding are meaningless.
        return_attention_scores: Whether to return the attention weights as well.

    Returns:
        Sequences, (batch, steps, features); with `return_attention_scores` a tuple of these and of
        the weights that steps (third axis) give to steps (fourth), (batch, heads, steps, steps).

    Example:
        >>> import numpy as np
        >>> layer = TransformerEncoder(intermediate_dim=8, num_heads=2)
        >>> tuple(layer(np.zeros((2, 5, 4), "float32")).shape)
        (2, 5, 4)

    Source:
        Vaswani et al. 2017, arXiv:1706.03762; `normalize_first`: Xiong et al. 2020,
        arXiv:2002.04745.
    """

    def __init__(
        self,
        intermediate_dim,
        num_heads,
        dropout=0.1,
        activation="relu",
        layer_norm_epsilon=1e-5,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        normalize_first=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.intermediate_dim = intermediate_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.activation = keras.activations.get(activation)
        self.layer_norm_epsilon = layer_norm_epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.normalize_first = normalize_first
        self.supports_masking = True

    def build(self, input_shape):
        features = input_shape[-1]
        if features % self.num_heads:
            raise ValueError(f"{features} features cannot be shared by {self.num_heads} heads")

        policy = {"dtype": self.dtype_policy}
        norm = {"epsilon": self.layer_norm_epsilon, **policy}
        kernels = {**self._initializers(), **policy}
        layers = keras.layers
        heads = {"num_heads": self.num_heads, "key_dim": features // self.num_heads}
        self.attention = layers.MultiHeadAttention(
            **heads, dropout=self.dropout, name="attention", **kernels
        )
        self.attention_norm = layers.LayerNormalization(name="attention_norm", **norm)
        self.inner = layers.Dense(self.intermediate_dim, self.activation, name="inner", **kernels)
        self.outer = layers.Dense(features, name="outer", **kernels)
        self.outer_norm = layers.LayerNormalization(name="outer_norm", **norm)
        self.drop = layers.Dropout(self.dropout, name="drop", **policy)
        self.attention.build(input_shape, input_shape)
        self.inner.build(input_shape)
        self.outer.build((*input_shape[:-1], self.intermediate_dim))
        for layer in (self.attention_norm, self.outer_norm):
            layer.build(input_shape)

    def call(self, inputs, mask=None, training=False, return_attention_scores=False):
        scores = None

        def attend(x):
            nonlocal scores
            keys = None if mask is None else ops.expand_dims(ops.cast(mask, "bool"), 1)
            x, scores = self.attention(
                x, x, attention_mask=keys, return_attention_scores=True, training=training
            )
            return x

        def transform(x):
            return self.outer(self.drop(self.inner(x), training=training))

        x = inputs
        for function, norm in ((attend, self.attention_norm), (transform, self.outer_norm)):
            if self.normalize_first:
                x = x + self.drop(function(norm(x)), training=training)
            else:
                x = norm(x + self.drop(function(x), training=training))
        return (x, scores) if return_attention_scores else x

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def compute_output_spec(self, inputs, mask=None, training=False, return_attention_scores=False):
        output = keras.KerasTensor(inputs.shape, self.compute_dtype)
        if not return_attention_scores:
            return output
        batch, steps, _ = inputs.shape
        shape = (batch, self.num_heads, steps, steps)
        return output, keras.KerasTensor(shape, self.compute_dtype)

    def get_config(self):
        config = super().get_config()
        config.update(
            intermediate_dim=self.intermediate_dim,
            num_heads=self.num_heads,
            dropout=self.dropout,
            activation=keras.activations.serialize(self.activation),
            layer_norm_epsilon=self.layer_norm_epsilon,
            normalize_first=self.normalize_first,
            **{k: keras.initializers.serialize(v) for k, v in self._initializers().items()},
        )
        return config

    def _initializers(self):
        return {
            "kernel_initializer": self.kernel_initializer,
            "bias_initializer": self.bias_initializer,
        }
