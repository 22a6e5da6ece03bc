"""Tables are read as spreadsheets and editors save them, or refused in a sentence."""

import os

import pytest

from ser_keras import corpora
from ser_keras.errors import SerKerasError

ROWS = [{"path": "a, b.wav", "emotion": "sad"}, {"path": "é.wav", "emotion": ""}]


def records(path):
    return [record for _, record in corpora.read_table(path).records()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_separators_and_encodings_of_all_programs_are_read(encoding, mark, end, tmp_path):
    lines = [f"Path{mark} EMOTION", f'"a, b.wav"{mark}sad', f"é.wav{mark}", mark, "", ""]
    (tmp_path / "t.csv").write_bytes(end.join(lines).encode(encoding))
    assert records(tmp_path / "t.csv") == ROWS


@pytest.mark.parametrize(
    "text",
    [
        'path,emotion\n"a, b.wav",sad\né.wav\n',  # the last cell is missing
        '\n\npath,emotion\n"a, b.wav",sad,,\né.wav,,,\n,,,\n',  # a spreadsheet's empty cells
        'sep=;\npath;emotion\n"a, b.wav";sad\né.wav;\n',
        'path,emotion\n\n"a, b.wav",sad\n\né.wav,',
    ],
)
def test_cells_and_rows_may_be_empty_or_missing(text, tmp_path):
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    assert records(tmp_path / "t.csv") == ROWS


def test_rows_know_their_line(tmp_path):
    (tmp_path / "t.csv").write_text('path,text\n\na.wav,"two\nlines"\nb.wav,x\n')
    assert [line for line, _ in corpora.read_table(tmp_path / "t.csv").rows] == [3, 5]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"path,emotion\na, b.wav,sad\n", "has 3 cells in line 2, and 2 in its header. Put cells"),
        (b"path,Emotion,EMOTION\n", "has 2 columns named emotion. Rename all but one."),
        (b'path,emotion\n"a.wav,sad\n', "cannot be read as CSV from line 2 on (unexpected end"),
        ("path,emotion\né.wav,sad\n".encode("cp1252"), 'is not in UTF-8 or UTF-16. Save it as CSV'),
        (b"path,emotion\na.wav,\0\n", "is no text file"),
    ],
)  # fmt: skip
def test_a_table_that_would_be_read_wrongly_is_refused(data, sentence, tmp_path):
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(SerKerasError) as raised:
        corpora.read_table(tmp_path / "t.csv")
    assert str(raised.value).startswith(f"{tmp_path}/t.csv: {sentence}")


def test_a_list_without_end_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "t.csv")
    with pytest.raises(SerKerasError, match="is no ordinary file"):
        corpora.read_table(tmp_path / "t.csv")
    with open(tmp_path / "long.csv", "wb") as stream:
        stream.truncate(1 << 33)  # takes no room on the disk
    with pytest.raises(SerKerasError, match="is longer than 32 MiB"):
        corpora.read_table(tmp_path / "long.csv")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("path\n" + "a\n" * 500_001, "has more than 500,000 rows or 5,000,000 cells. Divide it"),
        ("a," * 600_000, "has a line of 1,200,000 characters"),
        ('path\n"' + "x" * 2_000_000, "has a line of 2,000,001 characters"),
    ],
    ids=["rows", "columns", "quote"],
)
def test_a_table_that_is_far_too_large_is_refused(text, sentence, tmp_path):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(SerKerasError, match=sentence):
        corpora.read_table(tmp_path / "t.csv")
