"""How a model's labels change when its recordings change: noise, rooms, telephones, codecs."""

from ser_keras.stress.card import Card, Effect, Group, examine
from ser_keras.stress.changes import CHANGES, Change
from ser_keras.stress.clips import draw, of_corpora, of_recordings
from ser_keras.stress.document import CARDS, groups, read, sentences, short, table, write

__all__ = [
    "CARDS",
    "CHANGES",
    "Card",
    "Change",
    "Effect",
    "Group",
    "draw",
    "examine",
    "groups",
    "of_corpora",
    "of_recordings",
    "read",
    "sentences",
    "short",
    "table",
    "write",
]
