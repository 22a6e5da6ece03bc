"""Sounds, and the files that the tests write from them."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import soundfile

from ser_keras.errors import SerKerasError


def sound(seconds=1.0, rate=22_050, channels=1, level=0.3):
    """Return a tone in noise, whole numbers of 16 bit, so that each lossless format keeps it."""
    rng = np.random.default_rng(3)
    time = np.arange(round(seconds * rate)) / rate
    tone = np.sin(2 * np.pi * 440 * time) + 0.1 * rng.standard_normal(len(time))
    samples = np.stack([tone * level / (1 + i) for i in range(channels)], axis=1)
    return np.round(samples * 2**15).astype(np.int16)


def write(path, samples=None, rate=22_050, **options):
    soundfile.write(path, sound() if samples is None else samples, rate, **options)
    return path


def wav(path, promised, samples=None, riff=None):
    """Write a WAV whose header promises this number of bytes."""
    data = (sound() if samples is None else samples).astype("<i2").tobytes()
    head = struct.pack("<IHHIIHH", 16, 1, 1, 22_050, 44_100, 2, 16)
    riff = 36 + promised if riff is None else riff
    path.write_bytes(
        b"RIFF" + struct.pack("<I", riff % 2**32) + b"WAVEfmt " + head
        + b"data" + struct.pack("<I", promised) + data
    )  # fmt: skip
    return path


def refusal(function, *arguments, **options):
    with pytest.raises(SerKerasError) as caught:
        function(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


FORMATS = {  # suffix: format, subtype, rate
    "wav": ("WAV", "PCM_16", 22_050),
    "rf64": ("RF64", "PCM_16", 22_050),
    "w64": ("W64", "PCM_16", 22_050),
    "aiff": ("AIFF", "PCM_16", 22_050),
    "au": ("AU", "PCM_16", 22_050),
    "caf": ("CAF", "PCM_16", 22_050),
    "flac": ("FLAC", "PCM_16", 22_050),
    "ogg": ("OGG", "VORBIS", 22_050),
    "opus": ("OGG", "OPUS", 24_000),
    "mp3": ("MP3", "MPEG_LAYER_III", 22_050),
}
LOSSLESS = ("wav", "rf64", "w64", "aiff", "au", "caf", "flac")


def write_as(folder, suffix, seconds=4.0):
    kind, subtype, rate = FORMATS[suffix]
    path = folder / f"clip.{suffix}"
    return write(path, sound(seconds, rate), rate, format=kind, subtype=subtype)
