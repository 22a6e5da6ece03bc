"""SAVEE: four men say TIMIT sentences in seven emotions.

Three layouts are in use: `DC_a01.wav` in one folder, `AudioData/DC/a01.wav` (the official one) and
`ALL/DC_a01.wav`. The letters are the emotion (`sa` and `su` are read before `s`), the number is the
sentence.

Text: sentences 01 to 03 are common to all emotions. 04 and 05 suit their emotion, and 06 to 15 are
different sentences for each emotion. So most texts occur in one emotion, and the text reveals the
emotion. Neutral has 30: its own 15, then the common ones again (16 to 18) and the two suited
sentences of each other emotion (19 to 30). The publishers say that neutral has these sentences but
not under which numbers. The numbers were measured by warping (DTW of MFCC) within each voice: among
the 90 clips of the other emotions, the nearest one has the sentence given here in 56 of 60 trials.
"""

from __future__ import annotations

import re
from itertools import product

from ser_keras.corpora import emotions
from ser_keras.corpora._corpus import Corpus, Parsed

SPEAKERS = ("DC", "JE", "JK", "KL")
COMMON = (1, 2, 3)
SUITED = [  # the sentences that neutral 19 to 30 repeat
    (emotion, number)
    for emotion in ("angry", "disgust", "fearful", "surprised", "sad", "happy")
    for number in (4, 5)
]


def parse(path: str) -> Parsed | None:
    """Return the facts in the path of a SAVEE clip, or None for another file.

    In the official layout the folder is the voice.
    """
    match = re.search(
        r"(?:^|/)(DC|JE|JK|KL)[_/](sa|su|[adfhn])([0-9]{2})\.[^./]+$", path, re.IGNORECASE
    )
    if not match:
        return None
    return _parsed(match[1].upper(), match[2].lower(), int(match[3]))


def _parsed(speaker: str, letters: str, number: int) -> Parsed:
    emotion = emotions.SAVEE[letters]
    sentence_of, take = emotion, 1
    if emotion == "neutral" and 16 <= number <= 18:
        number, take = number - 15, 2
    elif emotion == "neutral" and 19 <= number <= 30:
        sentence_of, number = SUITED[number - 19]
    text = f"{number:02}" if number in COMMON else f"{sentence_of}-{number:02}"
    return Parsed(speaker, emotion, text=text, take=take)


def _every_clip() -> dict[str, Parsed]:
    return {
        f"{speaker}_{letters}{number:02}": _parsed(speaker, letters, number)
        for speaker, letters in product(SPEAKERS, emotions.SAVEE)
        for number in range(1, 31 if letters == "n" else 16)
    }


CORPUS = Corpus(
    name="savee",
    title="Surrey Audio-Visual Expressed Emotion (SAVEE)",
    licence="research only, on registration with its authors",
    source="Haq and Jackson 2009, Speaker-dependent audio-visual emotion recognition, AVSP",
    home="register at http://kahlan.eps.surrey.ac.uk/savee",
    archive="its authors require a registration",
    naming="<voice>_<emotion><sentence>.wav or <voice>/<emotion><sentence>.wav (DC_sa01.wav)",
    emotions=("neutral", "happy", "sad", "angry", "fearful", "disgust", "surprised"),
    speakers=SPEAKERS,
    expected={
        "clips": 480,
        "speaker": dict.fromkeys(SPEAKERS, 120),
        "emotion": dict.fromkeys(sorted(emotions.SAVEE.values()), 60) | {"neutral": 120},
    },
    parse=parse,
    inner="AudioData|ALL|DC|JE|JK|KL",
    complete=_every_clip,
)
