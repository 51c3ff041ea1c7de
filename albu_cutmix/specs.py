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
from albu_cutmix.formats.brief import brief
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

DEEPEST = 32  # pools in pools
MOST_VALUES = 10_000_000  # weights of as many donors


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
    _check_size(spec)
    return _make(spec, 0)


def _make(spec: Any, depth: int) -> Any:
    """Return the pool of a spec that lies so deep in others."""
    if not isinstance(spec, Mapping):
        raise InvalidArgumentError(
            f"a pool as plain data must be a mapping with 'format', got {type(spec).__name__}."
        )
    if depth > DEEPEST:
        raise InvalidArgumentError(f"a pool as plain data must hold at most {DEEPEST} others.")
    arguments = {str(key): value for key, value in spec.items()}
    name = arguments.pop("format", None)
    if not isinstance(name, str) or name not in MAKERS:
        raise InvalidArgumentError(
            f"a pool as plain data must have a 'format' of {', '.join(MAKERS)}, got "
            f"{brief(name)}. Other pools are given as objects: CutMix(pool)."
        )
    maker = MAKERS[name]
    _check_arguments(name, inspect.signature(maker), arguments)
    if isinstance(arguments.get("pool"), Mapping):
        arguments["pool"] = _make(arguments["pool"], depth + 1)
    try:
        return maker(**arguments)
    except CutMixError as error:
        raise type(error)(f'{error} (of the pool {{"format": "{name}"}})') from error
    # Plain data may hold any type where code would hold the right one.
    except (TypeError, ValueError, OverflowError, OSError, RuntimeError) as error:
        raise InvalidArgumentError(
            f'the pool {{"format": "{name}"}} cannot be made of its arguments: '
            f"{type(error).__name__}: {error}."
        ) from error


def _check_size(spec: Any) -> None:
    """Raise for data without end: aliases make a few bytes of YAML into billions of values."""
    rest, count = [spec], 0
    while rest:
        value = rest.pop()
        count += 1
        if count > MOST_VALUES:
            raise InvalidArgumentError(
                f"a pool as plain data must hold at most {MOST_VALUES} values. Does a part of it "
                "hold itself, or do its aliases multiply? Give large pools as objects."
            )
        if isinstance(value, Mapping):
            rest += value.values()
        elif isinstance(value, list | tuple):
            rest += value


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
