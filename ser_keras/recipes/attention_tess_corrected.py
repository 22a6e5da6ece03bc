"""The TESS attention system with correct axes, scaling and padding.

Corrects `attention_tess`; what is not named here is the same.
"""

import dataclasses

from ser_keras.recipes import attention_tess

LATE_STEPS = (
    "The LSTM and the attention run over 9 steps in time, each of about 0.37 s. Behind an LSTM a "
    "step carries all that came before it, so the later steps of a clip get most of the weight: it "
    "shows how much has been heard, and little about where the emotion lies."
)

RECIPE = dataclasses.replace(
    attention_tess.RECIPE,
    title="CNN, LSTM and attention over time, 40 MFCC on TESS",
    batch=dataclasses.replace(
        attention_tess.RECIPE.batch,
        axes="time_first",
        mask=True,
        normalize="feature",
        normalize_after_padding=False,
        fit_on=("train",),
    ),
    model={"second_lstm": False},
    notes=(
        LATE_STEPS,
        "Both speakers, the carrier phrase and all 200 words still occur in training and in test "
        "under the paper's protocol.",
    ),
    corrects=(
        "time is the sequence axis: 130 x 40 becomes 9 steps of 192 features",
        "each coefficient has its own mean and deviation, fitted on training clips alone",
        "padding comes after the scaling and is masked in the LSTM and in the attention",
        "the second LSTM, which never saw more than one step, is dropped",
    ),
)
