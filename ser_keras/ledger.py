"""The table of the runs that are kept: read, shown, and written into the documents.

Run it as `python -m ser_keras.ledger show` or `write`. No figure in a document is typed by hand.
Kept runs lie in results/ledger, apart from whatever a user trains in results/runs.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ser_keras import console, files, metrics, runs
from ser_keras.errors import SerKerasError
from ser_keras.runs import Run

BEGIN = "<!-- figures: written by python -m ser_keras.ledger write -->"
END = "<!-- end of figures -->"
LEDGER = files.RESULTS / "ledger"
README = files.ROOT / "README.md"
RESULTS_README = files.RESULTS / "README.md"
COLUMNS = (
    *("system", "corpus", "protocol", "published", "accuracy", "UAR", "best baseline"),
    *("runs", "verdict"),
)


@dataclass(frozen=True)
class Row:
    """All finished runs of one recipe on one corpus under one protocol."""

    runs: tuple[Run, ...]

    @property
    def key(self) -> tuple[str, str, str]:
        told = self.runs[0].metrics
        return told["recipe"], told["split"]["corpus"], told["split"]["protocol"]

    @property
    def synthetic(self) -> bool:
        return self.runs[0].metrics["synthetic"]

    def figure(self, metric: str) -> str:
        """Return the mean over runs with its spread; of a single run, its 95 % interval."""
        figures = [getattr(run.scores(), metric) for run in self.runs]
        values = [figure.value for figure in figures]
        mean = f"{statistics.fmean(values):.4f}"
        if len(values) == 1:
            return f"{mean} [{figures[0].low:.3f}, {figures[0].high:.3f}]"
        return f"{mean} ± {statistics.stdev(values):.4f}"

    def best_baseline(self) -> str:
        """Return the baseline of the highest UAR and that, as means over runs; "-" if unknown."""
        told = [run.baselines() for run in self.runs]
        known = set.intersection(*map(set, told))
        uar = {name: statistics.fmean(one[name].uar.value for one in told) for name in known}
        if not uar:
            return "-"
        best = min(uar, key=lambda name: (-uar[name], name))
        return f"{best} {uar[best]:.4f}"

    def verdict(self) -> str:
        """Return what the runs say of the published figure, each for itself where they differ."""
        split = self.runs[0].metrics["split"]
        told = [
            metrics.verdict(
                run.scores(), run.published, protocol=split["protocol"], corpus=split["corpus"]
            )
            for run in self.runs
        ]
        counts = {verdict: told.count(verdict) for verdict in dict.fromkeys(told)}
        return ", ".join(v if len(counts) == 1 else f"{v} ({n})" for v, n in counts.items())

    def cells(self) -> list[str]:
        """Return the row's cells, in the order of `COLUMNS`."""
        recipe, corpus, protocol = self.key
        published = self.runs[0].published
        words = "nothing"
        if published is not None:
            words = f"{published.metric} {published.value:.4f}"
            words += f" (n = {published.n})" if published.n else ""
        name = f"{corpus} (synthetic)" if self.synthetic else corpus
        return [
            recipe,
            name,
            protocol,
            words,
            self.figure("accuracy"),
            self.figure("uar"),
            self.best_baseline(),
            str(len(self.runs)),
            self.verdict(),
        ]


def rows(folder: Path = LEDGER) -> list[Row]:
    """Return the rows of all finished runs below a folder, sorted; changed recipes are left out."""
    groups: dict[tuple, list[Run]] = {}
    for seal in sorted(folder.glob(f"*/*/*/{runs.SEAL}")):
        run = runs.read(seal.parent)
        if seal.parents[2].name == run.metrics["recipe"]:
            groups.setdefault(Row((run,)).key, []).append(run)
    return [Row(tuple(group)) for _, group in sorted(groups.items())]


def show(folder: Path = LEDGER) -> str:
    """Return the table as text."""
    return console.table(COLUMNS, [row.cells() for row in rows(folder)])


def markdown(found: Iterable[Row]) -> str:
    """Return the table in Markdown, with the command that makes each row."""
    found = list(found)
    lines = [_line(COLUMNS), _line(["---"] * len(COLUMNS))]
    lines += [_line(row.cells()) for row in found]
    commands = dict.fromkeys(run.metrics["command"] for row in found for run in row.runs)
    made = "\n".join(commands)
    return "\n".join(
        [
            *lines,
            "",
            "Accuracy and UAR (mean recall of the emotions) of the test clips, which were scored "
            "once. Of several runs: mean ± deviation over seeds. Of one: 95 % bootstrap interval. "
            "Best baseline: the UAR of the best shortcut (majority class, duration, loudness, mean "
            "spectrum, MFCC statistics) fitted to the same training clips; a system that does not "
            "beat it has learned nothing. Made by:",
            "",
            f"```\n{made}\n```",
        ]
    )


def write(folder: Path = LEDGER, documents: Sequence[Path] = (README, RESULTS_README)) -> None:
    """Write the table into the documents, between the marks that they have for it."""
    table = markdown(rows(folder))
    for path in documents:
        files.write_text(path, filled(path.read_text(encoding="utf-8"), table, path))


def filled(text: str, table: str, path: Path) -> str:
    """Return a document's text with the table between its marks.

    Raises:
        SerKerasError: The document has no such marks.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SerKerasError(path, "has no place for the figures", f"Add {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":  # `python -m` names this file; arguments are the command line's worry
    from ser_keras.cli import ledger

    ledger.main()
