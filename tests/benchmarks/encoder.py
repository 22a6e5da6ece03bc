"""The frozen speaker encoder against the playing time of the clips: how many times real time.

What counts is the time of the processor, which other work on the machine hardly changes. The
encoder computes on one core, so this is also how long it takes on an idle one.
"""

from __future__ import annotations

import functools
import os
import time

import numpy as np

from ser_keras import audio
from ser_keras.features import FeatureSpec, extract, extract_many
from tests.benchmarks.rows import Measurement, Row
from tests.benchmarks.setting import Setting
from tests.benchmarks.timing import Spread, interleave, timed

SPEC = FeatureSpec(kind="speaker_encoder")
SECONDS = 3.0  # of each clip, which is repeated to this length
CLIPS = 32  # as many as the encoder computes together


@functools.cache
def _clips(setting: Setting) -> list[np.ndarray]:
    paths = setting.clips[:: max(1, len(setting.clips) // CLIPS)][:CLIPS]
    length = int(SECONDS * SPEC.sample_rate)
    return [np.resize(audio.read(path, SPEC.sample_rate), length) for path in paths]


@functools.cache
def _both(setting: Setting) -> tuple[float, dict]:
    clips = _clips(setting)
    one, several = [extract(clip, SPEC) for clip in clips], extract_many(clips, SPEC)
    np.testing.assert_allclose(np.concatenate(several), np.concatenate(one), atol=1e-5)
    contenders = {
        "one": timed(lambda: [extract(clip, SPEC) for clip in clips], clock=time.process_time),
        "several": timed(lambda: extract_many(clips, SPEC), clock=time.process_time),
    }
    return SECONDS * len(clips), interleave(contenders, setting.repeats)


def _against_playing(way: str):
    """Return the function that compares one way of computing with the playing time."""

    def measure(setting: Setting) -> Measurement:
        playing, costs = _both(setting)
        ours = costs[way].seconds
        load = f"load average of the machine {os.getloadavg()[0]:.0f}"
        return Measurement(ours, Spread(tuple(playing for _ in ours.values)), note=load)

    return measure


ROWS = (
    Row(
        "encoder-one",
        f"speaker encoder, {CLIPS} clips of {SECONDS:.0f} s one by one, processor time",
        "their playing time",
        _against_playing("one"),
        target=60,
    ),
    Row(
        "encoder-several",
        f"speaker encoder, {CLIPS} clips of {SECONDS:.0f} s together, processor time",
        "their playing time",
        _against_playing("several"),
        target=150,
    ),
)
