"""The registry of corpora: the modules of this folder."""

from __future__ import annotations

import importlib
import os
import pkgutil

from ser_keras.corpora._corpus import Corpus
from ser_keras.errors import unknown


def names() -> list[str]:
    """Return the names of all corpora, sorted.

    Example:
        >>> names()[:3]
        ['aesdd', 'ased', 'crema-d']
    """
    modules = (module.name for module in pkgutil.iter_modules([os.path.dirname(__file__)]))
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
    return importlib.import_module(f"{__package__}.{spelling.replace('-', '_')}").CORPUS
