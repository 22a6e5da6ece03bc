"""The AdaFNN system with basis functions that share layers, and a penalty that works on them.

Corrects `adafnn_transformer`; what is not named here is the same.
"""

import dataclasses

from ser_keras.augment import Augmentation, FrequencyMask, FrequencyShift, TimeMask, TimeShift
from ser_keras.recipes import adafnn_transformer

RECIPE = dataclasses.replace(
    adafnn_transformer.RECIPE,
    title="Transformer, LSTM and shared AdaFNN over 40 bands, four emotions",
    batch=dataclasses.replace(adafnn_transformer.RECIPE.batch, mask=True),
    augment=Augmentation(
        steps=(
            TimeShift(frames=(-2, 2)),
            FrequencyShift(bands=(-1, 1)),
            TimeMask(limit=(20, 20), fill="mean"),
            FrequencyMask(limit=(6, 6), fill="mean"),
        ),
        probability=0.5,
        copies=3,
        when="epoch",
    ),
    model={
        "positions": True,
        "inner": 160,
        "basis_width": 32,
        "basis_dropout": 0.0,
        "share": "band",
        "k_2": 0,
        "pairs": "band",
        "detach_norm": False,
    },
    notes=(adafnn_transformer.DATA_NOT_PUBLIC,),
    corrects=(
        "nothing is flipped; time and bands are shifted and masked on their own axes, anew in each "
        "epoch",
        "the Transformer gets the order of the frames, and padding is masked throughout",
        "the feed-forward part of the Transformer is 160 wide, the usual 4 times its 40 bands; "
        "2,048, 51 times as much, is a library's default for a width of 512, and cost two thirds "
        "of a training step",
        "the functions of a band share hidden layers of width 32: 0.15 M weights instead of 48 M",
        "the orthogonality penalty takes all 15 pairs within each band, with a gradient through "
        "the norm",
        "the basis functions are the same in training and in use: no dropout within them",
        "no clip is dropped from an incomplete batch",
    ),
)
