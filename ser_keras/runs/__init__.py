"""Runs: from a corpus to a sealed run folder, and the record of what came out."""

from ser_keras.runs import adapted
from ser_keras.runs.classes import emotions_of
from ser_keras.runs.evidence import draw
from ser_keras.runs.experiment import (
    RUNS,
    Options,
    fit_baselines,
    is_training,
    rewrite,
    run,
    suited,
)
from ser_keras.runs.key import RowKey, RunKey
from ser_keras.runs.provenance import Environment
from ser_keras.runs.record import SEAL, Baseline, Headline, Run, Searched, read
from ser_keras.runs.rehearsal import check, rehearse
from ser_keras.runs.remarks import remarks

__all__ = [
    "RUNS",
    "SEAL",
    "Baseline",
    "Environment",
    "Headline",
    "Options",
    "RowKey",
    "Run",
    "RunKey",
    "Searched",
    "adapted",
    "check",
    "draw",
    "emotions_of",
    "fit_baselines",
    "is_training",
    "read",
    "rehearse",
    "remarks",
    "rewrite",
    "run",
    "suited",
]
