"""Which corpora to train on: those that were named, else the recipe's own, else the demo corpus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ser_keras import files
from ser_keras.corpora import _registry, folder
from ser_keras.corpora._corpus import Corpus
from ser_keras.errors import SerKerasError, unknown


@dataclass(frozen=True)
class Choice:
    """Corpora to train on.

    Args:
        folders: Each corpus with its own folder.
        missing: Corpora that were looked for and are not there.
        fallback: Whether the synthetic demo corpus stands in for them.
    """

    folders: tuple[tuple[Corpus, Path], ...]
    missing: tuple[Corpus, ...] = ()
    fallback: bool = False


def locate_corpus(
    name: str, data: Path | None, places: Mapping[str, Path] | None = None
) -> tuple[Corpus, Path | None]:
    """Return a corpus by its name, and its own folder; None where a known corpus is not there.

    A known corpus is looked for in `data` and below. If no folder was named, it is looked for where
    its runs had it, and then in `files.DATA`. A user's own corpus is `data` itself, if it has that
    name (or the name is `folder`), or a folder of that name in it; if no folder was named, one in
    the working folder or in `files.DATA`. What runs had under the name comes before a namesake.

    Args:
        name: Name of one corpus.
        data: Folder that the user named; None where none was named.
        places: Name -> folder of the corpora that have runs already.

    Raises:
        SerKerasError: There is neither a corpus nor an own folder of that name, or it is called
            `folder` and no folder was named.
    """
    places = places or {}
    if not folder.is_own(name):
        corpus = _registry.get(name)
        place = places.get(corpus.name)
        above = files.DATA if data is None else data
        if data is None and place is not None and place.is_dir():
            above = place
        return corpus, corpus.find(above)
    if name == folder.CORPUS.name:
        if data is None:
            problem = "does not say where your recordings are"
            raise SerKerasError(f"--corpus {name}", problem, "Name their folder with --data")
        return folder.own(data, places), data
    spelling = folder.own_name(Path(name))
    places_above = [Path(), files.DATA] if data is None else [data]
    folders = [] if data is None else [data]
    folders += [child for each in places_above if each.is_dir() for child in _folders(each)]
    homes = [home for home in folders if folder.own(home, places, spelling).name == spelling]
    homes += [places[spelling]] if data is None and spelling in places else []
    homes += [home for home in folders if folder.own_name(home.resolve()) == spelling]
    homes += [places[spelling]] if spelling in places else []
    for home in homes:
        if home.is_dir():
            return folder.own(home, places, spelling), home
    raise unknown(f"--corpus {name}", "corpus", name.lower(), _registry.names())


def root_of(name: str, data: Path | None, place: Path | None) -> Path:
    """Return the folder of a corpus that a run was made from.

    Args:
        name: Name of the corpus.
        data: Folder that the user named, at or above that of the corpus; None where none was named.
        place: Where the run had it; None where that is not known.

    Raises:
        SerKerasError: It is not there.
    """
    root, remedy = place, "Name its folder with --data"
    if data is not None or place is None or not place.is_dir():
        if folder.is_own(name):
            inside = {} if data is None else {folder.own_name(c): c for c in _folders(data)}
            root = inside.get(name, data)
        else:
            root = _registry.get(name).find(files.DATA if data is None else data)
    if root is not None:
        return root
    if place is None or data is not None:
        title = name if folder.is_own(name) else _registry.get(name).title
        raise SerKerasError(files.DATA if data is None else data, f"holds no {title}", remedy)
    raise SerKerasError(place, f"holds the corpus {name} no longer", remedy)


def _folders(above: Path) -> list[Path]:
    return [child for child in sorted(above.iterdir()) if child.is_dir()]


def choose(
    names: Sequence[str],
    data: Path | None,
    *,
    named: bool,
    places: Mapping[str, Path] | None = None,
) -> Choice:
    """Return the corpora to train on, and where they lie.

    Corpora that the user named must all be there. Of a recipe's own corpora those that are there
    are taken; where none is, and the user named no folder either, the demo corpus is taken.

    Args:
        names: Names of the corpora to look for.
        data: Folder that the user named, at or above that of the corpora; None for `files.DATA`.
        named: Whether the user named the corpora; otherwise they are the recipe's own.
        places: Name -> folder of the corpora that have runs already.

    Raises:
        SerKerasError: There is no such folder, or a corpus that must be there is not in it.
    """
    above = files.DATA if data is None else data
    own = any(map(folder.is_own, names))
    if not above.is_dir() and (data is not None or not own):
        title = "the recordings" if own else _registry.get(names[0]).title
        raise SerKerasError(above, "no such folder", f"Put {title} there, or check --data")
    roots = []
    for name in dict.fromkeys(names):
        corpus, root = locate_corpus(name, data, places if folder.is_own(name) else None)
        if root is None and own:  # `data` is the folder of the user's own recordings
            root = corpus.find(files.DATA)
        roots.append((corpus, root))
    there = tuple((corpus, root) for corpus, root in roots if root is not None)
    missing = tuple(corpus for corpus, root in roots if root is None)
    if missing and (named or (data is not None and not there)):
        remedy = missing[0].home
        if not named:
            remedy += "; or, if these are recordings of your own, add --corpus folder"
        raise SerKerasError(above, f"holds no {missing[0].title}", remedy)
    if there:
        return Choice(there, missing)
    demo = _registry.get("demo")
    root = demo.find(files.DATA)
    if root is None:
        problem, remedy = "is not there", "Take a fresh copy of the project"
        raise SerKerasError(files.DATA / "demo", problem, remedy)
    return Choice(((demo, root),), missing, fallback=True)
