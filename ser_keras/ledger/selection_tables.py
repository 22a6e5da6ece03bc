"""The tables of penalties that were chosen inside training sides, beside the kept runs."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

import numpy as np

from ser_keras import recipes
from ser_keras.ledger.rows import Row
from ser_keras.ledger.selection import SEARCHES, own_setting
from ser_keras.ledger.tables import Table
from ser_keras.runs import RowKey, Run, RunKey

_THREE = "3 recordings"


def summary(results: Sequence[dict], rows: Iterable[Row]) -> Table:
    """Return a line for each system and corpus: the nested choice beside the kept runs.

    Args:
        results: Stored results, a dict a fold.
        rows: Rows of the ledger, which hold the kept runs.
    """
    cells = []
    for key, pairs in _beside(results, rows).items():
        own = own_setting(recipes.get(key.recipe), SEARCHES[key.recipe])
        picks = [each["picked"] for each, _ in pairs]
        counted = {name: picks.count(name) for name in pairs[0][0]["validation"] if name in picks}
        judged = [
            statistics.fmean(each["validation"][name or each["picked"]] for each, _ in pairs)
            for name in ("", own)
        ]
        nested, fixed = _uars(pairs)
        signs = [np.sign(round(a - b, 6)) for a, b in zip(nested, fixed, strict=True)]
        threes = [(each["adapted"][_THREE], run.adapted[_THREE].uar.value) for each, run in pairs]
        cells.append(
            [
                key.recipe,
                key.corpus,
                f"{len(pairs)} of {pairs[0][1].folds}",
                pairs[0][0]["by"],
                ", ".join(f"{name} ({number})" for name, number in counted.items()),
                *(f"{value:.3f}" for value in judged),
                *map(_mean, (nested, fixed)),
                f"{statistics.fmean(nested) - statistics.fmean(fixed):+.3f}",
                f"{signs.count(1)}, {signs.count(-1)}",
                *(f"{statistics.fmean(values):.3f}" for values in zip(*threes, strict=True)),
                str(max(each["scored"] for each, _ in pairs)),
            ]
        )
    header = ["system", "corpus", "folds", "divided by", "picked (folds)", "validation, picked"]
    header += ["validation, fixed", "UAR, nested", "UAR, fixed", "difference"]
    header += ["folds higher, lower", "adapted to 3, nested", "adapted to 3, fixed"]
    return Table((*header, "settings scored"), cells)


def by_fold(results: Sequence[dict], rows: Iterable[Row]) -> Table:
    """Return a line for each fold: each setting's UAR in validation, the pick, and its test UAR.

    Args:
        results: Stored results, a dict a fold.
        rows: Rows of the ledger, which hold the kept runs.
    """
    cells = []
    for key, pairs in _beside(results, rows).items():
        for each, run in pairs:
            fold = each["left_out"] or str(each["fold"])
            judged = [f"{name}: {uar:.3f}" for name, uar in each["validation"].items()]
            uars = [f"{uar:.3f}" for uar in (each["uar"], run.test.uar.value)]
            cells.append([key.recipe, key.corpus, fold, "; ".join(judged), each["picked"], *uars])
    header = ("system", "corpus", "fold, or corpus left out", "UAR in validation of each setting")
    return Table((*header, "picked", "UAR, nested", "UAR, fixed"), cells)


def words(results: Sequence[dict], rows: Iterable[Row]) -> str:
    """Return in sentences whether nested choices do better or worse than the fixed penalties.

    Systems and corpora with a missing fold are left out.

    Args:
        results: Stored results, a dict a fold.
        rows: Rows of the ledger, which hold the kept runs.
    """
    gains = {}
    for key, pairs in _beside(results, rows).items():
        if len(pairs) < pairs[0][1].folds:
            continue
        nested, fixed = map(statistics.fmean, _uars(pairs))
        gains[f"{key.recipe} on {key.corpus}"] = round(nested - fixed, 3)
    if not gains:
        return "No row is finished."
    above, below = (sum(sign * gain > 0 for gain in gains.values()) for sign in (1, -1))
    most, least = (function(gains, key=lambda name: gains[name]) for function in (max, min))
    return (
        f"Of {len(gains)} pairs of system and corpus, the nested choice is higher than the fixed "
        f"penalty in {above}, lower in {below}, and equal in {len(gains) - above - below}. The "
        f"mean difference of UAR is {statistics.fmean(gains.values()):+.3f}; it is highest for "
        f"{most} ({gains[most]:+.3f}) and lowest for {least} ({gains[least]:+.3f})."
    )


def _beside(results: Iterable[dict], rows: Iterable[Row]) -> dict[RowKey, list[tuple[dict, Run]]]:
    """Return the results of each system and corpus, each fold with its kept run."""
    kept = {run.key: run for row in rows for run in row.runs}
    pairs: dict[RowKey, list[tuple[dict, Run]]] = {}
    for each in results:
        key = RunKey(**{name: each[name] for name in ("recipe", "corpus", "protocol", "fold")})
        if key in kept:
            pairs.setdefault(key.row, []).append((each, kept[key]))
    return pairs


def _uars(pairs: Iterable[tuple[dict, Run]]) -> tuple[list[float], list[float]]:
    """Return the UAR of each fold, of the nested choices and of the kept runs."""
    pairs = list(pairs)
    return [each["uar"] for each, _ in pairs], [run.test.uar.value for _, run in pairs]


def _mean(values: list[float]) -> str:
    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.3f}{spread}"
