"""AESDD: six Greek actors say 19 sentences, and one of their own, in five emotions.

A name such as `anger/a01 (5)b.wav` gives the emotion, the sentence, the voice in brackets and the
take: a suffix after the bracket marks an extra take, and `(01)` is voice 1. A flat folder with the
same names is also in use. `sadness/s05 (3).wav` is empty, and three clips that the scheme allows
were never there.

Text: 01 to 19 are the same sentence in every emotion. 20 is improvised "for every actor and
emotion" (README of version 1.0), so each voice and emotion has a text of its own. Measured by
warping (DTW of MFCC) within each voice: the nearest clip of another emotion has the same number in
2,073 of 2,260 trials with 01 to 19, and in 4 of 120 with 20.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ser_keras.corpora import emotions
from ser_keras.corpora._corpus import Corpus, Parsed

TAKES = {"": 1, "a": 1, "b": 2, "c": 3}
IMPROVISED = "20"


def parse(path: str) -> Parsed | None:
    """Return the facts in the name of an AESDD clip, or None for another file."""
    match = re.fullmatch(
        r"([adfhs])(0[1-9]|1[0-9]|20) \(0?([1-9])\)([abc]?)",
        PurePosixPath(path).stem,
        re.IGNORECASE,
    )
    if not match:
        return None
    emotion, text, speaker = emotions.AESDD[match[1].lower()], match[2], match[3]
    if text == IMPROVISED:
        text = f"{emotion}-{text}-{speaker}"
    return Parsed(speaker, emotion, text=text, take=TAKES[match[4].lower()])


CORPUS = Corpus(
    name="aesdd",
    title="Acted Emotional Speech Dynamic Database (AESDD)",
    licence="free for research, cite",
    source="Vryzas et al. 2018, Speech emotion recognition for performance interaction, JAES 66(6)",
    home="get it from http://m3c.web.auth.gr/research/aesdd-speech-emotion-recognition",
    archive="no archive with a permanent address is known",
    naming="<emotion><sentence> (<voice>).wav (a01 (1).wav)",
    emotions=("happy", "sad", "angry", "fearful", "disgust"),
    speakers=("1", "2", "3", "4", "5", "6"),
    expected={  # without the empty file
        "clips": 604,
        "speaker": {"1": 100, "2": 100, "3": 98, "4": 99, "5": 107, "6": 100},
        "emotion": {"angry": 121, "disgust": 122, "fearful": 120, "happy": 119, "sad": 122},
    },
    parse=parse,
    inner="anger|disgust|fear|happiness|sadness",
)
