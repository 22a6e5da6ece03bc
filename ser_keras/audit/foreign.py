"""Reads splits that others wrote: CSV, JSON lines, folders, or a run of this package.

Speakers and texts that a list does not give are read from names as in known corpora. Each guess is
noted. Nothing is judged here, and no sound file is opened.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras import console, files
from ser_keras.audit import clips
from ser_keras.errors import SerKerasError
from ser_keras.splits import ROLES

if TYPE_CHECKING:
    import pandas as pd

_ROLE_OF = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "devel", "development"), "validation"),
    **dict.fromkeys(("test", "testing", "tst", "eval", "evaluation"), "test"),
}
_PATHS_AT = "path filepath filename file wav wavpath wavfile audio audiopath audiofile clip"
_TEXTS_AT = "text textid sentence sentenceid statement transcript transcription wording word"
_COLUMNS = {  # spellings without capitals, blanks and signs; the first that is present counts
    "path": f"{_PATHS_AT} recording uri name key id",
    "speaker": "speaker speakerid spk spkid spkr actor actorid voice subject subjectid talker",
    "text": f"{_TEXTS_AT} phrase",
    "corpus": "corpus dataset database",
    "start": "start starttime offset begin onset",
}
_ROLES_AT = "role split set subset partition usage part fold side".split()
_FOLDS_AT = "fold foldid cvfold session split".split()
_JSON_LINES = {".jsonl", ".ndjson", ".jsonlines"}
_LISTS = {".csv", ".tsv", *_JSON_LINES}


@dataclass(frozen=True, eq=False)
class Listing:
    """A split that was read from somebody's list.

    Args:
        name: Path of the list.
        form: Form of the list: "CSV", "JSON lines", "folder" or "run".
        table: One row per listed clip: path as listed, corpus, speaker, text, role, file (<NA> if
            it was not found) and identity (a hash of the facts in the name, which two copies of a
            clip of a known corpus share; for other clips a hash of the path).
        notes: Guesses, each a sentence without its stop.
    """

    name: str
    form: str
    table: pd.DataFrame
    notes: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        """Return the number of clips by role."""
        return {role: int((self.table["role"] == role).sum()) for role in ROLES}


def read(
    paths: str | os.PathLike | Iterable[str | os.PathLike],
    data: str | os.PathLike = files.DATA,
    *,
    fold: str | None = None,
) -> Listing:
    """Return the split in a list, folder or run.

    Args:
        paths: One list, folder or run; or one list for each side (`x_train_fold_1.jsonl`, ...), of
            which one is enough if the others are beside it.
        data: Folder below which clips are searched that are not where the list says.
        fold: Name of the fold to test on, if the list numbers folds and has no roles; None for the
            first fold.

    Raises:
        SerKerasError: A path does not exist, no form is recognised, or a side has no clips.
    """
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    given = [Path(path) for path in paths]
    for path in given:
        if not path.exists():
            raise SerKerasError(path, "does not exist", "Check the path")
    path = given[0]
    notes: list[str] = []
    if len(given) == 1 and path.is_dir():
        if (path / "split.csv").is_file():
            is_run = (path / "bundle.json").is_file() or (path / "metrics.json").is_file()
            form, table = "run" if is_run else "CSV", _read_lists([path / "split.csv"], fold, notes)
        elif sides := _side_folders(path):
            form, table = "folder", _read_folders(path, sides, notes)
        else:
            lists = [file for file in sorted(path.iterdir()) if _role_of_name(file)]
            groups = grouped(file for file in lists if file.suffix.lower() in _LISTS)
            if len(groups) != 1:
                problem = "is no split: it has no train/ and test/, no split.csv, no list per side"
                raise SerKerasError(path, problem, "Name a list, or such a folder")
            return read(groups[0], data, fold=fold)
    else:
        form = "JSON lines" if path.suffix.lower() in _JSON_LINES else "CSV"
        table = _read_lists(_with_siblings(given, notes), fold, notes)
    if table.empty:
        raise SerKerasError(path, "holds no sound files", "Check the folder")
    table = _labelled(table, notes)
    table = clips.locate(table, Path(data), notes)
    roles = set(table["role"])
    if "test" not in roles and "validation" in roles:
        notes.append("There is no test side, so validation is taken for it")
        table = table.assign(role=table["role"].replace("validation", "test"))
    for role in ("train", "test"):
        if role not in set(table["role"]):
            raise SerKerasError(path, f"has no clip for {role}", "Name the lists of both sides")
    return Listing(str(path), form, table, tuple(dict.fromkeys(notes)))


def grouped(paths: Iterable[str | os.PathLike]) -> list[list[Path]]:
    """Return paths grouped into splits: lists of one side each form a split, others stand alone.

    Example:
        >>> [[p.name for p in split] for split in grouped(["a_train_1.jsonl", "a_test_1.jsonl"])]
        [['a_train_1.jsonl', 'a_test_1.jsonl']]
    """
    groups: dict[object, list[Path]] = {}
    for path in map(Path, paths):
        one_side = path.suffix.lower() in _LISTS and _role_of_name(path)
        groups.setdefault(_without_role(path) if one_side else path, []).append(path)
    return list(groups.values())


def _side_folders(root: Path) -> dict[Path, str]:
    """Return folder -> role if folders below `root` are named after training and another side."""
    below = [path for path in sorted(root.iterdir()) if path.is_dir()]
    roles = _roles([path.name for path in below])
    sides = {path: role for path, role in zip(below, roles, strict=True) if role}
    return sides if "train" in sides.values() and len(set(sides.values())) > 1 else {}


def _read_folders(root: Path, sides: dict[Path, str], notes: list[str]) -> pd.DataFrame:
    names = ", ".join(f"{folder.name}/ = {role}" for folder, role in sides.items())
    notes.append(f"Sides by folder: {names}")
    rows = [
        {"path": f"{folder.name}/{path}", "role": role, "at": str(root)}
        for folder, role in sides.items()
        for path in clips.sounds(folder, notes)
    ]
    return _frame(rows)


def _with_siblings(paths: list[Path], notes: list[str]) -> list[Path]:
    """Return the lists of all sides, if the one that was given is named after a side."""
    if len(paths) > 1 or not _role_of_name(paths[0]):
        return paths
    (path,) = paths
    beside = [
        other
        for other in sorted(path.parent.iterdir())
        if other.suffix == path.suffix
        and other != path
        and _role_of_name(other)
        and _without_role(other) == _without_role(path)
    ]
    if beside:
        notes.append(f"Sides beside it: {', '.join(other.name for other in beside)}")
    return [path, *beside]


def _words(name: str) -> list[str]:
    return re.split(r"([^a-z]+)", name.lower())


def _role_of_name(path: Path) -> str | None:
    """Return the role in a list's name, if it has exactly one."""
    roles = {_ROLE_OF[word] for word in _words(path.stem) if word in _ROLE_OF}
    return roles.pop() if len(roles) == 1 else None


def _without_role(path: Path) -> tuple:
    return path.parent, *("*" if word in _ROLE_OF else word for word in _words(path.name))


def _roles(values: Iterable[str]) -> list[str | None]:
    """Return the role of each spelling; `eval` is validation if another side is the test."""
    words = [value.strip().lower() for value in values]
    roles = [_ROLE_OF.get(word) for word in words]
    if "test" in words and "validation" not in roles:
        roles = [
            "validation" if word in ("eval", "evaluation") else role
            for word, role in zip(words, roles, strict=True)
        ]
    return roles


def _read_lists(paths: list[Path], fold: str | None, notes: list[str]) -> pd.DataFrame:
    """Return the rows of all lists: path, role, at, and those of the other columns they have."""
    import pandas as pd

    tables = []
    for path in paths:
        rows = _read_json_lines(path) if path.suffix.lower() in _JSON_LINES else _read_csv(path)
        if rows.empty:
            raise SerKerasError(path, "lists no clips", "Check the file")
        tables.append(_with_known_columns(rows, path, fold, notes).assign(at=str(path.parent)))
    return _frame(pd.concat(tables, ignore_index=True))


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        with open(path, encoding="utf-8-sig") as stream:
            head = stream.readline(1 << 16)
    except (OSError, UnicodeDecodeError) as error:
        raise SerKerasError(path, "cannot be read as text", "Save it as UTF-8") from error
    mark = max(",;\t", key=head.count)
    options = {"dtype": "string", "keep_default_na": False, "na_values": [""]}
    return files.read_csv(path, sep=mark, encoding="utf-8-sig", **options)


def _read_json_lines(path: Path) -> pd.DataFrame:
    rows, number = [], 0
    try:
        with open(path, encoding="utf-8-sig") as stream:
            for number, line in enumerate(stream, 1):  # noqa: B007 -- used in an error
                if line.strip():
                    items = json.loads(line).items()
                    plain = {k: str(v) for k, v in items if isinstance(v, (str, int, float))}
                    rows.append(plain)
    except OSError as error:
        raise SerKerasError(path, "cannot be read", "Check the path") from error
    except (ValueError, AttributeError, RecursionError) as error:
        problem = f"line {max(number, 1)} is not a JSON object"
        raise SerKerasError(path, problem, "Write one object a line") from error
    return _frame(rows)


def _frame(rows) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows).astype("string")


def _with_known_columns(
    rows: pd.DataFrame, path: Path, fold: str | None, notes: list[str]
) -> pd.DataFrame:
    """Return the columns whose meaning is known, under their names here, and role."""
    plain = {re.sub(r"[\W_]+", "", str(column).lower()): column for column in rows.columns}
    meant = {}
    for meaning, spellings in _COLUMNS.items():
        column = next((plain[word] for word in spellings.split() if word in plain), None)
        if column is not None and rows[column].notna().any():
            meant[meaning] = column
    if "path" not in meant:
        problem = f"has no column that names the clips, only {', '.join(map(str, rows.columns))}"
        raise SerKerasError(path, problem, "Name it path")
    table = rows[list(meant.values())].set_axis(list(meant), axis=1)
    table["role"], role_guesses = _role_column(rows, plain, path, fold)
    guesses = [f"{key} = {value}" for key, value in meant.items() if key != value] + role_guesses
    if guesses:
        notes.append(f"Columns: {', '.join(guesses)}")
    if "start" in table and table["path"].duplicated().any():
        table["path"] += "#" + table["start"].fillna("")  # parts of longer files
    elif "start" in table:
        table = table.drop(columns="start")
    left_out = table["role"].isna() | table["path"].isna()
    if left_out.any():
        rows_left = console.count(int(left_out.sum()), "row")
        notes.append(f"{rows_left} without a side or a path left out")
    return table[~left_out]


def _role_column(rows: pd.DataFrame, plain: dict[str, str], path: Path, fold: str | None) -> tuple:
    """Return the role of each row, and the guesses by which it was read."""
    import pandas as pd

    for column in (plain[word] for word in _ROLES_AT if word in plain):
        roles = _roles(rows[column].fillna(""))
        if len(set(roles) - {None}) > 1:
            pairs = dict.fromkeys(zip(rows[column].fillna(""), roles, strict=True))
            guesses = [f"{value} = {role}" for value, role in pairs if role not in (None, value)]
            if column != "role":
                guesses.insert(0, f"role = {column}")
            return pd.array(roles, dtype="string"), guesses
    if side := _role_of_name(path):
        return side, [f"role = {side}, by the name {path.name}"]
    for column in (plain[word] for word in _FOLDS_AT if word in plain):
        folds = sorted(rows[column].dropna().unique(), key=lambda name: (len(name), name))
        if len(folds) > 1:
            if fold is not None and fold not in folds:
                raise SerKerasError(path, f"has no fold {fold}", f"It has {', '.join(folds)}")
            tested = fold or folds[0]
            role = rows[column].eq(tested).map({True: "test", False: "train"})
            guess = f"test = {column} {tested} of {', '.join(folds)}"
            return role.where(rows[column].notna()).astype("string").array, [guess]
    problem = "does not say which side its clips are on"
    raise SerKerasError(path, problem, "Add a column role: train, validation or test")


def _labelled(table: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Return the table with corpus, speaker, text, identity and known (corpus by the name).

    Speakers and texts are read from names if the list has no such column.
    """
    import pandas as pd

    by_name = clips.read_names(list(table["path"]))
    corpus_sizes = Counter(corpus for corpus, _ in by_name.values())
    is_one_corpus = len(corpus_sizes) == 1 and len(by_name) == table["path"].nunique()
    given = {column for column in table.columns if table[column].notna().any()}
    table = table.reindex(columns=["path", "corpus", "speaker", "text", "role", "at", "start"])
    table = table.astype("string")
    if is_one_corpus and "corpus" not in given:
        table["corpus"] = next(iter(corpus_sizes))
    for column in ("speaker", "text"):
        if by_name and column not in given:
            values = {
                path: value if is_one_corpus or "corpus" in given else f"{corpus} {value}"
                for path, (corpus, parsed) in by_name.items()  # an id is unique within its corpus
                if (value := getattr(parsed, column)) is not None
            }
            table[column] = pd.array([values.get(path) for path in table["path"]], "string")
            names = ", ".join(f"{name} ({n})" for name, n in corpus_sizes.items())
            notes.append(f"{column.capitalize()}s read from names, as in the corpus {names}")
    wording = table["text"].str.casefold().str.replace(r"[\W_]+", " ", regex=True).str.strip()
    table["text"] = wording.replace("", pd.NA)
    table["speaker"] = table["speaker"].str.strip().replace("", pd.NA)
    identities = [
        clips.identity(*by_name[path])
        if path in by_name
        else files.digest(Path(at, clips.posix(path)).as_posix())
        for at, path in zip(table["at"], table["path"], strict=True)
    ]
    known = [by_name[path][0] if path in by_name else None for path in table["path"]]
    return table.assign(identity=pd.array(identities, "string"), known=pd.array(known, "string"))
