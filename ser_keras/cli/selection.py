"""`ledger selection`: choose penalties strictly inside each training side, and score them once."""

from __future__ import annotations

import argparse
from pathlib import Path

from ser_keras import console, files, ledger, runs
from ser_keras.cli import train
from ser_keras.errors import SerKerasError


def add(actions: argparse._SubParsersAction) -> None:
    """Add the action to those of `python -m ser_keras.ledger`."""
    words = "choose penalties inside each training side alone, and score them once"
    action = actions.add_parser(
        "selection",
        help=words,
        description="Choose the penalties of the linear systems by cross-validation over speakers "
        "(for general over corpora) inside the training side of each fold, train with them, and "
        "score the test side once. Takes about 20 minutes on one idle core. Each fold is stored as "
        "it ends: after an interruption, give the same command again.",
    )
    action.add_argument("--recipe", metavar="NAMES", help="systems, divided by commas")
    action.add_argument("--corpus", metavar="NAMES", help="pooled ones joined by +")
    action.add_argument("--data", type=Path, default=files.DATA, metavar="DIR")
    action.add_argument("--cache", type=Path, default=files.CACHE, metavar="DIR")
    action.add_argument(
        "--out",
        type=Path,
        default=runs.RUNS,
        metavar="DIR",
        help="folder that selection.json is written into (default: results/runs)",
    )
    action.add_argument(
        "--keep", action="store_true", help="for maintainers: write results/selection.json"
    )


def run(arguments: argparse.Namespace) -> None:
    """Choose and score what is missing, and print what is there."""
    from ser_keras.ledger import selection, selection_tables  # late: they load what trains

    if not arguments.data.is_dir():
        raise SerKerasError(arguments.data, "no such folder", "Name a folder of corpora")
    train.compute_in_order()
    results = selection.run(
        arguments.data,
        arguments.cache,
        selection.RESULTS if arguments.keep else arguments.out / selection.RESULTS.name,
        names=_words(arguments.recipe) or list(selection.SEARCHES),
        on=_words(arguments.corpus),
    )
    rows = ledger.rows()
    console.show(selection_tables.summary(results, rows).text())
    console.say("", selection_tables.words(results, rows))


def _words(text: str | None) -> list[str]:
    return [word.strip() for word in (text or "").split(",") if word.strip()]
