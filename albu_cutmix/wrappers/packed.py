"""`packed`: donors that `pack` wrote, mapped into memory and shared by all processes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from albu_cutmix.errors import DonorReadError, InvalidArgumentError
from albu_cutmix.findings import Finding, Findings
from albu_cutmix.pool import BasePool
from albu_cutmix.wrappers.pack_file import PackFile
from albu_cutmix.wrappers.wrapper import free_arrays

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from albu_cutmix.sample import Donor

__all__ = ["PackedPool", "packed"]


class PackedPool(BasePool):
    """A file of decoded donors. See `packed`.

    It pickles as the name of its file and a hash, and opens the file once in each process.
    """

    def __init__(self, path: str | Path) -> None:
        try:
            self._name = os.fspath(path)
            self._path = Path(self._name).absolute()
        except TypeError as error:
            raise InvalidArgumentError(f"path must name a file, got {path!r}.") from error
        self._opened: PackFile | None = PackFile(self._path)
        self._identity = self._opened.identity

    @property
    def _file(self) -> PackFile:
        if self._opened is None:
            found = PackFile(self._path)
            if found.identity != self._identity:
                raise DonorReadError(
                    f"{self._path}: holds other donors than when this pool was made. Make the "
                    "pool anew: packed(path)."
                )
            self._opened = found
        return self._opened

    def __getstate__(self) -> dict[str, Any]:
        """Return name and hash: what is mapped does not travel."""
        return self.__dict__ | {"_opened": None}

    def __deepcopy__(self, memo: dict[int, Any]) -> PackedPool:
        """Return itself: it never changes."""
        return self

    def __len__(self) -> int:
        """Return the number of donors."""
        return self._file.count

    def __getitem__(self, index: int) -> Donor:
        """Return donor *index*; its arrays are read-only views on the file.

        Raises:
            DonorReadError: If it is damaged.
        """
        file = self._file
        return file.read(index if 0 <= index < file.count else self._check_index(index))

    @property
    def classes(self) -> Sequence[str] | int | None:  # type: ignore[override]
        """Names or count of the class labels."""
        found: Sequence[str] | int | None = self._file.classes
        return found

    def sample(
        self, index: int, bbox_format: str = "pascal_voc", keypoint_format: str = "xy"
    ) -> dict[str, Any]:
        """Return a sample whose arrays are free to be changed. See `BasePool.sample`."""
        return free_arrays(super().sample(index, bbox_format, keypoint_format))

    def class_rows(self) -> tuple[NDArray[np.int64], NDArray[np.int32], tuple[Any, ...]]:
        """Return the classes of every donor. See `BasePool.class_rows`.

        Raises:
            InvalidArgumentError: If the donors have no plain classes.
            DonorReadError: If the table is damaged.
        """
        if self._file.class_rows is None:
            raise InvalidArgumentError(
                f"{self._path}: the classes of its donors are no plain values. Give `weighted` an "
                "array with a weight per donor."
            )
        offsets, codes, classes = self._file.class_rows
        within = codes.min(initial=0) >= 0 and codes.max(initial=-1) < len(classes)
        ends = offsets[0] == 0 and offsets[-1] == len(codes) and (np.diff(offsets) >= 0).all()
        if not within or not ends:
            raise DonorReadError(f"{self._path}: its table of classes is damaged. Copy it again.")
        return offsets, codes, classes

    def digest(self) -> str:
        """Return the hash that the file states of all that is in it."""
        return self._file.identity

    def to_spec(self) -> dict[str, Any]:
        """Return plain data that makes the pool anew."""
        return {"format": "packed", "path": self._name}

    def verify(self) -> None:
        """Read the whole file and compare it with the hash that it states.

        Raises:
            DonorReadError: If they differ.
        """
        self._file.verify()

    def validate(self, progress: bool | None = None) -> Findings:
        """Verify the file, then look at every donor. See `BasePool.validate`."""
        found = super().validate(progress)
        try:
            self.verify()
        except DonorReadError as error:
            rows = [Finding(-1, "", "unreadable", str(error)), *found]
            return Findings(rows, found.donors)
        return found


def packed(path: str | Path) -> PackedPool:
    """Open the donors that `pack(pool, path)` wrote.

    Nothing is decoded: images are views on the file, which all processes share through the page
    cache of the system.

    Args:
        path: The file. Leave it as it is while it is in use; `pack` to the same path does, since
            it writes a new file and exchanges the two.

    Returns:
        The pool. The arrays of its donors are read-only; `pool.sample(i)` gives copies.

    Raises:
        DonorReadError: If the file is missing, truncated, damaged, no packed file, or of another
            version. A header is judged here, a donor when it is drawn; `pool.verify()` reads all.
    """
    return PackedPool(path)
