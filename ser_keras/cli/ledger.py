"""`python -m ser_keras.ledger`: show the table of all runs, or write it into the documents."""

from __future__ import annotations

import argparse
from pathlib import Path

from ser_keras import cli, console, ledger


def main(argv: list[str] | None = None) -> None:
    """Run the command line `argv` (None: that of the process)."""
    parser = argparse.ArgumentParser(
        prog="python -m ser_keras.ledger", description="The figures of the kept runs."
    )
    parser.add_argument("action", choices=("show", "write"), help="print, or renew the documents")
    parser.add_argument(
        "--runs", type=Path, default=ledger.LEDGER, metavar="DIR", help="where they lie"
    )
    arguments = parser.parse_args(argv)
    with cli.exit_codes("Stopped."):
        if arguments.action == "show":
            console.show(ledger.show(arguments.runs))
        else:
            ledger.write(arguments.runs)
            console.say(f"Written: {ledger.README}, {ledger.RESULTS_README}")
