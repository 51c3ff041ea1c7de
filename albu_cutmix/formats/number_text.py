"""Numbers written as text, read without `eval`, and without what Python alone takes for numbers."""

from __future__ import annotations

import re

from albu_cutmix.errors import InvalidSampleError

__all__ = ["parse_numbers"]

# float() also reads "nan", "1_000" and digits of other scripts: these letters leave them out.
_LETTERS = re.compile(r"[0-9eE+.\s,-]*", re.ASCII)
_BETWEEN = re.compile(r"\s*,\s*|\s+", re.ASCII)


def parse_numbers(text: str, *, longest: int = 1000) -> list[float]:
    """Return the numbers of a text such as "[834.0, 222.0, 56.0, 36.0]" or "0 0.5 0.5 1 1".

    Args:
        text: Decimal numbers between commas or spaces, with or without one pair of brackets.
        longest: Most letters.

    Raises:
        InvalidSampleError: If there is anything else in the text, or it is longer.

    >>> parse_numbers("[834.0, 222.0, 56.0, 36.0]")
    [834.0, 222.0, 56.0, 36.0]
    """
    inner = text.strip()
    if inner[:1] + inner[-1:] in ("[]", "()"):
        inner = inner[1:-1].strip()
    if len(inner) > longest:
        raise InvalidSampleError(f"must have at most {longest} letters, got {len(inner)}")
    if not _LETTERS.fullmatch(inner):
        raise InvalidSampleError(f"must be numbers between commas or spaces, got {text[:80]!r}")
    try:
        return [float(part) for part in _BETWEEN.split(inner)] if inner else []
    except ValueError as error:
        raise InvalidSampleError(
            f"must be numbers between commas or spaces, got {text[:80]!r}"
        ) from error
