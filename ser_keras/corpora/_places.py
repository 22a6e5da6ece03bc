"""Where the corpora of a run lay on this machine, so that later commands find them again.

The note lies beside the run folder, as `.<name of the run folder>.where.json`. It is no part of the
run: whoever copies, packs or ships the folder does not take it along, and git ignores it.
"""

from __future__ import annotations

import glob
from collections.abc import Mapping
from pathlib import Path

from ser_keras import files
from ser_keras.errors import SerKerasError

_FORMAT = 1


def remember_places(run: Path, folders: Mapping[str, Path]) -> None:
    """Note beside a run folder where its corpora lie.

    Args:
        run: Run folder.
        folders: Name of each corpus -> its folder. A folder inside the project is noted relative to
            the project, so that both can be moved together.
    """
    where = {}
    for name, folder in folders.items():
        place = folder.resolve()
        inside = place.is_relative_to(files.ROOT)
        where[name] = (place.relative_to(files.ROOT) if inside else place).as_posix()
    note = _note(run)
    # one process at a time writes it; a killed one left its half beside the folder that is swept
    for half in note.parent.glob(f".{glob.escape(note.stem)}-*.partial{note.suffix}"):
        files.remove(half)
    files.write_json(note, {"format": _FORMAT, "corpora": where})


def recall_places(run: Path) -> dict[str, Path]:
    """Return where the corpora of a run lay; empty where that was not noted.

    The folders may have been moved since.
    """
    return _read(_note(run))


def known_places(runs: Path) -> dict[str, Path]:
    """Return name -> folder of all corpora that the runs in a folder of runs were made from."""
    places: dict[str, Path] = {}
    for note in sorted(runs.glob("*/*/.*.where.json")):
        for name, place in _read(note).items():
            if name not in places or not places[name].is_dir():
                places[name] = place
    return places


def _note(run: Path) -> Path:
    run = run.absolute()
    return run.with_name(f".{run.name}.where.json")


def _read(note: Path) -> dict[str, Path]:
    """Return the places in a note; a damaged one counts as absent, as one in the cache does."""
    if not note.is_file():
        return {}
    try:
        value = files.read_json(note)
    except SerKerasError:
        return {}
    content = value if isinstance(value, dict) else {}
    where = content.get("corpora")
    if not isinstance(where, dict) or content.get("format") != _FORMAT:
        return {}
    return {
        name: files.ROOT / place
        for name, place in where.items()
        if isinstance(place, str) and "\0" not in place
    }
