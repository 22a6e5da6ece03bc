"""Many recordings: several processes, and tables that grow."""

import csv

import numpy as np
import pytest
import soundfile

from ser_keras import archives, formats, load_bundle
from ser_keras.errors import SerKerasError
from ser_keras.windows import Windows

RATE = 22_050


@pytest.fixture
def folder(tmp_path, voice):
    for number in range(5):
        soundfile.write(tmp_path / f"{number}.wav", voice(120 + 20 * number, 0.6, RATE), RATE)
    soundfile.write(tmp_path / "5.wav", voice(150, 9.0, RATE), RATE)
    (tmp_path / "6.wav").write_bytes(b"no sound")
    return tmp_path


@pytest.fixture
def bundle(tiny_run):
    return load_bundle(tiny_run.folder)


def test_other_processes_give_the_same_rows_in_the_same_order(bundle, folder):
    paths = sorted(folder.iterdir())
    here = list(archives.label(bundle, paths, Windows()))
    work = archives.Work(str(bundle.folder), "light", Windows())
    there = list(archives.label_elsewhere(work, paths, jobs=2))
    assert [path for path, _ in there] == [str(path) for path in paths]
    for (_, one), (_, other) in zip(here, there, strict=True):
        assert [getattr(r, "label", None) for r in one] == [
            getattr(r, "label", None) for r in other
        ]


def test_adapting_to_all_recordings_needs_one_process(bundle):
    work = archives.Work(str(bundle.folder), "light", Windows(adapt="all"))
    with pytest.raises(SerKerasError, match="needs them in one process"):
        list(archives.label_elsewhere(work, ["a.wav"], jobs=2))


def columns(bundle):
    return formats.columns(bundle.labels)


def test_an_interrupted_table_goes_on_and_labels_nothing_twice(bundle, folder):
    paths, path = sorted(folder.glob("*.wav")), folder / "out.csv"
    table = archives.Table(path, columns(bundle))
    labelled = archives.label(bundle, paths, Windows())
    for _ in range(3):
        table.add(*next(labelled))
    with open(path, "a", encoding="utf-8") as file:
        file.write(f"{paths[3]},0.0,")  # killed in the middle of a row
    table = archives.Table(path, columns(bundle))
    assert table.finished == {str(each) for each in paths[:2]}  # the last one may lack rows
    for name, rows in archives.label(
        bundle, [each for each in paths if str(each) not in table.finished], Windows()
    ):
        table.add(name, rows)
    with open(path, newline="", encoding="utf-8") as file:
        written = list(csv.DictReader(file))
    expected = [
        (name, getattr(row, "label", ""))
        for name, rows in archives.label(bundle, paths, Windows())
        for row in rows
    ]
    assert [(row["file"], row["label"]) for row in written] == expected
    assert written[-1]["note"]  # why it was skipped


def test_a_table_with_other_columns_is_left_alone(bundle, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("name,age\nA,3\n", encoding="utf-8")
    with pytest.raises(SerKerasError, match="has other columns"):
        archives.Table(path, columns(bundle))
    assert path.read_text(encoding="utf-8") == "name,age\nA,3\n"


def test_paths_with_commas_and_line_breaks_come_back(bundle, tmp_path):
    names = ["a,b.wav", 'quote".wav', "two\nlines.wav"]
    table = archives.Table(tmp_path / "out.csv", columns(bundle))
    from ser_keras.errors import Skipped

    for name in [*names, "last.wav"]:
        table.add(name, [Skipped(name, "is no sound")])
    assert archives.Table(tmp_path / "out.csv", columns(bundle)).finished == set(names)


def test_a_window_of_noise_is_a_row_too(bundle, tmp_path):
    path = tmp_path / "noise.wav"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.05, 9 * RATE), RATE)
    ((_, rows),) = archives.label(bundle, [path], Windows())
    assert {row.label for row in rows} == {"no speech"}
