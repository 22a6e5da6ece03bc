"""The ledger: the runs that are kept, and the tables and documents made from them."""

from ser_keras.ledger.documents import DOCUMENTS, PICTURES, draw, write
from ser_keras.ledger.rows import Row, rows
from ser_keras.ledger.storage import LEDGER, history, keep, predictions, read, unpack
from ser_keras.ledger.sweep import Places, Sweep

__all__ = [
    "DOCUMENTS",
    "LEDGER",
    "PICTURES",
    "Places",
    "Row",
    "Sweep",
    "draw",
    "history",
    "keep",
    "predictions",
    "read",
    "rows",
    "unpack",
    "write",
]
