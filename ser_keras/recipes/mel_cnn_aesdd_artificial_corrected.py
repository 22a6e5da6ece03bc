"""The AESDD CNN for pictures of 256 frames, with augmentation that does what its name says.

Corrects `mel_cnn_aesdd_artificial`: it is `mel_cnn_aesdd_resized_corrected` with augmentation.
"""

import dataclasses

from ser_keras.augment import Augmentation, FrequencyMask, NoiseAtSNR, PitchShift, TimeMask
from ser_keras.recipes import mel_cnn_aesdd_artificial, mel_cnn_aesdd_resized_corrected

RECIPE = dataclasses.replace(
    mel_cnn_aesdd_resized_corrected.RECIPE,
    title="CNN over augmented log-mel of 256 frames on AESDD",
    augment=Augmentation(
        steps=(
            NoiseAtSNR(snr_db=(10.0, 30.0)),
            PitchShift(semitones=(-2.0, 2.0)),
            FrequencyMask(limit=(10, 30), fill="floor"),
            TimeMask(limit=(10, 50), fill="floor"),
        ),
        probability=0.6,
        copies=3,
        when="epoch",
    ),
    published=mel_cnn_aesdd_artificial.RECIPE.published,
    corrects=(
        *mel_cnn_aesdd_resized_corrected.RECIPE.corrects,
        "pitch is shifted on the waveform, by 2 semitones at most",
        "noise is added to the waveform, 10 to 30 dB below the speech",
        "masks are filled with the clip's quietest value, and drawn anew in each epoch",
        "the clips themselves are trained on as well",
    ),
)
