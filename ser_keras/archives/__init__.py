"""Many recordings: labelled by several processes or machines, and continued where it stopped."""

from ser_keras.archives.labelling import Rows, Work, cluster, label, label_elsewhere, label_part
from ser_keras.archives.tables import Table, table

__all__ = ["Rows", "Table", "Work", "cluster", "label", "label_elsewhere", "label_part", "table"]
