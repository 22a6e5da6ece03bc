"""Baselines: simple classifiers on the test clips of a network.

| name | input for each clip | classifier |
|---|---|---|
| majority | nothing | the most frequent emotion |
| corpus | its corpus, if several are pooled | the most frequent emotion of that corpus |
| duration | its length in seconds | logistic regression on x and x² |
| loudness | its level in dB | logistic regression on x and x² |
| mean spectrum | mean of each log-mel band over time | logistic regression |
| MFCC statistics | mean and deviation of 40 MFCC over time | SVM, RBF kernel |
| eGeMAPS, ComParE | 88 and 6,373 functionals, if opensmile is installed | SVM, linear |

All are standardised and fitted on the training clips only, with the fixed settings below. Nothing
is tuned, so the validation clips are not used. With x² an emotion can lie between two others, as it
could with normal distributions. A network that does not beat the baselines has learned nothing that
needs a network. What a recipe makes of a baseline's input can be used like any other model.
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

from ser_keras import console, files, metrics
from ser_keras.cache import FeatureStore
from ser_keras.errors import SerKerasError
from ser_keras.features import FeatureSpec

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from sklearn.base import ClassifierMixin

    from ser_keras.corpora import Index
    from ser_keras.splits import Split

# Baselines get the whole clip, even if a recipe cuts it. Mel bands of equal height (no norm) add up
# to the power of a frame.
SPECTRUM = FeatureSpec(kind="log_mel", n_mels=64, mel_norm=None)
CEPSTRUM = FeatureSpec(kind="mfcc", n_mfcc=40)
RECIPES = {"MFCC statistics": "mfcc-statistics"}  # baseline -> recipe that learns from its input


@dataclasses.dataclass(frozen=True)
class Functionals:
    """A set of opensmile functionals, in one row for a whole clip; a spec for `FeatureStore`.

    Args:
        name: Name of the set in opensmile.
        n_features: Number of functionals in the set.
        sample_rate: Sample rate in Hz. All clips are resampled to it, because a corpus could have
            another rate for one of its emotions.

    Example:
        >>> Functionals("eGeMAPSv02", 88).sample_rate
        16000
    """

    name: str
    n_features: int
    sample_rate: int = 16_000
    offset: ClassVar[float] = 0.0
    duration: ClassVar[float | None] = None

    @property
    def key(self) -> str:
        """Part of the cache's file name: the set, the rate and the version of opensmile."""
        return f"{self.name}-{self.sample_rate}-{importlib.metadata.version('opensmile')}"

    def to_json(self) -> dict:
        """Return the spec as plain values."""
        return dataclasses.asdict(self)

    @staticmethod
    def extract(samples: np.ndarray, spec: Functionals) -> np.ndarray:
        """Return the functionals of the samples of a clip, float32 (1, n_features)."""
        row = _smile(spec.name).process_signal(samples, spec.sample_rate).to_numpy()
        return np.nan_to_num(row).astype(
            np.float32
        )  # NaN where, for instance, opensmile finds no pitch


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
    """Fit each baseline on a split and return its predictions for the test clips.

    Args:
        index: Index of the corpus, with the files and durations of the clips.
        split: Split of that index.
        cache: Folder of the feature cache.

    Returns:
        Name of the baseline -> predicted emotion of each test clip, (clips,).

    Raises:
        SerKerasError: The training clips have one emotion only, a clip cannot be read, or the disk
            is full.
    """
    clips = split.table
    train, test = ((clips["role"] == role).to_numpy(bool) for role in ("train", "test"))
    truth = clips["emotion"].to_numpy(str)
    if len(np.unique(truth[train])) < 2:
        problem = f"fold {split.fold} of {split.protocol} trains on clips of one emotion only"
        raise SerKerasError(index.corpus, problem, "Choose another fold or protocol")
    inputs, classifiers = _inputs(index, clips, cache), _classifiers()
    predicted = {}
    with console.progress(len(inputs), "fitting baselines", "baseline") as bar:
        for name, values in inputs.items():
            fitted = classifiers[name].fit(values[train], truth[train])
            predicted[name] = fitted.predict(values[test])
            bar.update()
    return predicted


def score(split: Split, predicted: Mapping[str, np.ndarray]) -> dict[str, metrics.Scores]:
    """Return the scores of the predictions that `predict` returned for the same split.

    The predicted emotion gets probability 1, so the calibration means nothing here.
    """
    labels, clips = np.unique(split.table["emotion"].to_numpy(str)), split.part("test")
    truth = np.searchsorted(labels, clips["emotion"].to_numpy(str))
    voices = clips["corpus"] + "/" + clips["speaker"]
    return {
        name: metrics.score(
            truth,
            np.eye(len(labels))[np.searchsorted(labels, emotions)],
            labels.tolist(),
            groups=voices,
        )
        for name, emotions in predicted.items()
    }


def best_first(scores: dict[str, metrics.Scores]) -> dict[str, metrics.Scores]:
    """Return scores sorted from the highest UAR to the lowest; equal ones by accuracy."""

    def rank(name: str) -> tuple[float, float]:
        return scores[name].uar.value, scores[name].accuracy.value

    return {name: scores[name] for name in sorted(scores, key=rank, reverse=True)}


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

    def linear():  # more features than clips; C as is usual in the ComParE challenges
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


def _inputs(index: Index, clips: pd.DataFrame, cache: str | os.PathLike) -> dict[str, np.ndarray]:
    """Return name of the baseline -> its input for each clip, (clips, values)."""
    paths = [index.locate(path) for path in clips["path"]]
    contents = list(clips["content"])
    spectra, cepstra = (FeatureStore(index.corpus, spec, cache) for spec in (SPECTRUM, CEPSTRUM))
    for store, title in ((spectra, "mel spectra"), (cepstra, "MFCC")):
        store.fill(paths, contents, strict=True, title=f"{title} for baselines")
    duration = index.table.set_index("path")["duration"]
    inputs = {
        "majority": np.zeros((len(clips), 1)),
        "duration": duration.loc[clips["path"]].to_numpy(float)[:, None],
        "loudness": np.array([[_level(spectra[content])] for content in contents]),
        "mean spectrum": np.stack([spectra[content].mean(axis=0) for content in contents]),
        "MFCC statistics": np.stack([_statistics(cepstra[content]) for content in contents]),
    }
    corpora = clips["corpus"].to_numpy(str)
    if len(names := np.unique(corpora)) > 1:
        inputs["corpus"] = (corpora[:, None] == names).astype(float)
    if importlib.util.find_spec("opensmile"):
        inputs |= {name: _functionals(name, clips, paths, cache) for name in _FUNCTIONALS}
    return inputs


def _level(spectrum: np.ndarray) -> float:
    """Return the level of a clip in dB, up to a constant, from its log-mel bands."""
    power = 10 ** (spectrum.astype(np.float64) / 10)  # (frames, bands)
    return 10 * np.log10(power.sum(axis=1).mean())


def _statistics(cepstrum: np.ndarray) -> np.ndarray:
    return np.concatenate([cepstrum.mean(axis=0), cepstrum.std(axis=0)])  # (80,)


def _functionals(name: str, clips: pd.DataFrame, paths: list[Path], cache) -> np.ndarray:
    """Return the opensmile functionals of each clip, (clips, 88 or 6,373).

    A clip takes a twentieth of a second. Each corpus has its own store, so that they are computed
    once for a corpus alone and pooled with others.
    """
    spec, contents = _FUNCTIONALS[name], clips["content"].to_numpy(str)
    rows = np.empty((len(clips), spec.n_features), np.float32)
    for corpus in clips["corpus"].unique():
        # In processes of their own: two threads in opensmile sometimes crash the process (known,
        # github.com/audeering/opensmile, issue 20), and one thread does beside other libraries.
        store = FeatureStore(corpus, spec, cache, Functionals.extract, isolated=True)
        at = np.flatnonzero(clips["corpus"] == corpus)
        store.fill([paths[i] for i in at], contents[at], strict=True, title=f"{name} of {corpus}")
        rows[at] = [store[content][0] for content in contents[at]]
    return rows
