"""Predictions in the forms that other tools read."""

import csv
import importlib.util
import io
import json
import math
import os
import re

import numpy as np
import pandas as pd
import pytest

from ser_keras import SerKerasError, formats
from ser_keras.prediction import NO_SPEECH, UNSURE, Prediction

LABELS = ("happy", "sad", "angry")
SILENT = dict.fromkeys(LABELS, math.nan)
MEAN = 'calls/a "b",\n\x1b[2J \u202e100%\udce9.wav'  # what a stranger may name a file


def call(file="calls/one.wav"):
    """Four parts of a recording, one without speech and one that the model is unsure of."""
    return [
        Prediction(file, 0.0, 1.5, "happy", dict(zip(LABELS, (0.62, 0.2, 0.18), strict=True)), "",
                   0, 0.7, "A", ("happy",)),
        Prediction(file, 1.5, 2.25, NO_SPEECH, SILENT),
        Prediction(file, 2.25, 4.0, UNSURE, dict(zip(LABELS, (0.3, 0.36, 0.34), strict=True)),
                   "far from all", 3, 0.4, "B", ("sad", "angry")),
        Prediction(file, 4.0, 3661.2344, "angry", dict(zip(LABELS, (0.1, 0.1, 0.8), strict=True)),
                   "", 0, 0.9, "A", ("angry",)),
    ]  # fmt: skip


ALL = formats.columns(LABELS, arousal=True, speaker=True, possible=True)


def text(name, predictions, columns=ALL, **options):
    return "".join(f"{line}\n" for line in formats.lines(name, predictions, columns, **options))


@pytest.fixture
def arrow():
    """pyarrow, where it is installed."""
    return pytest.importorskip("pyarrow", reason="Parquet needs pyarrow, which is an extra")


def test_a_table_has_the_same_columns_whatever_its_rows_hold():
    table = list(csv.reader(io.StringIO(text("csv", call()))))
    assert table[0] == list(ALL)
    assert {len(cells) for cells in table} == {len(ALL)}
    first = ["calls/one.wav", "0.0", "1.5", "happy", "0.62", "0.2", "0.18", "0.7", "A", "happy"]
    assert table[1] == [*first, "0", ""]
    assert table[2] == ["calls/one.wav", "1.5", "2.25", NO_SPEECH, *[""] * 6, "0", ""]
    assert table[3][-3:] == ["sad|angry", "3", "far from all"]


def test_pandas_reads_the_table_with_numbers_as_numbers():
    table = pd.read_csv(io.StringIO(text("csv", call())))
    assert table["end"].tolist() == [1.5, 2.25, 4.0, 3661.2344]
    assert np.isnan(table["p_sad"][1])
    assert table["p_sad"].dtype == table["arousal"].dtype == float


@pytest.mark.skipif(not importlib.util.find_spec("audformat"), reason="audformat is not installed")
def test_audformat_reads_the_table_as_it_is(tmp_path):
    import audformat

    formats.write("csv", tmp_path / "one.csv", call(), ALL)
    table = audformat.utils.read_csv(tmp_path / "one.csv")
    assert audformat.is_segmented_index(table.index)
    ends = table.index.get_level_values("end").total_seconds()
    assert ends.tolist() == [1.5, 2.25, 4.0, 3661.2344]
    assert table["label"].tolist() == ["happy", NO_SPEECH, UNSURE, "angry"]


@pytest.mark.skipif(not importlib.util.find_spec("audformat"), reason="audformat is not installed")
def test_audformat_takes_the_columns_of_the_parquet_file(tmp_path, arrow):
    import audformat

    formats.write("parquet", tmp_path / "one.parquet", call(), ALL)
    table = pd.read_parquet(tmp_path / "one.parquet")
    index = audformat.segmented_index(table["file"], table["start"], table["end"])
    assert index.get_level_values("end").total_seconds().tolist() == table["end"].tolist()


def test_the_header_can_be_left_out_to_go_on_with_a_table():
    whole = text("csv", call())
    assert text("csv", call()[:2]) + text("csv", call()[2:], header=False) == whole


@pytest.mark.parametrize("count", [0, 1, 4])
def test_json_is_one_array_with_null_where_there_is_no_number(count):
    rows = json.loads(text("json", call()[:count]))
    assert len(rows) == count
    assert all(list(each) == list(ALL) for each in rows)
    if count > 1:
        assert rows[0]["possible"] == ["happy"]
        assert rows[1]["p_happy"] is None
        assert rows[1]["arousal"] is None
        assert rows[1]["speaker"] == ""


def test_json_lines_hold_what_the_array_holds():
    rows = [json.loads(line) for line in text("jsonl", call()).splitlines()]
    assert rows == json.loads(text("json", call()))


def test_parquet_holds_what_csv_holds(tmp_path, arrow):
    many = [part for number in range(400) for part in call(f"{number}.wav")]  # two row groups
    formats.write("parquet", tmp_path / "many.parquet", iter(many), ALL)
    from_csv = pd.read_csv(io.StringIO(text("csv", many)), keep_default_na=False, dtype=str)
    table = pd.read_parquet(tmp_path / "many.parquet")
    assert len(table) == 1600
    for column in ("file", "label", "speaker", "possible", "note"):
        assert table[column].tolist() == from_csv[column].tolist()
    for column in ("start", "end", "p_angry", "arousal"):
        numbers = pd.to_numeric(from_csv[column])
        np.testing.assert_array_equal(table[column], numbers)
    assert table["adapted_by"].dtype == int


def test_without_pyarrow_parquet_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(SerKerasError, match=r"^pyarrow: is not installed.*or choose csv\.$"):
        formats.write("parquet", tmp_path / "a.parquet", call(), ALL)
    assert list(tmp_path.iterdir()) == []


def test_the_most_probable_emotions_replace_the_columns_of_all():
    columns = formats.columns(LABELS, top=2)
    names = ("file", "start", "end", "label", "emotion_1", "p_1", "emotion_2", "p_2")
    assert columns == (*names, "adapted_by", "note")
    rows = json.loads(text("json", call(), columns))
    assert [rows[0][name] for name in columns[3:8]] == ["happy", "happy", 0.62, "sad", 0.2]
    assert [rows[1][name] for name in columns[3:8]] == [NO_SPEECH, None, None, None, None]
    assert [rows[2][name] for name in columns[3:8]] == [UNSURE, "sad", 0.36, "angry", 0.34]


def test_no_more_emotions_are_named_than_there_are():
    assert formats.columns(LABELS, top=9)[-4:] == ("emotion_3", "p_3", "adapted_by", "note")


def test_every_column_is_explained():
    explained = set(formats.COLUMNS)
    simple = {name for name in ALL if not name.startswith("p_")}
    assert explained - simple == {"p_<emotion>", "emotion_1, p_1, ..."}
    assert simple <= explained


def test_rttm_names_emotions_with_their_probability_and_leaves_silence_out():
    columns = formats.columns(LABELS)
    assert text("rttm", call(), columns).splitlines() == [
        "SPEAKER calls/one.wav 1 0.000 1.500 <NA> <NA> happy 0.62 <NA>",
        "SPEAKER calls/one.wav 1 2.250 1.750 <NA> <NA> unsure <NA> <NA>",
        "SPEAKER calls/one.wav 1 4.000 3657.234 <NA> <NA> angry 0.80 <NA>",
    ]


def test_rttm_names_speakers_where_they_are_told_apart():
    lines = [line.split(" ") for line in text("rttm", call()).splitlines()]
    assert [fields[7] for fields in lines] == ["A", "B", "A"]
    assert {fields[8] for fields in lines} == {"<NA>"}


def test_rttm_has_ten_fields_whatever_the_names_are():
    part = Prediction(MEAN, 0, 1, "mixed feelings", {"mixed feelings": 1.0})
    (line,) = text("rttm", [part, *call()[1:2]], ()).splitlines()
    fields = line.split(" ")
    assert len(fields) == len(line.split()) == 10
    assert fields[7] == "mixed%20feelings"
    assert "100%25" in fields[1]


def test_subtitles_have_times_emotion_and_speaker():
    assert text("srt", call(), formats.columns(LABELS)).split("\n\n") == [
        "1\n00:00:00,000 --> 00:00:01,500\nhappy 62 % (A)",
        "2\n00:00:01,500 --> 00:00:02,250\nno speech",
        "3\n00:00:02,250 --> 00:00:04,000\nunsure: sad 36 % (B)",
        "4\n00:00:04,000 --> 01:01:01,234\nangry 80 % (A)",
        "",
    ]


def test_subtitles_name_as_many_emotions_as_are_asked_for():
    subtitles = text("srt", call(), formats.columns(LABELS, top=2))
    assert "\nhappy 62 %, sad 20 % (A)\n" in subtitles
    assert "\nunsure: sad 36 %, angry 34 % (B)\n" in subtitles


def test_a_label_cannot_break_a_subtitle():
    label = "1\n\n00:00 --> 00:01"
    subtitle = text("srt", [Prediction("a.wav", 0, 1, label, {label: 1.0})], ())
    assert subtitle.count("-->") == 1
    assert subtitle.count("\n") == 4


def tiers(textgrid):
    """Return name -> list of (start, end, text) of a TextGrid."""
    found = {}
    for part in re.split(r"item \[\d+\]:", textgrid)[1:]:
        interval = r'xmin = ([\d.]+)\s+xmax = ([\d.]+)\s+text = "((?:[^"]|"")*)"'
        name = re.search(r'name = "(\w+)"', part)[1]
        found[name] = [(float(a), float(b), t) for a, b, t in re.findall(interval, part)]
    return found


def test_a_textgrid_covers_the_recording_without_gaps():
    parts = [call()[0], call()[2]]  # a gap between them, and one behind them
    found = tiers(text("textgrid", parts, length=6.0))
    assert found["emotion"] == [
        (0, 1.5, "happy"), (1.5, 2.25, ""), (2.25, 4, UNSURE), (4, 6, ""),
    ]  # fmt: skip
    assert [each[2] for each in found["arousal"]] == ["0.70", "", "0.40", ""]
    assert [each[2] for each in found["probability"]] == ["0.62", "", "", ""]
    assert [each[2] for each in found["speaker"]] == ["A", "", "B", ""]


def test_a_textgrid_has_no_tier_for_what_is_not_known():
    plain = Prediction("a.wav", 0.5, 1, 'so "so"', {'so "so"': 1.0})
    found = tiers(text("textgrid", [plain]))
    assert list(found) == ["emotion", "probability"]
    assert found["emotion"] == [(0, 0.5, ""), (0.5, 1, 'so ""so""')]


def test_praat_opens_a_textgrid(tmp_path):
    parselmouth = pytest.importorskip("parselmouth", reason="Praat comes with the bench extra")
    formats.write("textgrid", tmp_path / "one.TextGrid", call(), ALL)
    praat = parselmouth.praat.call
    grid = parselmouth.read(str(tmp_path / "one.TextGrid"))
    assert praat(grid, "Get number of tiers") == 4
    assert praat(grid, "Get end time") == pytest.approx(3661.2344)
    labels = [praat(grid, "Get label of interval", 1, number) for number in range(1, 5)]
    assert labels == ["happy", NO_SPEECH, UNSURE, "angry"]


@pytest.mark.parametrize("name", [name for name, each in formats.FORMATS.items() if each.text])
def test_a_hostile_name_breaks_no_format(tmp_path, name):
    formats.write(name, tmp_path / "out", call(MEAN), ALL)
    content = (tmp_path / "out").read_bytes().decode("utf-8")
    assert not set("\x1b\u202e\r").intersection(content)
    if name in ("json", "jsonl"):
        rows = json.loads(content) if name == "json" else map(json.loads, content.splitlines())
        assert {each["file"] for each in rows} == {MEAN}
    if name == "csv":
        assert len(list(csv.reader(io.StringIO(content)))) == 5


def test_a_hostile_name_does_not_break_parquet(tmp_path, arrow):
    formats.write("parquet", tmp_path / "out", call(MEAN), ALL)
    (name,) = set(pd.read_parquet(tmp_path / "out")["file"])
    assert name.isprintable()


@pytest.mark.parametrize("name", ["csv", "json", "jsonl", "rttm", "srt"])
def test_predictions_are_written_as_they_come(name):
    taken = []

    def endless():
        for number in range(1_000_000):
            taken.append(number)
            yield Prediction("a.wav", number, number + 1, "sad", {"sad": 1.0})

    lines = formats.lines(name, endless(), formats.columns(["sad"]))
    for _ in range(5):
        next(lines)
    assert len(taken) <= 6


@pytest.mark.parametrize("name", ["textgrid", "srt"])
def test_a_form_of_one_recording_refuses_a_second(tmp_path, name):
    assert not formats.FORMATS[name].several
    with pytest.raises(SerKerasError, match=r"two\.wav follows calls/one\.wav\. Write a file for"):
        formats.write(name, tmp_path / "out", [*call(), *call("two.wav")], ALL)
    assert list(tmp_path.iterdir()) == []


def test_each_recording_gets_a_file_of_its_own(tmp_path):
    names = ["a/one.wav", "b/ONE.mp3", "array 0", MEAN, "é" * 200 + ".wav"]
    parts = (part for name in names for part in call(name))
    paths = formats.write_each("textgrid", tmp_path / "out", parts, ALL, {"a/one.wav": 5000.0})
    assert [path.name for path in paths[:3]] == ["one.TextGrid", "ONE-2.TextGrid",
                                                 "array 0.TextGrid"]  # fmt: skip
    assert sorted(path.name for path in paths) == sorted(os.listdir(tmp_path / "out"))
    assert all(path.name.isprintable() and len(os.fsencode(path.name)) < 230 for path in paths)
    assert tiers(paths[0].read_text("utf-8"))["emotion"][-1] == (3661.2344, 5000, "")
    assert len(tiers(paths[1].read_text("utf-8"))["emotion"]) == 4


def test_an_unknown_format_is_refused():
    with pytest.raises(SerKerasError, match=r"no such text format\. Did you mean csv"):
        next(formats.lines("cvs", call(), ALL))
