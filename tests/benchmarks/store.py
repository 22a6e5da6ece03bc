"""Measurements on disk: a JSON file into which each row is merged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from ser_keras import files
from ser_keras.errors import SerKerasError
from tests.benchmarks.rows import Environment, Measurement, Result, Row

FORMAT = 1


def read(rows: Iterable[Row], path: Path) -> list[Result]:
    """Return the results that are stored, in the order of `rows`; [] if there is no file.

    A stored row that is no longer among `rows` is left out.

    Raises:
        SerKerasError: The file was not written by this version of the benchmarks.
    """
    if not path.exists():
        return []
    stored = files.read_json(path)
    if not isinstance(stored, dict) or stored.get("format") != FORMAT:
        raise SerKerasError(path, f"is not of format {FORMAT}", "Delete it and measure again")
    environments = [Environment(**environment) for environment in stored["environments"]]
    results = []
    for row in rows:
        if row.name in stored["rows"]:
            value = stored["rows"][row.name]
            environment = environments[value["environment"]]
            results.append(Result(row, Measurement.from_json(value), environment))
    return results


def merge(result: Result, rows: Iterable[Row], path: Path) -> None:
    """Store a result in the place of an older one of its row; other rows stay as they are.

    Args:
        result: Row that was just measured.
        rows: All rows.
        path: JSON file, which may not exist yet.
    """
    others = [old for old in read(rows, path) if old.row.name != result.row.name]
    results = [*others, result]
    environments = []  # each once, though most rows share one
    for environment in (each.environment for each in results):
        if environment not in environments:
            environments.append(environment)
    stored = {
        each.row.name: {
            "environment": environments.index(each.environment),
            **each.measurement.to_json(),
        }
        for each in results
    }
    described = [asdict(environment) for environment in environments]
    files.write_json(path, {"format": FORMAT, "environments": described, "rows": stored})
