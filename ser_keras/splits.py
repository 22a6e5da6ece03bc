"""Splits: which clips teach, which choose the epoch, which are scored, and what must not be shared.

A protocol says how the test side is drawn, and what it forbids the sides to share. All folds of
`speaker`, `text`, `speaker-text` and `corpus` are fixed by the corpus alone, so that two runs are
comparable clip by clip; the seed moves the validation clips (and, in `paper` and `random`, the test
clips).
"""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ser_keras import files, seeding
from ser_keras.corpora import LOSSY
from ser_keras.errors import SerKerasError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from ser_keras.corpora import Index

_SUMMARIES = {
    "paper": "as the authors drew it; speakers and texts are on all sides",
    "random": "70 / 10 / 20 %, equal shares of every emotion; speakers and texts on all sides",
    "speaker": "tested on voices that nothing was learned from",
    "speaker-emobox": "likewise, by the groups of actors that EmoBox has for RAVDESS",
    "text": "tested on texts that nothing was learned from",
    "speaker-text": "tested on unseen voices saying unseen texts",
    "corpus": "tested on a corpus that nothing was learned from",
}
PROTOCOLS = tuple(_SUMMARIES)
ROLES = ("train", "validation", "test")

_FORBIDS = {
    "paper": ("content",),
    "random": ("content", "near"),
    "speaker": ("content", "near", "speaker"),
    "speaker-emobox": ("content", "near", "speaker"),
    "text": ("content", "near", "text"),
    "speaker-text": ("content", "near", "speaker", "text"),
    "corpus": ("content", "near", "speaker"),
}
_COLUMNS = ("path", "speaker", "emotion", "text", "role")  # of split.csv

# Published folds by the number in a speaker's id: Luna-Jimenez et al. 2021, doi:10.3390/s21227665
_RAVDESS_FOLDS = ("2 5 14 15 16", "3 6 7 13 18", "10 11 12 19 20", "8 17 21 23 24", "1 4 9 22")
# EmoBox (Ma et al. 2024, arXiv:2406.07162), whose folds of most other corpora share voices
_EMOBOX = "speaker-emobox"
_EMOBOX_FOLDS = (
    *("1 11 20 21", "4 10 12 14", "8 9 19 23"),
    *("3 5 7 24", "2 15 16 18", "6 13 17 22"),
)
_LEAVE_ONE_OUT = 10  # voices up to which each has a fold of its own, as EmoDB and SAVEE are used
_FOLDS = 5  # of everything else
_SEED_OF_THE_PAPERS = 42  # theirs all; the run's seed is added, so that 0 is as published


@dataclass(frozen=True, eq=False)
class Split:
    """One way to part a corpus, clip by clip.

    Args:
        corpus: Name of the corpus, or None for a list that was read without its index.
        protocol: One of `PROTOCOLS`.
        fold: Which fold of the protocol, from 0.
        seed: What the draws depended on.
        table: One row a clip, sorted by path: path, corpus, speaker, emotion, text, role, content.
        forbids: What test may not share with the rest: of "content", "near", "speaker", "text".
    """

    corpus: str | None
    protocol: str
    fold: int
    seed: int
    table: pd.DataFrame
    forbids: tuple[str, ...]

    @property
    def hash(self) -> str:
        """16 hex digits that name the parting itself: which sound has which role."""
        if self.table["content"].isna().any():
            problem = "its clips are known by name alone"
            raise SerKerasError("split", problem, "Read it together with the index of its corpus")
        pairs = sorted(zip(self.table["content"], self.table["role"], strict=True))
        return files.digest("\n".join(f"{content} {role}" for content, role in pairs))

    def part(self, role: str) -> pd.DataFrame:
        """Return the rows of one role (`train`, `validation` or `test`), numbered from 0."""
        _known("role", role, ROLES)
        return self.table[self.table["role"] == role].reset_index(drop=True)

    def counts(self) -> dict[str, int]:
        """Return the number of clips by role."""
        return {role: int((self.table["role"] == role).sum()) for role in ROLES}

    def write(self, path: str | os.PathLike) -> None:
        """Write the list as CSV: path, speaker, emotion, text, role."""
        files.write_csv(path, self.table[list(_COLUMNS)])

    @classmethod
    def read(
        cls,
        path: str | os.PathLike,
        index: Index | None = None,
        *,
        protocol: str = "paper",
        fold: int = 0,
        seed: int = 0,
    ) -> Split:
        """Return a list that `write` has written.

        Args:
            path: The CSV.
            index: Index of the corpus, which knows what sounds the paths stand for. Without it
                corpus and content stay unknown: enough to find the clips, not to look for leaks.
            protocol: How the list was drawn, with `fold` and `seed`; the CSV does not tell.

        Raises:
            SerKerasError: Columns are missing, a role is none of ours, a path stands twice, or a
                clip is not in the index.
        """
        _known("protocol", protocol, PROTOCOLS)
        table = files.read_csv(path, dtype="string", keep_default_na=False, na_values=[""])
        missing = [column for column in _COLUMNS if column not in table.columns]
        if missing:
            problem = f"has no column {', '.join(missing)}"
            raise SerKerasError(
                path, problem, f"A split list has the columns {', '.join(_COLUMNS)}"
            )
        if not table["role"].isin(ROLES).all():
            raise SerKerasError(path, "has a row without a role", f"Roles are {', '.join(ROLES)}")
        if table["path"].isna().any() or table["path"].duplicated().any():
            raise SerKerasError(path, "names a clip twice or not at all", "Name each clip once")
        table = _joined(table[list(_COLUMNS)], index, path)
        corpus = None if index is None else index.corpus
        return cls(corpus, protocol, fold, seed, table, _FORBIDS[protocol])


def make(
    index: Index,
    protocol: str,
    *,
    seed: int = 0,
    fold: int = 0,
    paper: str = "attention-tess",
) -> Split:
    """Return the split of a corpus under a protocol; clips that double another never enter it.

    `paper`: as the authors of a published system drew it; see `PAPERS`.

    `random`: test is one of five parts with equal shares of every emotion, an eighth of the rest is
    validation: 70 / 10 / 20 %. Speakers and texts are on all sides, as in most published figures.

    `speaker`: test is a voice, or a group of voices, that nothing was learned from. TESS: fold 0
    trains on OAF and tests YAF, fold 1 the other way round. RAVDESS: the five published groups of
    actors. Up to ten voices: each is left out once. More: five groups. Validation is an eighth of
    the training voices, at least one; where there is **one** training voice (TESS) it is an eighth
    of her texts instead (and where texts are unknown, of her clips by emotion).

    `speaker-emobox`: as `speaker`, by the six groups of actors that EmoBox tests on RAVDESS; it is
    for comparison with figures on those, and there for RAVDESS alone. Validation is ours.

    `text`: test is a fifth of the texts (RAVDESS: one of two), validation an eighth of the others;
    where one text is left to train on, validation is an eighth of its voices instead. Texts of
    which most emotions have no clip (in ASED and SAVEE most texts belong to one emotion) tell the
    emotion by themselves: they are never held out and stay in training.

    `speaker-text`: test is unseen voices saying unseen texts, for each pair of a speaker fold and a
    text fold. Clips that share either with the test side are left out of the table; validation is a
    quarter of the voices saying a quarter of the texts, under the same rule.

    `corpus`: of several corpora, test is one, in the order of their names, over the emotions that
    all of them have; the others are left out of the table. Validation is an eighth of the voices of
    each other corpus, as under `speaker`.

    Where corpora are pooled, all other protocols split each by itself; a fold beyond its own begins
    again with 0.

    Args:
        index: What is there; of a pooled index the column `corpus` tells them apart.
        protocol: One of `PROTOCOLS`.
        seed: Moves what is drawn.
        fold: Which test part, below `folds(index, protocol)`.
        paper: Whose drawing the protocol `paper` is, one of `PAPERS`.

    Raises:
        SerKerasError: No such protocol, paper or fold; a needed column has unknown values; two
            clips of the same sound; or the corpus is too small to fill every role.
    """
    import pandas as pd

    _known("paper", paper, PAPERS)
    plans = _plans(index, protocol, paper)
    n_folds = max(len(plan) for _, plan in plans)
    if not 0 <= fold < n_folds:
        problem = f"the protocol {protocol} has {n_folds} fold{'s' * (n_folds > 1)}, not a {fold}"
        raise SerKerasError(index.corpus, problem, f"Choose a fold from 0 to {n_folds - 1}")
    tables = []
    for clips, plan in plans:
        try:
            role = plan[fold % len(plan)](clips, seed, fold)
        except ValueError as error:  # scikit-learn refuses to fill a part with too few clips
            problem = f"is too small for the protocol {protocol} ({error})"
            raise SerKerasError(index.corpus, problem, "Gather more clips") from error
        tables.append(clips.assign(role=pd.array(role, dtype="string")).dropna(subset=["role"]))
    table = pd.concat(tables).sort_values("path", ignore_index=True)
    table = table[["path", "corpus", "speaker", "emotion", "text", "role", "content"]]
    split = Split(index.corpus, protocol, fold, seed, table, _FORBIDS[protocol])
    for role, n in split.counts().items():
        if not n:
            problem = f"fold {fold} of the protocol {protocol} leaves no clip for {role}"
            raise SerKerasError(index.corpus, problem, "Choose another fold or protocol")
    return split


def summary(protocol: str) -> str:
    """Return in a few words what a protocol measures."""
    _known("protocol", protocol, PROTOCOLS)
    return _SUMMARIES[protocol]


def folds(index: Index, protocol: str) -> int:
    """Return how many folds a protocol has on a corpus (pooled corpora: the most that one has)."""
    return max(len(plan) for _, plan in _plans(index, protocol, "attention-tess"))


def of_one_corpus(corpus: str) -> list[str]:
    """Return the protocols that a corpus may have by itself, but for those of published systems."""
    others = [name for name in PROTOCOLS if name not in ("paper", "corpus")]
    return [name for name in others if name != _EMOBOX or corpus == "ravdess"]


def fold_list(index: Index, protocol: str, *, paper: str = "attention-tess") -> pd.DataFrame:
    """Return all folds of a protocol as one table, to be published: a row for each clip.

    Args:
        index: Of the corpus.
        protocol: One of `PROTOCOLS`; with seed 0.
        paper: As of `make`.

    Returns:
        clip (path without suffix), content (where the clip is stored without loss: else it depends
        on the encoder), speaker, emotion, text, and the role in each fold: fold_0, fold_1, ...;
        <NA> where the fold leaves the clip out.
    """
    table = index.clips[["path", "content", "speaker", "emotion", "text"]].set_index("path")
    for fold in range(folds(index, protocol)):
        split = make(index, protocol, fold=fold, paper=paper)
        table[f"fold_{fold}"] = split.table.set_index("path")["role"]
    table = table.reset_index()
    lossy = table["path"].map(lambda path: PurePosixPath(path).suffix.lower() in LOSSY)
    table["content"] = table["content"].mask(lossy)
    clips = table.pop("path").map(lambda path: str(PurePosixPath(path).with_suffix("")))
    table.insert(0, "clip", clips)
    return table


def lay_out(split: Split, index: Index, folder: str | os.PathLike) -> Path:
    """Return `folder`, new, with the test clips laid out as the originals did it by hand.

    Each clip becomes `<folder>/<its own folder's name>/<its file name>`, as a link where the system
    allows one, else as a copy. The recordings stay where they are.

    Raises:
        SerKerasError: `folder` exists, a clip has gone, or two clips would get the same name.
    """
    sources = [index.locate(path).absolute() for path in split.part("test")["path"]]
    for source in sources:
        if not source.is_file():
            raise SerKerasError(source, "is no longer there", "Read the corpus again")
    with files.atomic_folder(folder) as partial:
        for source in sources:
            files.link_or_copy(source, partial / source.parent.name / source.name)
    return Path(folder)


# A draw takes the clips of one corpus, the seed and the fold, and returns a role for each clip
# (None: left out). A plan is the draws of all folds of a protocol.
_Draw = Callable[["pd.DataFrame", int, int], "np.ndarray"]


def _plans(index: Index, protocol: str, paper: str) -> list[tuple[pd.DataFrame, list[_Draw]]]:
    """Return for each corpus of the index its clips and what each fold does with them."""
    _known("protocol", protocol, PROTOCOLS)
    clips = _clips(index)
    _require(clips, "emotion", protocol)
    for column in (part for part in ("speaker", "text") if part in protocol.split("-")):
        _require(clips, column, protocol)
    if protocol == "corpus":
        return [_corpora(clips)]
    parts = [part for _, part in clips.groupby("corpus", sort=True)]
    if protocol == "paper":
        return [(part, [PAPERS[paper]]) for part in parts]
    if protocol == "random":
        return [(part, [_random] * _FOLDS) for part in parts]
    return [(part, [_apart(held) for held in _held_out(part, protocol)]) for part in parts]


def _clips(index: Index) -> pd.DataFrame:
    table = index.table
    clips = table[table["duplicate_of"].isna()]
    if clips.empty:
        raise SerKerasError(index.corpus, "has no clips to split", "Check the folder")
    twins = clips[clips["content"].duplicated(keep=False)].sort_values("content", kind="stable")
    if len(twins):
        problem = f"{twins['path'].iloc[0]} and {twins['path'].iloc[1]} are the same sound"
        raise SerKerasError(index.corpus, problem, "Mark one as duplicate_of the other")
    return clips.sort_values("path")


def _require(clips: pd.DataFrame, column: str, protocol: str) -> None:
    unknown = clips.loc[clips[column].isna(), "path"]
    if len(unknown):
        problem = f"has no {column} (nor have {len(unknown) - 1} others of {len(clips)} clips)"
        remedy = f"Name it, or choose another protocol than {protocol}, which needs it"
        raise SerKerasError(unknown.iloc[0], problem, remedy)


def _random(clips: pd.DataFrame, seed: int, fold: int) -> np.ndarray:
    import numpy as np
    from sklearn.model_selection import StratifiedKFold

    emotion = clips["emotion"].to_numpy(str)
    rarest = min(np.unique(emotion, return_counts=True)[1])
    if rarest < _FOLDS:
        raise ValueError(f"the rarest emotion has {rarest} clips, {_FOLDS} are needed")
    state = _state(seed, "test", *clips["corpus"].unique())
    parts = StratifiedKFold(_FOLDS, shuffle=True, random_state=state).split(emotion, emotion)
    rest, test = list(parts)[fold % _FOLDS]
    role = np.full(len(clips), "train", dtype=object)
    role[test] = "test"
    role[rest[_eighth_by_emotion(emotion[rest], seed, fold)]] = "validation"
    return role


def _eighth_by_emotion(emotion: np.ndarray, seed: int, fold: int) -> np.ndarray:
    """Return the positions of an eighth of the clips (more where an emotion has fewer than 8)."""
    import numpy as np
    from sklearn.model_selection import StratifiedKFold

    parts = min(8, *np.unique(emotion, return_counts=True)[1])
    state = _state(seed, "validation", fold)
    folded = StratifiedKFold(parts, shuffle=True, random_state=state)
    return next(folded.split(emotion, emotion))[1]


def _held_out(clips: pd.DataFrame, protocol: str) -> list[dict[str, set[str]]]:
    """Return for each fold what is kept from training: {"speaker": ..., "text": ...} or one."""
    wanted = {
        column: [{column: values} for values in groups(clips, protocol)]
        for column, groups in (("speaker", _speaker_groups), ("text", _text_groups))
        if column in protocol.split("-")
    }
    if len(wanted) == 1:
        return next(iter(wanted.values()))
    speakers, texts = wanted["speaker"], wanted["text"]
    return [  # every pair once; the first folds have different voices and different texts
        speakers[i] | texts[(i + turn) % len(texts)]
        for turn in range(len(texts))
        for i in range(len(speakers))
    ]


def _speaker_groups(clips: pd.DataFrame, protocol: str) -> list[set[str]]:
    corpus, voices = clips["corpus"].iloc[0], sorted(clips["speaker"].unique())
    if len(voices) < 2:
        problem = "has one speaker, and none is left to test on"
        raise SerKerasError(corpus, problem, "Choose another protocol")
    if protocol == _EMOBOX and corpus != "ravdess":
        problem = "has no folds of EmoBox's that keep speakers apart in another way than ours"
        raise SerKerasError(corpus, problem, "Choose the protocol speaker")
    if corpus == "tess":
        return [{voice} for voice in reversed(voices)]  # fold 0 trains on OAF
    if corpus == "ravdess":
        folds = _EMOBOX_FOLDS if protocol == _EMOBOX else _RAVDESS_FOLDS
        published = [set(fold.split()) for fold in folds]
        number = {voice: re.sub(r"\D", "", voice).lstrip("0") for voice in voices}
        groups = [{voice for voice in voices if number[voice] in fold} for fold in published]
        return [group for group in groups if group]  # a part of the corpus has fewer folds
    if len(voices) <= _LEAVE_ONE_OUT:
        return [{voice} for voice in voices]
    # Dealt to and fro from the voice with the most clips on, so that the groups are of a size.
    # GroupKFold does as much, but sorts unstably: equal voices may change places by machine.
    clips_of = clips["speaker"].value_counts()
    dealt = sorted(voices, key=lambda voice: (-clips_of[voice], voice))
    return [
        {*dealt[i :: 2 * _FOLDS], *dealt[2 * _FOLDS - 1 - i :: 2 * _FOLDS]} for i in range(_FOLDS)
    ]


def _text_groups(clips: pd.DataFrame, protocol: str) -> list[set[str]]:
    texts = _shared_texts(clips)
    if len(texts) < 2:
        problem = f"has {len(texts)} texts that are spoken in most of its emotions, 2 are needed"
        raise SerKerasError(clips["corpus"].iloc[0], problem, "Choose another protocol")
    parts = min(_FOLDS, len(texts))
    return [set(texts[i::parts]) for i in range(parts)]


def _shared_texts(clips: pd.DataFrame) -> list[str]:
    """Return the texts that do not tell the emotion: those spoken in more than half of them."""
    spread = clips.groupby("text")["emotion"].nunique()
    return sorted(spread.index[spread * 2 > clips["emotion"].nunique()])


def _apart(held: dict[str, set[str]]) -> _Draw:
    """Return the draw that tests what has all of `held`, and trains on what has none of it."""

    def draw(clips: pd.DataFrame, seed: int, fold: int) -> np.ndarray:
        import numpy as np

        test, rest = _held_and_rest(clips, held)
        validation, train = _validation(clips[rest], tuple(held), seed, fold)
        role = np.full(len(clips), None, dtype=object)
        role[test] = "test"
        role[np.flatnonzero(rest)[validation]] = "validation"
        role[np.flatnonzero(rest)[train]] = "train"
        return role

    return draw


def _corpora(clips: pd.DataFrame) -> tuple[pd.DataFrame, list[_Draw]]:
    """Return the clips of the emotions that all corpora have, and a draw that tests each corpus."""
    names = sorted(clips["corpus"].unique())
    if len(names) < 2:
        remedy = "Name several, as in --corpus ravdess+tess"
        raise SerKerasError(names[0], "is one corpus, and none is left to train on", remedy)
    spread = clips.groupby("emotion")["corpus"].nunique()
    shared = spread.index[spread == len(names)]
    if len(shared) < 2:
        problem = f"share {len(shared)} emotions, 2 are needed"
        raise SerKerasError("+".join(names), problem, "Choose other corpora")
    return clips[clips["emotion"].isin(shared)], [_leave_out(name) for name in names]


def _leave_out(corpus: str) -> _Draw:
    """Return the draw that tests a corpus, and trains on the others."""

    def draw(clips: pd.DataFrame, seed: int, fold: int) -> np.ndarray:
        import numpy as np

        role = np.full(len(clips), "test", dtype=object)
        for name, places in clips.reset_index(drop=True).groupby("corpus").indices.items():
            if name != corpus:
                validation, _ = _validation(clips.iloc[places], ("speaker",), seed, fold)
                role[places] = np.where(validation, "validation", "train")
        return role

    return draw


def _held_and_rest(clips: pd.DataFrame, held: dict[str, set[str]]) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    hits = [clips[column].isin(values).to_numpy(bool) for column, values in held.items()]
    return np.logical_and.reduce(hits), ~np.logical_or.reduce(hits)


def _validation(
    clips: pd.DataFrame, columns: tuple[str, ...], seed: int, fold: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return which clips of the training side validate and which train, apart in `columns`."""
    import numpy as np

    values = {
        "speaker": sorted(clips["speaker"].dropna().unique()),
        "text": _shared_texts(clips),
    }
    several = [column for column in columns if len(values[column]) > 1]
    if not several:  # one voice, or one text: the other column keeps the sides apart
        several = [c for c in values if len(values[c]) > 1 and clips[c].notna().all()][:1]
    if not several:
        validation = np.zeros(len(clips), dtype=bool)
        validation[_eighth_by_emotion(clips["emotion"].to_numpy(str), seed, fold)] = True
        return validation, ~validation
    share = 4 if len(several) == 2 else 8
    corpus = clips["corpus"].iloc[0]
    held = {}
    for column in several:
        drawn = seeding.stream(seed, "validation", corpus, column, fold).permutation(values[column])
        held[column] = set(drawn[: math.ceil(len(drawn) / share)].tolist())
    return _held_and_rest(clips, held)


def _attention_tess(clips: pd.DataFrame, seed: int, fold: int) -> np.ndarray:
    """40 clips out of each folder (a speaker and an emotion), then 12.5 % of the rest, drawn with
    the published seed: 1,960 / 280 / 560 of TESS. Where no folder has more than 100 clips, a fifth
    of each. The authors moved the 40 by hand and did not say which: `seed` draws them."""
    import numpy as np

    _require(clips, "speaker", "paper")
    role = np.full(len(clips), "train", dtype=object)
    order = _as_listed(clips)
    cells = clips.reset_index(drop=True).groupby(["speaker", "emotion"]).indices
    forty = max(map(len, cells.values())) > 100
    for (speaker, emotion), cell in cells.items():  # positions, in the order of the paths
        n = min(40, len(cell)) if forty else max(1, round(len(cell) / 5))
        drawn = seeding.stream(seed, "test", speaker, emotion).permutation(cell)[:n]
        role[drawn] = "test"
    rest = order[role[order] == "train"]
    role[_sampled(rest, 0.125, _SEED_OF_THE_PAPERS)] = "validation"
    return role


def _mean_mfcc_lstm(clips: pd.DataFrame, seed: int, fold: int) -> np.ndarray:
    """15 % for test, not stratified; validation is the last 15 % of the shuffled rest, as Keras's
    `validation_split` takes them: 2,023 / 357 / 420. With seed 0 the test side has the published
    counts by emotion (60, 54, 61, 57, 61, 63, 64), so by all signs it is the authors' own."""
    import numpy as np
    from sklearn.model_selection import train_test_split

    state = _SEED_OF_THE_PAPERS + seed
    rest, test = train_test_split(_as_listed(clips), test_size=0.15, random_state=state)
    role = np.full(len(clips), "train", dtype=object)
    role[test] = "test"
    role[rest[int(len(rest) * (1 - 0.15)) :]] = "validation"
    return role


def _acnt_ravdess(clips: pd.DataFrame, seed: int, fold: int) -> np.ndarray:
    """80 / 16 / 4 %, stratified. The authors drew from 2,880 files that held each clip twice; here
    each is there once."""
    import numpy as np

    emotion = clips["emotion"].to_numpy(str)
    state = _SEED_OF_THE_PAPERS + seed
    role = np.full(len(clips), "train", dtype=object)
    away = _sampled(_as_listed(clips), 0.2, state, emotion)
    role[away] = "validation"
    role[_sampled(away, 0.2, state, emotion)] = "test"
    return role


def _mel_cnn_aesdd(clips: pd.DataFrame, seed: int, fold: int) -> np.ndarray:
    """80 / 20 %, stratified: 483 / 121 of AESDD. The authors chose the epoch on the test clips; an
    eighth of the training clips chooses here, because the test side is scored once."""
    import numpy as np

    emotion = clips["emotion"].to_numpy(str)
    state = _SEED_OF_THE_PAPERS + seed
    role = np.full(len(clips), "train", dtype=object)
    order = _as_listed(clips)
    role[_sampled(order, 0.2, state, emotion)] = "test"
    role[_sampled(order[role[order] == "train"], 0.125, state, emotion)] = "validation"
    return role


def _adafnn_transformer(clips: pd.DataFrame, seed: int, fold: int) -> np.ndarray:
    """80 / 10 / 10 % of a permutation, not stratified."""
    import numpy as np

    order = np.random.RandomState(_SEED_OF_THE_PAPERS + seed).permutation(_as_listed(clips))
    role = np.full(len(clips), "train", dtype=object)
    role[order[int(0.8 * len(order)) :]] = "validation"
    role[order[int(0.9 * len(order)) :]] = "test"
    return role


PAPERS: dict[str, _Draw] = {
    "attention-tess": _attention_tess,
    "mean-mfcc-lstm": _mean_mfcc_lstm,
    "acnt-ravdess": _acnt_ravdess,
    "mel-cnn-aesdd": _mel_cnn_aesdd,
    "adafnn-transformer": _adafnn_transformer,
}


def _as_listed(clips: pd.DataFrame) -> np.ndarray:
    """Return positions in the order in which Windows lists files, which is blind to case.

    `mean-mfcc-lstm` was drawn there: in this order its seed gives its published counts by emotion,
    in the order of the paths it does not.
    """
    import numpy as np

    return np.argsort(clips["path"].str.upper().to_numpy(str), kind="stable")


def _sampled(
    positions: np.ndarray, share: float, state: int, strata: np.ndarray | None = None
) -> np.ndarray:
    from sklearn.model_selection import train_test_split

    stratify = None if strata is None else strata[positions]
    return train_test_split(positions, test_size=share, random_state=state, stratify=stratify)[1]


def _state(seed: int, *key: object) -> int:
    return seeding.number(seed, *key) % 2**32  # scikit-learn takes 32 bits


def _joined(table: pd.DataFrame, index: Index | None, path: str | os.PathLike) -> pd.DataFrame:
    """Return a read list with the columns that only the index knows."""
    import pandas as pd

    if index is None:
        unknown = pd.array([pd.NA] * len(table), dtype="string")
        table = table.assign(corpus=unknown, content=unknown)
    else:
        strangers = table.loc[~table["path"].isin(index.table["path"]), "path"]
        if len(strangers):
            problem = f"{len(strangers)} clips are not in {index.corpus}: {strangers.iloc[0]}"
            raise SerKerasError(path, problem, "Use the corpus that the list was made from")
        table = table.merge(index.table[["path", "corpus", "content"]], on="path", how="left")
    return table[["path", "corpus", "speaker", "emotion", "text", "role", "content"]]


def _known(kind: str, name: str, names: Iterable[str]) -> None:
    names = tuple(names)
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
        remedy = f"Did you mean {near[0]}" if near else f"Choose one of {', '.join(names)}"
        raise SerKerasError(name, f"is not a {kind}", remedy)


if __name__ == "__main__":  # `python -m` names this file; arguments are the command line's worry
    from ser_keras.cli import splits

    splits.main()
