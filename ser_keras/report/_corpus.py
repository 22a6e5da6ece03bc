"""What there is in a corpus: counts, durations, sounds, and what augmentation makes of them."""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
import textwrap
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
from ser_keras.corpora.emotions import VOCABULARY
from ser_keras.features import FeatureSpec, extract
from ser_keras.report._canvas import (
    BLUE,
    INK,
    LIMITS,
    MEL,
    ORANGE,
    OVER,
    PALETTE,
    QUIET,
    SHOWN_S,
    gridded,
    heading,
    new_figure,
    power_bar,
    save,
    short,
    spectrogram,
    waveform,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ser_keras.corpora import Index
    from ser_keras.recipes import Recipe

_WIDTHS_S = tuple(w * 10.0**power for power in range(-2, 4) for w in (1, 2, 5))  # of a bar
_DRAWS = 3  # of each augmentation
_STEPS = (  # shown where no recipe is given, wide enough to be seen
    NoiseAtSNR(snr_db=(10.0, 30.0)),
    PitchShift(semitones=(-4.0, 4.0)),
    TimeStretch(rate=(0.75, 1.25)),
    TimeMask(limit=(50, 50)),
    FrequencyMask(limit=(20, 20)),
    ImageShiftZoomFlip(),
)


def explore(index: Index, folder: str | os.PathLike, recipe: Recipe | None = None) -> list[Path]:
    """Draw what there is in a corpus, each picture a file named after its function.

    Args:
        index: The corpus, of any emotions.
        folder: Where the pictures are written.
        recipe: Whose augmentation is shown; None, or one that has none, for a common set.

    Returns:
        The files written.

    Raises:
        SerKerasError: A clip that is shown cannot be read any more, or the disk is full.
    """
    folder = Path(folder)
    paths = []
    for draw in (class_counts, durations, waveforms, mel_spectrograms):
        paths.append(folder / f"{draw.__name__}.png")
        draw(index, paths[-1])
    paths.append(folder / "augmented_examples.png")
    augmented_examples(index, paths[-1], recipe)
    return paths


def class_counts(index: Index, path: str | os.PathLike) -> None:
    """Draw how many clips each emotion has, by speaker where they are few."""
    clips, emotions = index.clips, _emotions(index)
    totals = clips["emotion"].value_counts()[emotions]
    table = clips.groupby(["emotion", "speaker"]).size().unstack(fill_value=0)
    table = table.reindex(emotions, fill_value=0)
    speakers = list(table.columns)
    few = 1 < len(speakers) <= len(PALETTE) and clips["speaker"].notna().all()
    figure = new_figure(8, 1.9 + 0.42 * len(emotions), f"{_name(index)}: clips per emotion")
    ax = figure.subplots()
    for row, (emotion, total) in enumerate(totals.items()):
        each = table.loc[emotion][table.loc[emotion] > 0]
        _bar(ax, row, table.loc[emotion] if few else [total], named_from=0.06 * totals.max())
        text = f"{total:,}"
        if not few and len(each) > 1:
            span = " to ".join(f"{n:,}" for n in sorted({each.min(), each.max()}))
            text += f"  ({_count(each, 'speaker')}, {span} each)"
        beside = {"xytext": (5, 0), "textcoords": "offset points", "va": "center", "bbox": OVER}
        ax.annotate(text, (total, row), **beside, color=INK, fontsize=9)
    facts = [_count(clips, "clip"), _count(emotions, "emotion")]
    facts += [_count(speakers, "speaker")] * bool(speakers)
    copies = index.table["duplicate_of"].dropna()
    facts += [_count(copies, "duplicate") + " left out"] * bool(len(copies))
    heading(ax, "   ".join(facts))
    ax.set_yticks(range(len(emotions)), emotions)
    ax.set_ylim(len(emotions) - 0.4, -0.6)
    ax.set_xlim(0, totals.max() * (1.1 if few or len(speakers) < 2 else 1.45))
    ax.set_xlabel("Clips", color=INK)
    gridded(ax, "x")
    if few:
        from matplotlib.patches import Patch

        handles = [Patch(color=c, label=s) for s, c in zip(speakers, PALETTE, strict=False)]
        look = {"ncols": len(speakers), "frameon": False, "labelcolor": INK, "fontsize": 9}
        figure.legend(handles=handles, loc="outside lower center", title="Speaker", **look)
    save(figure, path)


def durations(index: Index, path: str | os.PathLike) -> None:
    """Draw how long the clips of each emotion are, all on one scale, the median marked."""
    clips, emotions = index.clips, _emotions(index)
    seconds = clips["duration"].to_numpy(np.float64)
    longest = min(seconds.max(), 3 * np.quantile(seconds, 0.95))  # one lecture hides no words
    shortest = seconds.min() if seconds.min() > longest / 4 else 0.0
    width = next(w for w in _WIDTHS_S if w >= (longest - shortest) / 50)
    first, last = math.floor(shortest / width), math.floor(longest / width) + 1
    bins = np.arange(first, last + 1) * width
    figure = new_figure(8, 1.5 + 0.72 * len(emotions), f"{_name(index)}: duration of the clips")
    axes = np.atleast_1d(figure.subplots(len(emotions), 1, sharex=True, sharey=True))
    for ax, emotion in zip(axes, emotions, strict=True):
        some = seconds[clips["emotion"] == emotion]
        median = np.median(some)
        ax.hist(some, bins, color=BLUE)
        ax.axvline(median, color=ORANGE, linewidth=1.5)
        ax.set_ylabel(emotion, rotation=0, ha="right", va="center", labelpad=8, color=INK)
        beside = {"xycoords": "axes fraction", "va": "center", "color": QUIET, "fontsize": 8}
        text = f"median {median:.2f} s\n{some.min():.2f} to {some.max():.2f} s"
        ax.annotate(text, (1.02, 0.5), **beside)
        gridded(ax, "x")
    beyond = int((seconds > longest).sum())
    note = f"   {beyond:,} longer than {longest:.1f} s are not shown" if beyond else ""
    heading(axes[0], f"{_count(clips, 'clip')}   {seconds.sum() / 60:,.1f} minutes{note}")
    axes[0].set_xlim(bins[0], bins[-1])
    axes[0].locator_params(axis="y", nbins=2, integer=True)
    axes[-1].set_xlabel("Duration (s)", color=INK)
    figure.supylabel(f"Clips in each {width:g} s", color=INK, fontsize=10)
    save(figure, path)


def waveforms(index: Index, path: str | os.PathLike) -> None:
    """Draw waveform and mel spectrogram of each emotion's first clip, all on one scale."""
    clips = {emotion: _examples(index, emotion, 1)[0] for emotion in _emotions(index)}
    samples = [_heard(index, clip, MEL) for clip in clips.values()]
    powers = [extract(one, MEL) for one in samples]
    rows = math.ceil(len(clips) / 4)
    columns = math.ceil(len(clips) / rows)
    title = f"{_name(index)}: waveform and mel spectrogram of one clip per emotion"
    figure = new_figure(1.8 + 2.9 * columns, 0.8 + 3.1 * rows, title)
    grid = figure.add_gridspec(2 * rows, columns, height_ratios=[1, 1.7] * rows)
    seen, peak = [], max(np.abs(one).max() for one in samples)
    for i, (emotion, clip) in enumerate(clips.items()):
        row, column = divmod(i, columns)
        wave = figure.add_subplot(grid[2 * row, column])
        ax = figure.add_subplot(grid[2 * row + 1, column])
        waveform(wave, samples[i], MEL.sample_rate)
        seen.append((ax, spectrogram(ax, powers[i], MEL, LIMITS)))
        wave.set_title(emotion, loc="left", color=INK, fontsize=11, fontweight="bold")
        wave.set_title(short(Path(clip.path).stem), loc="right", color=QUIET, fontsize=7)
        wave.set_ylim(-1.05 * peak, 1.05 * peak)
        for one in (wave, ax):
            one.set_xlim(0, max(len(one) for one in samples) / MEL.sample_rate)
            one.tick_params(labelleft=column == 0)
        wave.tick_params(labelbottom=False)
        if column == 0:
            wave.set_ylabel("Amplitude\n(of full scale)", color=INK, fontsize=9)
            ax.set_ylabel("Frequency (Hz)", color=INK, fontsize=9)
        if i + columns >= len(clips):
            ax.set_xlabel("Time (s)", color=INK, fontsize=9)
    power_bar(figure, seen, MEL)
    save(figure, path)


def mel_spectrograms(index: Index, path: str | os.PathLike) -> None:
    """Draw the mel spectrograms of four clips of each emotion, of several speakers if there are."""
    emotions = _emotions(index)
    clips = [_examples(index, emotion, 4) for emotion in emotions]
    powers = [[extract(_heard(index, c, MEL), MEL) for c in some] for some in clips]
    notes = [[_speaker(clip) for clip in some] for some in clips]
    _gallery(f"{_name(index)}: mel spectrograms", path, emotions, powers, notes, MEL)


def augmented_examples(index: Index, path: str | os.PathLike, recipe: Recipe | None = None) -> None:
    """Draw clips beside what augmentation makes of them, a row for each step.

    They are drawn as in training with seed 0, but a step that is chosen by chance is always taken;
    the last row shows all steps, with the recipe's probability.

    Args:
        index: The corpus.
        path: The PNG to write.
        recipe: Whose features and augmentation are shown; None, or one without, for a common set.
    """
    own = recipe is not None and recipe.augment.steps
    spec, length = (recipe.features, recipe.batch.frames) if own else (MEL, None)
    steps = recipe.augment.steps if own else _STEPS
    names = [textwrap.fill(step_name(step), 14) for step in steps]
    kinds = [Augmentation(steps=(step,), copies=_DRAWS) for step in steps]
    if own and len(steps) > 1:
        names.append(f"all, each with\nprobability {recipe.augment.probability:g}")
        kinds.append(dataclasses.replace(recipe.augment, copies=_DRAWS, when="once"))
    rows, labels = [], []
    for name, kind, emotion in zip(names, kinds, itertools.cycle(_emotions(index)), strict=False):
        clip = _examples(index, emotion, 1)[0]
        samples = _heard(index, clip, spec)
        with console.native_silence():  # TensorFlow, behind the step on images
            forms = [_form(samples, clip, n, kind, spec, length) for n in range(_DRAWS + 1)]
        loudest = 0.0 if spec.kind == "mfcc" else forms[0].max()
        rows.append([frames - loudest for frames in forms])
        labels.append(f"{name}\n({emotion})")
    notes = [["original", *(f"varied {n + 1}" for n in range(_DRAWS))]] * len(rows)
    of = f", by {recipe.name}" if own else ""
    title = f"{_name(index)}: augmented clips beside their originals{of}"
    _gallery(title, path, labels, rows, notes, spec)


def _gallery(title: str, path, labels: list, rows: list[list], notes: list, spec) -> None:
    """Draw rows of spectrograms (frames, n_features) on one scale of time, frequency and power."""
    columns = max(map(len, rows))
    figure = new_figure(2.4 + 2.5 * columns, 0.9 + 1.12 * len(rows), title)
    axes = figure.subplots(len(rows), columns, sharex=True, sharey=True, squeeze=False)
    every = [frames for row in rows for frames in row]
    limits = LIMITS
    if spec.kind == "mfcc":  # the first coefficient, loudness, is ten times the others
        limits = tuple(np.quantile(np.concatenate(every), (0.02, 0.98)))
    seen = []
    for i, j in np.ndindex(axes.shape):
        ax = axes[i, j]
        if j >= len(rows[i]):
            ax.set_axis_off()
            continue
        seen.append((ax, spectrogram(ax, rows[i][j], spec, limits)))
        heading(ax, notes[i][j])
        if i == len(rows) - 1:
            ax.set_xlabel("Time (s)", color=INK, fontsize=9)
    for ax, label in zip(axes[:, 0], labels, strict=True):
        ax.set_ylabel(label, rotation=0, ha="right", va="center", color=INK, fontweight="bold")
    longest = max(map(len, every))
    axes[0, 0].set_xlim(0, longest * spec.hop_length / spec.sample_rate)
    power_bar(figure, seen, spec)
    figure.supylabel(
        "Coefficient" if spec.kind == "mfcc" else "Frequency (Hz)", color=INK, fontsize=10
    )
    save(figure, path)


def _name(index: Index) -> str:
    return f"{index.corpus} (synthetic)" if index.synthetic else index.corpus


def _count(items, noun: str) -> str:
    return f"{len(items):,} {noun}{'s' * (len(items) != 1)}"


def _emotions(index: Index) -> list[str]:
    """Return the emotions that there are, in the order of the vocabulary, others after them."""
    there = set(index.clips["emotion"])
    return [*(e for e in VOCABULARY if e in there), *sorted(there.difference(VOCABULARY))]


def _examples(index: Index, emotion: str, n: int) -> list:
    """Return the first clips of an emotion by path, the speakers taking turns."""
    clips = index.clips[index.clips["emotion"] == emotion]
    turn = clips.groupby("speaker", dropna=False).cumcount()
    return list(clips.assign(turn=turn).sort_values(["turn", "path"]).head(n).itertuples())


def _speaker(clip) -> str:
    name = Path(clip.path).stem
    return short(f"{clip.speaker}, {name}" if isinstance(clip.speaker, str) else name)


def _heard(index: Index, clip, spec: FeatureSpec) -> np.ndarray:
    """Return the samples that are shown of a clip."""
    part = {"offset": spec.offset, "duration": spec.duration}
    samples = audio.read(index.locate(clip.path), spec.sample_rate, **part)
    return samples[: int(SHOWN_S * spec.sample_rate)]


def _form(samples, clip, number: int, augmentation: Augmentation, spec, length) -> np.ndarray:
    """Return the frames of one form of a clip as `training` makes them; 0 is the clip itself."""

    def vary(level: str, value: np.ndarray, *where) -> np.ndarray:
        rng = augmentation.stream(0, clip.content, number, level)
        return augmentation.apply(level, value, rng, *where)

    if not number:
        return extract(samples, spec)
    frames = vary("frames", extract(vary("waveform", samples, spec.sample_rate), spec))
    return vary("image", frames[:length]) if augmentation.works_on("image") else frames


def _bar(ax: Axes, row: int, counts, named_from: float) -> None:
    """Draw counts end to end, each with its number unless it is too narrow or the only one."""
    starts = np.cumsum([0, *counts])
    middle = {"ha": "center", "va": "center", "color": "white", "fontsize": 8}
    for start, count, colour in zip(starts, counts, PALETTE, strict=False):
        ax.barh(row, count, 0.72, start, color=colour, edgecolor="white")
        if len(counts) > 1 and count >= named_from:
            ax.text(start + count / 2, row, f"{count:,}", **middle)
