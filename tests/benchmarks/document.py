"""The measurements in words: the table, the settings, and the slots of a document."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from ser_keras import console, files
from ser_keras.errors import SerKerasError
from tests.benchmarks import picture
from tests.benchmarks.rows import Environment, Result, Row
from tests.benchmarks.timing import Spread

_UNITS = {"s": ((1, "s"), (1e-3, "ms"), (1e-6, "µs")), "B": ((1e6, "MB"), (1e3, "kB"))}


def table(results: Sequence[Result]) -> str:
    """Return the results as a table in Markdown."""
    header = ("work", "ours", "against", "ratio", "target", "peak memory")
    return console.markdown(header, [_cells(result) for result in results])


def settings(results: Sequence[Result]) -> str:
    """Return where, when and with what the results were measured, one paragraph an environment."""
    rows: dict[int, list[str]] = {}
    environments: list[Environment] = []
    for result in results:
        if result.environment not in environments:
            environments.append(result.environment)
        rows.setdefault(environments.index(result.environment), []).append(result.row.name)
    paragraphs = []
    for i, environment in enumerate(environments):
        which = f"{', '.join(f'`{name}`' for name in rows[i])}: " if len(environments) > 1 else ""
        paragraphs.append(which + _sentence(environment))
    return "\n\n".join(paragraphs)


def write(
    rows: Iterable[Row],
    results: Sequence[Result],
    path: Path,
    drawing: Path,
) -> None:
    """Fill the slots of the document and draw the picture.

    The slots are `table`, `settings`, and for a row `ours NAME`, `against NAME` and `ratio NAME`:
    medians and the ratio of medians.

    Args:
        rows: All rows; slots of those without a result say so.
        results: What was measured.
        path: Document whose slots are filled.
        drawing: PNG to draw.

    Raises:
        SerKerasError: There are no results, or the document has a slot of another name.
    """
    if not results:
        raise SerKerasError(path, "has no measurements to show", "Measure with --keep first")
    values = {"table": table(results), "settings": settings(results)}
    for kind, row in itertools.product(("ours", "against", "ratio"), rows):
        values[f"{kind} {row.name}"] = "(not measured)"
    for result in results:
        unit = result.measurement.unit
        values |= {
            f"ours {result.row.name}": _quantity(result.measurement.ours.median, unit),
            f"against {result.row.name}": _quantity(result.measurement.peer.median, unit),
            f"ratio {result.row.name}": f"{_round(result.ratio)}x",
        }
    names = re.findall(r"<!-- begin: (.+?) -->", path.read_text(encoding="utf-8"))
    unknown = [name for name in names if name not in values]
    if unknown:
        problem = f"has a slot that cannot be filled ({unknown[0]})"
        raise SerKerasError(path, problem, "Check its spelling")
    files.fill_slots(path, {name: values[name] for name in names})
    picture.draw(results, drawing)


def _cells(result: Result) -> list[str]:
    row, measurement, ratios = result.row, result.measurement, result.ratios
    aim = row.aim
    if result.reached is not None:
        aim += ": reached" if result.reached else ": missed"
    peaks = measurement.peaks or ()
    return [
        result.work + (f"; {measurement.note}" if measurement.note else ""),
        _spread(measurement.ours, measurement.unit),
        f"{row.against}: {_spread(measurement.peer, measurement.unit)}",
        f"{_round(result.ratio)}x ({_round(ratios.low)} to {_round(ratios.high)})",
        aim,
        " against ".join(_quantity(peak, "B") for peak in peaks),
    ]


def _sentence(environment: Environment) -> str:
    kind = "synthetic clips of the demo corpus" if environment.synthetic else "clips of TESS"
    packages = ", ".join(f"{name} {version}" for name, version in environment.packages.items())
    repeats = console.count(environment.repeats, "repetition")
    return (
        f"{environment.date}, {environment.system}, {environment.processor}, "
        f"{console.count(environment.cores, 'core')}, Python {environment.python}, {packages}; "
        f"{environment.clips} {kind}; {repeats} of each contender, after one that is not counted."
    )


def _quantity(value: float, unit: str) -> str:
    size, name = _scale(value, unit)
    return f"{_round(value / size)} {name}"


def _spread(spread: Spread, unit: str) -> str:
    """Return median, lowest and highest value, in a unit that suits the median."""
    size, name = _scale(spread.median, unit)
    low, median, high = (_round(x / size) for x in (spread.low, spread.median, spread.high))
    return f"{median} {name}" if low == high else f"{median} {name} ({low} to {high})"


def _scale(value: float, unit: str) -> tuple[float, str]:
    return next((pair for pair in _UNITS[unit] if value >= pair[0]), _UNITS[unit][-1])


def _round(value: float) -> str:
    """Return three significant digits, never a power of ten."""
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}"
