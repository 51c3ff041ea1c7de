"""What arguments must be: small checks that every constructor shares."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from albu_cutmix.errors import InvalidArgumentError

__all__ = ["check_choice", "check_pair", "is_finite", "is_number", "is_whole"]


def is_number(value: Any) -> bool:
    """Return whether a value is a number, a bool being none."""
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def is_finite(value: Any) -> bool:
    """Return whether a value is a number that float64 can hold."""
    try:
        return is_number(value) and math.isfinite(value)
    except OverflowError:  # a whole number beyond it
        return False


def is_whole(value: Any) -> bool:
    """Return whether a value is a whole number, a bool being none."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raise InvalidArgumentError unless a value is one of the choices."""
    if value not in choices:
        raise InvalidArgumentError(f"{name} must be one of {', '.join(choices)}, got {value!r}.")


def check_pair(name: str, value: Any) -> tuple[float, float]:
    """Return a pair of numbers; raise InvalidArgumentError for anything else."""
    if not (isinstance(value, (tuple, list)) and len(value) == 2 and all(map(is_number, value))):
        raise InvalidArgumentError(f"{name} must be a pair of numbers, got {value!r}.")
    return value[0], value[1]
