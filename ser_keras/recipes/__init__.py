"""The published systems as facts: one file per recipe, named after it; the folder is the list.

A recipe states facts and brings two functions: `build` makes the network, `draw` draws the split as
the authors did.
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil

from ser_keras.errors import unknown
from ser_keras.recipes._recipe import Published, Recipe, Training, network_inputs

__all__ = ["Published", "Recipe", "Training", "get", "names", "network_inputs"]


def names() -> list[str]:
    """Return the names of all recipes, sorted, spelt with hyphens.

    Example:
        >>> names()[:2]
        ['acnt-ravdess', 'acnt-ravdess-corrected']
    """
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name.replace("_", "-") for name in modules if not name.startswith("_"))


def get(name: str) -> Recipe:
    """Return a recipe by its name.

    Raises:
        SerKerasError: There is no such recipe; the message gives the nearest name.

    Example:
        >>> get("attention-tess").training.batch_size
        64
    """
    spelling = name.replace("_", "-")
    if spelling not in names():
        raise unknown(f"--recipe {name}", "recipe", spelling, names())
    module = importlib.import_module(f"{__name__}.{spelling.replace('-', '_')}")
    return dataclasses.replace(module.RECIPE, name=spelling)
