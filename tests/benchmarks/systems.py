"""`python -m tests.benchmarks.systems`: milliseconds that each recipe takes for a clip.

A recipe's network is built with fresh weights, since their values do not change its speed, and
exported as in a run. Files are then labelled one by one, as a user's are: decoded, cut or not as
the recipe has it, made into features and given to the light engine. The time of the processor is
taken, summed over its cores, which other work on the machine hardly changes.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ser_keras import audio, cli, console, engines, features, files, recipes, seeding, training
from ser_keras.batches import Normalization
from ser_keras.engines import MODELS, LightEngine
from ser_keras.ledger import comparison
from ser_keras.prediction import Pipeline
from ser_keras.recipes import Recipe
from tests.benchmarks.rows import Environment
from tests.benchmarks.setting import Setting, add_corpora, prepare
from tests.benchmarks.timing import interleave, timed

CLIPS = 28


def pipeline(recipe: Recipe, clips: Sequence[Path], scratch: Path) -> Pipeline:
    """Return all steps of a recipe, with fresh weights, on the light engine.

    Args:
        recipe: Recipe.
        clips: Clips whose frames the normalisation is fitted on.
        scratch: Folder that the exported network is written into.
    """
    spec = recipe.features
    samples = [
        audio.read(path, spec.sample_rate, offset=spec.offset, duration=spec.duration)
        for path in clips
    ]
    frames = features.extract_many(samples, spec)
    normalization = Normalization.fit(frames, recipe.batch)
    seeding.start_backend()
    seeding.seed_backend(0)
    whole = Pipeline(recipe.emotions, spec, recipe.batch, normalization, _nothing)
    path = scratch / f"{recipe.name}-{MODELS['light']}"
    engines.export(training.build(recipe), path, whole.inputs(frames[:1]))
    return Pipeline(recipe.emotions, spec, recipe.batch, normalization, LightEngine(path))


def measure(names: Sequence[str], setting: Setting) -> dict[str, list[float]]:
    """Return for each recipe the milliseconds a clip, one value a repetition.

    Args:
        names: Names of the recipes, which take turns.
        setting: Clips and number of repetitions.
    """
    step = max(1, len(setting.clips) // CLIPS)
    clips = setting.clips[::step][:CLIPS]
    contenders = {}
    for name in names:
        steps = pipeline(recipes.get(name), clips, setting.scratch)

        def label(steps: Pipeline = steps) -> None:
            for clip in clips:
                list(steps.predict([clip]))

        contenders[name] = timed(label, clock=time.process_time)
    costs = interleave(contenders, setting.repeats)
    return {
        name: [round(1_000 * value / len(clips), 3) for value in cost.seconds.values]
        for name, cost in costs.items()
    }


def store(measured: dict[str, list[float]], environment: dict, path: Path) -> None:
    """Store the milliseconds of recipes in place of older ones; those of others stay.

    Args:
        measured: Milliseconds a clip by recipe, one value a repetition.
        environment: Where and how they were measured.
        path: JSON file, which may not exist yet.
    """
    entries = []
    for entry in files.read_json(path) if path.exists() else []:
        others = {n: each for n, each in entry["milliseconds"].items() if n not in measured}
        entries += [entry | {"milliseconds": others}] if others else []
    files.write_json(path, [*entries, {"environment": environment, "milliseconds": measured}])


def _nothing(inputs) -> np.ndarray:
    raise NotImplementedError


def main(argv: list[str] | None = None) -> None:
    """Run the command line `argv` (None: that of the process)."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.systems",
        description="Measure how many milliseconds each recipe takes for a clip, from file to "
        "probabilities.",
    )
    add_corpora(parser, "TESS, or a folder above it; without TESS the demo corpus is used")
    parser.add_argument("--recipe", action="append", choices=recipes.names(), metavar="NAME")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="(default: 5)")
    parser.add_argument(
        "--keep", action="store_true", help=f"write {files.short(comparison.TIMES)}"
    )
    arguments = parser.parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # start-up notes of native code
    scratch = tempfile.TemporaryDirectory(prefix="ser-keras-systems-")
    with cli.exit_codes("Stopped."), scratch as folder:
        setting = prepare(arguments.corpora, Path(folder), arguments.repeats, quick=False)
        load = os.getloadavg()[0]
        measured = measure(arguments.recipe or recipes.names(), setting)
        cells = [
            [name, f"{np.median(values):.1f}", f"{min(values):.1f}", f"{max(values):.1f}"]
            for name, values in measured.items()
        ]
        console.show(console.table(("system", "ms a clip", "least", "most"), cells))
        if arguments.keep:
            about = asdict(Environment.here(setting)) | {"clips": CLIPS, "load": round(load, 1)}
            store(measured, about, comparison.TIMES)


if __name__ == "__main__":
    main()
