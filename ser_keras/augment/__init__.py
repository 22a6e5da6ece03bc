"""Augmentation: what a recipe may do to its training clips, each step a frozen dataclass.

A step works at a level, which says what its `apply(value, rng)` takes and returns:

    "waveform"  float32 (samples,); its `apply` also takes the sample rate in Hz
    "frames"    float32 (frames, n_features): axis 0 is time, axis 1 frequency (bands, coefficients)
    "image"     the same matrix, transformed as an image library transforms a photograph

All random numbers come from the `numpy.random.Generator` that is given. Each varied form of a clip
has its own (`Augmentation.stream`), so neither order nor the number of processes changes a result.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ser_keras import audio, console, errors, seeding
from ser_keras.augment import frames, image, waveform
from ser_keras.augment.frames import (
    DecibelNoise,
    FrequencyMask,
    FrequencyShift,
    PitchShiftAlongTime,
    TimeMask,
    TimeShift,
)
from ser_keras.augment.image import ImageShiftZoomFlip
from ser_keras.augment.waveform import (
    CropOrPad,
    Gain,
    NoiseAtSNR,
    PitchShift,
    PolarityInversion,
    Reverberation,
    TimeStretch,
)
from ser_keras.features import FeatureSpec, extract

__all__ = [
    "LEVELS",
    "MAX_COPIES",
    "STEPS",
    "Augmentation",
    "CropOrPad",
    "DecibelNoise",
    "FrequencyMask",
    "FrequencyShift",
    "Gain",
    "ImageShiftZoomFlip",
    "NoiseAtSNR",
    "PitchShift",
    "PitchShiftAlongTime",
    "PolarityInversion",
    "Reverberation",
    "TimeMask",
    "TimeShift",
    "TimeStretch",
    "step_name",
    "varied_frames",
]

LEVELS = ("waveform", "frames", "image")
MAX_COPIES = 100
# Name in settings -> class: every dataclass that is defined in one of the modules.
STEPS: dict[str, type] = {
    re.sub(r"(?<=[a-z])(?=[A-Z])", "-", step.__name__).lower(): step
    for module in (waveform, frames, image)
    for step in vars(module).values()
    if isinstance(step, type)
    and dataclasses.is_dataclass(step)
    and step.__module__ == module.__name__
}


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """What a recipe does to its training clips, and to nothing else.

    Each clip is trained on as it is (`keep_original`) and in `copies` varied forms. A waveform is
    varied once, before training, because its features must be extracted again (30 ms for a pitch
    shift of 3 s). Frames and images are varied once as well, or again in each epoch.

    Args:
        steps: Steps, applied in this order within a level; a name ("time-mask") stands for the step
            with its defaults.
        probability: Probability that a step is applied, drawn for each step separately.
        copies: Number of varied forms of a clip.
        keep_original: Whether the clip itself is trained on too.
        when: "once" or "epoch": how often steps on frames and images are drawn.

    Raises:
        SerKerasError: A step does not exist, or a value is out of range.

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
        steps = []
        for step in self.steps:
            if isinstance(step, str) and step in STEPS:
                step = STEPS[step]()
            if type(step) not in STEPS.values():
                raise errors.unknown(f"augment.steps {step}", "step", str(step), STEPS)
            steps.append(step)
        object.__setattr__(self, "steps", tuple(steps))
        errors.check_number("augment.probability", self.probability, 0.0, 1.0)
        errors.check_number("augment.copies", self.copies, 1, MAX_COPIES, whole=True)
        errors.check_choice("augment.when", self.when, ("once", "epoch"))

    @property
    def numbers(self) -> range:
        """Numbers of the forms in which a clip is trained on; 0 is the clip itself."""
        if not self.steps:
            return range(1)
        return range(0 if self.keep_original else 1, self.copies + 1)

    def works_on(self, level: str) -> bool:
        """Return whether there is a step of this level."""
        return any(step.level == level for step in self.steps)

    def stream(
        self, seed: int, content: str, number: int, level: str, epoch: int = 0
    ) -> np.random.Generator:
        """Return the random generator for one form of one clip at one level."""
        epoch = epoch if self.when == "epoch" and level != "waveform" else 0
        return seeding.stream(seed, "augment", level, epoch, content, number)

    def apply(
        self, level: str, value: np.ndarray, rng: np.random.Generator, *sample_rate: int
    ) -> np.ndarray:
        """Return a waveform, frames or an image after the steps of this level.

        Args:
            level: One of `LEVELS`.
            value: Array in the form that the level has.
            rng: Generator that `stream` returns.
            *sample_rate: Sample rate in Hz, for the level "waveform" only.
        """
        for step in self.steps:
            if step.level == level and rng.random() < self.probability:
                value = step.apply(value, rng, *sample_rate)
        return value

    def waveforms(
        self,
        paths: Sequence[str | os.PathLike],
        contents: Sequence[str],
        spec: FeatureSpec,
        seed: int,
    ) -> dict[tuple[str, int], np.ndarray]:
        """Return the frames of all varied forms of clips, computed on all cores.

        Args:
            paths: Sound files.
            contents: Content hash of each file.
            spec: Features to extract.
            seed: Seed of the random numbers.

        Returns:
            (content, number) -> float32 (frames, n_features), for the numbers from 1.

        Raises:
            SerKerasError: A clip cannot be read.
        """
        import joblib

        clips = zip(paths, contents, strict=True)
        jobs = [(path, content, n) for path, content in clips for n in self.numbers if n]
        varied = {}
        run = joblib.Parallel(n_jobs=-1, return_as="generator", pre_dispatch="2*n_jobs")
        results = run(
            joblib.delayed(varied_frames)(
                path, spec, self, self.stream(seed, content, number, "waveform")
            )
            for path, content, number in jobs
        )
        with contextlib.closing(console.progress(len(jobs), "augmentation")) as bar:
            for (_, content, number), result in zip(jobs, results, strict=True):
                varied[content, number] = result
                bar.update()
        return varied

    def to_json(self) -> dict:
        """Return the augmentation as plain values."""
        steps = []
        for step in self.steps:
            settings = dataclasses.asdict(step).items()
            plain = {key: list(v) if isinstance(v, tuple) else v for key, v in settings}
            steps.append({"step": step_name(step), **plain})
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return values | {"steps": steps}


def step_name(step: object) -> str:
    """Return the name of a step, as it is written in settings.

    Example:
        >>> step_name(TimeMask())
        'time-mask'
    """
    return next(name for name, kind in STEPS.items() if kind is type(step))


def varied_frames(
    path: str | os.PathLike,
    spec: FeatureSpec,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the frames of a clip with a varied waveform, float32 (frames, n_features).

    It is a function of the module, so that it can be sent to worker processes.

    Args:
        path: Sound file of the clip.
        spec: Features to extract.
        augmentation: Augmentation whose steps on waveforms are applied.
        rng: Generator that `Augmentation.stream` returns for the level "waveform".

    Raises:
        SerKerasError: The clip cannot be read.
    """
    samples = audio.read(path, spec.sample_rate, offset=spec.offset, duration=spec.duration)
    return extract(augmentation.apply("waveform", samples, rng, spec.sample_rate), spec)
