"""Sound batches with one part replaced: mixed and compared, or refused in words."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from batch_oracle import plain, random_batch

from albu_cutmix import BatchCutMix, CutMixError, InvalidSampleError
from albu_cutmix.batch import BatchMixUp

SIZE, SHAPE = 5, (20, 24)
WAYS = ("numpy", "torch", "torch operations")
OUTS = ("new", "reuse", "inplace")


def batch_of(way: str, **parts: Any) -> dict[str, Any]:
    """A sound batch with some parts replaced; None takes a part away. Read-only in NumPy."""
    out = {**random_batch(3, SIZE, SHAPE, image="uint8"), **parts}
    arrays = {name: value for name, value in out.items() if isinstance(value, np.ndarray)}
    for name, value in arrays.items():
        value.flags.writeable = False
        out[name] = value if way == "numpy" else torch.from_numpy(value.copy())
    return {name: value for name, value in out.items() if value is not None}


def case(name: str, given: Any, words: str) -> Any:
    """What is given, what is said, and a name in words."""
    return pytest.param(given, words, id=name)


def check_refused(
    batch: dict[str, Any],
    words: str,
    error: type[Exception] = InvalidSampleError,
    kind: Any = BatchCutMix,
    **arguments: Any,
) -> None:
    """Assert that a batch is refused in these words, by an error of this package."""
    mix = kind(**{"classes": 4, "seed": 1, **arguments})
    with pytest.raises(error, match=re.escape(words)) as caught:
        mix(batch)
    assert isinstance(caught.value, CutMixError)


def cut(batch: dict[str, Any], size: int) -> dict[str, Any]:
    """The first samples of a batch."""
    return {name: value[:size] for name, value in batch.items()}


def mixed(
    batch: dict[str, Any], way: str = "auto", kind: Any = BatchCutMix, **arguments: Any
) -> dict[str, Any]:
    """One call with every target asked for."""
    backend = "torch" if way == "torch operations" else "auto"
    mix = kind(**{"classes": 4, "seed": 1, "seam": True, "backend": backend, **arguments})
    return mix(batch)


def check_equal(out: dict[str, Any], expected: dict[str, Any]) -> None:
    """Assert that two results hold the same values."""
    assert out.keys() == expected.keys()
    for name in out.keys() - {"mix"}:
        assert np.array_equal(plain(out[name]), plain(expected[name])), name
    assert np.array_equal(plain(out["mix"].patches), plain(expected["mix"].patches))


def as_way(batch: dict[str, Any], way: str, image: str = "") -> dict[str, Any]:
    """A batch in new arrays of one way, "channels_last" too; read-only where NumPy can say so.

    Images of "bfloat16" are bits in NumPy.
    """
    out = {name: np.array(value) for name, value in batch.items()}
    if way == "numpy":
        for value in out.values():
            value.flags.writeable = False
        return out
    out = {name: torch.from_numpy(value) for name, value in out.items()}
    if image == "bfloat16":
        out["image"] = out["image"].view(torch.bfloat16)
    if way == "channels_last":
        out["image"] = out["image"].to(memory_format=torch.channels_last)
    return out


def mixed_up(way: str, batch: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    """One call of `BatchMixUp` by one way."""
    backend = "torch" if way == "torch operations" else "auto"
    return BatchMixUp(**{"classes": 4, "backend": backend, "alpha": 1.0, **arguments})(batch)
