"""One dense layer over the states of a frozen speaker encoder: for voices never heard before.

It repeats no published system. The encoder is GE2E as trained on VoxCeleb, see
`ser_keras/models/speaker_encoder`; nothing of it is trained here.
"""

from ser_keras.batches import BatchSpec
from ser_keras.corpora import emotions
from ser_keras.features import FeatureSpec
from ser_keras.recipes import Recipe, Training, network_inputs
from ser_keras.recipes.mfcc_statistics import draw


def build(shapes, n_classes, *, l2=0.01):
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
        "Each step sees all training clips, so the 150 steps end at the one minimum of the loss, "
        "whose value the last hundred steps change by 2 %; the validation clips choose nothing.",
        "The penalty was chosen by cross-validation over speakers inside the training sides of "
        "RAVDESS's five folds: of six from 0.001 to 0.3 the best in the mean is 0.01 (UAR 0.639), "
        "and 0.003 and 0.03 are 0.002 behind. It was chosen on no other corpus.",
        "Nothing was published of it.",
    ),
    build=build,
    draw=draw,
)
