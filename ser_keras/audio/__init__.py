"""The only opener of sound: finds sound files and reads them as mono float32.

`walking` finds files, `header` judges what their headers promise, `decoding` opens and decodes
them, and `reading` makes mono samples of one rate. A file that cannot be read raises an error that
says why, in one sentence.
"""

from ser_keras.audio.decoding import MAX_CHANNELS, RATES
from ser_keras.audio.reading import (
    MAX_LEVEL,
    MAX_SAMPLES,
    MAX_SECONDS,
    MIN_LEVEL,
    Clip,
    Sound,
    from_samples,
    hear,
    hear_samples,
    inspect,
    length,
    read,
    squeeze,
)
from ser_keras.audio.walking import (
    MAX_DEPTH,
    MAX_FOLDERS,
    SUFFIXES,
    is_named_as_sound,
    walk,
)

__all__ = [
    "MAX_CHANNELS",
    "MAX_DEPTH",
    "MAX_FOLDERS",
    "MAX_LEVEL",
    "MAX_SAMPLES",
    "MAX_SECONDS",
    "MIN_LEVEL",
    "RATES",
    "SUFFIXES",
    "Clip",
    "Sound",
    "from_samples",
    "hear",
    "hear_samples",
    "inspect",
    "is_named_as_sound",
    "length",
    "read",
    "squeeze",
    "walk",
]
