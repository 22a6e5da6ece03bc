"""Trained networks that ship with the package, each in a folder with its source and licence.

A folder with a bundle.json is a model that `load_bundle` opens by the folder's name. Its CARD.md
says what it learned from, how good it is and what it must not be used for.
"""

from __future__ import annotations

import os
from pathlib import Path

from ser_keras import files, plain
from ser_keras.errors import SerKerasError, unknown

SHIPPED = Path(__file__).parent
MANIFEST = "bundle.json"
CARD = "CARD.md"
GENERAL = "general"  # the default where no model of real speech was trained
_MAX_CARD_BYTES = 1 << 20


def names() -> tuple[str, ...]:
    """Return the names of the models that ship with the package, sorted."""
    return tuple(sorted(path.parent.name for path in SHIPPED.glob(f"*/{MANIFEST}")))


def is_shipped(folder: Path) -> bool:
    """Return whether this is the folder of a model that ships with the package."""
    return folder.resolve().parent == SHIPPED.resolve() and (folder / MANIFEST).is_file()


def locate(name: str | os.PathLike) -> Path:
    """Return the folder of a trained model.

    Args:
        name: Folder of a model, else name of one in `results/models`, else of one that ships.

    Raises:
        SerKerasError: There is no such model.
    """
    own = files.RESULTS / "models"
    for folder in (Path(name), own / name, SHIPPED / name):
        if (folder / MANIFEST).is_file():
            return folder
    if Path(name).is_dir():
        problem = f"is no trained model: it has no {MANIFEST}"
        raise SerKerasError(name, problem, "Give a run folder with --model")
    known = [*names(), *sorted(path.parent.name for path in own.glob(f"*/{MANIFEST}"))]
    if known and Path(name).parent != Path():
        remedy = f"Check the path, or name one of {', '.join(known)}"
        raise SerKerasError(name, "no such model", remedy)
    if known:
        raise unknown(os.fspath(name), "model", os.fspath(name), known)
    raise SerKerasError(name, "no such model", "Train one with: python Emotion_Recognition.py")


def card(name: str | os.PathLike) -> str:
    """Return the card of a model: what it learned from, its figures and its limits.

    Raises:
        SerKerasError: There is no such model, or it has no card.
    """
    path = locate(name) / CARD
    if not path.is_file():
        raise SerKerasError(path.parent, f"has no {CARD}", "Ask whoever made this model")
    return plain.read_plain(path, _MAX_CARD_BYTES, links=False).decode("utf-8", "replace")
