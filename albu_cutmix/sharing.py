"""Numbers that processes share through files: tables of a pool, and the epoch of a run.

Forked workers share the arrays of their parent as they are. A spawned one gets a pickle, and a
pickle of a table of a million images would be a copy of it in every worker. So arrays are written
once to a file of this process, pickles name that file, and workers map it: one copy in the page
cache for all.
"""

from __future__ import annotations

import atexit
import mmap
import os
import pickle
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.errors import DonorReadError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SharedArrays", "SharedNumber"]

INLINE = 4096  # bytes of arrays that travel in the pickle itself
ALIGNED = 64  # bytes; where an array may begin in the file

SLOTS = 512  # numbers in a file

_folder: Path | None = None
_maps: dict[str, NDArray[np.int64]] = {}
_free = 0, "", 0  # process, file and place of the next number


def _own_folder() -> Path:
    """Return a folder that only this user can read, removed when the process that made it ends."""
    global _folder
    if _folder is None or not _folder.is_dir():
        _folder = Path(tempfile.mkdtemp(prefix="albu_cutmix-"))
        atexit.register(_remove, _folder, os.getpid())
    return _folder


def _remove(folder: Path, process: int) -> None:
    if os.getpid() == process:  # a forked worker inherits the request, not the folder
        shutil.rmtree(folder, ignore_errors=True)


class SharedArrays:
    """State whose arrays are pickled once, to a file that all unpickled copies map.

    A subclass holds its arrays in its attributes, at any depth of objects that pickle, and never
    changes them. Copies in spawned workers have read-only arrays.
    """

    _index: tuple[Path, tuple[bytes, list[tuple[int, int]], int]] | None = None

    def shared_state(self) -> dict[str, Any]:
        """Return the attributes that travel."""
        return {key: value for key, value in self.__dict__.items() if key != "_index"}

    def remake(self) -> Callable[[], Any] | None:
        """Return what makes the object anew where the file is gone, picklable; None: nothing."""
        return None

    def __reduce__(self) -> tuple[Any, ...]:
        """Return the name of the file with the arrays, and the small rest."""
        if self._index is not None and self._index[0].is_file():
            return _load, (type(self), str(self._index[0]), *self._index[1], self.remake())
        buffers: list[pickle.PickleBuffer] = []
        rest = pickle.dumps(self.shared_state(), 5, buffer_callback=buffers.append)
        arrays = [buffer.raw() for buffer in buffers]
        if sum(array.nbytes for array in arrays) <= INLINE:
            return _load_inline, (type(self), rest, [bytes(array) for array in arrays])
        path, places, size = _write(arrays)
        self._index = path, (rest, places, size)
        return _load, (type(self), str(path), rest, places, size, self.remake())

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """Return itself: it never changes, and its arrays are large."""
        return self


def _write(arrays: list[memoryview]) -> tuple[Path, list[tuple[int, int]], int]:
    """Write arrays to a new file; return it, the place (start, length) of each, and its size."""
    handle, name = tempfile.mkstemp(dir=_own_folder())
    places = []
    with os.fdopen(handle, "wb") as file:
        for array in arrays:
            file.write(bytes(-file.tell() % ALIGNED))
            places.append((file.tell(), array.nbytes))
            file.write(array)
        file.write(b"\0")  # an empty file cannot be mapped
        size = file.tell()
    return Path(name), places, size


def _load_inline(cls: type, rest: bytes, arrays: list[bytes]) -> Any:
    return _fill(cls, pickle.loads(rest, buffers=arrays))  # noqa: S301 - part of one pickle


def _load(
    cls: type,
    name: str,
    rest: bytes,
    places: list[tuple[int, int]],
    size: int,
    remake: Callable[[], Any] | None,
) -> Any:
    """Map the file of a pickle.

    Raises:
        DonorReadError: If the file is gone, or not as it was written, and nothing can be remade.
    """
    try:
        with Path(name).open("rb") as file:
            found = os.fstat(file.fileno()).st_size
            whole = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
    except (OSError, ValueError):
        found = -1
    if found != size:
        if remake is not None:
            return remake()
        raise DonorReadError(
            f"{name}: the shared table of a pickled {cls.__name__} is gone. It lasts as long as "
            "the process that pickled it; make the pool anew, and give it to the pipeline with "
            "attach_pool."
        )
    view = memoryview(whole)
    arrays = [view[start : start + length] for start, length in places]
    out = _fill(cls, pickle.loads(rest, buffers=arrays))  # noqa: S301 - part of one pickle
    out._index = Path(name), (rest, places, size)
    return out


def _fill(cls: type, state: dict[str, Any]) -> Any:
    out: Any = object.__new__(cls)
    out.__dict__.update(state)
    return out


class SharedNumber:
    """A whole number that forked and spawned processes see change at once.

    Args:
        value: What it is at first.
    """

    def __init__(self, value: int = 0) -> None:
        self._path, self._slot = _free_slot()
        self.value = value

    @property
    def value(self) -> int:
        """What it is now."""
        return int(_map(self._path)[self._slot])

    @value.setter
    def value(self, value: int) -> None:
        _map(self._path)[self._slot] = value

    def __reduce__(self) -> tuple[Any, ...]:
        """Return the place, and the value for where its file is gone."""
        return _load_number, (self._path, self._slot, self.value)

    def __deepcopy__(self, memo: dict[int, Any]) -> SharedNumber:
        """Return itself: a copy of a pipeline belongs to the same run."""
        return self


def _map(path: str) -> NDArray[np.int64]:
    """Return the numbers of a file, mapped once in each process: each map holds the file open."""
    if path not in _maps:
        _maps[path] = np.memmap(path, np.int64, "r+", shape=(SLOTS,))
    return _maps[path]


def _free_slot() -> tuple[str, int]:
    """Return file and place of a number that is nobody else's."""
    global _free
    process, path, slot = _free
    # A forked process has a file of its own: in the parent's both would take the same places.
    if process != os.getpid() or slot == SLOTS or not Path(path).is_file():
        handle, path = tempfile.mkstemp(dir=_own_folder())
        os.ftruncate(handle, SLOTS * 8)
        os.close(handle)
        slot = 0
    _free = os.getpid(), path, slot + 1
    return path, slot


def _load_number(path: str, slot: int, value: int) -> SharedNumber:
    if path not in _maps and not Path(path).is_file():
        return SharedNumber(value)
    out = SharedNumber.__new__(SharedNumber)
    out._path, out._slot = path, slot
    return out
