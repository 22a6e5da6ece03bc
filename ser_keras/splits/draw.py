"""Draw the folds of every protocol: index and protocol in, `Split` out.

The test side of a protocol that holds something out depends on the corpus alone, so that two runs
are comparable clip by clip; the seed moves only the validation clips. Under `paper` and `random` it
moves the test clips, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ser_keras import corpora, seeding
from ser_keras.console import count
from ser_keras.corpora import LOSSY
from ser_keras.errors import SerKerasError
from ser_keras.splits import protocols
from ser_keras.splits.protocols import Protocol
from ser_keras.splits.split import COLUMNS, ROLES, Split

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from ser_keras.corpora import Index

# Takes the clips of one corpus, the seed and the fold; returns a role for each clip, None for a
# clip that is left out.
Draw = Callable[["pd.DataFrame", int, int], "np.ndarray"]

_LEAVE_ONE_OUT = 10  # up to so many speakers each has a fold, as EmoDB and SAVEE are used
_FOLDS = 5  # of everything else


def make(
    index: Index, protocol: str, *, seed: int = 0, fold: int = 0, draw: Draw | None = None
) -> Split:
    """Return the split of a corpus under a protocol; duplicates never enter it.

    `paper`: as the authors of a published system drew it; `draw` does it.

    `random`: test is one of five parts with equal shares of every emotion, validation an eighth of
    the rest: 70 / 10 / 20 %. Speakers and texts are on all sides, as in most published figures.

    `speaker`: test is a speaker or a group of speakers who are not in training. The groups are
    those that `Corpus.speaker_folds` gives (TESS: fold 0 trains on OAF and tests YAF, fold 1 the
    other way round; RAVDESS: five published groups of actors). Elsewhere up to ten speakers are
    each left out once; more are put into five groups. Validation is an eighth of the training
    speakers, at least one. If there is **one** training speaker (TESS), it is an eighth of her
    texts instead, and if texts are unknown, an eighth of her clips, stratified by emotion.

    `speaker-emobox`: the same with EmoBox's six groups of RAVDESS actors, for comparison with its
    figures. EmoBox has no validation side; ours is drawn as under `speaker`.

    `text`: test is a fifth of the texts (RAVDESS: one of two), validation an eighth of the others.
    If one text is left to train on, validation is an eighth of its speakers instead. A text that at
    most half of the emotions share (most texts in ASED and SAVEE) reveals the emotion by itself; it
    is never held out and stays in training.

    `speaker-text`: test is unseen speakers saying unseen texts, a fold for each pair of a speaker
    fold and a text fold. Clips that share either with the test side are left out of the table.
    Validation is a quarter of the speakers saying a quarter of the texts, under the same rule.

    `corpus`: test is one of several pooled corpora, in the order of their names, over the emotions
    that all of them have; other emotions are left out. Validation is an eighth of the speakers of
    each other corpus, as under `speaker`.

    `whole-corpus`: the same, but each corpus keeps every emotion that another one has, too, and
    the network chooses among those of the tested corpus.

    A protocol that holds out another column of the index treats its values as `text` does texts.

    Under all protocols but these two, each of several pooled corpora is split by itself. A corpus
    with fewer folds than another starts again at its fold 0.

    Args:
        index: Index of a corpus or of several pooled ones.
        protocol: Name of the protocol, a key of `PROTOCOLS`.
        seed: Seed of all random draws.
        fold: Number of the fold, below `folds(index, protocol)`.
        draw: Draw of a recipe (`recipes.get(name).draw`), needed for the protocol `paper` only.

    Raises:
        SerKerasError: There is no such protocol or fold, `paper` got no draw, a needed column has
            unknown values, two clips have the same sound, or the corpus is too small to fill every
            role.

    Example::

        index = corpora.get("ravdess").index("data")
        splits.make(index, "speaker", fold=2).counts()
    """
    import pandas as pd

    rule = protocols.get(protocol)
    if rule.drawing == "authors" and draw is None:
        problem = "needs the draw of a published system"
        raise SerKerasError(f"protocol {protocol}", problem, "Give draw=recipes.get(NAME).draw")
    parts = _draws(index, rule, draw)
    n_folds = max(len(draws) for _, draws in parts)
    if not 0 <= fold < n_folds:
        problem = f"the protocol {protocol} has {count(n_folds, 'fold')} and no fold {fold}"
        raise SerKerasError(index.corpus, problem, f"Choose a fold from 0 to {n_folds - 1}")
    tables = []
    for clips, draws in parts:
        try:
            roles = draws[fold % len(draws)](clips, seed, fold)
        except ValueError as error:  # scikit-learn refuses to fill a part with too few clips
            problem = f"is too small for the protocol {protocol} ({error})"
            raise SerKerasError(index.corpus, problem, "Gather more clips") from error
        tables.append(clips.assign(role=pd.array(roles, dtype="string")).dropna(subset=["role"]))
    table = pd.concat(tables).sort_values("path", ignore_index=True)[list(COLUMNS)]
    split = Split(index.corpus, protocol, fold, seed, table, rule.forbids)
    for role, n in split.counts().items():
        if not n:
            problem = f"fold {fold} of the protocol {protocol} leaves no clip for {role}"
            raise SerKerasError(index.corpus, problem, "Choose another fold or protocol")
    return split


def folds(index: Index, protocol: str) -> int:
    """Return how many folds a protocol has on a corpus; on pooled corpora, the most of any."""
    drawn = _draws(index, protocols.get(protocol), None)
    return max(1, *(len(draws) for _, draws in drawn))  # a recipe's draw, absent here, is one fold


def default(index: Index) -> str:
    """Return the protocol for a corpus where the user names none.

    It is `paper` on the known corpora. A user's own corpus has no authors' division: it is tested
    on unseen speakers, if every emotion has at least three (one for each role), else at random.
    """
    if not corpora.is_own(index.corpus):
        return "paper"
    clips = index.clips
    speakers = clips.groupby("emotion")["speaker"].nunique()
    known = clips["speaker"].notna().all() and speakers.min() >= len(ROLES)
    return "speaker" if known else "random"


def of_one_corpus(corpus: str) -> list[str]:
    """Return the protocols that apply to one corpus, without `paper`, which needs a recipe.

    Example:
        >>> of_one_corpus("tess")
        ['random', 'text', 'speaker', 'speaker-text']
    """
    return [
        rule.name
        for rule in protocols.PROTOCOLS.values()
        if rule.drawing in ("stratified", "held-out")
        and rule.folds_from in (None, *_speaker_folds(corpus))
    ]


def fold_list(index: Index, protocol: str, *, draw: Draw | None = None) -> pd.DataFrame:
    """Return all folds of a protocol as one table to publish, a row per clip, with seed 0.

    Args:
        index: Index of the corpus.
        protocol: Name of the protocol, a key of `PROTOCOLS`.
        draw: Draw of a recipe, needed for the protocol `paper` only.

    Returns:
        Columns clip (path without suffix), content (<NA> where the clip is stored with loss, as it
        then depends on the encoder), speaker, emotion, text, and the role in each fold: fold_0,
        fold_1, ..., <NA> where the fold leaves the clip out.
    """
    table = index.clips[["path", "content", "speaker", "emotion", "text"]].set_index("path")
    for fold in range(folds(index, protocol)):
        split = make(index, protocol, fold=fold, draw=draw)
        table[f"fold_{fold}"] = split.table.set_index("path")["role"]
    table = table.reset_index()
    lossy = table["path"].map(lambda path: PurePosixPath(path).suffix.lower() in LOSSY)
    table["content"] = table["content"].mask(lossy)
    clips = table.pop("path").map(lambda path: str(PurePosixPath(path).with_suffix("")))
    table.insert(0, "clip", clips)
    return table


def _draws(
    index: Index, rule: Protocol, authors: Draw | None
) -> list[tuple[pd.DataFrame, Sequence[Draw]]]:
    """Return the clips of each corpus with the draws of its folds ("corpora": all together)."""
    clips = index.table[index.table["duplicate_of"].isna()].sort_values("path")
    if clips.empty:
        raise SerKerasError(index.corpus, "has no clips to split", "Check the folder")
    twins = clips[clips["content"].duplicated(keep=False)].sort_values("content", kind="stable")
    if len(twins):
        problem = f"{twins['path'].iloc[0]} and {twins['path'].iloc[1]} are the same sound"
        raise SerKerasError(index.corpus, problem, "Mark one as duplicate_of the other")
    for column in ("emotion", *rule.holds_out):
        unknown = clips.loc[clips[column].isna(), "path"]
        if len(unknown):
            problem = f"has no {column} (nor have {len(unknown) - 1} others of {len(clips)} clips)"
            remedy = f"Name it, or choose another protocol than {rule.name}, which needs it"
            raise SerKerasError(unknown.iloc[0], problem, remedy)
    if rule.drawing == "corpora":
        return [_corpora(clips, rule)]
    parts = [part for _, part in clips.groupby("corpus", sort=True)]
    if rule.drawing == "authors":
        return [(part, [authors] if authors else []) for part in parts]
    if rule.drawing == "stratified":
        return [(part, [_draw_stratified] * _FOLDS) for part in parts]
    return [
        (part, [partial(_draw_held_out, held=held) for held in _held_out(part, rule)])
        for part in parts
    ]


def _corpora(clips: pd.DataFrame, rule: Protocol) -> tuple[pd.DataFrame, Sequence[Draw]]:
    """Return the clips of the emotions that corpora share, and a draw that tests each corpus."""
    names = sorted(clips["corpus"].unique())
    if len(names) < 2:
        remedy = "Name several, as in --corpus ravdess+tess"
        raise SerKerasError(names[0], "is one corpus, and none is left to train on", remedy)
    spread = clips.groupby("emotion")["corpus"].nunique()
    shared = spread.index[spread >= (2 if rule.own_emotions else len(names))]
    if len(shared) < 2:
        problem = f"share {count(len(shared), 'emotion')}, 2 are needed"
        raise SerKerasError("+".join(names), problem, "Choose other corpora")
    draws = [partial(_draw_corpus, corpus=name) for name in names]
    return clips[clips["emotion"].isin(shared)], draws


def _held_out(clips: pd.DataFrame, rule: Protocol) -> list[dict[str, set]]:
    """Return the values that each fold holds out: {column: values}."""
    held: list[dict[str, set]] = [{}]
    for column in rule.holds_out:
        if column == "speaker":
            groups = _speaker_groups(clips, rule)
        else:
            values = _values(clips, column)
            if len(values) < 2:
                few = count(len(values), f"{column} value")
                problem = f"has {few} that most of its emotions share, 2 are needed"
                raise SerKerasError(clips["corpus"].iloc[0], problem, "Choose another protocol")
            n_groups = min(_FOLDS, len(values))
            groups = [set(values[i::n_groups]) for i in range(n_groups)]
        # every combination once; neighbouring folds differ in every column
        held = [
            held[i] | {column: groups[(i + turn) % len(groups)]}
            for turn in range(len(groups))
            for i in range(len(held))
        ]
    return held


def _values(clips: pd.DataFrame, column: str) -> list:
    """Return the values of a column that can be held out, sorted.

    A text (or another value, but for a speaker) that at most half of the emotions share would
    reveal the emotion by itself.
    """
    spread = clips.groupby(column)["emotion"].nunique()
    if column != "speaker":
        spread = spread[spread * 2 > clips["emotion"].nunique()]
    return sorted(spread.index.tolist())


def _speaker_groups(clips: pd.DataFrame, rule: Protocol) -> list[set[str]]:
    corpus, speakers = clips["corpus"].iloc[0], _values(clips, "speaker")
    if len(speakers) < 2:
        problem = "has one speaker, and none is left to test on"
        raise SerKerasError(corpus, problem, "Choose another protocol")
    published = _speaker_folds(corpus).get(rule.folds_from or "", ())
    groups = [set(group).intersection(speakers) for group in published]
    if any(groups):
        return [group for group in groups if group]  # a part of the corpus has fewer folds
    if rule.folds_from:
        problem = f"has no published groups of speakers named {rule.folds_from}"
        raise SerKerasError(corpus, problem, f"Choose another protocol than {rule.name}")
    if len(speakers) <= _LEAVE_ONE_OUT:
        return [{speaker} for speaker in speakers]
    # Snake order by number of clips, so that groups have about equal size. GroupKFold does the
    # same, but its sort is unstable: equal speakers may change places from machine to machine.
    clips_of = clips["speaker"].value_counts()
    order = sorted(speakers, key=lambda speaker: (-clips_of[speaker], speaker))
    return [
        {*order[i :: 2 * _FOLDS], *order[2 * _FOLDS - 1 - i :: 2 * _FOLDS]} for i in range(_FOLDS)
    ]


def _speaker_folds(corpus: str) -> Mapping[str, tuple[tuple[str, ...], ...]]:
    """Return the published groups of speakers of a corpus; {} where it is unknown or has none."""
    return corpora.get(corpus).speaker_folds if corpus in corpora.names() else {}


def _draw_stratified(clips: pd.DataFrame, seed: int, fold: int) -> np.ndarray:
    import numpy as np
    from sklearn.model_selection import StratifiedKFold

    emotion = clips["emotion"].to_numpy(str)
    n, rarest = min(zip(*np.unique(emotion, return_counts=True)[::-1], strict=True))
    if n < _FOLDS:
        raise ValueError(f"{rarest} has {count(int(n), 'clip')}, {_FOLDS} are needed")
    state = _state(seed, "test", *clips["corpus"].unique())
    parts = StratifiedKFold(_FOLDS, shuffle=True, random_state=state).split(emotion, emotion)
    rest, test = list(parts)[fold % _FOLDS]
    role = np.full(len(clips), "train", dtype=object)
    role[test] = "test"
    role[rest[_eighth_by_emotion(emotion[rest], seed, fold)]] = "validation"
    return role


def _draw_held_out(
    clips: pd.DataFrame, seed: int, fold: int, *, held: Mapping[str, set]
) -> np.ndarray:
    """Test the clips that have all values of `held`, train on those that have none of them."""
    import numpy as np

    test, rest = _all_and_none(clips, held)
    validation, train = _validation(clips[rest], tuple(held), seed, fold)
    role = np.full(len(clips), None, dtype=object)
    role[test] = "test"
    role[np.flatnonzero(rest)[validation]] = "validation"
    role[np.flatnonzero(rest)[train]] = "train"
    return role


def _draw_corpus(clips: pd.DataFrame, seed: int, fold: int, *, corpus: str) -> np.ndarray:
    """Test one corpus, train on the others."""
    import numpy as np

    role = np.full(len(clips), "test", dtype=object)
    for name, places in clips.reset_index(drop=True).groupby("corpus").indices.items():
        if name != corpus:
            validation, _ = _validation(clips.iloc[places], ("speaker",), seed, fold)
            role[places] = np.where(validation, "validation", "train")
    return role


def _all_and_none(clips: pd.DataFrame, held: Mapping[str, set]) -> tuple[np.ndarray, np.ndarray]:
    """Return which clips have held values in all columns, and which in none of them."""
    import numpy as np

    hits = [clips[column].isin(values).to_numpy(bool) for column, values in held.items()]
    return np.logical_and.reduce(hits), ~np.logical_or.reduce(hits)


def _validation(
    clips: pd.DataFrame, columns: tuple[str, ...], seed: int, fold: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return which clips of the training side validate and which train; `columns` are disjoint."""
    import numpy as np

    values = {column: _values(clips, column) for column in {*columns, "speaker", "text"}}
    drawn = [column for column in columns if len(values[column]) > 1]
    if not drawn:  # one speaker, or one text: hold out the other instead
        complete = [c for c in ("speaker", "text") if clips[c].notna().all()]
        drawn = [column for column in complete if len(values[column]) > 1][:1]
    if not drawn:
        validation = np.zeros(len(clips), dtype=bool)
        validation[_eighth_by_emotion(clips["emotion"].to_numpy(str), seed, fold)] = True
        return validation, ~validation
    share = 8 if len(drawn) == 1 else 4  # a quarter by a quarter
    corpus = clips["corpus"].iloc[0]
    held = {}
    for column in drawn:
        stream = seeding.stream(seed, "validation", corpus, column, fold)
        order = stream.permutation(values[column])
        held[column] = set(order[: math.ceil(len(order) / share)].tolist())
    return _all_and_none(clips, held)


def _eighth_by_emotion(emotion: np.ndarray, seed: int, fold: int) -> np.ndarray:
    """Return the positions of an eighth of the clips (more where an emotion has fewer than 8)."""
    import numpy as np
    from sklearn.model_selection import StratifiedKFold

    parts = min(8, *np.unique(emotion, return_counts=True)[1])
    state = _state(seed, "validation", fold)
    folded = StratifiedKFold(parts, shuffle=True, random_state=state)
    return next(folded.split(emotion, emotion))[1]


def _state(seed: int, *key: object) -> int:
    return seeding.number(seed, *key) % 2**32  # scikit-learn takes 32 bits
