"""Mean and deviation of 40 MFCC and one dense layer: for a corpus of any kind, and for little data.

It repeats no published system. It is the baseline `MFCC statistics` as a network, so that it trains
in seconds, exports and travels as a bundle like the published ones.
"""

from ser_keras.batches import BatchSpec
from ser_keras.corpora import emotions
from ser_keras.features import FeatureSpec
from ser_keras.recipes import Recipe, Training, _draws, network_inputs


def build(shapes, n_classes, *, l2=0.005):
    """Return the network, not compiled.

    Args:
        shapes: Shapes of the inputs without the batch axis: `features` (statistics,).
        n_classes: Number of emotions, the width of the softmax.
        l2: Weight of the L2 penalty on the kernel.
    """
    import keras
    from keras import layers

    inputs = network_inputs(shapes)
    penalty = keras.regularizers.L2(l2)
    emotion = layers.Dense(
        n_classes,
        activation="softmax",
        kernel_regularizer=penalty,
        name="emotion",
    )(inputs["features"])
    return keras.Model(inputs, emotion, name="mfcc_statistics")


def draw(clips, seed, fold):
    """Return roles: 70 / 10 / 20 % train / validation / test, in equal shares of every emotion."""
    import numpy as np

    emotion = clips["emotion"].to_numpy(str)
    role = np.full(len(clips), "train", dtype=object)
    test = _draws.sampled(np.arange(len(clips)), 0.2, _draws.SEED + seed, emotion)
    role[test] = "test"
    rest = np.flatnonzero(role == "train")
    role[_draws.sampled(rest, 0.125, _draws.SEED + seed, emotion)] = "validation"
    return role


RECIPE = Recipe(
    title="Mean and deviation of 40 MFCC, one dense layer",
    sources=("this project: its baseline `MFCC statistics` as a network",),
    corpora=("tess",),
    emotions=emotions.VOCABULARY,
    features=FeatureSpec(kind="mfcc", n_mfcc=40),
    batch=BatchSpec(fit="statistics", normalize="feature", normalize_after_padding=True),  # (80,)
    training=Training(
        learning_rate=1e-2,
        batch_size=32,
        epochs=100,
        monitor="epoch",
        patience=None,
        schedule="constant",
    ),
    notes=(
        "Each clip is 80 numbers, mean and deviation of each coefficient over the whole clip, "
        "standardised over the training clips.",
        "It always trains 100 epochs and takes the last one: the loss has a single minimum, and "
        "the few validation clips of a small corpus choose worse. On other speakers than those of "
        "any table here, the last epoch reached UAR 0.52, the one of the lowest validation loss "
        "0.45.",
        "Nothing was published of it.",
    ),
    build=build,
    draw=draw,
)
