"""Augmentation: what a recipe may do to its training clips, each step a frozen dataclass.

A step works at a level, which says what its `apply(value, rng)` takes and returns:

    "waveform"  float32 (samples,); its `apply` also takes the sample rate in Hz
    "frames"    float32 (frames, n_features): axis 0 is time, axis 1 frequency (bands, coefficients)
    "image"     the same matrix, taken for a picture as an image library does

All that is drawn comes from the `numpy.random.Generator` that is given, so clip and copy have their
own stream (`Augmentation.stream`) whatever the order or the number of processes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
import os
import re
import threading
import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ser_keras import audio, console, seeding
from ser_keras.errors import SerKerasError
from ser_keras.features import FeatureSpec, extract

LEVELS = ("waveform", "frames", "image")
MAX_COPIES = 100


@dataclass(frozen=True, kw_only=True)
class Gain:
    """Multiplies a waveform by a factor drawn from a range.

    Features that are scaled to the clip (`ref="max"`, `normalize="band_clip"`) do not see it.
    """

    factor: tuple[float, float] = (0.7, 1.3)
    level: ClassVar[str] = "waveform"

    def __post_init__(self):
        _check_range(self, "factor", 1e-3, 1e3)

    def apply(self, samples, rng, sample_rate):
        return (samples * rng.uniform(*self.factor)).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class NoiseAtSNR:
    """Adds white Gaussian noise to a waveform, so many dB below the clip's own power."""

    snr_db: tuple[float, float] = (10.0, 30.0)
    level: ClassVar[str] = "waveform"

    def __post_init__(self):
        _check_range(self, "snr_db", -20.0, 120.0)

    def apply(self, samples, rng, sample_rate):
        power = np.mean(np.square(samples, dtype=np.float64))
        deviation = math.sqrt(power / 10 ** (rng.uniform(*self.snr_db) / 10))
        return (samples + rng.normal(0, deviation, samples.shape)).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class PitchShift:
    """Shifts the pitch of a waveform, by `librosa.effects.pitch_shift`; its length stays.

    Args:
        semitones: Range that the shift is drawn from.
        whole: Whether only whole semitones are drawn.
    """

    semitones: tuple[float, float] = (-2.0, 2.0)
    whole: bool = False
    level: ClassVar[str] = "waveform"

    def __post_init__(self):
        _check_range(self, "semitones", -24.0, 24.0)

    def apply(self, samples, rng, sample_rate):
        import librosa

        low, high = self.semitones
        if self.whole:
            shift = rng.integers(math.ceil(low), math.floor(high), endpoint=True)
        else:
            shift = rng.uniform(low, high)
        with _ignoring("n_fft=.* is too large"):  # of clips below 0.1 s
            return librosa.effects.pitch_shift(samples, sr=sample_rate, n_steps=float(shift))


@dataclass(frozen=True, kw_only=True)
class TimeStretch:
    """Speeds a waveform up by a drawn factor and keeps its pitch, by `librosa.effects`."""

    rate: tuple[float, float] = (0.9, 1.1)
    level: ClassVar[str] = "waveform"

    def __post_init__(self):
        _check_range(self, "rate", 0.25, 4.0)

    def apply(self, samples, rng, sample_rate):
        import librosa

        with _ignoring("n_fft=.* is too large"):
            return librosa.effects.time_stretch(samples, rate=rng.uniform(*self.rate))


@dataclass(frozen=True, kw_only=True)
class PolarityInversion:
    """Turns a waveform upside down, which no magnitude of a spectrum shows."""

    level: ClassVar[str] = "waveform"

    def apply(self, samples, rng, sample_rate):
        return -samples


@dataclass(frozen=True, kw_only=True)
class CropOrPad:
    """Cuts a waveform to a length at a drawn place, or lays a shorter one at one into zeros."""

    duration_s: float = 3.0
    level: ClassVar[str] = "waveform"

    def __post_init__(self):
        _check_number(self, "duration_s", 0.01, 14_400.0)

    def apply(self, samples, rng, sample_rate):
        wanted = max(1, round(self.duration_s * sample_rate))
        start = rng.integers(abs(wanted - len(samples)), endpoint=True)
        if len(samples) >= wanted:
            return samples[start : start + wanted]
        padded = np.zeros(wanted, np.float32)
        padded[start : start + len(samples)] = samples
        return padded


@dataclass(frozen=True, kw_only=True)
class Reverberation:
    """Adds the echo of a room to a waveform: white noise that dies away exponentially.

    Length and power of the clip stay what they were. A synthetic echo has no early reflections;
    it stands for distance to the microphone, not for any room.

    Args:
        decay_s: Range of the time in which the echo falls by 60 dB.
        wet: Range of the echo's energy as a share of the direct sound's.
    """

    decay_s: tuple[float, float] = (0.1, 0.6)
    wet: tuple[float, float] = (0.1, 0.5)
    level: ClassVar[str] = "waveform"

    def __post_init__(self):
        _check_range(self, "decay_s", 0.01, 10.0)
        _check_range(self, "wet", 0.0, 10.0)

    def apply(self, samples, rng, sample_rate):
        from scipy.signal import fftconvolve

        decay, wet = rng.uniform(*self.decay_s), rng.uniform(*self.wet)
        time = np.arange(1, max(2, round(decay * sample_rate))) / sample_rate
        tail = rng.normal(size=len(time)) * 10 ** (-3 * time / decay)  # -60 dB at `decay`
        response = np.concatenate([[1.0], tail * math.sqrt(wet / np.sum(np.square(tail)))])
        heard = fftconvolve(samples, response)[: len(samples)]
        before, after = (np.sum(np.square(x, dtype=np.float64)) for x in (samples, heard))
        return (heard * math.sqrt(before / after if after else 1.0)).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class DecibelNoise:
    """Adds Gaussian noise to every value of a dB picture. Below 1 dB nobody would see it."""

    deviation_db: float = 1.0
    level: ClassVar[str] = "frames"

    def __post_init__(self):
        _check_number(self, "deviation_db", 0.0, 100.0)

    def apply(self, frames, rng):
        return (frames + rng.normal(0, self.deviation_db, frames.shape)).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class PitchShiftAlongTime:
    """Runs librosa's pitch shifter for audio along the time axis of each band, as `mel-cnn` does.

    It shifts no pitch: it takes the course of each band's power for a waveform, smears it over
    time, and makes negative power, which the way back to dB cuts off at 80 dB below the loudest.
    It is here to repeat the published figure, for log-mel frames alone; `PitchShift` is the step
    that was meant.
    """

    semitones: tuple[float, float] = (-4.0, 4.0)
    level: ClassVar[str] = "frames"

    def __post_init__(self):
        _check_range(self, "semitones", -24.0, 24.0)

    def apply(self, frames, rng):
        import librosa

        power = librosa.db_to_power(frames.T)  # (bands, frames)
        with _ignoring("n_fft=.* is too large"):  # of the few hundred frames of a clip
            # the rate cancels: pitch is shifted by a ratio
            power = librosa.effects.pitch_shift(power, sr=1.0, n_steps=rng.uniform(*self.semitones))
        return librosa.power_to_db(power).T.astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class FrequencyMask:
    """Hides neighbouring bands of all frames: a stretch of axis 1.

    Args:
        limit: Range that the limit of the width is drawn from, in bands; the width is then drawn
            from 0 to it. (10, 10) is SpecAugment's F = 10.
        fill: What the masked part becomes: the clip's "floor" (its lowest value), its "mean", or a
            value. Mind that 0 dB is the loudest value where features have `ref="max"`.
    """

    limit: tuple[int, int] = (0, 8)
    fill: str | float = "floor"
    level: ClassVar[str] = "frames"

    def __post_init__(self):
        _check_mask(self)

    def apply(self, frames, rng):
        return _masked(frames, rng, 1, self)


@dataclass(frozen=True, kw_only=True)
class TimeMask:
    """Hides neighbouring frames in all bands: a stretch of axis 0.

    Args:
        limit: As of `FrequencyMask`, in frames.
        fill: As of `FrequencyMask`.
    """

    limit: tuple[int, int] = (0, 20)
    fill: str | float = "floor"
    level: ClassVar[str] = "frames"

    def __post_init__(self):
        _check_mask(self)

    def apply(self, frames, rng):
        return _masked(frames, rng, 0, self)


@dataclass(frozen=True, kw_only=True)
class FrequencyShift:
    """Moves a clip up by a drawn number of bands, axis 1; what is left repeats the edge."""

    bands: tuple[int, int] = (-1, 1)
    level: ClassVar[str] = "frames"

    def __post_init__(self):
        _check_range(self, "bands", -1_000, 1_000, whole=True)

    def apply(self, frames, rng):
        return _moved(frames, rng.integers(*self.bands, endpoint=True), 1)


@dataclass(frozen=True, kw_only=True)
class TimeShift:
    """Moves a clip later by a drawn number of frames, axis 0; what is left repeats the edge."""

    frames: tuple[int, int] = (-2, 2)
    level: ClassVar[str] = "frames"

    def __post_init__(self):
        _check_range(self, "frames", -100_000, 100_000, whole=True)

    def apply(self, frames, rng):
        return _moved(frames, rng.integers(*self.frames, endpoint=True), 0)


@dataclass(frozen=True, kw_only=True)
class ImageShiftZoomFlip:
    """Does to (frames, n_features) what `ImageDataGenerator` does to a photograph of that size.

    What its settings really move, tried on Keras 3.15 (which swaps its axes, keras issue 17398):

    - `width_shift`: sized by the width, that is n_features, but it moves axis 0, **time**: for a
      130 x 40 picture by up to 0.05 x 40 = 2 frames.
    - `zoom`: both axes, each by its own factor. The centre is swapped too: time is zoomed about
      frame (n_features - 1) / 2, the bands about band (frames - 1) / 2, which for 130 x 40 lies
      outside the picture, so its bands also move up or down by as many as 2.25.
    - `flip`: "horizontal", so it reverses axis 1, **frequency**: low bands become high ones.

    Args:
        width_shift: Largest shift, as a share of the width.
        zoom: Largest zoom, as a share: factors are drawn from 1 - zoom to 1 + zoom.
        flip: Whether every second picture is flipped.
        through: "legacy" for `tf.keras.preprocessing.image.ImageDataGenerator`, as published;
            "layers" for `keras.layers.RandomTranslation`, `RandomZoom` and `RandomFlip`, told the
            same movements. Shift and flip are the same to the last digit, zoom interpolates twice.
    """

    width_shift: float = 0.05
    zoom: float = 0.05
    flip: bool = True
    through: str = "legacy"
    level: ClassVar[str] = "image"

    def __post_init__(self):
        _check_number(self, "width_shift", 0.0, 0.99)
        _check_number(self, "zoom", 0.0, 0.99)
        if self.through not in ("legacy", "layers"):
            raise _refusal(self, "through", "legacy or layers")

    def apply(self, image, rng):
        drawn = self.draw(image.shape, rng)
        transform = self.legacy if self.through == "legacy" else self.layers
        return transform(image, drawn)

    def draw(self, shape, rng) -> dict:
        """Return what `ImageDataGenerator.get_random_transform` draws for a (height, width)."""
        if self.through == "legacy":
            seed = int(rng.integers(2**32))
            return _global_draw(_generator(self), (*shape, 1), seed)
        low, high = 1 - self.zoom, 1 + self.zoom
        return {
            "ty": rng.uniform(-self.width_shift, self.width_shift) * shape[1],
            "zx": rng.uniform(low, high),
            "zy": rng.uniform(low, high),
            "flip_horizontal": bool(self.flip and rng.random() < 0.5),
        }

    def legacy(self, image, drawn):
        """Return the picture as `ImageDataGenerator` transforms it."""
        with _ignoring(".*scipy.ndimage.interpolation"):
            return _generator(self).apply_transform(image[..., None], drawn)[..., 0]

    def layers(self, image, drawn):
        """Return the picture as the layers of Keras 3 transform it, told the same movements."""
        import keras

        height, width = image.shape
        zoom_time, zoom_bands = drawn["zy"], drawn["zx"]
        off_centre = (height - width) / 2  # from the legacy centre of time to the true one
        time = -drawn["ty"] + (1 - zoom_time) * off_centre  # frames that the picture moves later
        bands = -(1 - zoom_bands) * off_centre  # bands that it moves up
        movements = (
            {"translations": _row(bands, time)},
            {"height_zoom": _row(zoom_time), "width_zoom": _row(zoom_bands)},
            {"flips": np.full((1, 1, 1, 1), bool(drawn["flip_horizontal"]))},
        )
        x = image[None, ..., None].astype(np.float32)
        for layer, movement in zip(_image_layers(), movements, strict=True):
            x = layer.transform_images(x, {"input_shape": x.shape, **movement})
        return keras.ops.convert_to_numpy(x)[0, ..., 0]


_STEPS = {
    re.sub(r"(?<=[a-z])(?=[A-Z])", "-", step.__name__).lower(): step
    for step in (
        Gain,
        NoiseAtSNR,
        PitchShift,
        TimeStretch,
        PolarityInversion,
        CropOrPad,
        Reverberation,
        DecibelNoise,
        PitchShiftAlongTime,
        FrequencyMask,
        TimeMask,
        FrequencyShift,
        TimeShift,
        ImageShiftZoomFlip,
    )
}


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """What a recipe does to its training clips, and to nothing else.

    Each clip is trained on as it is (`keep_original`) and in `copies` varied forms. A waveform is
    varied once, before training, because features have to be extracted anew (30 ms for a pitch
    shift of 3 s); frames and images once as well, or anew in each epoch.

    Args:
        steps: What is done, in this order within a level: steps, or their names ("time-mask") for
            their defaults.
        probability: Of each step by itself.
        copies: Varied forms of a clip.
        keep_original: Whether the clip itself is trained on too.
        when: "once" or "epoch": when steps on frames and images are drawn.

    Raises:
        SerKerasError: No such step, or a value out of range.

    Example:
        >>> Augmentation(steps=("time-mask",), copies=3).numbers
        range(0, 4)
    """

    steps: tuple = ()
    probability: float = 1.0
    copies: int = 1
    keep_original: bool = True
    when: str = "once"

    def __post_init__(self):
        object.__setattr__(self, "steps", tuple(map(_step, self.steps)))
        _check_number(self, "probability", 0.0, 1.0)
        if type(self.copies) is not int or not 1 <= self.copies <= MAX_COPIES:
            raise _refusal(self, "copies", f"a whole number from 1 to {MAX_COPIES}")
        if self.when not in ("once", "epoch"):
            raise _refusal(self, "when", "once or epoch")

    @property
    def numbers(self) -> range:
        """Numbers of the forms in which a clip is trained on; 0 is the clip itself."""
        if not self.steps:
            return range(1)
        return range(0 if self.keep_original else 1, self.copies + 1)

    def works_on(self, level: str) -> bool:
        """Return whether there is a step of this level."""
        return any(step.level == level for step in self.steps)

    def stream(self, seed: int, content: str, number: int, level: str, epoch: int = 0):
        """Return the generator of one form of one clip at one level."""
        epoch = epoch if self.when == "epoch" and level != "waveform" else 0
        return seeding.stream(seed, "augment", level, epoch, content, number)

    def apply(self, level: str, value: np.ndarray, rng, *where) -> np.ndarray:
        """Return a waveform, frames or an image after the steps of this level.

        Args:
            level: One of `LEVELS`.
            value: As the level has it.
            rng: A `numpy.random.Generator`, of `stream`.
            *where: For a waveform, its sample rate in Hz.
        """
        for step in self.steps:
            if step.level == level and rng.random() < self.probability:
                value = step.apply(value, rng, *where)
        return value

    def waveforms(self, paths, contents, spec: FeatureSpec, seed: int) -> dict:
        """Return the frames of all varied forms of some clips, all cores at work.

        Args:
            paths: Sound files.
            contents: The content of each.
            spec: What is extracted.
            seed: Of what is drawn.

        Returns:
            (content, number) -> float32 (frames, n_features), for the numbers from 1.

        Raises:
            SerKerasError: A clip cannot be read.
        """
        import joblib

        clips = zip(paths, contents, strict=True)
        jobs = [(path, content, n) for path, content in clips for n in self.numbers if n]
        frames = {}
        run = joblib.Parallel(n_jobs=-1, return_as="generator", pre_dispatch="2*n_jobs")
        results = run(
            joblib.delayed(varied_frames)(
                path, spec, self, self.stream(seed, content, number, "waveform")
            )
            for path, content, number in jobs
        )
        with contextlib.closing(console.progress(len(jobs), "augmentation")) as bar:
            for (_, content, number), result in zip(jobs, results, strict=True):
                frames[content, number] = result
                bar.update()
        return frames

    def to_json(self) -> dict:
        """Return the augmentation as plain values."""
        steps = [{"step": step_name(s), **_plain(dataclasses.asdict(s))} for s in self.steps]
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return values | {"steps": steps}


def step_name(step) -> str:
    """Return the name of a step, as it is written in settings.

    Example:
        >>> step_name(TimeMask())
        'time-mask'
    """
    return next(name for name, kind in _STEPS.items() if kind is type(step))


def varied_frames(
    path: str | os.PathLike, spec: FeatureSpec, augmentation: Augmentation, rng
) -> np.ndarray:
    """Return the frames of a clip whose waveform was varied, float32 (frames, n_features).

    A function of a module, so that worker processes can be sent it: a pitch shift holds one core.

    Args:
        path: Of the clip.
        spec: Of the features.
        augmentation: Of which the steps on waveforms are taken.
        rng: Of `Augmentation.stream` for the level "waveform".

    Raises:
        SerKerasError: The clip cannot be read.
    """
    samples = audio.read(path, spec.sample_rate, offset=spec.offset, duration=spec.duration)
    return extract(augmentation.apply("waveform", samples, rng, spec.sample_rate), spec)


def _step(step):
    if type(step) in _STEPS.values():
        return step
    if step in _STEPS:
        return _STEPS[step]()
    raise SerKerasError(f"augment.steps {step}", "no such step", f"Choose of {', '.join(_STEPS)}")


def _plain(values: dict) -> dict:
    return {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}


def _masked(frames, rng, axis: int, mask) -> np.ndarray:
    limit = rng.integers(*mask.limit, endpoint=True)
    size = frames.shape[axis]
    width = min(int(rng.integers(limit, endpoint=True)), size)
    start = rng.integers(size - width, endpoint=True)
    level = {"floor": frames.min, "mean": frames.mean}.get(mask.fill, lambda: mask.fill)()
    masked = frames.copy()
    masked.swapaxes(0, axis)[start : start + width] = level
    return masked


def _moved(frames, by: int, axis: int) -> np.ndarray:
    size = frames.shape[axis]
    return np.take(frames, np.clip(np.arange(size) - by, 0, size - 1), axis=axis)


@functools.lru_cache(maxsize=8)
def _generator(step: ImageShiftZoomFlip):
    import tensorflow as tf  # the one home that the legacy class has left

    return tf.keras.preprocessing.image.ImageDataGenerator(
        width_shift_range=step.width_shift,
        zoom_range=step.zoom,
        horizontal_flip=step.flip,
        fill_mode="nearest",
    )


_GLOBAL = threading.Lock()


def _global_draw(generator, shape, seed: int) -> dict:
    """Return what a generator draws from numpy's global state, and leave that state as it was."""
    with _GLOBAL:
        state = np.random.get_state()
        drawn = generator.get_random_transform(shape, seed=seed)
        np.random.set_state(state)
    return drawn


@functools.lru_cache(maxsize=1)
def _image_layers():
    import keras

    options = {"fill_mode": "nearest", "interpolation": "bilinear", "data_format": "channels_last"}
    return (
        keras.layers.RandomTranslation(0.0, 0.0, **options),
        keras.layers.RandomZoom(0.0, 0.0, **options),
        keras.layers.RandomFlip("horizontal", data_format="channels_last"),
    )


def _row(*values: float) -> np.ndarray:
    return np.array([values], np.float32)


@contextlib.contextmanager
def _ignoring(message: str):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=message)
        yield


def _check_mask(mask) -> None:
    _check_range(mask, "limit", 0, 100_000, whole=True)
    if isinstance(mask.fill, str) and mask.fill not in ("floor", "mean"):
        raise _refusal(mask, "fill", "floor, mean or a number")


def _check_number(step, name: str, low: float, high: float) -> None:
    value = getattr(step, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise _refusal(step, name, f"a number from {low} to {high}")


def _check_range(step, name: str, low: float, high: float, *, whole: bool = False) -> None:
    value = tuple(getattr(step, name))
    kinds = (int,) if whole else (int, float)
    if (
        len(value) != 2
        or any(type(bound) not in kinds for bound in value)
        or not low <= value[0] <= value[1] <= high
    ):
        kind = "whole numbers" if whole else "numbers"
        raise _refusal(step, name, f"two {kind}, low and high, from {low} to {high}")
    object.__setattr__(step, name, value)


def _refusal(step, name: str, wanted: str) -> SerKerasError:
    subject = "augment" if isinstance(step, Augmentation) else f"augment {type(step).__name__}"
    return SerKerasError(
        f"{subject}.{name}", f"cannot be {getattr(step, name)!r}", f"Give {wanted}"
    )
