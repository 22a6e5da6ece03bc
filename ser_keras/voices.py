"""Which windows of a recording are of the same voice, without saying whose.

The mean states of the frozen speaker encoder change with the voice, but also with the emotion. A
linear map, learned from corpora whose speakers are known, keeps what differs between speakers and
evens out what differs within one (linear discriminant analysis). Windows are then merged by Ward's
method, until two groups are too far apart to be the same voice.

The result is a letter for each window. Vectors can tell who speaks; they leave no function but
`compact`, whose result belongs in memory and in no file.

`python -m ser_keras.ledger voices` learns the map, chooses the threshold on speakers that the map
has not seen, and measures both.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ser_keras import models, tensors
from ser_keras.errors import SerKerasError, check_number

ARRAYS = models.SHIPPED / "speaker_encoder" / "voices.safetensors"
STATES = 1_024  # numbers in the encoder's vector of a window
# The means of the states of both layers. With their deviations as well, purity was lower by 0.01 on
# RAVDESS and by up to 0.01 on ASED, where the number of voices was given.
MEANS = np.r_[0:256, 512:768]
# As many as the fewest speakers of a map that is measured allow.
DIMENSIONS = 20
MOST = 500  # windows that are clustered: the distances between them take 1 MB
_SHRINKAGE = 0.3  # share of the diagonal in the covariance within speakers
_TYPES = ("F16", "F32")


@dataclass(frozen=True, eq=False)
class Projection:
    """A map that keeps voices apart, and how far apart two voices are at least.

    Args:
        mean: Mean of the speakers' vectors, (512,).
        matrix: Map of what is left without the mean, (512, dimensions).
        threshold: Ward's distance above which two groups are two voices, in a recording of one
            window.
        growth: Exponent by which it grows with the number of windows. The distance between two
            groups of one voice grows with their size, because emotions differ between them.
    """

    mean: np.ndarray
    matrix: np.ndarray
    threshold: float = 1.0
    growth: float = 0.25

    def points(self, vectors: np.ndarray) -> np.ndarray:
        """Return points of length 1, float32 (windows, dimensions), for vectors (windows, 1024)."""
        mapped = (np.asarray(vectors, np.float64)[:, MEANS] - self.mean) @ self.matrix
        length = np.linalg.norm(mapped, axis=1, keepdims=True)
        return (mapped / np.maximum(length, 1e-9)).astype(np.float32)

    def limit(self, windows: int) -> float:
        """Return the distance above which two groups are two voices, by the number of windows."""
        return self.threshold * windows**self.growth

    def write(self, path: Path) -> None:
        """Write the map as float16, with its threshold.

        Raises:
            SerKerasError: The disk is full.
        """
        arrays = {"mean": self.mean, "matrix": self.matrix}
        stored = {name: array.astype(np.float16) for name, array in arrays.items()}
        stored["limit"] = np.array([self.threshold, self.growth], np.float32)
        tensors.write(path, stored, _TYPES)


@functools.lru_cache(maxsize=4)
def load(path: Path = ARRAYS) -> Projection:
    """Return the projection that ships with the package, or that of another file.

    Raises:
        SerKerasError: The file is missing or damaged.
    """
    try:
        stored = tensors.parse(path.read_bytes(), path, _TYPES)
    except OSError as error:
        raise SerKerasError(path, "cannot be read", "Install ser_keras again") from error
    shapes = {name: array.shape for name, array in stored.items()}
    needed = {"mean": (len(MEANS),), "matrix": (len(MEANS), DIMENSIONS), "limit": (2,)}
    if shapes != needed:
        raise SerKerasError(path, "is no projection of voices", "Install ser_keras again")
    threshold, growth = map(float, stored["limit"])
    mean, matrix = (stored[name].astype(np.float32) for name in ("mean", "matrix"))
    return Projection(mean, matrix, threshold, growth)


def fit(vectors: np.ndarray, speakers: Sequence[str] | np.ndarray) -> Projection:
    """Return the map that best tells speakers apart, with a threshold that is still to be chosen.

    Each speaker weighs the same. The map whitens the covariance within speakers, of which a share
    of 0.3 is its diagonal, and keeps the directions in which the speakers' means differ most.

    Args:
        vectors: Vectors of windows as the encoder gives them, (windows, 1024).
        speakers: Name of each window's speaker, of several corpora if they differ.

    Raises:
        SerKerasError: There are too few speakers for the dimensions.
    """
    names = np.asarray(speakers)
    means, within = [], np.zeros((len(MEANS), len(MEANS)))
    for name in np.unique(names):
        own = np.asarray(vectors, np.float64)[names == name][:, MEANS]
        means.append(own.mean(axis=0))
        within += np.cov(own, rowvar=False, bias=True)
    if len(means) <= DIMENSIONS:
        problem = f"are {len(means)} for a map of {DIMENSIONS} dimensions"
        raise SerKerasError("speakers", problem, "Add a corpus")
    centre = np.mean(means, axis=0)
    scale = np.sqrt(np.maximum(np.diag(within) / len(means), 1e-10))
    correlation = within / len(means) / np.outer(scale, scale)
    shrunk = (1 - _SHRINKAGE) * correlation + _SHRINKAGE * np.eye(len(MEANS))
    values, axes = np.linalg.eigh(shrunk)
    whitening = axes / np.sqrt(values) / scale[:, None]
    _, _, directions = np.linalg.svd((np.array(means) - centre) @ whitening, full_matrices=False)
    return Projection(centre, whitening @ directions[:DIMENSIONS].T)


def compact(vectors: np.ndarray) -> np.ndarray:
    """Return what `letters` needs of vectors, in a hundredth of the memory.

    Args:
        vectors: Vectors of windows as the encoder gives them, (windows, 1024).

    Returns:
        float16 (windows, 20). It can tell who speaks, so keep it out of files.

    Raises:
        SerKerasError: The vectors have another shape, or are not finite.
    """
    return load().points(_checked(vectors, (STATES,))).astype(np.float16)


def letters(vectors: np.ndarray, *, most: int = MOST) -> list[str]:
    """Return a letter for the voice of each window, in the order in which voices appear.

    Args:
        vectors: Vectors of windows of 1.5 to 3 s of speech, in the order of time: (windows, 1024)
            as the encoder gives them, or (windows, 20) from `compact`.
        most: Number of windows that are clustered, evenly spread over the recording. Each other
            one gets the nearest voice, so that memory does not grow with the recording; a voice
            that none of them has is not noticed.

    Returns:
        "A", "B", ..., "Z", "AA", ... for each window.

    Raises:
        SerKerasError: The vectors have another shape or are not finite, or scipy is missing.

    Example:
        >>> letters(np.zeros((0, 1024)))
        []
    """
    check_number("most", most, 2, 10_000, whole=True)
    vectors = _checked(vectors, (STATES, DIMENSIONS))
    if len(vectors) < 2:
        return ["A"] * len(vectors)
    projection = load()
    is_compact = vectors.shape[1] == DIMENSIONS
    points = vectors.astype(np.float32) if is_compact else projection.points(vectors)
    picked = np.unique(np.linspace(0, len(points) - 1, min(most, len(points))).round().astype(int))
    groups = cut(tree(points[picked]), projection.limit(len(picked)))
    centres = np.array([points[picked[groups == each]].mean(axis=0) for each in np.unique(groups)])
    # The nearest centre by Euclidean distance, in blocks, so that memory stays flat.
    squares = np.square(centres).sum(axis=1)
    voices = np.empty(len(points), int)
    for start in range(0, len(points), 4_096):
        block = slice(start, start + 4_096)
        voices[block] = (squares - 2 * points[block] @ centres.T).argmin(axis=1)
    voices[picked] = groups - 1
    order = {voice: letter(i) for i, voice in enumerate(dict.fromkeys(voices.tolist()))}
    return [order[voice] for voice in voices.tolist()]


def tree(points: np.ndarray, method: str = "ward") -> np.ndarray:
    """Return the merges of points (windows, dimensions), as `scipy.cluster.hierarchy.linkage` does.

    Raises:
        SerKerasError: scipy is missing.
    """
    try:
        from scipy.cluster.hierarchy import linkage
    except ModuleNotFoundError as error:
        remedy = "Install it with: pip install scipy"
        raise SerKerasError("--speakers", "needs scipy, which is missing", remedy) from error
    return linkage(np.asarray(points, np.float64), method)


def cut(merges: np.ndarray, limit: float) -> np.ndarray:
    """Return the number of each window's group, from 1 on, where no merge is above the limit.

    Args:
        merges: Merges as `tree` returns them.
        limit: Largest distance at which two groups are one.
    """
    from scipy.cluster.hierarchy import fcluster

    return fcluster(merges, limit, "distance")


def letter(position: int) -> str:
    """Return the letter of a voice by its position, as spreadsheets name columns.

    Example:
        >>> [letter(i) for i in (0, 25, 26, 701, 702)]
        ['A', 'Z', 'AA', 'ZZ', 'AAA']
    """
    name, rest = "", position + 1
    while rest:
        rest, digit = divmod(rest - 1, 26)
        name = chr(ord("A") + digit) + name
    return name


def _checked(vectors: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    """Return vectors as an array, after a look at their shape and numbers."""
    array = np.asarray(vectors)
    if array.ndim != 2 or array.shape[1] not in sizes:
        needed = " or ".join(map(str, sizes))
        problem = f"are of the shape {array.shape} and not (windows, {needed})"
        raise SerKerasError("vectors", problem, "Take the vectors of the speaker encoder")
    if not np.isfinite(array).all():
        raise SerKerasError("vectors", "are not finite", "Leave out the windows that they are of")
    return array
