"""TESS: two actresses say "Say the word ..." with 200 words in seven emotions.

The name of a file, `<voice>_<word>_<emotion>`, decides about its facts; its folder, spelt in four
ways, is only a check. One name is misspelt, `OA_bite_neutral`. Two clips are AIFF files named .wav,
and one has a sample rate of 96 kHz. The usual download holds the whole set twice, the second time
in a folder inside the folder.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ser_keras.corpora import emotions
from ser_keras.corpora._corpus import Archive, Corpus, Parsed

VOICES = ("OAF", "YAF")  # aged 64 and 26
_WORDS = """
    back bar base bath bean beg bite boat bone book bought burn cab calm came cause chain chair
    chalk chat check cheek chief choice cool dab date dead death deep dime dip ditch dodge dog doll
    door fail fall far fat fit five food gap gas gaze germ get gin goal good goose gun half hall
    hash hate have haze hire hit hole home hurl hush jail jar join judge jug juice keen keep keg
    kick kill king kite knock late laud lean learn lease lid life limb live loaf long lore lose lot
    love luck make match merge mess met mill mob mode mood moon mop mouse nag name near neat nice
    note numb pad page pain pass pearl peg perch phone pick pike pole pool puff rag raid rain raise
    rat reach read red ring ripe road room rose rot rough rush said sail search seize sell shack
    shall shawl sheep shirt should shout size soap soup sour south sub such sure take talk tape team
    tell thin third thought thumb time tip tire ton tool tough turn vine voice void vote wag walk
    wash week wheat when which whip white wife wire witch yearn yes young youth
"""
WORDS = tuple(_WORDS.split())


def parse(path: str) -> Parsed | None:
    """Return the facts in the name of a TESS clip, or None for another file."""
    return read_name(PurePosixPath(path).stem.replace("OA_bite", "OAF_bite"), VOICES)


def read_name(stem: str, voices: tuple[str, ...]) -> Parsed | None:
    """Return the facts in `<voice>_<word>_<emotion>`, in upper or lower case, or None."""
    match = re.fullmatch(r"([A-Z]+)_([A-Z]+)_([A-Z]+)", stem, re.IGNORECASE)
    if not match or match[1].upper() not in voices or match[3].lower() not in emotions.TESS:
        return None
    return Parsed(match[1].upper(), emotions.TESS[match[3].lower()], text=match[2].lower())


def every_clip(voices: tuple[str, ...], words: tuple[str, ...]) -> dict[str, Parsed]:
    """Return name -> `Parsed` for each voice, word and emotion."""
    return {
        f"{voice}_{word}_{label}": Parsed(voice, emotion, text=word)
        for voice in voices
        for word in words
        for label, emotion in emotions.TESS.items()
    }


CORPUS = Corpus(
    name="tess",
    title="Toronto emotional speech set (TESS)",
    licence="CC BY-NC-ND 4.0",
    source="Pichora-Fuller and Dupuis 2020, doi:10.5683/SP2/E8H2MF",
    home="get it from https://doi.org/10.5683/SP2/E8H2MF",
    archive=Archive("10.5683/SP2/E8H2MF", size=281_313_192),  # sum over the files of a copy
    naming="<voice>_<word>_<emotion>.wav (OAF_back_angry.wav)",
    emotions=("neutral", "happy", "sad", "angry", "fearful", "disgust", "surprised"),
    speakers=VOICES,
    speaker_folds={"": (("YAF",), ("OAF",))},  # fold 0 trains on OAF
    expected={
        "clips": 2800,
        "speaker": dict.fromkeys(VOICES, 1400),
        "emotion": dict.fromkeys(sorted(emotions.TESS.values()), 400),
    },
    parse=parse,
    inner="(OAF|YAF)_.+",
    nested="TESS Toronto emotional speech set data",
    complete=lambda: every_clip(VOICES, WORDS),
)
