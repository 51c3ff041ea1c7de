"""`pack`: write every donor of a pool into one file, decoded."""

from __future__ import annotations

import json
import warnings
import zlib
from array import array
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from albu_cutmix.errors import DonorReadError, InvalidArgumentError, InvalidSampleError
from albu_cutmix.files import refused, whole_file
from albu_cutmix.host.donors import check_pool
from albu_cutmix.pool import MemoryPool, list_classes
from albu_cutmix.progress import progress_bar
from albu_cutmix.sample import Donor
from albu_cutmix.wrappers.pack_file import (
    ALIGNED,
    LAYOUT,
    MAPPINGS,
    MARK,
    VERSION,
    Prelude,
    hash_of,
)
from albu_cutmix.wrappers.packed import PackedPool
from albu_cutmix.wrappers.records import encode, encode_masks
from albu_cutmix.wrappers.wrapper import Wrapper

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["pack"]


def pack(pool: Any, path: str | Path, *, progress: bool | None = None) -> PackedPool:
    """Read every donor of a pool and write it into one file, decoded.

    All parts of a donor are kept as they are, bit for bit; instance masks of 0 and 1 take a bit
    for each pixel. A file of a million photographs is large: 0.9 MB each at 640 x 480.

    Args:
        pool: A pool, or a list of donors. What chance makes of donors goes outside:
            `mapped(packed(path), compose)`; weights too: `weighted(packed(path), "sqrt")`.
        path: The file. A packed one that is there stays as it is until all of the new one is on
            the disk; one of another kind is not replaced.
        progress: Whether to show a progress bar; None: where stderr is a terminal.

    Returns:
        The pool that `packed(path)` gives. Where `pool` was made with `on_error="skip"`, donors
        that cannot be read are left out with a warning, and it has that many fewer.

    Raises:
        InvalidArgumentError: If the file cannot be written, or the pool draws by chance.
        InvalidSampleError: If a donor is no `Donor`, or holds what cannot be packed.
        DonorReadError: If a donor cannot be read; where such are left out, if none can.
        EmptyPoolError: If the pool is empty.
    """
    check_pool(pool, "pool", InvalidArgumentError, optional=False)
    _check_chance(pool)
    _check_target(path)
    lost: list[Exception] = []
    with whole_file(path) as file:
        writer = _Writer(file, path)
        indices = progress_bar(range(len(pool)), len(pool), progress, what="pack", unit="donor")
        rows = list_classes(writer.add(*found) for found in _read(pool, indices, lost))
        if len(lost) == len(pool):
            raise DonorReadError(f"none of {len(pool)} donors can be read. {lost[0]}") from lost[0]
        writer.finish(rows, getattr(pool, "classes", None))
    if lost:
        warnings.warn(
            f"pack left out {len(lost)} of {len(pool)} donors that cannot be read. {lost[0]}",
            UserWarning,
            stacklevel=2,
        )
    return PackedPool(path)


def _read(pool: Any, indices: Iterable[int], lost: list[Exception]) -> Iterator[tuple[Any, int]]:
    """Yield every donor and its index; `lost` takes the errors where a pool skips donors."""
    inner = pool
    while isinstance(inner, Wrapper):
        inner = inner.pool
    skips = getattr(inner, "on_error", "raise") == "skip"
    for index in indices:
        try:
            # A draw of such a pool gives the next donor in place of one that cannot be read.
            donor = pool.read(index) if skips else pool[index]
        except (DonorReadError, InvalidSampleError) as error:
            if not skips:
                raise
            lost.append(error)
            continue
        yield donor, index


def _check_chance(pool: Any) -> None:
    if getattr(pool, "takes_seed", False):
        raise InvalidArgumentError(
            "pack cannot write donors that are made anew in each draw, as those of mapped are. "
            "Pack what they are made of: mapped(packed(path), compose)."
        )
    if getattr(pool, "weights", None) is not None:
        raise InvalidArgumentError(
            "pack writes donors, and this pool has weights, which would be lost. Pack the pool "
            "without them and weigh the file: weighted(packed(path), weights)."
        )


def _check_target(path: str | Path) -> None:
    """Raise where a file of another kind has that name: annotations, by a slip of the hand."""
    begin = b""
    with suppress(OSError, ValueError, TypeError):  # `whole_file` tells what is wrong with a name
        if Path(path).is_file():
            with Path(path).open("rb") as file:
                begin = file.read(len(MARK))
    if begin and begin != MARK:
        raise InvalidArgumentError(
            f"{str(path)!r} is a file of another kind, and pack takes the place of packed files "
            "only. Remove it, or give another name."
        )


class _Writer:
    """Writes donors one after the other, then the tables and the header.

    Args:
        file: An empty file.
        path: Its name, for messages.
    """

    def __init__(self, file: BinaryIO, path: str | Path) -> None:
        self._file, self._path, self._at = file, path, 0
        self._hash = hash_of()
        self._places, self._has_classes = array("q"), True
        self._write(bytes(LAYOUT.size))  # filled in at the end

    def _write(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise refused(self._path, error) from error
        self._at += len(data)

    def _write_hashed(self, data: bytes) -> None:
        self._write(data)
        self._hash.update(data)

    def _put(self, values: NDArray[Any]) -> int:
        self._write_hashed(bytes(-self._at % ALIGNED))
        start = self._at
        self._write_hashed(values.tobytes())
        return start

    def add(self, donor: Any, index: int) -> list[Any]:
        """Write a donor and return its classes."""
        if not isinstance(donor, Donor):
            raise InvalidSampleError(
                f"pack writes Donor objects, got {type(donor).__name__} at {index}. Make one of "
                "it: Donor.from_mapping."
            )
        try:
            parts = {
                name: (encode_masks if name == "masks" else encode)(part, self._put)
                for name, part in donor.content.items()
                if part is not None and (name not in MAPPINGS or part)
            }
        except InvalidSampleError as error:
            raise InvalidSampleError(f"{error} (donor {index}, {donor.id!r})") from error
        record = _to_json(parts)
        self._places.extend((self._at, len(record), zlib.crc32(record)))
        self._write_hashed(record)
        return self._list_classes(donor)

    def _list_classes(self, donor: Donor) -> list[Any]:
        try:
            _, codes, classes = MemoryPool([donor]).class_rows()
        except InvalidArgumentError:  # a field of lists, or the like, names no classes
            self._has_classes = False
            return []
        return [classes[code] for code in codes.tolist()]

    def finish(self, class_rows: tuple[Any, ...], classes: Any) -> None:
        """Write the tables, the header, and the first bytes."""
        offsets, codes, vocabulary = class_rows
        places = np.array(self._places, "<i8").reshape(-1, 3)
        tables = {"places": places, "offsets": offsets, "codes": codes}
        known = vocabulary if self._has_classes else None
        tables |= {"classes": classes, "vocabulary": known}
        parts = {name: encode(part, self._put) for name, part in tables.items()}
        header = _to_json(parts | {"content": self._hash.hexdigest()})
        prelude = Prelude(VERSION, self._at, len(header), hash_of(header).digest())
        self._write(header)
        self._file.seek(0)
        self._write(prelude.to_bytes())


def _to_json(parts: dict[str, Any]) -> bytes:
    return json.dumps(parts, separators=(",", ":")).encode()
