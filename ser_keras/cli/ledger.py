"""`python -m ser_keras.ledger`: make runs, compare them, keep them, and write the documents."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from pathlib import Path

from ser_keras import cli, console, engines, files, ledger, recipes, runs, splits
from ser_keras.cli import reliability, search, selection
from ser_keras.errors import SerKerasError, Skipped, unknown
from ser_keras.ledger import sweep, tables
from ser_keras.ledger.rows import grouped

_DESCRIPTION = """\
Make many runs, show and compare them. What you train lies in results/runs; results/ledger holds the
runs that are kept with the project, from which its documents are made.
"""
_EXAMPLES = """\
examples:
  python -m ser_keras.ledger run --recipe mean-mfcc-lstm,attention-tess --protocol paper,text
      Each system on its own corpus: every first run before any second fold or seed.
  python -m ser_keras.ledger run --recipe all --protocol speaker --fold all --seed 0,1,2 --jobs 4
      All folds of each corpus with three seeds, four runs at once.
  python -m ser_keras.ledger run --recipe attention-three-corpora --corpus ravdess+savee+tess \\
      --protocol corpus --fold all
      Several corpora as one: tested on each, trained on the others.
  python -m ser_keras.ledger run --recipe attention-tess --protocol speaker --search 30 \\
      --range training.learning_rate=1e-4..1e-2 --range model.units=32,64,128
      30 settings are tried on validation clips; the best one is scored on the test clips.
  python -m ser_keras.ledger run --recipe attention-tess --vary model.dropout 0.1 0.3 0.5
      A changed system has a folder of its own, and no row in the tables.

Finished runs are skipped and unfinished ones are resumed: after Ctrl-C, a crash or kill -9, give
the same command again. It may run several times at once, on one machine or on many that share the
disk. With several --jobs each training has fewer threads, and its last digits may differ.
"""


def main(argv: list[str] | None = None) -> None:
    """Run the command line `argv` (None: that of the process)."""
    arguments = cli.parse(_parser(), argv)
    actions = {
        "run": _run,
        "baselines": _fit_baselines,
        "show": _show,
        "compare": _compare,
        "keep": _keep,
        "release": _release,
        "unpack": _unpack,
        "write": _write,
        "pictures": _draw,
        "voices": _tell_voices_apart,
        "reliability": reliability.measure,
        "selection": selection.run,
    }
    resumable = "Stopped. The same command resumes after the last finished epochs."
    folders = {name: getattr(arguments, name[2:], None) for name in ("--out", "--cache")}
    with cli.exit_codes(resumable if arguments.action == "run" else "Stopped.", folders):
        actions[arguments.action](arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ser_keras.ledger", description=_DESCRIPTION)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    run = actions.add_parser(
        "run",
        help="train a matrix of systems, corpora, protocols, folds and seeds",
        description="Train those runs of a matrix of systems, corpora, protocols, folds and seeds "
        "that are not finished. Items of a list are divided by commas.",
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
        help=f"{', '.join(splits.PROTOCOLS)}, or all (default: paper)",
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
    run.add_argument(
        "--search",
        type=int,
        metavar="N",
        help="try N settings of each run on its validation clips, one after another, and score the "
        "test clips with the best one alone. The same command resumes",
    )
    run.add_argument(
        "--range",
        action="append",
        default=[],
        metavar="KEY=VALUES",
        help="values that a search tries, as 1e-4..1e-2 or 32,64,128 (default: the learning rate, "
        "sizes and dropout around those of the recipe)",
    )
    fit = actions.add_parser(
        "baselines",
        help="fit the baselines of finished runs anew",
        description="Fit the baselines of finished runs anew and train nothing: for runs made "
        "before a baseline was there, or before `pip install opensmile`.",
    )
    for action in (run, fit):
        for name, place, words in _FOLDERS:
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
        "too. Whoever reaches its scheduler runs code as you do: start it with dask scheduler "
        "--host 127.0.0.1, or, for several machines, with the certificates of its options --tls-*. "
        "Start workers with --nthreads 1, because each thread trains one run. After Ctrl-C they "
        "finish what they have begun",
    )
    run.add_argument(
        "--keep",
        action="store_true",
        help="for maintainers: pack each finished run into results/ledger, and skip those that are "
        "in it",
    )
    show = actions.add_parser("show", help="print the tables of a folder of runs")
    show.add_argument(
        "folder", type=Path, nargs="?", default=ledger.LEDGER, metavar="DIR", help=_FOLDER
    )
    compare = actions.add_parser(
        "compare",
        help="compare your runs with the kept ones, clip by clip",
        description="Print the runs that two folders have in common: the machine that trained "
        "each, its UAR, and the test clips that both label alike or only one of them rightly.",
    )
    compare.add_argument("first", type=Path, metavar="DIR", help="such as results/runs")
    compare.add_argument(
        "second", type=Path, nargs="?", default=ledger.LEDGER, metavar="DIR", help=_FOLDER
    )
    keep = actions.add_parser("keep", help="pack a finished run into results/ledger")
    keep.add_argument("run", type=Path, metavar="RUN", help="run folder")
    keep.add_argument("--again", action="store_true", help="keep it beside the run that it repeats")
    release = actions.add_parser(
        "release",
        help="for maintainers: make a model that ships with the package",
        description="Make a model that ships with the package. general is trained on all corpora "
        "of its kept runs under whole-corpus, and calibrated by these; others are finished runs.",
    )
    release.add_argument("name", metavar="NAME", help="name of the model, such as general")
    release.add_argument("--run", type=Path, metavar="RUN", help="run folder, for all but general")
    release.add_argument(
        "--refresh",
        action="store_true",
        help="train nothing: measure anew when its labels count, and how far recordings lie",
    )
    for name, place, words in _FOLDERS[::2]:
        release.add_argument(name, type=Path, default=place, metavar="DIR", help=words)
    apart = actions.add_parser(
        "voices",
        help="measure how well --speakers tells voices apart",
        description="Learn the map that tells voices apart, and measure it on recordings put "
        "together from RAVDESS and ASED, on speakers that it has not heard. Takes five minutes.",
    )
    for name, place, words in _FOLDERS[::2]:
        apart.add_argument(name, type=Path, default=place, metavar="DIR", help=words)
    apart.add_argument("--keep", action="store_true", help="for maintainers: write results and map")
    reliability.add(actions, _FOLDERS)
    selection.add(actions)
    unpack = actions.add_parser("unpack", help="give a kept run its folder back, with its pictures")
    unpack.add_argument(
        "run", metavar="RUN", help="such as attention-tess/tess/paper-0-seed0; see results/runs.csv"
    )
    unpack.add_argument("--out", type=Path, metavar="DIR", help="new folder (default: the name)")
    for name, words in (
        ("write", "fill the tables and numbers of the documents, and write results/runs.csv"),
        ("pictures", "draw the ladders, the comparison, and unseen speakers and texts"),
    ):
        action = actions.add_parser(name, help=words, description=words.capitalize() + ".")
        action.add_argument("--runs", type=Path, default=ledger.LEDGER, metavar="DIR", help=_FOLDER)
    action.add_argument(
        "--out", type=Path, default=ledger.PICTURES, metavar="DIR", help="folder of the pictures"
    )
    return parser


_FOLDERS = (
    ("--data", files.DATA, "folder of the corpora"),
    ("--out", runs.RUNS, "folder of the runs"),
    ("--cache", files.CACHE, "folder of the features"),
)
_FOLDER = "folder of runs (default: the kept ones, results/ledger)"


def _run(arguments: argparse.Namespace) -> None:
    places = _places(arguments)
    if arguments.jobs < 1:
        raise SerKerasError("--jobs", "is below 1", "Give a number of runs")
    search.check(arguments)
    if arguments.search is not None:
        keys, skipped = sweep.plan(_sweep(arguments), places)
        search.run(arguments, keys, places)
        _exit_if(skipped)
        return
    if arguments.jobs > 1 and not arguments.dask:
        _share_cores(arguments.jobs)
    keys, skipped = sweep.plan(_sweep(arguments), places)
    finished = sum(places.finished(key) is not None for key in keys)
    where = files.short(ledger.LEDGER if arguments.keep else arguments.out)
    console.say(f"{console.count(len(keys), 'run')}, {finished} of them finished in {where}.")
    for left_out in skipped:
        console.say(f"Left out: {left_out}")
    failed = sweep.run(keys, places, jobs=arguments.jobs, dask=arguments.dask)
    console.say(
        f"{len(keys) - len(failed)} of {len(keys)} runs are finished, {len(failed)} failed, "
        f"{len(skipped)} were left out."
    )
    if not arguments.keep and len(failed) < len(keys):
        console.say(f"Next: python -m ser_keras.ledger show {files.short(arguments.out)}")
    _exit_if(failed)


def _fit_baselines(arguments: argparse.Namespace) -> None:
    _exit_if(sweep.fit_baselines(_places(arguments)))


def _show(arguments: argparse.Namespace) -> None:
    rows = grouped(ledger.read(_folder(arguments.folder)), changed=True)
    if not rows:
        remedy = "Make some with: python -m ser_keras.ledger run --recipe attention-tess"
        raise SerKerasError(arguments.folder, "holds no finished run", remedy)
    made = [
        make(rows)
        for make in (
            tables.published,
            tables.ladder,
            tables.runs,
            tables.pooled,
            tables.baselines,
            tables.corrections,
            tables.scored,
        )
    ]
    console.show("\n\n".join(table.text() for table in made if table.rows))


def _compare(arguments: argparse.Namespace) -> None:
    first, second = _folder(arguments.first), _folder(arguments.second)
    console.show(tables.compare(first, second).text())


def _keep(arguments: argparse.Namespace) -> None:
    run = ledger.keep(_folder(arguments.run), ledger.LEDGER, again=arguments.again)
    console.say(f"Kept in {files.short(run.folder)}: {run.key}.")


def _release(arguments: argparse.Namespace) -> None:
    from ser_keras import bundle, models
    from ser_keras.ledger import release  # late: it loads what trains

    if arguments.run is not None:
        release.ship(_folder(arguments.run), models.SHIPPED / arguments.name)
        return
    name, corpora, protocol = arguments.name, None, release.PROTOCOL
    if arguments.refresh and name not in models.names():
        raise unknown(name, "model", name, models.names())
    if arguments.refresh and name != models.GENERAL:
        content = bundle.verify(models.SHIPPED / name)
        name, corpora = content["recipe"]["name"], content["split"]["corpus"]
        protocol = release.NEW_SPEAKERS
    rows = [
        row
        for row in ledger.rows()
        if (row.key.recipe, row.key.protocol) == (name, protocol)
        and corpora in (None, row.key.corpus)
    ]
    if not rows:
        remedy = f"Name a run folder with --run, or keep its runs under {protocol} first"
        raise SerKerasError(arguments.name, "has no kept runs to calibrate it by", remedy)
    places = _folder(arguments.data), arguments.cache
    if arguments.refresh:
        release.refresh(rows[0], models.SHIPPED / arguments.name, *places)
    else:
        release.train_general(rows[0], *places)


def _tell_voices_apart(arguments: argparse.Namespace) -> None:
    from ser_keras.ledger import voices  # late: it loads what learns

    measured = voices.run(_folder(arguments.data), arguments.cache, keep=arguments.keep)
    console.show(measured.text())


def _unpack(arguments: argparse.Namespace) -> None:
    key = runs.RunKey.from_folder(Path(arguments.run))
    out = arguments.out or Path(arguments.run)
    for run in ledger.read(ledger.LEDGER):
        if run.key == key and not run.repeat:
            ledger.unpack(run, out)
            console.say(f"Unpacked into {out}.")
            return
    raise SerKerasError(
        arguments.run, "is not in results/ledger", "results/runs.csv lists its runs"
    )


def _write(arguments: argparse.Namespace) -> None:
    paths = ledger.write(_folder(arguments.runs))
    console.say(f"Written: {', '.join(str(files.short(path)) for path in paths)}")


def _draw(arguments: argparse.Namespace) -> None:
    for path in ledger.draw(_folder(arguments.runs), arguments.out):
        console.show(str(files.short(path)))


def _places(arguments: argparse.Namespace) -> ledger.Places:
    for name in ("data", "out"):
        folder = getattr(arguments, name)
        if not folder.is_dir() and not (name == "out" and arguments.action == "run"):
            raise SerKerasError(folder, "no such folder", f"Check --{name}")
    keeps = arguments.action == "run" and arguments.keep
    return ledger.Places(
        data=arguments.data.absolute(),
        out=arguments.out.absolute(),
        cache=arguments.cache.absolute(),
        ledger=ledger.LEDGER if keeps else None,
    )


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise SerKerasError(path, "no such folder", "Name a folder of runs, such as results/runs")
    return path


def _exit_if(failed: list[Skipped]) -> None:
    for failure in failed:
        console.error(failure)
    if failed:
        sys.exit(cli.FAILED)


def _sweep(arguments: argparse.Namespace) -> ledger.Sweep:
    for change in arguments.set:
        if "=" not in change:
            raise SerKerasError(f"--set {change}", "has no value", "Write it as KEY=VALUE")
    for key, *values in arguments.vary:
        if not values:
            raise SerKerasError(f"--vary {key}", "has no values", "Write them behind the key")
    varied = [[f"{key}={value}" for value in values] for key, *values in arguments.vary]
    every_recipe, every_protocol = arguments.recipe == "all", arguments.protocol == "all"
    return ledger.Sweep(
        recipes=tuple(recipes.names() if every_recipe else _words(arguments.recipe)),
        corpora=tuple(_words(arguments.corpus or "")),
        protocols=tuple(splits.PROTOCOLS if every_protocol else _words(arguments.protocol)),
        folds=None if arguments.fold == "all" else _numbers("--fold", arguments.fold),
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
