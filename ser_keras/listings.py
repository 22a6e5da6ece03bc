"""A split as somebody wrote it, in whatever form: CSV, JSON lines, folders, a run of ours.

What the list does not tell (speakers, texts) is read from the names of known corpora, and what was
guessed is noted. Nothing is judged here, and no sound is opened.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras import corpora, files
from ser_keras.audio import SUFFIXES
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
_COLUMNS = {  # spellings without case, blanks and signs; the first that is there is taken
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
_LOOKED_AT = 200_000  # files below --data that are looked at for clips by their name


@dataclass(frozen=True, eq=False)
class Listing:
    """A split as somebody wrote it.

    Args:
        name: What it is called.
        form: What it was read from: "CSV", "JSON lines", "folder" or "run".
        table: One row per listed clip: path as listed, corpus, speaker, text, role, file
            (where the sound lies, <NA> where it was not found) and named (what the name alone says
            that the clip is; equal for two copies of a clip of a known corpus).
        notes: What was guessed, a sentence each.
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
    """Return a split in whatever form it was written.

    Args:
        paths: One list, folder or run; or one list a side (`x_train_fold_1.jsonl`, ...). Of such
            files one is enough if the others lie beside it.
        data: Folder below which clips are looked for that are not where the list says.
        fold: Which fold is the test side where the list numbers folds and names no roles; None for
            the first.

    Raises:
        SerKerasError: There is no such path, no form is recognised, or a side has no clips.
    """
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    paths = [Path(path) for path in paths]
    for path in paths:
        if not path.exists():
            raise SerKerasError(path, "does not exist", "Check the path")
    path, notes = paths[0], []
    if len(paths) == 1 and path.is_dir():
        if (path / "split.csv").is_file():
            ours = (path / "bundle.json").is_file() or (path / "metrics.json").is_file()
            form, table = "run" if ours else "CSV", _listed([path / "split.csv"], fold, notes)
        elif sides := _side_folders(path):
            form, table = "folder", _of_folder(path, sides, notes)
        else:
            own = [file for file in sorted(path.iterdir()) if _role_of_name(file)]
            groups = grouped(file for file in own if file.suffix.lower() in _LISTS)
            if len(groups) != 1:
                problem = "is no split: it has neither train/ and test/, split.csv nor lists a side"
                raise SerKerasError(path, problem, "Name a list, or such a folder")
            return read(groups[0], data, fold=fold)
    else:
        form = "JSON lines" if path.suffix.lower() in _JSON_LINES else "CSV"
        table = _listed(_with_siblings(paths, notes), fold, notes)
    if table.empty:
        raise SerKerasError(path, "holds no sound files", "Check the folder")
    table = _labelled(table, notes)
    table = _located(table, Path(data), notes)
    table = _with_test(table, path, notes)
    return Listing(str(path), form, table, tuple(dict.fromkeys(notes)))


def grouped(paths: Iterable[str | os.PathLike]) -> list[list[Path]]:
    """Return the paths as splits: lists of one side each come together, anything else is alone.

    Example:
        >>> [[p.name for p in split] for split in grouped(["a_train_1.jsonl", "a_test_1.jsonl"])]
        [['a_train_1.jsonl', 'a_test_1.jsonl']]
    """
    groups: dict[object, list[Path]] = {}
    for path in map(Path, paths):
        one_side = path.suffix.lower() in _LISTS and _role_of_name(path)
        groups.setdefault(_without_role(path) if one_side else path, []).append(path)
    return list(groups.values())


def said_by_names(paths: list[str]) -> dict[str, tuple[str, corpora.Parsed]]:
    """Return corpus and meaning of each path that is named as in a known corpus.

    Where a name may be of several, the corpus to which most of the paths belong has it.
    """
    known = [corpus for corpus in map(corpora.get, corpora.names()) if not corpus.place]
    said = {
        corpus.name: {path: parsed for path in paths if (parsed := corpus.parse(_posix(path)))}
        for corpus in known
    }
    best: dict[str, tuple[str, corpora.Parsed]] = {}
    for name in sorted(said, key=lambda name: -len(said[name])):
        for path, parsed in said[name].items():
            best.setdefault(path, (name, parsed))
    return best


def count(number: int, noun: str) -> str:
    """Return "1 clip", "2 clips"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _side_folders(root: Path) -> dict[Path, str]:
    """Return the folders below `root` that are named as sides, if training and another are."""
    below = [path for path in sorted(root.iterdir()) if path.is_dir()]
    roles = _roles([path.name for path in below])
    sides = {path: role for path, role in zip(below, roles, strict=True) if role}
    return sides if "train" in sides.values() and len(set(sides.values())) > 1 else {}


def _of_folder(root: Path, sides: dict[Path, str], notes: list[str]) -> pd.DataFrame:
    names = ", ".join(f"{folder.name}/ = {role}" for folder, role in sides.items())
    notes.append(f"Sides by folder: {names}")
    rows = [
        {"path": path.relative_to(root).as_posix(), "role": role, "at": str(root)}
        for folder, role in sides.items()
        for path in _sounds(folder)
    ]
    return _frame(rows)


def _sounds(root: Path) -> Iterator[Path]:
    """Yield the sound files below a folder, sorted by folder; hidden ones are none."""
    for folder, below, names in os.walk(root):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(folder, name)


def _with_siblings(paths: list[Path], notes: list[str]) -> list[Path]:
    """Return the lists of all sides, where the one that was given is a side by its name."""
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
    """Return the side that a list's name tells, if it names exactly one."""
    roles = {_ROLE_OF[word] for word in _words(path.stem) if word in _ROLE_OF}
    return roles.pop() if len(roles) == 1 else None


def _without_role(path: Path) -> tuple:
    return path.parent, *("*" if word in _ROLE_OF else word for word in _words(path.name))


def _roles(values: Iterable[str]) -> list[str | None]:
    """Return the role of each spelling. `eval` is validation where another side is the test."""
    words = [value.strip().lower() for value in values]
    roles = [_ROLE_OF.get(word) for word in words]
    if "test" in words and "validation" not in roles:
        roles = [
            "validation" if w in ("eval", "evaluation") else r
            for w, r in zip(words, roles, strict=True)
        ]
    return roles


def _listed(paths: list[Path], fold: str | None, notes: list[str]) -> pd.DataFrame:
    """Return the rows of all lists: path, role, at, and of the other columns what there is."""
    import pandas as pd

    tables = []
    for path in paths:
        rows = _read_json_lines(path) if path.suffix.lower() in _JSON_LINES else _read_csv(path)
        if rows.empty:
            raise SerKerasError(path, "lists no clips", "Check the file")
        tables.append(_understood(rows, path, fold, notes).assign(at=str(path.parent)))
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
            for number, line in enumerate(stream, 1):  # noqa: B007 -- an error names it
                if line.strip():
                    told = json.loads(line).items()
                    rows.append(
                        {key: str(v) for key, v in told if isinstance(v, (str, int, float))}
                    )
    except OSError as error:
        raise SerKerasError(path, "cannot be read", "Check the path") from error
    except (ValueError, AttributeError, RecursionError) as error:
        problem = f"line {max(number, 1)} is not a JSON object"
        raise SerKerasError(path, problem, "Write one object a line") from error
    return _frame(rows)


def _frame(rows) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows).astype("string")


def _understood(rows: pd.DataFrame, path: Path, fold: str | None, notes: list[str]) -> pd.DataFrame:
    """Return what the columns mean; those that are not understood are left out."""
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
    table["role"], told = _role_column(rows, plain, path, fold)
    guessed = [*(f"{key} = {value}" for key, value in meant.items() if key != value), *told]
    if guessed:
        notes.append(f"Columns: {', '.join(guessed)}")
    if "start" in table and table["path"].duplicated().any():
        table["path"] += "#" + table["start"].fillna("")  # parts of longer files
    elif "start" in table:
        table = table.drop(columns="start")
    left_out = table["role"].isna() | table["path"].isna()
    if left_out.any():
        notes.append(f"{count(int(left_out.sum()), 'row')} without a side or a path left out")
    return table[~left_out]


def _role_column(rows: pd.DataFrame, plain: dict, path: Path, fold: str | None) -> tuple:
    """Return the role of each row, and how it was found."""
    import pandas as pd

    for column in (plain[word] for word in _ROLES_AT if word in plain):
        roles = _roles(rows[column].fillna(""))
        if len(set(roles) - {None}) > 1:
            values = dict.fromkeys(zip(rows[column].fillna(""), roles, strict=True))
            mapped = [f"{value} = {role}" for value, role in values if role not in (None, value)]
            told = [f"role = {column}"] * (column != "role") + mapped
            return pd.array(roles, dtype="string"), told
    if side := _role_of_name(path):
        return side, [f"role = {side}, by the name {path.name}"]
    for column in (plain[word] for word in _FOLDS_AT if word in plain):
        folds = sorted(rows[column].dropna().unique(), key=lambda name: (len(name), name))
        if len(folds) > 1:
            if fold is not None and fold not in folds:
                raise SerKerasError(path, f"has no fold {fold}", f"It has {', '.join(folds)}")
            held = fold or folds[0]
            role = rows[column].eq(held).map({True: "test", False: "train"})
            told = [f"test = {column} {held} of {', '.join(folds)}"]
            return role.where(rows[column].notna()).astype("string").array, told
    problem = "tells no side of its clips"
    raise SerKerasError(path, problem, "Add a column role: train, validation or test")


def _labelled(table: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Return the table with corpus, speaker, text and named; from names where untold."""
    import pandas as pd

    says = said_by_names(list(table["path"]))
    guessed = Counter(corpus for corpus, _ in says.values())
    whole = len(guessed) == 1 and len(says) == table["path"].nunique()
    told = {column for column in table.columns if table[column].notna().any()}
    table = table.reindex(columns=["path", "corpus", "speaker", "text", "role", "at", "start"])
    table = table.astype("string")
    if whole and "corpus" not in told:
        table["corpus"] = next(iter(guessed))
    qualified = not whole and "corpus" not in told  # an id is of one corpus
    for column in ("speaker", "text"):
        if says and column not in told:
            values = {
                path: f"{corpus} {value}" if qualified else value
                for path, (corpus, parsed) in says.items()
                if (value := getattr(parsed, column)) is not None
            }
            table[column] = pd.array([values.get(path) for path in table["path"]], "string")
            names = ", ".join(f"{name} ({n})" for name, n in guessed.items())
            notes.append(f"{column.capitalize()}s read from names as of the corpus {names}")
    wording = table["text"].str.casefold().str.replace(r"[\W_]+", " ", regex=True).str.strip()
    table["text"] = wording.replace("", pd.NA)
    table["speaker"] = table["speaker"].str.strip().replace("", pd.NA)
    places = zip(table["at"], table["path"], strict=True)
    named = [
        _named(*says[path]) if path in says else files.digest(Path(at, _posix(path)).as_posix())
        for at, path in places
    ]
    known = [says[p][0] if p in says else None for p in table["path"]]
    return table.assign(named=pd.array(named, "string"), known=pd.array(known, "string"))


def _posix(path: str) -> str:
    return path.strip().replace("\\", "/")


def _located(table: pd.DataFrame, data: Path, notes: list[str]) -> pd.DataFrame:
    """Return the table with the file of each clip, looked for where the list says, then by name."""
    import pandas as pd

    known = [corpora.get(name) for name in table["known"].dropna().unique()]
    homes = {corpus: corpus.find(data) for corpus in known} if data.is_dir() else {}
    homes = {corpus: home for corpus, home in homes.items() if home is not None}
    bases = [data, *homes.values(), *(home.parent for home in homes.values()), Path()]
    found: list[str | None] = []
    for path, at in zip(table["path"].map(_posix), table["at"], strict=True):
        places = (Path(base, path) for base in (at, *bases))
        found.append(next((str(place) for place in places if place.is_file()), None))
    if None in found and data.is_dir():
        by_name = _by_name(data, homes)
        keys = zip(table["named"], table["path"].map(_stem), strict=True)
        before = found.count(None)
        found = [
            file or by_name.get(named) or by_name.get(stem)
            for file, (named, stem) in zip(found, keys, strict=True)
        ]
        if n := before - found.count(None):
            notes.append(f"{count(n, 'clip')} found by name below {data}")
    return table.assign(file=pd.array(found, "string"))


def _by_name(data: Path, homes: dict[corpora.Corpus, Path]) -> dict[str, str | None]:
    """Return the file of each name below a folder; None where several files have it.

    Of a known corpus the clip itself is the name: it is a WAV in one copy, a FLAC in another.
    """
    files_of: dict[str, str | None] = {}
    for _, path in zip(range(_LOOKED_AT), _sounds(data), strict=False):
        stem = _stem(path.as_posix())
        files_of[stem] = None if stem in files_of else str(path)
    for corpus, home in homes.items():
        for path in sorted(_sounds(home), key=lambda path: len(path.parts)):
            if parsed := corpus.parse(path.relative_to(home).as_posix()):
                files_of.setdefault(_named(corpus.name, parsed), str(path))
    return files_of


def _stem(path: str) -> str:
    return _posix(path).rpartition("/")[2].rpartition(".")[0].lower()


def _named(corpus: str, parsed: corpora.Parsed) -> str:
    """Return a hash of what a name says, the same for all copies of a clip."""
    return files.digest(str((corpus, *astuple(parsed))))


def _with_test(table: pd.DataFrame, path: Path, notes: list[str]) -> pd.DataFrame:
    """Return the table with a test side; where there is none, validation is what was scored."""
    roles = set(table["role"])
    if "test" not in roles and "validation" in roles:
        notes.append("There is no test side: validation is taken for it")
        table = table.assign(role=table["role"].replace("validation", "test"))
    for role in ("train", "test"):
        if role not in set(table["role"]):
            raise SerKerasError(path, f"has no clip for {role}", "Name the lists of both sides")
    return table
