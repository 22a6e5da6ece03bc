"""Rows: all finished runs of one recipe on one corpus under one protocol, and their means."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ser_keras import console, metrics, splits
from ser_keras.evaluation import with_evidence
from ser_keras.ledger import storage
from ser_keras.runs import RowKey, Run, RunKey


@dataclass(frozen=True)
class Row:
    """All finished runs of one recipe on one corpus under one protocol."""

    runs: tuple[Run, ...]

    @property
    def key(self) -> RowKey:
        """Recipe, corpus and protocol of the runs."""
        return self.runs[0].key.row

    @property
    def corpus(self) -> str:
        """Name of the corpus, with a mark if it is synthetic."""
        return console.corpus_name(self.key.corpus, self.runs[0].synthetic)

    @property
    def folds(self) -> list[int]:
        """Folds that there are runs of."""
        return sorted({run.key.fold for run in self.runs})

    @property
    def seeds(self) -> list[int]:
        """Seeds that there are runs of."""
        return sorted({run.key.seed for run in self.runs})

    @property
    def coverage(self) -> str:
        """How many folds there are runs of, and how many the protocol has."""
        return f"{len(self.folds)} of {self.runs[0].folds}"

    @property
    def is_whole(self) -> bool:
        """Whether there are runs of all folds that the protocol has."""
        return len(self.folds) == self.runs[0].folds

    @property
    def constant(self) -> int:
        """Number of runs that give every test clip the same emotion."""
        return sum(run.test.constant_prediction is not None for run in self.runs)

    def mean(self, value: Callable[[Run], float]) -> float:
        """Return the mean over folds of the means over seeds."""
        return statistics.fmean(self._by_fold(value))

    def uar(self) -> float:
        """Return the mean UAR of the test clips."""
        return self.mean(lambda run: run.test.uar.value)

    def estimate(self, metric: str, corpus: str | None = None) -> str:
        """Return a metric of the test clips with its spread, of a single run with its interval.

        Args:
            metric: "accuracy", "uar" or "macro_f1".
            corpus: One of several pooled corpora; None for the test clips of all.
        """
        estimates = [run.estimate(metric, corpus) for run in self.runs]
        by_fold = self._by_fold(lambda run: run.estimate(metric, corpus).value)
        mean = statistics.fmean(by_fold)
        if len(estimates) == 1:
            return f"{mean:.4f} [{estimates[0].low:.3f}, {estimates[0].high:.3f}]"
        spread = by_fold if len(by_fold) > 1 else [estimate.value for estimate in estimates]
        return f"{mean:.4f} ± {statistics.stdev(spread):.4f}"

    def best_baseline(self, metric: str = "uar") -> tuple[str, float] | None:
        """Return name and mean of the best baseline that all runs have; None if there is none."""
        shared = set.intersection(*(set(run.baselines) for run in self.runs))

        def value(name: str) -> Callable[[Run], float]:
            return lambda run: getattr(run.baselines[name].scores, metric).value

        means = {name: self.mean(value(name)) for name in shared}
        return max(means.items(), key=lambda item: (item[1], item[0]), default=None)

    def against(self, baseline: str, seed: int) -> metrics.Paired | None:
        """Return the paired test with a baseline over all folds of a seed; None if one lacks it."""
        n = first_only = second_only = 0
        for test in (run.baselines[baseline].paired for run in self.runs if run.key.seed == seed):
            if test is None:
                return None
            n, first_only = n + test.n, first_only + test.first_only
            second_only += test.second_only
        return metrics.Paired.of(n, first_only, second_only)

    def chance(self) -> float:
        """Return the chance level of the UAR: 1 / number of emotions in the test clips."""
        emotions = self.runs[0].test.per_class.values()
        return 1 / sum(emotion["n"] > 0 for emotion in emotions)

    def verdict(self) -> str:
        """Return what the runs say of the published value, and how many runs say so."""
        counts = Counter(run.verdict for run in self.runs)
        if len(counts) > 1:
            return ", ".join(f"{verdict} ({n})" for verdict, n in counts.items())
        (verdict,) = counts
        sizes = sorted({run.test.n for run in self.runs})
        n = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
        return with_evidence(verdict, len(self.runs), n)

    def _by_fold(self, value: Callable[[Run], float]) -> list[float]:
        return [
            statistics.fmean(value(run) for run in self.runs if run.key.fold == fold)
            for fold in self.folds
        ]


def settings_scored(runs: Sequence[Run], key: RunKey) -> int:
    """Return how many settings of a recipe have been scored on the test clips of a run.

    Counted are the finished runs of the same recipe, corpus, protocol and fold with other changed
    settings, and the run itself. Where the seed draws the test clips, only its own seed counts.

    Args:
        runs: Finished runs, such as all of results/runs. What was removed from there is not known.
        key: The run.
    """
    drawn = splits.PROTOCOLS[key.protocol].drawing in ("authors", "stratified")
    seeds = (key.seed,) if drawn else {run.key.seed for run in runs}
    alike = {
        run.key.overrides
        for run in runs
        if (run.key.recipe, run.key.corpus) == (key.recipe, key.corpus)
        and (run.key.protocol, run.key.fold) == (key.protocol, key.fold)
        and run.key.seed in seeds
    }
    return len(alike | {key.overrides})


def rows(folder: Path = storage.LEDGER) -> list[Row]:
    """Return the rows of all finished runs below a folder, sorted, protocols as in the ladder.

    Runs with changed settings and repetitions are left out.
    """
    return grouped(storage.read(folder))


def grouped(runs: Iterable[Run], *, changed: bool = False) -> list[Row]:
    """Return runs as sorted rows.

    Args:
        runs: Runs; repetitions among them are left out.
        changed: Whether runs with changed settings have rows of their own, or are left out.
    """
    groups: dict[RowKey, list[Run]] = {}
    for run in runs:
        if not run.repeat and (changed or not run.key.overrides):
            groups.setdefault(run.key.row, []).append(run)
    ladder = list(splits.PROTOCOLS)
    order = sorted(groups, key=lambda key: (*key[:2], ladder.index(key.protocol)))
    return [Row(tuple(groups[key])) for key in order]
