"""The two detectors of speech beside each other, as `tests.benchmarks.speech` has measured them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ser_keras import files
from ser_keras.ledger import small_corpora
from ser_keras.ledger.tables import Table

RESULTS = files.RESULTS / "speech.json"
KINDS = ("own", "earshot")
NO_CHANGE = "as they are"


def by_emotion(rows: Iterable[Mapping]) -> Table:
    """Return for each emotion how much of its loud speech is heard, and how many clips are lost."""
    header = ["emotion", "clips"]
    header += [f"{kind}: {what}" for what in ("loud speech heard", "clips lost") for kind in KINDS]
    cells = [
        [row["emotion"], str(row["clips"])]
        + [f"{row[kind]['heard']:.3f}" for kind in KINDS]
        + [str(row[kind]["lost"]) for kind in KINDS]
        for row in _of("emotion", rows)
    ]
    return Table(header, cells)


def by_change(rows: Iterable[Mapping]) -> Table:
    """Return for each change and corpus how often the two agree, and how many clips are lost.

    The agreement over all corpora weighs each corpus the same.
    """
    own = _of("change", rows)
    cells = []
    for change in dict.fromkeys(row["change"] for row in own):
        parts = [row for row in own if row["change"] == change]
        for row in parts:
            figures = [f"{row['agreement']:.3f}", *(str(row[kind]) for kind in KINDS)]
            cells.append([change, row["corpus"], str(row["clips"]), *figures])
        mean = sum(row["agreement"] for row in parts) / len(parts)
        clips, *lost = (sum(row[key] for row in parts) for key in ("clips", *KINDS))
        cells.append([change, "all", str(clips), f"{mean:.3f}", *map(str, lost)])
    header = ["change", "corpus", "clips", "hops that agree"]
    header += [f"{kind}: clips lost" for kind in KINDS]
    return Table(header, cells)


def by_sound(rows: Iterable[Mapping]) -> Table:
    """Return for each sound without speech the share of it that is taken for speech."""
    cells = [[row["sound"], *(f"{row[kind]:.2f}" for kind in KINDS)] for row in _of("sound", rows)]
    return Table(["sound without speech", *KINDS], cells)


def by_rate(rows: Iterable[Mapping]) -> Table:
    """Return for each sample rate how many times faster than real time the detectors are."""
    cells = []
    for row in _of("speed", rows):
        speeds = [f"{row[kind]:,}x" for kind in KINDS]
        cells.append(
            [f"{row['rate'] / 1000:g} kHz", *speeds, f"{row['own'] / row['earshot']:.1f}x"]
        )
    return Table(["sample rate", *KINDS, "ratio"], cells)


TABLES: dict[str, Callable[[Iterable[Mapping]], Table]] = {
    "speech-emotions": by_emotion,
    "speech-changes": by_change,
    "speech-sounds": by_sound,
    "speech-speed": by_rate,
}


def markdown(name: str) -> str:
    """Return one of `TABLES` in Markdown, from the results that are stored."""
    return TABLES[name](small_corpora.read(RESULTS)).markdown()


def _of(kind: str, rows: Iterable[Mapping]) -> list[Mapping]:
    return [row for row in rows if row["of"] == kind]
