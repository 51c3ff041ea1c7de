"""Where the mix of a batch is written: new memory, that of the last call, or in place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from albu_cutmix.errors import InvalidSampleError
from albu_cutmix.memory import overlap, repeats

if TYPE_CHECKING:
    from albu_cutmix._backends import Library
    from albu_cutmix.batch.door import Door

__all__ = ["OUTS", "Outputs"]

OUTS = ("new", "reuse", "inplace")


class Outputs:
    """Memory for images and masks of one mix.

    Args:
        out: One of `OUTS`.
    """

    def __init__(self, out: str) -> None:
        self.out = out
        self._buffers: dict[str, Any] = {}

    def prepare(self, door: Door) -> dict[str, tuple[Any, Any]]:
        """Return images and masks as whole numbers, and where their mix is written."""
        library, names = door.library, [name for name in ("image", "mask") if name in door.arrays]
        sources: dict[str, Any] = {name: library.bits(door.arrays[name]) for name in names}
        if self.out == "inplace":
            self._check_writable(door, sources)
            return {name: (source, source) for name, source in sources.items()}
        targets = {name: self._target(name, source, library) for name, source in sources.items()}
        for name, target in targets.items() if self.out == "reuse" else ():
            for other, source in sources.items():
                if overlap(library.memory(source), library.memory(target)):
                    raise InvalidSampleError(
                        f"{other} lies in the memory that out='reuse' would write {name} to: it "
                        "is the result of an earlier call. Use out='new' to mix a mix."
                    )
        return {name: (sources[name], target) for name, target in targets.items()}

    def _check_writable(self, door: Door, sources: Mapping[str, Any]) -> None:
        """Raise unless images and masks can be mixed where they lie."""
        memories = {name: door.library.memory(source) for name, source in sources.items()}
        for name, memory in memories.items():
            if not _is_writable(door.arrays[name]):
                raise InvalidSampleError(
                    f"out='inplace' writes into {name}, which is read-only. Give a copy, or use "
                    "out='new'."
                )
            if repeats(memory):
                raise InvalidSampleError(
                    f"out='inplace' needs memory of its own for every value of {name}, got strides "
                    f"{memory.strides} bytes for shape {memory.shape}: is it expanded? Give a "
                    "copy, or use out='new'."
                )
        if len(memories) == 2 and overlap(*memories.values()):
            raise InvalidSampleError(
                "out='inplace' writes into image and mask, which share memory. Give a copy of one "
                "of them, or use out='new'."
            )

    def _target(self, name: str, source: Any, library: Library) -> Any:
        """Return memory for a mix: new, or that of the last call where it fits."""
        if self.out == "new":
            return library.empty_like(source)
        device = str(getattr(source, "device", ""))
        kind = type(library), device, source.dtype, library.memory(source)._replace(pointer=0)
        if name not in self._buffers or self._buffers[name][0] != kind:
            self._buffers[name] = kind, library.empty_like(source)
        return self._buffers[name][1]

    def __getstate__(self) -> dict[str, Any]:
        """Leave the memory behind: a copy has its own."""
        return {"out": self.out, "_buffers": {}}


def _is_writable(array: Any) -> bool:
    """Return whether an array may be written to: only NumPy knows read-only ones."""
    return bool(getattr(getattr(array, "flags", None), "writeable", True))
