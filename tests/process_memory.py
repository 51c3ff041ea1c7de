"""What the tables of a pool cost a process, as Linux counts it."""

from __future__ import annotations

import multiprocessing
import re
from pathlib import Path
from typing import Any, NamedTuple

LONGEST = 300  # seconds that a worker may take before the rest stops waiting for it
ROLLUP = Path("/proc/self/smaps_rollup")


class Pages(NamedTuple):
    """Bytes of this process.

    Args:
        resident: All that is in memory (RSS).
        share: The same, every page divided by the processes that share it (PSS).
        dirty: What this process alone has, written and so copied or its own (Private_Dirty).
    """

    resident: int
    share: int
    dirty: int


def measure() -> Pages:
    """Read the figures of this process."""
    found = dict(re.findall(r"(\w+): +(\d+) kB", ROLLUP.read_text(encoding="ascii")))
    return Pages(*(int(found[key]) * 1024 for key in ("Rss", "Pss", "Private_Dirty")))


def touch(pool: Any) -> int:
    """Read name, boxes and labels of every image one by one; return the number of boxes."""
    table, boxes = pool._boxes, 0
    for index in range(len(pool)):
        pool.name_of(index)
        rows = slice(*table.offsets[index : index + 2].tolist())
        for column in table.columns.values():
            column.rows(rows)
        boxes += len(table.bboxes[rows])
    return boxes


def touch_measured(pool: Any) -> tuple[int, Pages, Pages]:
    """Touch everything; return the number of boxes, and the figures before and after."""
    before = measure()
    boxes = touch(pool)
    return boxes, before, measure()


class Touching:
    """A data set of two items; each is what touching the pool costs the worker that gives it."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> tuple[int, Pages, Pages]:
        return touch_measured(self.pool)


def touch_in_workers(pool: Any, method: str) -> list[tuple[int, Pages, Pages]]:
    """Touch the pool in two processes of a start method, which measure at the same time."""
    context = multiprocessing.get_context(method)
    results, barrier = context.Queue(), context.Barrier(2, timeout=LONGEST)
    workers = [context.Process(target=_send, args=(pool, results, barrier)) for _ in range(2)]
    for worker in workers:
        worker.start()
    found = [results.get(timeout=LONGEST) for _ in workers]
    for worker in workers:
        worker.join()
    return found


def _send(pool: Any, results: Any, barrier: Any) -> None:
    barrier.wait()
    before = measure()
    boxes = touch(pool)
    barrier.wait()
    after = measure()
    barrier.wait()
    results.put((boxes, before, after))
