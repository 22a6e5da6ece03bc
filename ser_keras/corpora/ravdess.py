"""RAVDESS, its speech: 24 actors say two sentences in eight emotions, twice, at two strengths.

`Actor_12/03-01-05-02-01-01-12.wav` is modality (03 sound alone), channel (01 speech, 02 song),
emotion, intensity, statement, repetition, actor (odd: man, even: woman). Neutral has no strong.
The usual download holds every clip again below `audio_speech_actors_01-24/`. Two clips of actor 07
have the same sound under two names (...-03-01-02-01-07 and ...-03-01-02-02-07).
Everybody says the same two sentences, so a speaker protocol shares every text.
"""

from __future__ import annotations

import re
from itertools import product
from pathlib import PurePosixPath

from ser_keras.corpora import emotions
from ser_keras.corpora._corpus import Corpus, Parsed
from ser_keras.corpora._download import Archive

INTENSITIES = {"01": "normal", "02": "strong"}
STATEMENTS = {"01": "kids", "02": "dogs"}  # "Kids are talking by the door", "Dogs are sitting ..."
ACTORS = tuple(f"{number:02}" for number in range(1, 25))


def parse(path: str) -> Parsed | None:
    """Return what the name of a RAVDESS speech clip says; song and video are no clips."""
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
        unpacked=520_000_000,  # reckoned from the clips' durations at 48 kHz
    ),
    naming="03-01-<emotion>-<intensity>-<statement>-<repetition>-<actor>.wav "
    "(03-01-05-02-01-01-12.wav)",
    emotions=("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"),
    speakers=ACTORS,
    expected={
        "clips": 1440,
        "speaker": dict.fromkeys(ACTORS, 60),
        "emotion": dict.fromkeys(sorted(emotions.RAVDESS.values()), 192) | {"neutral": 96},
    },
    parse=parse,
    inner=r"Actor_[0-9]+|audio_speech_actors_01-24",
    complete=_every_clip,
)
