"""ASED, version 1: 65 speakers of Amharic in everyday rooms, five emotions.

`03Happy/h3-01-01-02-08.wav` is emotion (letter and folder number), sentence 01 to 07, repetition,
sex (01 woman, 02 man), speaker. One name has an upper-case letter (`S4-04-02-01-29`), and one clip
each of speakers 09, 15, 21, 23 and 25 has the other sex: the number is the speaker, whatever the
sex. Four pairs of clips are the same recording under two repetitions.

Text: sentences 01 and 02 are common to all emotions, 03 to 07 belong to one emotion each, so
text tells emotion away. Measured by warping (DTW of MFCC) within four speakers: the nearest clip of
another emotion has the same number in 78 of 80 trials with 01 and 02, in 41 of 200 with 03 to 07.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ser_keras.corpora import emotions
from ser_keras.corpora._corpus import Corpus, Parsed

COMMON = ("01", "02")


def parse(path: str) -> Parsed | None:
    """Return what the name of an ASED clip says."""
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
    inner="0[1-5](Neutral|Fearful|Happy|Sad|Angry)",
)
