"""The only opener of sound: finds sound files and reads them as mono float32.

`walking` finds files, `header` judges what their headers promise, `decoding` opens and decodes
them (`media` those that libsndfile does not know), `mixing` makes one channel of several,
`reading` makes mono samples of one rate, `streaming` does so block by block, `envelope` keeps the
outline of a waveform, and `microphone` gives live sound. A file that cannot be read raises an error
that says why, in one sentence.
"""

import importlib
from typing import Any

from ser_keras.audio.decoding import MAX_CHANNELS, RATES
from ser_keras.audio.mixing import MAX_LEVEL, MIN_LEVEL
from ser_keras.audio.reading import (
    MAX_SAMPLES,
    MAX_SECONDS,
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
from ser_keras.audio.streaming import Stream, stream
from ser_keras.audio.walking import (
    MAX_DEPTH,
    MAX_FOLDERS,
    SUFFIXES,
    is_named_as_sound,
    left_out,
    walk,
)

__all__ = [
    "LOWEST_LEVEL",
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
    "Envelope",
    "Sound",
    "Stream",
    "from_samples",
    "hear",
    "hear_samples",
    "inspect",
    "is_named_as_sound",
    "left_out",
    "length",
    "level",
    "listen",
    "read",
    "resample_sinc",
    "squeeze",
    "stream",
    "walk",
]

_LATE = {  # imported on first use, since labelling a file does without them
    "Envelope": "envelope",
    "LOWEST_LEVEL": "microphone",
    "level": "microphone",
    "listen": "microphone",
    "resample_sinc": "sinc",
}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(importlib.import_module(f"{__name__}.{_LATE[name]}"), name)
