"""What a corpus holds: clips for each emotion and speaker, and how long they are."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser_keras.console import corpus_name, count, progress
from ser_keras.pictures.canvas import (
    BLUE,
    INK,
    ORANGE,
    OVER,
    PALETTE,
    QUIET,
    gridded,
    heading,
    new_figure,
    ordered,
    own_style,
    save,
)
from ser_keras.pictures.sounds import augmented_examples, mel_spectrograms, waveforms

if TYPE_CHECKING:
    from ser_keras.corpora import Index
    from ser_keras.recipes import Recipe

_WIDTHS_S = tuple(w * 10.0**power for power in range(-2, 4) for w in (1, 2, 5))  # of a bar


def explore(index: Index, folder: str | os.PathLike, recipe: Recipe | None = None) -> list[Path]:
    """Draw the five pictures of a corpus, each into a file named after its function.

    Args:
        index: Index of the corpus, with any emotions.
        folder: Folder to write into.
        recipe: Recipe whose augmentation is shown; None, or a recipe without augmentation, shows
            common steps. On its own corpora the emotions come in its order.

    Returns:
        The files written.

    Raises:
        SerKerasError: A clip can no longer be read, or the disk is full.
    """
    folder = Path(folder)
    paths = []
    order: tuple[str, ...] = ()
    if recipe is not None and set(index.corpus.split("+")) <= {*recipe.corpora, "demo"}:
        order = recipe.emotions
    kinds = (class_counts, durations, waveforms, mel_spectrograms)
    with progress(len(kinds) + 1, "drawing", "picture") as bar:
        for draw in kinds:
            paths.append(folder / f"{draw.__name__}.png")
            draw(index, paths[-1], order)
            bar.update()
        paths.append(folder / "augmented_examples.png")
        augmented_examples(index, paths[-1], recipe)
        bar.update()
    return paths


@own_style()
def class_counts(index: Index, path: str | os.PathLike, order: Sequence[str] = ()) -> None:
    """Draw the number of clips of each emotion, split by speaker if there are few."""
    clips, emotions = index.clips, ordered(index.clips["emotion"], order)
    totals = clips["emotion"].value_counts()[emotions]
    table = clips.groupby(["emotion", "speaker"]).size().unstack(fill_value=0)
    table = table.reindex(emotions, fill_value=0)
    speakers = list(table.columns)
    few = 1 < len(speakers) <= len(PALETTE) and clips["speaker"].notna().all()
    title = f"{corpus_name(index.corpus, index.synthetic)}: clips per emotion"
    figure = new_figure(8, 1.9 + 0.42 * len(emotions), title)
    ax = figure.subplots()
    middle = {"ha": "center", "va": "center", "color": "white", "fontsize": 8}
    for row, (emotion, total) in enumerate(totals.items()):
        each = table.loc[emotion][table.loc[emotion] > 0]
        counts = table.loc[emotion] if few else [total]
        for start, n, colour in zip(np.cumsum([0, *counts]), counts, PALETTE, strict=False):
            ax.barh(row, n, 0.72, start, color=colour, edgecolor="white")
            if len(counts) > 1 and n >= 0.06 * totals.max():  # else too narrow for its number
                ax.text(start + n / 2, row, f"{n:,}", **middle)
        text = f"{total:,}"
        if not few and len(each) > 1:
            span = " to ".join(f"{n:,}" for n in sorted({each.min(), each.max()}))
            text += f"  ({count(len(each), 'speaker', ',')}, {span} each)"
        beside = {"xytext": (5, 0), "textcoords": "offset points", "va": "center", "bbox": OVER}
        ax.annotate(text, (total, row), **beside, color=INK, fontsize=9)
    facts = [count(len(clips), "clip", ","), count(len(emotions), "emotion", ",")]
    if speakers:
        facts.append(count(len(speakers), "speaker", ","))
    duplicates = int(index.table["duplicate_of"].notna().sum())
    if duplicates:
        facts.append(count(duplicates, "duplicate", ",") + " left out")
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


@own_style()
def durations(index: Index, path: str | os.PathLike, order: Sequence[str] = ()) -> None:
    """Draw the durations of the clips of each emotion on one scale, with the median marked."""
    clips, emotions = index.clips, ordered(index.clips["emotion"], order)
    seconds = clips["duration"].to_numpy(np.float64)
    longest = min(seconds.max(), 3 * np.quantile(seconds, 0.95))  # one lecture must not hide words
    shortest = seconds.min() if seconds.min() > longest / 4 else 0.0
    width = next(w for w in _WIDTHS_S if w >= (longest - shortest) / 50)
    first, last = math.floor(shortest / width), math.floor(longest / width) + 1
    bins = np.arange(first, last + 1) * width
    title = f"{corpus_name(index.corpus, index.synthetic)}: duration of the clips"
    figure = new_figure(8, 1.5 + 0.72 * len(emotions), title)
    axes = np.atleast_1d(figure.subplots(len(emotions), 1, sharex=True, sharey=True))
    for ax, emotion in zip(axes, emotions, strict=True):
        each = seconds[clips["emotion"] == emotion]
        median = np.median(each)
        ax.hist(each, bins, color=BLUE)
        ax.axvline(median, color=ORANGE, linewidth=1.5)
        ax.set_ylabel(emotion, rotation=0, ha="right", va="center", labelpad=8, color=INK)
        beside = {"xycoords": "axes fraction", "va": "center", "color": QUIET, "fontsize": 8}
        text = f"median {median:.2f} s\n{each.min():.2f} to {each.max():.2f} s"
        ax.annotate(text, (1.02, 0.5), **beside)
        gridded(ax, "x")
    beyond = int((seconds > longest).sum())
    note = f"   not shown: {beyond:,} longer than {longest:.1f} s" if beyond else ""
    heading(axes[0], f"{count(len(clips), 'clip', ',')}   {seconds.sum() / 60:,.1f} minutes{note}")
    axes[0].set_xlim(bins[0], bins[-1])
    axes[0].locator_params(axis="y", nbins=2, integer=True)
    axes[-1].set_xlabel("Duration (s)", color=INK)
    figure.supylabel(f"Clips per {width:g} s", color=INK, fontsize=10)
    save(figure, path)
