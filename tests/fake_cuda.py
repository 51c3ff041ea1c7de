"""`cupy.cuda` of the stand-in: devices and streams, of which only the names are kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from types import SimpleNamespace
from typing import Any


@dataclass
class Log:
    """What the host code did.

    Attributes:
        launches: Kernel, grid, block, stream and device of each launch.
        waits: Each time that the host waited for the device, and why.
        device: The current one.
        stream: Pointer of the current one; 0 is the default stream.
    """

    launches: list[tuple[str, tuple[int, ...], tuple[int, ...], int, int]] = field(
        default_factory=list
    )
    waits: list[str] = field(default_factory=list)
    device: int = 0
    stream: int = 0


class _Current:
    """Something that is the current one of its kind inside a `with`."""

    def __init__(self, log: Log, kind: str, number: int) -> None:
        self._log, self._kind, self._number = log, kind, number
        self._before: list[int] = []

    def __enter__(self) -> Any:
        self._before.append(getattr(self._log, self._kind))
        setattr(self._log, self._kind, self._number)
        return self

    def __exit__(self, *error: object) -> None:
        setattr(self._log, self._kind, self._before.pop())

    def use(self) -> Any:
        """Make this the current one until another is."""
        setattr(self._log, self._kind, self._number)
        return self

    def synchronize(self) -> None:
        """Wait for it; that is noted."""
        self._log.waits.append(f"{self._kind}.synchronize")


class Device(_Current):
    """A device."""

    def __init__(self, log: Log, number: int | None = None) -> None:
        super().__init__(log, "device", log.device if number is None else number)
        self.id = self._number


class Stream(_Current):
    """A stream."""

    def __init__(self, log: Log, pointer: int, owner: object = None) -> None:
        super().__init__(log, "stream", pointer)
        self.ptr, self._owner = pointer, owner


def _from_external(log: Log, owner: Any) -> Stream:
    """Return a stream of another library by the CUDA stream protocol."""
    if not hasattr(owner, "__cuda_stream__"):
        raise TypeError(f"{type(owner).__name__} does not implement the CUDA stream protocol")
    answer = owner.__cuda_stream__()
    if not isinstance(answer, tuple) or [type(one) for one in answer] != [int, int] or answer[0]:
        raise TypeError(f"__cuda_stream__() must return (0, pointer), got {answer!r}")
    return Stream(log, answer[1], owner)


def make_cuda(log: Log) -> SimpleNamespace:
    """Return the namespace, of two devices."""
    pointers = count(0x1000, 0x10)

    def stream(null: bool = False, non_blocking: bool = False) -> Stream:
        return Stream(log, 0 if null else next(pointers))

    stream.from_external = lambda owner: _from_external(log, owner)
    stream.null = Stream(log, 0)
    runtime = SimpleNamespace(
        CUDARuntimeError=type("CUDARuntimeError", (RuntimeError,), {}),
        getDevice=lambda: log.device,
        getDeviceCount=lambda: 2,
        deviceSynchronize=lambda: log.waits.append("deviceSynchronize"),
        is_hip=False,
    )
    return SimpleNamespace(
        Device=lambda number=None: Device(log, number),
        Stream=stream,
        get_current_stream=lambda: Stream(log, log.stream),
        is_available=lambda: True,
        runtime=runtime,
    )
