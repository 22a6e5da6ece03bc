"""ASED, version 1: 65 speakers of Amharic in everyday rooms, five emotions.

A name such as `03Happy/h3-01-01-02-08.wav` gives the emotion (letter and folder number), the
sentence 01 to 07, the repetition, the sex (01 woman, 02 man) and the speaker. One name has an
upper-case letter (`S4-04-02-01-29`). One clip each of speakers 09, 15, 21, 23 and 25 has the other
sex in its name; the number alone decides about the speaker.

Four pairs of clips are the same recording under two repetitions, bit by bit. 58 more pairs are the
same recording after another encoding or a shift: most of them under two repetitions, one under two
sentences, and four under two speakers, of which the right one is not known. `leakage` found them,
and the waveforms confirm it: those of each pair correlate by at least 0.946.

Text: sentences 01 and 02 are common to all emotions. 03 to 07 belong to one emotion each, so the
text reveals the emotion. Measured by warping (DTW of MFCC) within four speakers: the nearest clip
of another emotion has the same number in 78 of 80 trials with 01 and 02, and in 41 of 200 with 03
to 07.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ser_keras.corpora import emotions
from ser_keras.corpora._corpus import Corpus, Parsed

COMMON = ("01", "02")


def parse(path: str) -> Parsed | None:
    """Return the facts in the name of an ASED clip, or None for another file."""
    match = re.fullmatch(
        r"(n1|f2|h3|s4|a5)-(0[1-7])-([0-9]{2})-0[12]-([0-9]{2})",
        PurePosixPath(path).stem.lower(),
    )
    if not match:
        return None
    emotion, number, speaker = emotions.ASED[match[1][0]], match[2], match[4]
    text = number if number in COMMON else f"{emotion}-{number}"
    return Parsed(speaker, emotion, text=text, take=int(match[3]))


_CLIPS_OF = {
    70: "01 04 06 13 39 41 50",
    66: "05 10 25 26 27 28 29 30",
    58: "11 21",
    54: "20 31",
    50: "23 45 48 51 52 53 54 55 56 57 58 59 60 61 62 63 64 65",
    20: "02 03 32",
    18: "47",
    16: "09 14 18 19 38",
    12: "07 12 15 17 24 33 36 37",
    8: "08 16 22 35 42 43 44 46",
    6: "49",
    4: "34 40",
}
_CLIPS = dict(sorted((voice, n) for n, voices in _CLIPS_OF.items() for voice in voices.split()))

# In these clips repetition 02 is the same recording as repetition 01.
_SAME_RECORDING = """
    a5-01-02-01-37 a5-01-02-01-49 a5-02-02-01-37 a5-03-02-01-21 a5-03-02-01-25 a5-04-02-01-21
    a5-05-02-01-21 a5-05-02-01-25 a5-06-02-01-21 a5-06-02-01-25 a5-07-02-01-21 a5-07-02-01-25
    f2-01-02-01-37 f2-03-02-01-21 f2-04-02-01-21 f2-05-02-01-13 f2-05-02-01-21 f2-05-02-02-50
    f2-06-02-01-21 f2-07-02-01-25 h3-01-02-01-49 h3-02-02-01-49 h3-03-02-01-21 h3-04-02-01-21
    h3-05-02-01-21 h3-06-02-01-11 h3-06-02-01-21 h3-07-02-01-21 h3-07-02-01-31 n1-02-02-01-37
    n1-03-02-01-21 n1-03-02-01-25 n1-04-02-01-21 n1-04-02-01-25 n1-05-02-01-21 n1-05-02-01-25
    n1-06-02-01-21 n1-06-02-01-25 n1-06-02-01-58 n1-06-02-02-06 n1-07-02-01-21 n1-07-02-01-25
    n1-07-02-01-29 s4-03-02-01-21 s4-03-02-01-25 s4-04-02-01-21 s4-04-02-01-58 s4-05-02-01-21
    s4-05-02-01-25 s4-06-02-01-21 s4-07-02-01-21 s4-07-02-01-25
"""
_REPEATS = {name: f"{name[:5]}-01{name[8:]}" for name in _SAME_RECORDING.split()} | {
    "f2-04-01-01-25": "f2-04-01-01-23",
    "f2-07-02-02-21": "f2-07-01-01-21",
    "h3-07-01-01-25": "h3-07-01-01-23",
    "h3-07-01-02-45": "h3-07-01-02-39",
    "n1-05-02-02-45": "n1-05-01-02-52",
    "s4-07-02-02-57": "s4-06-01-02-57",
}

CORPUS = Corpus(
    name="ased",
    title="Amharic Speech Emotion Dataset (ASED)",
    licence="free for research, cite",
    source="Retta et al. 2022, doi:10.1145/3529759",
    home="get it with git clone https://github.com/Ethio2021/ASED_V1",
    archive="its clips are in a Git repository, not in an archive",
    naming="<emotion>-<sentence>-<repetition>-<sex>-<speaker>.wav (h3-01-01-02-08.wav)",
    emotions=("neutral", "happy", "sad", "angry", "fearful"),
    speakers=tuple(_CLIPS),
    expected={
        "clips": 2474,
        "speaker": _CLIPS,
        "emotion": {"angry": 486, "fearful": 510, "happy": 486, "neutral": 522, "sad": 470},
    },
    parse=parse,
    repeats=_REPEATS,
    inner="0[1-5](Neutral|Fearful|Happy|Sad|Angry)",
)
