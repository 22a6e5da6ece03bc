"""A small residual CNN with attentive statistics pooling over log-mel, trained from scratch.

It repeats no published system. It asks how far a network of fewer than 50,000 weights gets on
speakers never heard, with what the literature recommends for little data: residual blocks (He et
al. 2016), pooling to weighted mean and deviation (Okabe et al. 2018), masks over time and frequency
(SpecAugment, Park et al. 2019), varied waveforms (Ko et al. 2015) and averaged weights (Polyak and
Juditsky 1992).
"""

from ser_keras.augment import (
    Augmentation,
    FrequencyMask,
    FrequencyShift,
    NoiseAtSNR,
    PitchShift,
    TimeMask,
    TimeStretch,
)
from ser_keras.batches import BatchSpec
from ser_keras.corpora import emotions
from ser_keras.features import FeatureSpec
from ser_keras.recipes import Recipe, Training, network_inputs
from ser_keras.recipes.mfcc_statistics import draw


def build(
    shapes,
    n_classes,
    *,
    filters=8,
    units=56,
    blocks=2,
    attention_units=32,
    map_dropout=0.1,
    dropout=0.3,
):
    """Return the network, not compiled.

    Args:
        shapes: Shapes of the inputs without the batch axis: `features` (frames, bands, 1) and
            `mask` (frames,), False where a frame is padding.
        n_classes: Number of emotions, the width of the softmax.
        filters: Number of filters of the convolution over frames and bands.
        units: Width of a step in time, behind that convolution.
        blocks: Number of residual blocks over time; each sees further than the one before it.
        attention_units: Width of the layer that scores the steps.
        map_dropout: Rate at which whole features of all steps are dropped before each convolution.
        dropout: Dropout rate before the softmax.
    """
    import keras
    from keras import layers, ops

    from ser_keras.layers import FusedBatchNormalization, StatisticsPooling

    inputs = network_inputs(shapes)
    x, mask = inputs["features"], inputs["mask"]
    inside = ops.expand_dims(ops.expand_dims(mask, 2), 3)  # (batch, frames, 1, 1)
    x = ops.where(inside, x, 0.0)
    x = layers.Conv2D(filters, (5, 8), (2, 4), padding="same", use_bias=False, name="patches")(x)
    mask = mask[:, ::2]  # padding is on the right: a pair counts if its first frame does
    x = ops.relu(FusedBatchNormalization(momentum=0.9, name="patches_norm")(x, mask=mask))
    x = layers.Reshape((x.shape[1], -1), name="steps")(x)  # (batch, 100, 16 places x 8)
    x = layers.SpatialDropout1D(map_dropout, name="steps_drop")(x)
    x = layers.Conv1D(units, 3, 2, padding="same", use_bias=False, name="narrow")(x)
    mask = mask[:, ::2]
    x = ops.relu(FusedBatchNormalization(momentum=0.9, name="narrow_norm")(x, mask=mask))
    for block in range(1, blocks + 1):  # x is (batch, 50, units)
        y = layers.SpatialDropout1D(map_dropout, name=f"drop_{block}")(x)
        y = layers.Conv1D(units, 3, padding="same", use_bias=False, name=f"block_{block}")(y)
        y = FusedBatchNormalization(momentum=0.9, name=f"block_{block}_norm")(y, mask=mask)
        x = x + ops.relu(y)
    x = StatisticsPooling(attention_units, name="pooling")(x, mask=mask)  # (batch, 2 x units)
    x = layers.Dropout(dropout, name="drop")(x)
    emotion = layers.Dense(n_classes, activation="softmax", name="emotion")(x)
    return keras.Model(inputs, emotion, name="cnn_attention")


RECIPE = Recipe(
    title="Small residual CNN with attentive statistics over log-mel, from scratch",
    sources=(
        "this project",
        "He et al. 2016, arXiv:1512.03385: residual blocks",
        "Okabe, Koshinaka and Shinoda 2018, arXiv:1803.10963: attentive statistics pooling",
        "Park et al. 2019, arXiv:1904.08779: masks over time and frequency",
    ),
    corpora=("ravdess",),
    emotions=emotions.VOCABULARY,
    features=FeatureSpec(
        kind="log_mel", sample_rate=16_000, n_fft=1_024, hop_length=320, n_mels=64, fmin=50.0
    ),
    batch=BatchSpec(frames=200, fit="crop", channel=True, mask=True, normalize="feature"),
    augment=Augmentation(
        steps=(
            PitchShift(semitones=(-2.5, 2.5)),
            TimeStretch(rate=(0.85, 1.18)),
            NoiseAtSNR(snr_db=(15.0, 35.0)),
            FrequencyShift(bands=(-2, 2)),
            FrequencyMask(limit=(10, 10), fill="mean"),
            TimeMask(limit=(30, 30), fill="mean"),
            FrequencyMask(limit=(10, 10), fill="mean"),
            TimeMask(limit=(30, 30), fill="mean"),
        ),
        probability=0.6,
        copies=3,
        when="epoch",
    ),
    training=Training(
        optimizer="adamw",
        learning_rate=2e-3,
        weight_decay=1e-2,
        clip_norm=5.0,
        batch_size=32,
        epochs=40,
        monitor="epoch",
        patience=None,
        schedule="constant",
        warmup_epochs=2,
        balanced=True,
    ),
    notes=("Nothing was published of it.",),
    build=build,
    draw=draw,
)
