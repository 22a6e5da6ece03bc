"""Checks that the steps make of their settings when they are created."""

from __future__ import annotations

from collections.abc import Sequence

from ser_keras import errors


def check_number(step: object, name: str, low: float, high: float) -> None:
    """Raise a SerKerasError unless a setting of a step is a number from `low` to `high`."""
    errors.check_number(subject(step, name), getattr(step, name), low, high)


def check_choice(step: object, name: str, choices: Sequence[object]) -> None:
    """Raise a SerKerasError unless a setting of a step is one of `choices`."""
    errors.check_choice(subject(step, name), getattr(step, name), choices)


def check_range(step: object, name: str, low: float, high: float, *, whole: bool = False) -> None:
    """Raise a SerKerasError unless a setting of a step is a range, and make it a tuple.

    Args:
        step: The frozen dataclass that has the setting.
        name: Name of the setting, whose value is two numbers in ascending order.
        low: Lowest value accepted for either.
        high: Highest value accepted for either.
        whole: Whether both must be of type int.
    """
    bounds = tuple(getattr(step, name))
    types = (int,) if whole else (int, float)
    if (
        len(bounds) != 2
        or any(type(bound) not in types for bound in bounds)
        or not low <= bounds[0] <= bounds[1] <= high
    ):
        kind = "whole numbers" if whole else "numbers"
        accepted = f"two {kind}, low and high, from {low} to {high}"
        raise errors.refused(subject(step, name), getattr(step, name), accepted)
    object.__setattr__(step, name, bounds)


def subject(step: object, name: str) -> str:
    """Return what an error about a setting of a step is about."""
    return f"augment {type(step).__name__}.{name}"
