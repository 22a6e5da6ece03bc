"""The record of a finished run, typed, to and from JSON."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, cast

from ser_keras import baselines, evaluation, files, metrics
from ser_keras.errors import SerKerasError
from ser_keras.metrics import Estimate, Paired, Scores
from ser_keras.recipes import Published
from ser_keras.runs.key import RunKey
from ser_keras.runs.provenance import Environment

FORMAT = 2
SEAL = "metrics.json"  # written last: a folder without it holds no finished run
METRICS = ("accuracy", "uar", "macro_f1")
_AGAIN = "Train the run again with --fresh"


@dataclass(frozen=True)
class Headline:
    """The three metrics of a set of clips, without what they are made from."""

    n: int
    accuracy: Estimate
    uar: Estimate
    macro_f1: Estimate

    @classmethod
    def of(cls, scores: Scores) -> Headline:
        """Return the headline of scores."""
        return cls(scores.n, scores.accuracy, scores.uar, scores.macro_f1)

    @classmethod
    def from_json(cls, value: Mapping) -> Headline:
        """Return the headline whose fields were written as JSON."""
        return cls(**{**value, **{name: Estimate(**value[name]) for name in METRICS}})


@dataclass(frozen=True)
class Baseline:
    """A baseline on the test clips of a run.

    Args:
        scores: Its scores.
        paired: The network (first) and the baseline (second) on the same clips.
    """

    scores: Scores
    paired: Paired | None

    @classmethod
    def from_json(cls, value: Mapping) -> Baseline:
        """Return the baseline whose fields were written as JSON."""
        paired = value["paired"]
        scores = Scores.from_json(value["scores"])
        return cls(scores, None if paired is None else Paired(**paired))


@dataclass(frozen=True)
class Searched:
    """How the settings of a run were chosen by a search.

    Args:
        trials: Number of settings that were tried on the validation clips.
        scored: Number of settings of the recipe that have been scored on the test clips of the run,
            its own among them.
    """

    trials: int
    scored: int


@dataclass(frozen=True, kw_only=True)
class Run:
    """A finished run: what it is, what it reached, and what made it.

    Args:
        key: Its name.
        title: Title of its recipe.
        synthetic: Whether its clips are synthetic speech.
        clips: Number of clips by corpus and role.
        speakers: Number of speakers in the test clips; None where speakers are not known.
        folds: Number of folds that the protocol has on the corpus.
        split_hash: Hash of the split: which sound has which role.
        validation: Scores of the validation clips.
        test: Scores of the test clips, which were scored once.
        by_corpus: Scores of the test clips of each corpus, where several were pooled.
        baselines: Baselines on the test clips, by name.
        baseline_versions: Versions of the packages that made the baselines, which may have been
            fitted long after the network; empty where they were not noted.
        published: Published values to compare with; the first is the one that counts.
        best_epoch: Epoch whose weights were kept, from 1.
        epochs: Number of epochs that were trained.
        seconds: Time that the run took.
        parameters: Number of the network's parameters.
        pretrained: Number of those that were trained on other data before.
        environments: Where its epochs were trained, in order; several if the run was resumed in
            another environment.
        repeat: 0 for the run that counts; 1, 2, ... for the same run made again elsewhere.
        searched: How its settings were chosen, if a search chose them.
        adapted: Scores of the test clips with the network adapted to their voices, by what it was
            adapted to; see `runs.adapted`. Empty where it cannot be adapted.
        adapted_by_corpus: The same for the test clips of each corpus, where they are of several.
        arousal: Area under the curve of arousal, plain and by what the network was adapted to;
            see `runs.adapted`. Empty where it was not measured.
        folder: Where the record was read from; not part of the record.
    """

    key: RunKey
    title: str
    synthetic: bool
    clips: dict[str, dict[str, int]]
    speakers: int | None
    folds: int
    split_hash: str
    validation: Scores
    test: Scores
    by_corpus: dict[str, Headline]
    baselines: dict[str, Baseline]
    baseline_versions: dict[str, str]
    published: tuple[Published, ...]
    best_epoch: int
    epochs: int
    seconds: float
    parameters: int
    pretrained: int = 0
    environments: tuple[Environment, ...]
    repeat: int = 0
    searched: Searched | None = None
    adapted: dict[str, Headline] = field(default_factory=dict)
    adapted_by_corpus: dict[str, dict[str, Headline]] = field(default_factory=dict)
    arousal: dict[str, float] = field(default_factory=dict)
    folder: Path = field(compare=False)

    @property
    def command(self) -> str:
        """The command that makes this run."""
        return self.key.command + ("" if self.environments[0].deterministic else " --fast")

    def estimate(self, metric: str, corpus: str | None = None) -> Estimate:
        """Return a metric of the test clips.

        Args:
            metric: "accuracy", "uar" or "macro_f1".
            corpus: One of several pooled corpora; None for the test clips of all.
        """
        return getattr(self.test if corpus is None else self.by_corpus[corpus], metric)

    def adapted_to(self, corpus: str | None = None) -> dict[str, Headline]:
        """Return the scores of the test clips by what the network was adapted to.

        Args:
            corpus: One of several pooled corpora; None for the test clips of all.
        """
        return self.adapted if corpus is None else self.adapted_by_corpus.get(corpus, {})

    @property
    def reference(self) -> Published | None:
        """The published value that the run is compared with, if anything was published."""
        return self.published[0] if self.published else None

    @property
    def verdict(self) -> str:
        """What the test scores say of the published value; see `metrics.verdict`.

        A run that is shortened, or has changed settings, says how it deviates.
        """
        key, reference = self.key, self.reference
        verdict = metrics.verdict(
            self.test,
            reference,
            protocol=key.protocol,
            corpus=key.corpus,
            changed=bool(key.overrides),
        )
        on_its_corpus = reference is not None and reference.corpus in ("", key.corpus)
        reason = evaluation.deviation(key.recipe, key.overrides, on_its_corpus)
        return evaluation.with_reason(verdict, reason)

    @property
    def shortened(self) -> str:
        """How many of its recipe's epochs it was allowed, "3 of 300 epochs"; "" if all."""
        return evaluation.shortened(self.key.recipe, self.key.overrides)

    @property
    def constant_prediction(self) -> str | None:
        """The label that the network gives every test clip; None if it gives several."""
        return self.test.constant_prediction

    @property
    def unbeaten(self) -> tuple[str, ...]:
        """The baselines that the network does not beat on the test clips, the best one first."""
        scores = {name: baseline.scores for name, baseline in self.baselines.items()}
        ranked = list(baselines.best_first({**scores, "": self.test}))  # of equals, it comes last
        return tuple(ranked[: ranked.index("")])

    def to_json(self) -> dict:
        """Return the record as JSON values, in the order in which a person would read them."""
        first, *others = map(asdict, self.environments)
        adapted = {
            "adapted": {name: asdict(value) for name, value in self.adapted.items()},
            "adapted_by_corpus": {
                corpus: {name: asdict(value) for name, value in part.items()}
                for corpus, part in self.adapted_by_corpus.items()
            },
            "arousal": self.arousal,
        }
        return {
            "format": FORMAT,
            "run": self.key.to_json(),
            "repeat": self.repeat,
            "title": self.title,
            "command": self.command,
            "synthetic": self.synthetic,
            "clips": self.clips,
            "speakers": self.speakers,
            "folds": self.folds,
            "split_hash": self.split_hash,
            "test": self.test.to_json(),
            "constant_prediction": self.constant_prediction,
            "validation": self.validation.to_json(),
            "by_corpus": {name: asdict(value) for name, value in self.by_corpus.items()},
            "baselines": {
                name: {
                    "scores": value.scores.to_json(),
                    "paired": None if value.paired is None else asdict(value.paired),
                }
                for name, value in self.baselines.items()
            },
            "baseline_versions": self.baseline_versions,
            "published": [asdict(value) for value in self.published],
            "best_epoch": self.best_epoch,
            "epochs": self.epochs,
            "seconds": self.seconds,
            "parameters": self.parameters,
            "pretrained": self.pretrained,
            "environment": first,
            "resumed_in": others,
            **({} if self.searched is None else {"searched": asdict(self.searched)}),
            **{name: value for name, value in adapted.items() if value},
        }

    @classmethod
    def from_json(cls, value: object, folder: Path) -> Run:
        """Return the run whose record `to_json` gave.

        Args:
            value: The JSON values.
            folder: Where they were read from.

        Raises:
            SerKerasError: They are no record, or one of another format.
        """
        path = folder / SEAL
        if not isinstance(value, Mapping):
            raise SerKerasError(path, "is not the record of a run", _AGAIN)
        if value.get("format") != FORMAT:
            problem = f"has format {value.get('format')!r}, and this version reads {FORMAT}"
            raise SerKerasError(path, problem, _AGAIN)
        try:
            environments = [value["environment"], *value["resumed_in"]]
            plain = {f.name: value[f.name] for f in fields(cls) if f.name in value}
            run = cls(
                **plain
                | {
                    "key": RunKey.from_json(value["run"]),
                    "validation": Scores.from_json(value["validation"]),
                    "test": Scores.from_json(value["test"]),
                    "by_corpus": {
                        name: Headline.from_json(scores)
                        for name, scores in value["by_corpus"].items()
                    },
                    "baselines": {
                        name: Baseline.from_json(baseline)
                        for name, baseline in value["baselines"].items()
                    },
                    "published": tuple(Published(**each) for each in value["published"]),
                    "environments": tuple(Environment(**each) for each in environments),
                    "searched": Searched(**value["searched"]) if "searched" in value else None,
                    "adapted": {
                        name: Headline.from_json(scores)
                        for name, scores in value.get("adapted", {}).items()
                    },
                    "adapted_by_corpus": {
                        corpus: {name: Headline.from_json(scores) for name, scores in part.items()}
                        for corpus, part in value.get("adapted_by_corpus", {}).items()
                    },
                    "folder": folder,
                }
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            problem = f"is not a record as this version writes it ({str(error)[:200]})"
            raise SerKerasError(path, problem, _AGAIN) from error
        wrong = [
            f.name for f in fields(cls) if not _fits(getattr(run, f.name), _types(cls)[f.name])
        ]
        tables = [run.validation, run.test, *(each.scores for each in run.baselines.values())]
        if wrong or not all(map(_is_whole, tables)):
            problem = f"is not a record as this version writes it ({', '.join(wrong) or 'scores'})"
            raise SerKerasError(path, problem, _AGAIN)
        return run

    def write(self) -> None:
        """Seal the run folder with the record."""
        files.write_json(self.folder / SEAL, self.to_json())


def read(folder: Path) -> Run | None:
    """Return the finished run in a run folder, or None where there is none.

    Raises:
        SerKerasError: The record cannot be read.
    """
    if not (folder / SEAL).is_file():
        return None
    return Run.from_json(files.read_json(folder / SEAL), folder)


_types: Callable[[Any], dict[str, Any]] = functools.cache(typing.get_type_hints)


def _fits(value: object, kind: Any) -> bool:
    """Return whether a value that was read from JSON is of the type that a field has."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return True
    if dataclasses.is_dataclass(kind):
        hints = _types(kind)
        return isinstance(value, cast(type, kind)) and all(
            _fits(getattr(value, f.name), hints[f.name]) for f in fields(kind)
        )
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, part) for part in parts)
    if origin is dict:
        return isinstance(value, dict) and all(
            _fits(key, parts[0]) and _fits(item, parts[1]) for key, item in value.items()
        )
    if origin in (list, tuple):
        return isinstance(value, origin) and all(_fits(item, parts[0]) for item in value)
    if kind is float:
        return type(value) in (int, float)
    return isinstance(value, kind) and isinstance(value, bool) == (kind is bool)


def _is_whole(scores: Scores) -> bool:
    """Return whether scores have a row for each label, and counts of clips."""
    n, bins = len(scores.labels), scores.calibration.get("bins")
    return (
        n > 0
        and scores.n > 0
        and [*scores.per_class] == [*scores.labels]
        and all(
            {"precision", "recall", "f1", "n"} <= row.keys() for row in scores.per_class.values()
        )
        and [len(row) for row in scores.confusion] == n * [n]
        and _fits(bins, list[dict[str, float]])
        and _fits(scores.calibration.get("ece"), float)
    )
