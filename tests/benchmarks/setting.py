"""What all rows share: real clips, a place for scratch files, a trained model."""

from __future__ import annotations

import functools
import shutil
from dataclasses import dataclass
from pathlib import Path

from ser_keras import console, corpora, files, ledger, runs
from ser_keras.bundle import MANIFEST
from ser_keras.engines import MODELS
from ser_keras.recipes import get
from tests.benchmarks.timing import fresh

RECIPE = get("attention-tess")  # the system that all peers are held against
CLIPS = 560  # as many as its test side has


@dataclass(frozen=True)
class Setting:
    """Where and how often is measured.

    Args:
        clips: The sound files, spread evenly over voices and emotions.
        synthetic: Whether no person speaks in them.
        scratch: A folder that is removed at the end.
        repeats: Of every contender.
        quick: Whether all sizes are small, to see that everything runs.
    """

    clips: tuple[Path, ...]
    synthetic: bool
    scratch: Path
    repeats: int
    quick: bool = False

    @functools.cached_property
    def project(self) -> Path:
        """A copy of the project's code, so that its cache and results are not the user's."""
        copy = self.scratch / "project"
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(files.ROOT / "ser_keras", copy / "ser_keras", ignore=ignored)
        for script in ("Emotion_Recognition.py", "Use_Our_Model.py"):
            shutil.copy(files.ROOT / script, copy)
        return copy

    @functools.cached_property
    def model(self) -> Path:
        """The newest run of the published system, or one that was trained for an epoch just now."""
        needed = (MANIFEST, MODELS["keras"], MODELS["light"], runs.SEAL)
        found = [
            seal.parent
            for place in (runs.RUNS, ledger.LEDGER)
            for seal in (place / RECIPE.name).glob(f"*/*/{runs.SEAL}")
            if all((seal.parent / name).is_file() for name in needed)
        ]
        if found:
            model = max(found, key=lambda folder: (folder / runs.SEAL).stat().st_mtime)
            console.say(f"Model: {model.relative_to(files.ROOT)}.")
            return model
        console.say("No trained model under results: training one for an epoch.")
        data = ["--corpus", "demo", "--data", files.DATA / "demo", "--epochs", 1, "--recipe"]
        out = self.scratch / "run"
        fresh(["Emotion_Recognition.py", *data, RECIPE.name, "--out", out], self.project)
        return out


def prepare(above: Path, scratch: Path, repeats: int, quick: bool) -> Setting:
    """Return the setting with clips of TESS found below `above`, else with synthetic ones."""
    corpus = corpora.get("tess")
    root = corpus.find(above) if above.is_dir() else None
    if root is None:
        console.say(f"No TESS below {above}: measuring on the synthetic demo corpus.")
        corpus = corpora.get("demo")
        root = corpus.find(files.DATA)
    paths = corpus.index(root, scratch / "index").clips["path"]
    wanted = 28 if quick else CLIPS
    step = max(1, len(paths) // wanted)
    clips = tuple(root / path for path in paths[::step][:wanted])
    return Setting(clips, corpus.synthetic, scratch, repeats, quick)
