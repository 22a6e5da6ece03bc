"""The ways to recognise emotion side by side, on clips of voices or corpora never heard before.

A *question* is a corpus under a protocol that keeps its voices apart; a *way* is a kind of system.
Plain scores and scores of adapted recordings stand in tables of their own.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ser_keras import files, metrics, pictures, recipes
from ser_keras.errors import SerKerasError
from ser_keras.ledger.literature import LARGE_MODELS
from ser_keras.ledger.rows import Row
from ser_keras.ledger.tables import Table, counts, same_clips
from ser_keras.models.speaker_encoder import encoder
from ser_keras.runs import Run

TIMES = files.RESULTS / "milliseconds.json"  # written by `tests.benchmarks.systems`
MFCC = "MFCC statistics"  # a baseline, and the recipe that is the same as a network
BASELINE = "best baseline"
FUNCTIONALS, ENCODER, BOTH = "functionals", "speaker encoder", "encoder and functionals"
PUBLISHED, CORRECTED, SCRATCH = "published network", "corrected network", "network from scratch"
LARGE = "literature, not run here: frozen large model"
WAYS = (PUBLISHED, CORRECTED, SCRATCH, MFCC, BASELINE, FUNCTIONALS, ENCODER, BOTH, LARGE)
ADAPTED = {  # key of a run's adapted scores -> what its recordings were adapted to
    "1 recording": "1 other recording of the voice",
    "3 recordings": "3 other recordings of the voice",
    "speaker": "all recordings of the voice, the scored ones too",
}


class Question(NamedTuple):
    """A column: the test clips of a corpus under a protocol.

    Of pooled corpora, `part` names the one whose test clips alone are scored; there is then no
    score of a baseline.
    """

    title: str
    corpus: str
    protocol: str
    part: str = ""


QUESTIONS = (
    Question("RAVDESS, five folds", "ravdess", "speaker"),
    Question("RAVDESS, EmoBox's six folds", "ravdess", "speaker-emobox"),
    Question("TESS, other actress", "tess", "speaker"),
    Question("TESS, other actress and words", "tess", "speaker-text"),
    Question(
        "TESS, with RAVDESS and SAVEE",
        "ravdess+savee+tess",
        "speaker",
        part="tess",
    ),
    Question("SAVEE", "savee", "speaker"),
    Question("AESDD", "aesdd", "speaker"),
    Question("ASED", "ased", "speaker"),
    Question("one corpus left out", "aesdd+ased+ravdess+savee+tess", "whole-corpus"),
)
_SHORT = {  # header in the short table -> title
    "RAVDESS": "RAVDESS, five folds",
    "TESS": "TESS, other actress",
    "SAVEE": "SAVEE",
    "AESDD": "AESDD",
    "ASED": "ASED",
    "corpus left out": "one corpus left out",
}


def way(recipe: str) -> str:
    """Return the kind of system that a recipe is.

    Example:
        >>> way("attention-tess-corrected"), way("fusion")
        ('corrected network', 'encoder and functionals')
    """
    own = recipes.get(recipe)
    if own.published:
        return CORRECTED if own.corrects else PUBLISHED
    kinds = {"speaker_encoder": ENCODER, "functionals": FUNCTIONALS}
    kinds["speaker_encoder+functionals"] = BOTH
    return MFCC if own.batch.fit == "statistics" else kinds.get(own.features.kind, SCRATCH)


def scores(rows: Iterable[Row]) -> list[pictures.Measured]:
    """Return the scores of all rows that answer a question, plain and adapted.

    Baselines are among them, each once for a question, from the row with the most folds. Adapted
    scores are there where all runs of a row have them. Synthetic speech is left out.
    """
    answers: list[pictures.Measured] = []
    for question, own in _answering(rows).items():
        baselines: dict[str, Row] = {}
        for row in own:
            name = row.key.recipe
            part = question.part
            answers.append(_score(way(name), name, question, row, _uar(part=part)))
            for by in ADAPTED:
                if all(by in run.adapted_to(part or None) for run in row.runs):
                    value = _uar(part=part, adapted=by)
                    answers.append(_score(way(name), name, question, row, value, adapted=by))
            if part:
                continue
            for baseline in set.intersection(*(set(run.baselines) for run in row.runs)):
                other = baselines.setdefault(baseline, row)
                if len(row.folds) > len(other.folds):
                    baselines[baseline] = row
        for name, row in sorted(baselines.items()):
            for kind in (MFCC, BASELINE) if name == MFCC else (BASELINE,):
                answers.append(_score(kind, name, question, row, _uar(baseline=name)))
    return answers


def plain(rows: Iterable[Row]) -> Table:
    """Return the UAR of each system for each question, nothing adapted, with the chance level.

    Of the baselines, the best one of each question is named. Large models are as reported.
    """
    rows = list(rows)
    own = [score for score in scores(rows) if not score.adapted]
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for score in _best_baselines(own):
        named = score.way == BASELINE
        cells = lines.setdefault((score.way, "" if named else score.system), {})
        cells[score.question] = _text(score) + (f" ({score.system})" if named else "")
    titles = {(each.corpus, each.protocol): each.title for each in QUESTIONS}
    for model in LARGE_MODELS:
        cells = {titles[asked]: f"{uar:.3f}" for asked, uar in model.uar.items()}
        cells |= {titles[a]: f"accuracy {value:.3f}" for a, value in model.accuracy.items()}
        lines[LARGE, model.name] = cells
    levels = {title: f"{value:.3f}" for title, value in chance_levels(rows).items()}
    order = sorted(lines, key=lambda line: WAYS.index(line[0]))
    ranked = {line: lines[line] for line in order} | {("chance level", ""): levels}
    table = [
        [*line, *(cells.get(question.title, "") for question in QUESTIONS)]
        for line, cells in ranked.items()
    ]
    return Table(("kind", "system", *(question.title for question in QUESTIONS)), table)


def adapted(rows: Iterable[Row]) -> Table:
    """Return the UAR of each system for each question, adapted to recordings without labels."""
    lines: dict[tuple[str, str], dict[str, str]] = {}
    answers = [score for score in scores(rows) if score.adapted]
    for score in sorted(answers, key=lambda score: WAYS.index(score.way)):
        cells = lines.setdefault((score.system, ADAPTED[score.adapted]), {})
        cells[score.question] = _text(score)
    table = [
        [*line, *(cells.get(question.title, "") for question in QUESTIONS)]
        for line, cells in lines.items()
    ]
    return Table(("system", "adapted to", *(question.title for question in QUESTIONS)), table)


def short(rows: Iterable[Row]) -> Table:
    """Return four lines for a first page: the best network, baseline and system, plain and adapted.

    Each figure is the best of its line for that question.
    """
    answers = scores(rows)
    lines = {
        "best published or corrected network": ("", (PUBLISHED, CORRECTED)),
        "best baseline": ("", (BASELINE,)),
        "`fusion`, `general`": ("", (BOTH,)),
        "the same, adapted to 3 other recordings": ("3 recordings", (BOTH,)),
    }
    table = []
    for name, (by, ways) in lines.items():
        own = [score for score in answers if score.way in ways and score.adapted == by]
        values = [
            max((score.value for score in own if score.question == title), default=None)
            for title in _SHORT.values()
        ]
        table.append([name, *("" if value is None else f"{value:.3f}" for value in values)])
    return Table(("UAR", *_SHORT), table if answers else [])


def milliseconds(path: Path = TIMES) -> dict[str, float]:
    """Return the time of the processor for a clip by system, in ms; none if there is no file.

    It is the median of the stored repetitions.

    Raises:
        SerKerasError: The file holds something else.
    """
    if not path.exists():
        return {}
    stored: Any = files.read_json(path)
    try:
        return {
            name: statistics.median(values)
            for measured in stored
            for name, values in measured["milliseconds"].items()
        }
    except (KeyError, TypeError, AttributeError, statistics.StatisticsError) as error:
        problem = "holds no milliseconds by system"
        raise SerKerasError(path, problem, "Take a fresh copy of the project") from error


def systems(rows: Iterable[Row], times: Mapping[str, float]) -> Table:
    """Return what each system is made of: its parameters, what they learned from, time, licences.

    Args:
        rows: Rows, of whose systems those are shown that answer a question.
        times: Milliseconds for a clip by system. A system that was not timed has an empty cell.
    """
    sizes: dict[str, set[int]] = {}
    for row in itertools.chain.from_iterable(_answering(rows).values()):
        sizes.setdefault(row.key.recipe, set()).update(run.parameters for run in row.runs)
    frozen = (
        4
        * encoder.UNITS
        * sum(  # LSTM layers: kernel, recurrent kernel and bias of 4 gates
            inputs + encoder.UNITS + 1
            for inputs in (encoder.BANDS, *[encoder.UNITS] * (encoder.LAYERS - 1))
        )
    )
    table = []
    for name in sorted(sizes, key=lambda name: (WAYS.index(way(name)), name)):
        ends = sorted({min(sizes[name]), max(sizes[name])})
        trained = " to ".join(f"{size:,}" for size in ends)
        heard = way(name) in (ENCODER, BOTH)
        time = f"{times[name]:.1f}" if name in times else ""
        pretrained = (f"{frozen:,}", "VoxCeleb") if heard else ("", "nothing")
        licence = "MIT, encoder Apache-2.0" if heard else "MIT"
        table.append([way(name), name, trained, *pretrained, time, licence])
    for model in LARGE_MODELS:
        size = "" if model.parameters is None else f"about {model.parameters:,}"
        facts = [size, model.data, "", model.licence]
        table.append([LARGE, model.name, "small network", *facts])
    header = ("kind", "system", "parameters trained", "parameters frozen", "pretrained on")
    return Table((*header, "ms a clip", "licence"), table)


def neighbours(rows: Iterable[Row]) -> Table:
    """Return the paired tests of functionals, encoder and both on the same clips.

    The exact McNemar test takes clips for independent. Clips of a voice err together, so the
    speakers for whom one system is right more often than the other are counted as well, with the
    sign test over them.
    """
    cells = []
    for question, own in _answering(rows).items():
        beside = [row for row in own if way(row.key.recipe) in (FUNCTIONALS, ENCODER, BOTH)]
        beside.sort(key=lambda row: WAYS.index(way(row.key.recipe)))
        for first, second in itertools.combinations(beside, 2):
            tests, voices = [], []
            for both in same_clips(first, second):
                if question.part:  # of pooled corpora, a path begins with the name of one
                    both = both[both["path"].str.startswith(f"{question.part}/")]
                truth, ours, other = (both[c] for c in ("emotion", "predicted", "predicted_other"))
                tests.append(metrics.paired(truth, ours, other))
                gain = (ours == truth).astype(int) - (other == truth).astype(int)
                gains = gain.groupby([both["fold"], both["speaker"]]).sum()
                voices.append(
                    metrics.Paired.of(len(gains), int((gains > 0).sum()), int((gains < 0).sum()))
                )
            if tests:
                names = [question.title, first.key.recipe, second.key.recipe]
                cells.append([*names, *counts(tests), *counts(voices)])
    header = ("clips of", "first", "second", "clips", "only the first", "only the second", "p")
    voices_of = ("speakers", "better with the first", "better with the second", "p by speakers")
    return Table((*header, *voices_of), cells)


def chance_levels(rows: Iterable[Row]) -> dict[str, float]:
    """Return the chance level of each question that a row answers, as a mean over folds.

    A record does not tell which emotions a part of pooled corpora has, so a part has none.
    """
    levels = {}
    for question, own in _answering(rows).items():
        if question.part:
            continue
        row = max(own, key=lambda row: len(row.folds))
        levels[question.title] = row.mean(lambda run: Row((run,)).chance())
    return levels


def best_of_each_way(answers: Iterable[pictures.Measured]) -> list[pictures.Measured]:
    """Return of each way the system with the best plain score for each question.

    Adapted scores are those of the same systems. The large models of the literature are added.
    """
    answers = list(answers)
    best: dict[tuple[str, str], pictures.Measured] = {}
    for score in (score for score in answers if not score.adapted):
        other = best.setdefault((score.question, score.way), score)
        best[score.question, score.way] = max(other, score, key=lambda each: each.value)
    shown = {(score.question, score.way, score.system) for score in best.values()}
    shown -= {(question, BASELINE, MFCC) for question, _, _ in shown}  # a line of its own, too
    own = [score for score in answers if (score.question, score.way, score.system) in shown]
    asked = {score.question for score in own}
    own += [
        pictures.Measured(LARGE, model.name, question.title, model.uar[question[1:3]])
        for question in QUESTIONS
        for model in LARGE_MODELS
        if question.title in asked and question[1:3] in model.uar
    ]
    titles = [question.title for question in QUESTIONS]
    return sorted(own, key=lambda each: (titles.index(each.question), WAYS.index(each.way)))


def _answering(rows: Iterable[Row]) -> dict[Question, list[Row]]:
    """Return the rows that answer each question, on real speech; without any, none."""
    rows = [row for row in rows if not row.runs[0].synthetic]
    answers = {
        question: [row for row in rows if row.key[1:] == question[1:3]] for question in QUESTIONS
    }
    return {question: own for question, own in answers.items() if own}


def _score(
    kind: str,
    name: str,
    question: Question,
    row: Row,
    value: Callable[[Run], float],
    adapted: str = "",
) -> pictures.Measured:
    by_fold = [
        Row(tuple(run for run in row.runs if run.key.fold == fold)).mean(value)
        for fold in row.folds
    ]
    return pictures.Measured(
        kind,
        name,
        question.title,
        statistics.fmean(by_fold),
        spread=statistics.stdev(by_fold) if len(by_fold) > 1 else None,
        adapted=adapted,
        coverage="" if row.is_whole else row.coverage,
    )


def _uar(*, part: str = "", adapted: str = "", baseline: str = "") -> Callable[[Run], float]:
    """Return the function that gives one of the UARs of a run; without a name, that of the run."""
    if adapted:
        return lambda run: run.adapted_to(part or None)[adapted].uar.value
    if baseline:
        return lambda run: run.baselines[baseline].scores.uar.value
    return lambda run: run.estimate("uar", part or None).value


def _best_baselines(answers: Sequence[pictures.Measured]) -> list[pictures.Measured]:
    """Return scores without the baselines that another one beats."""
    best: dict[str, pictures.Measured] = {}
    for score in (score for score in answers if score.way == BASELINE):
        other = best.setdefault(score.question, score)
        best[score.question] = max(other, score, key=lambda each: each.value)
    return [score for score in answers if score.way != BASELINE or score in best.values()]


def _text(score: pictures.Measured) -> str:
    text = f"{score.value:.3f}"
    text += "" if score.spread is None else f" ± {score.spread:.3f}"
    return text + (f", {score.coverage}" if score.coverage else "")
