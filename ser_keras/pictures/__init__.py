"""All pictures, one file a kind, drawn without a screen and without matplotlib's global state."""

from ser_keras.pictures.attention import Attention, attention
from ser_keras.pictures.comparison import Measured, comparison
from ser_keras.pictures.confusion import confusion_matrix
from ser_keras.pictures.corpus import class_counts, durations, explore
from ser_keras.pictures.coverage import Curve, coverage
from ser_keras.pictures.history import training_history
from ser_keras.pictures.ladder import Rung, ladder, speaker_text_grid
from ser_keras.pictures.reliability import reliability
from ser_keras.pictures.sounds import augmented_examples, mel_spectrograms, waveforms
from ser_keras.pictures.stress import stress
from ser_keras.pictures.timeline import EMOTION_COLOURS, emotion_colours, timeline

__all__ = [
    "EMOTION_COLOURS",
    "Attention",
    "Curve",
    "Measured",
    "Rung",
    "attention",
    "augmented_examples",
    "class_counts",
    "comparison",
    "confusion_matrix",
    "coverage",
    "durations",
    "emotion_colours",
    "explore",
    "ladder",
    "mel_spectrograms",
    "reliability",
    "speaker_text_grid",
    "stress",
    "timeline",
    "training_history",
    "waveforms",
]
