"""One dense layer over 432 functionals of pitch, voice, spectrum and rhythm: the classical way.

It repeats no published system; `ser_keras/functionals` says what each number is and whence.
"""

import dataclasses

from ser_keras.batches import BatchSpec
from ser_keras.features import FeatureSpec
from ser_keras.recipes import encoder_linear

RECIPE = dataclasses.replace(
    encoder_linear.RECIPE,
    title="432 functionals of pitch, voice, spectrum and rhythm, one dense layer",
    sources=(
        "this project",
        "eGeMAPS (Eyben et al. 2016) and ComParE (Weninger et al. 2013): the descriptors",
    ),
    features=FeatureSpec(kind="functionals"),
    batch=BatchSpec(fit="mean", normalize="feature", signed_root=True, limit=5.0),  # (432,)
    notes=(
        "Each clip is 432 numbers, of which the signed square root is taken; they are then "
        "standardised over the training clips and cut at 5.",
        "It is trained as `encoder-linear` is.",
        "The penalty was chosen by cross-validation over speakers inside training sides of "
        "RAVDESS, SAVEE and AESDD: 0.01, 0.03 and 0.1 differ there by two hundredths of "
        "UAR at most.",
        "Nothing was published of it.",
    ),
)
