"""The RAVDESS CNN and Transformer with a rate that learns, real shortcuts, and masks.

Corrects `acnt_ravdess`; what is not named here is the same. Two augmentations of the published
README are left out: inverted polarity, because it does not change a power spectrum, and gain,
because it would hide how loud an emotion is.
"""

import dataclasses

from ser_keras.augment import Augmentation, FrequencyMask, NoiseAtSNR, PitchShift, TimeMask
from ser_keras.recipes import acnt_ravdess

RECIPE = dataclasses.replace(
    acnt_ravdess.RECIPE,
    title="CNN and Transformer over log-mel on RAVDESS, learning",
    batch=dataclasses.replace(
        acnt_ravdess.RECIPE.batch, mask=True, normalize="feature", normalize_after_padding=False
    ),
    augment=Augmentation(
        steps=(
            NoiseAtSNR(snr_db=(10.0, 30.0)),
            PitchShift(semitones=(-2.0, 2.0)),
            FrequencyMask(limit=(8, 8), fill="mean"),
            TimeMask(limit=(35, 35), fill="mean"),
        ),
        probability=0.5,
        copies=2,
        when="epoch",
    ),
    training=dataclasses.replace(
        acnt_ravdess.RECIPE.training,
        learning_rate=5e-4,
        warmup_epochs=5,
        plateau_factor=0.5,
        plateau_patience=10,
        min_learning_rate=1e-6,
        patience=30,
    ),
    model={"projection": True, "normalize_first": True, "inner": 512},
    notes=(
        "The same two sentences are said in training and in test; under the paper's protocol the "
        "same actors, too.",
        acnt_ravdess.CUT,
    ),
    corrects=(
        "the learning rate is 5e-4 after a warm-up of 5 epochs, and the Transformer normalises "
        "before its attention, so that it learns at all",
        "the two residual blocks have shortcuts, by a 1 x 1 convolution",
        "each clip counts once: no copy of a validation clip is in training",
        "bands are normalised by the training clips, not by each clip itself, which removed how "
        "loud and how bright a voice is; padding comes after it and is masked throughout",
        "the feed-forward part of the Transformer is 512 wide, the usual 4 times its width; 2,048 "
        "is a library's default for a width of 512",
        "augmentation runs: noise and pitch on the waveform, masks on the spectrogram",
        "the rate is halved after 10 epochs on a plateau instead of cut to a tenth after 4, and "
        "training ends 30 epochs after the best one instead of 20",
    ),
)
