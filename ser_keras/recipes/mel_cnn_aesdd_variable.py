"""CNN over log-mel pictures of any length on AESDD, as published (Sigurd).

Code: https://github.com/SigurdST/emotion_recognition, `notebook.ipynb` with its outputs (PyTorch),
and `REPORT.md`.

Where report and code disagree: the code's mel bands end at 8,000 Hz, which the report does not say;
the report calls the data perfectly balanced (119 to 122 clips a class). In both, the epoch is
chosen by its accuracy on the 121 test clips, which are then reported. Everything below follows the
code; `convolutions` is 3 or 4, as in its two networks.

torch and Keras: kernels start in torch's range, but biases at zero instead of in that range. Batch
normalisation (in the resized networks) has torch's momentum 0.1, which is 0.9 here. Axes are
written time first, which makes no difference to square kernels.
"""

from ser_keras.batches import BatchSpec
from ser_keras.features import FeatureSpec
from ser_keras.recipes import Recipe, Training
from ser_keras.recipes._mel_cnn_aesdd import draw, published

NO_NOISE_REDUCTION = (
    "The published code first subtracts noise, taking the first second of each clip for noise, "
    "which is speech in most; that step is left out here. Its peak normalisation needs no step of "
    "its own: the decibels are relative to the clip's loudest bin."
)
SHARED_VOICES = "All six voices are in training and in test."


def build(
    shapes,
    n_classes,
    *,
    convolutions=3,
    filters=16,
    batch_norm=False,
    head="average",
    dropout=0.25,
):
    """Return the network, not compiled.

    Args:
        shapes: Shape of the input without the batch axis: `features` (frames, bands, 1); frames
            may be None for any length with the head "average".
        n_classes: Number of emotions, the width of the softmax.
        convolutions: Number of convolutions, 3 or 4 in the published networks.
        filters: Number of filters of the first convolution; each further one doubles it.
        batch_norm: Whether batch normalisation follows each convolution.
        head: "average" over time and bands, or "flatten".
        dropout: Dropout rate before the last layer.
    """
    import keras
    from keras import layers

    from ser_keras.layers import FusedBatchNormalization

    def start():  # of torch: uniform within 1 / sqrt(fan in)
        return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")

    # the third map of the smallest network is averaged as it is
    pools = 2 if convolutions == 3 and head == "average" else convolutions
    features = keras.Input(shapes["features"], name="features")
    x = features
    for number in range(1, convolutions + 1):
        x = layers.Conv2D(
            filters * 2 ** (number - 1),
            3,
            padding="same",
            kernel_initializer=start(),
            name=f"conv_{number}",
        )(x)
        if batch_norm:
            x = FusedBatchNormalization(momentum=0.9, epsilon=1e-5, name=f"norm_{number}")(x)
        x = layers.ReLU(name=f"relu_{number}")(x)
        if number <= pools:
            x = layers.MaxPooling2D(2, name=f"pool_{number}")(x)
    pooling = {"average": layers.GlobalAveragePooling2D, "flatten": layers.Flatten}[head]
    x = pooling(name=head)(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    emotion = layers.Dense(
        n_classes, activation="softmax", kernel_initializer=start(), name="emotion"
    )(x)
    return keras.Model({"features": features}, emotion, name="mel_cnn_aesdd")


RECIPE = Recipe(
    title="CNN over log-mel of any length on AESDD",
    sources=("github.com/SigurdST/emotion_recognition, notebook.ipynb and REPORT.md",),
    corpora=("aesdd",),
    emotions=("angry", "disgust", "fearful", "happy", "sad"),
    features=FeatureSpec(
        kind="log_mel", sample_rate=44_100, n_mels=128, fmax=8_000.0, ref="max", top_db=80.0
    ),
    batch=BatchSpec(frames=None, channel=True, normalize="clip"),
    training=Training(
        optimizer="adam",
        learning_rate=1e-3,
        batch_size=1,
        epochs=300,
        monitor="val_accuracy",
        patience=None,
        schedule="constant",
    ),
    published=(
        published(0.7438, "notebook: 3 convolutions, rate 1e-3, epoch 236 of 300, 90 of 121"),
        published(0.6529, "notebook: the same run at its last epoch", selected_on=None),
        published(0.7190, "notebook: 4 convolutions, rate 1e-3, epoch 88 of 100"),
        published(0.6777, "notebook: 4 convolutions, rate 1e-4, epoch 224 of 250"),
        published(0.6612, "notebook: 3 convolutions, rate 1e-4, epoch 706 of 1,000"),
        published(0.2066, "notebook: 3 convolutions, rate 1e-2, epoch 2 of 50"),
    ),
    notes=(
        "The published 0.7438 is the best of 300 epochs, chosen by its accuracy on the 121 test "
        "clips; at its lowest printed test loss that run had 0.636, at its end 0.653. Here an "
        "eighth of the training clips chooses the epoch, and the test clips are scored once.",
        NO_NOISE_REDUCTION,
        "Each batch is one clip, so that nothing is padded.",
        SHARED_VOICES,
    ),
    build=build,
    draw=draw,
)
