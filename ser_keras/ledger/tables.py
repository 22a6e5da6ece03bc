"""The tables made from the rows of a ledger; no number in them is typed by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ser_keras import console, metrics, recipes, splits
from ser_keras.errors import SerKerasError
from ser_keras.ledger import storage
from ser_keras.ledger.rows import Row, settings_scored
from ser_keras.runs import Run

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

CORRECTED = "-corrected"
NAMES = {"accuracy": "accuracy", "uar": "UAR", "macro_f1": "macro F1"}
_CLIP = ["speaker", "emotion", "text"]  # paths differ between downloads of a corpus


@dataclass(frozen=True)
class Table:
    """Cells under their header."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def without(self, *columns: str) -> Table:
        """Return the table without some of its columns."""
        shown = [i for i, name in enumerate(self.header) if name not in columns]
        rows = [[row[i] for i in shown] for row in self.rows]
        return Table([self.header[i] for i in shown], rows)

    def text(self) -> str:
        """Return the table as aligned columns."""
        return console.table(self.header, [[c.replace("**", "") for c in r] for r in self.rows])

    def markdown(self) -> str:
        """Return the table in Markdown."""
        return console.markdown(self.header, self.rows)


def published(rows: Iterable[Row]) -> Table:
    """Return what was published beside what we measure, and what is left on unseen speakers.

    A system has a line for each corpus on which the protocol of the published value was run; where
    that protocol was run on none, the protocol `random` stands in for it.
    """
    rows = list(rows)
    by_key = {row.key: row for row in rows}
    references = {row.key.recipe: row.runs[0].reference for row in rows}
    protocols = {name: "paper" if r is None else r.protocol for name, r in references.items()}
    repeated = {r.key.recipe for r in rows if r.key.protocol == protocols[r.key.recipe]}
    cells = []
    for row in rows:
        recipe, corpus, protocol = row.key
        if protocol != (protocols[recipe] if recipe in repeated else "random"):
            continue
        value, metric, words, chosen_on = row.runs[0].reference, "uar", "nothing", ""
        if value is not None:
            metric, chosen_on = value.metric, value.selected_on or ""
            facts = [f"n = {value.n}"] if value.n else []
            facts += [value.corpus] if value.corpus not in ("", corpus) else []
            words = f"{NAMES[metric]} {value.value:.4f}"
            words += f" ({', '.join(facts)})" if facts else ""
        unseen = by_key.get(row.key._replace(protocol="speaker"))
        cells.append(
            [
                recipe,
                row.corpus,
                protocol,
                words,
                chosen_on,
                f"{NAMES[metric]} {row.estimate(metric)}",
                "" if unseen is None else f"UAR {unseen.uar():.3f}",
                _best(row, metric),
                row.verdict(),
            ]
        )
    header = ("system", "corpus", "protocol", "published", "chosen on", "measured")
    return Table((*header, "on unseen speakers", "best baseline", "verdict"), cells)


def ladder(rows: Iterable[Row]) -> Table:
    """Return the UAR of each recipe and corpus under every protocol, with the best baseline's."""
    rows = list(rows)
    systems: dict[tuple[str, str], dict[str, Row]] = {}
    for row in rows:
        systems.setdefault((row.key.recipe, row.corpus), {})[row.key.protocol] = row
    measured = {row.key.protocol for row in rows}
    protocols = [name for name in splits.PROTOCOLS if name in measured]
    cells = [
        [
            *system,
            *("" if name not in of else _rung(of[name]) for name in protocols),
            ", ".join(dict.fromkeys(f"{row.chance():.3f}" for row in of.values())),
        ]
        for system, of in systems.items()
    ]
    return Table(("system", "corpus", *protocols, "chance level"), cells)


def runs(rows: Iterable[Row]) -> Table:
    """Return a line for each row: its runs, folds, metrics, best baseline and calibration."""
    cells = [
        [
            row.key.recipe,
            row.corpus,
            row.key.protocol,
            str(len(row.runs)),
            row.coverage,
            str(row.constant or ""),
            row.estimate("accuracy"),
            row.estimate("uar"),
            _best(row, "uar"),
            f"{row.mean(lambda run: run.test.calibration['ece']):.3f}",
        ]
        for row in rows
    ]
    header = ("system", "corpus", "protocol", "runs", "folds", "constant predictions")
    return Table((*header, "accuracy", "UAR", "best baseline", "calibration error"), cells)


def pooled(rows: Iterable[Row]) -> Table:
    """Return the metrics of each of several corpora that were pooled."""
    header = ("system", "corpora", "protocol", "test clips of", "runs", "accuracy", "UAR")
    cells = []
    for row in rows:
        for corpus in sorted({name for run in row.runs for name in run.by_corpus}):
            part = Row(tuple(run for run in row.runs if corpus in run.by_corpus))
            estimates = [part.estimate(metric, corpus) for metric in ("accuracy", "uar")]
            names = [row.key.recipe, row.corpus, row.key.protocol, corpus]
            cells.append([*names, str(len(part.runs)), *estimates])
    return Table(header, cells)


def baselines(rows: Iterable[Row]) -> Table:
    """Return the paired tests of systems with their best baselines, one for each seed."""
    header = ("system", "corpus", "protocol", "best baseline", "clips", "only the system")
    cells = []
    for row in rows:
        best = row.best_baseline()
        if best is None:
            continue
        tests = [test for seed in row.seeds if (test := row.against(best[0], seed)) is not None]
        if len(tests) == len(row.seeds):
            cells.append([row.key.recipe, row.corpus, row.key.protocol, best[0], *counts(tests)])
    return Table((*header, "only the baseline", "p"), cells)


def corrections(rows: Iterable[Row]) -> Table:
    """Return the paired tests of systems with their corrections, where both saw the same split."""
    header = ("system", "corpus", "protocol", "clips", "only published", "only corrected", "p")
    by_key = {row.key: row for row in rows}
    cells = []
    for key, row in by_key.items():
        corrected = by_key.get(key._replace(recipe=key.recipe + CORRECTED))
        both = [] if corrected is None else same_clips(row, corrected)
        tests = [
            metrics.paired(clips["emotion"], clips["predicted"], clips["predicted_other"])
            for clips in both
        ]
        if tests:
            cells.append([key.recipe, row.corpus, key.protocol, *counts(tests)])
    return Table(header, cells)


def scored(rows: Iterable[Row]) -> Table:
    """Return the runs on whose test clips several settings were scored, or that a search chose."""
    every = [run for row in rows for run in row.runs]
    header = ("system", "corpus", "protocol", "fold", "seed", "settings tried on validation clips")
    cells = []
    for run in every:
        number = settings_scored(every, run.key)
        if number > 1 or run.searched is not None:
            tried = "" if run.searched is None else str(run.searched.trials)
            names = [*run.key.row, str(run.key.fold), str(run.key.seed)]
            cells.append([*names, tried, str(number), f"{run.test.uar.value:.4f}"])
    return Table((*header, "settings scored on these test clips", "UAR"), cells)


def machines(pairs: Iterable[tuple[Run, Run]]) -> Table:
    """Return runs that were made twice, and what became of their test clips.

    Args:
        pairs: The same run as two machines, or two backends of Keras, made it.
    """
    names, side = ("system", "corpus", "protocol", "fold", "seed"), ("best epoch", "UAR")
    cells = []
    for first, second in pairs:
        sides = []
        for run in (first, second):
            device = ", then ".join(f"{e.device} ({e.backend})" for e in run.environments)
            sides += [device, f"{run.best_epoch} of {run.epochs}", f"{run.test.uar.value:.4f}"]
        both = _clips(first).merge(_clips(second), on=[*_CLIP, "number"], suffixes=("", "_again"))
        alike = 100 * (both["predicted"] == both["predicted_again"]).mean()
        test = metrics.paired(both["emotion"], both["predicted"], both["predicted_again"])
        key = first.key
        cells.append(
            [*key.row, str(key.fold), str(key.seed), *sides, f"{alike:.1f}", *counts([test])]
        )
    header = (*names, "trained on", *side, "again on", *side, "same label %", "clips")
    return Table((*header, "only first", "only again", "p"), cells)


def systems() -> Table:
    """Return what was published, and what the code behind it really does, by the recipes."""
    cells = []
    for name in recipes.names():
        recipe = recipes.get(name)
        if recipe.published and not recipe.corrects:
            values = [f"{NAMES[p.metric]} {p.value:.4f}, {p.source}" for p in recipe.published[:1]]
            lines = [*recipe.sources], values, [*recipe.notes]
            cells.append([f"`{name}`", *("<br>".join(each) for each in lines)])
    return Table(("system", "sources", "published", "what it really does"), cells)


def flat(runs: Iterable[Run]) -> pd.DataFrame:
    """Return a row a run, for anyone's spreadsheet; intervals are 95 % intervals."""
    import pandas as pd

    records = []
    for run in runs:
        key, last = run.key, run.environments[-1]
        record = {
            "system": key.recipe,
            "corpus": key.corpus,
            "protocol": key.protocol,
            "fold": key.fold,
            "seed": key.seed,
            "repeat": run.repeat,
        }
        for name in NAMES:
            estimate = run.estimate(name)
            record[name] = round(estimate.value, 6)
            record[f"{name}_low"] = round(estimate.low, 6)
            record[f"{name}_high"] = round(estimate.high, 6)
        records.append(
            record
            | {
                "n": run.test.n,
                "speakers": run.speakers,
                "parameters": run.parameters,
                "pretrained": run.pretrained,
                "seconds": run.seconds,
                "commit": last.commit,
                "backend": last.backend,
                "device": last.device,
            }
        )
    table = pd.DataFrame(records)
    return table.astype({"speakers": "Int64"}) if records else table


def commands(rows: Iterable[Row]) -> list[str]:
    """Return the commands that make all runs: one for each row, more where folds differ."""
    lines = []
    for row in rows:
        seeds: dict[int, list[int]] = {}
        for run in row.runs:
            seeds.setdefault(run.key.fold, []).append(run.key.seed)
        alike: dict[tuple[int, ...], list[int]] = {}
        for fold, of_fold in sorted(seeds.items()):
            alike.setdefault(tuple(sorted(of_fold)), []).append(fold)
        lines += [
            f"python -m ser_keras.ledger run --recipe {row.key.recipe} --corpus {row.key.corpus} "
            f"--protocol {row.key.protocol} --fold {','.join(map(str, folds))} "
            f"--seed {','.join(map(str, numbers))}"
            for numbers, folds in alike.items()
        ]
    return lines


def repeated(runs: Iterable[Run]) -> list[tuple[Run, Run]]:
    """Return the runs of a ledger that were made again, each with its repetition."""
    runs = list(runs)
    first = {run.key: run for run in runs if not run.repeat}
    return [(first[run.key], run) for run in runs if run.repeat and run.key in first]


def compare(first: Path, second: Path) -> Table:
    """Return how the runs of one folder came out in another.

    Raises:
        SerKerasError: The folders have no run of an equal split in common.
    """
    others = {(run.key, run.split_hash): run for run in storage.read(second) if not run.repeat}
    pairs = [
        (run, others[run.key, run.split_hash])
        for run in storage.read(first)
        if not run.repeat and (run.key, run.split_hash) in others
    ]
    if not pairs:
        remedy = "Run the same system, corpus, protocol, fold and seed"
        raise SerKerasError(first, f"has no run in common with {second}", remedy)
    return machines(pairs)


def counts(tests: Sequence[metrics.Paired]) -> list[str]:
    """Return the cells of several tests: clips, right for one alone, for the other alone, p."""
    columns = [(f"{t.n}", f"{t.first_only}", f"{t.second_only}", f"{t.p:.2g}") for t in tests]
    return [", ".join(column) for column in zip(*columns, strict=True)]


def same_clips(first: Row, second: Row) -> Iterator[pd.DataFrame]:
    """Yield the test clips of each seed with which both were run on equal splits, over its folds.

    The columns are path, speaker, emotion, fold, `predicted` by the first and `predicted_other`.
    """
    import pandas as pd

    sides = [
        {(run.key.seed, run.key.fold, run.split_hash): run for run in row.runs}
        for row in (first, second)
    ]
    shared = sorted(sides[0].keys() & sides[1].keys())
    for seed in dict.fromkeys(seed for seed, _, _ in shared):
        tables = []
        for side in sides:
            parts = []
            for key in (key for key in shared if key[0] == seed):
                clips = storage.predictions(side[key])
                columns = ["path", "speaker", "emotion", "predicted"]
                clips = clips.loc[clips["role"] == "test", columns]
                parts.append(clips.assign(fold=key[1]))
            tables.append(pd.concat(parts))
        other = tables[1].drop(columns="speaker")
        yield tables[0].merge(other, on=["path", "emotion", "fold"], suffixes=("", "_other"))


def _best(row: Row, metric: str) -> str:
    best = row.best_baseline(metric)
    return "-" if best is None else f"{best[0]} {best[1]:.4f}"


def _rung(row: Row) -> str:
    uar, best = f"{row.uar():.3f}", row.best_baseline()
    if best is not None:
        baseline = f"{best[1]:.3f}"
        beaten = float(uar) > float(baseline)  # as printed: a reader sees no other difference
        uar = f"**{uar}** ({baseline})" if beaten else f"{uar} ({baseline})"
    # one fold of a random split says the same as all; elsewhere one voice may be easier
    return uar if row.is_whole or row.key.protocol == "random" else f"{uar}, {row.coverage}"


def _clips(run: Run) -> pd.DataFrame:
    """Return the test predictions of a run by speaker, emotion, text and take."""
    table = storage.predictions(run)
    table = table[table["role"] == "test"].sort_values("path", key=lambda path: path.str.casefold())
    number = table.groupby(_CLIP, dropna=False).cumcount()  # takes of one wording
    return table[[*_CLIP, "predicted"]].assign(number=number)
