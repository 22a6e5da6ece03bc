"""`python -m ser_keras.splits`: write the fold lists that are published in data/splits."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras import cli, console, corpora, files, recipes, splits
from ser_keras.errors import SerKerasError

if TYPE_CHECKING:
    import pandas as pd

LISTS = files.DATA / "splits"


def main(argv: list[str] | None = None) -> None:
    """Run the command with the arguments `argv`; None stands for those of the process."""
    parser = argparse.ArgumentParser(
        prog="python -m ser_keras.splits",
        description="Write all folds of all protocols as lists of clips, for each corpus that is "
        "there.",
    )
    parser.add_argument(
        "--data", type=Path, default=files.DATA, metavar="DIR", help="folder of the corpora"
    )
    parser.add_argument(
        "--out", type=Path, default=LISTS, metavar="DIR", help="folder to write the lists into"
    )
    parser.add_argument(
        "--cache", type=Path, default=files.CACHE, metavar="DIR", help="folder of the cache"
    )
    arguments = cli.parse(parser, argv)
    folders = {"--out": arguments.out, "--cache": arguments.cache}
    with cli.exit_codes("Stopped.", folders):
        for corpus in map(corpora.get, corpora.names()):
            root = None if corpus.place else corpus.find(arguments.data)
            if root is None or corpus.synthetic:
                continue
            index = corpus.index(root, cache=arguments.cache)
            for name, draw in lists(index).items():
                path = arguments.out / corpus.name / f"{name}.csv"
                try:
                    table = draw()
                except SerKerasError as error:  # not every corpus has texts to hold out
                    console.warn(f"No list {path}: {error}")
                    continue
                files.write_csv(path, table)
                console.say(f"Written: {path}, {len(table)} clips.")


def lists(index: corpora.Index) -> dict[str, Callable[[], pd.DataFrame]]:
    """Return the lists of a corpus: name -> function that draws the list.

    There is one for each published system on the corpus, and one for each protocol of one corpus.
    """
    published = [recipes.get(name) for name in recipes.names()]
    drawn = {
        f"paper-{recipe.draw_name}": partial(
            splits.fold_list, index.only(recipe.emotions), "paper", draw=recipe.draw
        )
        for recipe in published
        if index.corpus in recipe.corpora and recipe.published and not recipe.corrects
    }
    others = splits.of_one_corpus(index.corpus)
    return drawn | {name: partial(splits.fold_list, index, name) for name in others}
