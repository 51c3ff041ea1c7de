"""Donors as text and arrays, both ways, for the file of a packed pool.

The text is JSON. What JSON has no word for is a list that begins with its kind, such as
`["array", "<f8", [3, 4], 4096]`: dtype, shape and place of an array. Nothing that is read can run
code, reach outside its file, or take more memory than the file could hold.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.errors import InvalidSampleError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Put", "Take", "decode", "encode", "encode_masks", "read_dtype"]

#: Writes an array and returns its place.
Put = Callable[["NDArray[Any]"], int]
#: Returns the array of a dtype, shape and place.
Take = Callable[[str, "list[int]", int], "NDArray[Any]"]

PLAIN = (type(None), bool, int, float, str)
DTYPE = re.compile(r"[<>|][biufcSU]\d{1,9}")


def encode(value: Any, put: Put) -> Any:
    """Return a value as plain data for JSON; its arrays are put elsewhere.

    Args:
        value: Plain values, arrays and scalars of NumPy, and lists, tuples and mappings of them.
        put: Writes an array and returns its place.

    Raises:
        InvalidSampleError: If it holds anything else.
    """
    if type(value) in PLAIN:
        return value
    if isinstance(value, np.ndarray) and value.dtype == object:
        return ["objects", list(value.shape), [encode(one, put) for one in value.flat]]
    if isinstance(value, np.ndarray) and DTYPE.fullmatch(value.dtype.str):
        return ["array", value.dtype.str, list(value.shape), put(value)]
    if isinstance(value, np.generic) and DTYPE.fullmatch(value.dtype.str):
        return ["scalar", value.dtype.str, value.tobytes().hex()]
    if type(value) in (list, tuple):
        return [type(value).__name__, [encode(one, put) for one in value]]
    if isinstance(value, Mapping):
        return ["dict", [[encode(key, put), encode(one, put)] for key, one in value.items()]]
    what = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
    raise InvalidSampleError(
        f"a packed donor may hold numbers, strings, arrays, and lists, tuples and mappings of "
        f"them, got {what}. Convert it."
    )


def encode_masks(masks: NDArray[Any] | None, put: Put) -> Any:
    """Return instance masks as plain data; those of 0 and 1 take a bit for each pixel."""
    if masks is None or masks.dtype not in (np.uint8, np.bool_) or masks.max(initial=0) > 1:
        return encode(masks, put)
    return ["bits", masks.dtype.str, list(masks.shape), put(np.packbits(masks.reshape(-1)))]


def decode(value: Any, take: Take) -> Any:
    """Return the value that was encoded.

    Args:
        value: What `encode` or `encode_masks` gave.
        take: Returns the array of a dtype, shape and place, or raises.

    Raises:
        ValueError: If it is nothing that they give; or KeyError, or TypeError, or whatever `take`
            raises.
    """
    if type(value) is not list:
        return value
    kind = value[0]
    if kind == "array":
        return take(value[1], value[2], value[3])
    if kind == "list":
        return [one if type(one) is not list else decode(one, take) for one in value[1]]
    if kind == "dict":
        return {decode(key, take): decode(one, take) for key, one in value[1]}
    return DECODERS[kind](take, *value[1:])


@lru_cache(maxsize=256)
def read_dtype(name: str) -> np.dtype[Any]:
    """Return the dtype of a name.

    Raises:
        ValueError: If it is none of numbers or text.
    """
    if not DTYPE.fullmatch(name):
        raise ValueError(f"{name!r} is no dtype of numbers or text")
    return np.dtype(name)


def _unpack(take: Take, dtype: str, shape: list[int], at: int) -> NDArray[Any]:
    if dtype not in ("|u1", "|b1"):
        raise ValueError(f"bits cannot be {dtype!r}")
    count = math.prod(shape)
    bits = take("|u1", [(count + 7) // 8], at)  # raises where the shape is absurd
    return np.unpackbits(bits, count=count).view(dtype).reshape(shape)


def _read_tuple(take: Take, items: list[Any]) -> tuple[Any, ...]:
    return tuple(decode(one, take) for one in items)


def _read_scalar(_: Take, name: str, digits: str) -> Any:
    dtype, data = read_dtype(name), bytes.fromhex(digits)
    return np.ndarray((), dtype, data)[()]


def _read_objects(take: Take, shape: list[int], values: list[Any]) -> NDArray[Any]:
    if math.prod(shape) != len(values) or min(shape, default=0) < 0:
        raise ValueError(f"{len(values)} values have no shape {shape}")
    out = np.empty(len(values), object)
    for row, value in enumerate(values):
        out[row] = decode(value, take)
    return out.reshape(shape)


#: How the rarer kinds are read.
DECODERS: dict[str, Callable[..., Any]] = {
    "bits": _unpack,
    "tuple": _read_tuple,
    "scalar": _read_scalar,
    "objects": _read_objects,
}
