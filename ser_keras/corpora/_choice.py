"""Which corpora to train on: those that were named, else the recipe's own, else the demo corpus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ser_keras import files
from ser_keras.corpora._corpus import Corpus
from ser_keras.errors import SerKerasError


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


def choose(wanted: Sequence[Corpus], data: Path | None, demo: Corpus, *, named: bool) -> Choice:
    """Return the corpora to train on, and where they lie.

    Corpora that the user named must all be there. Of a recipe's own corpora those that are there
    are taken; where none is, and the user named no folder either, the demo corpus is taken.

    Args:
        wanted: Corpora to look for.
        data: Folder that the user named, at or above that of the corpora; None for `files.DATA`.
        demo: The demo corpus.
        named: Whether the user named the corpora; otherwise they are the recipe's own.

    Raises:
        SerKerasError: There is no such folder, or a corpus that must be there is not in it.
    """
    above = files.DATA if data is None else data
    if not above.is_dir():
        remedy = f"Put {wanted[0].title} there, or check --data"
        raise SerKerasError(above, "no such folder", remedy)
    roots = [(corpus, corpus.find(above)) for corpus in dict.fromkeys(wanted)]
    there = tuple((corpus, root) for corpus, root in roots if root is not None)
    missing = tuple(corpus for corpus, root in roots if root is None)
    if missing and (named or (data is not None and not there)):
        raise SerKerasError(above, f"holds no {missing[0].title}", missing[0].home)
    if there:
        return Choice(there, missing)
    root = demo.find(files.DATA)
    if root is None:
        problem, remedy = "is not there", "Take a fresh copy of the project"
        raise SerKerasError(files.DATA / "demo", problem, remedy)
    return Choice(((demo, root),), missing, fallback=True)
