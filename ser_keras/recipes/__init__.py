"""Systems as facts: one file per recipe, named after it; the folder is the list.

A recipe states facts and brings two functions: `build` makes the network, `draw` draws the split as
the authors did.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Mapping

from ser_keras import corpora
from ser_keras.errors import check_number, refused, unknown
from ser_keras.recipes._recipe import Published, Recipe, Training, network_inputs

__all__ = [
    "Published",
    "Recipe",
    "Training",
    "builder",
    "default",
    "get",
    "names",
    "network_inputs",
]

# Arguments of `build` that say how often something is repeated: a network is written out layer by
# layer, so a record with a large one would take for ever. The others are sizes of arrays.
COUNTS = frozenset("blocks encoders convolutions bases heads k_1 k_2".split())
_MAX_COUNT, _MAX_SIZE = 16, 16_384
_MAX_AXIS, _MAX_VECTOR = 1_024, 4_096  # of an input with a time axis, and of one without


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


def default(corpus_names: Iterable[str] = ()) -> str:
    """Return the name of the recipe that is trained where none is named.

    It is `attention-tess`, the first of the published systems. A corpus of the user's own is
    usually small, and there `fusion` is better: see the table "Small corpora" in
    results/README.md.

    Args:
        corpus_names: Names of the corpora that are trained on, as far as they were named. A name
            that is not in `corpora.names()`, or is `folder`, is that of a corpus of one's own.

    Example:
        >>> default(), default(["tess"]), default(["ravdess", "my-recordings"])
        ('attention-tess', 'attention-tess', 'fusion')
    """
    known = set(corpora.names()) - {"folder"}
    return "attention-tess" if known.issuperset(corpus_names) else "fusion"


def builder(
    network: str, arguments: Mapping[str, object], shapes: Mapping[str, tuple[int | None, ...]]
) -> Callable:
    """Return the function (shapes, n_classes) that builds the network of a recorded recipe.

    The code is that of a recipe of this package, whatever the record says.

    Args:
        network: `network` of the record (`Recipe.to_json`): the module that defines `build`.
        arguments: `model` of the record: the arguments of `build`.
        shapes: Shape of each input, without the batch axis.

    Raises:
        SerKerasError: No recipe has such a network, `build` takes other arguments, or an argument
            has another type than its default or asks for too much.

    Example:
        >>> builder("mean_mfcc_lstm", {"units": 8}, {"features": (1, 40)}).keywords
        {'units': 8}
    """
    builds = {
        recipe.build.__module__.rpartition(".")[2]: recipe.build for recipe in map(get, names())
    }
    if network not in builds:
        raise unknown(f"network {network}", "network", network, builds)
    build = builds[network]
    most = _MAX_VECTOR if all(len(shape) == 1 for shape in shapes.values()) else _MAX_AXIS
    if max(n or 0 for shape in shapes.values() for n in shape) > most:
        accepted = f"at most {most} frames and features, or use --engine light"
        raise refused("batch.frames", dict(shapes), accepted)
    parameters = inspect.signature(build).parameters
    keywords = {p.name: p.default for p in parameters.values() if p.kind is p.KEYWORD_ONLY}
    for name, value in arguments.items():
        if name not in keywords:
            raise unknown(f"model.{name}", "argument of the network", name, keywords)
        default = keywords[name]
        if isinstance(default, bool):
            good = isinstance(value, bool)
        elif isinstance(default, int):
            most = _MAX_COUNT if name in COUNTS else _MAX_SIZE
            good = check_number(f"model.{name}", value, 0, most, whole=True) is not None
        elif isinstance(default, float):
            good = check_number(f"model.{name}", value, 0.0, 1_000.0) is not None
        else:
            good = value is None or isinstance(value, str)
        if not good:
            raise refused(f"model.{name}", value, f"a value like {default!r}")
    return functools.partial(build, **arguments)
