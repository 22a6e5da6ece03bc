"""Which sounds get a remark that they lie far from all that a model learned from, measured.

Each corpus is left out once: all limits come from the clips of the others, and its own clips are
judged, as they are and changed as in `stress`, or played faster. Stored in
`results/reliability.json` under "far".
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from ser_keras import audio, console, features, reliability, seeding, splits
from ser_keras.cache import FeatureStore
from ser_keras.ledger import release
from ser_keras.ledger.library import Library
from ser_keras.ledger.rows import Row
from ser_keras.ledger.tables import Table
from ser_keras.reliability import FAR, HIGH, NARROW, Reliability
from ser_keras.runs import classes
from ser_keras.stress.changes import CHANGES, Change

CLIPS = 12  # of each corpus, that are changed
KINDS = ("white noise", "pink noise", "telephone", "MP3", "Opus", "sample rate", "room", "pitch")
UNCHANGED = "unchanged"
WHY = {"unlike all": FAR, "narrow": NARROW, "high": HIGH}  # column -> remark


def _played(times: float, samples, rate, rng, voices):
    return audio.from_samples(samples, round(times * rate), rate), rate


SOUNDS = (
    *(change for change in CHANGES if change.kind in KINDS),
    *(Change("played faster", f"x {times:g}", partial(_played, times)) for times in (1.3, 1.6)),
)


def measure(row: Row, data: Path, cache: Path) -> list[dict]:
    """Return the share of clips with each remark, by what was done to them.

    Args:
        row: Row of `general` under `whole-corpus`, which names features and corpora.
        data: Folder above the corpora.
        cache: Folder of the features.

    Returns:
        A dict for each change, with shares that are means over the corpora.

    Raises:
        SerKerasError: A corpus is missing, or one of its clips cannot be read.
    """
    index = Library(data, data, cache).index(row.key.corpus)
    recipe, index = classes.adapted(row.runs[0].key.load_recipe(), index)
    clips = splits.make(index, release.NEW_SPEAKERS).table.sort_values("content", ignore_index=True)
    rate = recipe.features.sample_rate
    store = FeatureStore(index.corpus, recipe.features, cache)
    paths = [index.locate(path) for path in clips["path"]]
    store.fill(paths, list(clips["content"]), strict=True, title="features")
    vectors = [store[content] for content in clips["content"]]
    speakers = (clips["corpus"] + "/" + clips["speaker"]).to_numpy(str)
    homes = clips["corpus"].to_numpy(str)
    copies, copied = release.raised(index, clips, rate)
    notes: dict[tuple[str, str], list[list[str]]] = {}
    for corpus in np.unique(homes):
        others = homes != corpus
        learned = [vectors[i] for i in np.flatnonzero(others)]
        names = learned, speakers[others], homes[others]
        own = others[copied]
        raised = [copy for copy, is_there in zip(copies, own, strict=True) if is_there]
        numbers = (np.cumsum(others) - 1)[copied[own]]
        known = Reliability(
            distance=reliability.distance(*names, recipe.batch.signed_root),
            bandwidth=reliability.bandwidth(*names),
            height=reliability.height(*names, raised, numbers),
        )
        judged = [known.note(vectors[i]) for i in np.flatnonzero(~others)]
        notes.setdefault((UNCHANGED, ""), []).append(judged)
        random = seeding.stream(0, "far", corpus)
        drawn = random.permutation(np.flatnonzero(~others))[:CLIPS]
        sounds = [audio.read(paths[i], rate) for i in drawn]
        for sound in SOUNDS:
            changed = [sound.apply(samples, rate, random) for samples in sounds]
            heard = [audio.from_samples(*each, rate) for each in changed]
            judged = [known.note(features.extract(each, recipe.features)) for each in heard]
            notes.setdefault((sound.kind, sound.amount), []).append(judged)
        console.say(f"Judged without learning from it: {corpus}.")
    return [
        {
            "sound": kind,
            "amount": amount,
            "clips": sum(map(len, by_corpus)),
            "remark": _share(by_corpus, ""),
            **{why: _share(by_corpus, remark) for why, remark in WHY.items()},
            "most": round(max(np.mean([note != "" for note in own]) for own in by_corpus), 4),
        }
        for (kind, amount), by_corpus in notes.items()
    ]


def table(rows: list[dict]) -> Table:
    """Return a line for each sound: how often it got a remark, and which.

    Args:
        rows: What `measure` returns; [] gives an empty table.
    """
    columns = ("remark", *WHY, "most")
    cells = [
        [row["sound"], row["amount"], str(row["clips"]), *(f"{row[name]:.2f}" for name in columns)]
        for row in rows
    ]
    header = ("sound", "", "clips", "any remark", *WHY, "any, most in a corpus")
    return Table(header, cells)


def _share(by_corpus: list[list[str]], remark: str) -> float:
    """Return the mean over corpora of the share of clips with a remark; "" means any."""
    shares = [np.mean([bool(note) and remark in note for note in own]) for own in by_corpus]
    return round(float(np.mean(shares)), 4)
