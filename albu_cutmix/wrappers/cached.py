"""`cached`: keep decoded donors in memory, up to so many megabytes in each process."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from albu_cutmix.errors import InvalidArgumentError
from albu_cutmix.locks import fork_safe_lock
from albu_cutmix.sample import Donor
from albu_cutmix.wrappers.wrapper import Wrapper

__all__ = ["CacheInfo", "CachedPool", "cached"]

MEGABYTE = 1_000_000  # bytes
MEGABYTES = 512  # of a cache, where nothing is said

_lock = fork_safe_lock()  # one for all caches


class CacheInfo(NamedTuple):
    """What a cache did in this process, and what it holds.

    Args:
        hits: Draws that it answered.
        misses: Draws that were read from the inner pool.
        bytes: What the donors in it take.
        donors: How many it holds.
    """

    hits: int
    misses: int
    bytes: int
    donors: int


class CachedPool(Wrapper):
    """A pool that keeps the donors drawn last. See `cached`."""

    def __init__(self, pool: Any, megabytes: float = MEGABYTES) -> None:
        super().__init__(pool)
        number = isinstance(megabytes, (int, float)) and not isinstance(megabytes, bool)
        if not number or not 0 < megabytes <= sys.float_info.max:
            raise InvalidArgumentError(
                f"megabytes must be a finite number above 0, got {megabytes!r}."
            )
        if self.takes_seed:
            raise InvalidArgumentError(
                "cached cannot keep donors that are made anew in each draw, as those of mapped "
                "are. Keep what they are made of: mapped(cached(pool), compose)."
            )
        self._megabytes = megabytes
        self._forget()

    def _forget(self) -> None:
        self._kept: OrderedDict[int, tuple[Any, int]] = OrderedDict()  # the last drawn comes last
        self._bytes = self._hits = self._misses = 0

    def __getstate__(self) -> dict[str, Any]:
        """Return the inner pool and the limit: no donor travels."""
        return {"pool": self.pool, "_megabytes": self._megabytes}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Begin with an empty cache."""
        self.__dict__.update(state)
        self._forget()

    def __getitem__(self, index: int) -> Any:
        """Return donor *index*, read where it is not kept."""
        at = self._check_index(index)
        with _lock:
            if at in self._kept:
                self._hits += 1
                self._kept.move_to_end(at)
                return self._kept[at][0]
            self._misses += 1
        item = _guard(self.pool[at])
        size = _size(item)
        with _lock:
            self._keep(at, item, size)
        return item

    def _keep(self, at: int, item: Any, size: int) -> None:
        most = self._megabytes * MEGABYTE
        if size > most or at in self._kept:  # another thread may have been faster
            return
        self._kept[at] = item, size
        self._bytes += size
        while self._bytes > most:
            self._bytes -= self._kept.popitem(last=False)[1][1]

    def cache_info(self) -> CacheInfo:
        """Return hits, misses, bytes and donors of this process."""
        with _lock:
            return CacheInfo(self._hits, self._misses, self._bytes, len(self._kept))

    def to_spec(self) -> dict[str, Any] | None:
        """Return plain data that makes the pool anew; None where the inner pool has none."""
        given = {} if self._megabytes == MEGABYTES else {"megabytes": self._megabytes}
        return self._spec("cached", **given)


def _guard(item: Any) -> Any:
    """Return an item with read-only arrays: a change would stay in all later draws."""
    if isinstance(item, np.ndarray):
        # A view keeps all of its base in memory.
        partial = isinstance(item.base, np.ndarray) and item.base.nbytes > item.nbytes
        view = item.copy() if partial else item.view()
        view.flags.writeable = False  # of the view: the array itself may be the user's own
        return view
    if isinstance(item, Donor):
        return replace(item, **{name: _guard(part) for name, part in item.content.items()})
    if isinstance(item, Mapping):
        return {key: _guard(part) for key, part in item.items()}
    return item


def _size(item: Any) -> int:
    """Return about how many bytes an item takes; its arrays exactly."""
    size = sys.getsizeof(item)
    if isinstance(item, np.ndarray):  # getsizeof sees no pixels: `_guard` has made it a view
        return size + item.nbytes + sum(map(_size, item.flat if item.dtype == object else ()))
    if isinstance(item, Donor):
        return size + _size(item.content)
    if isinstance(item, Mapping):
        return size + sum(_size(key) + _size(part) for key, part in item.items())
    if isinstance(item, (list, tuple)):
        return size + sum(map(_size, item))
    return size


def cached(pool: Any, megabytes: float = MEGABYTES) -> CachedPool:
    """Keep the donors drawn last in memory, decoded.

    Every process has a cache of its own: a forked one begins with what is there, which the system
    shares until it changes, a spawned one with nothing. Where donors are many or processes
    several, `pack` serves better: all processes share one file.

    Args:
        pool: The pool; its donors must not depend on chance, so it goes inside `mapped`.
        megabytes: Most that the donors of one process may take, in millions of bytes. The ones
            drawn longest ago leave first; a donor that is larger is never kept.

    Returns:
        The pool. Its donors are shared between draws, so their arrays are read-only;
        `pool.sample(i)` gives copies. `pool.cache_info()` counts hits and misses.

    Raises:
        InvalidArgumentError: If an argument is out of range.
        EmptyPoolError: If the pool is empty.

    Example:
        ```python
        pool = cached(coco_pool("train.json", "train"), megabytes=2000)
        ```
    """
    return CachedPool(pool, megabytes)
