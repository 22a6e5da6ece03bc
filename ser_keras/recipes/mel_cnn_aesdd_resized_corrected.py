"""The AESDD CNN for pictures of 256 frames, with the network of the other variants.

Corrects `mel_cnn_aesdd_resized`: it is `mel_cnn_aesdd_variable_corrected` with resized pictures,
and nothing else changes between the two.
"""

import dataclasses

from ser_keras.recipes import mel_cnn_aesdd_resized, mel_cnn_aesdd_variable_corrected

RECIPE = dataclasses.replace(
    mel_cnn_aesdd_variable_corrected.RECIPE,
    title="CNN over log-mel of 256 frames on AESDD, comparable",
    batch=dataclasses.replace(mel_cnn_aesdd_resized.RECIPE.batch, fit="resize"),
    published=mel_cnn_aesdd_resized.RECIPE.published,
    corrects=(
        "the epoch is chosen on validation clips, by their loss",
        "every clip is interpolated linearly along time: the same way for short and long ones",
        "the same network for all variants, so that they can be compared: averaged over time, "
        "not flattened",
        "no noise is subtracted: the first second of a clip is speech",
    ),
)
