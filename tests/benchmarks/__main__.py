"""`python -m tests.benchmarks`: ratios against what a user would pick instead, in one run."""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import os
import platform
import shlex
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ser_keras import cli, console, files
from ser_keras.engines import cores
from ser_keras.errors import SerKerasError
from tests.benchmarks import features, memory, picture, prediction, training
from tests.benchmarks.rows import Result, Row
from tests.benchmarks.setting import CLIPS, Setting, prepare
from tests.benchmarks.timing import Spread

ROWS = (*features.ROWS, *prediction.ROWS, *training.ROWS, *memory.ROWS)
_PACKAGES = (
    *("tensorflow", "keras", "torch", "ai-edge-litert", "numpy", "scipy", "librosa"),
    *("soundfile", "soxr", "scikit-learn", "pandas", "matplotlib"),
)


def main(argv: list[str] | None = None) -> None:
    """Run the command line `argv` (None: that of the process)."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.list:
        console.show("\n".join(map(_line, ROWS)))
        return
    if arguments.repeats < 1:
        parser.error("--repeats must be at least 1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # start-up notes of native code
    rows = [row for row in ROWS if not arguments.only or row.name in arguments.only]
    scratch = tempfile.TemporaryDirectory(prefix="ser-keras-bench-", ignore_cleanup_errors=True)
    with cli.exit_codes("Stopped."), scratch as folder:
        setting = prepare(arguments.corpora, Path(folder), arguments.repeats, arguments.quick)
        results = list(_measure(rows, setting))
        if not results:
            raise SerKerasError("benchmarks", "nothing could be measured", "See above")
        facts = _facts(setting, argv)
        console.show(table(results, len(setting.clips)))
        console.show("\n" + _sentence(facts))
        if arguments.json is not None:
            rows = [result.to_json() for result in results]
            files.write_json(arguments.json, {**facts, "rows": rows})
        if arguments.picture is not None:
            title = f"Benchmarks of ser_keras, {facts['date']}, {facts['cores']} cores"
            title += ", synthetic clips" if setting.synthetic else ""
            picture.draw(results, len(setting.clips), title, arguments.picture)


def table(results: Iterable[Result], clips: int) -> str:
    """Return the results as a Markdown table that is also readable as it stands."""
    header = ["work", "ours", "against", "ratio", "target", "peak memory"]
    rows = [_cells(result, clips) for result in results]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join("| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines)


def _line(row: Row) -> str:
    words = row.work.format(clips=CLIPS), f"against {row.against}", row.aim
    return f"{row.name:<20}{', '.join(filter(None, words))}"


def _cells(result: Result, clips: int) -> list[str]:
    row, contest = result.row, result.contest
    ratios = result.ratios
    aim = row.aim
    if result.reached is not None:
        aim += ": reached" if result.reached else ": missed"
    peaks = "" if contest.peaks is None else " against ".join(map(_megabytes, contest.peaks))
    return [
        row.work.format(clips=clips) + (f"; {contest.note}" if contest.note else ""),
        _quantity(contest.ours, contest.unit),
        f"{row.against}: {_quantity(contest.peer, contest.unit)}",
        f"{_round(result.ratio)}x ({_round(ratios.low)} to {_round(ratios.high)})",
        aim,
        peaks,
    ]


def _quantity(spread: Spread, unit: str) -> str:
    """Return median, lowest and highest, in a unit that suits them."""
    names = {"s": ((1, "s"), (1e-3, "ms"), (1e-6, "µs")), "B": ((1e6, "MB"), (1e3, "kB"))}[unit]
    size, name = next((pair for pair in names if spread.median >= pair[0]), names[-1])
    low, median, high = (_round(x / size) for x in (spread.low, spread.median, spread.high))
    return f"{median} {name}" if low == high else f"{median} {name} ({low} to {high})"


def _round(value: float) -> str:
    """Return three digits that count, never in powers of ten."""
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}"


def _megabytes(count: float) -> str:
    return f"{count / 1e6:.0f} MB"


def _measure(rows: Sequence[Row], setting: Setting) -> Iterator[Result]:
    for row in rows:
        console.say(f"{row.name}: {row.work.format(clips=len(setting.clips))} ...")
        try:
            result = Result(row, row.contest(setting))
        except SerKerasError as error:
            console.warn(f"{row.name} is left out: {error}")
        else:
            console.say(f"  {_round(result.ratio)}x")
            yield result


def _facts(setting: Setting, argv: list[str] | None) -> dict:
    """Return what the figures depend on; names of nobody."""
    words = sys.argv[1:] if argv is None else argv
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": shlex.join(["python", "-m", "tests.benchmarks", *words]),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": cores(),
        "repeats": setting.repeats,
        "clips": len(setting.clips),
        "synthetic": setting.synthetic,
        "quick": setting.quick,
        "packages": dict(_versions()),
    }


def _sentence(facts: dict) -> str:
    kind = "synthetic demo clips" if facts["synthetic"] else "clips of TESS"
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    warning = "Sizes are small (--quick): these ratios say nothing.\n" if facts["quick"] else ""
    return (
        f"{warning}{facts['date']}, {facts['system']}, {facts['processor']}, {facts['cores']} "
        f"cores, Python {facts['python']}, {packages}.\n"
        f"Medians (lowest to highest) of {facts['repeats']} repetitions in turn, after one that "
        f"is not counted; {facts['clips']} {kind}.\nCommand: {facts['command']}"
    )


def _versions() -> Iterator[tuple[str, str]]:
    for name in _PACKAGES:
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # an extra


def _processor() -> str:
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:  # not Linux
        return platform.processor() or "unknown processor"
    names = (line.partition(":")[2].strip() for line in told.splitlines() if "model name" in line)
    return next(names, "unknown processor")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measure ratios against what a user would pick instead, side by side in one "
        "run. Needs Linux or macOS, and for some rows: pip install -r requirements-bench.txt",
    )
    beside = files.ROOT.parent / "shared" / "corpora"
    parser.add_argument(
        "--corpora",
        type=Path,
        default=Path(os.environ.get("SER_CORPORA", beside)),
        metavar="DIR",
        help="a folder above TESS (default: $SER_CORPORA, else ../shared/corpora); without TESS "
        "the synthetic demo corpus is used",
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=[row.name for row in ROWS],
        metavar="NAME",
        help="a row to measure; may be repeated",
    )
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="of each contender")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the ratios as a PNG")
    parser.add_argument("--list", action="store_true", help="name the rows and measure nothing")
    parser.add_argument(
        "--quick", action="store_true", help="small sizes, to see that everything runs"
    )
    return parser


if __name__ == "__main__":
    main()
