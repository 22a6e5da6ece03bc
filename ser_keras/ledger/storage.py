"""How runs are kept: one folder a row of the tables, plain text whose differences git stores.

A row's folder, `<recipe>/<corpus>/<protocol>`, holds of all its runs

    runs.jsonl       a record a line
    predictions.csv  fold, seed, repeat, and a validation or test clip with its probabilities
    history.csv      fold, seed, repeat, and an epoch

A folder of run folders, as training leaves them, is read in the same way.
"""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras import files, plain, runs
from ser_keras.errors import SerKerasError
from ser_keras.runs import Run

if TYPE_CHECKING:
    import pandas as pd

LEDGER = files.RESULTS / "ledger"
RECORDS, PREDICTIONS, HISTORY = "runs.jsonl", "predictions.csv", "history.csv"
DECIMALS = 4  # of probabilities, more where two classes would become equal
_NUMBERS = ["fold", "seed", "repeat"]  # which run of a row
_MAX_BYTES = 1 << 26  # of each of the three files


def read(folder: Path) -> list[Run]:
    """Return all finished runs below a folder, sorted by name.

    Args:
        folder: A ledger, or a folder of run folders.

    Raises:
        SerKerasError: A record cannot be read.
    """
    packed = [run for path in folder.glob(f"*/*/*/{RECORDS}") for run in read_row(path.parent)]
    sealed = [runs.read(path.parent) for path in folder.glob(f"*/*/*/{runs.SEAL}")]
    return sorted([*packed, *(run for run in sealed if run is not None)], key=_order)


def read_row(folder: Path) -> list[Run]:
    """Return the runs of one row of a ledger; none where there is no such row.

    Raises:
        SerKerasError: A line of runs.jsonl is no record.
    """
    path = folder / RECORDS
    if not path.is_file():
        return []
    records = []
    lines = plain.read_plain(path, _MAX_BYTES).splitlines()
    for number, line in enumerate(lines, 1):
        try:
            value = files.parse_json(line, path)
        except SerKerasError as error:
            problem = f"line {number} is no JSON object"
            raise SerKerasError(path, problem, "Take a fresh copy of the row") from error
        records.append(Run.from_json(value, folder))
    return records


def is_kept(run: Run) -> bool:
    """Return whether a run was read from a row, not from a run folder."""
    return (run.folder / RECORDS).is_file()


def predictions(run: Run) -> pd.DataFrame:
    """Return a row for each validation and test clip of a run.

    The columns are path, speaker, emotion, text, role, predicted, and `p_<emotion>` for each class.
    """
    return _of_run(run, PREDICTIONS)


def history(run: Run) -> pd.DataFrame:
    """Return a row for each epoch of a run, with the columns of history.csv."""
    return _of_run(run, HISTORY)


def keep(folder: Path, ledger: Path = LEDGER, *, again: bool = False) -> Run:
    """Pack a sealed run folder into its row of a ledger, and return the run as kept.

    Args:
        folder: Run folder.
        ledger: Folder of all rows.
        again: Whether the run is kept beside the one of the same name, as a repetition made on
            another machine; otherwise it takes its place.

    Raises:
        SerKerasError: The folder holds no finished run, its settings were changed, or there is no
            run of its name to be kept beside.
    """
    run = runs.read(folder)
    if run is None:
        raise SerKerasError(folder, "holds no finished run", "Name a run folder with metrics.json")
    if run.key.overrides:
        problem = f"was made with changed settings ({', '.join(run.key.overrides)})"
        raise SerKerasError(folder, problem, "The ledger keeps runs of recipes as they stand")
    clips, epochs = predictions(run), history(run)
    home = ledger / run.key.row.folder
    with files.lock(home):
        alike = [other.repeat for other in read_row(home) if other.key == run.key]
        if again and not alike:
            problem = f"repeats no run in {home}"
            raise SerKerasError(folder, problem, "Keep the first run of its name without --again")
        run = dataclasses.replace(run, repeat=max(alike) + 1 if again else 0, folder=home)
        _pack(run, clips, epochs)
    return run


def replace(before: Run, after: Run) -> None:
    """Write a changed record to where the run was read from.

    Raises:
        SerKerasError: The record is no longer what it was.
    """
    if not is_kept(before):
        runs.rewrite(before, after)
        return
    with files.lock(before.folder):
        if before not in read_row(before.folder):
            problem = f"has another record of {before.key} meanwhile"
            raise SerKerasError(before.folder, problem, "Give the same command again")
        _write_records(after)


def unpack(run: Run, folder: Path) -> None:
    """Give a kept run its folder back: record, history, predictions, and the pictures of these.

    Raises:
        SerKerasError: The folder exists already.
    """
    with files.atomic_folder(folder) as partial:
        files.write_csv(partial / HISTORY, history(run))
        files.write_csv(partial / PREDICTIONS, predictions(run))
        runs.draw(run, partial)
        dataclasses.replace(run, folder=partial).write()


def _order(run: Run) -> tuple:
    key = run.key
    return (*key.row, key.overrides, key.fold, key.seed, run.repeat)


def _number(run: Run) -> tuple[int, int, int]:
    return run.key.fold, run.key.seed, run.repeat


def _of_run(run: Run, name: str) -> pd.DataFrame:
    path = run.folder / name
    numeric = {"fold": int, "seed": int, "repeat": int}
    words = dict.fromkeys(("path", "speaker", "emotion", "text", "role", "predicted"), "string")
    plain.open_plain(path, _MAX_BYTES).close()  # pandas would wait for a pipe
    table = files.read_csv(path, dtype=numeric | words)
    kept = is_kept(run)
    classes = [f"p_{label}" for label in run.test.labels] if name == PREDICTIONS else []
    needed = [*words, *classes] if name == PREDICTIONS else ["epoch", "loss", "val_loss"]
    needed = [*needed, *_NUMBERS] if kept else needed
    missing = [c for c in needed if c not in table and not (kept and c == "predicted")]
    if missing:
        problem = f"has no column {', '.join(missing[:5])}"
        raise SerKerasError(path, problem, "Take a fresh copy, or train the run again with --fresh")
    if not all(kind.kind in "fi" for kind in table[[c for c in needed if c not in words]].dtypes):
        problem = "has words where numbers belong"
        raise SerKerasError(path, problem, "Take a fresh copy, or train the run again with --fresh")
    if not kept:
        return table
    own = (table[_NUMBERS] == list(_number(run))).all(axis=1)
    table = table[own].drop(columns=_NUMBERS).reset_index(drop=True)
    if name == PREDICTIONS:
        predicted = table[classes].idxmax(axis=1).str.removeprefix("p_").astype("string")
        table.insert(table.columns.get_loc(classes[0]), "predicted", predicted)
    return table


def _pack(run: Run, clips: pd.DataFrame, epochs: pd.DataFrame) -> None:
    """Write a run into its row; the record comes last."""
    import pandas as pd

    classes = [column for column in clips.columns if column.startswith("p_")]
    exact = clips[classes]
    rounded = exact.round(DECIMALS)
    tied = rounded.eq(rounded.max(axis=1), axis=0).sum(axis=1) > 1
    clips = clips.drop(columns="predicted").assign(**rounded.where(~tied, exact, axis=0))
    fold, seed, repeat = _number(run)
    for name, own in ((PREDICTIONS, clips), (HISTORY, epochs)):
        path = run.folder / name
        table = own.assign(fold=fold, seed=seed, repeat=repeat)
        table = table[[*_NUMBERS, *own.columns]]
        if path.is_file():
            before = files.read_csv(path, dtype="string", keep_default_na=False)
            other = (before[_NUMBERS].astype(int) != [fold, seed, repeat]).any(axis=1)
            text = io.StringIO(table.to_csv(index=False))  # no digit of another run may change
            table = pd.read_csv(text, dtype="string", keep_default_na=False)
            table = pd.concat([before[other], table], ignore_index=True)
            numbers = table[_NUMBERS].astype(int)
            table = table.loc[numbers.sort_values(_NUMBERS, kind="stable").index]
        files.write_csv(path, table)
    _write_records(run)


def _write_records(run: Run) -> None:
    """Write the records of a row with this one among them, in place of its earlier self."""
    path = run.folder / RECORDS
    others = [other for other in read_row(run.folder) if _number(other) != _number(run)]
    lines = [
        json.dumps(each.to_json(), ensure_ascii=False, allow_nan=False)
        for each in sorted([*others, run], key=_order)
    ]
    files.write_text(path, "\n".join(lines) + "\n")
