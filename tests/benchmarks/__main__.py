"""`python -m tests.benchmarks`: what this package costs beside what a user would pick instead."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from ser_keras import cli, console, files
from ser_keras.errors import SerKerasError
from tests.benchmarks import document, encoder, features, long, memory, prediction, store, training
from tests.benchmarks.rows import Environment, Result, Row
from tests.benchmarks.setting import CLIPS, add_corpora, prepare

MEASURING = (features, encoder, prediction, training, memory, long)
ROWS = tuple(row for module in MEASURING for row in module.ROWS)
STORE = files.RESULTS / "speed.json"
DOCUMENT = files.RESULTS / "speed.md"
PICTURE = files.RESULTS / "pictures" / "speed.png"

_EXAMPLES = """\
examples:
  python -m tests.benchmarks --keep
      Measure all rows (about half an hour on two idle cores) and write results/speed.json,
      results/speed.md and results/pictures/speed.png.
  python -m tests.benchmarks --keep --resume
      Measure only the rows that results/speed.json lacks, as after Ctrl-C.
  python -m tests.benchmarks --keep --only mfcc-files --only many-clips
      Measure two rows again; the others stay as they are.
  python -m tests.benchmarks --write
      Write the document and the picture again from results/speed.json.
"""


def main(argv: list[str] | None = None) -> None:
    """Run the command line `argv` (None: that of the process)."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.list:
        console.show("\n".join(map(_line, ROWS)))
        return
    if arguments.repeats < 1:
        parser.error("--repeats must be at least 1")
    if arguments.quick and arguments.keep:
        parser.error("--quick measures nothing that is worth keeping: leave out --keep")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # start-up notes of native code
    resume = "Stopped. --resume continues after the rows that were kept."
    with cli.exit_codes(resume if arguments.keep else "Stopped."):
        if arguments.write:
            _write()
        else:
            _run(arguments)


def _run(arguments: argparse.Namespace) -> None:
    rows = [row for row in ROWS if not arguments.only or row.name in arguments.only]
    if arguments.resume:
        finished = {result.row.name for result in store.read(ROWS, STORE)}
        rows = [row for row in rows if row.name not in finished]
        console.say(f"{len(finished)} of {len(ROWS)} rows are measured; {len(rows)} to do.")
    results = []
    scratch = tempfile.TemporaryDirectory(prefix="ser-keras-bench-", ignore_cleanup_errors=True)
    with scratch as folder:
        setting = prepare(arguments.corpora, Path(folder), arguments.repeats, arguments.quick)
        environment = Environment.here(setting)
        for row in rows:
            console.say(f"{row.name}: {row.work.format(clips=len(setting.clips))} ...")
            try:
                result = Result(row, row.measure(setting), environment)
            except SerKerasError as error:
                console.warn(f"{row.name} is left out: {error}")
                continue
            console.say(f"  {result.ratio:.3g}x")
            results.append(result)
            if arguments.keep:  # at once, so that an interruption loses one row at most
                store.merge(result, ROWS, STORE)
    if rows and not results:
        raise SerKerasError("benchmarks", "nothing could be measured", "See the warnings above")
    if results:
        console.show(f"{document.table(results)}\n\n{document.settings(results)}")
    if arguments.quick:
        console.warn("Sizes are small (--quick): these ratios say nothing.")
    if arguments.keep:
        _write()


def _write() -> None:
    document.write(ROWS, store.read(ROWS, STORE), DOCUMENT, PICTURE)
    console.say(f"Written: {DOCUMENT}, {PICTURE}")


def _line(row: Row) -> str:
    words = row.work.format(clips=CLIPS), f"against {row.against}", row.aim
    return f"{row.name:<20}{', '.join(filter(None, words))}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measure what this package costs beside what a user would pick instead, both "
        "in turn. Needs Linux or macOS, and for some rows: pip install -r requirements-bench.txt",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_corpora(parser, "TESS, or a folder above it; without TESS the demo corpus is used")
    parser.add_argument(
        "--only",
        action="append",
        choices=[row.name for row in ROWS],
        metavar="NAME",
        help="measure this row; may be repeated",
    )
    parser.add_argument(
        "--repeats", type=int, default=5, metavar="N", help="counted repetitions (default: 5)"
    )
    parser.add_argument(
        "--keep",
        action="store_true",
        help="store the rows in results/speed.json and write results/speed.md",
    )
    parser.add_argument(
        "--resume", action="store_true", help="leave out rows that results/speed.json has"
    )
    parser.add_argument(
        "--write", action="store_true", help="write the document again and measure nothing"
    )
    parser.add_argument("--list", action="store_true", help="name the rows and measure nothing")
    parser.add_argument(
        "--quick", action="store_true", help="use small sizes, to check that everything runs"
    )
    return parser


if __name__ == "__main__":
    main()
