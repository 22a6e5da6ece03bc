"""Many recordings: several processes, a cluster, and tables that grow."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser_keras import archives, files, formats, load_bundle
from ser_keras.errors import SerKerasError, Skipped
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


@pytest.fixture(scope="module")
def cluster():
    """The address of a Dask cluster with one worker in this process."""
    distributed = pytest.importorskip("distributed", reason="pip install distributed")
    options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(processes=False, **options) as cluster:
        yield cluster.scheduler_address


def flat(labelled):
    """Return files and labels of rows, or the reason why there is none."""
    return [
        (path, row.reason if isinstance(row, Skipped) else (row.file, row.label))
        for path, rows in labelled
        for row in rows
    ]


def test_a_cluster_gives_the_same_rows_in_the_same_order(bundle, folder, cluster, monkeypatch):
    monkeypatch.chdir(folder)
    paths = sorted(path.name for path in folder.iterdir())  # relative: the workers lie elsewhere
    work = archives.Work.of(bundle, "light", Windows(), ())
    here = flat(archives.label(bundle, paths, Windows()))
    assert flat(archives.label_elsewhere(work, paths, dask=cluster)) == here


def test_what_a_worker_cannot_do_is_done_here(bundle, folder, cluster, monkeypatch, capsys):
    paths = sorted(folder.iterdir())
    work = archives.Work.of(bundle, "light", Windows(), ())
    here = flat(archives.label(bundle, paths, Windows()))

    def sees_nothing(work, paths):
        return [(path, [Skipped(path, "does not exist")]) for path in paths]

    monkeypatch.setattr(archives, "label_part", sees_nothing)
    assert flat(archives.label_elsewhere(work, paths, dask=cluster)) == here
    assert "cannot read recordings that are there" in capsys.readouterr().err

    def lacks_the_model(work, paths):
        raise SerKerasError(work.model, "no such model", "Check the path")

    monkeypatch.setattr(archives, "label_part", lacks_the_model)
    assert flat(archives.label_elsewhere(work, paths, dask=cluster)) == here
    (warning,) = capsys.readouterr().err.splitlines()[1:]
    assert warning.startswith("warning: A worker of the cluster has failed (")
    assert "no such model. Check the path). This computer labels" in warning


def test_another_model_of_the_same_name_is_no_substitute(bundle, folder):
    work = archives.Work.of(bundle, "light", Windows(), ())
    with pytest.raises(SerKerasError, match="is another model on this machine"):
        archives.label_part(replace(work, manifest="0" * 64), [str(folder / "0.wav")])


@pytest.mark.parametrize(
    ("address", "words"),
    [("foo", "is no address"), ("", "is no address"), ("http://a:1", "is no address")],
)
def test_a_wrong_address_is_one_sentence(bundle, address, words):
    pytest.importorskip("distributed", reason="pip install distributed")
    work = archives.Work.of(bundle, "light", Windows(), ())
    with pytest.raises(SerKerasError, match=words):
        list(archives.label_elsewhere(work, ["a.wav"], dask=address))


def test_a_scheduler_that_is_not_there_is_one_sentence(bundle, monkeypatch):
    pytest.importorskip("distributed", reason="pip install distributed")
    monkeypatch.setattr(archives.labelling, "_CONNECT", "0.2s")
    work = archives.Work.of(bundle, "light", Windows(), ())
    with pytest.raises(SerKerasError, match=r"tcp://127.0.0.1:1: cannot be reached\. Check"):
        list(archives.label_elsewhere(work, ["a.wav"], dask="tcp://127.0.0.1:1"))


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_and_then_all_loses_no_row(bundle, folder, tmp_path, capsys):
    pytest.importorskip("distributed", reason="pip install distributed")
    for number in range(10, 90):
        shutil.copy(folder / "0.wav", folder / f"{number}.wav")
    paths = sorted(folder.iterdir())
    address_file, elsewhere = tmp_path / "cluster" / "scheduler.json", tmp_path / "cluster"
    elsewhere.mkdir()

    def start(*words):
        command = [sys.executable, "-m", "dask", *words, "--scheduler-file", str(address_file)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen([*command, "--no-dashboard"], cwd=elsewhere, **quiet)

    scheduler = start("scheduler", "--host", "127.0.0.1", "--port", "0")
    try:
        wait_for(lambda: address_file.exists() and address_file.stat().st_size)
        workers = [start("worker", "--nthreads", "1", "--no-nanny") for _ in range(2)]
        address = json.loads(address_file.read_text())["address"]
        work = archives.Work.of(bundle, "light", Windows(), ())
        rows = []
        for number, item in enumerate(archives.label_elsewhere(work, paths, dask=address)):
            rows.append(item)
            if number == 4:
                workers[0].kill()
            if number == 40:
                workers[1].kill()
                scheduler.kill()
        assert flat(rows) == flat(archives.label(bundle, paths, Windows()))
    finally:
        for process in (scheduler, *workers):
            process.kill()
            process.wait()


def test_adapting_to_all_recordings_needs_one_process(bundle):
    work = archives.Work(str(bundle.folder), "light", Windows(adapt="all"))
    with pytest.raises(SerKerasError, match="needs them in one process"):
        list(archives.label_elsewhere(work, ["a.wav"], jobs=2))


def columns(bundle):
    return formats.columns(bundle.labels)


SETTINGS = {"--model": "toy", "--window": "None"}


def grown(path, bundle, **settings):
    return archives.Table(path, columns(bundle), SETTINGS | settings)


def test_an_interrupted_table_goes_on_and_labels_nothing_twice(bundle, folder):
    paths, path = sorted(folder.glob("*.wav")), folder / "out.csv"
    table = grown(path, bundle)
    labelled = archives.label(bundle, paths, Windows())
    for _ in range(3):
        table.add(*next(labelled))
    with open(path, "a", encoding="utf-8") as file:
        file.write(f"{paths[3]},0.0,")  # killed in the middle of a row
    with archives.table(path, columns(bundle), SETTINGS) as table:
        assert table.finished == {str(each) for each in paths[:2]}  # the last one may lack rows
        left = [each for each in paths if str(each) not in table.finished]
        for name, rows in archives.label(bundle, left, Windows()):
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
    # a batch that came to its end has no doubtful last recording; what was skipped is tried again
    assert grown(path, bundle).finished == {str(each) for each in paths[:-1]}


def test_a_table_with_other_columns_is_left_alone(bundle, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("name,age\nA,3\n", encoding="utf-8")
    with pytest.raises(SerKerasError, match="has other columns"):
        grown(path, bundle)
    assert path.read_text(encoding="utf-8") == "name,age\nA,3\n"


def test_rows_of_another_model_or_other_options_never_meet_in_a_table(bundle, folder):
    path = folder / "out.csv"
    ((name, rows),) = archives.label(bundle, [folder / "0.wav"], Windows())
    grown(path, bundle).add(name, rows)
    before = path.read_bytes()
    with pytest.raises(SerKerasError, match=r"was begun with --window None, and now it is 2\.0"):
        grown(path, bundle, **{"--window": "2.0"})
    with pytest.raises(SerKerasError, match="was begun with --model toy, and now it is tess"):
        grown(path, bundle, **{"--model": "tess"})
    assert path.read_bytes() == before


def test_the_settings_of_a_batch_are_all_that_its_rows_depend_on(bundle, folder):
    work = archives.Work.of(bundle, "light", Windows(), ())
    other = replace(work, windows=Windows(window=2.0), enrolled=(str(folder / "0.wav"),))
    changed = {name for name, value in work.settings().items() if other.settings()[name] != value}
    assert changed == {"--window", "--enrol"}
    assert set(work.settings()) >= {"--model", "--engine", "--hop", "--adapt", "--possible"}


def test_a_table_finds_its_recordings_from_another_folder(bundle, folder, monkeypatch):
    monkeypatch.chdir(folder)
    table = grown("out.csv", bundle)
    for item in archives.label(bundle, ["0.wav", "1.wav"], Windows()):
        table.add(*item)
    monkeypatch.chdir(folder.parent)
    table = grown(folder / "out.csv", bundle)
    assert table.finished == {str(folder / "0.wav")}
    ((name, rows),) = archives.label(bundle, [f"{folder.name}/1.wav"], Windows())
    table.add(name, rows)
    table.finish()
    with open(folder / "out.csv", encoding="utf-8") as file:
        names = [row["file"] for row in csv.DictReader(file)]
    assert names == ["0.wav", str(folder / "1.wav")]


def test_two_processes_do_not_write_one_table(bundle, tmp_path):
    with (
        archives.table(tmp_path / "out.csv", columns(bundle), SETTINGS),
        pytest.raises(SerKerasError, match="is written by another process"),
        archives.table(tmp_path / "out.csv", columns(bundle), SETTINGS),
    ):
        pass


def test_paths_with_commas_and_line_breaks_come_back(bundle, folder):
    names = ["a,b.wav", 'quote".wav', "two\nlines.wav", os.fsdecode(b"\xe9.wav"), "last.wav"]
    path, rows = folder / "out.csv", list(archives.label(bundle, [folder / "0.wav"], Windows()))
    table = grown(path, bundle)
    for name in names:
        table.add(str(folder / name), rows[0][1])
    assert grown(path, bundle).finished == {str(folder / name) for name in names[:-1]}


@pytest.mark.slow
def test_a_batch_that_is_killed_ten_times_loses_and_doubles_nothing(bundle, folder):
    for number in range(10, 130):
        shutil.copy(folder / f"{number % 6}.wav", folder / f"{number}.wav")
    path = folder / "out.csv"
    program = Path(files.SOURCE) / "Use_Our_Model.py"
    words = [sys.executable, program, folder, "--unlabelled", "--resume", path]
    words = [*map(str, words), "--model", str(bundle.folder)]
    rng, killed = np.random.default_rng(0), 0
    while killed < 10:
        process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.3, 2.5))  # sometimes before the first row
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        if process.returncode == 0:
            break
        if path.exists():
            with open(path, "rb+") as file:  # what a power failure may take away
                file.truncate(max(0, path.stat().st_size - int(rng.integers(0, 40))))
    assert killed > 3
    subprocess.run(words, check=True, stderr=subprocess.DEVNULL)
    paths = sorted(str(each) for each in folder.iterdir() if each.suffix == ".wav")
    with open(path, newline="", encoding="utf-8") as file:
        written = [(row["file"], row["start"], row["label"]) for row in csv.DictReader(file)]
    expected = [
        (name, "" if isinstance(row, Skipped) else str(row.start), getattr(row, "label", ""))
        for name, rows in archives.label(bundle, paths, Windows())
        for row in rows
    ]
    assert sorted(written) == sorted(expected)


def test_a_window_of_noise_is_a_row_too(bundle, tmp_path):
    path = tmp_path / "noise.wav"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.05, 9 * RATE), RATE)
    ((_, rows),) = archives.label(bundle, [path], Windows())
    assert {row.label for row in rows} == {"no speech"}
