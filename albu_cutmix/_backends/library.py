"""The few operations that a batch needs, of NumPy; the base of the other libraries."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from albu_cutmix.errors import InvalidSampleError
from albu_cutmix.kernels import Launch
from albu_cutmix.memory import Memory

__all__ = ["Library"]

INTEGERS = {1: "uint8", 2: "int16", 4: "int32", 8: "int64"}  # what every library can move


class Library:
    """NumPy, and the base of the others.

    Attributes:
        name: What to call it in messages.
        way: How pixels are moved: "loops", "kernel" or "operations".
        xp: The module of its functions.
        on_host: Whether values can be looked at without waiting for a device.
    """

    name = "NumPy"
    way = "loops"
    on_host = True
    xp: Any = np

    def active(self) -> AbstractContextManager[Any]:
        """Return a context in which new arrays lie where those of the batch do."""
        return nullcontext()

    def open(self, array: Any) -> Any:
        """Return an array in the form to work with, on the same memory where it can be."""
        return np.asarray(array)

    def bits(self, array: Any) -> Any:
        """Return an array on the same memory as numbers that this library can move."""
        return np.asarray(array)

    def close(self, array: Any, like: Any = None) -> Any:  # noqa: ARG002
        """Return what the caller gets: of the caller's library, and of the dtype of *like*."""
        return array

    def put(self, host: Any) -> Any:
        """Return a NumPy array as one to work with."""
        return host

    def real(self, array: Any) -> Any:
        """Return an array as float64."""
        with np.errstate(invalid="ignore"):  # a signalling NaN in rows that do not count
            return array.astype(np.float64)

    def cast(self, array: Any, dtype: Any) -> Any:
        """Return an array in another dtype: a name, or the dtype of an array."""
        return array.astype(dtype)

    def order(self, first: Any) -> Any:
        """Return the columns of a bool array (B, N) in a stable order, true ones first."""
        return self.xp.argsort(~first, 1, kind="stable")

    def take(self, rows: Any, index: Any) -> Any:
        """Return rows (B, N, ...) in the order of an index (B, N)."""
        return self.xp.take_along_axis(rows, index.reshape(*index.shape, *[1] * (rows.ndim - 2)), 1)

    def empty_like(self, array: Any) -> Any:
        """Return new memory of the same shape, dtype and order of axes."""
        return np.empty_like(array, subok=False)

    def zeros(self, shape: tuple[int, ...]) -> Any:
        """Return zeros, float32, where the batch is."""
        return np.zeros(shape, np.float32)

    def memory(self, array: Any) -> Memory:
        """Return where an array lies."""
        pointer = array.__array_interface__["data"][0]
        return Memory(pointer, array.shape, array.strides, array.itemsize)

    def kind(self, array: Any) -> str:
        """Return the kind of an array's dtype in NumPy's letters: b, i, u, f or another."""
        return str(array.dtype.kind)

    def refuse(self, array: Any, name: str) -> None:
        """Raise InvalidSampleError for an array of this library that cannot be mixed."""
        if isinstance(array, np.ma.MaskedArray):
            raise InvalidSampleError(
                f"{name} is a masked array, and a mix would lose what is masked. Give "
                f"{name}.filled(...)."
            )

    def note_write(self, array: Any) -> None:
        """Tell the library that an array of the caller was written to behind its back."""

    def launch(self, launches: list[Launch], array: Any) -> None:
        """Run kernels where an array lives, on the caller's current stream."""
        raise NotImplementedError
