"""Baselines: what a shortcut reaches on the very clips that a network is tested on.

| name | what it sees of a clip | classifier |
|---|---|---|
| majority | nothing | the most frequent emotion |
| corpus | of several pooled corpora, which it is from | the most frequent emotion there |
| duration | its length in seconds | logistic regression on x and x² |
| loudness | its level in dB | logistic regression on x and x² |
| mean spectrum | mean of each log-mel band over time | logistic regression |
| MFCC statistics | mean and deviation of 40 MFCC over time | SVM, RBF kernel |
| eGeMAPS, ComParE | 88 and 6,373 functionals, where opensmile is installed | SVM, linear |

All are fitted to the training clips alone, after standardisation by them, with the settings that
stand here: nothing is chosen, so the validation clips are not looked at. x² lets an emotion lie
between two others, as normal distributions would. A network that does not beat them has learned
nothing that needs a network.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.metadata
import importlib.util
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ser_keras import files, metrics
from ser_keras.cache import FeatureStore
from ser_keras.errors import SerKerasError
from ser_keras.features import FeatureSpec

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from sklearn.base import ClassifierMixin

    from ser_keras.corpora import Index
    from ser_keras.splits import Split

# The whole clip, whatever a recipe takes of it. Bands of equal height add up to a frame's power.
SPECTRUM = FeatureSpec(kind="log_mel", n_mels=64, mel_norm=None)
CEPSTRUM = FeatureSpec(kind="mfcc", n_mfcc=40)


@dataclasses.dataclass(frozen=True)
class Functionals:
    """A set of opensmile's functionals of a whole clip, as a `FeatureStore` keeps it: in one row.

    Args:
        name: Of the set, as opensmile has it.
        n_features: How many they are.
        sample_rate: Hz, the same for all: the rate of a recording must not tell its emotion.
    """

    name: str
    n_features: int
    sample_rate: int = 16_000
    offset: ClassVar[float] = 0.0
    duration: ClassVar[float | None] = None

    @property
    def key(self) -> str:
        """What tells it from others in the name of a file: set, rate and opensmile's version."""
        return f"{self.name}-{self.sample_rate}-{importlib.metadata.version('opensmile')}"

    def to_json(self) -> dict:
        """Return the spec as plain values."""
        return dataclasses.asdict(self)

    @staticmethod
    def extract(samples: np.ndarray, spec: Functionals) -> np.ndarray:
        """Return the functionals of a clip's samples, float32 (1, n_features)."""
        row = _smile(spec.name).process_signal(samples, spec.sample_rate).to_numpy()
        return np.nan_to_num(row).astype(np.float32)  # no pitch was found, for instance


@functools.cache
def _smile(name: str):
    import opensmile

    return opensmile.Smile(feature_set=opensmile.FeatureSet[name])


_FUNCTIONALS = {
    "eGeMAPS": Functionals("eGeMAPSv02", 88),
    "ComParE": Functionals("ComParE_2016", 6_373),
}


def predict(
    index: Index, split: Split, cache: str | os.PathLike = files.CACHE
) -> dict[str, np.ndarray]:
    """Return which emotion each baseline names for each test clip of a split, (clips,).

    Args:
        index: Of the corpus, which knows where the clips lie and how long they are.
        split: Of that index.
        cache: Where features are kept.

    Raises:
        SerKerasError: The training clips are of one emotion, a clip cannot be read, or the disk is
            full.
    """
    clips = split.table
    train, test = ((clips["role"] == role).to_numpy(bool) for role in ("train", "test"))
    truth = clips["emotion"].to_numpy(str)
    if len(np.unique(truth[train])) < 2:
        problem = f"fold {split.fold} of {split.protocol} trains on clips of one emotion"
        raise SerKerasError(index.corpus, problem, "Choose another fold or protocol")
    seen, classifiers = _seen(index, clips, cache), _classifiers()
    return {
        name: classifiers[name].fit(numbers[train], truth[train]).predict(numbers[test])
        for name, numbers in seen.items()
    }


def score(split: Split, predicted: Mapping[str, np.ndarray]) -> dict[str, metrics.Scores]:
    """Return the Scores of what `predict` gave for the test clips of the same split.

    Only its label counts: the one predicted has probability 1, so confidence tells nothing here.
    """
    labels, clips = np.unique(split.table["emotion"].to_numpy(str)), split.part("test")
    truth = np.searchsorted(labels, clips["emotion"].to_numpy(str))
    voices = clips["corpus"] + "/" + clips["speaker"]
    return {
        name: metrics.score(
            truth, np.eye(len(labels))[np.searchsorted(labels, named)], labels, groups=voices
        )
        for name, named in predicted.items()
    }


def best_first(scores: dict[str, metrics.Scores]) -> dict[str, metrics.Scores]:
    """Return scores sorted from the highest UAR to the lowest, equal ones by accuracy."""
    return dict(sorted(scores.items(), key=lambda item: _rank(item[1]), reverse=True))


def _rank(scores: metrics.Scores) -> tuple[float, float]:
    return scores.uar.value, scores.accuracy.value


def _classifiers() -> dict[str, ClassifierMixin]:
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler
    from sklearn.svm import SVC
    from sklearn.tree import DecisionTreeClassifier

    def curved():
        square = PolynomialFeatures(2, include_bias=False)
        return make_pipeline(StandardScaler(), square, StandardScaler(), LogisticRegression())

    def linear():  # more numbers than clips: C as usual in the challenges that ComParE is named for
        return make_pipeline(StandardScaler(), SVC(kernel="linear", C=1e-2))

    return {
        "majority": DummyClassifier(strategy="most_frequent"),
        "corpus": DecisionTreeClassifier(),
        "duration": curved(),
        "loudness": curved(),
        "mean spectrum": make_pipeline(StandardScaler(), LogisticRegression(max_iter=2_000)),
        "MFCC statistics": make_pipeline(StandardScaler(), SVC()),
        **{name: linear() for name in _FUNCTIONALS},
    }


def _seen(index: Index, clips: pd.DataFrame, cache: str | os.PathLike) -> dict[str, np.ndarray]:
    """Return by baseline what it sees of each clip, (clips, numbers)."""
    paths = [index.locate(path) for path in clips["path"]]
    contents = list(clips["content"])
    spectra, cepstra = (FeatureStore(index.corpus, spec, cache) for spec in (SPECTRUM, CEPSTRUM))
    for store in (spectra, cepstra):
        store.fill(paths, contents, strict=True, title="baselines")
    duration = index.table.set_index("path")["duration"]
    seen = {
        "majority": np.zeros((len(clips), 1)),
        "duration": duration.loc[clips["path"]].to_numpy(float)[:, None],
        "loudness": np.array([[_level(spectra[content])] for content in contents]),
        "mean spectrum": np.stack([spectra[content].mean(axis=0) for content in contents]),
        "MFCC statistics": np.stack([_statistics(cepstra[content]) for content in contents]),
    }
    corpora = clips["corpus"].to_numpy(str)
    if len(names := np.unique(corpora)) > 1:
        seen["corpus"] = (corpora[:, None] == names).astype(float)
    if importlib.util.find_spec("opensmile"):
        seen |= {name: _functionals(name, clips, paths, cache) for name in _FUNCTIONALS}
    return seen


def _level(spectrum: np.ndarray) -> float:
    """Return 10 log10 of the mean power of a clip, but for a constant, from its log-mel bands."""
    power = 10 ** (spectrum.astype(np.float64) / 10)  # (frames, bands)
    return 10 * np.log10(power.sum(axis=1).mean())


def _statistics(cepstrum: np.ndarray) -> np.ndarray:
    return np.concatenate([cepstrum.mean(axis=0), cepstrum.std(axis=0)])  # (80,)


def _functionals(name: str, clips: pd.DataFrame, paths: list[Path], cache) -> np.ndarray:
    """Return opensmile's functionals of each clip, (clips, 88 or 6,373).

    Each corpus has its own store, whatever it is pooled with: they take a twentieth of a second.
    """
    spec, contents = _FUNCTIONALS[name], clips["content"].to_numpy(str)
    rows = np.empty((len(clips), spec.n_features), np.float32)
    for corpus in clips["corpus"].unique():
        # Apart: two threads in opensmile crash the process now and then, as its authors know
        # (github.com/audeering/opensmile, issue 20), and among other libraries one does, too.
        store = FeatureStore(corpus, spec, cache, Functionals.extract, apart=True)
        own = np.flatnonzero(clips["corpus"] == corpus)
        store.fill([paths[i] for i in own], contents[own], strict=True, title=f"{name} of {corpus}")
        rows[own] = [store[content][0] for content in contents[own]]
    return rows
