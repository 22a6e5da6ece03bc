import dataclasses

import numpy as np
import pandas as pd
import pytest

from ser_keras import files, ledger, runs
from ser_keras.errors import SerKerasError
from ser_keras.ledger import storage
from tests.ledger.made import KEY, made


def test_a_kept_run_is_the_run_of_its_folder(tmp_path):
    run = made(tmp_path / "runs", seed=3)
    kept = ledger.keep(run.folder, tmp_path / "ledger")
    assert kept == run
    assert ledger.read(tmp_path / "ledger") == [run]
    assert sorted(path.name for path in kept.folder.iterdir() if path.suffix != ".lock") == [
        "history.csv",
        "predictions.csv",
        "runs.jsonl",
    ]
    clips, again = ledger.predictions(run), ledger.predictions(kept)
    words = [column for column in clips if not column.startswith("p_")]
    numbers = [column for column in clips if column.startswith("p_")]
    pd.testing.assert_frame_equal(clips[words], again[words])
    np.testing.assert_allclose(clips[numbers], again[numbers], atol=5.01e-5)
    pd.testing.assert_frame_equal(ledger.history(run), ledger.history(kept))


def test_a_row_holds_several_runs_and_gives_each_its_own_clips(tmp_path):
    for seed in (1, 0):
        run = made(tmp_path / "runs", seed=seed, accuracy=0.5 + seed / 10)
        ledger.keep(run.folder, tmp_path / "ledger")
    first, second = ledger.read(tmp_path / "ledger")
    assert (first.key.seed, second.key.seed) == (0, 1)
    assert len(ledger.predictions(second)) == len(ledger.predictions(run))
    table = pd.read_csv(first.folder / "predictions.csv")
    assert table["seed"].is_monotonic_increasing


def test_a_run_that_is_kept_again_takes_the_place_of_its_earlier_self(tmp_path):
    run = made(tmp_path / "runs", accuracy=0.5)
    ledger.keep(run.folder, tmp_path / "ledger")
    changed = dataclasses.replace(run, seconds=1.0)
    changed.write()
    ledger.keep(run.folder, tmp_path / "ledger")
    assert ledger.read(tmp_path / "ledger") == [changed]
    assert len(pd.read_csv(tmp_path / "ledger" / KEY.row.folder / "history.csv")) == 73


def test_a_repetition_is_kept_beside_the_run_that_it_repeats(tmp_path):
    run = made(tmp_path / "runs")
    with pytest.raises(SerKerasError, match="repeats no run in"):
        ledger.keep(run.folder, tmp_path / "ledger", again=True)
    ledger.keep(run.folder, tmp_path / "ledger")
    for repeat in (1, 2):
        assert ledger.keep(run.folder, tmp_path / "ledger", again=True).repeat == repeat
    assert [each.repeat for each in ledger.read(tmp_path / "ledger")] == [0, 1, 2]


def test_classes_that_would_become_equal_keep_their_digits(tmp_path):
    def tie(predictions):
        changed = predictions.copy()
        changed.loc[0, "p_angry":"p_sad"] = [0.300001, 0.300004, 0.1, 0.1, 0.1, 0.05, 0.049995]
        changed.loc[0, "predicted"] = "disgust"
        return changed

    run = made(tmp_path / "runs", change=tie)
    kept = ledger.keep(run.folder, tmp_path / "ledger")
    assert ledger.predictions(kept).loc[0, "predicted"] == "disgust"


def test_a_run_with_changed_settings_is_not_kept(tmp_path):
    run = made(tmp_path / "runs", overrides=("model.dropout=0.5",))
    with pytest.raises(SerKerasError, match=r"was made with changed settings \(model.dropout=0.5"):
        ledger.keep(run.folder, tmp_path / "ledger")


def test_an_unfinished_run_is_not_kept(tmp_path):
    with pytest.raises(SerKerasError, match="holds no finished run"):
        ledger.keep(tmp_path, tmp_path / "ledger")


def test_a_kept_run_gets_its_folder_back(tmp_path):
    run = made(tmp_path / "runs")
    kept = ledger.keep(run.folder, tmp_path / "ledger")
    ledger.unpack(kept, tmp_path / "again")
    assert runs.read(tmp_path / "again") == run
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == [
        "confusion_matrix_test.png",
        "confusion_matrix_validation.png",
        "history.csv",
        "metrics.json",
        "predictions.csv",
        "reliability.png",
        "training_history.png",
    ]
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / "again" / "history.csv"), pd.read_csv(run.folder / "history.csv")
    )


@pytest.mark.parametrize("keep", [True, False], ids=["row", "run folder"])
def test_a_record_is_replaced_unless_it_has_changed_meanwhile(tmp_path, keep):
    run = made(tmp_path / "runs")
    if keep:
        run = ledger.keep(run.folder, tmp_path / "ledger")
    slower = dataclasses.replace(run, seconds=run.seconds + 1)
    storage.replace(run, slower)
    assert ledger.read(tmp_path / ("ledger" if keep else "runs")) == [slower]
    with pytest.raises(SerKerasError, match="meanwhile"):
        storage.replace(run, slower)


@pytest.mark.parametrize("line", ["[]", "{", '{"format": 1}', '{"format": 2}'])
def test_a_record_that_is_none_is_one_sentence(tmp_path, line):
    run = made(tmp_path / "runs")
    kept = ledger.keep(run.folder, tmp_path / "ledger")
    files.write_text(kept.folder / "runs.jsonl", f"{line}\n")
    with pytest.raises(SerKerasError):
        ledger.read(tmp_path / "ledger")
