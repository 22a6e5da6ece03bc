"""The resized CNN on ten artificial pictures for each clip of AESDD, as published (Sigurd).

Varies `mel_cnn_aesdd_resized`. The report speaks of noise with a variance of 0.01 and of whole
semitones; the code draws noise with a deviation of 0.01 dB and any fraction of a semitone. What it
calls a pitch shift runs along time, and its masks are filled with 0 dB, the loudest value of the
picture. Its check for duplicates compares whether arrays are the same object, so it cannot find
any; 1 in 39 pictures is an unchanged copy.

The notebook also trains the network for any length on such pictures; those figures come last below.
"""

import dataclasses

from ser_keras.augment import (
    Augmentation,
    DecibelNoise,
    FrequencyMask,
    PitchShiftAlongTime,
    TimeMask,
)
from ser_keras.recipes import mel_cnn_aesdd_resized, mel_cnn_aesdd_variable
from ser_keras.recipes._mel_cnn_aesdd import published

RECIPE = dataclasses.replace(
    mel_cnn_aesdd_resized.RECIPE,
    title="CNN over artificial log-mel of 256 frames on AESDD",
    augment=Augmentation(
        steps=(
            DecibelNoise(deviation_db=0.01),
            PitchShiftAlongTime(semitones=(-4.0, 4.0)),
            FrequencyMask(limit=(10, 30), fill=0.0),
            TimeMask(limit=(10, 50), fill=0.0),
        ),
        probability=0.6,
        copies=10,
        keep_original=False,
        when="once",
    ),
    training=dataclasses.replace(
        mel_cnn_aesdd_resized.RECIPE.training, learning_rate=1e-3, batch_size=16
    ),
    published=(
        published(0.6281, "notebook: resized, 4 convolutions, rate 1e-3, epoch 17 of 50"),
        published(0.5289, "notebook: the same run at its last epoch", selected_on=None),
        published(0.5950, "notebook: resized, 4 convolutions, rate 1e-4, epoch 28 of 50"),
        published(0.7025, "notebook: any length, 4 convolutions, rate 1e-4, epoch 72 of 100"),
        published(0.6694, "notebook: any length, 4 convolutions, rate 1e-3, epoch 18 of 100"),
    ),
    notes=(
        mel_cnn_aesdd_resized.BEST_OF_50,
        "The noise is 0.01 dB in a range of 80 dB, too little to be visible.",
        'The "pitch shift" smears each band along time and shifts no pitch.',
        "Masks hide with the loudest value, not with silence.",
        mel_cnn_aesdd_variable.NO_NOISE_REDUCTION,
        mel_cnn_aesdd_variable.SHARED_VOICES,
    ),
)
