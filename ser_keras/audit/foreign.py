"""Reads splits that others wrote: lists (see `lists`), folders, or a run of this package.

Speakers and texts that a list does not give are read from names as in known corpora. Each guess is
noted. Nothing is judged here, and no sound file is opened.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras import console, corpora, files
from ser_keras.audit import clips, lists
from ser_keras.errors import SerKerasError
from ser_keras.splits import ROLES

if TYPE_CHECKING:
    import pandas as pd

_PATHS_AT = "path filepath filename file wav wavpath wavfile audio audiopath audiofile clip"
_TEXTS_AT = (
    "text textid sentence sentenceid statement transcript transcription wording word wrd words"
)
_COLUMNS = {  # spellings without capitals, blanks and signs; the first that is present counts
    "path": f"{_PATHS_AT} recording uri name key id",
    "speaker": "speaker speakerid spk spkid spkr actor actorid voice subject subjectid talker",
    "text": f"{_TEXTS_AT} phrase",
    "corpus": "corpus dataset database",
    "start": "start starttime offset begin onset",
}
_ROLES_AT = "role split set subset partition usage part side".split()
_FOLDS_AT = "fold foldid cvfold session".split()
_MOST_SIDES = 20  # a column with more values tells neither sides nor folds


@dataclass(frozen=True, eq=False)
class Listing:
    """A split that was read from somebody's list.

    Args:
        name: Path of the list.
        form: Form of the list: "CSV", "JSON lines", "JSON", "folder" or "run".
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
    roles: Mapping[str, str] | None = None,
) -> Listing:
    """Return the split in a list, folder or run.

    Args:
        paths: One list, folder or run; or one list for each side (`x_train_fold_1.jsonl`, ...), of
            which one is enough if the others are beside it.
        data: Folder below which clips are searched that are not where the list says, or where a
            run had them.
        fold: Name of the fold to test on, if the list numbers folds and has no roles; None for the
            first fold.
        roles: Role of each value of a column, as `lists.read_roles` returns them, if the list has
            numbers or words of its own there.

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
            form = "run" if is_run else "CSV"
            table = _read_lists([path / "split.csv"], fold, roles, notes)
            places = list(corpora.recall_places(path).values()) if is_run else []
            if len(places) == 1 and Path(data) == files.DATA:
                table = table.assign(at=str(places[0]))  # of several, the names will do
        elif sides := _side_folders(path):
            form, table = "folder", _read_folders(path, sides, notes)
        else:
            groups = grouped(_lists_in(path))
            if len(groups) != 1:
                problem = "is no split: it has no train/ and test/, no split.csv, no list per side"
                raise SerKerasError(path, problem, "Name a list, or such a folder")
            return read(groups[0], data, fold=fold, roles=roles)
    else:
        form = lists.form_of(path)
        table = _read_lists(_with_siblings(given, notes), fold, roles, notes)
    if table.empty:
        raise SerKerasError(path, "holds no sound files", "Check the folder")
    table = _labelled(table, notes)
    table = clips.locate(table, Path(data), notes)
    there = set(table["role"])
    if "test" not in there and "validation" in there:
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
        one_side = path.suffix.lower() in lists.SUFFIXES and _role_of_name(path)
        groups.setdefault(_without_role(path) if one_side else path, []).append(path)
    return list(groups.values())


def _lists_in(folder: Path) -> list[Path]:
    """Return the lists of one side each in a folder; of a list in several forms, the first form."""
    there = [
        path
        for path in sorted(folder.iterdir())
        if path.name[0] != "." and path.suffix.lower() in lists.SUFFIXES and _role_of_name(path)
    ]
    there.sort(key=lambda path: lists.SUFFIXES.index(path.suffix.lower()))
    return sorted({path.stem: path for path in reversed(there)}.values())


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
    return lists.frame(rows)


def _with_siblings(paths: list[Path], notes: list[str]) -> list[Path]:
    """Return the lists of all sides, if the one that was given is named after a side."""
    if len(paths) > 1 or not _role_of_name(paths[0]):
        return paths
    (path,) = paths
    beside = [
        other
        for other in sorted(path.parent.iterdir())
        if other.suffix == path.suffix
        and other.name[0] != "."
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
    roles = {lists.ROLE_OF[word] for word in _words(path.stem) if word in lists.ROLE_OF}
    return roles.pop() if len(roles) == 1 else None


def _without_role(path: Path) -> tuple:
    words = ("*" if word in lists.ROLE_OF else word.strip("_- ") for word in _words(path.name))
    return path.parent, *words


def _roles(values: Iterable[str]) -> list[str | None]:
    """Return the role of each spelling; `eval` is validation if another side is the test."""
    words = [value.strip().lower() for value in values]
    roles = [lists.ROLE_OF.get(word) for word in words]
    if "test" in words and "validation" not in roles:
        roles = [
            "validation" if word in ("eval", "evaluation") else role
            for word, role in zip(words, roles, strict=True)
        ]
    return roles


def _read_lists(
    paths: list[Path], fold: str | None, roles: Mapping[str, str] | None, notes: list[str]
) -> pd.DataFrame:
    """Return the rows of all lists: path, role, at, and those of the other columns they have."""
    import pandas as pd

    tables = []
    for path in paths:
        rows = lists.read_rows(path)
        if rows.empty:
            raise SerKerasError(path, "lists no clips", "Check the file")
        table = _with_known_columns(rows, path, fold, roles, notes)
        tables.append(table.assign(at=str(path.parent)))
    return pd.concat(tables, ignore_index=True).astype("string")


def _with_known_columns(
    rows: pd.DataFrame,
    path: Path,
    fold: str | None,
    roles: Mapping[str, str] | None,
    notes: list[str],
) -> pd.DataFrame:
    """Return the columns whose meaning is known, under their names here, and role."""
    plain = {re.sub(r"[\W_]+", "", str(column).lower()): column for column in rows.columns}
    meant = {}
    for meaning, words in _COLUMNS.items():
        column = next((plain[word] for word in words.split() if word in plain), None)
        if column is not None and rows[column].notna().any():
            meant[meaning] = column
    if "path" not in meant:
        problem = f"has no column that names the clips, only {', '.join(map(str, rows.columns))}"
        raise SerKerasError(path, problem, "Name it path")
    table = rows[list(meant.values())].set_axis(list(meant), axis=1)
    # SpeechBrain writes "{data_root}" for the folder of the clips
    table["path"] = table["path"].str.replace(r"^\s*\{\w*\}[\\/]*", "", regex=True)
    if roles:
        table["role"], role_guesses = _given_roles(rows, plain, path, roles)
    else:
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


def _given_roles(
    rows: pd.DataFrame, plain: dict[str, str], path: Path, roles: Mapping[str, str]
) -> tuple:
    """Return the role of each row as the user gave it, and a note."""
    import pandas as pd

    for column in (plain[word] for word in [*_ROLES_AT, *_FOLDS_AT] if word in plain):
        values = rows[column].fillna("").map(lists.plain_value)
        if not roles.keys().isdisjoint(values):
            given = [f"{value} = {role}" for value, role in roles.items()]
            column_of_roles = pd.array([roles.get(value) for value in values], "string")
            return column_of_roles, [f"role = {column}", *given]
    problem = f"has no column of roles with a value {' or '.join(roles)}"
    raise SerKerasError(path, problem, "Check the option --role")


def _role_column(rows: pd.DataFrame, plain: dict[str, str], path: Path, fold: str | None) -> tuple:
    """Return the role of each row, and the guesses by which it was read."""
    import pandas as pd

    side_columns = [plain[word] for word in _ROLES_AT if word in plain]
    fold_columns = [plain[word] for word in _FOLDS_AT if word in plain]
    for column in side_columns + fold_columns:
        roles = _roles(rows[column].fillna(""))
        if len(set(roles) - {None}) > 1:
            pairs = dict.fromkeys(zip(rows[column].fillna(""), roles, strict=True))
            guesses = [f"{value} = {role}" for value, role in pairs if role not in (None, value)]
            if column != "role":
                guesses.insert(0, f"role = {column}")
            return pd.array(roles, dtype="string"), guesses
    if side := _role_of_name(path):
        return side, [f"role = {side}, by the name {path.name}"]
    first, second = (side_columns, fold_columns) if fold is None else (fold_columns, side_columns)
    for column in first + second:
        values = rows[column].dropna().str.strip()
        folds = sorted(values.unique(), key=lambda name: (len(name), name))
        names_folds = column in fold_columns or all(
            re.fullmatch(r"fold\W*\w+", name.lower()) for name in folds
        )
        if len(folds) < 2 or (not names_folds and len(folds) > _MOST_SIDES):
            continue
        if fold is None and not names_folds:
            options = ",".join(f"{value}=ROLE" for value in folds)
            values_there = console.listed(folds, _MOST_SIDES)
            problem = f"has {values_there} in its column {column}, which may be roles or folds"
            remedy = f"Say which: --role {options} (train, validation, test), or --fold {folds[-1]}"
            raise SerKerasError(path, problem, remedy)
        if fold is not None and fold not in folds:
            raise SerKerasError(path, f"has no fold {fold}", f"It has {', '.join(folds)}")
        tested = fold or folds[0]
        role = values.eq(tested).map({True: "test", False: "train"}).reindex(rows.index)
        guess = f"test = {column} {tested} of {', '.join(folds)}"
        return role.astype("string").array, [guess]
    problem = "does not say which side its clips are on"
    raise SerKerasError(path, problem, "Add a column role: train, validation or test")


def _labelled(table: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Return the table with corpus, speaker, text, identity and known (corpus by the name).

    Speakers and texts are read from names if the list has no such column.
    """
    import pandas as pd

    by_name = corpora.read_names(table["path"])
    corpus_sizes = Counter(corpus for corpus, _ in by_name.values())
    is_one_corpus = len(corpus_sizes) == 1 and len(by_name) == table["path"].nunique()
    given = {column for column in table.columns if table[column].notna().any()}
    table = table.reindex(columns=["path", "corpus", "speaker", "text", "role", "at", "start"])
    table = table.astype("string")
    if is_one_corpus and "corpus" not in given:
        table["corpus"] = next(iter(corpus_sizes))
    if table["corpus"].nunique() == 1:  # one of several lists may not name it
        table["corpus"] = table["corpus"].ffill().bfill()
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
    table["text"] = table["text"].map(corpora.wording, na_action="ignore").replace("", pd.NA)
    table["speaker"] = table["speaker"].str.strip().replace("", pd.NA)
    for column, noun in (("speaker", "speaker"), ("text", "text"), ("corpus", "corpus name")):
        names = table[column].dropna()
        first, note = corpora.first_spellings(names, noun)
        if note:
            notes.append(note)
            names = names.map(lambda name, first=first: first.get(name, name))
        table[column] = names.reindex(table.index).astype("string")
    identities = [
        clips.identity(*by_name[path])
        if path in by_name
        else files.digest(corpora.composed(Path(at, clips.posix(path)).as_posix()))
        for at, path in zip(table["at"], table["path"], strict=True)
    ]
    known = [by_name[path][0] if path in by_name else None for path in table["path"]]
    return table.assign(identity=pd.array(identities, "string"), known=pd.array(known, "string"))
