import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from ser_keras import files, matrix, runs
from ser_keras.errors import SerKerasError
from ser_keras.matrix import Cell, Matrix, Places

# What trains in these tests: it keeps the promises of Emotion_Recognition.py (lock, seal, status)
# and tells in a file beside the runs what it trained. The seed says how it ends.
TRAINER = f"""
import os, shutil, signal, sys, time
from pathlib import Path
sys.path.insert(0, {str(files.ROOT)!r})
from ser_keras import files

options = dict(zip(sys.argv[1:], sys.argv[2:]))
out, seed = Path(options["--out"]), int(options["--seed"])
with files.lock(out.with_name(f".{{out.name}}")):
    if (out / "metrics.json").exists():
        sys.exit()
    with open(out.parents[2] / "trained.txt", "a") as log:
        log.write(f"{{out.name}} {{os.getppid()}}\\n")
    if seed == 7:
        print("error: a.wav: holds no samples. Record it again.", file=sys.stderr)
        sys.exit(1)
    if seed == 8:
        os.kill(os.getpid(), signal.SIGKILL)
    while seed == 9:
        print("epoch", file=sys.stderr, flush=True)
        time.sleep(0.05)
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(__file__).with_name("sealed.json"), out / "metrics.json")
"""


@pytest.fixture
def places(tiny_tess, cache, tmp_path):
    """Places with a trainer that takes no time, and the tiny corpus."""
    kept = matrix.LEDGER / "attention-tess" / "tess" / "paper-0-seed0" / "metrics.json"
    (tmp_path / "trainer.py").write_text(TRAINER)
    (tmp_path / "sealed.json").write_text(kept.read_text())
    (tmp_path / "runs").mkdir()
    return Places(
        data=tiny_tess.parent, out=tmp_path / "runs", cache=cache, trainer=tmp_path / "trainer.py"
    )


def trained(places, column="name"):
    """Return of each training that was begun the run, or `by` which process."""
    log = places.out / "trained.txt"
    lines = log.read_text().splitlines() if log.exists() else []
    return [line.split()[column == "by"] for line in lines]


def cells_of(*seeds):
    return [Cell(recipe="attention-tess", corpus="tess", seed=seed) for seed in seeds]


def spelt(cells):
    return [f"{cell.recipe} {cell.protocol} {cell.fold} {cell.seed}" for cell in cells]


def test_every_first_figure_comes_before_any_second_one(places):
    wanted = Matrix(
        recipes=("attention-tess", "mean-mfcc-lstm"),
        protocols=("paper", "speaker"),
        folds=None,
        seeds=(0, 1),
    )
    cells, skipped = matrix.cells(wanted, places)
    assert spelt(cells) == [
        "attention-tess paper 0 0",
        "attention-tess speaker 0 0",
        "mean-mfcc-lstm paper 0 0",
        "mean-mfcc-lstm speaker 0 0",
        "attention-tess paper 0 1",
        "attention-tess speaker 1 0",
        "mean-mfcc-lstm paper 0 1",
        "mean-mfcc-lstm speaker 1 0",
        "attention-tess speaker 0 1",
        "mean-mfcc-lstm speaker 0 1",
        "attention-tess speaker 1 1",
        "mean-mfcc-lstm speaker 1 1",
    ]
    assert skipped == []


def test_a_variant_has_its_own_folder_and_the_usual_value_the_usual_one(places):
    variants = tuple((f"model.dropout={value}",) for value in ("0.2", "0.9"))
    wanted = Matrix(recipes=("attention-tess",), corpora=("tess",), variants=variants)
    cells, _ = matrix.cells(wanted, places)
    usual = dict(recipe_settings())["model.dropout"]
    folders = {cell.changes: places.folder(cell).parts[-3] for cell in cells}
    for (change,), folder in folders.items():
        assert (folder == "attention-tess") == (change == f"model.dropout={usual}")
        assert folder.startswith("attention-tess")
    assert len(set(folders.values())) == 2


def recipe_settings():
    return Cell(recipe="attention-tess", corpus="tess").load().settings()


def test_what_cannot_be_trained_here_is_told_and_the_rest_is_not_lost(places):
    wanted = Matrix(
        recipes=("attention-tess",),
        corpora=("tess", "savee", "tess+savee"),
        protocols=("speaker", "corpus"),
        folds=(1, 2),
    )
    cells, skipped = matrix.cells(wanted, places)
    assert spelt(cells) == ["attention-tess speaker 1 0"]
    assert {str(one) for one in skipped} == {
        "attention-tess on savee, corpus: " + missing(places),
        "attention-tess on savee, speaker: " + missing(places),
        "attention-tess on savee+tess, corpus: " + missing(places),
        "attention-tess on savee+tess, speaker: " + missing(places),
        "attention-tess on tess, corpus: tess is one corpus, and none is left to train on.",
        "attention-tess on tess, speaker, fold 2, seed 0: the last fold of the protocol is 1.",
    }


def missing(places):
    from ser_keras import corpora

    return f"{places.data} holds no {corpora.get('savee').title}."


def test_a_setting_that_only_one_recipe_has_leaves_out_the_other(places):
    wanted = Matrix(
        recipes=("attention-tess", "mean-mfcc-lstm"),
        corpora=("tess",),
        variants=(("model.filters=4",),),
    )
    cells, skipped = matrix.cells(wanted, places)
    assert [cell.recipe for cell in cells] == ["attention-tess"]
    assert "mean-mfcc-lstm on tess, paper, model.filters=4: --set model.filters no such" in str(
        skipped[0]
    )


@pytest.mark.parametrize(
    "changes",
    [{"recipes": ("attention-tes",)}, {"corpora": ("tes",)}, {"protocols": ("papper",)}],
    ids=str,
)
def test_a_misspelt_name_is_refused_before_anything_begins(places, changes):
    wanted = dataclasses.replace(Matrix(recipes=("attention-tess",)), **changes)
    with pytest.raises(SerKerasError, match="Did you mean"):
        matrix.cells(wanted, places)


def test_finished_cells_need_no_corpus_and_are_not_trained_again(places, tmp_path):
    matrix.run(cells_of(0), places)
    elsewhere = dataclasses.replace(places, data=tmp_path)
    cells, skipped = matrix.cells(Matrix(recipes=("attention-tess",), corpora=("tess",)), elsewhere)
    assert cells == cells_of(0)
    assert skipped == []
    assert matrix.run(cells, elsewhere) == []
    assert trained(places) == ["paper-0-seed0"]


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_cell_that_fails_or_dies_takes_no_other_along(places, jobs):
    failed = matrix.run(cells_of(7, 0, 8, 1), places, jobs=jobs)
    assert sorted(map(str, failed)) == [
        "attention-tess on tess, paper, fold 0, seed 7: a.wav: holds no samples. Record it again.",
        "attention-tess on tess, paper, fold 0, seed 8: was ended by signal 9.",
    ]
    assert sorted(trained(places)) == [f"paper-0-seed{seed}" for seed in (0, 1, 7, 8)]
    assert all(places.finished(cell) for cell in cells_of(0, 1))


def test_each_cell_is_told_with_its_figures_and_the_time_that_is_left(places, capsys):
    matrix.run(cells_of(0, 1), places)
    begun, ended = [], []
    for line in capsys.readouterr().err.splitlines():  # a cell may begin before another is told
        (begun if line.endswith(": begins.") else ended).append(line)
    cells = [f"attention-tess on tess, paper, fold 0, seed {seed}: " for seed in (0, 1)]
    assert begun == [f"{cell}begins." for cell in cells]
    run = places.finished(cells_of(0)[0])
    figures = [f"{run.figure(metric).value:.4f}" for metric in ("accuracy", "uar")]
    assert ended[0].startswith(f"{cells[0]}accuracy {figures[0]}, UAR {figures[1]} in ")
    rest = matrix.duration(run.metrics["seconds"])
    assert ended[0].endswith(f". 1 of 2; about {rest} left.")
    assert ended[1].startswith(cells[1])
    assert ended[1].endswith(". 2 of 2.")


def test_the_time_that_is_left_is_that_of_the_cells_most_alike():
    slow, quick = (Cell(recipe="attention-tess", corpus=name) for name in ("tess", "savee"))
    other = Cell(recipe="mean-mfcc-lstm", corpus="tess")
    seconds = {slow: 100.0, quick: 10.0}
    left = [dataclasses.replace(slow, seed=1), dataclasses.replace(slow, corpus="emodb"), other]
    assert matrix.remaining(left[:1], seconds, 1) == 100
    assert matrix.remaining(left[1:2], seconds, 1) == 55
    assert matrix.remaining(left[2:], seconds, 1) == 55
    assert matrix.remaining(left, seconds, 2) == 105
    assert matrix.remaining(left[:1], seconds, 2) == 100
    assert matrix.remaining(left, {}, 2) is None


@pytest.mark.parametrize(
    ("seconds", "words"), [(59.6, "60 s"), (90, "2 min"), (5399, "90 min"), (9000, "2.5 h")]
)
def test_a_duration_is_told_in_the_unit_that_suits_it(seconds, words):
    assert matrix.duration(seconds) == words


def test_two_runners_at_once_train_no_cell_twice_and_both_see_all_finished(places):
    cells = cells_of(*range(6))
    outcomes = []
    runners = [
        threading.Thread(target=lambda: outcomes.append(matrix.run(cells, places)))
        for _ in range(2)
    ]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join()
    assert outcomes == [[], []]
    assert sorted(trained(places)) == [f"paper-0-seed{seed}" for seed in range(6)]


def test_a_cell_that_another_process_trains_comes_last(places, capsys):
    busy = places.folder(cells_of(0)[0])
    held = threading.Event()
    freed = threading.Event()

    def hold():
        with files.lock(busy.with_name(f".{busy.name}")):
            held.set()
            freed.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    runner = threading.Thread(target=matrix.run, args=(cells_of(0, 1), places))
    runner.start()
    while not places.finished(cells_of(1)[0]):
        assert runner.is_alive()
    assert trained(places) == ["paper-0-seed1"]
    freed.set()
    runner.join()
    holder.join()
    assert trained(places) == ["paper-0-seed1", "paper-0-seed0"]
    assert f"seed 0: {matrix.BUSY}." in capsys.readouterr().err


def test_a_run_holds_the_lock_of_its_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "_run", lambda plan, folder, *_: runs.is_training(folder))
    assert runs.run(None, tmp_path / "run") is True
    assert not runs.is_training(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_killed_in_its_first_moment_can_be_begun_again(tmp_path):
    (tmp_path / "run" / "checkpoint").mkdir(parents=True)
    (tmp_path / "run" / "checkpoint" / ".settings-ab12.partial.json").write_text("{")
    runs._claim(tmp_path / "run", {"seed": 0}, resume=True, fresh=False)
    assert files.read_json(tmp_path / "run" / "checkpoint" / "settings.json") == {"seed": 0}


def test_what_a_kill_left_half_written_is_swept_away(tmp_path):
    for name in (".model-ab.partial.keras", "model.keras", "checkpoint/.last-x.partial.npz"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    files.sweep(tmp_path)
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["model.keras"]


def test_ctrl_c_ends_the_trainings_and_loses_nothing(places, tmp_path):
    program = (
        "import sys; from pathlib import Path; from ser_keras import matrix; from ser_keras.matrix "
        "import Cell, Places\n"
        f"places = Places(data=Path(), out=Path({str(places.out)!r}), "
        f"trainer=Path({str(places.trainer)!r}))\n"
        "cells = [Cell(recipe='attention-tess', corpus='tess', seed=s) for s in (9, 0, 1)]\n"
        "matrix.run(cells, places)"
    )
    runner = subprocess.Popen(
        [sys.executable, "-c", program],
        stderr=subprocess.PIPE,
        text=True,
        cwd=files.ROOT,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while "paper-0-seed9" not in trained(places):
        assert runner.poll() is None
    os.kill(runner.pid, signal.SIGINT)
    _, err = runner.communicate()
    assert "KeyboardInterrupt" in err
    assert trained(places) == ["paper-0-seed9"]
    assert not runs.is_training(places.folder(cells_of(9)[0]))
    assert matrix.run(cells_of(0, 1), places) == []


def test_the_training_of_a_killed_runner_ends_by_itself(places):
    program = (
        "from pathlib import Path; from ser_keras import matrix; from ser_keras.matrix import *\n"
        f"places = Places(out=Path({str(places.out)!r}), trainer=Path({str(places.trainer)!r}))\n"
        "matrix.train(Cell(recipe='attention-tess', corpus='tess', seed=9), places)"
    )
    runner = subprocess.Popen([sys.executable, "-c", program], cwd=files.ROOT)
    while "paper-0-seed9" not in trained(places):
        assert runner.poll() is None
    runner.kill()
    runner.wait()
    with files.lock(places.folder(cells_of(9)[0]).with_name(".paper-0-seed9")):
        assert trained(places) == ["paper-0-seed9"]


def test_a_cluster_that_is_not_there_and_a_package_that_is_not_there_are_told(places, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SerKerasError, match=r"--dask: needs a package.*pip install"):
        matrix.run(cells_of(0), places, dask="tcp://127.0.0.1:1")


@pytest.fixture
def cluster(tmp_path):
    """The address of a scheduler with two workers, begun elsewhere and knowing of no ser_keras."""
    pytest.importorskip("distributed", reason="pip install distributed")
    told = tmp_path / "scheduler.json"
    elsewhere = {"cwd": tmp_path, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    options = ["--scheduler-file", told, "--no-dashboard"]
    commands = (
        ["scheduler", "--port", "0", *options],
        ["worker", "--nworkers", "2", "--nthreads", "1", *options],
    )
    with contextlib.ExitStack() as stack:
        for command in commands:
            words = [sys.executable, "-m", "dask", *map(str, command)]
            process = stack.enter_context(subprocess.Popen(words, **elsewhere))
            stack.callback(process.terminate)
            while not address_in(told):
                assert process.poll() is None
                time.sleep(0.05)
        yield address_in(told)


def address_in(told):
    """Return the address that a scheduler has written, or None until all of it is there."""
    try:
        return files.read_json(told)["address"]
    except SerKerasError:
        return None


def test_a_cluster_that_loses_a_worker_loses_no_cell_and_trains_none_twice(places, cluster):
    cells, failed = cells_of(9, *range(4)), []
    runner = threading.Thread(
        target=lambda: failed.append(matrix.run(cells, places, dask=cluster)), daemon=True
    )
    runner.start()
    while "paper-0-seed9" not in trained(places):
        assert runner.is_alive()
    worker = trained(places, "by")[trained(places).index("paper-0-seed9")]
    places.trainer.write_text(TRAINER.replace("while seed == 9", "while False"))
    os.kill(int(worker), signal.SIGKILL)
    runner.join()
    assert failed == [[]]
    names = trained(places)
    assert sorted(names) == [*(f"paper-0-seed{seed}" for seed in range(4)), *["paper-0-seed9"] * 2]
    assert all(places.finished(cell) for cell in cells)
