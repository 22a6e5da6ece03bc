"""`python -m ser_keras.ledger`: run a matrix of recipes, show its figures, write them down."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from pathlib import Path

from ser_keras import cli, console, engines, files, ledger, matrix, recipes, splits
from ser_keras.errors import SerKerasError

_EXAMPLES = """\
examples:
  python -m ser_keras.ledger run --recipe mean-mfcc-lstm,attention-tess --protocol paper,text
      Each system on its own corpus: every first figure before any second fold or seed.
  python -m ser_keras.ledger run --recipe all --protocol speaker --fold all --seed 0,1,2 --jobs 4
      All folds of each corpus under three seeds, four at once.
  python -m ser_keras.ledger run --recipe attention-three-corpora --corpus ravdess+savee+tess \\
      --protocol corpus --fold all
      Several corpora as one: tested on each, trained on the others.
  python -m ser_keras.ledger run --recipe attention-tess --vary model.dropout 0.1 0.3 0.5
      A changed system has a folder of its own, and no row in the tables.

What is finished is skipped, what is unfinished gone on with: after Ctrl-C, a crash or kill -9 give
the same command again. It may run several times at once, on one machine or on many that share the
disk. With several --jobs each training has fewer threads, and may end in other last digits.
"""


def main(argv: list[str] | None = None) -> None:
    """Run the command line `argv` (None: that of the process)."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # start-up notes of native code
    arguments = _parser().parse_args(argv)
    stopped = "Stopped. The same command goes on after the last finished epochs."
    with cli.exit_codes(stopped if arguments.action == "run" else "Stopped."):
        if arguments.action == "run":
            _run(arguments)
        elif arguments.action == "baselines":
            _fit_baselines(arguments)
        elif arguments.action == "show":
            console.show(ledger.show(arguments.runs))
        elif arguments.action == "compare":
            console.show(ledger.compare(_folder(arguments.first), _folder(arguments.second)))
        elif arguments.action == "pictures":
            for path in ledger.draw(arguments.runs, arguments.out):
                console.show(str(path))
        else:
            ledger.write(arguments.runs)
            console.say(f"Written: {ledger.README}, {ledger.RESULTS_README}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ser_keras.ledger", description="The kept runs: made, shown, written down."
    )
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="run | baselines | compare | show | write | pictures"
    )
    run = actions.add_parser(
        "run",
        help="train a matrix of systems, corpora, protocols, folds and seeds",
        description="Train what is not finished of a matrix of systems, corpora, protocols, folds "
        "and seeds. Lists are divided by commas.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.add_argument("--recipe", required=True, metavar="NAMES", help="systems, or all")
    run.add_argument(
        "--corpus", metavar="NAMES", help="pooled ones joined by + (default: each system's own)"
    )
    run.add_argument(
        "--protocol",
        default="paper",
        metavar="NAMES",
        help=f"{', '.join(splits.PROTOCOLS)}, or all",
    )
    run.add_argument("--fold", default="0", metavar="NUMBERS", help="or all (default: 0)")
    run.add_argument("--seed", default="0", metavar="NUMBERS", help="(default: 0)")
    run.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change all systems"
    )
    run.add_argument(
        "--vary",
        action="append",
        default=[],
        nargs="+",
        metavar=("KEY", "VALUE"),
        help="change a setting to each of these values; several are combined",
    )
    fit = actions.add_parser(
        "baselines",
        help="fit them anew beside finished runs",
        description="Fit the baselines of finished runs anew, and train nothing: for runs made "
        "before a baseline was there, or before `pip install opensmile`.",
    )
    for action in (run, fit):
        for name, place, words in (
            ("--data", files.DATA, "of the corpora"),
            ("--out", matrix.LEDGER, "of the runs"),
            ("--cache", files.CACHE, "of features"),
        ):
            action.add_argument(name, type=Path, default=place, metavar="DIR", help=words)
    run.add_argument(
        "--jobs",
        type=int,
        default=max(1, engines.cores() // 2),
        metavar="N",
        help="how many are trained at once; they share the cores (default: 1 for 2 cores)",
    )
    run.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="train on the workers of a Dask cluster that see the same folders, this package's "
        "too; start them with --nthreads 1, for each thread trains one run; after Ctrl-C what "
        "they have begun goes on",
    )
    compare = actions.add_parser(
        "compare",
        help="hold your runs against the kept ones",
        description="Print the runs that two folders have in common: on what each was trained, its "
        "figure, and the test clips that both label alike or only one of them rightly.",
    )
    compare.add_argument("first", type=Path, metavar="DIR", help="of runs, e.g. results/runs")
    compare.add_argument(
        "second",
        type=Path,
        nargs="?",
        default=ledger.LEDGER,
        metavar="DIR",
        help="of others (default: the kept ones)",
    )
    for name, words in (
        ("show", "print the tables"),
        ("write", "renew them in the documents"),
        ("pictures", "draw them, and speakers and texts apart"),
    ):
        action = actions.add_parser(name, help=words, description=words.capitalize() + ".")
        action.add_argument(
            "--runs", type=Path, default=ledger.LEDGER, metavar="DIR", help="where they lie"
        )
    action.add_argument(
        "--out", type=Path, default=ledger.PICTURES, metavar="DIR", help="where they are drawn"
    )
    return parser


def _places(arguments: argparse.Namespace) -> matrix.Places:
    for name in ("data", "out"):
        folder = getattr(arguments, name)
        if not folder.is_dir() and not (name == "out" and arguments.action == "run"):
            raise SerKerasError(folder, "no such folder", f"Check --{name}")
    return matrix.Places(
        data=arguments.data.absolute(),
        out=arguments.out.absolute(),
        cache=arguments.cache.absolute(),
    )


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise SerKerasError(path, "no such folder", "Name a folder of runs, e.g. results/runs")
    return path


def _fit_baselines(arguments: argparse.Namespace) -> None:
    failed = matrix.fit_baselines(_places(arguments))
    for failure in failed:
        console.error(failure)
    if failed:
        sys.exit(cli.FAILED)


def _run(arguments: argparse.Namespace) -> None:
    places = _places(arguments)
    if arguments.jobs < 1:
        raise SerKerasError("--jobs", "is below 1", "Give a number of runs")
    if arguments.jobs > 1 and not arguments.dask:
        _share_cores(arguments.jobs)
    wanted, skipped = matrix.cells(_matrix(arguments), places)
    finished = sum(places.finished(cell) is not None for cell in wanted)
    console.say(f"{len(wanted)} runs, {finished} of them finished.")
    for left_out in skipped:
        console.say(f"Left out: {left_out}")
    failed = matrix.run(wanted, places, jobs=arguments.jobs, dask=arguments.dask)
    console.say(
        f"{len(wanted) - len(failed)} of {len(wanted)} runs are finished, {len(failed)} failed, "
        f"{len(skipped)} left out."
    )
    for failure in failed:
        console.error(failure)
    if failed:
        sys.exit(cli.FAILED)


def _matrix(arguments: argparse.Namespace) -> matrix.Matrix:
    every = {"all": None}
    for change in arguments.set:
        if "=" not in change:
            raise SerKerasError(f"--set {change}", "has no value", "Write it as KEY=VALUE")
    for key, *values in arguments.vary:
        if not values:
            raise SerKerasError(f"--vary {key}", "has no values", "Write them behind the key")
    varied = [[f"{key}={value}" for value in values] for key, *values in arguments.vary]
    return matrix.Matrix(
        recipes=tuple(recipes.names() if arguments.recipe in every else _words(arguments.recipe)),
        corpora=tuple(_words(arguments.corpus or "")),
        protocols=splits.PROTOCOLS
        if arguments.protocol in every
        else tuple(_words(arguments.protocol)),
        folds=None if arguments.fold in every else _numbers("--fold", arguments.fold),
        seeds=_numbers("--seed", arguments.seed),
        variants=tuple((*arguments.set, *changes) for changes in itertools.product(*varied)),
    )


def _words(text: str) -> list[str]:
    return list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def _numbers(option: str, text: str) -> tuple[int, ...]:
    words = _words(text)
    if not words or not all(word.isdecimal() for word in words):
        raise SerKerasError(f"{option} {text}", "is no list of numbers", "Write it as 0,1,2")
    return tuple(map(int, words))


def _share_cores(jobs: int) -> None:
    """Give each of the trainings, which inherit this, its share of the cores."""
    threads = str(max(1, engines.cores() // jobs))
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, threads)
