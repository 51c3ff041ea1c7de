"""The file of a packed pool: its layout, and how it is read.

```
64 bytes   mark, version, place and length of the header, hash of the header
           for each donor its arrays and its record (JSON), then the tables over all donors
header     JSON: the tables, the classes, a hash of everything between
```

Arrays begin at multiples of 64 and are mapped, never copied: all processes share the page cache.
"""

from __future__ import annotations

import json
import mmap
import os
import stat
import struct
import zlib
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from albu_cutmix.errors import DonorReadError, InvalidSampleError
from albu_cutmix.sample import Donor
from albu_cutmix.wrappers.records import decode, read_dtype

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ALIGNED", "LAYOUT", "MAPPINGS", "MARK", "VERSION", "PackFile", "Prelude", "hash_of"]

MARK = b"albu_cutmix pack"
VERSION = 1
LAYOUT = struct.Struct("<16sI4xQQ16s8x")  # of the prelude
ALIGNED = 64  # bytes; where an array may begin
LARGEST_TEXT = 2**26  # bytes of a header or record; tables and pixels are no text
CHUNK = 2**20  # bytes that are hashed at once
TABLES = {"places": "<i8", "offsets": "<i8", "codes": "<i4"}
MAPPINGS = ("fields", "keypoint_fields", "aliases")  # parts that are left out where empty
#: What Python and NumPy raise where text or numbers of a file are nothing they can read.
FALSE = (
    ValueError,
    TypeError,
    LookupError,
    OverflowError,
    RecursionError,
    AttributeError,
    MemoryError,
)


def hash_of(data: bytes = b"") -> blake2b:
    """Return the hash of some bytes, which more can be given to."""
    return blake2b(data, digest_size=16)


class Prelude(NamedTuple):
    """The first 64 bytes.

    Args:
        version: Of the layout.
        start: Where the header begins.
        length: Of the header, bytes.
        identity: Hash of the header, 16 bytes; it tells one file from any other.
    """

    version: int
    start: int
    length: int
    identity: bytes

    def to_bytes(self) -> bytes:
        """Return them."""
        return bytes(LAYOUT.pack(MARK, *self))

    @classmethod
    def read(cls, data: bytes, size: int, path: Path) -> Prelude:
        """Return them, judged by the size of their file.

        Raises:
            DonorReadError: If they are none, of another version, or of a longer file.
        """
        if len(data) < LAYOUT.size or not data.startswith(MARK):
            raise DonorReadError(f"{path}: is no file of pack(pool, path).")
        found = cls(*LAYOUT.unpack(data)[1:])
        if found.version != VERSION:
            raise DonorReadError(
                f"{path}: has version {found.version} of the layout, must be {VERSION}. Pack the "
                "pool again with this release."
            )
        if found.start + found.length != size or found.length > LARGEST_TEXT:
            raise DonorReadError(
                f"{path}: has {size} bytes, must have {found.start + found.length}: it is "
                "truncated or damaged. Copy it again."
            )
        return found


class PackFile:
    """A packed file, mapped, with its header judged.

    Args:
        path: The file.

    Attributes:
        identity: Hash of its header, and so of all that is in it, as hexadecimal digits.
        count: Number of donors.
        classes: Names or count of the classes.
        class_rows: See `BasePool.class_rows`; None: the donors have no plain classes.

    Raises:
        DonorReadError: If it is missing, truncated, damaged or no packed file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            if not stat.S_ISREG(path.stat().st_mode):  # to open a named pipe waits for ever
                raise DonorReadError(f"{path}: cannot be opened: it is a folder, device or pipe.")
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                prelude = Prelude.read(file.read(LAYOUT.size), size, path)
                self._bytes = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            if isinstance(error, DonorReadError):
                raise
            raise DonorReadError(f"{path}: cannot be opened: {error}.") from error
        self._end = prelude.start
        header = self._bytes[prelude.start :]
        self.identity = prelude.identity.hex()
        if hash_of(header).digest() != prelude.identity:
            raise self._damaged("its header")
        try:
            self._read_header(header)
            # Memory is taken where a donor is read: a file with holes states any number of them.
            self._checked = np.zeros(self.count, np.bool_)
        except FALSE as error:
            raise self._damaged("its header", error) from error

    def _read_header(self, header: bytes) -> None:
        found = {name: decode(part, self._take) for name, part in json.loads(header).items()}
        self.classes, self._content = found["classes"], str(found["content"])
        self._places, offsets, codes = (
            _table(found[name], np.dtype(dtype)) for name, dtype in TABLES.items()
        )
        self.count = len(self._places)
        shapes = [self._places.shape, offsets.shape, codes.shape]
        if not self.count or shapes != [(self.count, 3), (self.count + 1,), (len(codes),)]:
            raise ValueError("its tables do not fit each other")
        known = found["vocabulary"]
        self.class_rows = None if known is None else (offsets, codes, tuple(known))

    def read(self, index: int) -> Donor:
        """Return a donor; its arrays are views on the file.

        Raises:
            DonorReadError: If it is damaged.
        """
        start, length, checksum = self._places[index].tolist()
        text = self._bytes[start : start + length] if length <= LARGEST_TEXT else b""
        if start < LAYOUT.size or zlib.crc32(text) != checksum:
            raise self._damaged(f"donor {index}")
        try:
            record = json.loads(text.decode())
            parts = {name: decode(part, self._take) for name, part in record.items()}
            if not self._checked[index]:
                donor = Donor(**parts)
                self._checked[index] = True
                return donor
        except (*FALSE, InvalidSampleError) as error:
            raise self._damaged(f"donor {index}", error) from error
        donor = object.__new__(Donor)
        # Checked once in this process; checks cost half as much as a copy of the image.
        vars(donor).update({name: {} for name in MAPPINGS} | parts)
        return donor

    def _take(self, dtype: str, shape: list[int], at: int) -> NDArray[Any]:
        if at < LAYOUT.size:  # NumPy would look in front of the file
            raise ValueError(f"an array begins at {at}")
        return np.ndarray(shape, read_dtype(dtype), self._bytes, at)

    def verify(self) -> None:
        """Read the whole file and compare its content with the hash in the header.

        Raises:
            DonorReadError: If they differ.
        """
        found, start = hash_of(), LAYOUT.size
        for at in range(start, self._end, CHUNK):
            found.update(self._bytes[at : min(at + CHUNK, self._end)])
        if found.hexdigest() != self._content:
            raise self._damaged("its content")

    def _damaged(self, what: str, error: Exception | None = None) -> DonorReadError:
        why = "" if error is None else f": {type(error).__name__}: {error}"
        return DonorReadError(
            f"{self._path}: {what} is damaged{why}. Copy the file again, or pack the pool again."
        )


def _table(table: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    if not isinstance(table, np.ndarray) or table.dtype != dtype:
        raise TypeError(f"a table must be an array of {dtype}")
    return table
