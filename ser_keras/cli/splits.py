"""`python -m ser_keras.splits`: write the fold lists that are published in data/splits."""

from __future__ import annotations

import argparse
from pathlib import Path

from ser_keras import cli, console, corpora, files, recipes, splits
from ser_keras.errors import SerKerasError

LISTS = files.DATA / "splits"


def main(argv: list[str] | None = None) -> None:
    """Run the command line `argv` (None: that of the process)."""
    parser = argparse.ArgumentParser(
        prog="python -m ser_keras.splits",
        description="Write every fold of every protocol as lists of clips, for each corpus found.",
    )
    parser.add_argument(
        "--data", type=Path, default=files.DATA, metavar="DIR", help="where corpora lie"
    )
    parser.add_argument("--out", type=Path, default=LISTS, metavar="DIR", help="for the lists")
    parser.add_argument("--cache", type=Path, default=files.CACHE, metavar="DIR")
    arguments = parser.parse_args(argv)
    with cli.exit_codes("Stopped."):
        for name in corpora.names():
            corpus = corpora.get(name)
            root = None if corpus.place else corpus.find(arguments.data)
            if root is not None and not corpus.synthetic:
                _write(corpus.index(root, cache=arguments.cache), arguments.out / name)


def _write(index: corpora.Index, folder: Path) -> None:
    for name, (part, protocol, paper) in _wanted(index).items():
        try:
            table = splits.fold_list(part, protocol, paper=paper)
        except SerKerasError as error:  # not every corpus has texts to hold out
            console.warn(f"No list {folder / name}.csv: {error}")
            continue
        files.write_csv(folder / f"{name}.csv", table)
        console.say(f"Written: {folder / name}.csv, {len(table)} clips.")


def _wanted(index: corpora.Index) -> dict[str, tuple[corpora.Index, str, str]]:
    """Return for each list its clips, its protocol and whose drawing it is."""
    published = [recipes.get(name) for name in recipes.names()]
    wanted = {
        f"paper-{recipe.paper}": (index.only(recipe.emotions), "paper", recipe.paper)
        for recipe in published
        if index.corpus in recipe.corpora and not recipe.corrects
    }
    others = splits.of_one_corpus(index.corpus)
    return wanted | {name: (index, name, "attention-tess") for name in others}
