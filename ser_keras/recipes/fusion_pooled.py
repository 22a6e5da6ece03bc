"""`fusion` on several corpora at once, for a voice of one of them that was never heard before.

It repeats no published system. `general` is for corpora that were never heard before.
"""

import dataclasses

from ser_keras.recipes import fusion, general

RECIPE = dataclasses.replace(
    fusion.RECIPE,
    title="Frozen speaker encoder and 432 functionals, one dense layer, on several corpora",
    corpora=("ravdess", "savee", "tess"),
    emotions=general.RECIPE.emotions,
    merged=general.RECIPE.merged,
    notes=(
        "It learns from the voices of three corpora, each corpus and each emotion of it with the "
        "same weight. RAVDESS's calm counts as neutral: the others have no such emotion, and a "
        "network that knows it calls sad clips of theirs calm. That was first seen on test clips, "
        "in a run of `fusion`.",
        "It is trained as `fusion` is: on each clip as it is, and adapted to all clips of its "
        "speaker.",
        "It was chosen on the training side of fold 0 under `speaker`, with the TESS actress left "
        "out (UAR 0.306 plain and 0.550 adapted to the speaker), and twice with speakers of "
        "RAVDESS and SAVEE left out (0.636 and 0.722). `fusion` itself has 0.247 and 0.539 on the "
        "actress; the clips that `general` learns from give 0.318 and 0.537, and 0.493 and 0.722; "
        "`encoder-linear` with the same emotions gives 0.225 and 0.544, and 0.574 and 0.689. The "
        "penalties are those of `fusion`.",
        "Nothing was published of it.",
    ),
)
