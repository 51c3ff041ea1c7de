"""Build `mix.cu` as C++ for this processor and run its kernels, each access checked.

See `kernel_shim.cpp` for what is checked. Not seen here: streams, real limits of a launch, device
memory, and what a GPU does with threads that run at the same time.
"""

from __future__ import annotations

import atexit
import ctypes
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from albu_cutmix.kernels import source_code

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

ORDERS = ("forward", "reverse", "shuffled")
FLAGS = ("-std=c++14", "-O1", "-fPIC", "-shared", "-fno-exceptions", "-fno-rtti")
FLAGS += ("-fno-threadsafe-statics", "-Wno-unknown-pragmas")
MOST_PARAMETERS = 4096  # bytes, of all arguments of a kernel
MOST_BLOCKS = (2**31 - 1, 65_535, 65_535)
MOST_THREADS = 1024  # of a block


class Report(NamedTuple):
    """Bytes that one launch loaded and stored, and its first faults in words."""

    loaded: int
    stored: int
    faults: list[str]


class _Report(ctypes.Structure):
    """The same in C."""

    _fields_ = (
        ("loaded", ctypes.c_ulonglong),
        ("stored", ctypes.c_ulonglong),
        ("faults", ctypes.c_ulonglong),
        ("text", ctypes.c_char * 4000),
    )


class Shim:
    """The kernels of one text, and the memory that they may touch."""

    def __init__(self, library: Path, source: str) -> None:
        self.source = source
        self._library = ctypes.CDLL(str(library))
        self._library.shim_register.argtypes = [ctypes.c_uint64, ctypes.c_uint64, ctypes.c_int]
        self._library.shim_forget.argtypes = [ctypes.c_uint64]

    def register(self, address: int, nbytes: int, *, writable: bool = True) -> None:
        """Let kernels touch these bytes."""
        self._library.shim_register(address, nbytes, writable)

    def forget(self, address: int) -> None:
        """Take back what was registered at an address."""
        self._library.shim_forget(address)

    def parameters(self, name: str) -> tuple[int, ...]:
        """Return the bytes of each argument of a kernel."""
        sizes = (ctypes.c_ulonglong * 8)()
        count = self._library.shim_parameters(name.encode(), sizes)
        if count < 0:
            raise AssertionError(f"mix.cu has no kernel {name!r}")
        return tuple(sizes[:count])

    def layout(self, struct: str) -> list[int]:
        """Return where the fields of `job` or `row` lie in C, and its size."""
        places = (ctypes.c_ulonglong * 16)()
        return places[: getattr(self._library, f"shim_{struct}_layout")(places)]

    def launch(
        self,
        name: str,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        args: Sequence[np.ndarray],
        order: str = "forward",
    ) -> Report:
        """Run a kernel; each argument is passed by value, as the memory of an array."""
        grid, block = (*grid, 1, 1)[:3], (*block, 1, 1)[:3]
        sizes = tuple(arg.nbytes for arg in args)
        if sizes != self.parameters(name):
            raise AssertionError(f"{name} takes {self.parameters(name)} bytes, got {sizes}")
        if sum(sizes) > MOST_PARAMETERS:
            raise AssertionError(f"arguments of {sum(sizes)} bytes, no GPU takes as much")
        if any(not 1 <= one <= most for one, most in zip(grid, MOST_BLOCKS, strict=True)):
            raise AssertionError(f"no GPU has a grid of {grid}")
        if not 1 <= prod(block) <= MOST_THREADS:
            raise AssertionError(f"no GPU has a block of {block}")
        pointers = (ctypes.c_void_p * len(args))(*(arg.ctypes.data for arg in args))
        three, report = ctypes.c_uint * 3, _Report()
        numbers = three(*grid), three(*block), pointers, ORDERS.index(order)
        self._library.shim_launch(name.encode(), *numbers, ctypes.byref(report))
        faults = report.text.decode().splitlines()
        assert bool(faults) == bool(report.faults)
        return Report(report.loaded, report.stored, faults)


@cache
def compiler() -> tuple[str, ...]:
    """Return the command of a C++ compiler, or skip the test that needs it."""
    for command in (os.environ.get("CXX", ""), "c++", "g++", "clang++"):
        words = shlex.split(command)
        if words and shutil.which(words[0]):
            return tuple(words)
    if find_spec("ziglang"):
        return sys.executable, "-m", "ziglang", "cc"  # not c++: it would build a library first
    pytest.skip("needs a C++ compiler: install g++ or clang++, or pip install ziglang")


@cache
def _folder() -> Path:
    """Return a folder for this session, removed at its end."""
    folder = tempfile.TemporaryDirectory(prefix="kernel-shim-", ignore_cleanup_errors=True)
    atexit.register(folder.cleanup)
    return Path(folder.name)


@cache
def shim(source: str | None = None) -> Shim:
    """Return the kernels of `mix.cu`, or of a changed text, built once a session."""
    source = source_code() if source is None else source
    folder = _folder() / hashlib.sha256(source.encode()).hexdigest()[:16]
    folder.mkdir(exist_ok=True)
    (folder / "mix.cu").write_text(source, encoding="utf-8")
    library = folder / "shim.so"
    code = str(Path(__file__).with_name("kernel_shim.cpp"))
    command = [*compiler(), *FLAGS, f"-I{folder}", "-o", str(library), code]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode:
        raise AssertionError(f"{shlex.join(command)} failed:\n{built.stderr}")
    return Shim(library, source)
