"""The matrix of kept runs: which cells it has, in which order, and how they all come to be.

Each cell is trained by `Emotion_Recognition.py` in a process of its own, so that a crash takes no
other cell along. The seal tells what is finished, the lock of a run folder who trains it, and
nothing else is remembered: a kill at any moment loses nothing but an epoch, and several of these
commands may work on one matrix at once.
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

from ser_keras import console, corpora, files, recipes, runs, splits
from ser_keras.errors import SerKerasError, Skipped

LEDGER = files.RESULTS / "ledger"
BUSY = "is trained by another process"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A run to be; `changes` of the recipe are written KEY=VALUE."""

    recipe: str
    corpus: str
    protocol: str = "paper"
    fold: int = 0
    seed: int = 0
    changes: tuple[str, ...] = ()

    def __str__(self) -> str:
        words = [self.protocol, f"fold {self.fold}", f"seed {self.seed}", *self.changes]
        return f"{self.recipe} on {self.corpus}, {', '.join(words)}"

    @property
    def arguments(self) -> list[str]:
        """What `Emotion_Recognition.py` is told."""
        words = ["--recipe", self.recipe, "--corpus", self.corpus, "--protocol", self.protocol]
        words += ["--fold", str(self.fold), "--seed", str(self.seed)]
        return [*words, *(f"--set={change}" for change in self.changes)]

    def load(self) -> recipes.Recipe:
        """Return the recipe with its changes.

        Raises:
            SerKerasError: It has no such setting.
        """
        changes = dict(change.split("=", 1) for change in self.changes)
        return recipes.get(self.recipe).override(changes)


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where corpora are looked for, runs are kept and features are cached, and what trains."""

    data: Path = files.DATA
    out: Path = LEDGER
    cache: Path = files.CACHE
    trainer: Path = files.ROOT / "Emotion_Recognition.py"

    def folder(self, cell: Cell) -> Path:
        """Return the run folder of a cell."""
        place = runs.place(cell.load(), cell.corpus, cell.protocol, cell.fold, cell.seed)
        return self.out / place

    def finished(self, cell: Cell) -> runs.Run | None:
        """Return the run of a cell, or None until it is sealed."""
        return runs.read(self.folder(cell))


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """What is to be measured: all combinations.

    Args:
        recipes: Names.
        corpora: Names, of pooled ones joined by "+"; none for each recipe's own.
        protocols: Names.
        folds: Numbers; None for all that a protocol has on a corpus.
        seeds: Numbers.
        variants: Of each recipe: its changes, written KEY=VALUE.
    """

    recipes: tuple[str, ...]
    corpora: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ("paper",)
    folds: tuple[int, ...] | None = (0,)
    seeds: tuple[int, ...] = (0,)
    variants: tuple[tuple[str, ...], ...] = ((),)


def cells(matrix: Matrix, places: Places) -> tuple[list[Cell], list[Skipped]]:
    """Return the cells in the order of training, and what cannot be trained here, and why.

    Every recipe, corpus and protocol gets its first figure before any gets a further one. A corpus
    is looked for only where a cell of it is still to be trained.

    Raises:
        SerKerasError: There is no recipe, corpus or protocol of a name.
    """
    for protocol in matrix.protocols:
        splits.summary(protocol)
    library = _Library(places)
    groups, skipped = [], []
    for name, changes in itertools.product(matrix.recipes, matrix.variants):
        own = "+".join(recipes.get(name).corpora)
        for corpus, protocol in itertools.product(matrix.corpora or (own,), matrix.protocols):
            pooled = "+".join(sorted({corpora.get(part).name for part in corpus.split("+")}))
            first = Cell(recipe=name, corpus=pooled, protocol=protocol, changes=changes)
            try:
                group, beyond = _group(first, matrix, places, library)
            except SerKerasError as error:
                title = ", ".join([f"{name} on {pooled}", protocol, *changes])
                skipped.append(Skipped(title, f"{error.subject} {error.problem}"))
            else:
                groups.append(group)
                skipped += beyond
    turns = itertools.zip_longest(*groups)
    return [cell for turn in turns for cell in turn if cell is not None], skipped


def run(
    wanted: Sequence[Cell], places: Places, *, jobs: int = 1, dask: str | None = None
) -> list[Skipped]:
    """Train the cells that are not finished; return those that failed, and why.

    Args:
        wanted: In the order of training.
        places: Of corpora, runs and cache; on a cluster the same on all machines.
        jobs: How many cells are trained at once on this machine.
        dask: Address of a Dask scheduler whose workers train instead, one cell a thread.

    Raises:
        SerKerasError: The cluster cannot be reached.
        KeyboardInterrupt: Ctrl-C, after the trainings of this machine have been ended.
    """
    account = _Account(wanted, places)
    left, failed = account.left(), []
    with _pool(places, jobs, dask) as (submit, slots, stop):
        for patient in (False, True):  # what another process trains is waited for in the end
            begun = {submit(cell, patient): cell for cell in left}
            left = []
            try:
                for done in futures.as_completed(begun):
                    cell, reason = begun[done], _reason(done)
                    if reason == BUSY:
                        left.append(cell)
                    elif reason is not None:
                        failed.append(Skipped(str(cell), reason))
                    console.say(account.closed(cell, reason, slots))
            except KeyboardInterrupt:
                for future in begun:
                    future.cancel()
                if stop is not None:
                    stop.set()
                raise
    return failed


def train(
    cell: Cell, places: Places, patient: bool = True, stop: threading.Event | None = None
) -> str | None:
    """Train a cell in a process of its own; return why it is not finished now, or None.

    An unfinished run is gone on with. If our own process dies, the cell's ends with its next
    message, which nobody reads.

    Args:
        cell: What to train.
        places: Of corpora, runs and cache.
        patient: Whether to wait for a process that trains it already, instead of returning `BUSY`.
        stop: Ends the training when it is set.
    """
    folder = places.folder(cell)
    if not patient and runs.is_training(folder):
        return BUSY
    if places.finished(cell) or (stop is not None and stop.is_set()):
        return None
    console.say(f"{cell}: begins.")
    words = [sys.executable, places.trainer, *cell.arguments, "--resume", "--keep-latest"]
    words += ["--data", places.data, "--out", folder, "--cache", places.cache]
    with subprocess.Popen(
        list(map(str, words)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    ) as process:
        messages = None
        while messages is None:
            try:
                _, messages = process.communicate(timeout=0.5)
            except subprocess.TimeoutExpired:
                if stop is not None and stop.is_set():
                    process.terminate()
    return None if places.finished(cell) else _last_words(messages, process.returncode)


def fit_baselines(places: Places) -> list[Skipped]:
    """Fit the baselines of all finished runs in `places.out` anew; return those that could not be.

    For runs that are older than a baseline, or were trained where opensmile was not installed. The
    networks are not touched: a baseline needs the list of clips and the recordings alone.
    """
    library, skipped = _Library(places), []
    seals = sorted(places.out.glob(f"*/*/*/{runs.SEAL}"))
    with contextlib.closing(console.progress(len(seals), "baselines")) as bar:
        for folder in (seal.parent for seal in seals):
            run = runs.read(folder)
            try:
                runs.fit_baselines(run, library.index(run.metrics["split"]["corpus"]), places.cache)
            except SerKerasError as error:
                skipped.append(Skipped(str(folder), f"{error.subject} {error.problem}"))
            bar.update()
    return skipped


def remaining(left: Sequence[Cell], seconds: Mapping[Cell, float], slots: int) -> float | None:
    """Return how many seconds the cells that are left will take; None where nothing is known.

    Each is taken to need as long as the finished cells most like it: of the same recipe and corpus,
    else of the same recipe, else all.

    Args:
        left: Cells that are not finished.
        seconds: What the finished ones took.
        slots: How many are trained at once.
    """
    if not seconds:
        return None

    def expected(cell: Cell) -> float:
        alike = (
            [s for c, s in seconds.items() if (c.recipe, c.corpus) == (cell.recipe, cell.corpus)],
            [s for c, s in seconds.items() if c.recipe == cell.recipe],
            seconds.values(),
        )
        return statistics.fmean(next(filter(None, alike)))

    return sum(map(expected, left)) / max(1, min(slots, len(left)))


class _Library:
    """The corpora that lie in a folder, each read once and only if it is asked for."""

    def __init__(self, places: Places):
        self._places = places
        self._found: dict[str, corpora.Index | None] = {}

    def folds(self, cell: Cell) -> int:
        """Return how many folds the protocol of a cell has on its corpus.

        Raises:
            SerKerasError: The corpus is not there, or cannot serve the protocol.
        """
        return splits.folds(self.index(cell.corpus).only(cell.load().emotions), cell.protocol)

    def index(self, names: str) -> corpora.Index:
        """Return the index of a corpus, or of several that are pooled and joined by "+".

        Raises:
            SerKerasError: One of them is not there.
        """
        return corpora.pool([self._index(corpora.get(name)) for name in names.split("+")])

    def _index(self, corpus: corpora.Corpus) -> corpora.Index:
        data, cache = self._places.data, self._places.cache
        if corpus.name not in self._found:
            root = corpus.find(data)
            self._found[corpus.name] = None if root is None else corpus.index(root, cache=cache)
        index = self._found[corpus.name]
        if index is None:
            raise SerKerasError(data, f"holds no {corpus.title}", corpus.home)
        return index


def _group(
    first: Cell, matrix: Matrix, places: Places, library: _Library
) -> tuple[list[Cell], list[Skipped]]:
    """Return the cells of one recipe, corpus and protocol, seed by seed, and those of no such fold.

    Raises:
        SerKerasError: A cell is not finished, and the corpus is not there or cannot serve it.
    """
    folds = range(library.folds(first)) if matrix.folds is None else matrix.folds
    group = [replace(first, fold=fold, seed=seed) for seed in matrix.seeds for fold in folds]
    unfinished = [cell for cell in group if not places.finished(cell)]
    there = library.folds(first) if unfinished else max(folds) + 1
    last = f"the last fold of the protocol is {there - 1}"
    beyond = [Skipped(str(cell), last) for cell in unfinished if cell.fold >= there]
    return [cell for cell in group if cell.fold < there or cell not in unfinished], beyond


@contextlib.contextmanager
def _pool(
    places: Places, jobs: int, dask: str | None
) -> Iterator[tuple[Callable[[Cell, bool], futures.Future], int, threading.Event | None]]:
    """Yield who trains, how many cells at once, and what ends the trainings of this machine.

    Not joblib: its Dask backend waits for ever for a cell that the cluster has given up, as was
    tried with a task that kills its worker.
    """
    if dask is None:
        stop = threading.Event()
        with futures.ThreadPoolExecutor(jobs) as pool:

            def submit(cell, patient):
                return pool.submit(train, cell, places, patient, stop)

            yield submit, jobs, stop
        return
    try:
        from distributed import Client
    except ImportError as error:
        remedy = 'Install it: pip install "distributed>=2025.1"'
        raise SerKerasError("--dask", "needs a package that is not there", remedy) from error
    try:
        client = Client(dask, set_as_default=False)
    except (OSError, ValueError) as error:
        remedy = "Start a scheduler with: dask scheduler"
        raise SerKerasError(dask, "cannot be reached", remedy) from error
    with client:
        slots = sum(client.ncores().values())
        executor = client.get_executor(pure=False)
        there = partial(_trained_there(), str(files.ROOT), asdict(places))

        def submit_there(cell, patient):
            return executor.submit(there, asdict(cell), patient)

        yield submit_there, max(1, slots), None


def _trained_there() -> Callable:
    """Return `train` for workers whose Python does not know where this package lies.

    A function within a function travels as its code, and its arguments as plain values.
    """

    def train_there(root, places, cell, patient):
        import sys

        if root not in sys.path:
            sys.path.insert(0, root)
        from ser_keras import matrix

        return matrix.train(matrix.Cell(**cell), matrix.Places(**places), patient)

    return train_there


def _reason(done: futures.Future) -> str | None:
    """Return why a cell is not finished, or None."""
    error = done.exception()  # as of a worker without this package
    return done.result() if error is None else f"{type(error).__name__}: {error}"


def _last_words(messages: str, status: int) -> str:
    """Return why a training ended before its seal."""
    if status < 0:
        return f"was ended by signal {-status}"
    lines = [line.strip() for line in messages.splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (errors or lines or [f"ended with status {status}"])[-1].rstrip(".")


class _Account:
    """Which of the cells wanted are finished, and what they took."""

    def __init__(self, wanted: Iterable[Cell], places: Places):
        self._places = places
        self._open = dict.fromkeys(wanted)  # in order
        self._total = len(self._open)
        self._seconds: dict[Cell, float] = {}
        for cell in list(self._open):
            self._enter(cell)

    def left(self) -> list[Cell]:
        """Return the cells that are not finished, in order."""
        return list(self._open)

    def closed(self, cell: Cell, reason: str | None, slots: int) -> str:
        """Return in a sentence how a cell ended, and how long the rest will take."""
        run = self._enter(cell)
        if run is None:
            return f"{cell}: {reason or 'is not finished'}."
        scores = run.scores()
        rest = remaining(self.left(), self._seconds, slots)
        told = f"; about {duration(rest)} left" if self._open else ""
        return (
            f"{cell}: accuracy {scores.accuracy.value:.4f}, UAR {scores.uar.value:.4f} in "
            f"{duration(run.metrics['seconds'])}. {len(self._seconds)} of {self._total}{told}."
        )

    def _enter(self, cell: Cell) -> runs.Run | None:
        run = self._places.finished(cell)
        if run is not None:
            self._open.pop(cell, None)
            self._seconds[cell] = run.metrics["seconds"]
        return run


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it.

    Example:
        >>> duration(59.6), duration(90), duration(9000)
        ('60 s', '2 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
