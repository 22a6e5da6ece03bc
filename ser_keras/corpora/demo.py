"""The demo corpus: 392 synthetic clips named like those of TESS, made by data/demo/make_demo.py.

No person spoke them. Scores on them say nothing about recognising the emotions of people.
"""

from __future__ import annotations

import dataclasses
from pathlib import PurePosixPath

from ser_keras.corpora import tess
from ser_keras.corpora._corpus import Parsed

VOICES = ("ADA", "BEN")
_WORDS = """
    bath bell bird boat chair cloud dog door fish flag food goat hand home jar king lamp moon nest
    page ring road rose ship shoe tree wall wheel
"""
WORDS = tuple(_WORDS.split())


def parse(path: str) -> Parsed | None:
    """Return the facts in the name of a demo clip, or None for another file."""
    return tess.read_name(PurePosixPath(path).stem, VOICES)


CORPUS = dataclasses.replace(
    tess.CORPUS,
    name="demo",
    title="demo corpus (synthetic)",
    licence="CC0 1.0",
    source="data/demo/README.md; spoken by espeak-ng",
    home="it comes with the project in data/demo, or run python data/demo/make_demo.py",
    archive="it is made here",
    naming="<voice>_<word>_<emotion>.ogg (ADA_bath_angry.ogg)",
    speakers=VOICES,
    speaker_folds={},
    expected={
        "clips": 392,
        "speaker": dict.fromkeys(VOICES, 196),
        "emotion": dict.fromkeys(tess.CORPUS.expected["emotion"], 56),
    },
    parse=parse,
    inner="(ADA|BEN)_.+",
    complete=lambda: tess.every_clip(VOICES, WORDS),
    synthetic=True,
)
