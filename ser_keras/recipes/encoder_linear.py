"""One dense layer over the states of a frozen speaker encoder: for voices never heard before.

It repeats no published system. The encoder is GE2E as trained on VoxCeleb, see
`ser_keras/models/speaker_encoder`; nothing of it is trained here.
"""

from ser_keras.batches import BatchSpec
from ser_keras.corpora import emotions
from ser_keras.features import FeatureSpec
from ser_keras.recipes import Recipe, Training, network_inputs
from ser_keras.recipes.mfcc_statistics import draw


def build(shapes, n_classes, *, l2=0.03):
    """Return the network, not compiled.

    Args:
        shapes: Shapes of the inputs without the batch axis: `features` (numbers,).
        n_classes: Number of emotions, the width of the softmax.
        l2: Weight of the L2 penalty on the kernel.
    """
    import keras
    from keras import layers

    inputs = network_inputs(shapes)
    emotion = layers.Dense(
        n_classes,
        activation="softmax",
        kernel_regularizer=keras.regularizers.L2(l2),
        name="emotion",
    )(inputs["features"])
    return keras.Model(inputs, emotion, name="vector_linear")


RECIPE = Recipe(
    title="Frozen speaker encoder, one dense layer",
    sources=(
        "this project",
        "Wan, Wang, Papir and Lopez Moreno 2018, arXiv:1710.10467: the encoder",
        "resemblyzer 0.1.4: its weights",
    ),
    corpora=("ravdess",),
    emotions=emotions.VOCABULARY,
    features=FeatureSpec(kind="speaker_encoder"),
    batch=BatchSpec(fit="mean", normalize="feature", limit=5.0),  # (1024,)
    training=Training(
        learning_rate=1e-2,
        batch_size=8_192,
        epochs=150,
        monitor="epoch",
        patience=None,
        schedule="constant",
        balanced=True,
        fit_on=("train", "validation"),
        adapted=("none", "speaker"),
    ),
    notes=(
        "Each clip is 1,024 numbers: mean and deviation over time of the states of two layers, "
        "standardised over the training clips and cut at 5. The encoder heard VoxCeleb and no "
        "emotions, and is not trained here.",
        "Each clip is trained on twice: as it is, and adapted to all clips of its speaker. The "
        "network then serves plain and adapted recordings alike.",
        "Each step sees all training clips, so that the 150 steps end near the one minimum of "
        "the loss; the validation clips choose nothing, and are trained on, too.",
        "The penalty was chosen by cross-validation over speakers inside training sides of "
        "RAVDESS, SAVEE and AESDD: 0.01, 0.03 and 0.1 differ there by a hundredth of UAR at "
        "most.",
        "Nothing was published of it.",
    ),
    build=build,
    draw=draw,
)
