"""What the scores of a run do not say by themselves, in sentences, with what to try."""

from __future__ import annotations

import dataclasses
import os
import shlex

from ser_keras import baselines, evaluation, recipes
from ser_keras.runs.record import Run


def remarks(run: Run, data: str | os.PathLike | None = None) -> list[str]:
    """Return what a reader of the scores has to know, each remark on a line of its own.

    A network may give every clip the same label, or may not beat a baseline. A shortened run is
    not judged: it is to be trained in full.

    Args:
        run: Finished run.
        data: Folder of its corpus, for the commands; None if it lies where it is looked for.
    """
    key, label, unbeaten, short = run.key, run.constant_prediction, run.unbeaten, run.shortened
    place = "" if data is None else f" --data {shlex.quote(os.fspath(data))}"
    lines = []
    if "validation" in key.load_recipe().training.fit_on:
        lines.append("The network was trained on the validation clips too: look at test alone.")
    if label is not None:
        lines.append(f"The network gives every clip the same label ({label}).")
        if not short:
            training = key.load_recipe().training
            lines[-1] += f" {evaluation.what_to_try(key.recipe, training, run.epochs)}"
    if unbeaten:
        best = run.baselines[unbeaten[0]].scores.uar.value
        ours = f"{run.test.uar.value:.3f} against {best:.3f}"
        lines.append(f"The network does not beat {unbeaten[0]} (UAR {ours}).")
        others = {*recipes.names()} - {key.recipe}
        names = [name for name in unbeaten if baselines.RECIPES.get(name) in others]
        if names and not short:
            other = dataclasses.replace(key, recipe=baselines.RECIPES[names[0]], overrides=())
            lines.append(f"{names[0]} as a model of its own: {other.command}{place}")
    if (label is not None or unbeaten) and short:
        changes = (each for each in key.overrides if not each.startswith("training.epochs="))
        full = dataclasses.replace(key, overrides=tuple(changes))
        lines.append(f"This run was limited to {short}. In full: {full.command}{place}")
    return lines
