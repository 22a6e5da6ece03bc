"""When the labels of adapted models count: measured by the folders of runs, and stored.

The ledger keeps no predictions of adapted models, clip by clip. So the networks of the run folders
predict once more, and what follows is stored in `results/reliability.json`: the shares of the
tables, and the `Answers` of a model that ships.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ser_keras import bundle, console, files, reliability, runs, splits
from ser_keras.cache import FeatureStore
from ser_keras.errors import SerKerasError
from ser_keras.ledger import release
from ser_keras.ledger.library import Library
from ser_keras.ledger.release import LeftOut
from ser_keras.ledger.reliability import Held, first_seed, held
from ser_keras.ledger.rows import Row
from ser_keras.ledger.tables import Table
from ser_keras.runs import Run, adapted, classes, scoring

RESULTS = release.RELIABILITY
ENROLLED = "3 recordings"  # what thresholds and limits are measured by
WAYS = (ENROLLED, "speaker")  # what is judged, as `runs.adapted` names it
_DECIMALS = 4


def measure(rows: Iterable[Row], data: Path, out: Path, cache: Path) -> dict:
    """Return when labels of adapted models count, as it is stored.

    Args:
        rows: Rows of `reliability.chosen`.
        data: Folder above the corpora.
        out: Folder of the run folders of these rows.
        cache: Folder of the features.

    Returns:
        "systems": a dict for each system, corpus and way of adapting; "answers": the `Answers` of
        each row under `whole-corpus`, by its name.

    Raises:
        SerKerasError: A run folder or a corpus is missing, or is not the one of the row.
    """
    library, systems, answers = Library(data, out, cache), [], {}
    for row in rows:
        by_way: dict[str, list[LeftOut]] = {way: [] for way in WAYS}
        plain = release.left_out(first_seed(row))
        for part in plain:
            said = _predicted(part.run, library, out, cache)
            for way in WAYS:
                clips, probabilities = said[way]
                by_way[way].append(
                    dataclasses.replace(part, clips=clips, probabilities=probabilities)
                )
            console.say(f"Adapted: {part.run.key}.")
        if row.key.protocol == release.PROTOCOL:
            known = release.answers(by_way[ENROLLED], release.temperatures(plain))
            answers[" ".join(row.key)] = known.to_json()
        for way in WAYS:
            for each in held(row, by_way[way], by_way[ENROLLED]):
                systems.append(_shares(each, way))
    return {"systems": systems, "answers": answers}


def table(results: dict, system: str = "") -> Table:
    """Return accuracy of all clips and of the answered ones, for each system, corpus and way.

    The mean weighs each corpus the same.

    Args:
        results: What `measure` returns; {} gives an empty table.
        system: Name of the only system that is shown; "" for all.
    """
    names = ("accuracy", "answered", "accuracy_answered", "accuracy_unsure")
    groups: dict[tuple[str, str], list[dict]] = {}
    for row in results.get("systems", []):
        if system in ("", row["system"]):
            groups.setdefault((row["system"], row["adapted_to"]), []).append(row)
    cells = []
    for (name, way), rows in groups.items():
        rows = [*rows, {share: float(np.mean([row[share] for row in rows])) for share in names}]
        for row in rows:
            shares = [f"{row[share]:.3f}" for share in names]
            cells.append([name, way, row.get("corpus", "mean"), str(row.get("clips", ""))])
            cells[-1] += [*shares, f"{row['accuracy_answered'] - row['accuracy']:+.3f}"]
    header = ("system", "adapted to", "corpus", "answers", "accuracy", "share answered")
    return Table((*header, "accuracy where answered", "accuracy where unsure", "gain"), cells)


def sets(results: dict, system: str = "") -> Table:
    """Return how often the sets of adapted models hold the truth, and how large they are.

    Args:
        results: What `measure` returns; {} gives an empty table.
        system: Name of the only system that is shown; "" for all.
    """
    cells = []
    for row in results.get("systems", []):
        if not row["sets"] or system not in ("", row["system"]):
            continue
        cells.append([row["system"], row["adapted_to"], row["corpus"]])
        for coverage in reliability.COVERAGES:
            own = row["sets"].get(str(coverage))
            cells[-1] += ["", ""] if own is None else [f"{own[0]:.3f}", f"{own[1]:.1f}"]
    columns = (name for c in reliability.COVERAGES for name in (f"held, stated {c}", "size"))
    return Table(("system", "adapted to", "corpus", *columns), cells)


def read(path: Path = RESULTS) -> dict:
    """Return what is stored, or {} where nothing is.

    Raises:
        SerKerasError: The file holds something else.
    """
    results = files.read_json(path) if path.exists() else {}
    if not isinstance(results, dict):
        raise SerKerasError(path, "is no measurement", "Take a fresh copy of the project")
    return results


def _predicted(run: Run, library: Library, out: Path, cache: Path) -> dict:
    """Return the test clips and their probabilities by the way of adapting."""
    key, folder = run.key, out / run.key.folder
    made = runs.read(folder)
    if made is None or made.split_hash != run.split_hash:
        command = f"--recipe {key.recipe} --corpus {key.corpus} --protocol {key.protocol}"
        remedy = f"Make it: python -m ser_keras.ledger run {command} --fold all --out {out}"
        raise SerKerasError(folder, "holds no run of the ledger", remedy)
    recipe, index = classes.adapted(key.load_recipe(), library.index(key.corpus))
    split = splits.make(index, key.protocol, seed=key.seed, fold=key.fold, draw=recipe.draw)
    if split.hash != run.split_hash:
        raise SerKerasError(index.root, "holds other clips than the run had", "Check --data")
    store = FeatureStore(index.corpus, recipe.features, cache)
    clips = adapted.ordered(split)
    paths = [index.locate(path) for path in clips["path"]]
    store.fill(paths, list(clips["content"]), strict=True, title="features")
    shipped = bundle.load_bundle(folder).pipeline
    plain = dataclasses.replace(shipped, temperature=1.0)  # the rows are not calibrated either
    answers = adapted.predictions(scoring.for_test(plain, split), split, store)
    return {way: (clips.iloc[at].reset_index(drop=True), p) for way, (at, p) in answers.items()}


def _shares(each: Held, way: str) -> dict:
    right, answered = each.right, each.answered
    means = {"accuracy": right, "answered": answered, "accuracy_answered": right[answered]}
    means["accuracy_unsure"] = right[~answered]
    return {
        "system": each.system,
        "corpus": each.corpus,
        "adapted_to": way,
        "clips": len(right),
        **{name: round(float(values.mean()), _DECIMALS) for name, values in means.items()},
        "sets": {
            str(coverage): [round(value, _DECIMALS) for value in own]
            for coverage, own in each.sets.items()
        },
    }
