"""What all pictures share: a figure without a screen, its colours, and how it is saved."""

from __future__ import annotations

import contextlib
import io
import os
import textwrap
import warnings
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from ser_keras import console, files, mel_scale
from ser_keras.corpora.emotions import VOCABULARY
from ser_keras.errors import SerKerasError
from ser_keras.features import FeatureSpec

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

INK, QUIET, GRID = "#1f2933", "#7b8794", "#e4e7eb"
BLUE, ORANGE = "#2f6f9f", "#d9730d"  # also distinct for people with red-green colour blindness
PALETTE = (BLUE, ORANGE, "#5b9f7f", "#b0699b", "#a3821a", "#6b7f93")
SHARES = "Blues"  # the colours of shares from 0 to 1
POWER, NOTHING = "magma", "#eef1f4"  # the colours of spectrograms; where there is nothing
OVER = {"color": "white", "pad": 1}  # the box below a number that lies over a grid
_DPI = 150
_FEW_COLOURS = 4_096

SHOWN_S = 8.0  # seconds of a clip that are drawn
_RANGE_DB = 80.0  # below the loudest bin
LIMITS = (-_RANGE_DB, 0.0)
MEL = FeatureSpec(
    kind="log_mel",
    sample_rate=16_000,  # no corpus has a lower rate, so every clip fills the axis
    n_fft=1_024,
    win_length=640,
    hop_length=160,
    n_mels=80,
    ref="max",  # else a quiet clip would be dark; the waveform shows how loud a clip is
    top_db=_RANGE_DB,
)


@contextlib.contextmanager
def own_style() -> Iterator[None]:
    """Draw inside the block, or the function, as matplotlib does without a settings file.

    `text.usetex` in such a file needs LaTeX. Formulas are off, as a name may have dollar signs.

    Raises:
        SerKerasError: matplotlib cannot start.
    """
    try:
        import matplotlib.style
    except ValueError as error:  # $MPLBACKEND may name one that is not installed
        problem = f"cannot start ({str(error).partition(';')[0]})"
        raise SerKerasError("matplotlib", problem, "Unset MPLBACKEND") from error
    except OSError as error:
        remedy = "Set MPLCONFIGDIR to a folder that you may write to"
        raise SerKerasError("matplotlib", "has no folder for its fonts", remedy) from error
    with matplotlib.style.context(["default", {"text.parse_math": False}]):
        yield


def new_figure(width: float, height: float, title: str) -> Figure:
    """Return an empty figure of a size in inches, with its title on the left."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    per_line = int(8 * width)  # characters of this size
    title = textwrap.fill(console.visible(title), per_line)
    figure.suptitle(title, x=0.01, ha="left", color=INK, fontsize=13, fontweight="bold")
    return figure


def short(name: str) -> str:
    """Return a name, shortened in the middle if it is too long to stand above a picture."""
    return name if len(name) <= 28 else f"{name[:13]}…{name[-14:]}"


def ordered(emotions: Iterable[str], order: Iterable[str] = ()) -> list[str]:
    """Return the emotions that occur, in the order of a network's classes.

    Others follow in the order of the vocabulary, and then by name.

    Example:
        >>> ordered(["sad", "amused", "neutral", "sad"])
        ['neutral', 'sad', 'amused']
        >>> ordered(["sad", "amused", "neutral", "sad"], order=["sad", "angry", "neutral"])
        ['sad', 'neutral', 'amused']
    """
    present = set(emotions)
    known = dict.fromkeys([*order, *VOCABULARY])
    return [*(e for e in known if e in present), *sorted(present.difference(known))]


def waveform(ax: Axes, samples: np.ndarray, sample_rate: int) -> None:
    """Draw samples over seconds."""
    step = max(1, len(samples) // 600)  # a column of pixels each
    columns = samples[: len(samples) // step * step].reshape(-1, step)
    time = np.arange(len(columns)) * step / sample_rate
    ax.fill_between(time, columns.min(1), columns.max(1), color=BLUE, linewidth=0.7)
    gridded(ax, "both")


def spectrogram(ax: Axes, frames: np.ndarray, spec: FeatureSpec, limits: tuple) -> AxesImage:
    """Draw frames (frames, n_features) with seconds from left to right and features upwards."""
    n_frames, n_features = frames.shape
    extent = (0, n_frames * spec.hop_length / spec.sample_rate, -0.5, n_features - 0.5)
    look = {"cmap": POWER, "vmin": limits[0], "vmax": limits[1], "aspect": "auto"}
    image = ax.imshow(frames.T, origin="lower", extent=extent, **look)
    ax.set_facecolor(NOTHING)
    if spec.kind != "mfcc":
        bands = mel_scale.peaks(spec)
        ticks = [hz for hz in (250, 1_000, 2_000, 4_000, 8_000, 16_000) if hz <= 1.05 * bands[-1]]
        ax.set_yticks(np.interp(ticks, bands, range(n_features)), [f"{hz:,}" for hz in ticks])
    plain(ax)
    return image


def power_bar(
    figure: Figure, spectrograms: list[tuple[Axes, AxesImage]], spec: FeatureSpec
) -> None:
    """Draw the colour scale that spectrograms share beside them."""
    axes, images = zip(*spectrograms, strict=True)
    bar = figure.colorbar(images[0], ax=list(axes), aspect=40, pad=0.015)
    if spec.kind == "mfcc":
        bar.set_label("Value of the coefficient", color=INK)
    else:
        bar.set_label("Power (dB; 0 is the loudest in the clip)", color=INK)
    plain(bar.ax)


def heading(ax: Axes, text: str) -> None:
    """Write a line of small grey text above an axis."""
    ax.set_title(text, loc="left", color=QUIET, fontsize=9)


def plain(ax: Axes) -> None:
    """Remove the frame and the tick marks."""
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.tick_params(length=0, colors=INK, labelsize=9)


def gridded(ax: Axes, axis: str) -> None:
    """Draw a faint grid behind everything, along "x", "y" or "both"."""
    ax.grid(axis=axis, color=GRID, linewidth=0.8)
    ax.set_axisbelow(True)
    plain(ax)


def save(figure: Figure, path: str | os.PathLike, colours: int = 256) -> None:
    """Write a figure as PNG, whole or not at all; a palette stores few colours."""
    from PIL import Image

    png = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a box stands for a letter
        figure.savefig(png, format="png", pil_kwargs={"compress_level": 1})
    with Image.open(png) as picture:
        picture = picture.convert("RGB")
    if picture.getcolors(_FEW_COLOURS):  # with more colours, smooth shades would become steps
        # without k-means, a rare hue would become grey
        picture = picture.quantize(colours, kmeans=1, dither=Image.Dither.NONE)
    with files.atomic(path) as partial:
        picture.save(partial, format="PNG", optimize=True)
