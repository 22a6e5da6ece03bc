"""CNN, LSTM and attention over 40 MFCC on TESS, as published.

Code: https://github.com/Edeni96/Voice_emotion_recognition at 72c27b5 (2024), where
`Emotion_Recognition.py` trains and `Use_Our_Model.py` evaluates. Network and title follow Singh,
Saheer and Faust, "Speech Emotion Recognition Using Attention Model", Int. J. Environ. Res. Public
Health 2023, 20(6), 5140, doi:10.3390/ijerph20065140.

Where they disagree: the README's 90 % is a sentence of the paper's abstract, on another data set
with eight classes; the repository shows no result of its own code. The README speaks of weights for
each time step, but TimeDistributed splits the axis that holds the cepstral coefficients. Everything
below follows the code.
"""

from ser_keras import seeding
from ser_keras.batches import BatchSpec
from ser_keras.errors import SerKerasError
from ser_keras.features import FeatureSpec
from ser_keras.recipes import Published, Recipe, Training, _draws, network_inputs


def build(
    shapes,
    n_classes,
    *,
    filters=64,
    blocks=4,
    l2=0.01,
    dropout=0.2,
    units=32,
    second_lstm=True,
    norm_momentum=0.99,
):
    """Return the network, not compiled.

    Args:
        shapes: Shapes of the inputs without the batch axis: `features` (rows, columns, 1), where
            groups of rows become the steps of the LSTM, and, for masked batches, `mask` (rows,),
            False where a row is padding.
        n_classes: Number of emotions, the width of the softmax.
        filters: Number of filters of each convolution.
        blocks: Number of convolution blocks; each halves rows and columns, rounded up.
        l2: Weight of the L2 penalty on the convolution kernels.
        dropout: Dropout rate after each block.
        units: Number of units of each LSTM.
        second_lstm: Whether the pooled vector runs through an LSTM of one step, as published.
        norm_momentum: Momentum of the running averages of batch normalisation.
    """
    import keras
    from keras import layers

    from ser_keras.layers import AttentionPooling, FusedBatchNormalization

    inputs = network_inputs(shapes)
    x, mask = inputs["features"], inputs.get("mask")
    for block in range(1, blocks + 1):
        penalty = keras.regularizers.L2(l2)
        x = layers.Conv2D(
            filters, 3, padding="same", kernel_regularizer=penalty, name=f"conv_{block}"
        )(x)
        x = FusedBatchNormalization(momentum=norm_momentum, name=f"norm_{block}")(x)
        x = layers.ReLU(name=f"relu_{block}")(x)
        x = layers.MaxPooling2D(2, padding="same", name=f"pool_{block}")(x)
        x = layers.Dropout(dropout, name=f"dropout_{block}")(x)
    if mask is not None:
        # padding is on the right, so a step of 2**blocks rows counts if its first row does
        mask = mask[:, :: 2**blocks]  # (batch, steps)
    x = layers.TimeDistributed(layers.Flatten(), name="steps")(x)  # (batch, steps, 576)
    # three or nine steps: unrolled it is the same function, and exports as plain operators
    x = layers.LSTM(units, return_sequences=True, unroll=True, name="lstm")(x, mask=mask)
    x = AttentionPooling(name="attention")(x, mask=mask)  # (batch, units)
    if second_lstm:
        x = layers.Reshape((1, units), name="one_step")(x)
        x = layers.LSTM(units, unroll=True, name="second_lstm")(x)
    emotion = layers.Dense(n_classes, activation="softmax", name="emotion")(x)
    return keras.Model(inputs, emotion, name="attention_tess")


def draw(clips, seed, fold):
    """Return roles: 40 clips of each folder (a speaker and an emotion) test, 12.5 % of the rest
    validate: 1,960 / 280 / 560 of TESS.

    The authors moved the 40 by hand and did not say which; here `seed` draws them. Validation is
    drawn with the published seed. Where no folder has more than 100 clips, a fifth of each tests.
    """
    import numpy as np

    nameless = clips.loc[clips["speaker"].isna(), "path"]
    if len(nameless):
        problem = "has no speaker, and this draw takes 40 clips of each speaker and emotion"
        raise SerKerasError(nameless.iloc[0], problem, "Name it, or choose another protocol")
    role = np.full(len(clips), "train", dtype=object)
    order = _draws.as_listed(clips)
    cells = clips.reset_index(drop=True).groupby(["speaker", "emotion"]).indices
    forty = max(map(len, cells.values())) > 100
    for (speaker, emotion), cell in cells.items():  # positions, in the order of the paths
        n = min(40, len(cell)) if forty else max(1, round(len(cell) / 5))
        drawn = seeding.stream(seed, "test", speaker, emotion).permutation(cell)[:n]
        role[drawn] = "test"
    rest = order[role[order] == "train"]
    role[_draws.sampled(rest, 0.125, _draws.SEED)] = "validation"
    return role


RECIPE = Recipe(
    title="CNN, LSTM and attention over 40 MFCC on TESS",
    sources=(
        "github.com/Edeni96/Voice_emotion_recognition at 72c27b5",
        "Singh, Saheer and Faust 2023, doi:10.3390/ijerph20065140",
    ),
    corpora=("tess",),
    emotions=("angry", "disgust", "fearful", "happy", "neutral", "surprised", "sad"),
    features=FeatureSpec(kind="mfcc", sample_rate=22_050, offset=0.5, duration=3.0, n_mfcc=40),
    batch=BatchSpec(
        frames=130,
        fit="pad",
        axes="feature_first",
        channel=True,
        normalize="scalar",
        normalize_after_padding=True,
        fit_on=("train", "validation"),
    ),
    training=Training(
        optimizer="adam",
        learning_rate=5e-4,
        batch_size=64,
        epochs=300,
        monitor="val_loss",
        patience=10,
        schedule="plateau",
        plateau_factor=0.5,
        plateau_patience=5,
        min_learning_rate=1e-6,
    ),
    published=(
        Published(
            0.90,
            "accuracy",
            n=560,
            corpus="tess",
            source="its README, quoting a paper on three corpora; no output is published",
        ),
    ),
    notes=(
        "The LSTM and the attention run over 3 groups of cepstral coefficients, not over time: "
        "TimeDistributed splits the first axis, which holds the 40 coefficients, and the 9 "
        "positions in time are flattened into the 576 features of each group.",
        "The second LSTM sees a single step: its recurrent kernel and its forget gate never "
        "receive a gradient, so it is a gated dense layer.",
        "One mean and one deviation scale all coefficients, so c0 rules the scale; padding is 0, "
        "far above silence; both are fitted on training and validation clips together.",
        "Both speakers, the carrier phrase and all 200 words occur in training and in test.",
        "With few training clips (protocol speaker-text: 14 steps an epoch), patience may run out "
        "before the averages of batch normalisation (momentum 0.99) have left their initial "
        "values: all training clips are learned, and all others get one and the same emotion.",
    ),
    build=build,
    draw=draw,
)
