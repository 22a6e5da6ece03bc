"""Run folders of strangers: what is wrong with them is said in one sentence, and nothing waits."""

import io
import json
import os
import zipfile

import numpy as np
import pytest

from ser_keras import recipes, runs, tensors
from ser_keras.errors import SerKerasError
from ser_keras.ledger import storage
from tests.conftest import SMALL, claim_seconds
from tests.faults.hostile import copied

KEY = "attention-tess/tess/paper-0-seed0"


@pytest.fixture
def strange(tiny_run, tmp_path):
    """A folder of runs that holds one run of a stranger; the folder of that run."""
    folder = tmp_path / "runs" / KEY
    folder.parent.mkdir(parents=True)
    copied(tiny_run.folder, folder)
    for name in ("metrics.json", "predictions.csv", "history.csv"):
        (folder / name).write_bytes((tiny_run.folder / name).read_bytes())
    return folder


def change(folder, **values):
    path = folder / "metrics.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def record(folder):
    return json.loads((folder / "metrics.json").read_text())


RECORDS = {
    "a list": lambda f: (f / "metrics.json").write_text("[]"),
    "half a file": lambda f: os.truncate(f / "metrics.json", 500),
    "a list for scores": lambda f: change(f, test=[]),
    "a list for the name": lambda f: change(f, run=[]),
    "a list for the clips": lambda f: change(f, clips=[]),
    "a word for a number": lambda f: change(f, epochs="many"),
    "a number for a word": lambda f: change(f, title=7),
    "no environment": lambda f: change(f, environment=[]),
    "words for counts": lambda f: change(f, test={**record(f)["test"], "confusion": [["x"]]}),
    "no classes": lambda f: change(f, test={**record(f)["test"], "per_class": {}}),
    "a corpus elsewhere": lambda f: change(f, run={**record(f)["run"], "corpus": "../../x"}),
    "an unknown protocol": lambda f: change(f, run={**record(f)["run"], "protocol": "../x"}),
    "an unknown recipe": lambda f: change(f, run={**record(f)["run"], "recipe": "../x"}),
    "a fold below 0": lambda f: change(f, run={**record(f)["run"], "fold": -1}),
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_that_no_run_writes_is_refused(strange, name):
    RECORDS[name](strange)
    with pytest.raises(SerKerasError) as refused:
        storage.read(strange.parents[2])
    assert len(str(refused.value)) < 600


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
@pytest.mark.parametrize("name", ["metrics.json", "predictions.csv", "history.csv"])
def test_what_is_no_plain_file_is_absent_or_refused(strange, name, make):
    (run,) = storage.read(strange.parents[2])
    (strange / name).unlink()
    make(strange / name)
    if name == "metrics.json":
        assert storage.read(strange.parents[2]) == []
        return
    read = storage.predictions if name == "predictions.csv" else storage.history
    with pytest.raises(SerKerasError, match="not a plain file"):
        read(run)


def test_a_table_without_a_column_names_it(strange):
    (run,) = storage.read(strange.parents[2])
    path = strange / "predictions.csv"
    path.write_text(path.read_text().replace("p_sad", "p_blue", 1))
    with pytest.raises(SerKerasError, match="has no column p_sad"):
        storage.predictions(run)


def test_words_where_numbers_belong_are_refused(strange):
    (run,) = storage.read(strange.parents[2])
    header, *rows = (strange / "predictions.csv").read_text().splitlines()
    rows = [row.rpartition(",")[0] + ",much" for row in rows]
    (strange / "predictions.csv").write_text("\n".join([header, *rows]))
    with pytest.raises(SerKerasError, match="has words where numbers belong"):
        storage.predictions(run)


def test_a_row_of_a_ledger_that_waits_is_absent(tmp_path):
    row = tmp_path / "attention-tess" / "tess" / "paper"
    row.mkdir(parents=True)
    os.mkfifo(row / storage.RECORDS)
    assert storage.read(tmp_path) == []


def stored(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def compressed():
    stream = io.BytesIO()
    np.savez_compressed(stream, **{"0": np.zeros(10**7)})
    return stream.getvalue()


def claiming(shape):
    """An archive whose array claims a shape that it does not have."""
    array, stream = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(
        array, {"descr": "<f8", "fortran_order": False, "shape": shape}
    )
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("0.npy", array.getvalue())
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "shape", "words"),
    [
        (b"", (2,), "not a zip file"),
        (stored(**{"0": np.zeros(2)})[:-30], (2,), "not a zip file"),
        (stored(other=np.zeros(2)), (2,), "no item named"),
        (stored(**{"0": np.zeros(3)}), (2,), r"has the shape \(3,\)"),
        (
            stored(**{"0": np.array([[], 1], object)}),
            (2,),
            "another type or size|header that numpy",
        ),
        (stored(**{"0": np.array(["a", "b"])}), (2,), "another type or size|header that numpy"),
        (compressed(), (10**7,), "is compressed"),
        (claiming((10**12,)), (10**12,), "another type or size|header that numpy"),
    ],
)
def test_a_checkpoint_is_compared_before_its_numbers_are_read(tmp_path, content, shape, words):
    path = tmp_path / "last.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=words):
        tensors.read_npz(path, {"0": shape})


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: os.truncate(path, path.stat().st_size // 2),
        lambda path: path.write_bytes(stored(progress=np.array("[]"))),
        lambda path: path.write_bytes(
            stored(progress=np.array('{"history": [1], "environments": []}'))
        ),
        lambda path: (path.unlink(), os.mkfifo(path)),
        lambda path: (path.unlink(), path.symlink_to("/dev/zero")),
        lambda path: claim_seconds(path, 1e39),
        lambda path: claim_seconds(path, 10**25),
    ],
)
def test_a_checkpoint_of_a_stranger_is_refused_with_a_way_out(
    tiny_index, cache, tmp_path, monkeypatch, spoil
):
    from tests.conftest import stop_in_epoch

    recipe = recipes.get("attention-tess").override({**SMALL, "training.epochs": "2"})
    stop_in_epoch(2, monkeypatch)
    options = runs.Options(cache=cache, resume=True)
    with pytest.raises(KeyboardInterrupt):
        runs.run(recipe, tiny_index, out=tmp_path / "run", options=options)
    spoil(tmp_path / "run" / "checkpoint" / "last.npz")
    with pytest.raises(SerKerasError, match=r"last\.npz: .* Train again with --fresh"):
        runs.run(recipe, tiny_index, out=tmp_path / "run", options=options)
