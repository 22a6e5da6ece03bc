"""One hidden layer over 432 functionals of pitch, voice, spectrum and rhythm.

It repeats no published system; `ser_keras/functionals` says what each number is and whence.
"""

import dataclasses

from ser_keras.recipes import encoder_mlp, functionals_linear

RECIPE = dataclasses.replace(
    functionals_linear.RECIPE,
    title="432 functionals of pitch, voice, spectrum and rhythm, one hidden layer",
    training=encoder_mlp.RECIPE.training,
    model={},
    notes=("Nothing was published of it.",),
    build=encoder_mlp.build,
)
