import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from ser_keras import console, files, recipes, runs
from ser_keras.errors import SerKerasError
from ser_keras.ledger import storage, sweep
from ser_keras.ledger.sweep import Places, Sweep
from ser_keras.runs import RunKey
from tests.ledger.made import made

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
    sealed = files.read_json(Path(__file__).with_name("sealed.json"))
    sealed["run"]["seed"] = seed
    files.write_json(out / "metrics.json", sealed)
    for name in ("predictions.csv", "history.csv"):
        shutil.copyfile(Path(__file__).with_name(name), out / name)
"""


@pytest.fixture
def places(tiny_tess, cache, tmp_path):
    """Places with a trainer that takes no time, and the tiny corpus."""
    run = made(tmp_path / "made")
    (run.folder / "metrics.json").rename(tmp_path / "sealed.json")
    for name in ("predictions.csv", "history.csv"):
        (run.folder / name).rename(tmp_path / name)
    (tmp_path / "trainer.py").write_text(TRAINER)
    (tmp_path / "runs").mkdir()
    return Places(
        data=tiny_tess.parent, out=tmp_path / "runs", cache=cache, trainer=tmp_path / "trainer.py"
    )


def trained(places, column="name"):
    """Return of each training that was begun the run, or `by` which process."""
    log = places.out / "trained.txt"
    lines = log.read_text().splitlines() if log.exists() else []
    return [line.split()[column == "by"] for line in lines]


def keys_of(*seeds):
    return [RunKey(recipe="attention-tess", corpus="tess", seed=seed) for seed in seeds]


def spelt(keys):
    return [f"{key.recipe} {key.protocol} {key.fold} {key.seed}" for key in keys]


def test_every_first_run_comes_before_any_second_one(places):
    matrix = Sweep(
        recipes=("attention-tess", "mean-mfcc-lstm"),
        protocols=("paper", "speaker"),
        folds=None,
        seeds=(0, 1),
    )
    keys, skipped = sweep.plan(matrix, places)
    assert spelt(keys) == [
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
    usual = recipes.get("attention-tess").settings()["model.dropout"]
    variants = tuple((f"model.dropout={value}",) for value in (usual, 0.9))
    matrix = Sweep(recipes=("attention-tess",), corpora=("tess",), variants=variants)
    keys, _ = sweep.plan(matrix, places)
    folders = [places.folder(key).relative_to(places.out).as_posix() for key in keys]
    assert folders == [
        "attention-tess/tess/paper-0-seed0",
        "attention-tess+dropout=0.9/tess/paper-0-seed0",
    ]


def test_what_cannot_be_trained_here_is_reported_and_the_rest_is_not_lost(places):
    matrix = Sweep(
        recipes=("attention-tess",),
        corpora=("tess", "savee", "tess+savee"),
        protocols=("speaker", "corpus"),
        folds=(1, 2),
    )
    keys, skipped = sweep.plan(matrix, places)
    assert spelt(keys) == ["attention-tess speaker 1 0"]
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
    matrix = Sweep(
        recipes=("attention-tess", "mean-mfcc-lstm"),
        corpora=("tess",),
        variants=(("model.filters=4",),),
    )
    keys, skipped = sweep.plan(matrix, places)
    assert [key.recipe for key in keys] == ["attention-tess"]
    assert "mean-mfcc-lstm on tess, paper, model.filters=4: --set model.filters no such" in str(
        skipped[0]
    )


@pytest.mark.parametrize(
    "changes",
    [{"recipes": ("attention-tes",)}, {"corpora": ("tes",)}, {"protocols": ("papper",)}],
    ids=str,
)
def test_a_misspelt_name_is_refused_before_anything_begins(places, changes):
    matrix = dataclasses.replace(Sweep(recipes=("attention-tess",)), **changes)
    with pytest.raises(SerKerasError, match="Did you mean"):
        sweep.plan(matrix, places)


def test_finished_runs_need_no_corpus_and_are_not_trained_again(places, tmp_path):
    sweep.run(keys_of(0), places)
    elsewhere = dataclasses.replace(places, data=tmp_path)
    keys, skipped = sweep.plan(Sweep(recipes=("attention-tess",), corpora=("tess",)), elsewhere)
    assert keys == keys_of(0)
    assert skipped == []
    assert sweep.run(keys, elsewhere) == []
    assert trained(places) == ["paper-0-seed0"]


def test_a_sweep_for_the_ledger_packs_what_it_trains_and_counts_what_is_packed(places, tmp_path):
    keeping = dataclasses.replace(places, ledger=tmp_path / "ledger")
    assert sweep.run(keys_of(0), places) == []
    assert keeping.finished(keys_of(0)[0]) is None
    assert sweep.run(keys_of(0, 1), keeping) == []
    assert [run.key for run in storage.read(tmp_path / "ledger")] == keys_of(0, 1)
    assert trained(places) == ["paper-0-seed0", "paper-0-seed1"]
    (places.folder(keys_of(0)[0]) / "metrics.json").unlink()
    assert keeping.finished(keys_of(0)[0]) is not None


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_run_that_fails_or_dies_takes_no_other_along(places, jobs):
    failed = sweep.run(keys_of(7, 0, 8, 1), places, jobs=jobs)
    assert sorted(map(str, failed)) == [
        "attention-tess on tess, paper, fold 0, seed 7: a.wav: holds no samples. Record it again.",
        "attention-tess on tess, paper, fold 0, seed 8: was ended by signal 9.",
    ]
    assert sorted(trained(places)) == [f"paper-0-seed{seed}" for seed in (0, 1, 7, 8)]
    assert all(places.finished(key) for key in keys_of(0, 1))


def test_each_run_is_reported_with_its_scores_and_the_time_that_is_left(places, capsys):
    sweep.run(keys_of(0, 1), places)
    begun, ended = [], []
    for line in capsys.readouterr().err.splitlines():  # a key may begin before another is told
        (begun if line.endswith(": begins.") else ended).append(line)
    keys = [f"attention-tess on tess, paper, fold 0, seed {seed}: " for seed in (0, 1)]
    assert begun == [f"{key}begins." for key in keys]
    run = places.finished(keys_of(0)[0])
    figures = [f"{run.estimate(metric).value:.4f}" for metric in ("accuracy", "uar")]
    assert ended[0].startswith(f"{keys[0]}accuracy {figures[0]}, UAR {figures[1]} in ")
    rest = console.duration(run.seconds)
    assert ended[0].endswith(f". 1 of 2; about {rest} left.")
    assert ended[1].startswith(keys[1])
    assert ended[1].endswith(". 2 of 2.")


def test_the_time_that_is_left_is_that_of_the_runs_most_alike():
    slow, quick = (RunKey(recipe="attention-tess", corpus=name) for name in ("tess", "savee"))
    other = RunKey(recipe="mean-mfcc-lstm", corpus="tess")
    seconds = {slow: 100.0, quick: 10.0}
    left = [dataclasses.replace(slow, seed=1), dataclasses.replace(slow, corpus="emodb"), other]
    assert sweep.remaining(left[:1], seconds, 1) == 100
    assert sweep.remaining(left[1:2], seconds, 1) == 55
    assert sweep.remaining(left[2:], seconds, 1) == 55
    assert sweep.remaining(left, seconds, 2) == 105
    assert sweep.remaining(left[:1], seconds, 2) == 100
    assert sweep.remaining(left, {}, 2) is None


def test_two_runners_at_once_train_no_run_twice_and_both_see_all_finished(places):
    keys = keys_of(*range(6))
    outcomes = []
    runners = [
        threading.Thread(target=lambda: outcomes.append(sweep.run(keys, places))) for _ in range(2)
    ]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join()
    assert outcomes == [[], []]
    assert sorted(trained(places)) == [f"paper-0-seed{seed}" for seed in range(6)]


def test_a_run_that_another_process_trains_comes_last(places, capsys):
    busy = places.folder(keys_of(0)[0])
    held = threading.Event()
    freed = threading.Event()

    def hold():
        with files.lock(busy.with_name(f".{busy.name}")):
            held.set()
            freed.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    runner = threading.Thread(target=sweep.run, args=(keys_of(0, 1), places))
    runner.start()
    while not places.finished(keys_of(1)[0]):
        assert runner.is_alive()
    assert trained(places) == ["paper-0-seed1"]
    freed.set()
    runner.join()
    holder.join()
    assert trained(places) == ["paper-0-seed1", "paper-0-seed0"]
    assert f"seed 0: {sweep.BUSY}." in capsys.readouterr().err


def test_what_a_kill_left_half_written_is_swept_away(tmp_path):
    for name in (".model-ab.partial.keras", "model.keras", "checkpoint/.last-x.partial.npz"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    files.sweep(tmp_path)
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["model.keras"]


def test_ctrl_c_ends_the_trainings_and_loses_nothing(places, tmp_path):
    program = (
        "from pathlib import Path; from ser_keras.ledger import sweep\n"
        "from ser_keras.ledger.sweep import Places, RunKey\n"
        f"places = Places(data=Path(), out=Path({str(places.out)!r}), "
        f"trainer=Path({str(places.trainer)!r}))\n"
        "keys = [RunKey(recipe='attention-tess', corpus='tess', seed=s) for s in (9, 0, 1)]\n"
        "sweep.run(keys, places)"
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
    assert not runs.is_training(places.folder(keys_of(9)[0]))
    assert sweep.run(keys_of(0, 1), places) == []


def test_the_training_of_a_killed_runner_ends_by_itself(places):
    program = (
        "from pathlib import Path; from ser_keras.ledger import sweep\n"
        "from ser_keras.ledger.sweep import Places, RunKey\n"
        f"places = Places(out=Path({str(places.out)!r}), trainer=Path({str(places.trainer)!r}))\n"
        "sweep.train(RunKey(recipe='attention-tess', corpus='tess', seed=9), places)"
    )
    runner = subprocess.Popen([sys.executable, "-c", program], cwd=files.ROOT)
    while "paper-0-seed9" not in trained(places):
        assert runner.poll() is None
    runner.kill()
    runner.wait()
    with files.lock(places.folder(keys_of(9)[0]).with_name(".paper-0-seed9")):
        assert trained(places) == ["paper-0-seed9"]


def test_a_cluster_that_is_not_there_and_a_package_that_is_not_there_are_told(places, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SerKerasError, match=r"--dask: needs a package.*pip install"):
        sweep.run(keys_of(0), places, dask="tcp://127.0.0.1:1")


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


def test_a_cluster_that_loses_a_worker_loses_no_run_and_trains_none_twice(places, cluster):
    keys, failed = keys_of(9, *range(4)), []
    runner = threading.Thread(
        target=lambda: failed.append(sweep.run(keys, places, dask=cluster)), daemon=True
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
    assert all(places.finished(key) for key in keys)
