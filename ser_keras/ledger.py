"""The tables of the runs that are kept: read, shown, and written into the documents.

Run it as `python -m ser_keras.ledger run`, `show` or `write`; what is run says `matrix`. No figure
in a document is typed by hand. Kept runs lie in results/ledger, apart from whatever a user trains
in results/runs; in results/again lie some of them as they came out on another machine.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ser_keras import console, files, metrics, recipes, report, runs
from ser_keras.errors import SerKerasError
from ser_keras.matrix import LEDGER
from ser_keras.runs import Run

BEGIN = "<!-- figures: written by python -m ser_keras.ledger write -->"
END = "<!-- end of figures -->"
PICTURES = files.RESULTS / "pictures"
README = files.ROOT / "README.md"
RESULTS_README = files.RESULTS / "README.md"
AGAIN = "again"  # beside the folder of kept runs
CORRECTED = "-corrected"
LADDER = (  # ever less is shared
    *("paper", "random", "text", "speaker", "speaker-emobox", "speaker-text", "corpus"),
)

_SPREAD = (
    "±: standard deviation over folds where there are several, else over seeds; the figure itself "
    "is the mean over folds of the means over seeds, never the best of them. A single run shows "
    "its 95 % bootstrap interval."
)
_SHORTCUTS = (
    "the best of the baselines (majority class, duration, loudness, mean spectrum, MFCC "
    "statistics; of pooled corpora which one it is; eGeMAPS and ComParE functionals where "
    "opensmile is installed) fitted to the same training clips; a system that does not beat it "
    "has learned nothing that needs a network"
)
_COMPARE = f"python -m ser_keras.ledger compare results/ledger results/{AGAIN}"
_TEST = "the exact McNemar test of them; for each seed, over its folds"


@dataclass(frozen=True)
class Table:
    """Cells under their header."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def text(self) -> str:
        """Return it as aligned columns."""
        return console.table(self.header, [[c.replace("**", "") for c in r] for r in self.rows])

    def markdown(self) -> str:
        """Return it in Markdown."""
        lines = [self.header, ["---"] * len(self.header), *self.rows]
        return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


@dataclass(frozen=True)
class Row:
    """All finished runs of one recipe on one corpus under one protocol."""

    runs: tuple[Run, ...]

    @property
    def key(self) -> tuple[str, str, str]:
        told = self.runs[0].metrics
        return told["recipe"], told["split"]["corpus"], told["split"]["protocol"]

    @property
    def corpus(self) -> str:
        """The corpus by its name, with a mark if it is synthetic."""
        return self.key[1] + runs.synthetic_mark(self.runs[0].metrics["synthetic"])

    @property
    def folds(self) -> list[int]:
        """The folds that there are runs of."""
        return sorted({run.metrics["split"]["fold"] for run in self.runs})

    @property
    def coverage(self) -> str:
        """How many folds there are runs of, of those that the protocol has."""
        return f"{len(self.folds)} of {self._n_folds}"

    @property
    def is_whole(self) -> bool:
        """Whether there are runs of all folds that the protocol has."""
        return len(self.folds) == self._n_folds

    @property
    def _n_folds(self) -> int:
        return self.runs[0].metrics["split"]["folds"]

    @property
    def seeds(self) -> list[int]:
        """The seeds that there are runs of."""
        return sorted({run.metrics["split"]["seed"] for run in self.runs})

    def mean(self, value: Callable[[Run], float]) -> float:
        """Return the mean over folds of the means over seeds."""
        return statistics.fmean(self._by_fold(value))

    def figure(self, metric: str, corpus: str | None = None) -> str:
        """Return the mean of the test clips' metric with its spread; of one run its interval.

        Args:
            metric: `accuracy`, `uar` or `macro_f1`.
            corpus: One of several pooled; None for the test clips of all.
        """
        figures = [run.figure(metric, corpus) for run in self.runs]
        mean = self.mean(lambda run: run.figure(metric, corpus).value)
        if len(figures) == 1:
            return f"{mean:.4f} [{figures[0].low:.3f}, {figures[0].high:.3f}]"
        by_fold = self._by_fold(lambda run: run.figure(metric, corpus).value)
        spread = by_fold if len(by_fold) > 1 else [figure.value for figure in figures]
        return f"{mean:.4f} ± {statistics.stdev(spread):.4f}"

    def best_baseline(self, metric: str) -> tuple[str, float] | None:
        """Return the baseline of the highest mean and that; None where runs know of none."""
        known = set.intersection(*(set(run.baselines()) for run in self.runs))
        means = {
            name: self.mean(lambda run, name=name: getattr(run.baselines()[name], metric).value)
            for name in known
        }
        return max(means.items(), key=lambda item: (item[1], item[0]), default=None)

    def against(self, baseline: str, seed: int) -> metrics.Paired:
        """Return the paired test with a baseline of the runs of one seed, their folds together."""
        of_seed = [run for run in self.runs if run.metrics["split"]["seed"] == seed]
        tests = [run.against_baselines()[baseline] for run in of_seed]
        return metrics.Paired.of(
            sum(test.n for test in tests),
            sum(test.first_only for test in tests),
            sum(test.second_only for test in tests),
        )

    def chance(self) -> float:
        """Return the UAR of whoever always says the same: one by the emotions of the test clips."""
        emotions = self.runs[0].scores().per_class.values()
        return 1 / sum(emotion["n"] > 0 for emotion in emotions)

    def verdict(self) -> str:
        """Return what the runs say of the published figure, each for itself where they differ."""
        _, corpus, protocol = self.key
        told = [
            metrics.verdict(run.scores(), run.published, protocol=protocol, corpus=corpus)
            for run in self.runs
        ]
        counts = {verdict: told.count(verdict) for verdict in dict.fromkeys(told)}
        return ", ".join(v if len(counts) == 1 else f"{v} ({n})" for v, n in counts.items())

    def _by_fold(self, value: Callable[[Run], float]) -> list[float]:
        return [
            statistics.fmean(value(r) for r in self.runs if r.metrics["split"]["fold"] == fold)
            for fold in self.folds
        ]


def rows(folder: Path = LEDGER) -> list[Row]:
    """Return the rows of all finished runs below a folder, sorted; changed recipes are left out."""
    groups: dict[tuple, list[Run]] = {}
    for seal in sorted(folder.glob(f"*/*/*/{runs.SEAL}")):
        run = runs.read(seal.parent)
        if seal.parents[2].name == run.metrics["recipe"]:
            groups.setdefault(Row((run,)).key, []).append(run)
    order = sorted(groups, key=lambda key: (*key[:2], LADDER.index(key[2])))
    return [Row(tuple(groups[key])) for key in order]


def published(found: Iterable[Row]) -> Table:
    """Return what was published beside what the protocol that repeats it gives."""
    header = ("system", "corpus", "protocol", "published", "chosen on", "measured")
    cells = []
    for row in found:
        figure = row.runs[0].published
        recipe, corpus, protocol = row.key
        if protocol != ("paper" if figure is None else figure.protocol):
            continue
        metric = "uar" if figure is None else figure.metric
        words = "nothing" if figure is None else _published(figure, corpus)
        chosen = "" if figure is None else figure.selected_on or ""
        measured = f"{_NAMES[metric]} {row.figure(metric)}"
        baseline = _named(row.best_baseline(metric))
        facts = [words, chosen, measured, baseline, str(len(row.runs)), row.verdict()]
        cells.append([recipe, row.corpus, protocol, *facts])
    return Table((*header, "best baseline", "runs", "verdict"), cells)


def ladder(found: Iterable[Row]) -> Table:
    """Return the UAR of each recipe and corpus under every protocol, the best baseline's beside."""
    steps: dict[tuple[str, str], dict[str, Row]] = {}
    for row in found:
        steps.setdefault((row.key[0], row.corpus), {})[row.key[2]] = row
    measured = [name for name in LADDER if any(name in of for of in steps.values())]
    cells = [
        [*system, *(_step(of.get(protocol)) for protocol in measured), _chance(of.values())]
        for system, of in steps.items()
    ]
    return Table(("system", "corpus", *measured, "chance"), cells)


def complete(found: Iterable[Row]) -> Table:
    """Return a row for each recipe, corpus and protocol."""
    header = ("system", "corpus", "protocol", "runs", "folds", "of one answer", "accuracy", "UAR")
    cells = []
    for row in found:
        recipe, _, protocol = row.key
        constant = sum(run.scores().is_constant for run in row.runs)
        counts = [str(len(row.runs)), row.coverage, str(constant or "")]
        figures = [row.figure("accuracy"), row.figure("uar"), _named(row.best_baseline("uar"))]
        error = row.mean(lambda run: run.scores().calibration["ece"])
        cells.append([recipe, row.corpus, protocol, *counts, *figures, f"{error:.3f}"])
    return Table((*header, "best baseline", "calibration error"), cells)


def parts(found: Iterable[Row]) -> Table:
    """Return the figures of each of several corpora that were pooled."""
    header = ("system", "corpora", "protocol", "test clips of", "runs", "accuracy", "UAR")
    cells = []
    for row in found:
        for corpus in sorted({name for run in row.runs for name in run.by_corpus()}):
            of = Row(tuple(run for run in row.runs if corpus in run.by_corpus()))
            figures = [of.figure(metric, corpus) for metric in ("accuracy", "uar")]
            cells.append([row.key[0], row.corpus, row.key[2], corpus, str(len(of.runs)), *figures])
    return Table(header, cells)


def rivals(found: Iterable[Row]) -> Table:
    """Return the paired tests of systems and their best baselines, for runs that know of them."""
    header = ("system", "corpus", "protocol", "best baseline", "clips", "only the system")
    cells = []
    for row in found:
        rival, _ = row.best_baseline("uar") or (None, 0.0)
        if all(rival in run.against_baselines() for run in row.runs):
            recipe, _, protocol = row.key
            tests = _tested([row.against(rival, seed) for seed in row.seeds])
            cells.append([recipe, row.corpus, protocol, rival, *tests])
    return Table((*header, "only the baseline", "p"), cells)


def corrections(found: Iterable[Row]) -> Table:
    """Return the paired tests of systems and their corrections, where both saw the same split."""
    header = ("system", "corpus", "protocol", "clips", "only it", "only its correction", "p")
    by_key = {row.key: row for row in found}
    cells = []
    for (recipe, *where), row in by_key.items():
        corrected = by_key.get((recipe + CORRECTED, *where))
        tests = [] if corrected is None else list(_paired(row, corrected))
        if tests:
            cells.append([recipe, row.corpus, where[1], *_tested(tests)])
    return Table(header, cells)


def repeated(first: Path, second: Path) -> Table:
    """Return the runs that two folders hold of equal splits, and what became of their clips."""
    what, side = ("system", "corpus", "protocol", "fold", "seed"), ("best epoch", "UAR")
    header = (*what, "trained on", *side, "again on", *side)
    mine, theirs = _by_cell(first), _by_cell(second)
    cells = []
    for cell in (cell for cell in mine if cell in theirs):
        sides = []
        for run in (mine[cell], theirs[cell]):
            epoch = f"{run.metrics['best_epoch']} of {run.metrics['epochs']}"
            sides += [_trainers(run), epoch, f"{run.figure('uar').value:.4f}"]
        both = _told_apart(mine[cell]).merge(
            _told_apart(theirs[cell]), on=[*_WORDING, "number"], suffixes=("", "_again")
        )
        alike = 100 * (both["predicted"] == both["predicted_again"]).mean()
        test = metrics.paired(both["emotion"], both["predicted"], both["predicted_again"])
        cells.append([*map(str, cell[:-1]), *sides, f"{alike:.1f}", *_tested([test])])
    return Table((*header, "alike %", "clips", "only first", "only again", "p"), cells)


def compare(first: Path, second: Path) -> str:
    """Return as text how the runs of one folder came out in another.

    Raises:
        SerKerasError: They have no run of an equal split in common.
    """
    table = repeated(first, second)
    if not table.rows:
        remedy = "Run the same system, corpus, protocol, fold and seed"
        raise SerKerasError(first, f"has no run in common with {second}", remedy)
    return table.text()


def commands(found: Iterable[Row]) -> list[str]:
    """Return the commands that make all runs: of each row one, or one for the folds alike."""
    lines = []
    for row in found:
        recipe, corpus, protocol = row.key
        seeds: dict[int, list[int]] = {}  # by fold
        for run in row.runs:
            split = run.metrics["split"]
            seeds.setdefault(split["fold"], []).append(split["seed"])
        alike: dict[tuple[int, ...], list[int]] = {}
        for fold, of in sorted(seeds.items()):
            alike.setdefault(tuple(sorted(of)), []).append(fold)
        lines += [
            f"python -m ser_keras.ledger run --recipe {recipe} --corpus {corpus} "
            f"--protocol {protocol} --fold {_listed(folds)} --seed {_listed(of)}"
            for of, folds in alike.items()
        ]
    return lines


def show(folder: Path = LEDGER) -> str:
    """Return all tables as text."""
    found = rows(folder)
    tables = (
        published(found),
        ladder(found),
        complete(found),
        parts(found),
        rivals(found),
        corrections(found),
    )
    return "\n\n".join(table.text() for table in tables if table.rows)


def documents(folder: Path = LEDGER) -> dict[Path, str]:
    """Return for each document what it tells of the runs, in Markdown."""
    found = rows(folder)
    again = repeated(folder, folder.parent / AGAIN)
    return {README: _overview(found), RESULTS_README: _details(found, again)}


def write(folder: Path = LEDGER) -> None:
    """Write the tables into the documents, between the marks that they have for them."""
    for path, tables in documents(folder).items():
        files.write_text(path, filled(path.read_text(encoding="utf-8"), tables, path))


def filled(text: str, tables: str, path: Path) -> str:
    """Return a document's text with the tables between its marks.

    Raises:
        SerKerasError: The document has no such marks.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SerKerasError(path, "has no place for the figures", f"Add {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{tables}\n{END}{after}"


def _overview(found: Sequence[Row]) -> str:
    measured = {row.key[0] for row in found}
    missing = [name for name in recipes.names() if name not in measured]
    told = [
        published(found).markdown(),
        f"Measured on the test clips, which were scored once, by the metric that was published. "
        f"{_SPREAD} *Best baseline*: {_SHORTCUTS}. *Chosen on*: `test` where the authors chose "
        "their model on the clips that they report. *Verdict*: `reproduced` if the published "
        "figure lies in a run's 95 % interval, `above` or `below` if not, `not comparable` where "
        "corpus, protocol or number of clips differ.",
    ]
    if missing:
        told.append(f"Not measured yet: {', '.join(missing)}.")
    told += [
        "What is left when less is shared between training and test, as UAR (mean recall of the "
        "emotions):",
        ladder(found).markdown(),
        f"Means over folds and seeds. In brackets {_SHORTCUTS}; bold: it does. *n of m*: so many "
        "folds were run of those that the protocol has (of a random split one is enough). Empty: "
        "not measured. *Chance* is one by the number of emotions. Every row with its runs, folds "
        "and spread, how many of them give every clip one answer, and the commands that make it: "
        "[results/README.md](results/README.md).",
    ]
    return "\n\n".join(told)


def _details(found: Sequence[Row], again: Table) -> str:
    told = [
        complete(found).markdown(),
        "Accuracy and UAR (mean recall of the emotions) of the test clips, which were scored "
        f"once. {_SPREAD} *Best baseline*: the UAR of {_SHORTCUTS}. *Calibration error*: the "
        f"expected one, over {metrics.BINS} bins of confidence. *Folds*: those that "
        "were run, of those that the protocol has. *Of one answer*: runs that give every test clip "
        "the same emotion.",
    ]
    if (of_each := parts(found)).rows:
        told += ["Where corpora are pooled, the figures of each:", of_each.markdown()]
    if (tests := rivals(found)).rows:
        told += [
            "Whether a network was needed: test clips that only the system or only its best "
            f"baseline labelled rightly, and {_TEST}:",
            tests.markdown(),
        ]
    if (tests := corrections(found)).rows:
        told += [
            "What the mistakes were worth: test clips that only the published system or only its "
            f"correction labelled rightly, on equal splits, and {_TEST}:",
            tests.markdown(),
        ]
    if again.rows:
        told += [
            "What another machine, or another backend of Keras, makes of the same runs (in "
            f"`results/{AGAIN}`): test clips that both label alike, those that only one of them "
            f"labelled rightly, and the exact McNemar test of them (`{_COMPARE}`). From equal "
            "seeds two backends draw other first weights and dropout, so these differ as seeds do; "
            "patience may end one of them long before the other:",
            again.markdown(),
        ]
    return "\n\n".join([*told, "Made by:", "```\n" + "\n".join(commands(found)) + "\n```"])


_NAMES = {"accuracy": "accuracy", "uar": "UAR", "macro_f1": "macro F1"}


def _published(figure: recipes.Published, corpus: str) -> str:
    n = f"n = {figure.n}" if figure.n else ""
    elsewhere = figure.corpus if figure.corpus != corpus else ""
    facts = ", ".join(filter(None, (n, elsewhere)))
    return f"{_NAMES[figure.metric]} {figure.value:.4f}" + (f" ({facts})" if facts else "")


def _named(best: tuple[str, float] | None) -> str:
    return "-" if best is None else f"{best[0]} {best[1]:.4f}"


def _step(row: Row | None) -> str:
    if row is None:
        return ""
    uar, best = row.mean(lambda run: run.scores().uar.value), row.best_baseline("uar")
    told = f"{uar:.3f}"
    if best is not None:
        shortcut = f"{best[1]:.3f}"
        beaten = float(told) > float(shortcut)  # as printed: a reader sees no other difference
        told = f"**{told}** ({shortcut})" if beaten else f"{told} ({shortcut})"
    # of a random split every fold tells the same; elsewhere one voice may be easier than another
    return told if row.is_whole or row.key[2] == "random" else f"{told}, {row.coverage}"


def _chance(of: Iterable[Row]) -> str:
    return ", ".join(dict.fromkeys(f"{row.chance():.3f}" for row in of))


def _tested(tests: Sequence[metrics.Paired]) -> list[str]:
    """Return cells of several tests: clips, those right for one alone, for the other, and p."""
    columns = [(f"{t.n}", f"{t.first_only}", f"{t.second_only}", f"{t.p:.2g}") for t in tests]
    return [", ".join(column) for column in zip(*columns, strict=True)]


def _paired(first: Row, second: Row) -> Iterator[metrics.Paired]:
    """Yield the test of each seed under which both were run on equal splits, its folds together."""
    import pandas as pd

    def by_split(row: Row) -> dict[tuple, Run]:
        keys = ("seed", "fold", "hash")
        return {tuple(run.metrics["split"][key] for key in keys): run for run in row.runs}

    mine, theirs = by_split(first), by_split(second)
    shared = sorted(mine.keys() & theirs.keys())
    for seed in dict.fromkeys(key[0] for key in shared):
        sides = [
            pd.concat(
                [_test_clips(of[key]).assign(fold=key[1]) for key in shared if key[0] == seed]
            )
            for of in (mine, theirs)
        ]
        both = sides[0].merge(sides[1], on=["path", "emotion", "fold"], suffixes=("", "_corrected"))
        yield metrics.paired(both["emotion"], both["predicted"], both["predicted_corrected"])


def _by_cell(folder: Path) -> dict[tuple, Run]:
    """Return the finished runs of a folder by what they are of; the split's hash comes last."""
    cells = {}
    for row in rows(folder):
        for run in row.runs:
            split = run.metrics["split"]
            cells[(*row.key, split["fold"], split["seed"], split["hash"])] = run
    return cells


def _trainers(run: Run) -> str:
    """Return on what a run was trained, and with which backend."""
    told = files.read_json(run.folder / "environment.json")
    machines = (told, *told.get("gone_on_with_in", ()))
    return ", then ".join(f"{each['device']} ({each['backend']})" for each in machines)


def _test_clips(run: Run):
    table = files.read_csv(run.folder / "predictions.csv", dtype="string")
    return table.loc[table["role"] == "test", ["path", "emotion", "predicted"]]


_WORDING = ("speaker", "emotion", "text")


def _told_apart(run: Run):
    """Return the test clips by what they are: folders and suffixes differ from copy to copy."""
    table = files.read_csv(run.folder / "predictions.csv", dtype="string")
    table = table[table["role"] == "test"].sort_values("path", key=lambda path: path.str.casefold())
    number = table.groupby(list(_WORDING), dropna=False).cumcount()  # takes of one wording
    return table[[*_WORDING, "predicted"]].assign(number=number)


def _listed(numbers: Iterable[int]) -> str:
    return ",".join(map(str, numbers))


def draw(folder: Path = LEDGER, out: Path = PICTURES) -> list[Path]:
    """Draw the ladder of all runs, and for each system what it makes of unseen speakers and texts.

    The latter only where a protocol was run that keeps speakers or texts apart.

    Returns:
        The files written.

    Raises:
        SerKerasError: There is no finished run.
    """
    found = rows(folder)
    if not found:
        raise SerKerasError(folder, "holds no finished run", "Make some with the action run")
    paths = [out / "ladder.png"]
    report.ladder(list(map(_rung, found)), paths[0], "What is left when less is shared")
    systems: dict[tuple[str, str], list[Row]] = {}
    for row in found:
        systems.setdefault(row.key[:2], []).append(row)
    for (recipe, corpus), some in systems.items():
        if {row.key[2] for row in some}.isdisjoint(("text", "speaker", "speaker-text")):
            continue
        paths.append(out / f"speaker-text-{recipe}-{corpus}.png")
        title = f"{recipe} on {some[0].corpus}: speakers and texts, seen and unseen"
        report.speaker_text_grid(list(map(_rung, some)), paths[-1], title, clips=_scored(some))
    return paths


def _rung(row: Row) -> report.Rung:
    recipe, corpus, protocol = row.key
    figures, published = [run.scores().uar for run in row.runs], row.runs[0].published
    values = [figure.value for figure in figures]
    ends = (min(values), max(values)) if len(values) > 1 else (figures[0].low, figures[0].high)
    baseline = row.best_baseline("uar")
    return report.Rung(
        recipe=recipe,
        corpus=row.corpus,
        protocol=protocol,
        value=row.mean(lambda run: run.scores().uar.value),
        low=ends[0],
        high=ends[1],
        n=round(len(row.folds) * row.mean(lambda run: run.scores().n)),
        baseline=None if baseline is None else baseline[1],
        chance=row.chance(),
        published=published.value if published and published.corpus in ("", corpus) else None,
    )


def _scored(found: Sequence[Row]):
    """Return a row for each test clip of each run, with the protocol of the run."""
    import pandas as pd

    tables = []
    for run in (run for row in found for run in row.runs):
        table = files.read_csv(run.folder / "predictions.csv", dtype="string")
        table = table[table["role"] == "test"]
        tables.append(table.assign(protocol=run.metrics["split"]["protocol"]))
    return pd.concat(tables, ignore_index=True)


if __name__ == "__main__":  # `python -m` names this file; arguments are the command line's worry
    from ser_keras.cli import ledger

    ledger.main()
