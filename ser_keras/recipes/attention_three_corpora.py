"""CNN, LSTM and attention over 40 MFCC on RAVDESS, SAVEE and TESS together (Singh et al., 2023).

Paper: J. Singh, L. B. Saheer and O. Faust, "Speech Emotion Recognition Using Attention Model", Int.
J. Environ. Res. Public Health 2023, 20(6), 5140, doi:10.3390/ijerph20065140. No code is public.

From its abstract: the corpora, the eight classes, MFCC as the best features, a two-dimensional CNN
with LSTM and "self-attention", and 90 % average test accuracy. The network is that of the diagram
in github.com/Edeni96/Voice_emotion_recognition at 72c27b5, which cites the paper and ends in eight
outputs; it pools with tanh-scored attention, which is no self-attention. Number of MFCC, frames,
split and training settings are not in the abstract; here they are those of that repository's code.
So this is a reconstruction, not the authors' own code.
"""

import dataclasses

from ser_keras.recipes import Published, attention_tess

RECIPE = dataclasses.replace(
    attention_tess.RECIPE,
    title="CNN, LSTM and attention over 40 MFCC on RAVDESS, SAVEE and TESS",
    sources=(
        "Singh, Saheer and Faust 2023, doi:10.3390/ijerph20065140",
        "github.com/Edeni96/Voice_emotion_recognition at 72c27b5",
    ),
    corpora=("ravdess", "savee", "tess"),
    emotions=("happy", "sad", "angry", "surprised", "disgust", "calm", "fearful", "neutral"),
    published=(
        Published(
            0.90,
            "accuracy",
            corpus="ravdess+savee+tess",
            source='abstract, "average test accuracy"; it gives neither split nor number of clips',
        ),
    ),
    notes=(
        "59 % of the clips are TESS, by two voices. If TESS is solved, as it is on random splits, "
        "0.90 over all leaves about 0.75 for RAVDESS and SAVEE together.",
        "Calm occurs in RAVDESS alone, so recognising the recording narrows it down; the corpora "
        "differ in sample rate, noise floor and text.",
        "Order of the classes, number of MFCC, lengths, split and training settings are not in the "
        "abstract; they follow the public code with the same diagram, whose sequence axis holds "
        "cepstral coefficients and not time.",
        "A random split shares all 30 voices.",
        "On RAVDESS alone, or with RAVDESS or TESS left out (14 to 28 steps an epoch), ten epochs "
        "of patience end before the averages of batch normalisation (momentum 0.99) have left "
        "their initial values: it gives every clip the same emotion.",
    ),
)
