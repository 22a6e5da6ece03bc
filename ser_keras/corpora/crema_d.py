"""CREMA-D: 91 actors say twelve sentences in six emotions.

A name such as `AudioWAV/1001_IEO_ANG_HI.wav` gives the actor, the sentence, the emotion and the
level (LO, MD or HI; XX if the actor was given no level). One name lacks a letter, `1040_ITH_SAD_X`,
and `1076_MTI_SAD_XX` is silent. Three pairs of recordings are reported to be the same sound under
two emotions (such as `1013_WSI_DIS_XX` and `1013_WSI_SAD_XX`). `AudioMP3/` holds the same clips
again. This file was written from the documentation, without a copy of the corpus.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ser_keras.corpora import emotions
from ser_keras.corpora._corpus import Corpus, Parsed

ACTORS = tuple(str(number) for number in range(1001, 1092))
SENTENCES = ("IEO", "TIE", "IOM", "IWW", "TAI", "MTI", "IWL", "ITH", "DFA", "ITS", "TSI", "WSI")
LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": None, "X": None}


def parse(path: str) -> Parsed | None:
    """Return the facts in the name of a CREMA-D clip, or None for another file."""
    match = re.fullmatch(
        r"(1[0-9]{3})_([A-Z]{3})_([A-Z]{3})_(LO|MD|HI|XX?)", PurePosixPath(path).stem.upper()
    )
    if not match or match[1] not in ACTORS or match[2] not in SENTENCES:
        return None
    emotion = emotions.CREMA_D.get(match[3])
    if emotion is None:
        return None
    return Parsed(match[1], emotion, text=match[2], intensity=LEVELS[match[4]])


CORPUS = Corpus(
    name="crema-d",
    title="CREMA-D",
    licence="Open Database License 1.0",
    source="Cao et al. 2014, doi:10.1109/TAFFC.2014.2336244",
    home="get AudioWAV from https://github.com/CheyneyComputerScience/CREMA-D",
    archive="its clips are in a Git repository (LFS), not in an archive",
    naming="<actor>_<sentence>_<emotion>_<level>.wav (1001_DFA_ANG_XX.wav)",
    emotions=("neutral", "happy", "sad", "angry", "fearful", "disgust"),
    speakers=ACTORS,
    expected={
        "clips": 7441,  # without the silent one
        "emotion": {
            **{"angry": 1271, "disgust": 1271, "fearful": 1271},
            **{"happy": 1271, "neutral": 1087, "sad": 1270},
        },
    },
    parse=parse,
    inner="AudioWAV|AudioMP3",
)
