"""The corpora: each file of this folder knows one, and the folder is the registry."""

from __future__ import annotations

import difflib
import importlib
import os
import pkgutil
from pathlib import Path

from ser_keras.corpora import emotions
from ser_keras.corpora._corpus import LOSSY, Corpus, Parsed
from ser_keras.corpora._index import Index, Validation, located, pool
from ser_keras.errors import SerKerasError

__all__ = [
    "LOSSY",
    "Corpus",
    "Index",
    "Parsed",
    "Validation",
    "get",
    "guess",
    "located",
    "names",
    "pool",
]


def names() -> list[str]:
    """Return the names of all corpora, sorted."""
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(
        name.replace("_", "-") for name in modules if name[0] != "_" and name != "emotions"
    )


def get(name: str) -> Corpus:
    """Return a corpus by its name ("tess", "crema-d").

    Raises:
        SerKerasError: There is no such corpus.
    """
    wanted = name.lower().replace("_", "-")
    if wanted not in names():
        nearest = difflib.get_close_matches(wanted, names(), n=1, cutoff=0)[0]
        remedy = f"Did you mean {nearest}? There are {', '.join(names())}"
        raise SerKerasError(name, "is not a corpus", remedy)
    return importlib.import_module(f"{__name__}.{wanted.replace('-', '_')}").CORPUS


def guess(path: str | os.PathLike) -> str | None:
    """Return the emotion that a loose file's name (`<voice>_<word>_<emotion>`) or folder tells.

    Example:
        >>> guess("OAF_bar_ps.wav"), guess("clips/03Happy/1.ogg"), guess("clips/1.ogg")
        ('surprised', 'happy', None)
    """
    path = Path(path).absolute()
    label = "_".join(path.stem.split("_")[2:])
    return (
        emotions.of_word(label)
        or emotions.of_word(label.rpartition("_")[2])
        or emotions.of_folder(path.parent.name)
    )
