"""kill -9 at any moment of a ledger run: the same command again ends with the same figures."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from ser_keras import files
from tests.conftest import SMALL

SETTINGS = [f"--set={key}={value}" for key, value in SMALL.items()]


@pytest.fixture
def ledger_run(tiny_tess, cache, tmp_path):
    """Return a function that begins a small ledger run, always into the same folder of runs."""

    def begin(seeds="0", out=tmp_path / "runs"):
        words = [sys.executable, "-m", "ser_keras.ledger", "run", "--recipe", "attention-tess"]
        words += ["--corpus", "tess", "--seed", seeds, "--jobs", "1", *SETTINGS]
        words += ["--data", str(tiny_tess), "--cache", str(cache), "--out", str(out)]
        return subprocess.Popen(
            words, stderr=subprocess.DEVNULL, cwd=files.ROOT, start_new_session=True
        )

    return begin


def kill(process, alone):
    """Kill the runner, alone or with the training that it has begun."""
    if alone:
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def records(out):
    """Return the values of all sealed runs by run and key, but for the time that they took."""
    return {
        (path.parent.name, key): value
        for path in out.rglob("metrics.json")
        for key, value in files.read_json(path).items()
        if key not in ("seconds", "environment")  # the commit, if the project is edited meanwhile
    }


def differences(first, second):
    """Return the runs and keys whose values differ between two sweeps."""
    return sorted(at for at in first.keys() | second.keys() if first.get(at) != second.get(at))


def leftovers(out):
    return [str(path) for path in out.rglob("*") if "partial" in path.name]


def test_a_killed_ledger_run_ends_as_an_undisturbed_one(ledger_run, tiny_run, tmp_path):
    process = ledger_run()
    while not list((tmp_path / "runs").rglob("checkpoint/last.npz")):  # one epoch is done
        assert process.poll() is None
        time.sleep(0.01)
    kill(process, alone=True)
    assert ledger_run().wait() == 0
    shutil.copytree(tiny_run.folder, tmp_path / "undisturbed" / "paper-0-seed0")
    assert differences(records(tmp_path / "runs"), records(tmp_path / "undisturbed")) == []
    assert leftovers(tmp_path / "runs") == []


@pytest.mark.slow
def test_a_ledger_run_killed_at_ten_random_moments_ends_as_an_undisturbed_one(ledger_run, tmp_path):
    begun = time.monotonic()
    assert ledger_run("0,1", tmp_path / "undisturbed").wait() == 0
    whole = time.monotonic() - begun
    expected, out = records(tmp_path / "undisturbed"), tmp_path / "runs"
    rng = random.Random(0)
    kills = 0
    while kills < 10:
        process = ledger_run("0,1")
        try:
            assert process.wait(timeout=rng.uniform(0, 0.6 * whole)) == 0
        except subprocess.TimeoutExpired:
            kill(process, alone=kills % 2 == 0)
            kills += 1
        else:  # it came to its end before it could be killed: once more from the beginning
            assert differences(records(out), expected) == []
            shutil.rmtree(out)
    assert ledger_run("0,1").wait() == 0
    assert differences(records(out), expected) == []
    assert leftovers(out) == []
