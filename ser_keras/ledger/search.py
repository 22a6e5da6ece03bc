"""A search for settings: many are tried on validation clips, one is scored on test clips.

Optuna proposes the settings: the recipe's own first, then those of its sampler TPE. A trial trains
on the training clips and is judged by the macro F1 of the validation clips at the epoch that the
recipe keeps. It ends early where its best epoch so far is below the median of the trials before.
The test clips are not opened by a trial. At the end the best setting is trained once more, as an
ordinary run, which scores them once.

trials.json is the whole memory of a search, in plain text. Optuna gets it again before each trial,
and its random numbers depend on the seed and the trial's number alone. So a search that was
interrupted, even by kill -9, tries the same settings as one that was not.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ser_keras import console, corpora, files, runs, seeding
from ser_keras.errors import SerKerasError
from ser_keras.ledger import ranges as spaces
from ser_keras.ledger import storage
from ser_keras.ledger.ranges import Range
from ser_keras.ledger.rows import settings_scored
from ser_keras.recipes import Recipe
from ser_keras.runs import Run, RunKey, Searched

if TYPE_CHECKING:
    from ser_keras.splits import Split

OBJECTIVE = "val_macro_f1"  # the losses of two settings cannot be compared: penalties differ
RECORD, TABLE = "trials.json", "trials.csv"
BEGUN, FINISHED, PRUNED, FAILED = "begun", "finished", "pruned", "failed"
_JUDGES = 4  # number of finished trials from which on a trial may be pruned
_WARM_UP = 0.1  # share of the epochs in which no trial is pruned
_OTHER = {
    "run": "another run",
    "recipe": "other settings of the recipe",
    "split": "other clips",
    "ranges": "other ranges",
}


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A setting that was tried.

    Args:
        settings: Values by the dotted key of the setting, as `--set` takes them.
        state: `begun`, `finished`, `pruned` or `failed`.
        curve: Macro F1 of the validation clips after each epoch.
        best_epoch: Epoch that the recipe keeps, from 1; 0 where none was trained.
        score: Macro F1 of the validation clips at that epoch.
        seconds: Time that the trial took.
        reason: Why it failed.
    """

    settings: dict[str, str]
    state: str = BEGUN
    curve: tuple[float, ...] = ()
    best_epoch: int = 0
    score: float = 0.0
    seconds: float = 0.0
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Search:
    """A search on one split: what is tried, and where it is written.

    Args:
        recipe: Recipe that is changed.
        index: Index of the corpus.
        key: Run of the recipe as it stands.
        ranges: Ranges of the settings.
        out: Folder of all runs.
        cache: Folder of the features.
    """

    recipe: Recipe
    index: corpora.Index
    key: RunKey
    ranges: tuple[Range, ...]
    out: Path
    cache: Path

    @property
    def folder(self) -> Path:
        """Folder of the search, in that of its row."""
        return self.out / self.key.row.folder / f"search-{self.key.fold}-seed{self.key.seed}"


def require() -> None:
    """Raise an error where Optuna is not installed."""
    try:
        import optuna  # noqa: F401
    except ImportError as error:
        remedy = "Run: pip install 'ser_keras[search]', or in a checkout pip install '.[search]'"
        raise SerKerasError("--search", "needs Optuna, which is not installed", remedy) from error


def run(search: Search, n: int) -> tuple[Run, list[Trial]]:
    """Try `n` settings, train the best one as a run, and return that run and all trials.

    The trials before an interruption count, and an interrupted one is resumed.

    Args:
        search: The search.
        n: Number of settings in all.

    Raises:
        SerKerasError: The folder holds a search over other ranges or clips, no setting could be
            trained, or as `runs.run` does.
    """
    require()
    key, folder = search.key, search.folder
    with files.lock(folder.with_name(f".{folder.name}")):
        split = runs.check(
            search.recipe,
            search.index,
            key.protocol,
            fold=key.fold,
            seed=key.seed,
            cache=search.cache,
        )
        trials = attempt(search, split, n)
        best = chosen(trials)
        recipe = search.recipe.override(best.settings)
        final = RunKey.of(recipe, key.corpus, key.protocol, key.fold, key.seed)
        console.say(
            f"Trial {trials.index(best) + 1} of {len(trials)} is the best: {OBJECTIVE} "
            f"{best.score:.4f}. Its settings are now trained as a run, which scores the test clips."
        )
        scored = runs.run(
            recipe,
            search.index,
            key.protocol,
            fold=key.fold,
            seed=key.seed,
            out=search.out / final.folder,
            options=runs.Options(resume=True, cache=search.cache),
        )
        number = settings_scored(storage.read(search.out), final)
        noted = dataclasses.replace(scored, searched=Searched(len(trials), number))
        if noted != scored:
            runs.rewrite(scored, noted)
    return noted, trials


def attempt(search: Search, split: Split, n: int) -> list[Trial]:
    """Try settings until there are `n`, each noted in the folder of the search; return them.

    Args:
        search: The search.
        split: Its split, of which the test clips are not opened.
        n: Number of settings in all.

    Raises:
        SerKerasError: The folder holds another search, or the disk is full.
    """
    trials = read(search, split)
    while len(trials) < n or any(trial.state == BEGUN for trial in trials):
        begun = trials.pop() if trials and trials[-1].state == BEGUN else None
        asked = _ask(search, trials, begun)
        settings = {each.key: each.text(asked.params[each.key]) for each in search.ranges}
        number, title = len(trials), f"Trial {len(trials) + 1} of {n}"
        repeats = [i for i, trial in enumerate(trials) if trial.settings == settings]
        console.say(f"{title}: {', '.join(f'{key}={v}' for key, v in settings.items())}")
        if repeats:
            trials.append(trials[repeats[0]])
            console.say(f"{title}: the same settings as trial {repeats[0] + 1}, not trained again.")
        else:
            _write(search, split, [*trials, Trial(settings=settings)])
            trials.append(_train(search, split, settings, asked, number))
            console.say(f"{title}: {_ending(trials)}.")
        _write(search, split, trials)
    return trials


def chosen(trials: Sequence[Trial]) -> Trial:
    """Return the finished trial with the highest score, the first of equals.

    Raises:
        SerKerasError: No trial was finished.
    """
    finished = [trial for trial in trials if trial.state == FINISHED]
    if not finished:
        reason = trials[-1].reason or "each was pruned"
        problem = f"has no setting that could be trained ({reason})"
        raise SerKerasError("the search", problem, "Name other ranges with --range")
    return max(finished, key=lambda trial: trial.score)


def read(search: Search, split: Split) -> list[Trial]:
    """Return the trials in the folder of a search; none where there is no such folder.

    Raises:
        SerKerasError: They are of other ranges, of another split or recipe, or cannot be read.
    """
    path = search.folder / RECORD
    if not path.exists():
        return []
    record: Any = files.read_json(path)
    about, keys = _about(search, split), [each.key for each in search.ranges]
    try:
        before = {name: record[name] for name in about}
        trials = [Trial(**{**t, "curve": tuple(map(float, t["curve"]))}) for t in record["trials"]]
        good = all(
            trial.state in (BEGUN, FINISHED, PRUNED, FAILED)
            and isinstance(trial.score, float)
            and isinstance(trial.best_epoch, int)
            and isinstance(trial.settings, dict)
            for trial in trials
        )
    except (KeyError, TypeError, ValueError) as error:
        problem = f"is no record of a search as this version writes it ({str(error)[:80]})"
        raise SerKerasError(path, problem, "Move its folder away to search anew") from error
    for name, value in about.items():
        if before[name] != value:
            problem = f"is the record of a search with {_OTHER[name]}"
            remedy = "Give the same command as then, or move its folder away to search anew"
            raise SerKerasError(path, problem, remedy)
    good = good and all(trial.state != BEGUN for trial in trials[:-1])
    if not good or any(
        [*trial.settings] != keys
        or any(each.value(str(trial.settings[each.key])) is None for each in search.ranges)
        for trial in trials
    ):
        problem = "has a trial that is none of this search"
        raise SerKerasError(path, problem, "Move its folder away to search anew")
    return trials


class _Watch:
    """A callback of Keras that tells a trial of Optuna its epochs, and ends it where that says so.

    Args:
        trial: Trial of Optuna.
    """

    def __init__(self, trial: Any):
        self._trial, self._network = trial, None
        self.curve: list[float] = []
        self.pruned = False

    def set_model(self, network: Any) -> None:
        """Take the network that is trained."""
        self._network = network

    def on_train_begin(self) -> None:
        """Begin with no epoch: those before an interruption are told again."""
        self.curve = []

    def on_epoch_end(self, epoch: int, row: Mapping[str, float]) -> None:
        """Tell the score after an epoch, and end the training of a trial that is pruned."""
        self.curve.append(row[OBJECTIVE])
        self._trial.report(row[OBJECTIVE], epoch)
        if self._trial.should_prune():
            self.pruned = self._network.stop_training = True  # type: ignore[attr-defined]


def _train(
    search: Search, split: Split, settings: dict[str, str], asked: Any, number: int
) -> Trial:
    """Train one setting and return what came of it; its checkpoint is removed."""
    begun, watch = time.perf_counter(), _Watch(asked)
    folder = search.folder / f"trial-{number + 1}"
    before = 0.0
    try:
        fitted = runs.rehearse(
            search.recipe.override(settings),
            search.index,
            split,
            folder,
            options=runs.Options(cache=search.cache),
            callbacks=[watch],
        )
    except (SerKerasError, ValueError) as error:  # Keras refuses sizes with a ValueError
        reason = str(error).strip().partition("\n")[0][:200]
        outcome = Trial(settings=settings, state=FAILED, curve=tuple(watch.curve), reason=reason)
    else:
        before = fitted.seconds_before
        outcome = Trial(
            settings=settings,
            state=PRUNED if watch.pruned else FINISHED,
            curve=tuple(watch.curve),
            best_epoch=fitted.best_epoch,
            score=float(fitted.history[fitted.best_epoch - 1][OBJECTIVE]),
        )
    files.remove(folder)
    seconds = round(time.perf_counter() - begun + before, 1)
    return dataclasses.replace(outcome, seconds=seconds)


def _ending(trials: Sequence[Trial]) -> str:
    """Return in words how the last trial ended."""
    last = trials[-1]
    if last.state == FAILED:
        return f"failed: {last.reason.rstrip('.')}"
    words = f"{OBJECTIVE} {last.score:.4f} at epoch {last.best_epoch} of {len(last.curve)}"
    if last.state == PRUNED:
        return f"{words}; ended early, below the median of the trials before"
    best = chosen(trials)
    return f"{words}; {'the best so far' if best is last else f'the best has {best.score:.4f}'}"


def _ask(search: Search, trials: Sequence[Trial], begun: Trial | None) -> Any:
    """Return the next trial of Optuna, which has heard of all before, with its settings.

    Args:
        search: The search.
        trials: Trials that have ended.
        begun: Trial that was interrupted, whose settings are taken again.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = optuna.distributions
    space: dict[str, optuna.distributions.BaseDistribution] = {}
    for each in search.ranges:
        if each.values:
            space[each.key] = distributions.CategoricalDistribution(each.values)
        elif each.whole:
            low, high = int(each.low), int(each.high)
            space[each.key] = distributions.IntDistribution(low, high, log=each.is_logarithmic)
        else:
            space[each.key] = distributions.FloatDistribution(
                each.low, each.high, log=each.is_logarithmic
            )
    seed = seeding.stream(search.key.seed, "search", len(trials)).integers(2**31)
    warm_up = int(search.recipe.training.epochs * _WARM_UP)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=int(seed)),
        pruner=optuna.pruners.MedianPruner(_JUDGES, warm_up),
    )
    states = {
        FINISHED: optuna.trial.TrialState.COMPLETE,
        PRUNED: optuna.trial.TrialState.PRUNED,
        FAILED: optuna.trial.TrialState.FAIL,
    }
    for trial in trials:
        study.add_trial(
            optuna.trial.create_trial(
                state=states[trial.state],
                value=None if trial.state == FAILED else trial.score,
                params={each.key: each.value(trial.settings[each.key]) for each in search.ranges},
                distributions=space,
                intermediate_values=dict(enumerate(trial.curve)),
            )
        )
    settings: Mapping[str, str] | None = None if begun is None else begun.settings
    if settings is None and not trials:
        settings = spaces.own_settings(search.recipe, search.ranges)
    if settings is not None:
        study.enqueue_trial({r.key: r.value(settings[r.key]) for r in search.ranges})
    return study.ask(space)


def _about(search: Search, split: Split) -> dict[str, object]:
    """Return what a search depends on, by the words for it in an error."""
    return {
        "run": search.key.to_json(),
        "recipe": search.recipe.identity(),
        "split": split.hash,
        "ranges": list(map(str, search.ranges)),
    }


def _write(search: Search, split: Split, trials: Sequence[Trial]) -> None:
    """Write the record of a search, and the same as a table for any spreadsheet."""
    import pandas as pd

    record = {**_about(search, split), "objective": OBJECTIVE, "trials": list(map(asdict, trials))}
    files.write_json(search.folder / RECORD, record)
    rows = [
        {
            "trial": number,
            "state": trial.state,
            OBJECTIVE: trial.score,
            "best_epoch": trial.best_epoch,
            "epochs": len(trial.curve),
            "seconds": trial.seconds,
            **trial.settings,
            "reason": trial.reason,
        }
        for number, trial in enumerate(trials, 1)
    ]
    files.write_csv(search.folder / TABLE, pd.DataFrame(rows))
