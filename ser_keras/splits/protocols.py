"""The protocols, as one table: what each measures, forbids and holds out.

A new protocol is a new row of `_TABLE`; nothing else needs to know its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from ser_keras.errors import unknown


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One way to split a corpus, as facts.

    Args:
        name: Name on the command line and in the path of a run.
        measures: What the test side is, in a few words for `--list`.
        forbids: What test may not share with training and validation: any of "content" (the same
            sound), "near" (near-duplicates), "speaker" and "text".
        mark: Mark in the picture of the ladder: an index into `pictures.canvas.PALETTE`, and a
            marker of matplotlib.
        drawing: How clips get their roles. "held-out": test holds some values of the columns
            `holds_out`, training none of them. "stratified": at random, in equal shares of every
            emotion. "authors": by the draw that a recipe brings. "corpora": test is one of several
            pooled corpora.
        holds_out: Columns of the index in which test and training share no value.
        folds_from: Name of the published groups of speakers (a key of `Corpus.speaker_folds`) that
            the folds test. Only corpora with such groups have the protocol. None stands for the
            default groups of the corpus or, if it has none, the generic rule of `splits.make`.
        own_emotions: Whether each of several pooled corpora keeps all of its emotions. A network
            then chooses among those of the tested corpus. If not, only emotions that all corpora
            have are in.
    """

    name: str
    measures: str
    forbids: tuple[str, ...]
    mark: tuple[int, str]
    drawing: Literal["held-out", "stratified", "authors", "corpora"] = "held-out"
    holds_out: tuple[str, ...] = ()
    folds_from: str | None = None
    own_emotions: bool = False


_TABLE = (  # in the order of the ladder: the further down, the less is shared
    Protocol(
        name="paper",
        measures="split as the authors did; speakers and texts on all sides",
        forbids=("content",),
        mark=(0, "o"),
        drawing="authors",
    ),
    Protocol(
        name="random",
        measures="70 / 10 / 20 %, stratified by emotion; speakers and texts on all sides",
        forbids=("content", "near"),
        mark=(5, "s"),
        drawing="stratified",
    ),
    Protocol(
        name="text",
        measures="tested on unseen texts",
        forbids=("content", "near", "text"),
        mark=(2, "^"),
        holds_out=("text",),
    ),
    Protocol(
        name="speaker",
        measures="tested on unseen speakers",
        forbids=("content", "near", "speaker"),
        mark=(1, "D"),
        holds_out=("speaker",),
    ),
    Protocol(
        name="speaker-emobox",
        measures="tested on unseen speakers, in EmoBox's groups of RAVDESS actors",
        forbids=("content", "near", "speaker"),
        mark=(1, "d"),
        holds_out=("speaker",),
        folds_from="emobox",
    ),
    Protocol(
        name="speaker-text",
        measures="tested on unseen speakers who say unseen texts",
        forbids=("content", "near", "speaker", "text"),
        mark=(3, "v"),
        holds_out=("speaker", "text"),
    ),
    Protocol(
        name="corpus",
        measures="tested on an unseen corpus",
        forbids=("content", "near", "speaker"),
        mark=(4, "P"),
        drawing="corpora",
        holds_out=("corpus",),
    ),
    Protocol(
        name="whole-corpus",
        measures="tested on an unseen corpus, among all emotions that it has",
        forbids=("content", "near", "speaker"),
        mark=(4, "X"),
        drawing="corpora",
        holds_out=("corpus",),
        own_emotions=True,
    ),
)
PROTOCOLS: Mapping[str, Protocol] = MappingProxyType({row.name: row for row in _TABLE})


def get(name: str) -> Protocol:
    """Return a protocol by its name.

    Raises:
        SerKerasError: There is no such protocol; the message gives the nearest name.

    Example:
        >>> get("speaker-text").holds_out
        ('speaker', 'text')
    """
    if name not in PROTOCOLS:
        raise unknown(name, "protocol", name, PROTOCOLS)
    return PROTOCOLS[name]
