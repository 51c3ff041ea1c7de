"""How a pool of files was made, kept so that it can be written down or made anew."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from albu_cutmix.formats.columns import PackedText

__all__ = ["Recipe"]

LONG = 100  # texts in a list that are no longer kept as Python objects


class Recipe:
    """A call of a public function: `coco_pool("a.json", "images", masks=True)`.

    Args:
        make: The function, named for its format.
        arguments: Its arguments by name; those that are as by default are left out.
    """

    def __init__(self, make: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
        defaults = inspect.signature(make).parameters
        given = {k: v for k, v in arguments.items() if v is not defaults[k].default}
        plain = {key: _plain(value) for key, value in given.items()}
        self._make = make
        self._arguments = {
            key: PackedText(value) if _is_long(value) else value
            for key, value in plain.items()
            if value != defaults[key].default
        }

    def spec(self) -> dict[str, Any]:
        """Return the call as plain data, free to be changed."""
        name = self._make.__name__.removesuffix("_pool")
        return {"format": name, **{key: _plain(value) for key, value in self._arguments.items()}}

    def call(self) -> partial[Any] | None:
        """Return the call itself; None where its arguments would make a pickle large."""
        if any(isinstance(value, PackedText) for value in self._arguments.values()):
            return None
        return partial(self._make, **self._arguments)


def _is_long(value: Any) -> bool:
    return isinstance(value, list) and len(value) > LONG and set(map(type, value)) == {str}


def _plain(value: Any) -> Any:
    """Return an argument in what JSON holds: texts, numbers, lists, mappings."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return value
    return [_plain(item) for item in value]
