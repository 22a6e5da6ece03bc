"""Splits: which clips train, which choose the epoch, which are scored, and what is shared."""

from ser_keras.splits import protocols
from ser_keras.splits.draw import default, fold_list, folds, make, of_one_corpus
from ser_keras.splits.protocols import PROTOCOLS, Protocol
from ser_keras.splits.split import ROLES, Split, lay_out

__all__ = [
    "PROTOCOLS",
    "ROLES",
    "Protocol",
    "Split",
    "default",
    "fold_list",
    "folds",
    "lay_out",
    "make",
    "of_one_corpus",
    "protocols",
]
