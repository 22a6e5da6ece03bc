"""`ledger run --search N`: try settings on validation clips, and score the best one once."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import shlex
from collections.abc import Sequence

from ser_keras import console, files, runs
from ser_keras.cli import train
from ser_keras.errors import SerKerasError
from ser_keras.ledger import Places, ranges, search
from ser_keras.ledger.library import Library
from ser_keras.ledger.search import Search, Trial
from ser_keras.runs import Run, RunKey

_SHOWN = 5  # trials in the table at the end


def check(arguments: argparse.Namespace) -> None:
    """Raise an error where options of `ledger run` do not go together with a search."""
    if arguments.search is None:
        if arguments.range:
            remedy = "Add --search N, the number of settings to try"
            raise SerKerasError("--range", "serves a search alone", remedy)
        return
    if arguments.search < 1:
        raise SerKerasError("--search", "is below 1", "Give the number of settings to try")
    for option in ("vary", "keep", "dask"):
        if getattr(arguments, option):
            remedy = "Leave one of the two out"
            raise SerKerasError(f"--{option}", "does not go together with --search", remedy)
    search.require()


def run(arguments: argparse.Namespace, keys: Sequence[RunKey], places: Places) -> None:
    """Search the settings of each of the runs, one after another, and show what came out."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of many networks in turn
    train.compute_in_order()
    library = Library(places.data, places.out, places.cache)
    searches = []
    for key in keys:
        index = library.index(key.corpus)
        named = [override.partition("=")[0] for override in key.overrides]
        recipe = runs.suited(key.load_recipe(), index, named)
        recipe = dataclasses.replace(recipe, emotions=runs.emotions_of(recipe, index))
        given = [ranges.parse(recipe, text) for text in arguments.range]
        searches.append(
            Search(
                recipe=recipe,
                index=index,
                key=RunKey.of(recipe, index.corpus, key.protocol, key.fold, key.seed),
                ranges=tuple({each.key: each for each in given or ranges.default(recipe)}.values()),
                out=places.out,
                cache=places.cache,
            )
        )
    for each in searches:
        console.say(f"Searching {console.count(arguments.search, 'setting')} of {each.key}:")
        rows = [[one.key, one.words] for one in each.ranges]
        console.say(*console.table(["setting", "is tried"], rows).split("\n"))
        _show(each, *search.run(each, arguments.search))
    if not keys:
        return
    command = ["python", "-m", "ser_keras.ledger", "show", str(files.short(places.out))]
    console.say(f"Next: {shlex.join(command)}")


def _show(chosen: Search, run: Run, trials: list[Trial]) -> None:
    """Print the best trials, and the scores of the run that was made with the best settings."""
    ended = sorted(
        (trial for trial in trials if trial.state == search.FINISHED),
        key=lambda trial: trial.score,
        reverse=True,
    )
    keys = [each.key for each in chosen.ranges]
    names = [key.partition(".")[2] for key in keys]
    rows = [
        [str(trials.index(trial) + 1), f"{trial.score:.4f}", *(trial.settings[k] for k in keys)]
        for trial in ended[:_SHOWN]
    ]
    counts = [
        f"{sum(trial.state == state for trial in trials)} {state}"
        for state in (search.FINISHED, search.PRUNED, search.FAILED)
    ]
    console.show(f"\n{console.count(len(trials), 'trial')}: {', '.join(counts)}. The best:\n")
    console.show(console.table(["trial", search.OBJECTIVE, *names], rows))
    sides = {"validation": run.validation, "test": run.test}
    rows = [
        [name, *(str(getattr(scores, field)) for scores in sides.values())]
        for name, field in (("accuracy", "accuracy"), ("UAR", "uar"), ("macro F1", "macro_f1"))
    ]
    header = ["95 % intervals", *(f"{role} (n = {s.n})" for role, s in sides.items())]
    console.show(f"\nThe run with the settings of trial {trials.index(ended[0]) + 1}:\n")
    console.show(console.table(header, rows))
    if run.searched is not None:
        console.show(
            f"Of {run.key.recipe}, {console.count(run.searched.scored, 'setting')} "
            f"{'has' if run.searched.scored == 1 else 'have'} been scored on these test clips, by "
            f"the runs in {files.short(chosen.out)}; this search scored one."
        )
    console.say(
        f"Written: {files.short(chosen.folder)}/{search.TABLE} and {search.RECORD}; the model in "
        f"{files.short(run.folder)}."
    )
