"""What leaving clips unanswered gives, and whether sets hold the truth, from the rows of a ledger.

Nothing is measured on the clips that set a threshold or a limit: these come from the other folds of
the row. The kind of score and the least share of answered clips were compared on these very clips,
though, so that the figures lean a little towards the good side.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ser_keras import calibration, pictures, reliability
from ser_keras.ledger import release
from ser_keras.ledger.release import LeftOut
from ser_keras.ledger.rows import Row
from ser_keras.ledger.tables import Table

SYSTEMS = (("fusion", release.NEW_SPEAKERS), ("general", release.PROTOCOL))  # with their protocols
TITLES = {
    "fusion": "fusion, trained on other speakers of the corpus",
    "general": "general, trained on other corpora",
}


@dataclass(frozen=True, eq=False)
class Held:
    """What a system said of clips that neither it nor its threshold was made from.

    Args:
        system: Name of the recipe.
        corpus: Corpus of the clips.
        margins: Difference between the two highest probabilities, (clips,).
        right: Whether the most probable emotion is the true one, bool (clips,).
        answered: Whether the label counts, bool (clips,).
        sets: For each stated coverage that the other folds have speakers enough for, the measured
            coverage by speaker, and the mean number of emotions in a set.
    """

    system: str
    corpus: str
    margins: np.ndarray
    right: np.ndarray
    answered: np.ndarray
    sets: dict[float, tuple[float, float]]


def chosen(rows: Iterable[Row]) -> list[Row]:
    """Return the whole rows of `SYSTEMS`, in their order; of `fusion` those of single corpora."""
    whole = [row for row in rows if row.is_whole and len(row.folds) > 1]
    return [
        row
        for system in SYSTEMS
        for row in whole
        if (row.key.recipe, row.key.protocol) == system
        and (row.key.protocol == release.PROTOCOL or "+" not in row.key.corpus)
    ]


def measured(rows: Iterable[Row]) -> list[list[Held]]:
    """Return for each system what its rows say of each corpus."""
    systems: dict[str, list[Held]] = {}
    for row in rows:
        systems.setdefault(row.key.recipe, []).extend(held(row))
    return list(systems.values())


def held(
    row: Row, judged: Sequence[LeftOut] = (), measured_by: Sequence[LeftOut] = ()
) -> list[Held]:
    """Return what a row says of each corpus: that of its folds, or the ones left out.

    Only the first seed counts. Temperatures, thresholds and limits come from the other folds.

    Args:
        row: Row of runs.
        judged: What its runs say after adapting, in the order of the folds, to be judged in place
            of the plain answers.
        measured_by: The same, from which thresholds and limits are taken; none for `judged`.

    Raises:
        SerKerasError: A fold is missing.
    """
    plain = release.left_out(first_seed(row))
    judged = judged or plain
    measured_by = measured_by or judged
    pooled = row.key.protocol == release.PROTOCOL
    by_corpus: dict[str, list[Held]] = {}
    for fold, part in enumerate(judged):
        plain_others = [other for i, other in enumerate(plain) if i != fold]
        others = [other for i, other in enumerate(measured_by) if i != fold]
        temperatures = release.temperatures(plain_others) if pooled else [1.0] * len(others)
        temperature = release.temperature(plain_others) if pooled else 1.0
        known = reliability.Reliability(plain=release.answers(others, temperatures))
        there = part.probabilities.max(axis=0) > 0  # emotions of the corpus
        labels = [label for label, is_there in zip(part.labels, there, strict=True) if is_there]
        probabilities = calibration.sharpen(part.probabilities[:, there], temperature)
        emotions = part.clips["emotion"].to_numpy(str)
        speakers = part.clips["speaker"].to_numpy(str)
        sets = {}
        for coverage in known.coverages():
            each = [known.possible(row, labels, coverage) for row in probabilities]
            holds = np.array([truth in own for truth, own in zip(emotions, each, strict=True)])
            by_speaker = [holds[speakers == name].mean() for name in np.unique(speakers)]
            sets[coverage] = float(np.mean(by_speaker)), float(np.mean([len(own) for own in each]))
        by_corpus.setdefault(part.corpus, []).append(
            Held(
                system=row.key.recipe,
                corpus=part.corpus,
                margins=reliability.margin(probabilities),
                right=np.array(labels)[probabilities.argmax(axis=1)] == emotions,
                answered=known.answers(probabilities),
                sets=sets,
            )
        )
    return [_joined(own) for own in by_corpus.values()]


def first_seed(row: Row) -> Row:
    """Return the runs of a row that have its first seed."""
    return Row(tuple(run for run in row.runs if run.key.seed == row.seeds[0]))


def table(systems: Iterable[Sequence[Held]]) -> Table:
    """Return for each system and corpus the accuracy of all clips and of the answered ones.

    The mean weighs each corpus the same.
    """
    cells = []
    for own in systems:
        figures = []
        for each in own:
            right, answered = each.right, each.answered
            shares = [right.mean(), answered.mean()]
            shares += [right[w].mean() if w.any() else np.nan for w in (answered, ~answered)]
            figures.append(shares)
            cells.append([each.system, each.corpus, str(len(right)), *_texts(shares)])
        if len(own) > 1:
            cells.append([own[0].system, "mean", "", *_texts(np.mean(figures, axis=0))])
    header = ("system", "corpus", "clips", "accuracy", "share answered")
    return Table((*header, "accuracy where answered", "accuracy where unsure"), cells)


def sets(systems: Iterable[Sequence[Held]]) -> Table:
    """Return for each system and corpus how often the sets hold the truth, and how large they are.

    A cell is empty where the other folds have too few speakers for the stated coverage.
    """
    cells = []
    for each in (each for own in systems for each in own):
        cells.append([each.system, each.corpus])
        for coverage in reliability.COVERAGES:
            known = each.sets.get(coverage)
            cells[-1] += ["", ""] if known is None else [f"{known[0]:.3f}", f"{known[1]:.1f}"]
    columns = (
        name for coverage in reliability.COVERAGES for name in (f"held, stated {coverage}", "size")
    )
    return Table(("system", "corpus", *columns), cells)


def curves(systems: Iterable[Sequence[Held]]) -> dict[str, list[pictures.Curve]]:
    """Return for each system, by its title, the accuracy at every share of answered clips."""
    panels = {}
    for own in systems:
        panels[TITLES.get(own[0].system, own[0].system)] = [
            pictures.Curve(
                name=each.corpus,
                margins=each.margins,
                right=each.right,
                answered=float(each.answered.mean()),
                accuracy=float(each.right[each.answered].mean()),
            )
            for each in own
            if each.answered.any()
        ]
    return panels


def _texts(shares: Sequence[float] | np.ndarray) -> list[str]:
    return ["" if np.isnan(share) else f"{share:.3f}" for share in shares]


def _joined(folds: Sequence[Held]) -> Held:
    """Return the folds of a corpus as one; its sets are the means over folds that have them."""
    coverages = [c for c in reliability.COVERAGES if any(c in fold.sets for fold in folds)]
    measured = {c: [fold.sets[c] for fold in folds if c in fold.sets] for c in coverages}
    return Held(
        system=folds[0].system,
        corpus=folds[0].corpus,
        margins=np.concatenate([fold.margins for fold in folds]),
        right=np.concatenate([fold.right for fold in folds]),
        answered=np.concatenate([fold.answered for fold in folds]),
        sets={c: tuple(np.mean(own, axis=0).tolist()) for c, own in measured.items()},
    )
