"""The corpora of many runs, each read once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ser_keras import corpora, files
from ser_keras.errors import SerKerasError


class Library:
    """The corpora that lie in a folder, each read once and only if it is asked for.

    Args:
        data: Folder below which corpora are looked for; if it is `files.DATA`, a user's own in the
            working folder too.
        out: Folder of run folders, which note where their corpora lay.
        cache: Folder of what was read before.
    """

    def __init__(self, data: Path, out: Path, cache: Path):
        self._data = None if data.absolute() == files.DATA else data
        self._cache = cache
        self._known = corpora.known_places(out)
        self._indices: dict[tuple[str, Path], corpora.Index] = {}

    def name(self, names: str) -> str:
        """Return the name under which corpora are pooled.

        Raises:
            SerKerasError: There is no corpus of a name.
        """
        parts = [
            self._locate(name)[0].name if corpora.is_own(name) else corpora.get(name).name
            for name in names.split("+")
        ]
        return "+".join(sorted(set(parts)))

    def index(self, names: str, noted: Mapping[str, Path] | None = None) -> corpora.Index:
        """Return the index of a corpus, or of several that are pooled and joined by "+".

        Args:
            names: Names of the corpora.
            noted: Where a run had them, which counts where they are still there.

        Raises:
            SerKerasError: One of them is not there.
        """
        return corpora.pool([self._index(name, noted or {}) for name in names.split("+")])

    def _locate(self, name: str) -> tuple[corpora.Corpus, Path | None]:
        return corpora.locate_corpus(name, self._data, self._known)

    def _index(self, name: str, noted: Mapping[str, Path]) -> corpora.Index:
        place = noted.get(name)
        if place is not None and place.is_dir():
            known = {**self._known, name: place}
            corpus = corpora.own(place, known) if corpora.is_own(name) else corpora.get(name)
            root = corpus.find(place)
        else:
            corpus, root = self._locate(name)
        if root is None:
            raise SerKerasError(self._data or files.DATA, f"holds no {corpus.title}", corpus.home)
        if (name, root) not in self._indices:
            self._indices[name, root] = corpus.index(root, cache=self._cache)
        return self._indices[name, root]


def data_for(names: str, data: Path, out: Path) -> Path:
    """Return the folder in which the process that trains a run looks for its corpora.

    Args:
        names: Name of the corpus; names of pooled corpora are joined by "+".
        data: Folder below which corpora are looked for; if it is `files.DATA`, a user's own in the
            working folder too.
        out: Folder of run folders, which note where their corpora lay.
    """
    if "+" in names or not corpora.is_own(names):
        return data
    named = None if data.absolute() == files.DATA else data
    return corpora.locate_corpus(names, named, corpora.known_places(out))[1] or data
