"""One dense layer over the states of a frozen speaker encoder and over functionals together.

It repeats no published system. The two vectors of a clip stand one behind the other.
"""

import dataclasses

from ser_keras.batches import BatchSpec
from ser_keras.features import FeatureSpec
from ser_keras.models.speaker_encoder import SIZE
from ser_keras.recipes import encoder_linear, functionals_linear, network_inputs


def build(shapes, n_classes, *, l2_encoder=0.03, l2_functionals=0.03):
    """Return the network, not compiled.

    The penalty of each part decides how much the network leans on it.

    Args:
        shapes: Shapes of the inputs without the batch axis: `features` (1024 + functionals,).
        n_classes: Number of emotions, the width of the softmax.
        l2_encoder: Weight of the L2 penalty on the kernel over the states of the encoder.
        l2_functionals: Weight of the L2 penalty on the kernel over the functionals.
    """
    import keras
    from keras import layers

    inputs = network_inputs(shapes)
    vector = inputs["features"]
    parts = {
        "encoder": (vector[:, :SIZE], l2_encoder),
        "functionals": (vector[:, SIZE:], l2_functionals),
    }
    scores = [
        layers.Dense(
            n_classes,
            use_bias=name == "encoder",
            kernel_regularizer=keras.regularizers.L2(l2),
            name=name,
        )(part)
        for name, (part, l2) in parts.items()
    ]
    emotion = layers.Softmax(name="emotion")(layers.Add(name="scores")(scores))
    return keras.Model(inputs, emotion, name="fusion")


RECIPE = dataclasses.replace(
    encoder_linear.RECIPE,
    title="Frozen speaker encoder and 432 functionals, one dense layer",
    sources=(*encoder_linear.RECIPE.sources, functionals_linear.RECIPE.sources[-1]),
    features=FeatureSpec(kind="speaker_encoder+functionals"),
    batch=BatchSpec(fit="mean", normalize="feature", signed_root=True, limit=5.0),  # (1456,)
    notes=(
        "Each clip is 1,024 numbers of the encoder and 432 functionals. The signed square root "
        "is taken of all; they are then standardised over the training clips and cut at 5.",
        "It is trained as `encoder-linear` is.",
        "The penalties were chosen by cross-validation over speakers inside training sides of "
        "RAVDESS, SAVEE, AESDD and ASED: four pairs from 0.01 to 0.1 differ there by "
        "three hundredths of UAR at most, and the corpora prefer different ones.",
        "Nothing was published of it.",
    ),
    build=build,
)
