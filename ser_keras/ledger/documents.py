"""The documents and pictures made from the ledger. Prose stays in the documents themselves.

A document has slots, `<!-- begin: NAME -->` to `<!-- end -->`, which are filled here. A name
is that of a table, or asks for one number: `uar RECIPE CORPUS PROTOCOL`, `accuracy ...`,
`baseline ...` (UAR of the best baseline), `chance ...`, `minutes ...` or `n-runs`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ser_keras import files, models, pictures, recipes, stress
from ser_keras.errors import SerKerasError
from ser_keras.ledger import (
    adapted,
    adapted_reliability,
    comparison,
    detectors,
    far,
    release,
    reliability,
    selection,
    selection_tables,
    small_corpora,
    storage,
    tables,
    voices,
)
from ser_keras.ledger.rows import Row, grouped
from ser_keras.runs import Run
from ser_keras.splits import PROTOCOLS

if TYPE_CHECKING:
    import pandas as pd

DOCUMENTS = (
    files.ROOT / "README.md",
    files.RESULTS / "README.md",
    *(models.SHIPPED / name / models.CARD for name in ("general", "tess")),
)
RUNS_CSV = files.RESULTS / "runs.csv"
PICTURES = files.RESULTS / "pictures"
_ALL = "aesdd+ased+ravdess+savee+tess"


def write(folder: Path = storage.LEDGER, documents: Sequence[Path] = DOCUMENTS) -> list[Path]:
    """Fill the slots of the documents and write runs.csv beside the ledger; return the paths.

    Args:
        folder: The ledger.
        documents: Documents whose slots are filled.

    Raises:
        SerKerasError: A document asks for a table or a number that there is none of.
    """
    runs = storage.read(folder)
    for document in documents:
        names = re.findall(r"<!-- begin: (.+?) -->", document.read_text(encoding="utf-8"))
        slots = fill(names, runs)
        files.fill_slots(document, slots)
    path = folder.parent / RUNS_CSV.name
    files.write_csv(path, tables.flat(runs))
    return [*documents, path]


def fill(names: Iterable[str], runs: Sequence[Run]) -> dict[str, str]:
    """Return for each slot of a document what stands in it.

    Raises:
        SerKerasError: There is no such table, or no row of that name.
    """
    rows = grouped(runs)
    by_name = {" ".join(row.key): row for row in rows}
    measured = functools.cache(lambda: reliability.measured(reliability.chosen(rows)))
    chosen = functools.cache(lambda: small_corpora.read(selection.RESULTS))

    def unanswered(system: str = "") -> list[list[reliability.Held]]:
        return [own for own in measured() if system in ("", own[0].system)]

    blocks: dict[str, Callable[[], str]] = {
        "published": lambda: (
            tables.published(_published(rows)).without("protocol", "chosen on").markdown()
        ),
        "ladder": lambda: tables.ladder(rows).markdown(),
        "runs": lambda: tables.runs(rows).markdown(),
        "pooled": lambda: tables.pooled(rows).markdown(),
        "baselines": lambda: tables.baselines(rows).markdown(),
        "corrections": lambda: tables.corrections(rows).markdown(),
        "machines": lambda: tables.machines(tables.repeated(runs)).markdown(),
        "systems": lambda: tables.systems().markdown(),
        "adapted": lambda: adapted.table(rows).markdown(),
        "adaptation-curve": lambda: adapted.curve(small_corpora.read(adapted.RESULTS)).markdown(),
        "adaptation-itself": lambda: adapted.itself(small_corpora.read(adapted.RESULTS)).markdown(),
        "comparison": lambda: comparison.plain(rows).markdown(),
        "comparison-adapted": lambda: comparison.adapted(rows).markdown(),
        "comparison-systems": lambda: comparison.systems(
            rows, comparison.milliseconds()
        ).markdown(),
        "comparison-pairs": lambda: comparison.neighbours(rows).markdown(),
        "comparison-short": lambda: comparison.short(rows).markdown(),
        "small-corpora": lambda: small_corpora.table(small_corpora.read()).markdown(),
        "grids": lambda: "\n\n".join(
            f"![{title}](pictures/{_grid_name(own)})" for title, own in _grids(rows).items()
        ),
        "card-general": lambda: release.card(by_name[f"general {_ALL} whole-corpus"]).markdown(),
        "stress-general": lambda: stress.short(stress.read("general")),
        "stress-tess": lambda: stress.short(stress.read("tess")),
        "card-general-reliability": lambda: reliability.table(unanswered("general")).markdown(),
        "card-general-sets": lambda: reliability.sets(unanswered("general")).markdown(),
        "card-tess-reliability": lambda: reliability.table(
            reliability.measured([by_name["attention-tess tess speaker"]])
        ).markdown(),
        "reliability": lambda: reliability.table(unanswered()).markdown(),
        "reliability-sets": lambda: reliability.sets(unanswered()).markdown(),
        "reliability-adapted": lambda: adapted_reliability.table(
            adapted_reliability.read()
        ).markdown(),
        "reliability-adapted-sets": lambda: adapted_reliability.sets(
            adapted_reliability.read()
        ).markdown(),
        "card-general-adapted": lambda: adapted_reliability.table(
            adapted_reliability.read(), "general"
        ).markdown(),
        "card-general-adapted-sets": lambda: adapted_reliability.sets(
            adapted_reliability.read(), "general"
        ).markdown(),
        "selection": lambda: selection_tables.summary(chosen(), rows).markdown(),
        "selection-folds": lambda: selection_tables.by_fold(chosen(), rows).markdown(),
        "selection-words": lambda: selection_tables.words(chosen(), rows),
        "reliability-far": lambda: far.table(adapted_reliability.read().get("far", [])).markdown(),
        "voices": lambda: voices.summary(small_corpora.read(voices.RESULTS)).markdown(),
        **{name: functools.partial(detectors.markdown, name) for name in detectors.TABLES},
        "commands": lambda: "```\n" + "\n".join(tables.commands(rows)) + "\n```",
    }
    numbers = {
        "uar": lambda row: f"{row.uar():.3f}",
        "accuracy": lambda row: f"{row.mean(lambda run: run.test.accuracy.value):.3f}",
        "baseline": lambda row: f"{(row.best_baseline() or ('', 0.0))[1]:.3f}",
        "chance": lambda row: f"{row.chance():.3f}",
        "minutes": lambda row: f"{row.mean(lambda run: run.seconds) / 60:.0f}",
    }
    slots = {}
    for name in names:
        kind, _, row = name.partition(" ")
        if name in blocks:
            slots[name] = blocks[name]()
        elif name == "n-runs":
            slots[name] = str(sum(len(row.runs) for row in rows))
        elif kind in numbers and row in by_name:
            slots[name] = numbers[kind](by_name[row])
        else:
            problem = "there is no such table, and no row of that name in the ledger"
            raise SerKerasError(f"slot {name}", problem, "Correct the name in the document")
    return slots


def draw(folder: Path = storage.LEDGER, out: Path = PICTURES) -> list[Path]:
    """Draw the ladders, the comparison, unanswered clips, and unseen speakers and texts.

    `ladder.png` shows the published systems, `ladder-all.png` the corrected ones as well;
    `comparison.png` shows all kinds of systems on voices that they have not heard, and
    `coverage.png` what is gained by leaving clips unanswered. The grids of
    speakers and texts are drawn where a protocol was run that keeps speakers or texts apart.
    Systems of which nothing was published are in the comparison alone.

    Returns:
        The files written.

    Raises:
        SerKerasError: There is no finished run.
    """
    rows = grouped(storage.read(folder))
    if not rows:
        raise SerKerasError(folder, "holds no finished run", "Make some with the action run")
    paths = []
    systems = [row for row in rows if recipes.get(row.key.recipe).published]
    for name, chosen in (("ladder", _published(rows)), ("ladder-all", systems)):
        if chosen:
            paths.append(out / f"{name}.png")
            rungs = [_rung(row) for row in chosen]
            pictures.ladder(rungs, paths[-1], "What is left when less is shared")
    measured = comparison.best_of_each_way(comparison.scores(rows))
    if measured:
        paths.append(out / "comparison.png")
        levels, title = comparison.chance_levels(rows), "Ways to recognise emotion in new voices"
        pictures.comparison(measured, levels, comparison.ADAPTED, paths[-1], title)
    answering = reliability.chosen(rows)
    if answering:
        paths.append(out / "coverage.png")
        title = "What is right when the least sure clips are left unanswered"
        curves = reliability.curves(reliability.measured(answering))
        pictures.coverage(curves, paths[-1], title)
    for title, own in _grids(rows).items():
        paths.append(out / _grid_name(own))
        rungs = [_rung(row) for row in own]
        pictures.speaker_text_grid(rungs, paths[-1], title, clips=_test_clips(own))
    return paths


def _grids(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Return title -> rows of each system on each corpus that has unseen speakers or texts.

    Systems of which nothing was published are left out.
    """
    systems: dict[tuple[str, str], list[Row]] = {}
    for row in (row for row in rows if recipes.get(row.key.recipe).published):
        systems.setdefault((row.key.recipe, row.corpus), []).append(row)
    return {
        f"{recipe} on {corpus}: speakers and texts, seen and unseen": own
        for (recipe, corpus), own in systems.items()
        if any({"speaker", "text"} & {*PROTOCOLS[row.key.protocol].holds_out} for row in own)
    }


def _grid_name(rows: list[Row]) -> str:
    recipe, corpus, _ = rows[0].key
    return f"speaker-text-{recipe}-{corpus}.png"


def _published(rows: Iterable[Row]) -> list[Row]:
    """Return the rows of the published systems on their own corpora, without corrected recipes."""
    own = {name: recipes.get(name) for name in recipes.names()}
    return [
        row
        for row in rows
        if own[row.key.recipe].published
        and not own[row.key.recipe].corrects
        and row.key.corpus == "+".join(sorted(own[row.key.recipe].corpora))
    ]


def _rung(row: Row) -> pictures.Rung:
    estimates = [run.test.uar for run in row.runs]
    values = [estimate.value for estimate in estimates]
    published = row.runs[0].reference
    baseline = row.best_baseline()
    if published is not None and published.corpus not in ("", row.key.corpus):
        published = None  # a value on other corpora is no line in this picture
    return pictures.Rung(
        recipe=row.key.recipe,
        corpus=row.corpus,
        protocol=row.key.protocol,
        value=row.uar(),
        low=min(values) if len(values) > 1 else estimates[0].low,
        high=max(values) if len(values) > 1 else estimates[0].high,
        n=round(len(row.folds) * row.mean(lambda run: run.test.n)),
        baseline=None if baseline is None else baseline[1],
        chance=row.chance(),
        published=None if published is None else published.value,
    )


def _test_clips(rows: Iterable[Row]) -> pd.DataFrame:
    """Return a row for each test clip of each run, with the protocol of the run."""
    import pandas as pd

    parts = []
    for run in (run for row in rows for run in row.runs):
        clips = storage.predictions(run)
        parts.append(clips[clips["role"] == "test"].assign(protocol=run.key.protocol))
    return pd.concat(parts, ignore_index=True)
