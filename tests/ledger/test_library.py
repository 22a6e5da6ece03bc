"""The corpora of many runs: found by name, by their folder, and where a run had them."""

import shutil

import pytest

from ser_keras import corpora
from ser_keras.errors import SerKerasError
from ser_keras.ledger.library import Library, data_for


@pytest.fixture
def calls(tiny_tess, tmp_path):
    """A user's own recordings of two emotions."""
    for label in ("sad", "angry"):
        shutil.copytree(tiny_tess / f"OAF_{label}", tmp_path / "data" / "my_calls" / label)
    return tmp_path / "data" / "my_calls"


def test_an_own_corpus_is_found_by_its_name_in_the_folder_of_corpora(calls, tmp_path, cache):
    library = Library(calls.parent, tmp_path / "runs", cache)
    assert library.name("my_calls") == "my-calls"
    index = library.index("my-calls")
    assert (index.corpus, len(index.clips)) == ("my-calls", 16)
    assert library.index("my-calls") is index
    assert data_for("my-calls", calls.parent, tmp_path / "runs") == calls
    assert data_for("tess", calls.parent, tmp_path / "runs") == calls.parent


def test_a_corpus_is_read_where_a_run_had_it(calls, tiny_tess, tmp_path, cache):
    (tmp_path / "other").mkdir()
    library = Library(tmp_path / "other", tmp_path / "runs", cache)
    assert library.index("my-calls", {"my-calls": calls}).root == calls
    assert library.index("tess", {"tess": tiny_tess}).corpus == "tess"
    with pytest.raises(SerKerasError, match="no such corpus"):
        library.index("my-calls", {"my-calls": tmp_path / "gone"})
    with pytest.raises(SerKerasError, match="holds no Toronto"):
        library.index("tess")


def test_an_own_corpus_keeps_the_name_that_its_runs_have(calls, tmp_path, cache):
    run = tmp_path / "runs" / "recipe" / "my-calls" / "random-0-seed0"
    run.mkdir(parents=True)
    corpora.remember_places(run, {"my-calls": calls})
    library = Library(tmp_path, tmp_path / "runs", cache)
    assert library.index("my-calls").root == calls
    assert data_for("my-calls", tmp_path, tmp_path / "runs") == calls
