"""`python -m tests.benchmarks.adaptation`: what some unlabelled recordings of a voice are worth.

A ridge on the vectors of the speaker encoder is trained on all corpora but one, with each clip once
adapted to its speaker and once to its corpus, and scored on the corpus that is left out, over the
emotions that it has (calm counts as neutral). Weights and the threshold of the guard are chosen for
each corpus on the others: each of them is left out in turn of what is left. Only then is the corpus
itself scored, once. Recordings that a voice is enrolled with are never scored.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ser_keras import adaptation, batches, cli, console, corpora, files, metrics, seeding
from ser_keras.adaptation import Weights
from ser_keras.batches import BatchSpec, Normalization
from ser_keras.cache import FeatureStore
from ser_keras.features import FeatureSpec
from ser_keras.ledger import adapted
from tests.benchmarks.setting import add_corpora

CORPORA = ("ravdess", "tess", "savee", "aesdd", "ased")
EMOTIONS = ("neutral", "happy", "sad", "angry", "fearful", "disgust", "surprised")
COUNTS = (0, 1, 2, 3, 6, 12, 24)
TUNED_ON = (1, 3, 6)  # counts of recordings whose mean UAR the weights are chosen by
MEANS, VARIANCES = (0.5, 1.0, 2.0, 4.0), (5.0, 20.0, 1e6)
SHARES = tuple(np.arange(1, 21) / 20)  # thresholds of the guard
CLUSTERS = (1, 2, 4, 8)
GROUP = 12  # recordings in the groups that the guard is judged by
PENALTY = 3.0  # times the number of features
DRAWS = 3
NAIVE = Weights(mean=0, variance=0)
BATCH = BatchSpec(fit="mean", limit=5.0)


@dataclass(frozen=True, eq=False)
class Clips:
    """The clips of a corpus: vectors (clips, 1024), numbers of emotions, names of speakers."""

    vectors: np.ndarray
    emotions: np.ndarray
    speakers: np.ndarray

    def of(self, rows: np.ndarray) -> Clips:
        return Clips(self.vectors[rows], self.emotions[rows], self.speakers[rows])


class Model(NamedTuple):
    """A ridge, the statistics of its training speakers, and the variety that is usual for them."""

    reference: Normalization
    kernel: np.ndarray  # (features, emotions)
    bias: np.ndarray
    usual: float

    def probabilities(self, inputs: np.ndarray) -> np.ndarray:
        scores = inputs @ self.kernel + self.bias
        powers = np.exp(4 * (scores - scores.max(axis=1, keepdims=True)))
        return powers / powers.sum(axis=1, keepdims=True)

    def named(self, inputs: np.ndarray, emotions: np.ndarray) -> np.ndarray:
        """Return the most probable of some emotions for each row of inputs."""
        return emotions[self.probabilities(inputs)[:, emotions].argmax(axis=1)]

    def variety(self, vectors: np.ndarray) -> float:
        probabilities = self.probabilities(scaled(vectors, self.reference))
        return adaptation.variety(vectors, self.reference, BATCH, probabilities)


def scaled(vectors: np.ndarray, normalization: Normalization) -> np.ndarray:
    """Return the inputs of the ridge, (clips, features), for vectors of clips."""
    if not len(vectors):
        return np.empty(vectors.shape, np.float32)
    return batches.assemble(vectors[:, None], BATCH, normalization)["features"]


def to_itself(
    clips: Clips, reference: Normalization, weights: Weights, by: str = "speaker"
) -> np.ndarray:
    """Return the inputs for clips, adapted to their own speakers or to all of them together."""
    speakers = list(clips.speakers)
    adaptations = adaptation.adapt(
        clips.vectors, reference, BATCH, by, speakers=speakers, weights=weights
    )
    inputs = np.empty(clips.vectors.shape, np.float32)
    for each in set(adaptations):
        own = np.array([other is each for other in adaptations])
        inputs[own] = scaled(clips.vectors[own], each.normalization)
    return inputs


def train(parts: Iterable[Clips]) -> Model:
    """Fit a ridge with emotions balanced, and corpora within each."""
    parts = list(parts)
    # each speaker weighs the same, of whichever corpus
    voices = [("", f"{i}/{speaker}") for i, clips in enumerate(parts) for speaker in clips.speakers]
    vectors = np.concatenate([clips.vectors for clips in parts])
    reference = adaptation.reference(vectors, voices, BATCH)
    rows, target, weight = [], [], []
    for by, clips in itertools.product(("speaker", "corpus"), parts):
        rows.append(to_itself(clips, reference, NAIVE, by))
        target.append(clips.emotions)
        weight.append(1 / np.bincount(clips.emotions, minlength=len(EMOTIONS))[clips.emotions])
    x, emotions, share = map(np.concatenate, (rows, target, weight))
    share /= np.bincount(emotions, share)[emotions]
    root = np.sqrt(share * len(x) / share.sum()).astype(np.float32)[:, None]
    size = x.shape[1]
    x = np.hstack([x, np.full((len(x), 1), np.sqrt(size), np.float32)]) * root
    signs = np.where(emotions[:, None] == np.arange(len(EMOTIONS)), 1.0, -1.0) * root
    system = (x.T @ x).astype(np.float64) + PENALTY * size * np.eye(size + 1)
    solution = np.linalg.solve(system, x.T @ signs).astype(np.float32)
    model = Model(reference, solution[:-1], solution[-1] * np.sqrt(size), 0.0)
    usual = [
        np.median([model.variety(clips.vectors[clips.speakers == s]) for s in set(clips.speakers)])
        for clips in parts
    ]
    return model._replace(usual=float(np.mean(usual)))


def enrolled(
    model: Model, clips: Clips, count: int, weights: Weights, draw: int, only: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the emotions of the clips that were not enrolled, and what the model names them.

    Each speaker is enrolled with `count` clips, of the emotion `only` if it is given. A speaker
    with fewer is enrolled with all of those, but keeps at least half of the clips for the score.
    """
    truth, named = [], []
    for speaker in np.unique(clips.speakers):
        own = np.flatnonzero(clips.speakers == speaker)
        order = seeding.stream(draw, "enrolment", speaker).permutation(own)
        eligible = order if only is None else order[clips.emotions[order] == only]
        chosen = eligible[: min(count, len(own) // 2)]
        voice = adaptation.enrol(clips.vectors[chosen], model.reference, BATCH, weights)
        rest = np.setdiff1d(own, chosen)
        inputs = scaled(clips.vectors[rest], voice.normalization)
        truth.append(clips.emotions[rest])
        named.append(model.named(inputs, np.unique(clips.emotions)))
    return np.concatenate(truth), np.concatenate(named)


def curve(
    model: Model,
    clips: Clips,
    weights: Weights,
    counts: Iterable[int],
    *,
    draws: int = DRAWS,
    only: int | None = None,
    unscored: int | None = None,
) -> dict[str, float]:
    """Return the mean UAR by number of enrolled recordings.

    Args:
        model: Model of the other corpora.
        clips: Clips of the corpus that was left out.
        weights: Weights of the training clips.
        counts: Numbers of recordings to enrol each speaker with.
        draws: Number of draws of these recordings.
        only: Emotion that they all have; None draws from all.
        unscored: Emotion whose clips are left out of the score.
    """
    result = {}
    for count in counts:
        uars = []
        for draw in range(draws):
            truth, named = enrolled(model, clips, count, weights, draw, only)
            scored = np.setdiff1d(truth, [] if unscored is None else [unscored])
            uars.append(
                np.mean([(named[truth == emotion] == emotion).mean() for emotion in scored])
            )
        result[str(count)] = round(float(np.mean(uars)), 4)
    return result


def by_clusters(model: Model, clips: Clips, weights: Weights) -> dict[str, float]:
    """Return the UAR where clusters of vectors (Ward's method) stand for the speakers."""
    from scipy.cluster.hierarchy import fcluster, linkage

    tree = linkage(scaled(clips.vectors, model.reference), "ward")
    uars = {}
    for count in CLUSTERS:
        names = fcluster(tree, count, "maxclust").astype(str)
        inputs = to_itself(Clips(clips.vectors, clips.emotions, names), model.reference, weights)
        named = model.named(inputs, np.unique(clips.emotions))
        uars[str(count)] = round(metrics.uar(clips.emotions, named), 4)
    return uars


def varieties(model: Model, clips: Clips) -> tuple[np.ndarray, np.ndarray]:
    """Return the variety of groups of one emotion and of mixed ones, as shares of the usual one."""
    one, mixed = [], []
    for speaker, emotion in itertools.product(np.unique(clips.speakers), np.unique(clips.emotions)):
        stream = seeding.stream(0, "guard", speaker, emotion)
        own = stream.permutation(np.flatnonzero(clips.speakers == speaker))
        alike = own[clips.emotions[own] == emotion]
        for groups, rows in ((one, alike), (mixed, own)):
            if len(alike) >= GROUP // 2:
                groups.append(model.variety(clips.vectors[rows[: min(GROUP, len(alike))]]))
    return np.array(one) / model.usual, np.array(mixed) / model.usual


def of_one_emotion(model: Model, clips: Clips, weights: Weights, threshold: float) -> dict:
    """Return the UAR where each speaker's clips of each emotion are adapted to as a group."""
    uars = {}
    for how in ("plain", "adapted", "guarded"):
        truth, named = [], []
        for speaker, emotion in itertools.product(
            np.unique(clips.speakers), np.unique(clips.emotions)
        ):
            group = clips.of((clips.speakers == speaker) & (clips.emotions == emotion))
            if not len(group.emotions):
                continue
            varied = len(group.emotions) > 1 and (
                model.variety(group.vectors) >= threshold * model.usual
            )
            is_adapted = how == "adapted" or (how == "guarded" and varied)
            by = "corpus" if is_adapted else "none"
            truth.append(group.emotions)
            inputs = to_itself(group, model.reference, weights, by)
            named.append(model.named(inputs, np.unique(clips.emotions)))
        uars[how] = round(metrics.uar(np.concatenate(truth), np.concatenate(named)), 4)
    return uars


def choose(held: list[tuple[Model, Clips]]) -> tuple[Weights, float]:
    """Return the weights and the threshold that do best on corpora left out of training."""
    grid = [Weights(mean=m, variance=v) for m, v in itertools.product(MEANS, VARIANCES)]

    def uar(weights: Weights) -> float:
        curves = (curve(model, clips, weights, TUNED_ON, draws=1) for model, clips in held)
        return float(np.mean([list(values.values()) for values in curves]))

    pairs = [varieties(model, clips) for model, clips in held]

    def separation(share: float) -> float:
        return float(
            np.mean([(one < share).mean() - (mixed < share).mean() for one, mixed in pairs])
        )

    return max(grid, key=uar), max(SHARES, key=separation)


def measure(every: dict[str, Clips]) -> list[dict]:
    """Return a row of results for each corpus left out."""
    pairs = {
        pair: train(clips for name, clips in every.items() if name not in pair)
        for pair in map(frozenset, itertools.combinations(every, 2))
    }
    rows = []
    for name, clips in every.items():
        others = [other for other in every if other != name]
        weights, threshold = choose([(pairs[frozenset((name, o))], every[o]) for o in others])
        model = train(every[other] for other in others)
        emotions = np.unique(clips.emotions)
        by = {
            each: metrics.uar(
                clips.emotions,
                model.named(to_itself(clips, model.reference, weights, each), emotions),
            )
            for each in adaptation.BY
        }
        one, mixed = varieties(model, clips)
        row = {
            "left_out": name,
            "clips": len(clips.emotions),
            "speakers": len(np.unique(clips.speakers)),
            "emotions": len(emotions),
            "mean_weight": weights.mean,
            "variance_weight": weights.variance,
            "threshold": float(threshold),
            "itself": {each: round(float(value), 4) for each, value in by.items()},
            "mixed": curve(model, clips, weights, COUNTS),
            "enrolled_with_one_emotion": {
                emotion: curve(model, clips, weights, (0, 6), only=i, unscored=i)
                for i, emotion in enumerate(EMOTIONS)
                if i in emotions
            },
            "clusters": by_clusters(model, clips, weights),
            "one_emotion": of_one_emotion(model, clips, weights, threshold),
            "guard": {
                "one_emotion": [int((one < threshold).sum()), len(one)],
                "mixed": [int((mixed < threshold).sum()), len(mixed)],
            },
        }
        if 0 in emotions:
            row["neutral"] = curve(model, clips, weights, COUNTS[:-1], only=0, unscored=0)
            row["mixed_without_neutral"] = curve(model, clips, weights, COUNTS[:-1], unscored=0)
        rows.append(row)
        console.say(f"{name} is done.")
    return rows


def table(rows: list[dict]) -> str:
    """Return the curve and the groups of one emotion as a table in Markdown."""
    header = ["corpus left out", *(f"{count} enrolled" for count in COUNTS)]
    header += [
        "itself, by corpus",
        "by speaker",
        "groups of one emotion, plain / adapted / guarded",
    ]
    header += ["warned: one emotion", "mixed"]
    cells = []
    for row in rows:
        cells.append([row["left_out"], *(f"{row['mixed'][str(count)]:.3f}" for count in COUNTS)])
        cells[-1] += [f"{row['itself'][by]:.3f}" for by in ("corpus", "speaker")]
        cells[-1].append(" / ".join(f"{value:.3f}" for value in row["one_emotion"].values()))
        cells[-1] += [f"{hits} of {n}" for hits, n in row["guard"].values()]
    mean = ["mean"]
    mean += [f"{np.mean([row['mixed'][str(count)] for row in rows]):.3f}" for count in COUNTS]
    mean += [f"{np.mean([row['itself'][by] for row in rows]):.3f}" for by in ("corpus", "speaker")]
    one = [np.mean([row["one_emotion"][how] for row in rows]) for how in rows[0]["one_emotion"]]
    mean.append(" / ".join(f"{value:.3f}" for value in one))
    mean += [
        f"{np.mean([row['guard'][kind][0] / row['guard'][kind][1] for row in rows]):.0%}"
        for kind in ("one_emotion", "mixed")
    ]
    return console.markdown(header, [*cells, mean])


def read(above: Path, cache: Path) -> dict[str, Clips]:
    """Return the clips of each corpus, duplicates left out; vectors are computed once."""
    every = {}
    for name in CORPORA:
        corpus = corpora.get(name)
        index = corpus.index(corpus.find(above) or above / name, cache=cache)
        clips = index.clips[index.clips["duplicate_of"].isna()]
        store = FeatureStore(name, FeatureSpec(kind="speaker_encoder"), cache)
        store.fill([index.locate(path) for path in clips["path"]], list(clips["content"]))
        clips = clips[clips["content"].isin(set(store))]
        emotions = clips["emotion"].replace({"calm": "neutral"}).map(EMOTIONS.index)
        vectors = np.concatenate([store[content] for content in clips["content"]])
        every[name] = Clips(vectors, emotions.to_numpy(int), clips["speaker"].to_numpy(str))
    return every


def main(argv: list[str] | None = None) -> None:
    """Run the command line `argv` (None: that of the process)."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.adaptation", description=__doc__.partition("\n\n")[2]
    )
    add_corpora(parser, "folder above the corpora")
    parser.add_argument("--cache", type=Path, default=files.CACHE, metavar="DIR")
    parser.add_argument("--keep", action="store_true", help=f"write results/{adapted.RESULTS.name}")
    arguments = parser.parse_args(argv)
    with cli.exit_codes("Stopped."):
        rows = measure(read(arguments.corpora, arguments.cache))
        console.show(table(rows))
        if arguments.keep:
            files.write_json(adapted.RESULTS, rows)


if __name__ == "__main__":
    main()
