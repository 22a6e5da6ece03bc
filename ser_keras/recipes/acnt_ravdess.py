"""CNN and Transformer over a log-mel picture on RAVDESS, as published (Emotion_Detection, 2025).

Code: https://github.com/Souradeep2233/Emotion_Detection, `emotion-recognition.ipynb` with its
outputs (PyTorch 2.6); README at 2581c76 and later.

Where README and code disagree: the README speaks of speech and song, a 70/15/15 split, augmentation
and falling losses. The code reads speech, splits 80/16/4 and never augments (its data set is asked
to, but is given no augmentation). Its log shows the same validation accuracy in every epoch,
0.1326, the share of one class. It never scored a test clip. Everything below follows the code.

torch and Keras: torch cuts the rate in the epoch after its patience of 3 epochs, hence 4 below. A
loss counts as better in Keras if it falls by 1e-4, in torch if it falls by 0.01 %. Axes are written
time first, which makes no difference to square kernels. Keras truncates normal initial weights at
two deviations.
"""

from ser_keras.batches import BatchSpec
from ser_keras.features import FeatureSpec
from ser_keras.recipes import Published, Recipe, Training, _draws, network_inputs

CUT = "Clips above 4.04 s are cut."


def build(
    shapes,
    n_classes,
    *,
    filters=16,
    blocks=4,
    dim=128,
    heads=8,
    encoders=2,
    inner=2048,
    dropout=0.2,
    projection=False,
    normalize_first=False,
):
    """Return the network, not compiled.

    Args:
        shapes: Shapes of the inputs without the batch axis: `features` (frames, bands, 1) and, for
            masked batches, `mask` (frames,), False where a frame is padding.
        n_classes: Number of emotions, the width of the softmax.
        filters: Number of filters of the first convolution; each further block doubles it.
        blocks: Number of convolution blocks; all but the last halve frames and bands, rounded down.
        dim: Width of the Transformer.
        heads: Number of attention heads of the Transformer.
        encoders: Number of encoder layers of the Transformer.
        inner: Width of the feed-forward part of each encoder layer.
        dropout: Dropout rate of all dropout layers.
        projection: Whether the third and later blocks get the shortcut that their name promises.
        normalize_first: Whether the Transformer normalises before attention and feed-forward part
            (True) or after them (False).
    """
    import keras
    from keras import layers

    from ser_keras.layers import ResidualBlock, SinePositionEncoding, TransformerEncoder

    inputs = network_inputs(shapes)
    x, mask = inputs["features"], inputs.get("mask")
    for block in range(1, blocks + 1):
        x = ResidualBlock(
            filters * 2 ** (block - 1),
            projection=projection and block > 2,
            negative_slope=0.1 if block < blocks else 0.0,  # the last is a ReLU
            dropout=dropout,
            kernel_initializer=keras.initializers.VarianceScaling(2.0, "fan_out"),
            name=f"block_{block}",
        )(x, mask=mask)
        if block < blocks:
            x = layers.MaxPooling2D(2, name=f"pool_{block}")(x)
            if mask is not None:  # padding is on the right: a pair counts if its first frame does
                mask = mask[:, : 2 * x.shape[1] : 2]
    x = layers.Reshape((x.shape[1], -1), name="steps")(x)  # (batch, 21, 5 bands x 128)
    x = layers.Dense(dim, kernel_initializer="glorot_normal", name="project")(x)
    x = layers.LayerNormalization(epsilon=1e-5, name="project_norm")(x)
    x = layers.LeakyReLU(0.1, name="project_relu")(x)
    x = layers.Dropout(dropout, name="project_dropout")(x)
    x = SinePositionEncoding(name="positions")(x)
    for number in range(1, encoders + 1):
        x = TransformerEncoder(
            inner,
            heads,
            dropout=dropout,
            activation="gelu",
            normalize_first=normalize_first,
            kernel_initializer="glorot_normal",
            name=f"encoder_{number}",
        )(x, mask=mask)
    x = layers.GlobalAveragePooling1D(name="average")(x, mask=mask)  # (batch, dim)
    x = layers.Dense(dim // 2, kernel_initializer="glorot_normal", name="hidden")(x)
    x = layers.LeakyReLU(0.1, name="hidden_relu")(x)
    x = layers.Dropout(dropout, name="hidden_dropout")(x)
    emotion = layers.Dense(
        n_classes, activation="softmax", kernel_initializer="glorot_normal", name="emotion"
    )(x)
    return keras.Model(inputs, emotion, name="acnt_ravdess")


def draw(clips, seed, fold):
    """Return roles: 80 / 16 / 4 %, stratified.

    The authors drew from 2,880 files that held each clip twice; here each clip is there once.
    """
    import numpy as np

    emotion = clips["emotion"].to_numpy(str)
    state = _draws.SEED + seed
    role = np.full(len(clips), "train", dtype=object)
    held_out = _draws.sampled(_draws.as_listed(clips), 0.2, state, emotion)
    role[held_out] = "validation"
    role[_draws.sampled(held_out, 0.2, state, emotion)] = "test"
    return role


RECIPE = Recipe(
    title="CNN and Transformer over log-mel on RAVDESS",
    sources=("github.com/Souradeep2233/Emotion_Detection, emotion-recognition.ipynb",),
    corpora=("ravdess",),
    emotions=("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"),
    features=FeatureSpec(
        kind="log_mel",
        sample_rate=22_050,
        n_mels=40,
        htk=True,  # as torchaudio has it: HTK's scale, no area normalisation, reflected edges
        mel_norm=None,
        pad_mode="reflect",
        top_db=None,
    ),
    batch=BatchSpec(
        frames=174,
        fit="pad",
        channel=True,
        normalize="band_clip",
        normalize_after_padding=True,
    ),
    training=Training(
        optimizer="adamw",
        learning_rate=3e-2,
        weight_decay=1e-5,
        label_smoothing=0.1,
        clip_norm=1.0,
        batch_size=32,
        epochs=100,
        monitor="val_accuracy",
        patience=20,
        schedule="plateau",
        plateau_factor=0.1,
        plateau_patience=4,
        min_learning_rate=0.0,
    ),
    published=(
        Published(
            0.1326,
            "accuracy",
            n=460,
            corpus="ravdess",
            source="notebook, stored output: validation, the same in all 14 epochs; no test figure",
        ),
    ),
    notes=(
        "It collapses: at a learning rate of 3e-2 the network gives the share of each class as its "
        "answer from the first epoch on, so every clip gets the same emotion.",
        "The published log comes from 2,880 files that hold each of the 1,440 clips twice, so that "
        "about 80 % of its validation clips were in training; here each clip counts once.",
        "Padding is 0 dB, at or above the loudest speech in most bands, and comes before the "
        "normalisation: the silent end is the brightest part of the picture.",
        "No skip connection ever fires, because every block changes the number of channels.",
        "A third encoder layer of 593,024 weights is registered by the published code and never "
        "used; it is left out here.",
        CUT,
    ),
    build=build,
    draw=draw,
)
