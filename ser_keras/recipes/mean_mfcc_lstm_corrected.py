"""The TESS LSTM, run over time.

Corrects `mean_mfcc_lstm`; what is not named here is the same.
"""

import dataclasses

from ser_keras.batches import BatchSpec
from ser_keras.recipes import mean_mfcc_lstm

RECIPE = dataclasses.replace(
    mean_mfcc_lstm.RECIPE,
    title="LSTM over time, 40 MFCC on TESS",
    batch=BatchSpec(frames=130, fit="pad", mask=True, normalize="feature"),  # (130, 40)
    notes=(
        "The LSTM runs over the frames of a clip, as the README says of the published one.",
        "Both speakers, the carrier phrase and all 200 words still occur in training and in test "
        "under the paper's protocol.",
    ),
    corrects=(
        "time is the sequence axis: frames x 40 instead of 40 averages x 1",
        "each coefficient has its own mean and deviation, fitted on training clips alone",
        "padding comes after the scaling, and the LSTM skips it",
    ),
)
