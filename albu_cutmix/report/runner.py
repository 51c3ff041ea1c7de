"""Run the mixes of an audit, here or in worker processes, in one order and with one result."""

from __future__ import annotations

import multiprocessing
import pickle
import tempfile
import weakref
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Any, NamedTuple

import cv2

from albu_cutmix.errors import InvalidArgumentError
from albu_cutmix.report.bench import Bench, draw_order
from albu_cutmix.report.settings import change

__all__ = ["Runner", "Spool"]

CHUNK = 32  # mixes that a worker makes at once
AHEAD = 3  # chunks per worker that wait for their turn


class Chunk(NamedTuple):
    """What a worker brings: rows, and how often a pool gave the next sample instead."""

    rows: list[str]
    skipped: int


class Runner:
    """Makes the mixes of a bench. Use it as a context: its workers end with it.

    Args:
        bench: Where mixes are made.
        workers: Number of processes; 0: this one.
        method: How they are started: "fork", "spawn", "forkserver"; None: as the platform does.

    Attributes:
        skipped: How often a pool met an unreadable image and gave the next one instead.
    """

    def __init__(self, bench: Bench, workers: int, method: str | None = None) -> None:
        self._bench, self._workers, self.skipped = bench, workers, 0
        self._executor, self._threads = None, cv2.getNumThreads()
        if workers:
            # A forked process waits for ever on OpenCV's threads of its parent: there are none.
            cv2.setNumThreads(1)
            self._executor = ProcessPoolExecutor(
                workers, multiprocessing.get_context(method), _start, (bench,)
            )

    def __enter__(self) -> Runner:
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """End the workers."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
            cv2.setNumThreads(self._threads)

    def rows(self, n: int, arguments: dict[str, Any] | None = None) -> Iterator[str]:
        """Yield the rows of mixes 0 to n - 1, in order.

        Args:
            n: Number of mixes.
            arguments: Arguments of the mix that differ from its own.
        """
        numbered = enumerate(draw_order(self._bench.seed, len(self._bench.samples), n))
        tasks = iter(lambda: list(islice(numbered, CHUNK)), [])
        chunks = (_make(self._bench, task, arguments) for task in tasks)
        for chunk in chunks if self._executor is None else self._spread(tasks, arguments):
            self.skipped += chunk.skipped
            yield from chunk.rows

    def _spread(
        self, tasks: Iterator[list[tuple[int, int]]], arguments: dict[str, Any] | None
    ) -> Iterator[Chunk]:
        """Yield the chunks of all workers in the order of the tasks, few of them waiting."""
        waiting: deque[Future[Chunk]] = deque()
        try:
            for task in tasks:
                waiting.append(self._submit(task, arguments))
                if len(waiting) >= AHEAD * self._workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise InvalidArgumentError(
                f"a worker process ended abruptly, got workers={self._workers}: is the memory "
                "full, or the code that starts the audit not under `if __name__ == '__main__':`? "
                "Use fewer workers, or workers=0."
            ) from error

    def _submit(
        self, task: list[tuple[int, int]], arguments: dict[str, Any] | None
    ) -> Future[Chunk]:
        assert self._executor is not None  # noqa: S101 - for the type checker
        try:
            return self._executor.submit(_work, task, arguments)
        except (TypeError, AttributeError, pickle.PicklingError) as error:  # starts the workers
            raise InvalidArgumentError(
                f"transform and samples must be picklable for workers={self._workers}: {error}. "
                "Give functions of a module in place of lambdas, or use workers=0."
            ) from error


_BENCHES: list[Bench] = []  # of this worker process


def _start(bench: Bench) -> None:
    """Begin a worker process."""
    cv2.setNumThreads(1)
    _BENCHES.append(bench)


def _work(task: list[tuple[int, int]], arguments: dict[str, Any] | None) -> Chunk:
    return _make(_BENCHES[0], task, arguments)


def _make(bench: Bench, task: list[tuple[int, int]], arguments: dict[str, Any] | None) -> Chunk:
    """Make some mixes, given as (number, index of the sample)."""
    before = _skipped(bench)
    strict = bench.strict and not arguments  # another setting is only tried
    with change(bench.mix, arguments or {}):
        rows = [bench.row(number, index, strict=strict) for number, index in task]
    return Chunk(rows, _skipped(bench) - before)


def _skipped(bench: Bench) -> int:
    return sum(getattr(pool, "skipped", 0) for pool in bench.pools)


class Spool:
    """Rows in a temporary file, which goes with it."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - kept open
        weakref.finalize(self, self._file.close)

    def write(self, row: str) -> None:
        """Append a row, one line."""
        self._file.write(row + "\n")

    def __iter__(self) -> Iterator[str]:
        """Yield every row, without its line end."""
        self._file.seek(0)
        for line in self._file:
            yield line.rstrip("\n")
