"""`python -m ser_keras.stress`: how a model's labels change when recordings change."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ser_keras import cli, console, files, stress
from ser_keras.bundle import load_bundle

OUT = files.RESULTS / "evaluation" / "stress"

_EXAMPLES = """\
examples:
  python -m ser_keras.stress general --data ~/corpora
      Change clips of the corpora that the model learned from, if they are there.
  python -m ser_keras.stress tess --data ~/corpora --corpus tess
      A model that was tested on a corpus is examined on its own test clips.
  python -m ser_keras.stress general my_recordings --labels truth.csv
      Recordings of your own, whose emotions are told by a table, by their names or folders.

Without recordings and corpora, the synthetic demo corpus is taken. Nothing is sent anywhere.
"""


def main(argv: list[str] | None = None) -> None:
    """Run the command with the arguments `argv`; None takes those of the process."""
    arguments = cli.parse(_parser(), argv)
    out = arguments.out or OUT / Path(arguments.model).name
    with cli.exit_codes("Stopped.", {"--cache": arguments.cache, "--out": out}):
        model = load_bundle(arguments.model)
        if arguments.paths:
            clips, left_out = stress.of_recordings(
                model, arguments.paths, arguments.labels, arguments.cache
            )
            for file in left_out:
                console.warn(f"skipped {file}")
        else:
            names = arguments.corpus.split("+") if arguments.corpus else ()
            clips = stress.of_corpora(model, arguments.data, names, arguments.cache)
        drawn = stress.draw(clips, arguments.clips, arguments.seed)
        console.say(
            f"{len(drawn)} of {console.count(len(clips), 'clip', ',')}, each changed in "
            f"{len(stress.CHANGES)} ways. --clips changes their number."
        )
        card = stress.examine(model, drawn, arguments.seed)
        if arguments.format == "json":
            console.show(json.dumps(card.to_json(), ensure_ascii=False, allow_nan=False))
        else:
            console.show(console.table(*stress.table(card)))
            if card.groups:
                console.show("\n" + console.table(*stress.groups(card)))
        console.say("", *stress.sentences(card))
        written = stress.write(card, out, picture=not arguments.no_picture)
        console.say(f"Written: {', '.join(str(files.short(path)) for path in written)}.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ser_keras.stress",
        description="Change recordings (noise, loudness, codecs, rooms, speed, pitch) and measure "
        "how often a model still hears the same emotion, and how many labels count.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help="run folder, or name of a model")
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="recordings whose emotions are known"
    )
    parser.add_argument(
        "--labels", type=Path, metavar="CSV", help="columns of this table: path, emotion"
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="folder of the corpora (default: data)"
    )
    parser.add_argument("--corpus", metavar="NAMES", help="corpora to take, joined by +")
    parser.add_argument(
        "--clips", type=_number, default=200, metavar="N", help="number of clips (default: 200)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of clips and noise")
    parser.add_argument("--format", default="table", choices=("table", "json"))
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder for STRESS.md, stress.json and stress.png (default: "
        "results/evaluation/stress/MODEL)",
    )
    parser.add_argument("--no-picture", action="store_true", help="write no stress.png")
    parser.add_argument(
        "--cache", type=Path, default=files.CACHE, metavar="DIR", help="folder of what clips hold"
    )
    return parser


def _number(value: str) -> int:
    number = int(value) if value.isascii() and value.isdigit() else 0
    if not 2 <= number <= 5_000:
        raise argparse.ArgumentTypeError(f"{value} is no whole number from 2 to 5000")
    return number
