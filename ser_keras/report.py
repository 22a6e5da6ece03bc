"""The only drawer: every picture, drawn without a screen and without matplotlib's global state."""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser_keras import audio, console, files
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
from ser_keras.features import FeatureSpec, band_frequencies, extract

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

    from ser_keras.corpora import Index
    from ser_keras.metrics import Scores
    from ser_keras.recipes import Recipe

_INK, _QUIET, _GRID = "#1f2933", "#7b8794", "#e4e7eb"
_TRAIN, _VALIDATION = "#2f6f9f", "#d9730d"  # told apart by eyes that miss red or green
_SPEAKERS = (_TRAIN, _VALIDATION, "#5b9f7f", "#b0699b", "#a3821a", "#6b7f93")
_POWER, _NOTHING = "magma", "#eef1f4"  # the colours of spectrograms; where a clip has ended
_OVER = {"color": "white", "pad": 1}  # what lies under a figure that a grid would cross
_DPI = 150

_SHOWN_S = 8.0  # of a clip
_RANGE_DB = 80.0  # below the loudest
_LIMITS = (-_RANGE_DB, 0.0)
_WIDTHS_S = tuple(w * 10.0**power for power in range(-2, 4) for w in (1, 2, 5))  # of a bar
_DRAWS = 3  # of each augmentation
_MEL = FeatureSpec(
    kind="log_mel",
    sample_rate=16_000,  # no corpus has less, so all of them fill the axis
    n_fft=1_024,
    win_length=640,
    hop_length=160,
    n_mels=80,
    ref="max",  # loud or quiet, the waveform tells; of a quiet clip nothing would be seen
    top_db=_RANGE_DB,
)
_STEPS = (  # shown where no recipe is given, wide enough to be seen
    NoiseAtSNR(snr_db=(10.0, 30.0)),
    PitchShift(semitones=(-4.0, 4.0)),
    TimeStretch(rate=(0.75, 1.25)),
    TimeMask(limit=(50, 50)),
    FrequencyMask(limit=(20, 20)),
    ImageShiftZoomFlip(),
)


def training_history(
    history: pd.DataFrame, path: str | os.PathLike, title: str, *, best_epoch: int | None = None
) -> None:
    """Draw accuracy and loss over the epochs, side by side, the best epoch marked.

    Args:
        history: A row an epoch: epoch, loss, accuracy, val_loss, val_accuracy (as in history.csv).
        path: The PNG to write.
        title: Heading; says so if the data are synthetic.
        best_epoch: Number (as in `epoch`) of the epoch whose weights were kept; None for the one of
            least validation loss.
    """
    history = history.replace([np.inf, -np.inf], np.nan)  # a loss that overflowed has no place
    if best_epoch is None:
        best_epoch = int(history["epoch"].iloc[int(history["val_loss"].argmin())])
    figure = _figure(10, 4.3, title)
    axes = figure.subplots(1, 2)
    for ax, column in zip(axes, ("accuracy", "loss"), strict=True):
        _curves(ax, history, column, best_epoch)
    axes[0].set_ylim(0, 1.02)
    axes[1].set_ylim(0, 1.05 * max(1e-3, history[["loss", "val_loss"]].max(axis=None)))
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside lower center", ncols=3, frameon=False, labelcolor=_INK
    )
    _save(figure, path)


def confusion_matrix(scores: Scores, path: str | os.PathLike, title: str) -> None:
    """Draw the confusion matrix: the figures are counts, the colour is their share of the row.

    The diagonal also tells the recall; under the title stand accuracy and UAR with their intervals.

    Args:
        scores: What to draw, of any number of classes.
        path: The PNG to write.
        title: Heading; says so if the data are synthetic.
    """
    from matplotlib.ticker import PercentFormatter

    counts = np.array(scores.confusion)
    totals = counts.sum(axis=1, keepdims=True)
    share = counts / np.maximum(totals, 1)
    n_classes = len(counts)
    side = max(3.4, 0.78 * n_classes)
    figure = _figure(side + 2.3, side + 1.5, title)
    ax = figure.subplots()
    image = ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(counts.shape):
        _cell(ax, row, column, counts[row, column], share[row, column])
    names = [f"{label}\n{n:,}" for label, n in zip(scores.labels, totals[:, 0], strict=True)]
    ax.set_yticks(range(n_classes), names)
    tilted = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
    ax.set_xticks(range(n_classes), scores.labels, **tilted)
    ax.set_ylabel("True emotion, number of clips", color=_INK)
    ax.set_xlabel("Predicted emotion", color=_INK)
    _heading(ax, f"{scores.n:,} clips   accuracy {scores.accuracy}   UAR {scores.uar}")
    bar = figure.colorbar(image, ax=ax, shrink=0.8, pad=0.03)
    bar.ax.yaxis.set_major_formatter(PercentFormatter(1))
    bar.set_label("Share of the true emotion (diagonal: recall)", color=_INK)
    for axis in (ax, bar.ax):
        _plain(axis)
    ax.set_xticks(np.arange(n_classes - 1) + 0.5, minor=True)  # white lines between the cells
    ax.set_yticks(np.arange(n_classes - 1) + 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=1.5)
    ax.tick_params(which="minor", length=0)
    _save(figure, path)


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
    few = 1 < len(speakers) <= len(_SPEAKERS) and clips["speaker"].notna().all()
    figure = _figure(8, 1.9 + 0.42 * len(emotions), f"{_name(index)}: clips per emotion")
    ax = figure.subplots()
    for row, (emotion, total) in enumerate(totals.items()):
        each = table.loc[emotion][table.loc[emotion] > 0]
        _bar(ax, row, table.loc[emotion] if few else [total], named_from=0.06 * totals.max())
        text = f"{total:,}"
        if not few and len(each) > 1:
            span = " to ".join(f"{n:,}" for n in sorted({each.min(), each.max()}))
            text += f"  ({_count(each, 'speaker')}, {span} each)"
        beside = {"xytext": (5, 0), "textcoords": "offset points", "va": "center", "bbox": _OVER}
        ax.annotate(text, (total, row), **beside, color=_INK, fontsize=9)
    facts = [_count(clips, "clip"), _count(emotions, "emotion")]
    facts += [_count(speakers, "speaker")] * bool(speakers)
    copies = index.table["duplicate_of"].dropna()
    facts += [_count(copies, "duplicate") + " left out"] * bool(len(copies))
    _heading(ax, "   ".join(facts))
    ax.set_yticks(range(len(emotions)), emotions)
    ax.set_ylim(len(emotions) - 0.4, -0.6)
    ax.set_xlim(0, totals.max() * (1.1 if few or len(speakers) < 2 else 1.45))
    ax.set_xlabel("Clips", color=_INK)
    _gridded(ax, "x")
    if few:
        from matplotlib.patches import Patch

        handles = [Patch(color=c, label=s) for s, c in zip(speakers, _SPEAKERS, strict=False)]
        look = {"ncols": len(speakers), "frameon": False, "labelcolor": _INK, "fontsize": 9}
        figure.legend(handles=handles, loc="outside lower center", title="Speaker", **look)
    _save(figure, path)


def durations(index: Index, path: str | os.PathLike) -> None:
    """Draw how long the clips of each emotion are, all on one scale, the median marked."""
    clips, emotions = index.clips, _emotions(index)
    seconds = clips["duration"].to_numpy(np.float64)
    longest = min(seconds.max(), 3 * np.quantile(seconds, 0.95))  # one lecture hides no words
    shortest = seconds.min() if seconds.min() > longest / 4 else 0.0
    width = next(w for w in _WIDTHS_S if w >= (longest - shortest) / 50)
    first, last = math.floor(shortest / width), math.floor(longest / width) + 1
    bins = np.arange(first, last + 1) * width
    figure = _figure(8, 1.5 + 0.72 * len(emotions), f"{_name(index)}: duration of the clips")
    axes = np.atleast_1d(figure.subplots(len(emotions), 1, sharex=True, sharey=True))
    for ax, emotion in zip(axes, emotions, strict=True):
        some = seconds[clips["emotion"] == emotion]
        median = np.median(some)
        ax.hist(some, bins, color=_TRAIN)
        ax.axvline(median, color=_VALIDATION, linewidth=1.5)
        ax.set_ylabel(emotion, rotation=0, ha="right", va="center", labelpad=8, color=_INK)
        beside = {"xycoords": "axes fraction", "va": "center", "color": _QUIET, "fontsize": 8}
        text = f"median {median:.2f} s\n{some.min():.2f} to {some.max():.2f} s"
        ax.annotate(text, (1.02, 0.5), **beside)
        _gridded(ax, "x")
    beyond = int((seconds > longest).sum())
    note = f"   {beyond:,} longer than {longest:.1f} s are not shown" if beyond else ""
    _heading(axes[0], f"{_count(clips, 'clip')}   {seconds.sum() / 60:,.1f} minutes{note}")
    axes[0].set_xlim(bins[0], bins[-1])
    axes[0].locator_params(axis="y", nbins=2, integer=True)
    axes[-1].set_xlabel("Duration (s)", color=_INK)
    figure.supylabel(f"Clips in each {width:g} s", color=_INK, fontsize=10)
    _save(figure, path)


def waveforms(index: Index, path: str | os.PathLike) -> None:
    """Draw waveform and mel spectrogram of each emotion's first clip, all on one scale."""
    clips = {emotion: _examples(index, emotion, 1)[0] for emotion in _emotions(index)}
    samples = [_heard(index, clip, _MEL) for clip in clips.values()]
    powers = [extract(one, _MEL) for one in samples]
    rows = math.ceil(len(clips) / 4)
    columns = math.ceil(len(clips) / rows)
    title = f"{_name(index)}: waveform and mel spectrogram of one clip per emotion"
    figure = _figure(1.8 + 2.9 * columns, 0.8 + 3.1 * rows, title)
    grid = figure.add_gridspec(2 * rows, columns, height_ratios=[1, 1.7] * rows)
    seen, peak = [], max(np.abs(one).max() for one in samples)
    for i, (emotion, clip) in enumerate(clips.items()):
        row, column = divmod(i, columns)
        wave = figure.add_subplot(grid[2 * row, column])
        ax = figure.add_subplot(grid[2 * row + 1, column])
        _wave(wave, samples[i], _MEL.sample_rate)
        seen.append((ax, _spectrogram(ax, powers[i], _MEL, _LIMITS)))
        wave.set_title(emotion, loc="left", color=_INK, fontsize=11, fontweight="bold")
        wave.set_title(_short(Path(clip.path).stem), loc="right", color=_QUIET, fontsize=7)
        wave.set_ylim(-1.05 * peak, 1.05 * peak)
        for one in (wave, ax):
            one.set_xlim(0, max(len(one) for one in samples) / _MEL.sample_rate)
            one.tick_params(labelleft=column == 0)
        wave.tick_params(labelbottom=False)
        if column == 0:
            wave.set_ylabel("Amplitude\n(of full scale)", color=_INK, fontsize=9)
            ax.set_ylabel("Frequency (Hz)", color=_INK, fontsize=9)
        if i + columns >= len(clips):
            ax.set_xlabel("Time (s)", color=_INK, fontsize=9)
    _power_bar(figure, seen, _MEL)
    _save(figure, path)


def mel_spectrograms(index: Index, path: str | os.PathLike) -> None:
    """Draw the mel spectrograms of four clips of each emotion, of several speakers if there are."""
    emotions = _emotions(index)
    clips = [_examples(index, emotion, 4) for emotion in emotions]
    powers = [[extract(_heard(index, c, _MEL), _MEL) for c in some] for some in clips]
    notes = [[_speaker(clip) for clip in some] for some in clips]
    _gallery(f"{_name(index)}: mel spectrograms", path, emotions, powers, notes, _MEL)


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
    spec, length = (recipe.features, recipe.batch.frames) if own else (_MEL, None)
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


def _figure(width: float, height: float, title: str) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    title = textwrap.fill(title, int(8 * width))  # characters of this size in an inch
    figure.suptitle(title, x=0.01, ha="left", color=_INK, fontsize=13, fontweight="bold")
    return figure


def _gallery(title: str, path, labels: list, rows: list[list], notes: list, spec) -> None:
    """Draw rows of spectrograms (frames, n_features) on one scale of time, frequency and power."""
    columns = max(map(len, rows))
    figure = _figure(2.4 + 2.5 * columns, 0.9 + 1.12 * len(rows), title)
    axes = figure.subplots(len(rows), columns, sharex=True, sharey=True, squeeze=False)
    every = [frames for row in rows for frames in row]
    limits = _LIMITS
    if spec.kind == "mfcc":  # the first coefficient, loudness, is ten times the others
        limits = tuple(np.quantile(np.concatenate(every), (0.02, 0.98)))
    seen = []
    for i, j in np.ndindex(axes.shape):
        ax = axes[i, j]
        if j >= len(rows[i]):
            ax.set_axis_off()
            continue
        seen.append((ax, _spectrogram(ax, rows[i][j], spec, limits)))
        _heading(ax, notes[i][j])
        if i == len(rows) - 1:
            ax.set_xlabel("Time (s)", color=_INK, fontsize=9)
    for ax, label in zip(axes[:, 0], labels, strict=True):
        ax.set_ylabel(label, rotation=0, ha="right", va="center", color=_INK, fontweight="bold")
    longest = max(map(len, every))
    axes[0, 0].set_xlim(0, longest * spec.hop_length / spec.sample_rate)
    _power_bar(figure, seen, spec)
    figure.supylabel(
        "Coefficient" if spec.kind == "mfcc" else "Frequency (Hz)", color=_INK, fontsize=10
    )
    _save(figure, path)


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
    return _short(f"{clip.speaker}, {name}" if isinstance(clip.speaker, str) else name)


def _short(name: str) -> str:
    return name if len(name) <= 28 else f"{name[:13]}…{name[-14:]}"


def _heard(index: Index, clip, spec: FeatureSpec) -> np.ndarray:
    """Return the samples that are shown of a clip."""
    part = {"offset": spec.offset, "duration": spec.duration}
    samples = audio.read(index.locate(clip.path), spec.sample_rate, **part)
    return samples[: int(_SHOWN_S * spec.sample_rate)]


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
    for start, count, colour in zip(starts, counts, _SPEAKERS, strict=False):
        ax.barh(row, count, 0.72, start, color=colour, edgecolor="white")
        if len(counts) > 1 and count >= named_from:
            ax.text(start + count / 2, row, f"{count:,}", **middle)


def _wave(ax: Axes, samples: np.ndarray, sample_rate: int) -> None:
    step = max(1, len(samples) // 600)  # as many as there are pixels
    columns = samples[: len(samples) // step * step].reshape(-1, step)
    time = np.arange(len(columns)) * step / sample_rate
    ax.fill_between(time, columns.min(1), columns.max(1), color=_TRAIN, linewidth=0.7)
    _gridded(ax, "both")


def _spectrogram(ax: Axes, frames: np.ndarray, spec: FeatureSpec, limits: tuple) -> AxesImage:
    n_frames, n_features = frames.shape
    extent = (0, n_frames * spec.hop_length / spec.sample_rate, -0.5, n_features - 0.5)
    look = {"cmap": _POWER, "vmin": limits[0], "vmax": limits[1], "aspect": "auto"}
    image = ax.imshow(frames.T, origin="lower", extent=extent, **look)
    ax.set_facecolor(_NOTHING)
    if spec.kind != "mfcc":
        bands = band_frequencies(spec)
        ticks = [hz for hz in (250, 1_000, 2_000, 4_000, 8_000, 16_000) if hz <= 1.05 * bands[-1]]
        ax.set_yticks(np.interp(ticks, bands, range(n_features)), [f"{hz:,}" for hz in ticks])
    _plain(ax)
    return image


def _power_bar(figure: Figure, seen: list[tuple[Axes, AxesImage]], spec: FeatureSpec) -> None:
    axes, images = zip(*seen, strict=True)
    bar = figure.colorbar(images[0], ax=list(axes), aspect=40, pad=0.015)
    if spec.kind == "mfcc":
        bar.set_label("Value of the coefficient", color=_INK)
    else:
        bar.set_label("Power (dB, 0 is the clip's loudest)", color=_INK)
    _plain(bar.ax)


def _curves(ax: Axes, history: pd.DataFrame, column: str, best_epoch: int) -> None:
    from matplotlib.ticker import MaxNLocator

    epoch = history["epoch"]
    for name, key, colour in (
        ("training", column, _TRAIN),
        ("validation", f"val_{column}", _VALIDATION),
    ):
        marker = "o" if len(epoch) < 8 else None  # a run of one epoch has no line to see
        ax.plot(epoch, history[key], color=colour, label=name, linewidth=1.8, marker=marker, ms=4)
    ax.axvline(best_epoch, color=_QUIET, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    best = history.loc[epoch == best_epoch, f"val_{column}"].iloc[0]
    label = f"best epoch ({best_epoch})"
    dot = {"mec": "white", "mew": 1.5, "ms": 9, "clip_on": False, "zorder": 3}
    ax.plot(best_epoch, best, "o", color=_VALIDATION, label=label, **dot)
    _heading(ax, f"validation {column} {best:.3f} at the best epoch")
    ax.set_xlabel("Epoch", color=_INK)
    ax.set_ylabel(column.capitalize(), color=_INK)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _gridded(ax, "both")


def _cell(ax: Axes, row: int, column: int, count: int, share: float) -> None:
    if not count:
        ax.text(column, row, "·", ha="center", va="center", color="#b8c2cc", fontsize=9)
        return
    middle = {"ha": "center", "va": "center", "color": "white" if share > 0.55 else _INK}
    if row != column:
        ax.text(column, row, f"{count:,}", fontsize=10, **middle)
        return
    above, below = ({"xytext": (0, y), "textcoords": "offset points"} for y in (6, -8))
    place = (column, row)
    ax.annotate(f"{count:,}", place, **above, fontsize=10, fontweight="bold", **middle)
    ax.annotate(f"{share:.1%}", place, **below, fontsize=8, **middle)


def _heading(ax: Axes, text: str) -> None:
    ax.set_title(text, loc="left", color=_QUIET, fontsize=9)


def _plain(ax: Axes) -> None:
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.tick_params(length=0, colors=_INK, labelsize=9)


def _gridded(ax: Axes, axis: str) -> None:
    ax.grid(axis=axis, color=_GRID, linewidth=0.8)
    ax.set_axisbelow(True)
    _plain(ax)


def _save(figure: Figure, path: str | os.PathLike) -> None:
    with files.atomic(path) as partial:
        # without the version in its header the same picture is the same file
        figure.savefig(partial, format="png", metadata={"Software": None})
