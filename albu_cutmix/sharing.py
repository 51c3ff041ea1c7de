"""Numbers that processes share through files: tables of a pool, and the epoch of a run.

Forked workers share the arrays of their parent as they are. A spawned one gets a pickle, and a
pickle of a table of a million images would be a copy of it in every worker. So arrays are written
once to a file of this process, pickles name that file, and workers map it: one copy in the page
cache for all.
"""

from __future__ import annotations

import mmap
import os
import pickle
import shutil
import tempfile
from collections.abc import Callable, Iterable
from multiprocessing.util import Finalize
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.errors import CutMixError, DonorReadError
from albu_cutmix.locks import fork_safe_lock

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SharedArrays", "SharedNumber"]

INLINE = 4096  # bytes of arrays that travel in the pickle itself
ALIGNED = 64  # bytes; where an array may begin in the file
SLOTS = 512  # numbers in a file

_lock = fork_safe_lock()  # for what follows
_folder: tuple[int, Path] | None = None  # process, and the folder that it made
_maps: dict[str, NDArray[np.int64]] = {}
_free = 0, "", 0  # process, file and place of the next number


def _own_folder() -> Path:
    """Return a folder that only this user can read, removed when the process ends.

    A process that is killed leaves it behind, as all temporary files.
    """
    global _folder
    if _folder is None or _folder[0] != os.getpid() or not _folder[1].is_dir():
        _folder = os.getpid(), Path(tempfile.mkdtemp(prefix="albu_cutmix-"))
        # Not atexit, which processes of multiprocessing leave out.
        Finalize(None, _remove, _folder, exitpriority=-100)
    return _folder[1]


def _remove(process: int, folder: Path) -> None:
    if os.getpid() == process:  # a process that was forked by hand inherits the request
        shutil.rmtree(folder, ignore_errors=True)


def _write(parts: Iterable[bytes | memoryview]) -> Path:
    """Write a new file in the folder of this process.

    Raises:
        CutMixError: If it cannot be written.
    """
    name = ""
    try:
        handle, name = tempfile.mkstemp(dir=_own_folder())
        with os.fdopen(handle, "wb") as file:
            file.writelines(parts)
    except OSError as error:
        if name:
            Path(name).unlink(missing_ok=True)
        raise CutMixError(
            f"the folder for temporary files, {tempfile.gettempdir()}, cannot be written: {error}. "
            "Processes share their tables and epochs there: make room, or name another folder "
            "by TMPDIR."
        ) from error
    return Path(name)


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
        path, places, size = _write_arrays(arrays)
        self._index = path, (rest, places, size)
        return _load, (type(self), str(path), rest, places, size, self.remake())

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """Return itself: it never changes, and its arrays are large."""
        return self


def _write_arrays(arrays: list[memoryview]) -> tuple[Path, list[tuple[int, int]], int]:
    """Write arrays to a new file; return it, the place (start, length) of each, and its size."""
    places: list[tuple[int, int]] = []
    parts: list[bytes | memoryview] = []
    size = 0
    for array in arrays:
        gap = -size % ALIGNED
        places.append((size + gap, array.nbytes))
        parts += [bytes(gap), array]
        size += gap + array.nbytes
    # A byte more, since an empty file cannot be mapped.
    return _write([*parts, b"\0"]), places, size + 1


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
        DonorReadError: If the file is gone, or not as it was written, and nothing can be remade;
            or if it cannot be mapped.
    """
    found = -1
    try:
        with Path(name).open("rb") as file:
            found = os.fstat(file.fileno()).st_size
            whole = mmap.mmap(file.fileno(), found, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        raise DonorReadError(
            f"{name}: the shared table of a pickled {cls.__name__} cannot be mapped: {error}."
        ) from error
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
        self._places = [_free_slot()]
        self.value = value

    @property
    def value(self) -> int:
        """What it is now."""
        path, slot = self._places[-1]
        return int(_map(path)[slot])

    @value.setter
    def value(self, value: int) -> None:
        for path, slot in self._places:
            _map(path)[slot] = value

    def __reduce__(self) -> tuple[Any, ...]:
        """Return the place, and the value for where its file is gone."""
        if not Path(self._places[-1][0]).is_file():
            # Cleaned away: processes that come find another place, those that run keep theirs.
            value = self.value
            self._places.append(_free_slot())
            self.value = value
        return _load_number, (*self._places[-1], self.value)

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
    with _lock:
        process, path, slot = _free
        # A forked process has a file of its own: in the parent's both would take the same places.
        if process != os.getpid() or slot == SLOTS or not Path(path).is_file():
            # Written out: where a sparse file finds no room the process would end.
            path, slot = str(_write([bytes(8 * SLOTS)])), 0
            _map(path)
        _free = os.getpid(), path, slot + 1
        return path, slot


def _load_number(path: str, slot: int, value: int) -> SharedNumber:
    try:
        _map(path)
    except OSError:  # gone, or another user's
        return SharedNumber(value)
    out = SharedNumber.__new__(SharedNumber)
    out._places = [(path, slot)]
    return out
