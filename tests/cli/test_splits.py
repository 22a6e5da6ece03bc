"""The fold lists in data/splits: what they hold apart, and that the command writes them."""

import pandas as pd
import pytest

from ser_keras import corpora, files, splits
from ser_keras.cli import splits as cli

LISTS = sorted((files.DATA / "splits").glob("*/*.csv"))


@pytest.mark.parametrize("path", LISTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_published_lists_keep_apart_what_their_protocol_says(path):
    table = pd.read_csv(path, dtype="string")
    paper = path.stem.startswith("paper-")
    held_out = splits.PROTOCOLS["paper" if paper else path.stem].holds_out
    for fold in (column for column in table.columns if column.startswith("fold_")):
        assert set(table[fold].dropna()) == set(splits.ROLES)
        test, rest = table[table[fold] == "test"], table[table[fold].isin(["train", "validation"])]
        for column in held_out:
            assert not set(test[column]) & set(rest[column])


@pytest.mark.corpora
@pytest.mark.parametrize("path", LISTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_published_lists_are_what_the_protocols_draw(path, real_corpora, cache, tmp_path):
    name = path.parent.name
    index = corpora.get(name).index(real_corpora / name, cache=cache)
    files.write_csv(tmp_path / "drawn.csv", cli.lists(index)[path.stem]())
    assert (tmp_path / "drawn.csv").read_text() == path.read_text()
