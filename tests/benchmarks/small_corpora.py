"""`python -m tests.benchmarks.small_corpora`: what a small corpus of one's own gets.

Three small corpora are drawn from real ones and laid out as a user would: `<emotion>/<speaker>_*`.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import tempfile
from pathlib import Path

import numpy as np

from ser_keras import (
    baselines,
    cli,
    console,
    corpora,
    engines,
    files,
    metrics,
    recipes,
    runs,
    seeding,
    splits,
    training,
)
from ser_keras.cache import FeatureStore
from ser_keras.corpora import Index
from ser_keras.corpora.emotions import VOCABULARY
from ser_keras.errors import SerKerasError
from ser_keras.ledger import small_corpora
from ser_keras.prediction import Pipeline
from ser_keras.recipes import Recipe
from tests.benchmarks.setting import add_corpora

PROTOCOLS = ("speaker", "random")
SEEDS = (0, 1, 2)  # each with the fold of the same number


@dataclasses.dataclass(frozen=True)
class Draw:
    """How a small corpus is drawn.

    Args:
        corpus: Name of the corpus that it is drawn from.
        cell: Columns of the index; each combination of their values gives `clips`.
        clips: Number of clips of each combination, drawn with seed 0; None takes all.
        emotions: Emotions that are taken; empty for all.
        speakers: Number of speakers, drawn with seed 0; None takes all.
    """

    corpus: str
    cell: tuple[str, ...]
    clips: int | None
    emotions: tuple[str, ...] = ()
    speakers: int | None = None

    def paths(self, index: Index) -> list[str]:
        """Return the paths of the drawn clips, sorted."""
        clips = index.clips.sort_values("path")
        if self.emotions:
            clips = clips[clips["emotion"].isin(self.emotions)]
        if self.speakers is not None:
            stream = seeding.stream(0, "small corpora", self.corpus)
            speakers = stream.permutation(sorted(clips["speaker"].unique()))[: self.speakers]
            clips = clips[clips["speaker"].isin(speakers)]
        drawn: list[str] = []
        for values, cell in clips.groupby([*self.cell], sort=True):
            stream = seeding.stream(0, "small corpora", self.corpus, *values)
            drawn += stream.permutation(cell["path"].to_numpy(str))[: self.clips].tolist()
        return sorted(drawn)


DRAWS = (
    Draw("ravdess", ("speaker", "emotion"), None, ("angry", "happy", "sad"), 6),  # 144
    Draw("aesdd", ("speaker", "emotion"), 2),  # 60
    Draw("savee", ("speaker",), 100),  # 400
)
_EXAMPLES = """\
examples:
  python -m tests.benchmarks.small_corpora --recipe fusion
      Train it 18 times (a few minutes) and store the scores in results/small_corpora.json. Rows
      that are there are left out; python -m ser_keras.ledger write fills the table.
"""


def lay_out(draw: Draw, above: Path, folder: Path, cache: Path) -> Index:
    """Link the clips of a small corpus into `<emotion>/<speaker>_<name>`; return its index.

    Raises:
        SerKerasError: The corpus is not there.
    """
    corpus = corpora.get(draw.corpus)
    home = corpus.find(above)
    if home is None:
        raise SerKerasError(above, f"holds no {corpus.title}", corpus.home)
    index = corpus.index(home, cache=cache)
    clips = index.clips.set_index("path")
    for path in draw.paths(index):
        emotion, speaker = clips.loc[path, ["emotion", "speaker"]]
        link = folder / emotion / f"{speaker}_{Path(path).name.replace('_', '-')}"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(index.locate(path))
    return corpora.get("folder").index(folder, cache=cache)


def measure(recipe: Recipe, index: Index, protocol: str, seed: int, scratch: Path) -> dict:
    """Train a recipe, score its test clips once, and return the row of results."""
    there = set(index.clips["emotion"])
    emotions = tuple(emotion for emotion in VOCABULARY if emotion in there)
    recipe = dataclasses.replace(recipe, emotions=emotions)
    split = splits.make(index, protocol, seed=seed, fold=seed)
    store = FeatureStore(index.corpus, recipe.features, scratch)
    paths = [index.locate(path) for path in split.table["path"]]
    store.fill(paths, list(split.table["content"]), strict=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        fitted = training.fit(recipe, split, store, seed=seed, folder=Path(folder))
    pipeline = Pipeline(
        labels=recipe.emotions,
        features=recipe.features,
        batch=recipe.batch,
        normalization=fitted.normalization,
        engine=engines.KerasEngine(fitted.network),
    )
    scores, predicted = {}, {}
    for role in ("validation", "test"):
        clips = split.part(role)
        probabilities = pipeline.probabilities(store[content] for content in clips["content"])
        truth = clips["emotion"].map(recipe.emotions.index).to_numpy(int)
        scores[role] = metrics.score(truth, probabilities, recipe.emotions, groups=clips["speaker"])
        predicted[role] = np.array(recipe.emotions)[probabilities.argmax(axis=1)]
    number = {emotion: i for i, emotion in enumerate(recipe.emotions)}
    emotion = split.part("test")["emotion"].to_numpy(str)
    rivals = {}
    for name, named in baselines.predict(index, split, scratch).items():
        test = metrics.paired(emotion, predicted["test"], named)
        uar = metrics.uar([number[each] for each in emotion], [number[each] for each in named])
        rivals[name] = {
            "uar": round(uar, 4),
            "only_network": test.first_only,
            "only_baseline": test.second_only,
        }
    return {
        "emotions": len(recipe.emotions),
        "clips": split.counts(),
        "uar": dataclasses.asdict(scores["test"].uar),
        "accuracy": dataclasses.asdict(scores["test"].accuracy),
        "validation_uar": scores["validation"].uar.value,
        "constant_prediction": scores["test"].constant_prediction is not None,
        "epochs": len(fitted.history),
        "best_epoch": fitted.best_epoch,
        "baselines": rivals,
    }


def main(argv: list[str] | None = None) -> None:
    """Run the command line `argv` (None: that of the process)."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.small_corpora",
        description="Train recipes on three small corpora drawn from RAVDESS, AESDD and SAVEE.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_corpora(parser, "folder above the corpora")
    parser.add_argument(
        "--recipe",
        action="append",
        metavar="NAME",
        help="recipe to train; may be repeated (default: fusion and attention-tess)",
    )
    parser.add_argument("--seed", type=int, action="append", choices=SEEDS, help="only this seed")
    parser.add_argument("--corpus", action="append", choices=[d.corpus for d in DRAWS])
    arguments = parser.parse_args(argv)
    names = arguments.recipe or [recipes.default(["folder"]), recipes.default()]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # start-up notes of native code
    stopped = "Stopped. The same command goes on after the rows that were kept."
    scratch = tempfile.TemporaryDirectory(prefix="ser-keras-small-")
    with cli.exit_codes(stopped), scratch as folder:
        for draw in DRAWS:
            if draw.corpus in (arguments.corpus or [draw.corpus]):
                _measure(draw, names, arguments.seed or SEEDS, arguments.corpora, Path(folder))


def _measure(draw: Draw, names, seeds, above: Path, scratch: Path) -> None:
    index = lay_out(draw, above, scratch / draw.corpus, scratch)
    console.say(f"{len(index.clips)} clips of {draw.corpus}.")
    for name in names:
        recipe = runs.suited(recipes.get(name), index)
        for protocol in PROTOCOLS:
            for seed in seeds:
                key = runs.RunKey.of(recipe, draw.corpus, protocol, seed, seed)
                entry = {"corpus": draw.corpus, "protocol": protocol, "seed": seed}
                entry = {**entry, "recipe": name, "changes": list(key.overrides)}
                if any(entry.items() <= row.items() for row in small_corpora.read()):
                    continue
                console.say(f"{name} on {draw.corpus}, {protocol}, seed {seed} ...")
                entry |= measure(recipe, index, protocol, seed, scratch)
                files.write_json(small_corpora.RESULTS, [*small_corpora.read(), entry])


if __name__ == "__main__":
    main()
