"""Frames to batches: one length, one scale, the axes and the mask that a network takes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ser_keras import audio
from ser_keras.errors import SerKerasError, check_choice, check_number, refused

MAX_FRAMES = 100_000
_BAND_EPSILON = 1e-6  # added to the deviation by "band_clip"
_POOLED = ("mean", "statistics")  # leave one row for a clip
_FITTED = ("feature", "scalar")  # use statistics of the training clips
_CHOICES = {
    "fit": ("pad", "crop", "squeeze", "resize", *_POOLED),
    "axes": ("time_first", "feature_first"),
    "channel": (False, True),
    "mask": (False, True),
    "normalize": ("none", "clip", "feature", "scalar", "band_clip"),
    "normalize_after_padding": (False, True),
    "fit_on": (("train",), ("train", "validation")),
    "signed_root": (False, True),
}
_LATER = ("signed_root", "limit")  # settings that older records do not have: written if they are on


@dataclass(frozen=True, kw_only=True)
class BatchSpec:
    """How clips of any length become the inputs of a network.

    Args:
        frames: Number of frames that every clip gets; None means those of the longest clip in the
            batch.
        fit: How a clip gets that length. "pad" and "crop" are the same: a short clip is padded with
            `pad_value` on the right, a long one is cut there. "squeeze" pads a short clip too, but
            resamples a long one, as if each feature were a sound. "resize" interpolates linearly
            along time and keeps the first and the last frame. "mean" takes the mean of each feature
            over time, "statistics" its mean and then its standard deviation.
        pad_value: Value of the frames that are added.
        axes: "time_first" for (frames, features), "feature_first" for (features, frames).
        channel: Whether to add an axis of one channel at the end.
        mask: Whether the network has a second input that marks the frames of the clip itself.
        normalize: How values are scaled. "none" leaves them. "clip" subtracts the mean of the clip
            and divides by its standard deviation. "band_clip" does so for each band of the clip,
            with 1e-6 added to the deviation. "feature" and "scalar" use mean and deviation of the
            training clips, one pair for each feature or one for all.
        normalize_after_padding: Whether padding is normalised too. If not, a padded zero is the
            mean.
        fit_on: Roles of the clips that mean and deviation are computed from.
        signed_root: Whether each value is replaced by the square root of its size, with its sign,
            before anything else. It draws in what lies far out.
        limit: Greatest size of a value in the end: what lies further out is cut there; None for no
            limit.

    Raises:
        SerKerasError: A value is not accepted, or two do not fit together.

    Example:
        >>> BatchSpec(frames=130, fit="resize", normalize="clip").shapes(40)
        {'features': (130, 40)}
    """

    frames: int | None = None
    fit: str = "pad"
    pad_value: float = 0.0
    axes: str = "time_first"
    channel: bool = False
    mask: bool = False
    normalize: str = "feature"
    normalize_after_padding: bool = False
    fit_on: tuple[str, ...] = ("train",)
    signed_root: bool = False
    limit: float | None = None

    def __post_init__(self):
        if isinstance(self.fit_on, list):  # JSON has no tuples
            object.__setattr__(self, "fit_on", tuple(self.fit_on))
        for name, choices in _CHOICES.items():
            check_choice(f"batch.{name}", getattr(self, name), choices)
        check_number("batch.frames", self.frames, 1, MAX_FRAMES, whole=True, optional=True)
        if type(self.pad_value) not in (int, float) or not math.isfinite(self.pad_value):
            raise refused("batch.pad_value", self.pad_value, "a finite number")
        object.__setattr__(self, "pad_value", float(self.pad_value))
        limit = check_number("batch.limit", self.limit, 0.1, 1e6, optional=True)
        object.__setattr__(self, "limit", limit)
        if self.fit in _POOLED and self.mask:
            accepted = f"False where fit is {self.fit!r}: no frames are left"
            raise refused("batch.mask", True, accepted)
        if self.frames is None and self.fit in ("squeeze", "resize"):
            raise refused("batch.frames", None, f"a number where fit is {self.fit!r}")
        if self.frames is None and not self.pooled and self.normalize_after_padding:
            # else a clip's features would depend on its neighbours in the batch
            accepted = "a number where normalize_after_padding is True"
            raise refused("batch.frames", None, accepted)

    def shapes(self, n_features: int) -> dict[str, tuple[int | None, ...]]:
        """Return the shape of each input, without the batch axis.

        Example:
            >>> BatchSpec(frames=130, mask=True).shapes(40)
            {'features': (130, 40), 'mask': (130,)}
        """
        shape: tuple[int | None, ...] = (self.frames, n_features)
        if self.pooled:
            shape = (2 * n_features if self.fit == "statistics" else n_features,)
        elif self.axes == "feature_first":
            shape = (n_features, self.frames)
        shapes = {"features": (*shape, 1) if self.channel else shape}
        if self.mask:
            shapes["mask"] = (self.frames,)
        return shapes

    def n_normalized(self, n_features: int) -> int:
        """Return how many values with a mean and a deviation of their own a clip has.

        Example:
            >>> BatchSpec(fit="statistics", normalize_after_padding=True).n_normalized(40)
            80
        """
        twice = self.fit == "statistics" and self.normalize_after_padding
        return 2 * n_features if twice else n_features

    @property
    def pooled(self) -> bool:
        """Whether a clip becomes one row, whatever its length."""
        return self.fit in _POOLED

    @property
    def one_by_one(self) -> bool:
        """Whether clips must be batched alone: padding without a mask would change the result."""
        return self.frames is None and not self.pooled and not self.mask

    def to_json(self) -> dict:
        """Return the spec as plain values.

        `signed_root` and `limit` are among them only where they are used, so that specs of before
        they were there are still written as they were.
        """
        values = dataclasses.asdict(self) | {"fit_on": list(self.fit_on)}
        return {key: value for key, value in values.items() if value or key not in _LATER}

    @classmethod
    def from_json(cls, value: dict) -> BatchSpec:
        """Return the spec that `to_json` was taken from.

        Raises:
            SerKerasError: It is not a dictionary, has an unknown key, or a value is not accepted.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(value, dict) or not value.keys() <= names:
            raise SerKerasError("batch", f"is not a batch spec ({value})", "Take a fresh copy")
        return cls(**value)


@dataclass(frozen=True)
class Normalization:
    """Mean and standard deviation with which features are normalised.

    Args:
        kind: One of the choices of `BatchSpec.normalize`.
        mean: Mean of each feature ("feature"), one mean for all ("scalar"), or nothing for the
            other kinds.
        std: Standard deviations, as many as means, all above zero.

    Raises:
        SerKerasError: The statistics do not fit the kind, or cannot be divided by.
    """

    kind: str = "none"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def __post_init__(self):
        n_values = len(self.mean) if self.kind == "feature" else int(self.kind == "scalar")
        if (
            self.kind not in _CHOICES["normalize"]
            or not len(self.mean) == len(self.std) == n_values
            or (self.kind == "feature" and not n_values)
            or not all(type(x) is float and math.isfinite(x) for x in (*self.mean, *self.std))
            or not all(x > 0 for x in self.std)
        ):
            raise SerKerasError("normalization", "has statistics that do not fit", "Fit it again")

    @classmethod
    def fit(cls, clips: Iterable[np.ndarray], spec: BatchSpec) -> Normalization:
        """Return the statistics of clips, in one pass that keeps no clip in memory.

        They equal those of scikit-learn's `StandardScaler`: the deviation is the population's, and
        1 where a column is constant. Clips are merged after Chan, Golub and LeVeque (1979), so that
        no sum of squares loses the digits that matter.

        Args:
            clips: Arrays (frames, n_features); not read if `spec` needs no statistics.
            spec: Spec that names the kind, and says whether clips are padded first.

        Raises:
            SerKerasError: There are no clips.

        Example:
            >>> Normalization.fit([np.array([[1.0], [3.0]])], BatchSpec())
            Normalization(kind='feature', mean=(2.0,), std=(1.0,))
        """
        if spec.normalize not in _FITTED:
            return cls(spec.normalize)
        count, mean, squares = 0, np.zeros(1), np.zeros(1)
        frames = spec.frames or 1  # 1 is for clips that become one row
        for clip in clips:
            rows = rooted(np.asarray(clip, np.float64), spec)
            rows = _fit_length(rows, spec, frames) if spec.normalize_after_padding else rows
            rows = rows.reshape(-1, 1) if spec.normalize == "scalar" else rows
            center = rows.mean(axis=0)
            shift = center - mean
            total = count + len(rows)
            mean = mean + shift * len(rows) / total
            squares = squares + np.square(rows - center).sum(axis=0)
            squares = squares + np.square(shift) * count * len(rows) / total
            count = total
        if not count:
            raise SerKerasError("normalization", "there is no clip to fit it on", "Give more clips")
        variance = squares / count
        noise = np.finfo(np.float64).eps * count  # scikit-learn's bound for "constant"
        constant = variance <= noise * variance + np.square(noise * mean)
        std = np.where(constant, 1.0, np.sqrt(variance))
        return cls(spec.normalize, tuple(mean.tolist()), tuple(std.tolist()))

    def to_json(self) -> dict:
        """Return the statistics as plain values."""
        return {"kind": self.kind, "mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_json(cls, value: dict) -> Normalization:
        """Return the statistics that `to_json` was taken from.

        Raises:
            SerKerasError: It has another form, or the statistics do not fit the kind.
        """
        if (
            not isinstance(value, dict)
            or value.keys() != {"kind", "mean", "std"}
            or not (isinstance(value["mean"], list) and isinstance(value["std"], list))
        ):
            raise SerKerasError("normalization", "is of another form", "Take a fresh copy")
        return cls(value["kind"], tuple(value["mean"]), tuple(value["std"]))


def assemble(
    clips: Sequence[np.ndarray], spec: BatchSpec, normalization: Normalization
) -> dict[str, np.ndarray]:
    """Return the inputs of a network for a batch of clips.

    Args:
        clips: Arrays (frames, n_features), as `features.extract` returns them.
        spec: Form of the batch.
        normalization: Statistics of the kind that `spec` names.

    Returns:
        "features": float32 (batch, ...), shaped as `spec.shapes` says, and, if `spec.mask`, "mask":
        bool (batch, frames), True for the frames of the clip itself.

    Raises:
        SerKerasError: There are no clips, a clip has no frames, or the statistics are of another
            kind or of another number of features.

    Example:
        >>> clips = [np.zeros((2, 40), np.float32), np.zeros((3, 40), np.float32)]
        >>> batch = assemble(clips, BatchSpec(normalize="none", mask=True), Normalization())
        >>> batch["features"].shape, batch["mask"].tolist()
        ((2, 3, 40), [[True, True, False], [True, True, True]])
    """
    if not len(clips):
        raise SerKerasError("batch", "has no clips", "Give at least one")
    n_features = clips[0].shape[-1]
    if normalization.kind != spec.normalize or (
        normalization.kind == "feature" and len(normalization.mean) != spec.n_normalized(n_features)
    ):
        raise SerKerasError("normalization", "is not of these features", "Fit it again")
    if any(clip.ndim != 2 or not len(clip) or clip.shape[1] != n_features for clip in clips):
        raise SerKerasError("batch", f"has a clip that is not (frames, {n_features})", "Check it")
    frames = 1 if spec.pooled else spec.frames or max(map(len, clips))
    width = 2 * n_features if spec.fit == "statistics" else n_features
    features = np.empty((len(clips), frames, width), np.float32)
    if spec.axes == "feature_first":
        features = np.empty((len(clips), width, frames), np.float32).swapaxes(1, 2)
    for clip, row in zip(clips, features, strict=True):
        values = clip.astype(np.float64)  # the statistics of a loud clip need the digits
        values = rooted(values, spec)
        if spec.normalize_after_padding:
            row[:] = _normalize(_fit_length(values, spec, frames), normalization)
        else:
            row[:] = _fit_length(_normalize(values, normalization), spec, frames)
    if spec.limit is not None:
        np.clip(features, -spec.limit, spec.limit, out=features)
    if spec.pooled:
        features = features[:, 0]
    elif spec.axes == "feature_first":
        features = features.swapaxes(1, 2)
    inputs: dict[str, np.ndarray] = {"features": features[..., None] if spec.channel else features}
    if spec.mask:
        lengths = [frames if spec.fit == "resize" else len(clip) for clip in clips]
        inputs["mask"] = np.arange(frames) < np.array(lengths)[:, None]
    return inputs


def rooted(values: np.ndarray, spec: BatchSpec) -> np.ndarray:
    """Return values as they are before they are normalised: as signed roots if `spec` says so.

    Args:
        values: Array of any shape.
        spec: Form of the batch.

    Example:
        >>> rooted(np.array([-9.0, 4.0]), BatchSpec(signed_root=True)).tolist()
        [-3.0, 2.0]
    """
    return np.sign(values) * np.sqrt(np.abs(values)) if spec.signed_root else values


def _fit_length(clip: np.ndarray, spec: BatchSpec, frames: int) -> np.ndarray:
    """Return a clip as (frames, n_features), or as one row if its time axis is pooled."""
    if spec.fit == "mean":
        return clip.mean(axis=0, keepdims=True)
    if spec.fit == "statistics":
        return np.concatenate([clip.mean(axis=0), clip.std(axis=0)])[None]
    if spec.fit == "resize":
        position = np.linspace(0, len(clip) - 1, frames)
        before = np.floor(position).astype(int)
        after = np.minimum(before + 1, len(clip) - 1)
        share = (position - before)[:, None]
        return clip[before] * (1 - share) + clip[after] * share
    if len(clip) >= frames:
        return audio.squeeze(clip, frames) if spec.fit == "squeeze" else clip[:frames]
    padded = np.full((frames, clip.shape[1]), spec.pad_value)
    padded[: len(clip)] = clip
    return padded


def _normalize(clip: np.ndarray, normalization: Normalization) -> np.ndarray:
    kind = normalization.kind
    if kind == "none":
        return clip
    if kind == "clip":
        return (clip - clip.mean()) / (clip.std() or 1.0)
    if kind == "band_clip":
        return (clip - clip.mean(axis=0)) / (clip.std(axis=0) + _BAND_EPSILON)
    return (clip - np.array(normalization.mean)) / np.array(normalization.std)
