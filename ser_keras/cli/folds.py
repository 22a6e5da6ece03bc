"""`--fold all`: train all folds of a protocol, and show them together."""

from __future__ import annotations

import argparse
import logging
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras import console, files
from ser_keras.errors import SerKerasError

if TYPE_CHECKING:
    from ser_keras import corpora, recipes, runs
    from ser_keras.ledger import Row

ALL = "all"


def number_or_all(text: str) -> int | str:
    """Return the number of a fold as the option `--fold` takes it, or the word "all"."""
    if text != ALL and not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no fold: give a number from 0 on, or all")
    return text if text == ALL else int(text)


def train(
    recipe: recipes.Recipe,
    index: corpora.Index,
    arguments: argparse.Namespace,
    options: runs.Options,
) -> None:
    """Train all folds and show them; `arguments` are those of `Emotion_Recognition.py`.

    Raises:
        SerKerasError: A fold cannot be trained, or an option serves one fold alone.
    """
    from ser_keras import runs
    from ser_keras.bundle import remember_latest
    from ser_keras.ledger import folds

    if arguments.test_folder is not None:
        remedy = "Name one fold, such as --fold 0"
        raise SerKerasError("--test-folder", "takes the test clips of one fold", remedy)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of many networks in turn
    out = arguments.out or runs.RUNS
    row = folds.train(
        recipe, index, arguments.protocol, seed=arguments.seed, out=out, options=options
    )
    _show(row)
    folder = out / row.key.folder / f"folds-seed{arguments.seed}"
    folds.write(row, folder)
    console.say(
        f"Written to {files.short(folder)}: {folds.FOLDS}, {folds.SCORES}, {folds.PICTURE}."
    )
    last = row.runs[-1].folder
    if not arguments.keep_latest:
        try:
            remember_latest(last)
        except SerKerasError as error:
            console.warn(f"No model is the default one: {error.subject}: {error.problem}.")
        else:
            console.say(f"Each fold is a model. The default one is now {files.short(last)}.")
    console.say(f"Next: {shlex.join(['python', '-m', 'ser_keras.ledger', 'show', _name(out)])}")


def _name(folder: Path) -> str:
    return str(files.short(folder.absolute()))


def _show(row: Row) -> None:
    """Print the folds, the baselines beside them, and the pooled confusion matrix."""
    from ser_keras.ledger import folds

    first, scores = row.runs[0], folds.pooled(row)
    kind = "synthetic speech" if first.synthetic else "real speech"
    console.show(
        f"\n{first.title}\n{row.key.corpus} ({kind}), protocol {row.key.protocol}, seed "
        f"{first.key.seed}: {console.count(len(row.runs), 'fold')}\n"
    )
    console.show(folds.by_fold(row).text())
    words = "speakers"
    if scores.resampled_by != "speaker":
        words = "clips, as fewer than three speakers are known"
    console.show(f"95 % intervals in brackets; that of all folds together resamples {words}.")
    ranked = folds.ranking(row)
    console.show("\n" + ranked.text())
    if (best := ranked.rows[0][0]) != folds.network(row):
        console.show(f"The network does not beat {best}.")
    if row.constant:
        times = f"In {row.constant} of {console.count(len(row.runs), 'fold')}"
        console.show(f"{times} the network gives every test clip the same label.")
    console.show("\nConfusion matrix of all folds together:\n" + folds.confusion(scores).text())
