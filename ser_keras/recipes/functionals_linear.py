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
    model={"l2": 0.03},
    notes=(
        "Each clip is 432 numbers, of which the signed square root is taken; they are then "
        "standardised over the training clips and cut at 5.",
        "It is trained as `encoder-linear` is.",
        "The penalty was chosen by cross-validation over speakers inside the training sides of "
        "RAVDESS's five folds: of 0.003, 0.01, 0.03, 0.1 and 0.3 three folds choose 0.03 and two "
        "0.01 (both UAR 0.611 in the mean). It was chosen on no other corpus.",
        "Nothing was published of it.",
    ),
)
