"""`ledger reliability`: measure when the labels of adapted models count."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from ser_keras import console, files, ledger
from ser_keras.errors import SerKerasError


def add(actions: argparse._SubParsersAction, folders: Iterable[tuple[str, Path, str]]) -> None:
    """Add the action to a parser; the folders are triples of option, default and help."""
    parser = actions.add_parser(
        "reliability",
        help="measure when labels of adapted models count",
        description="Measure when the labels of fusion and general count after adapting to three "
        "other recordings of a voice, or to the recordings themselves, and which sounds get a "
        "remark. The run folders of their kept rows have to lie in --out. Takes five minutes.",
    )
    for name, place, words in folders:
        parser.add_argument(name, type=Path, default=place, metavar="DIR", help=words)
    parser.add_argument("--keep", action="store_true", help="for maintainers: write the results")


def measure(arguments: argparse.Namespace) -> None:
    """Measure, show the tables, and write them where `--keep` was given."""
    from ser_keras.ledger import (
        adapted_reliability,
        far,
        release,
        reliability,
    )  # late: they load what predicts

    if not arguments.data.is_dir():
        raise SerKerasError(arguments.data, "no such folder", "Check --data")
    rows = reliability.chosen(ledger.rows())
    places = arguments.data, arguments.out, arguments.cache
    results = adapted_reliability.measure(rows, *places)
    for row in rows:
        if row.key.protocol == release.PROTOCOL:
            results["far"] = far.measure(row, arguments.data, arguments.cache)
    console.show(adapted_reliability.table(results).text())
    console.show("\n" + adapted_reliability.sets(results).text())
    console.show("\n" + far.table(results.get("far", [])).text())
    if arguments.keep:
        files.write_json(adapted_reliability.RESULTS, results)
        console.say(f"Written: {files.short(adapted_reliability.RESULTS)}.")
