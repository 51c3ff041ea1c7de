"""A pool as plain data: its length, a digest of its content, its spec."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from albu_cutmix.sample import Donor

__all__ = ["describe_pool", "digest_of"]

MOST_DIGESTED = 64  # donors that are read for a digest


def describe_pool(pool: Any) -> dict[str, Any] | None:
    """Return plain data that names a pool: length, a digest, and its spec where it has one.

    The spec says where the data lie, the digest what they are: the pool's own where it has a
    method `digest`. A pool that has neither is known by up to 64 donors, spread evenly, which are
    read for it.
    """
    if pool is None:
        return None
    own, spec = (getattr(pool, name, None) for name in ("digest", "to_spec"))
    plain = spec() if callable(spec) else None
    found = {"length": len(pool)} | ({} if plain is None else {"spec": plain})
    if callable(own):
        return found | {"digest": own()}
    if plain is None:
        few = np.unique(np.linspace(0, len(pool) - 1, min(len(pool), MOST_DIGESTED)).astype(int))
        found["digest"] = digest_of(pool[index] for index in few.tolist())
    return found


def digest_of(parts: Iterable[Any]) -> str:
    """Return a short hash of arrays, plain values, mappings, and objects made of them."""
    found = hashlib.blake2b(digest_size=8)
    for part in parts:
        _update(found, part)
    return found.hexdigest()


def _update(found: Any, part: Any) -> None:
    if hasattr(part, "__array__") and not isinstance(part, np.generic):
        part = np.asarray(part)
    if isinstance(part, np.ndarray) and part.dtype != object:
        found.update(f"{part.dtype}{part.shape}".encode())
        found.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)
    elif isinstance(part, Mapping):
        found.update(f"{len(part)}{{".encode())
        for key in sorted(part, key=str):
            _update(found, str(key))
            _update(found, part[key])
    elif isinstance(part, (list, tuple, np.ndarray)):
        part = part.reshape(-1).tolist() if isinstance(part, np.ndarray) else part
        found.update(f"{len(part)}[".encode())
        for item in part:
            _update(found, item)
    elif isinstance(part, Donor):
        _update(found, part.content)
    elif type(part).__module__.startswith("albu_cutmix."):  # the flat tables of a file pool
        _update(found, vars(part))
    else:
        plain = part.item() if isinstance(part, np.generic) else part
        found.update(f"{type(plain).__name__} {plain!r};".encode())
