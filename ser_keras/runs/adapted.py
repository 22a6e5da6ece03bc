"""Scores of the test clips where the network is adapted to their voices, beside the plain ones.

Only features with one vector a clip can be adapted, and only where the speakers are known.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ser_keras import adaptation, calibration, metrics, seeding
from ser_keras.calibration import AROUSED, Arousal
from ser_keras.prediction import Pipeline
from ser_keras.runs.record import Headline, Run
from ser_keras.splits import Split

if TYPE_CHECKING:
    import pandas as pd

DRAWS = 3  # of the recordings that a speaker is enrolled with
ENROLLED = {"1 recording": 1, "3 recordings": 3}  # other recordings of the speaker, never scored
ITSELF = ("speaker", "corpus")  # adapted to the very clips that are scored
_WORDS = {
    "1 recording": "to the speaker by 1 other recording",
    "3 recordings": "to the speaker by 3 other recordings",
    "speaker": "to the speaker by the scored clips themselves",
    "corpus": "to the corpus by the scored clips themselves",
}


@dataclass(frozen=True)
class Adapted:
    """Scores of the test clips by what the network was adapted to; empty where it cannot be.

    Args:
        scores: Scores of all test clips by "1 recording", "3 recordings", "speaker" and "corpus".
        by_corpus: The same by corpus, where the test clips are of several.
        arousal: Area under the curve of arousal by "plain" and by what the network was adapted to:
            how well the share of the aroused emotions tells aroused clips from calm ones. Empty
            where the network or the test clips lack one of the two kinds.
    """

    scores: dict[str, Headline] = field(default_factory=dict)
    by_corpus: dict[str, dict[str, Headline]] = field(default_factory=dict)
    arousal: dict[str, float] = field(default_factory=dict)


def measure(pipeline: Pipeline, split: Split, store: Mapping[str, np.ndarray]) -> Adapted:
    """Return the scores of the test clips by what the network was adapted to.

    "1 recording" and "3 recordings" adapt to other test clips of the same speaker, of any emotion,
    which are not scored. They are drawn three times, and the clips of the three draws are scored
    together, so that each clip counts up to three times. Intervals take that into account: they are
    drawn by speaker, and where there are too few speakers by clip with all its draws. A speaker
    with few clips is enrolled with no more than half of them. "speaker" adapts to all test clips of
    each speaker and "corpus" to all of each corpus: the clips that are scored are among them.

    Args:
        pipeline: The network as users will run it.
        split: Clips with their roles.
        store: Frames of each clip by its content, float32 (frames, n_features).

    Returns:
        The scores; none where features are not one vector a clip, or a speaker is not known.
    """
    clips = split.part("test").sort_values("content", ignore_index=True)  # paths may differ
    batch, labels = pipeline.batch, pipeline.labels
    if (
        not pipeline.features.one_vector
        or (batch.fit, batch.normalize) != ("mean", "feature")
        or clips["speaker"].isna().any()
    ):
        return Adapted()
    answers = _answers(pipeline, clips, split.seed, store)
    corpora, contents = clips["corpus"].to_numpy(str), clips["content"].to_numpy(str)
    speakers = (clips["corpus"] + "/" + clips["speaker"]).to_numpy(str)
    truth = clips["emotion"].map(labels.index).to_numpy(int)

    def headlines(there: np.ndarray) -> dict[str, Headline]:
        """Return the scores of the clips for which `there`, bool (clips,), is true."""
        few = len(np.unique(speakers[there])) < metrics.MIN_SPEAKERS
        drawn = contents if few else speakers
        values = {}
        for name, (rows, probabilities) in answers.items():
            if name != "plain":
                own, rows = there[rows], rows[there[rows]]
                scores = metrics.score(truth[rows], probabilities[own], labels, groups=drawn[rows])
                values[name] = Headline.of(scores)
        return values

    names = [str(name) for name in np.unique(corpora)]
    by_corpus = {name: headlines(corpora == name) for name in names if len(names) > 1}
    areas, aroused = {}, calibration.aroused(clips["emotion"])
    if set(AROUSED) <= set(labels) and {0.0, 1.0} <= set(aroused):
        for name, (rows, probabilities) in answers.items():
            known = ~np.isnan(aroused[rows])
            measured = Arousal(AROUSED).log_odds(probabilities[known], labels)
            areas[name] = calibration.area_under_curve(measured, aroused[rows][known] == 1)
    return Adapted(headlines(np.full(len(clips), True)), by_corpus, areas)


def _answers(
    pipeline: Pipeline, clips: pd.DataFrame, seed: int, store: Mapping[str, np.ndarray]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the numbers of the scored clips and their probabilities, plain and adapted."""
    batch = pipeline.batch
    vectors = [store[content] for content in clips["content"]]
    speakers = (clips["corpus"] + "/" + clips["speaker"]).to_numpy(str)
    answers = {"plain": (np.arange(len(clips)), pipeline.probabilities(vectors))}
    for name, count in ENROLLED.items():
        scored, parts = [], []
        for draw, speaker in itertools.product(range(DRAWS), np.unique(speakers)):
            own = np.flatnonzero(speakers == speaker)
            own = seeding.stream(seed, "enrolment", draw, speaker).permutation(own)
            n_enrolled = min(count, len(own) // 2)
            enrolled, rest = own[:n_enrolled], own[n_enrolled:]
            voice = adaptation.enrol([vectors[i] for i in enrolled], pipeline.normalization, batch)
            scored.append(rest)
            parts.append(pipeline.adapted(voice).probabilities(vectors[i] for i in rest))
        answers[name] = np.concatenate(scored), np.concatenate(parts)
    for name, groups in zip(ITSELF, (speakers, clips["corpus"].to_numpy(str)), strict=True):
        adaptations = adaptation.adapt(
            vectors, pipeline.normalization, batch, "speaker", speakers=list(groups)
        )
        scored, parts = [], []
        for group in np.unique(groups):
            own = np.flatnonzero(groups == group)
            adapted = pipeline.adapted(adaptations[own[0]])
            scored.append(own)
            parts.append(adapted.probabilities(vectors[i] for i in own))
        answers[name] = np.concatenate(scored), np.concatenate(parts)
    return answers


def sentences(run: Run) -> list[str]:
    """Return a line for each score of a run that was adapted; none where there is none."""
    return [
        f"adapted {_WORDS[name]}: UAR {run.adapted[name].uar}"
        for name in _WORDS
        if name in run.adapted
    ]
