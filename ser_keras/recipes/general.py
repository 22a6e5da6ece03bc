"""The model for voices and rooms that nobody knows: what carries from corpus to corpus.

It repeats no published system. It is `fusion`, trained on several corpora at once.
"""

import dataclasses

from ser_keras.recipes import fusion

RECIPE = dataclasses.replace(
    fusion.RECIPE,
    title="Frozen speaker encoder and 432 functionals, one dense layer, for unknown corpora",
    corpora=("ravdess", "tess", "savee", "aesdd", "ased"),
    emotions=("neutral", "happy", "sad", "angry", "fearful", "disgust", "surprised"),
    merged={"calm": "neutral"},
    training=dataclasses.replace(
        fusion.RECIPE.training, batch_size=32_768, adapted=("speaker", "corpus")
    ),
    notes=(),
)
