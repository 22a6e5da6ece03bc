"""All folds of a protocol as one result: each fold, their mean and spread, and all test clips."""

from __future__ import annotations

import statistics
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras import console, corpora, files, metrics, pictures, recipes, runs, splits
from ser_keras.ledger import storage
from ser_keras.ledger.rows import Row
from ser_keras.ledger.tables import Table
from ser_keras.metrics import Scores

if TYPE_CHECKING:
    import pandas as pd

PICTURE, SCORES, FOLDS = "confusion_matrix.png", "pooled.json", "folds.csv"


def train(
    recipe: recipes.Recipe,
    index: corpora.Index,
    protocol: str,
    *,
    seed: int = 0,
    out: Path | None = None,
    options: runs.Options,
) -> Row:
    """Train all folds of a protocol, one after another; finished ones are not trained again.

    Args:
        recipe: Recipe, perhaps with changed settings.
        index: Index of the corpus.
        protocol: One of `splits.PROTOCOLS`.
        seed: Seed of each run.
        out: Folder of all runs; None for results/runs.
        options: How the runs are made.

    Raises:
        SerKerasError: As `runs.run` does; the folds before are finished and stay so.
        KeyboardInterrupt: Ctrl-C was pressed; with `resume` the fold continues after its last
            finished epoch.
    """
    n_folds = splits.folds(index.only(runs.emotions_of(recipe, index)), protocol)
    finished = []
    for fold in range(n_folds):
        console.say(f"Fold {fold} ({fold + 1} of {n_folds}):")
        key = runs.RunKey.of(recipe, index.corpus, protocol, fold, seed)
        folder = None if out is None else out / key.folder
        run = runs.run(recipe, index, protocol, fold=fold, seed=seed, out=folder, options=options)
        console.say(
            f"Fold {fold} ({fold + 1} of {n_folds}): accuracy {run.test.accuracy.value:.3f}, UAR "
            f"{run.test.uar.value:.3f} on {console.count(run.test.n, 'test clip')}."
        )
        finished.append(run)
    return Row(tuple(finished))


def pooled(row: Row) -> Scores:
    """Return the scores of the test clips of all folds together.

    Each clip has the probabilities of the network that was not trained on it. Where a clip is in
    the test side of several folds, as under pooled corpora with unequal numbers of folds, it counts
    each time. The interval is drawn by speaker where three or more are known.
    """
    clips = _test_clips(row)
    labels = list(dict.fromkeys(label for run in row.runs for label in run.test.labels))
    truth = clips["emotion"].map({label: i for i, label in enumerate(labels)}).to_numpy(int)
    columns = [f"p_{label}" for label in labels]
    probabilities = clips.reindex(columns=columns).fillna(0.0).to_numpy(float)
    return metrics.score(truth, probabilities, labels, groups=clips["voice"])


def by_fold(row: Row) -> Table:
    """Return a line for each fold, then mean and spread, then all test clips together."""
    clips, cells = _test_clips(row), []
    for run in row.runs:
        tested = clips[clips["fold"] == run.key.fold]
        held_out = [n for n in splits.PROTOCOLS[run.key.protocol].holds_out if n in tested]
        names = [console.listed(sorted(tested[name].dropna().unique()), 3) for name in held_out]
        cells.append(
            [
                ": ".join([f"fold {run.key.fold}", *names]),
                str(run.test.n),
                str(run.test.accuracy),
                str(run.test.uar),
            ]
        )
    sizes = [run.test.n for run in row.runs]
    if len(sizes) > 1:
        means = [_mean([run.estimate(m).value for run in row.runs]) for m in ("accuracy", "uar")]
        cells.append(["mean ± standard deviation", f"{statistics.fmean(sizes):.0f}", *means])
    scores = pooled(row)
    cells.append(["all folds together", str(scores.n), str(scores.accuracy), str(scores.uar)])
    return Table(("tested on", "clips", "accuracy", "UAR"), cells)


def ranking(row: Row) -> Table:
    """Return network and baselines by their mean over folds, the highest UAR first."""
    shared = [name for name in row.runs[0].baselines if all(name in r.baselines for r in row.runs)]
    scores = {name: [run.baselines[name].scores for run in row.runs] for name in shared}
    scores[network(row)] = [run.test for run in row.runs]  # of equals the baselines come first
    values = {
        name: [[getattr(fold, metric).value for fold in folds] for metric in ("accuracy", "uar")]
        for name, folds in scores.items()
    }
    order = sorted(values, key=lambda name: statistics.fmean(values[name][1]), reverse=True)
    header = "mean over folds" if len(row.runs) > 1 else "test clips"
    return Table((header, "accuracy", "UAR"), [[n, *map(_mean, values[n])] for n in order])


def network(row: Row) -> str:
    """Return the name of the network among its baselines."""
    return f"{row.runs[0].key.recipe} (network)"


def confusion(scores: Scores) -> Table:
    """Return the confusion matrix: rows are the true emotions, columns the predicted ones."""
    cells = [
        [label, *map(str, counts), f"{scores.per_class[label]['recall']:.3f}"]
        for label, counts in zip(scores.labels, scores.confusion, strict=True)
    ]
    return Table(("true \\ predicted", *scores.labels, "recall"), cells)


def write(row: Row, folder: Path) -> None:
    """Write the folds of a row, the pooled scores, and the picture of the confusion matrix.

    Args:
        row: Row of one seed.
        folder: Folder to write into.
    """
    import pandas as pd

    scores = pooled(row)
    records = []
    for run in row.runs:
        record = {"fold": run.key.fold, "n": run.test.n, "speakers": run.speakers}
        for metric in ("accuracy", "uar", "macro_f1"):
            estimate = asdict(run.estimate(metric))
            record |= {metric: estimate["value"]}
            record |= {f"{metric}_{end}": estimate[end] for end in ("low", "high")}
        records.append(record)
    files.write_csv(folder / FOLDS, pd.DataFrame(records))
    about = {**row.runs[0].key.to_json(), "fold": row.folds}
    files.write_json(folder / SCORES, {"run": about, "test": scores.to_json()})
    title = f"{row.key.recipe} on {row.corpus}, {row.key.protocol}: test clips of all folds"
    pictures.confusion_matrix(scores, folder / PICTURE, title)


def _mean(values: list[float]) -> str:
    mean = statistics.fmean(values)
    return f"{mean:.3f} ± {statistics.stdev(values):.3f}" if len(values) > 1 else f"{mean:.3f}"


def _test_clips(row: Row) -> pd.DataFrame:
    """Return the predictions of the test clips of all runs, with the columns fold and voice."""
    import pandas as pd

    parts = []
    for run in row.runs:
        clips = storage.predictions(run)
        parts.append(clips[clips["role"] == "test"].assign(fold=run.key.fold))
    table = pd.concat(parts, ignore_index=True)
    # the paths of pooled corpora begin with the name of their corpus
    several = "+" in row.key.corpus
    corpus = table["path"].str.partition("/")[0] if several else row.key.corpus
    return table.assign(corpus=corpus, voice=corpus + "/" + table["speaker"])
