"""What the clips of a corpus look like, and what augmentation makes of them."""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser_keras import audio, console
from ser_keras.augment import (
    Augmentation,
    FrequencyMask,
    ImageShiftZoomFlip,
    NoiseAtSNR,
    PitchShift,
    TimeMask,
    TimeStretch,
    step_name,
)
from ser_keras.features import FeatureSpec, extract
from ser_keras.pictures.canvas import (
    INK,
    LIMITS,
    MEL,
    QUIET,
    SHOWN_S,
    heading,
    new_figure,
    ordered,
    own_style,
    power_bar,
    save,
    short,
    spectrogram,
    waveform,
)

if TYPE_CHECKING:
    from ser_keras.corpora import Index
    from ser_keras.recipes import Recipe

_DRAWS = 3  # varied forms of a clip, for each step
_STEPS = (  # shown without a recipe; their ranges are wide, so that the effect can be seen
    NoiseAtSNR(snr_db=(10.0, 30.0)),
    PitchShift(semitones=(-4.0, 4.0)),
    TimeStretch(rate=(0.75, 1.25)),
    TimeMask(limit=(50, 50)),
    FrequencyMask(limit=(20, 20)),
    ImageShiftZoomFlip(),
)


@own_style()
def waveforms(index: Index, path: str | os.PathLike, order: Sequence[str] = ()) -> None:
    """Draw waveform and mel spectrogram of each emotion's first clip, all on one scale."""
    emotions = ordered(index.clips["emotion"], order)
    clips = {emotion: _examples(index, emotion, 1)[0] for emotion in emotions}
    samples = [_samples(index, clip, MEL) for clip in clips.values()]
    peak = max(np.abs(each).max() for each in samples)
    longest = max(map(len, samples)) / MEL.sample_rate
    rows = math.ceil(len(clips) / 4)
    columns = math.ceil(len(clips) / rows)
    name = console.corpus_name(index.corpus, index.synthetic)
    title = f"{name}: waveform and mel spectrogram of one clip per emotion"
    figure = new_figure(1.8 + 2.9 * columns, 0.8 + 3.1 * rows, title)
    grid = figure.add_gridspec(2 * rows, columns, height_ratios=[1, 1.7] * rows)
    images = []
    for i, (emotion, clip) in enumerate(clips.items()):
        row, column = divmod(i, columns)
        wave = figure.add_subplot(grid[2 * row, column])
        ax = figure.add_subplot(grid[2 * row + 1, column])
        waveform(wave, samples[i], MEL.sample_rate)
        images.append((ax, spectrogram(ax, extract(samples[i], MEL), MEL, LIMITS)))
        wave.set_title(emotion, loc="left", color=INK, fontsize=11, fontweight="bold")
        wave.set_title(short(Path(clip.path).stem), loc="right", color=QUIET, fontsize=7)
        wave.set_ylim(-1.05 * peak, 1.05 * peak)
        for axis in (wave, ax):
            axis.set_xlim(0, longest)
            axis.tick_params(labelleft=column == 0)
        wave.tick_params(labelbottom=False)
        if column == 0:
            wave.set_ylabel("Amplitude\n(of full scale)", color=INK, fontsize=9)
            ax.set_ylabel("Frequency (Hz)", color=INK, fontsize=9)
        if i + columns >= len(clips):
            ax.set_xlabel("Time (s)", color=INK, fontsize=9)
    power_bar(figure, images, MEL)
    save(figure, path)


@own_style()
def mel_spectrograms(index: Index, path: str | os.PathLike, order: Sequence[str] = ()) -> None:
    """Draw mel spectrograms of four clips of each emotion, by different speakers if possible."""
    emotions = ordered(index.clips["emotion"], order)
    powers, notes = [], []
    for emotion in emotions:
        clips = _examples(index, emotion, 4)
        powers.append([extract(_samples(index, clip, MEL), MEL) for clip in clips])
        names = [(clip.speaker, Path(clip.path).stem) for clip in clips]
        notes.append([short(f"{s}, {n}" if isinstance(s, str) else n) for s, n in names])
    title = f"{console.corpus_name(index.corpus, index.synthetic)}: mel spectrograms"
    _gallery(title, path, emotions, powers, notes, MEL)


@own_style()
def augmented_examples(index: Index, path: str | os.PathLike, recipe: Recipe | None = None) -> None:
    """Draw clips beside their augmented forms, a row for each step.

    The random numbers are those of training with seed 0, but each step is always applied. The last
    row shows all steps together, with the recipe's probability.

    Args:
        index: Index of the corpus.
        path: PNG file to write.
        recipe: Recipe whose features and augmentation are shown; None, or a recipe without
            augmentation, shows common steps.
    """
    if recipe is not None and not recipe.augment.steps:
        recipe = None
    spec, length = (recipe.features, recipe.batch.frames) if recipe else (MEL, None)
    steps = recipe.augment.steps if recipe else _STEPS
    names = [textwrap.fill(step_name(step), 14) for step in steps]
    kinds = [Augmentation(steps=(step,), copies=_DRAWS) for step in steps]
    if recipe and len(steps) > 1:
        names.append(f"all, each with\nprobability {recipe.augment.probability:g}")
        kinds.append(dataclasses.replace(recipe.augment, copies=_DRAWS, when="once"))
    emotions = ordered(index.clips["emotion"])
    rows, labels = [], []
    for name, kind, emotion in zip(names, kinds, itertools.cycle(emotions), strict=False):
        clip = _examples(index, emotion, 1)[0]
        samples = _samples(index, clip, spec)
        with console.native_silence():  # TensorFlow prints when the step on images starts it
            forms = [_form(samples, clip, n, kind, spec, length) for n in range(_DRAWS + 1)]
        loudest = 0.0 if spec.kind == "mfcc" else forms[0].max()
        rows.append([frames - loudest for frames in forms])
        labels.append(f"{name}\n({emotion})")
    notes = [["original", *(f"varied {n + 1}" for n in range(_DRAWS))]] * len(rows)
    by = f", by {recipe.name}" if recipe else ""
    corpus = console.corpus_name(index.corpus, index.synthetic)
    title = f"{corpus}: augmented clips beside their originals{by}"
    _gallery(title, path, labels, rows, notes, spec)


def _gallery(title: str, path, labels: list, rows: list[list], notes: list, spec) -> None:
    """Draw rows of spectrograms (frames, n_features) on one scale of time, frequency and power."""
    columns = max(map(len, rows))
    height = max(3.4, 0.9 + 1.12 * len(rows))  # the label of the colour scale needs 3.4
    figure = new_figure(2.4 + 2.5 * columns, height, title)
    axes = figure.subplots(len(rows), columns, sharex=True, sharey=True, squeeze=False)
    every = [frames for row in rows for frames in row]
    limits = LIMITS
    if spec.kind == "mfcc":  # the first coefficient, loudness, is ten times the others
        limits = tuple(np.quantile(np.concatenate(every), (0.02, 0.98)))
    images = []
    for i, j in np.ndindex(axes.shape):
        ax = axes[i, j]
        if j >= len(rows[i]):
            ax.set_axis_off()
            continue
        images.append((ax, spectrogram(ax, rows[i][j], spec, limits)))
        heading(ax, notes[i][j])
        if i == len(rows) - 1:
            ax.set_xlabel("Time (s)", color=INK, fontsize=9)
    for ax, label in zip(axes[:, 0], labels, strict=True):
        ax.set_ylabel(label, rotation=0, ha="right", va="center", color=INK, fontweight="bold")
    longest = max(map(len, every))
    axes[0, 0].set_xlim(0, longest * spec.hop_length / spec.sample_rate)
    power_bar(figure, images, spec)
    figure.supylabel(
        "Coefficient" if spec.kind == "mfcc" else "Frequency (Hz)", color=INK, fontsize=10
    )
    save(figure, path)


def _examples(index: Index, emotion: str, n: int) -> list:
    """Return the first n clips of an emotion by path, with the speakers in turn."""
    clips = index.clips[index.clips["emotion"] == emotion]
    turn = clips.groupby("speaker", dropna=False).cumcount()
    return list(clips.assign(turn=turn).sort_values(["turn", "path"]).head(n).itertuples())


def _samples(index: Index, clip, spec: FeatureSpec) -> np.ndarray:
    """Return the first samples of a clip, those that are shown."""
    path = index.locate(clip.path)
    samples = audio.read(path, spec.sample_rate, offset=spec.offset, duration=spec.duration)
    return samples[: int(SHOWN_S * spec.sample_rate)]


def _form(samples, clip, number: int, augmentation: Augmentation, spec, length) -> np.ndarray:
    """Return the frames of one form of a clip as in training; number 0 is the clip itself."""

    def vary(level: str, value: np.ndarray, *where) -> np.ndarray:
        rng = augmentation.stream(0, clip.content, number, level)
        return augmentation.apply(level, value, rng, *where)

    if not number:
        return extract(samples, spec)
    frames = vary("frames", extract(vary("waveform", samples, spec.sample_rate), spec))
    return vary("image", frames[:length]) if augmentation.works_on("image") else frames
