"""The corpora: each file of this folder describes one, and the folder is the registry."""

from __future__ import annotations

import importlib
import pkgutil

from ser_keras.corpora._choice import Choice, choose
from ser_keras.corpora._corpus import LOSSY, Corpus, Parsed
from ser_keras.corpora._download import download
from ser_keras.corpora._index import Index, Validation, located, pool
from ser_keras.corpora._recordings import guess, read_labels, recordings
from ser_keras.errors import unknown

__all__ = [
    "LOSSY",
    "Choice",
    "Corpus",
    "Index",
    "Parsed",
    "Validation",
    "choose",
    "download",
    "get",
    "guess",
    "located",
    "names",
    "pool",
    "read_labels",
    "recordings",
]


def names() -> list[str]:
    """Return the names of all corpora, sorted.

    Example:
        >>> names()[:3]
        ['aesdd', 'ased', 'crema-d']
    """
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(
        name.replace("_", "-") for name in modules if name[0] != "_" and name != "emotions"
    )


def get(name: str) -> Corpus:
    """Return a corpus by its name ("tess", "crema-d").

    Raises:
        SerKerasError: There is no such corpus; the error names the nearest one.

    Example:
        >>> get("tess").parse("OAF_Fear/OAF_back_fear.wav")
        Parsed(speaker='OAF', emotion='fearful', text='back', take=None, intensity=None)
    """
    spelling = name.lower().replace("_", "-")
    if spelling not in names():
        raise unknown(name, "corpus", spelling, names())
    return importlib.import_module(f"{__name__}.{spelling.replace('-', '_')}").CORPUS
