"""Keras layers of the published systems, one class per file, for any Keras backend."""

from ser_keras.layers.adaptive_basis import AdaptiveBasis
from ser_keras.layers.attention_pooling import AttentionPooling
from ser_keras.layers.fused_batch_normalization import FusedBatchNormalization
from ser_keras.layers.residual_block import ResidualBlock
from ser_keras.layers.sine_position_encoding import SinePositionEncoding
from ser_keras.layers.statistics_pooling import StatisticsPooling
from ser_keras.layers.transformer_encoder import TransformerEncoder

__all__ = [
    "AdaptiveBasis",
    "AttentionPooling",
    "FusedBatchNormalization",
    "ResidualBlock",
    "SinePositionEncoding",
    "StatisticsPooling",
    "TransformerEncoder",
]
