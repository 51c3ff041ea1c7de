"""CuPy: found, asked for the kernels, and told to launch them. The only module that imports it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib.util import find_spec
from typing import Any, NamedTuple

from albu_cutmix._backends.library import INTEGERS, Library
from albu_cutmix.kernels import BLOCK, Launch, source_code
from albu_cutmix.memory import Memory

__all__ = ["Cupy", "broken_cupy", "find_cupy", "run_kernels"]

EXTRAS = 'pip install "albu_cutmix[cuda13]" (or [cuda12] for drivers of CUDA 12)'


class _Stream:
    """A stream of another library, in the words of the CUDA stream protocol."""

    def __init__(self, pointer: int) -> None:
        self.pointer = pointer

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self.pointer


class Found(NamedTuple):
    """CuPy, its compiled kernels, and why it cannot be used ("" where it can).

    Broken is an installation that should work, and does not.
    """

    module: Any
    kernels: Any
    reason: str
    broken: bool = False


def run_kernels(launches: list[Launch], device: int, stream: int | None = None) -> None:
    """Launch kernels on a device, on another library's stream or on CuPy's current one."""
    cupy, kernels, *_ = find_cupy()
    own = nullcontext() if stream is None else cupy.cuda.Stream.from_external(_Stream(stream))
    with cupy.cuda.Device(device), own:
        for kernel, grid, job in launches:
            kernels.get_function(kernel)(grid, (BLOCK,), (job,))


@cache
def find_cupy() -> Found:
    """Import CuPy and compile the kernels, once; where that fails say why."""
    if find_spec("cupy") is None:
        return Found(
            None, None, f"CuPy is not installed. For a CUDA device install it with: {EXTRAS}"
        )
    try:
        import cupy
    except Exception as error:  # noqa: BLE001 - a broken installation raises whatever it likes
        return Found(None, None, f"CuPy is installed and cannot be imported: {error}", True)
    version = f"CuPy {cupy.__version__}"
    if not cupy.is_available():
        return Found(cupy, None, f"{version} finds no CUDA device, or no driver for it")
    try:
        kernels = cupy.RawModule(code=source_code(), options=("-std=c++14",))
        kernels.get_function("mix_new_16")
    except Exception as error:  # noqa: BLE001 - NVRTC is missing, or too old for the device
        return Found(cupy, None, f"{version} cannot compile the kernel: {error}", True)
    return Found(cupy, kernels, "")


def broken_cupy() -> str:
    """Return why CuPy is installed in vain, "" where it is not: a machine without a GPU is well."""
    found = find_cupy()
    return found.reason if found.broken else ""


class Cupy(Library):
    """CuPy: pixels by the kernel."""

    name = "CuPy"
    way = "kernel"
    on_host = False

    def __init__(self, device: int) -> None:
        self.xp = find_cupy().module
        self.device = device

    def active(self) -> AbstractContextManager[Any]:
        device: AbstractContextManager[Any] = self.xp.cuda.Device(self.device)
        return device

    def open(self, array: Any) -> Any:
        return array

    def bits(self, array: Any) -> Any:
        return array.view(INTEGERS[array.itemsize])

    def close(self, array: Any, like: Any = None) -> Any:
        return array if like is None else array.view(like.dtype)

    def put(self, host: Any) -> Any:
        return self.xp.asarray(host)

    def empty_like(self, array: Any) -> Any:
        return self.xp.empty_like(array)

    def zeros(self, shape: tuple[int, ...]) -> Any:
        return self.xp.zeros(shape, "float32")

    def memory(self, array: Any) -> Memory:
        return Memory(array.data.ptr, array.shape, array.strides, array.itemsize)

    def launch(self, launches: list[Launch], array: Any) -> None:  # noqa: ARG002
        run_kernels(launches, self.device)
