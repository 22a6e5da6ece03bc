"""Published speech-emotion systems in Keras, reproduced and corrected over one pipeline.

The public names are resolved on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib

__version__ = "0.2.0"

_PUBLIC = {
    "BatchSpec": "batches",
    "Bundle": "bundle",
    "Corpus": "corpora",
    "FeatureSpec": "features",
    "Prediction": "prediction",
    "Recipe": "recipes",
    "Scores": "metrics",
    "SerKerasError": "errors",
    "Split": "splits",
    "load_bundle": "bundle",
}
_MODULES = ("corpora", "layers", "recipes", "runs", "splits")

__all__ = [*_PUBLIC, *_MODULES]


def __getattr__(name: str):
    if name in _PUBLIC:
        return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
