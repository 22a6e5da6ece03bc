"""The tables of what adapting to a voice gives, from the runs and from stored measurements.

`tests.benchmarks.adaptation` makes the measurements: a row for each corpus left out of training.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable

from ser_keras import files
from ser_keras.adaptation import BY
from ser_keras.ledger.rows import Row
from ser_keras.ledger.tables import Table
from ser_keras.runs import Run

RESULTS = files.RESULTS / "adaptation.json"
_BY = ("1 recording", "3 recordings", "corpus", "speaker")  # what runs are adapted to
_CURVES = {  # key in the stored rows -> what the recordings are, and what is scored
    "mixed": ("of any emotion", "all"),
    "mixed_without_neutral": ("of any emotion", "without neutral"),
    "neutral": ("neutral", "without neutral"),
}


def table(rows: Iterable[Row]) -> Table:
    """Return the UAR of rows with adapted scores, plain and adapted, over the runs that have them.

    Means are taken over folds of the means over seeds.
    """

    def uar(by: str) -> Callable[[Run], float]:
        return lambda run: run.adapted[by].uar.value

    cells = []
    for row in rows:
        runs = tuple(run for run in row.runs if run.adapted.keys() >= set(_BY))
        if not runs:
            continue
        own = Row(runs)
        means = [own.uar(), *(own.mean(uar(by)) for by in _BY)]
        sizes = [_range(run.test.n for run in runs), _range(run.speakers or 0 for run in runs)]
        names = [row.key.recipe, row.corpus, row.key.protocol, own.coverage]
        cells.append([*names, *(f"{mean:.3f}" for mean in means), *sizes])
    header = ("system", "corpus", "protocol", "folds", "plain", "by 1 recording", "by 3 recordings")
    return Table((*header, "by corpus", "by speaker", "test clips", "test speakers"), cells)


def curve(results: list[dict]) -> Table:
    """Return the mean UAR over the corpora left out, by the number of enrolled recordings.

    Args:
        results: Stored rows; those without such a curve are left out of its mean.
    """
    counts = list(dict.fromkeys(count for row in results for count in row["mixed"]))
    cells = []
    for key, words in _CURVES.items():
        curves = [row[key] for row in results if key in row]
        means = [
            f"{statistics.fmean(each[count] for each in curves):.3f}"
            if curves and all(count in each for each in curves)
            else ""
            for count in counts
        ]
        cells.append([*words, str(len(curves)), *means])
    return Table(("recordings", "clips scored", "corpora", *counts), cells if results else [])


def itself(results: list[dict]) -> Table:
    """Return the UAR of clips that are adapted to themselves, for each corpus left out.

    Args:
        results: Stored rows.
    """
    uars, cells = [], []
    for row in results:
        by, group = row["itself"], row["one_emotion"]
        uars.append([*(by[name] for name in BY), group["adapted"], group["guarded"]])
        counts = [row["guard"][kind] for kind in ("one_emotion", "mixed")]
        alone = [f"{number} of {groups}" for number, groups in counts]
        names = [row["left_out"], str(row["clips"]), str(row["speakers"])]
        cells.append([*names, *(f"{uar:.3f}" for uar in uars[-1]), *alone])
    if results:
        means = [f"{statistics.fmean(column):.3f}" for column in zip(*uars, strict=True)]
        cells.append(["mean", "", "", *means, "", ""])
    header = ("corpus left out", "clips", "speakers", "plain", "by corpus", "by speaker")
    groups = (
        "groups of one emotion",
        "the same, guarded",
        "left alone, one emotion",
        "left alone, mixed",
    )
    return Table((*header, *groups), cells)


def _range(numbers: Iterable[int]) -> str:
    """Return the least and the greatest of some numbers as text."""
    ordered = sorted(set(numbers))
    return " to ".join(map(str, ordered[:1] + ordered[1:][-1:]))
