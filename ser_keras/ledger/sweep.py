"""A sweep: which runs a matrix of recipes, corpora and protocols has, and how they are all made.

Each run is trained by `Emotion_Recognition.py` in a process of its own, so that a crash takes no
other run along. The seal of a run folder says that it is finished, its lock that it is being
trained, and nothing else is remembered: a kill at any moment loses no more than an epoch, and
several sweeps may work in one folder at once.
"""

from __future__ import annotations

import contextlib
import itertools
import statistics
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent import futures
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from ser_keras import archives, console, corpora, files, recipes, runs, splits
from ser_keras.errors import SerKerasError, Skipped
from ser_keras.ledger import storage
from ser_keras.ledger.library import Library, data_for
from ser_keras.runs import Run, RunKey

BUSY = "is trained by another process"


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where a sweep finds corpora, trains, caches and keeps, and what trains.

    Args:
        data: Folder below which corpora are looked for.
        out: Folder of run folders.
        cache: Folder of features.
        ledger: Ledger into which each finished run is packed, and whose runs are not made again;
            None for none.
        trainer: Script that trains one run.
    """

    data: Path = files.DATA
    out: Path = runs.RUNS
    cache: Path = files.CACHE
    ledger: Path | None = None
    trainer: Path = files.ROOT / "Emotion_Recognition.py"

    def folder(self, key: RunKey) -> Path:
        """Return the run folder of a run."""
        return self.out / key.folder

    def finished(self, key: RunKey) -> Run | None:
        """Return a run if it is finished; if the sweep keeps runs, once it is in the ledger."""
        if self.ledger is None:
            return runs.read(self.folder(key))
        row = storage.read_row(self.ledger / key.row.folder)
        return next((run for run in row if run.key == key and not run.repeat), None)


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What is to be measured: all combinations of these.

    Args:
        recipes: Names of recipes.
        corpora: Names of corpora, pooled ones joined by "+"; empty for each recipe's own.
        protocols: Names of protocols.
        folds: Numbers of folds; None for all that a protocol has on a corpus.
        seeds: Seeds.
        variants: Changed settings to try on every recipe, each a tuple of KEY=VALUE.
    """

    recipes: tuple[str, ...]
    corpora: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ("paper",)
    folds: tuple[int, ...] | None = (0,)
    seeds: tuple[int, ...] = (0,)
    variants: tuple[tuple[str, ...], ...] = ((),)


def plan(sweep: Sweep, places: Places) -> tuple[list[RunKey], list[Skipped]]:
    """Return the runs in the order of training, and those that cannot be trained here, and why.

    Every recipe, corpus and protocol gets its first run before any gets a second one. A corpus is
    read only if one of its runs is still to be trained.

    Raises:
        SerKerasError: There is no recipe, corpus or protocol of a name.
    """
    for protocol in sweep.protocols:
        splits.protocols.get(protocol)
    library = Library(places.data, places.out, places.cache)
    groups, skipped = [], []
    for name, changes in itertools.product(sweep.recipes, sweep.variants):
        published = recipes.get(name)
        names = sweep.corpora or ("+".join(published.corpora),)
        for corpus, protocol in itertools.product(names, sweep.protocols):
            pooled = library.name(corpus)
            try:
                recipe = published.override(dict(change.split("=", 1) for change in changes))
                first = RunKey.of(recipe, pooled, protocol, fold=0, seed=0)
                group, beyond = _group(first, sweep, places, library)
            except SerKerasError as error:
                title = ", ".join([f"{name} on {pooled}", protocol, *changes])
                skipped.append(Skipped(title, f"{error.subject} {error.problem}"))
            else:
                groups.append(group)
                skipped += beyond
    turns = itertools.zip_longest(*groups)
    return [key for turn in turns for key in turn if key is not None], skipped


def run(
    keys: Sequence[RunKey], places: Places, *, jobs: int = 1, dask: str | None = None
) -> list[Skipped]:
    """Train the runs that are not finished; return those that failed, and why.

    Args:
        keys: Runs in the order of training.
        places: Where things lie; on a cluster the same for all machines.
        jobs: Number of runs that are trained at once on this machine.
        dask: Address of a Dask scheduler whose workers train instead, one run a thread.

    Raises:
        SerKerasError: The cluster cannot be reached.
        KeyboardInterrupt: Ctrl-C was pressed; the trainings of this machine have been ended.
    """
    account = _Account(keys, places)
    left, failed = account.left(), []
    with _workers(places, jobs, dask) as (submit, slots, stop):
        for patient in (False, True):  # runs that another process trains are waited for last
            begun = {submit(key, patient): key for key in left}
            left = []
            try:
                for done in futures.as_completed(begun):
                    key, error = begun[done], done.exception()
                    # an error here is one of the cluster, such as a worker without this package
                    reason = f"{type(error).__name__}: {error}" if error else done.result()
                    if reason == BUSY:
                        left.append(key)
                    elif reason is not None:
                        failed.append(Skipped(str(key), reason))
                    console.say(account.closed(key, reason, slots))
            except KeyboardInterrupt:
                for future in begun:
                    future.cancel()
                if stop is not None:
                    stop.set()
                raise
    return failed


def train(
    key: RunKey, places: Places, patient: bool = True, stop: threading.Event | None = None
) -> str | None:
    """Train a run in a process of its own; return why it is not finished now, or None.

    An unfinished run is resumed. If our own process dies, the training ends with its next message,
    which nobody reads.

    Args:
        key: Run to train.
        places: Where things lie.
        patient: Whether to wait for a process that trains it already, instead of returning `BUSY`.
        stop: Event that ends the training.
    """
    folder = places.folder(key)
    if not patient and runs.is_training(folder):
        return BUSY
    if places.finished(key) or (stop is not None and stop.is_set()):
        return None
    messages, status = "", 0
    if runs.read(folder) is None:
        console.say(f"{key}: begins.")
        words = [sys.executable, places.trainer, *key.arguments, "--resume", "--keep-latest"]
        words += [
            "--data",
            data_for(key.corpus, places.data, places.out),
            "--out",
            folder,
            "--cache",
            places.cache,
        ]
        messages, status = _call(list(map(str, words)), stop)
    if runs.read(folder) is None:
        if status < 0:
            return f"was ended by signal {-status}"
        lines = [line.strip() for line in messages.splitlines() if line.strip()]
        errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        return (errors or lines or [f"ended with status {status}"])[-1].rstrip(".")
    if places.ledger is not None:
        storage.keep(folder, places.ledger)
    return None


def fit_baselines(places: Places) -> list[Skipped]:
    """Fit the baselines of all finished runs in `places.out` anew; return those that failed.

    This is for runs that are older than a baseline, or were made where opensmile was not installed.
    The networks are not touched: a baseline needs the split and the recordings alone.
    """
    library, skipped = Library(places.data, places.out, places.cache), []
    finished = storage.read(places.out)
    with contextlib.closing(console.progress(len(finished), "baselines", "run")) as bar:
        for run in finished:
            try:
                index = library.index(run.key.corpus, corpora.recall_places(run.folder))
                predictions = storage.predictions(run)
                fitted = runs.fit_baselines(run, predictions, index, places.cache)
                storage.replace(run, fitted)
            except SerKerasError as error:
                skipped.append(Skipped(str(run.key), f"{error.subject} {error.problem}"))
            bar.update()
    return skipped


def remaining(left: Sequence[RunKey], seconds: Mapping[RunKey, float], slots: int) -> float | None:
    """Return how many seconds the runs that are left will take; None where nothing is known.

    A run is expected to take as long as the finished runs most like it: those of the same recipe
    and corpus, else of the same recipe, else all.

    Args:
        left: Runs that are not finished.
        seconds: Time that each finished run took.
        slots: Number of runs that are trained at once.
    """
    if not seconds:
        return None

    def expected(key: RunKey) -> float:
        alike = (
            [s for k, s in seconds.items() if (k.recipe, k.corpus) == (key.recipe, key.corpus)],
            [s for k, s in seconds.items() if k.recipe == key.recipe],
            seconds.values(),
        )
        return statistics.fmean(next(filter(None, alike)))

    return sum(map(expected, left)) / max(1, min(slots, len(left)))


def _group(
    first: RunKey, sweep: Sweep, places: Places, library: Library
) -> tuple[list[RunKey], list[Skipped]]:
    """Return the runs of one recipe, corpus and protocol, seed by seed, and those of no such fold.

    Raises:
        SerKerasError: A run is not finished, and the corpus is not there or cannot serve it.
    """

    def available() -> int:
        index = library.index(first.corpus)
        classes = runs.emotions_of(recipes.get(first.recipe), index)
        return splits.folds(index.only(classes), first.protocol)

    folds = range(available()) if sweep.folds is None else sweep.folds
    keys = [replace(first, fold=fold, seed=seed) for seed in sweep.seeds for fold in folds]
    unfinished = [key for key in keys if not places.finished(key)]
    if not unfinished:
        return keys, []
    n_folds = available()
    last = f"the last fold of the protocol is {n_folds - 1}"
    beyond = [key for key in unfinished if key.fold >= n_folds]
    return [k for k in keys if k not in beyond], [Skipped(str(key), last) for key in beyond]


def _call(words: list[str], stop: threading.Event | None) -> tuple[str, int]:
    """Run a command until it ends or `stop` is set; return its messages and its status."""
    with subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    ) as process:
        while True:
            try:
                _, messages = process.communicate(timeout=0.5)
                return messages, process.returncode
            except subprocess.TimeoutExpired:
                if stop is not None and stop.is_set():
                    process.terminate()


@contextlib.contextmanager
def _workers(
    places: Places, jobs: int, dask: str | None
) -> Iterator[tuple[Callable[[RunKey, bool], futures.Future], int, threading.Event | None]]:
    """Yield a function that submits a run, how many are made at once, and an event to stop them.

    joblib is not used: its Dask backend waits for ever for a task that the cluster has given up, as
    was tried with a task that kills its worker.
    """
    if dask is None:
        stop = threading.Event()
        with futures.ThreadPoolExecutor(jobs) as pool:

            def submit(key, patient):
                return pool.submit(train, key, places, patient, stop)

            yield submit, jobs, stop
        return
    with archives.cluster(dask) as client:
        slots = sum(client.ncores().values())
        executor = client.get_executor(pure=False)
        there = partial(_train_there(), str(files.SOURCE), asdict(places))

        def submit_there(key, patient):
            return executor.submit(there, asdict(key), patient)

        yield submit_there, max(1, slots), None


def _train_there() -> Callable:
    """Return `train` for workers whose Python does not know where this package lies.

    A function within a function travels as its code, and its arguments as plain values.
    """

    def train_there(root, places, key, patient):
        import sys

        if root not in sys.path:
            sys.path.insert(0, root)
        from ser_keras.ledger import sweep

        return sweep.train(sweep.RunKey(**key), sweep.Places(**places), patient)

    return train_there


class _Account:
    """Which of the runs are finished, and what they took."""

    def __init__(self, keys: Iterable[RunKey], places: Places):
        self._places = places
        self._open = dict.fromkeys(keys)  # in order
        self._total = len(self._open)
        self._seconds: dict[RunKey, float] = {}
        for key in list(self._open):
            self._enter(key)

    def left(self) -> list[RunKey]:
        """Return the runs that are not finished, in order."""
        return list(self._open)

    def closed(self, key: RunKey, reason: str | None, slots: int) -> str:
        """Return in a sentence how a run ended, and how long the rest will take."""
        run = self._enter(key)
        if run is None:
            return f"{key}: {reason or 'is not finished'}."
        rest = remaining(self.left(), self._seconds, slots)
        left = f"; about {console.duration(rest)} left" if self._open and rest is not None else ""
        return (
            f"{key}: accuracy {run.test.accuracy.value:.4f}, UAR {run.test.uar.value:.4f} in "
            f"{console.duration(run.seconds)}. {len(self._seconds)} of {self._total}{left}."
        )

    def _enter(self, key: RunKey) -> Run | None:
        run = self._places.finished(key)
        if run is not None:
            self._open.pop(key, None)
            self._seconds[key] = run.seconds
        return run
