"""One LSTM over the time averages of 40 MFCC on TESS (Chavda).

Code: https://github.com/VirendraChavda/Emotion-Detection, `Speech_emotion_recognition.ipynb`, with
its stored outputs (Python 3.9, Keras).

Where README and code disagree: the README speaks of spectrograms, temporal patterns and normalised
features. The code averages each MFCC over the clip and feeds the 40 averages, unscaled, as 40 "time
steps" of one feature: the LSTM runs along the number of the coefficient. Everything below follows
the code.
"""

from ser_keras.batches import BatchSpec
from ser_keras.features import FeatureSpec
from ser_keras.recipes import Published, Recipe, Training, _draws, network_inputs


def build(shapes, n_classes, *, units=80, dropout=0.1, unroll=True):
    """Return the network, not compiled.

    Args:
        shapes: Shapes of the inputs without the batch axis: `features` (steps, features) and, for
            masked batches, `mask` (steps,), False where a step is padding.
        n_classes: Number of emotions, the width of the softmax.
        units: Number of units of the LSTM and of the dense layer behind it.
        dropout: Dropout rate after each of the two.
        unroll: Whether the LSTM is written out step by step: the same function, which exports as
            plain operators and trains faster, but takes up to 20 s to compile.
    """
    import keras
    from keras import layers

    inputs = network_inputs(shapes)
    x, mask = inputs["features"], inputs.get("mask")
    x = layers.LSTM(units, unroll=unroll, name="lstm")(x, mask=mask)  # (batch, units)
    x = layers.Dropout(dropout, name="dropout_1")(x)
    x = layers.Dense(units, activation="relu", name="hidden")(x)
    x = layers.Dropout(dropout, name="dropout_2")(x)
    emotion = layers.Dense(n_classes, activation="softmax", name="emotion")(x)
    return keras.Model(inputs, emotion, name="mean_mfcc_lstm")


def draw(clips, seed, fold):
    """Return roles: 15 % test, not stratified, and the last 15 % of the shuffled rest validate, as
    Keras's `validation_split` takes them: 2,023 / 357 / 420 of TESS.

    With seed 0 the test side has the published counts by emotion (60, 54, 61, 57, 61, 63, 64), so
    it is most likely the authors' own.
    """
    import numpy as np
    from sklearn.model_selection import train_test_split

    state = _draws.SEED + seed
    rest, test = train_test_split(_draws.as_listed(clips), test_size=0.15, random_state=state)
    role = np.full(len(clips), "train", dtype=object)
    role[test] = "test"
    role[rest[int(len(rest) * (1 - 0.15)) :]] = "validation"
    return role


RECIPE = Recipe(
    title="LSTM over the time averages of 40 MFCC on TESS",
    sources=("github.com/VirendraChavda/Emotion-Detection, Speech_emotion_recognition.ipynb",),
    corpora=("tess",),
    emotions=("angry", "disgust", "fearful", "happy", "neutral", "surprised", "sad"),
    features=FeatureSpec(kind="mfcc", sample_rate=22_050, offset=0.5, duration=3.0, n_mfcc=40),
    batch=BatchSpec(fit="mean", channel=True, normalize="none"),  # (40, 1)
    training=Training(
        optimizer="adam",
        learning_rate=5e-4,
        batch_size=16,
        epochs=200,
        monitor="val_loss",
        patience=5,
        schedule="plateau",
        plateau_factor=0.5,
        plateau_patience=3,
        min_learning_rate=1e-6,
    ),
    published=(
        Published(
            0.9905, "accuracy", n=420, corpus="tess", source="notebook, stored output: 416 of 420"
        ),
    ),
    notes=(
        "The LSTM runs along the 40 coefficients, not along time: each is one number, its mean "
        "over the clip, and nothing is scaled.",
        "Both speakers, the carrier phrase and all 200 words occur in training and in test.",
        "The published figure is a single run without a seed: as a draw of 420 clips its 95 % "
        "interval is about 0.976 to 0.996.",
    ),
    build=build,
    draw=draw,
)
