"""What all rows share: clips, a scratch folder, and a trained model."""

from __future__ import annotations

import argparse
import functools
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from ser_keras import console, corpora, files, runs
from ser_keras.bundle import MANIFEST
from ser_keras.engines import KERAS_FILE, MODELS
from ser_keras.recipes import get
from tests.benchmarks.timing import fresh

RECIPE = get("attention-tess")  # the system that every row uses
CLIPS = 560  # as many as it has test clips


@dataclass(frozen=True)
class Setting:
    """What is measured on, and how often.

    Args:
        clips: Sound files, spread evenly over speakers and emotions.
        synthetic: Whether they are those of the demo corpus.
        scratch: Folder for temporary files; it is removed at the end.
        repeats: Counted repetitions of each contender.
        quick: Whether all sizes are small, to check that everything runs.
    """

    clips: tuple[Path, ...]
    synthetic: bool
    scratch: Path
    repeats: int
    quick: bool = False

    @functools.cached_property
    def project(self) -> Path:
        """A copy of the project's code, which has a cache and results of its own."""
        copy = self.scratch / "project"
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(files.ROOT / "ser_keras", copy / "ser_keras", ignore=ignored)
        for script in ("Emotion_Recognition.py", "Use_Our_Model.py"):
            shutil.copy(files.ROOT / script, copy)
        return copy

    @functools.cached_property
    def model(self) -> Path:
        """Folder of the newest run of RECIPE, or of one that is now trained for one epoch."""
        needed = (MANIFEST, KERAS_FILE, MODELS["light"])
        seals = (runs.RUNS / RECIPE.name).glob(f"*/*/{runs.SEAL}")
        trained = [seal for seal in seals if all((seal.parent / name).is_file() for name in needed)]
        if trained:
            folder = max(trained, key=lambda seal: seal.stat().st_mtime).parent
            console.say(f"Model: {folder.relative_to(files.ROOT)}.")
            return folder
        console.say("There is no trained model under results: training one for an epoch.")
        data = ["--corpus", "demo", "--data", files.DATA / "demo", "--epochs", 1, "--recipe"]
        out = self.scratch / "run"
        fresh(["Emotion_Recognition.py", *data, RECIPE.name, "--out", out], self.project)
        return out


def add_corpora(parser: argparse.ArgumentParser, words: str) -> None:
    """Add the option that names the folder of the real recordings, with words for the help."""
    beside = files.ROOT.parent / "shared" / "corpora"
    parser.add_argument(
        "--corpora",
        type=Path,
        default=Path(os.environ.get("SER_CORPORA", beside)),
        metavar="DIR",
        help=f"{words} (default: $SER_CORPORA, else ../shared/corpora)",
    )


def prepare(above: Path, scratch: Path, repeats: int, quick: bool) -> Setting:
    """Return the setting, with clips of TESS if it lies below `above`, else with synthetic ones.

    Args:
        above: Folder of TESS, or any folder above it.
        scratch: Folder for temporary files.
        repeats: Counted repetitions of each contender.
        quick: Whether to use small sizes.
    """
    corpus = corpora.get("tess")
    root = corpus.find(above) if above.is_dir() else None
    if root is None:
        console.say(f"There is no TESS below {above}: measuring on the synthetic demo corpus.")
        corpus = corpora.get("demo")
        root = corpus.find(files.DATA)
    paths = corpus.index(root, scratch / "index").clips["path"]
    number = 28 if quick else CLIPS
    step = max(1, len(paths) // number)
    clips = tuple(root / path for path in paths[::step][:number])
    return Setting(clips, corpus.synthetic, scratch, repeats, quick)
