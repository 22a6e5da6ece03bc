"""The corpora: each file of this folder describes one, and the folder is the registry."""

from ser_keras.corpora._choice import Choice, choose, locate_corpus, root_of
from ser_keras.corpora._corpus import LOSSY, Corpus, Parsed
from ser_keras.corpora._download import download
from ser_keras.corpora._index import Index, Validation, located, pool
from ser_keras.corpora._labels import read_labels
from ser_keras.corpora._names import Guesses, guess, guesses, read_names, sex
from ser_keras.corpora._places import known_places, recall_places, remember_places
from ser_keras.corpora._recordings import left_out, recordings
from ser_keras.corpora._registry import get, names
from ser_keras.corpora._spellings import first_spellings, wording
from ser_keras.corpora._tables import Table, composed, read_table, read_text
from ser_keras.corpora.folder import is_own, own, own_name

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
    "is_own",
    "known_places",
    "left_out",
    "locate_corpus",
    "located",
    "names",
    "own",
    "own_name",
    "pool",
    "read_labels",
    "read_names",
    "read_table",
    "read_text",
    "recall_places",
    "recordings",
    "remember_places",
    "root_of",
    "sex",
    "wording",
]
