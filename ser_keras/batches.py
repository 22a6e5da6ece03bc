"""Frames to batches: one length, one scale, the axes and the mask that a network takes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ser_keras import audio
from ser_keras.errors import SerKerasError

MAX_FRAMES = 100_000
_BAND_EPSILON = 1e-6  # of `band_clip`
_FITTED = ("feature", "scalar")  # kinds that need statistics of the training clips
_CHOICES = {
    "fit": ("pad", "crop", "squeeze", "resize", "mean"),
    "axes": ("time_first", "feature_first"),
    "channel": (False, True),
    "mask": (False, True),
    "normalize": ("none", "clip", "feature", "scalar", "band_clip"),
    "normalize_after_padding": (False, True),
    "fit_on": (("train",), ("train", "validation")),
}


@dataclass(frozen=True, kw_only=True)
class BatchSpec:
    """How clips of any length become the inputs of a network.

    Args:
        frames: Length that every clip gets; None means the longest of its batch.
        fit: How it gets there. "pad" and "crop" add `pad_value` on the right or cut there;
            "squeeze" adds likewise, but resamples what is longer, as if each feature were a sound;
            "resize" interpolates linearly along time, first and last frame kept; "mean" leaves the
            mean over time alone.
        pad_value: What is added.
        axes: "time_first" is (frames, features), "feature_first" (features, frames).
        channel: Whether an axis of one channel comes last.
        mask: Whether the network also takes which frames are of the clip.
        normalize: "none"; "clip" takes from each clip its mean over everything and divides by its
            deviation; "band_clip" does so with each band of each clip, with 1e-6 added to the
            deviation; "feature" and "scalar" use mean and deviation of the training clips, for each
            feature or one for all.
        normalize_after_padding: Whether what was padded takes part; else zero means the mean.
        fit_on: Roles of the clips that the statistics are of.

    Raises:
        SerKerasError: A value that is none of these, or two that do not fit together.
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

    def __post_init__(self):
        if isinstance(self.fit_on, list):  # as JSON has it
            object.__setattr__(self, "fit_on", tuple(self.fit_on))
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices or type(value) is not type(choices[0]):
                raise _refusal(name, value, "one of " + ", ".join(map(repr, choices)))
        if self.frames is not None and not (
            type(self.frames) is int and 1 <= self.frames <= MAX_FRAMES
        ):
            raise _refusal("frames", self.frames, f"an integer from 1 to {MAX_FRAMES}, or None")
        if type(self.pad_value) not in (int, float) or not math.isfinite(self.pad_value):
            raise _refusal("pad_value", self.pad_value, "a finite number")
        object.__setattr__(self, "pad_value", float(self.pad_value))
        if self.fit == "mean" and self.mask:
            raise _refusal("mask", True, "False where fit is 'mean': no frames are left")
        if self.frames is None and self.fit in ("squeeze", "resize"):
            raise _refusal("frames", None, f"a number where fit is {self.fit!r}")
        if self.frames is None and self.fit != "mean" and self.normalize_after_padding:
            # else a clip's features would depend on its neighbours in the batch
            raise _refusal("frames", None, "a number where normalize_after_padding is True")

    def shapes(self, n_features: int) -> dict[str, tuple[int | None, ...]]:
        """Return the shape of each input, without the batch axis.

        Example:
            >>> BatchSpec(frames=130, mask=True).shapes(40)
            {'features': (130, 40), 'mask': (130,)}
        """
        shape = (self.frames, n_features)
        if self.fit == "mean":
            shape = (n_features,)
        elif self.axes == "feature_first":
            shape = (n_features, self.frames)
        shapes = {"features": (*shape, 1) if self.channel else shape}
        return shapes | {"mask": (self.frames,)} if self.mask else shapes

    @property
    def one_by_one(self) -> bool:
        """Whether a clip's answer would depend on its batch: it is padded to it, without a mask."""
        return self.frames is None and self.fit != "mean" and not self.mask

    def to_json(self) -> dict:
        """Return the spec as plain values."""
        return dataclasses.asdict(self) | {"fit_on": list(self.fit_on)}

    @classmethod
    def from_json(cls, value: dict) -> BatchSpec:
        """Return the spec that `to_json` was taken from.

        Raises:
            SerKerasError: Not a dictionary, an unknown key, or a value as above.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(value, dict) or not value.keys() <= names:
            raise SerKerasError("batch", f"is not a batch spec ({value})", "Take a fresh copy")
        return cls(**value)


@dataclass(frozen=True)
class Normalization:
    """Mean and deviation that are taken from the features.

    Args:
        kind: As `BatchSpec.normalize`.
        mean: One for each feature ("feature"), one for all ("scalar"), none for the other kinds.
        std: As `mean`; above zero.

    Raises:
        SerKerasError: Statistics that do not fit the kind, or are no numbers to divide by.
    """

    kind: str = "none"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def __post_init__(self):
        wanted = len(self.mean) if self.kind == "feature" else int(self.kind == "scalar")
        if (
            self.kind not in _CHOICES["normalize"]
            or not len(self.mean) == len(self.std) == wanted
            or (self.kind == "feature" and not wanted)
            or not all(type(x) is float and math.isfinite(x) for x in (*self.mean, *self.std))
            or not all(x > 0 for x in self.std)
        ):
            raise SerKerasError("normalization", "has statistics that do not fit", "Fit it again")

    @classmethod
    def fit(cls, clips: Iterable[np.ndarray], spec: BatchSpec) -> Normalization:
        """Return the statistics of clips, read once and not kept.

        They are those of scikit-learn's `StandardScaler`: population deviation, and 1 where a
        column is constant. Parts are merged after Chan, Golub and LeVeque (1979), so that no sum of
        squares loses the digits that matter.

        Args:
            clips: Matrices (frames, n_features); not touched where `spec` needs no statistics.
            spec: Says the kind, and whether clips are padded first.

        Raises:
            SerKerasError: There are no clips.
        """
        if spec.normalize not in _FITTED:
            return cls(spec.normalize)
        count, mean, squares = 0, 0.0, 0.0
        for clip in clips:
            rows = np.asarray(clip, np.float64)
            rows = _fit_length(rows, spec, spec.frames) if spec.normalize_after_padding else rows
            rows = rows.reshape(-1, 1) if spec.normalize == "scalar" else rows
            center = rows.mean(axis=0)
            apart = center - mean
            total = count + len(rows)
            mean = mean + apart * len(rows) / total
            squares = squares + np.square(rows - center).sum(axis=0)
            squares = squares + np.square(apart) * count * len(rows) / total
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
            SerKerasError: Of another form, or statistics as above.
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
    """Return the inputs of a network for some clips.

    Args:
        clips: Matrices (frames, n_features), as `features.extract` returns them.
        spec: What becomes of them.
        normalization: Of the kind that `spec` names.

    Returns:
        "features": float32 (batch, ...) in the shape that `spec.shapes` tells, and "mask": bool
        (batch, frames), true where a frame is of the clip, if `spec.mask`.

    Raises:
        SerKerasError: No clips, statistics of another kind or number of features, or a clip without
            frames.
    """
    if not len(clips):
        raise SerKerasError("batch", "has no clips", "Give at least one")
    n_features = clips[0].shape[-1]
    if normalization.kind != spec.normalize or (
        normalization.kind == "feature" and len(normalization.mean) != n_features
    ):
        raise SerKerasError("normalization", "is not of these features", "Fit it again")
    if any(clip.ndim != 2 or not len(clip) or clip.shape[1] != n_features for clip in clips):
        raise SerKerasError("batch", f"has a clip that is not (frames, {n_features})", "Check it")
    frames = 1 if spec.fit == "mean" else spec.frames or max(map(len, clips))
    features = np.empty((len(clips), frames, n_features), np.float32)
    if spec.axes == "feature_first":
        features = np.empty((len(clips), n_features, frames), np.float32).swapaxes(1, 2)
    for clip, row in zip(clips, features, strict=True):
        values = clip.astype(np.float64)  # the statistics of a loud clip need the digits
        if spec.normalize_after_padding:
            row[:] = _normalize(_fit_length(values, spec, frames), normalization)
        else:
            row[:] = _fit_length(_normalize(values, normalization), spec, frames)
    if spec.fit == "mean":
        features = features[:, 0]
    elif spec.axes == "feature_first":
        features = features.swapaxes(1, 2)
    inputs = {"features": features[..., None] if spec.channel else features}
    if spec.mask:
        lengths = [frames if spec.fit == "resize" else len(clip) for clip in clips]
        inputs["mask"] = np.arange(frames) < np.array(lengths)[:, None]
    return inputs


def _fit_length(clip: np.ndarray, spec: BatchSpec, frames: int) -> np.ndarray:
    """Return a clip (frames, n_features) of the wanted length."""
    if spec.fit == "mean":
        return clip.mean(axis=0, keepdims=True)
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


def _refusal(name: str, value: object, wanted: str) -> SerKerasError:
    return SerKerasError(f"batch.{name}", f"cannot be {value!r}", f"Give {wanted}")
