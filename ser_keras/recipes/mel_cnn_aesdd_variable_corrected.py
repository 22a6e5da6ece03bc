"""The AESDD CNN for clips of any length, in masked batches and with one network for all variants.

Corrects `mel_cnn_aesdd_variable`; what is not named here is the same. Noise is not
reduced here either.
"""

import dataclasses

from ser_keras.recipes import mel_cnn_aesdd_variable, network_inputs


def build(shapes, n_classes, *, convolutions=4, filters=16, head="average", dropout=0.25):
    """Return the network, not compiled; a clip's probabilities do not depend on its batch.

    Args:
        shapes: Shapes of the inputs without the batch axis: `features` (frames, bands, 1), where
            frames may be None for any length, and, for masked batches, `mask` (frames,), False
            where a frame is padding.
        n_classes: Number of emotions, the width of the softmax.
        convolutions: Number of convolutions, 3 or 4 in the published networks.
        filters: Number of filters of the first convolution; each further one doubles it.
        head: "average" over time and bands, as in `mel_cnn_aesdd_variable`, or "bands": over time
            alone, so that the last layer knows where in the spectrum something lies.
        dropout: Dropout rate before the last layer.
    """
    import keras
    from keras import layers

    from ser_keras.layers import ResidualBlock

    inputs = network_inputs(shapes)
    x, mask = inputs["features"], inputs.get("mask")
    for number in range(1, convolutions + 1):
        x = ResidualBlock(  # convolution, batch norm and ReLU: no shortcut, as in the published one
            filters * 2 ** (number - 1),
            projection=False,
            negative_slope=0.0,
            name=f"block_{number}",
        )(x, mask=mask)
        # Padding comes out as zero, which no ReLU goes below, so it never wins a maximum. A pair
        # counts if its first frame does, and the shortest clip keeps one step.
        x = layers.MaxPooling2D(2, padding="same", name=f"pool_{number}")(x)
        mask = None if mask is None else mask[:, ::2]
    if head == "average":
        x = layers.AveragePooling2D((1, x.shape[2]), name="bands")(x)  # (batch, steps, 1, channels)
    x = layers.Reshape((-1, x.shape[2] * x.shape[3]), name="steps")(x)
    x = layers.GlobalAveragePooling1D(name="average")(x, mask=mask)  # (batch, bands x channels)
    x = layers.Dropout(dropout, name="dropout")(x)
    emotion = layers.Dense(n_classes, activation="softmax", name="emotion")(x)
    return keras.Model(inputs, emotion, name="mel_cnn_aesdd_corrected")


RECIPE = dataclasses.replace(
    mel_cnn_aesdd_variable.RECIPE,
    title="CNN over log-mel of any length on AESDD, in masked batches",
    batch=dataclasses.replace(mel_cnn_aesdd_variable.RECIPE.batch, mask=True),
    training=dataclasses.replace(
        mel_cnn_aesdd_variable.RECIPE.training,
        batch_size=16,
        epochs=150,
        monitor="val_loss",
        patience=30,
        schedule="plateau",
        plateau_factor=0.5,
        plateau_patience=10,
    ),
    build=build,
    model={"head": "bands"},
    notes=(
        "The network is the same for pictures of any length, resized and artificial ones: four "
        "convolutions with batch normalisation, averaged over time.",
        "Averaging over the bands as well forgets where in the spectrum something lies; try it "
        "with --set model.head=average.",
        "All six voices are in training and in test under the paper's protocol.",
    ),
    corrects=(
        "the epoch is chosen on validation clips, by their loss",
        "batches of 16 with masks, whose padding changes nothing",
        "the same network for all variants, so that they can be compared: averaged over time, "
        "not over the bands",
        "no noise is subtracted: the first second of a clip is speech",
    ),
)
