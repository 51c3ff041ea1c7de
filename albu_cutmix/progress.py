"""A progress bar on stderr for whatever takes longer than a second."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TypeVar

from albu_cutmix.errors import MissingExtraError

__all__ = ["progress_bar"]

Item = TypeVar("Item")


def progress_bar(
    items: Iterable[Item], total: int, progress: bool | None, *, what: str, unit: str
) -> Iterable[Item]:
    """Return items that show on stderr how many of them have passed.

    Args:
        items: The items.
        total: How many there will be.
        progress: Whether to show it; None: where stderr is a terminal, and after a second.
        what: What is done, such as "audit".
        unit: What an item is, such as "mix".

    Raises:
        MissingExtraError: If it was asked for and tqdm is not installed.
    """
    if progress is False or (progress is None and not sys.stderr.isatty()):
        return items
    try:
        from tqdm import tqdm
    except ImportError as error:
        if progress is None:
            return items
        raise MissingExtraError(
            "a progress bar needs tqdm, which is not installed. Install it with: pip install "
            '"albu_cutmix[report]", or pass progress=False.'
        ) from error
    bar: Iterable[Item] = tqdm(items, what, total, unit=unit, delay=0 if progress else 1)
    return bar
