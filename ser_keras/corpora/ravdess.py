"""RAVDESS speech: 24 actors say two sentences in eight emotions, twice, at two intensities.

A name such as `Actor_12/03-01-05-02-01-01-12.wav` gives the modality (03: sound only), the channel
(01 speech, 02 song), emotion, intensity, statement, repetition and actor (odd: man, even: woman).
Neutral has no strong intensity. The usual download holds every clip again below
`audio_speech_actors_01-24/`. Two clips of actor 07 have the same sound under two names
(...-03-01-02-01-07 and ...-03-01-02-02-07). All actors say the same two sentences, so training and
test clips of a speaker protocol share every text.
"""

from __future__ import annotations

import re
from itertools import product
from pathlib import PurePosixPath

from ser_keras.corpora import emotions
from ser_keras.corpora._corpus import Archive, Corpus, Parsed

INTENSITIES = {"01": "normal", "02": "strong"}
STATEMENTS = {"01": "kids", "02": "dogs"}  # "Kids are talking by the door", "Dogs are sitting ..."
ACTORS = tuple(f"{number:02}" for number in range(1, 25))
# Luna-Jimenez et al. 2021, doi:10.3390/s21227665
_LUNA_JIMENEZ = (
    *("02 05 14 15 16", "03 06 07 13 18", "10 11 12 19 20"),
    *("08 17 21 23 24", "01 04 09 22"),
)
# EmoBox (Ma et al. 2024, arXiv:2406.07162); its folds of most other corpora share speakers
_EMOBOX = (
    *("01 11 20 21", "04 10 12 14", "08 09 19 23"),
    *("03 05 07 24", "02 15 16 18", "06 13 17 22"),
)


def parse(path: str) -> Parsed | None:
    """Return the facts in the name of a speech clip; None for song, video and other files."""
    match = re.fullmatch(
        r"03-01-(0[1-8])-(0[12])-(0[12])-(0[12])-([0-9]{2})", PurePosixPath(path).stem
    )
    if not match or match[5] not in ACTORS:
        return None
    return _parsed(*match.groups())


def _parsed(emotion: str, intensity: str, statement: str, repetition: str, actor: str) -> Parsed:
    return Parsed(
        speaker=actor,
        emotion=emotions.RAVDESS[emotion],
        text=STATEMENTS[statement],
        take=int(repetition),
        intensity=INTENSITIES[intensity],
    )


def _every_clip() -> dict[str, Parsed]:
    codes = product(emotions.RAVDESS, INTENSITIES, STATEMENTS, ("01", "02"), ACTORS)
    possible = [code for code in codes if code[:2] != ("01", "02")]  # neutral is never strong
    return {"-".join(("03", "01", *code)): _parsed(*code) for code in possible}


CORPUS = Corpus(
    name="ravdess",
    title="RAVDESS (speech)",
    licence="CC BY-NC-SA 4.0",
    source="Livingstone and Russo 2018, doi:10.1371/journal.pone.0196391",
    home="get Audio_Speech_Actors_01-24.zip from https://doi.org/10.5281/zenodo.1188976",
    archive=Archive(
        doi="10.5281/zenodo.1188976",
        file="Audio_Speech_Actors_01-24.zip",
        checksum="md5:bc696df654c87fed845eb13823edef8a",
        size=208_468_073,
        unpacked=520_000_000,  # estimated from the durations of the clips at 48 kHz
    ),
    naming="03-01-<emotion>-<intensity>-<statement>-<repetition>-<actor>.wav "
    "(03-01-05-02-01-01-12.wav)",
    emotions=("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"),
    speakers=ACTORS,
    speaker_folds={
        "": tuple(tuple(group.split()) for group in _LUNA_JIMENEZ),
        "emobox": tuple(tuple(group.split()) for group in _EMOBOX),
    },
    expected={
        "clips": 1440,
        "speaker": dict.fromkeys(ACTORS, 60),
        "emotion": dict.fromkeys(sorted(emotions.RAVDESS.values()), 192) | {"neutral": 96},
    },
    parse=parse,
    inner=r"Actor_[0-9]+|audio_speech_actors_01-24",
    nested="audio_speech_actors_01-24",
    complete=_every_clip,
)
