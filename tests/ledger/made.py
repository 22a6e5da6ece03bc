"""Runs made up for tests: a kept run of this project under another name and with other scores."""

import dataclasses
import functools

from ser_keras import ledger
from ser_keras.metrics import Estimate, Paired
from ser_keras.runs import Baseline, Headline, RunKey

KEY = RunKey(recipe="attention-tess", corpus="tess")


@functools.cache
def kept():
    """Return a kept run of this project, with its tables."""
    (run,) = (run for run in ledger.read(ledger.LEDGER) if run.key == KEY and not run.repeat)
    return run, ledger.predictions(run), ledger.history(run)


def estimate(value):
    return Estimate(value, 0.4, 0.8)


def made(folder, *, folds=1, baselines=None, tests=None, machines=None, change=None, **changes):
    """Put a finished run into a folder of runs, and return it.

    Args:
        folder: Folder of runs.
        folds: Number of folds that its protocol has.
        baselines: UAR by baseline; None for the kept ones.
        tests: Paired counts by baseline: (clips, only the network, only the baseline).
        machines: (device, backend) of each machine that trained it.
        change: Function that changes its predictions.
        changes: Parts of its key, metrics of its test clips, or fields of its record.
    """
    run, predictions, history = kept()
    key = dataclasses.replace(
        run.key, **{name: changes.pop(name) for name in list(changes) if hasattr(KEY, name)}
    )
    metrics = {name: estimate(changes.pop(name)) for name in ("accuracy", "uar") if name in changes}
    run = dataclasses.replace(
        run,
        key=key,
        folds=folds,
        test=dataclasses.replace(run.test, **metrics),
        folder=folder / key.folder,
        **changes,
    )
    if baselines is not None:
        scores = run.baselines["majority"].scores
        run = dataclasses.replace(
            run,
            baselines={
                name: Baseline(
                    dataclasses.replace(scores, uar=Estimate(value, 0.0, 1.0)),
                    Paired.of(*tests[name]) if tests else None,
                )
                for name, value in baselines.items()
            },
        )
    if machines is not None:
        environments = [
            dataclasses.replace(run.environments[0], device=device, backend=backend)
            for device, backend in machines
        ]
        run = dataclasses.replace(run, environments=tuple(environments))
    run.folder.mkdir(parents=True)
    (predictions if change is None else change(predictions)).to_csv(
        run.folder / "predictions.csv", index=False
    )
    history.to_csv(run.folder / "history.csv", index=False)
    run.write()
    return run


def mislabelled(clips):
    """Return a change of predictions after which the first test clips have another label."""

    def change(predictions):
        test = predictions.index[predictions["role"] == "test"][:clips]
        changed = predictions.copy()
        changed.loc[test, "predicted"] = "nothing"
        return changed

    return change


def headline(n, value):
    return Headline(n, *[Estimate(value, 0.25, 1.0)] * 3)
