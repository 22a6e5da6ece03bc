"""The published systems as facts: one file a recipe, named after it; the folder is the list."""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import pkgutil

from ser_keras.errors import SerKerasError
from ser_keras.recipes._recipe import Published, Recipe, Training

__all__ = ["Published", "Recipe", "Training", "get", "names"]


def names() -> list[str]:
    """Return the names of all recipes, sorted, spelt with hyphens."""
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name.replace("_", "-") for name in modules if not name.startswith("_"))


def get(name: str) -> Recipe:
    """Return a recipe by its name.

    Raises:
        SerKerasError: There is no such recipe; the nearest name is given.

    Example:
        >>> get("attention-tess").training.batch_size
        64
    """
    known = names()
    spelling = name.replace("_", "-")
    if spelling not in known:
        nearest = difflib.get_close_matches(spelling, known, n=1, cutoff=0.4)
        hint = f"Did you mean {nearest[0]}" if nearest else f"Choose one of {', '.join(known)}"
        raise SerKerasError(f"--recipe {name}", "no such recipe", hint)
    module = importlib.import_module(f"{__name__}.{spelling.replace('-', '_')}")
    return dataclasses.replace(module.RECIPE, name=spelling)
