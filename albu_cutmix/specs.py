"""Pools as plain data: what a saved pipeline holds of its pool, and the way back.

A spec is a mapping for JSON or YAML: "format", and the arguments of the function that makes such
a pool. Of a wrapper "pool" is the spec of what it wraps:

`{"format": "cached", "pool": {"format": "coco", "json": "a.json", "images": "train"}}`
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from albu_cutmix.errors import CutMixError, InvalidArgumentError
from albu_cutmix.formats import coco_pool, folder_pool, pascal_voc_pool, yolo_pool
from albu_cutmix.wrappers import cached, mapped, packed, weighted

__all__ = ["pool_from_spec"]

MAKERS: dict[str, Callable[..., Any]] = {
    "coco": coco_pool,
    "yolo": yolo_pool,
    "pascal_voc": pascal_voc_pool,
    "folder": folder_pool,
    "packed": packed,
    "cached": cached,
    "weighted": weighted,
    "mapped": mapped,
}


def pool_from_spec(spec: Mapping[str, Any]) -> Any:
    """Make the pool that plain data describes; its files are read and checked now.

    Args:
        spec: "format", and arguments by name; what `pool.to_spec()` returns.

    Raises:
        InvalidArgumentError: If the format or an argument is not known, or one is missing.
        CutMixError: What the function of that format raises.

    >>> pool_from_spec({"format": "coco", "images": "train2017"})
    Traceback (most recent call last):
    albu_cutmix.errors.InvalidArgumentError: the pool {"format": "coco"} needs the argument ...
    """
    if not isinstance(spec, Mapping):
        raise InvalidArgumentError(
            f"a pool as plain data must be a mapping with 'format', got {type(spec).__name__}."
        )
    arguments = {str(key): value for key, value in spec.items()}
    name = arguments.pop("format", None)
    if not isinstance(name, str) or name not in MAKERS:
        raise InvalidArgumentError(
            f"a pool as plain data must have a 'format' of {', '.join(MAKERS)}, got {name!r}. "
            "Other pools are given as objects: CutMix(pool)."
        )
    maker = MAKERS[name]
    _check_arguments(name, inspect.signature(maker), arguments)
    if isinstance(arguments.get("pool"), Mapping):
        arguments["pool"] = pool_from_spec(arguments["pool"])
    try:
        return maker(**arguments)
    except CutMixError as error:
        raise type(error)(f'{error} (of the pool {{"format": "{name}"}})') from error


def _check_arguments(name: str, signature: inspect.Signature, arguments: dict[str, Any]) -> None:
    known = signature.parameters
    odd = sorted(arguments.keys() - known.keys())
    if odd:
        raise InvalidArgumentError(
            f'the pool {{"format": "{name}"}} takes no argument {odd[0]!r}; it takes '
            f"{', '.join(known)}."
        )
    missing = [
        one.name for one in known.values() if one.default is one.empty and one.name not in arguments
    ]
    if missing:
        raise InvalidArgumentError(
            f'the pool {{"format": "{name}"}} needs the argument {missing[0]!r}. Its arguments are '
            f"{', '.join(known)}."
        )
