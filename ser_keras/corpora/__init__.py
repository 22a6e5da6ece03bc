"""The corpora: each file of this folder describes one, and the folder is the registry."""

from ser_keras.corpora._choice import Choice, choose
from ser_keras.corpora._corpus import LOSSY, Corpus, Parsed
from ser_keras.corpora._download import download
from ser_keras.corpora._index import Index, Validation, located, pool
from ser_keras.corpora._labels import read_labels
from ser_keras.corpora._names import Guesses, guess, guesses, read_names
from ser_keras.corpora._recordings import recordings
from ser_keras.corpora._registry import get, names
from ser_keras.corpora._spellings import first_spellings, wording
from ser_keras.corpora._tables import Table, composed, read_table, read_text

__all__ = [
    "LOSSY",
    "Choice",
    "Corpus",
    "Guesses",
    "Index",
    "Parsed",
    "Table",
    "Validation",
    "choose",
    "composed",
    "download",
    "first_spellings",
    "get",
    "guess",
    "guesses",
    "located",
    "names",
    "pool",
    "read_labels",
    "read_names",
    "read_table",
    "read_text",
    "recordings",
    "wording",
]
