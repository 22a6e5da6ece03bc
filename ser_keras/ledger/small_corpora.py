"""The table of small corpora, from the scores that `tests.benchmarks.small_corpora` has stored."""

from __future__ import annotations

from pathlib import Path

from ser_keras import files
from ser_keras.errors import SerKerasError
from ser_keras.ledger.tables import Table
from ser_keras.metrics import Paired

RESULTS = files.RESULTS / "small_corpora.json"


def read(path: Path = RESULTS) -> list[dict]:
    """Return the stored rows, a dict a run; none if there is no file.

    Raises:
        SerKerasError: The file holds something else.
    """
    results = files.read_json(path) if path.exists() else []
    if not isinstance(results, list):
        raise SerKerasError(path, "is no list of runs", "Take a fresh copy of the project")
    return results


def table(results: list[dict]) -> Table:
    """Return a line for each small corpus, protocol and recipe: means over its runs.

    The baseline is the one with the highest mean UAR. The paired test pools the test clips of all
    runs.
    """
    groups: dict[tuple, list[dict]] = {}
    for result in results:
        key = (result["corpus"], result["protocol"], result["recipe"], *result["changes"])
        groups.setdefault(key, []).append(result)
    cells = []
    for runs in groups.values():
        first, n = runs[0], len(runs)
        uars = [run["uar"]["value"] for run in runs]

        def rival_uar(name: str, runs: list[dict] = runs) -> float:
            return sum(run["baselines"][name]["uar"] for run in runs) / len(runs)

        best = max(first["baselines"], key=rival_uar)
        network, rival = (
            sum(run["baselines"][best][side] for run in runs)
            for side in ("only_network", "only_baseline")
        )
        test = Paired.of(sum(run["clips"]["test"] for run in runs), network, rival)
        cells.append(
            [
                first["corpus"],
                str(sum(first["clips"].values())),
                first["protocol"],
                first["recipe"],
                ", ".join(first["changes"]),
                f"{sum(uars) / n:.3f} ({min(uars):.3f} to {max(uars):.3f})",
                f"{sum(run['accuracy']['value'] for run in runs) / n:.3f}",
                f"{sum(run['validation_uar'] for run in runs) / n:.3f}",
                f"{1 / first['emotions']:.3f}",
                f"{sum(run['constant_prediction'] for run in runs)} of {n}",
                f"{best} {rival_uar(best):.3f}",
                str(network),
                str(rival),
                f"{test.p:.2g}",
            ]
        )
    header = [
        *("corpus", "clips", "protocol", "recipe", "changed settings", "UAR", "accuracy"),
        *("UAR in validation", "chance level", "constant predictions", "best baseline"),
        *("only the network", "only the baseline", "p"),
    ]
    return Table(tuple(header), cells)
