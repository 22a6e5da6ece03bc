"""The only drawer: every picture, drawn without a screen and without matplotlib's global state."""

from ser_keras.report._attention import Attention, attention
from ser_keras.report._corpus import (
    augmented_examples,
    class_counts,
    durations,
    explore,
    mel_spectrograms,
    waveforms,
)
from ser_keras.report._ladder import Rung, ladder, speaker_text_grid
from ser_keras.report._scores import confusion_matrix, reliability, training_history

__all__ = [
    "Attention",
    "Rung",
    "attention",
    "augmented_examples",
    "class_counts",
    "confusion_matrix",
    "durations",
    "explore",
    "ladder",
    "mel_spectrograms",
    "reliability",
    "speaker_text_grid",
    "training_history",
    "waveforms",
]
