"""EmoDB, the Berlin database: ten German actors say ten sentences in seven emotions.

A name such as `wav/03a01Fa.wav` gives the speaker, the sentence, the emotion (first letter of the
German word) and the version. Of about 800 recordings 535 are published: those in which listeners
recognised the intended emotion. This file was written from the documentation, without a copy of the
corpus.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ser_keras.corpora import emotions
from ser_keras.corpora._corpus import Archive, Corpus, Parsed


def parse(path: str) -> Parsed | None:
    """Return the facts in the name of an EmoDB clip, or None for another file."""
    match = re.fullmatch(
        r"(03|08|09|1[0-6])([ab][0-9]{2})([WLEAFTN])([a-z]?)",
        PurePosixPath(path).stem,
    )
    if not match:
        return None
    take = ord(match[4]) - ord("a") + 1 if match[4] else 1
    return Parsed(match[1], emotions.EMODB[match[3]], text=match[2], take=take)


CORPUS = Corpus(
    name="emodb",
    title="Berlin Database of Emotional Speech (EmoDB)",
    licence="free for research, cite",
    source="Burkhardt et al. 2005, A database of German emotional speech, Interspeech",
    home="get emodb.zip from https://doi.org/10.5281/zenodo.7447302",
    archive=Archive(  # version 1.3.0, uploaded by the first author: the 535 clips and their tables
        doi="10.5281/zenodo.7447302",
        file="emodb.zip",
        checksum="md5:9d21362dbc5676ef3ab4745d83ced0db",
        size=39_981_818,
        unpacked=50_000_000,
    ),
    naming="<speaker><sentence><emotion><version>.wav (03a01Fa.wav)",
    emotions=("neutral", "happy", "sad", "angry", "fearful", "disgust", "bored"),
    speakers=("03", "08", "09", "10", "11", "12", "13", "14", "15", "16"),
    expected={
        "clips": 535,
        "speaker": {
            **{"03": 49, "08": 58, "09": 43, "10": 38, "11": 55},
            **{"12": 35, "13": 61, "14": 69, "15": 56, "16": 71},
        },
        "emotion": {
            **{"angry": 127, "bored": 81, "disgust": 46, "fearful": 69},
            **{"happy": 71, "neutral": 79, "sad": 62},
        },
    },
    parse=parse,
    inner="wav",
)
