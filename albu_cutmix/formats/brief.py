"""Values from elsewhere, short enough for a message whatever they are."""

from __future__ import annotations

from reprlib import Repr
from typing import Any

__all__ = ["brief"]

LONGEST = 200  # letters

_REPR = Repr()
# YAML may name one list in another a billion times over: what is deep is never walked.
_REPR.maxlevel = 2
_REPR.maxstring = _REPR.maxother = LONGEST


def brief(value: Any) -> str:
    """Return `repr(value)`, cut where it is long or deep.

    >>> brief([[["a"]], *range(9)])
    '[[[...]], 0, 1, 2, 3, 4, ...]'
    """
    try:
        text = _REPR.repr(value)
    except Exception:  # noqa: BLE001 - a repr of anybody's making, or a number of 5,000 digits
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
