"""The audit of anyone's split: what its sides share, and so what a result on it measures."""

from ser_keras.audit.check import FORBIDDEN, KINDS, Audit, against, audit

__all__ = ["FORBIDDEN", "KINDS", "Audit", "against", "audit"]
