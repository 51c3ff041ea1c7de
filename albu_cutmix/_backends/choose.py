"""Which library the arrays of a batch belong to, and what is available here."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np

from albu_cutmix._backends.cuda import Cupy, find_cupy
from albu_cutmix._backends.library import Library
from albu_cutmix._backends.tensors import Torch, TorchHost, TorchKernel
from albu_cutmix.errors import InvalidArgumentError, InvalidSampleError, MissingExtraError

__all__ = ["BACKENDS", "backend_info", "library_of"]

BACKENDS = ("auto", "numpy", "torch", "cupy")


def library_of(arrays: Mapping[str, Any], backend: str) -> Library:
    """Return the library that all arrays of a batch belong to.

    Args:
        arrays: By their name in the batch.
        backend: One of `BACKENDS`; "auto" is by the arrays' type.

    Raises:
        InvalidSampleError: If an array is none, or two are of different libraries or devices.
        InvalidArgumentError: If the backend cannot work on such arrays.
        MissingExtraError: If "cupy" was asked for and cannot be used.
    """
    places = {name: _place(array, name) for name, array in arrays.items()}
    first, place = next(iter(places.items()))
    for name, other in places.items():
        if other != place:
            raise InvalidSampleError(
                f"all arrays of a batch must be of one library on one device, got {first} as "
                f"{_say(place)} and {name} as {_say(other)}. Move them to where the image is."
            )
    kind, device = place
    allowed = {
        "numpy": ("numpy",),
        "cupy": ("cupy",),
        "torch cpu": ("numpy", "torch"),
        "torch cuda": ("torch", "cupy"),
    }[kind]
    if backend not in ("auto", *allowed):
        raise InvalidArgumentError(
            f"backend={backend!r} cannot mix a batch that came as {_say(place)}; there it is one "
            f"of {', '.join(('auto', *allowed))}."
        )
    if kind == "numpy":
        return Library()
    if kind == "torch cpu":
        return Torch(device) if backend == "torch" else TorchHost()
    if kind == "torch cuda" and (backend == "torch" or not _takes_kernel(backend)):
        return Torch(device)
    return _cupy_library(kind, device)


def _cupy_library(kind: str, device: Any) -> Library:
    """Return the library of arrays that the kernel mixes; raise where it cannot."""
    found = find_cupy()
    if found.reason:
        raise MissingExtraError(f"the CUDA kernel cannot be used: {found.reason}.")
    return TorchKernel(device) if kind == "torch cuda" else Cupy(device)


def _takes_kernel(backend: str) -> bool:
    """Return whether CUDA tensors go to the kernel: always where it was asked for by name."""
    hip = getattr(sys.modules["torch"].version, "hip", None)  # ROCm calls its devices cuda too
    return backend == "cupy" or not (hip or find_cupy().reason)


def _place(array: Any, name: str) -> tuple[str, Any]:
    """Return the kind of an array, and its device."""
    if isinstance(array, np.ndarray):
        return "numpy", None
    torch, cupy = sys.modules.get("torch"), sys.modules.get("cupy")
    if torch is not None and isinstance(array, torch.Tensor):
        if array.device.type in ("cpu", "cuda"):
            return f"torch {array.device.type}", array.device
        raise InvalidSampleError(
            f"{name} must be on the CPU or on a CUDA device, got a tensor on {array.device}. Mix "
            "the batch before it is moved there."
        )
    if cupy is not None and isinstance(array, cupy.ndarray):
        return "cupy", array.device.id
    raise InvalidSampleError(
        f"{name} must be a NumPy, torch or CuPy array of the whole batch, got "
        f"{type(array).__name__}. Stack the samples first, as torch's default_collate does."
    )


def _say(place: tuple[str, Any]) -> str:
    kind, device = place
    return {"numpy": "a NumPy array", "cupy": f"a CuPy array on device {device}"}.get(
        kind, f"a torch tensor on {device}"
    )


def backend_info() -> dict[str, str]:
    """Say in words what batches can be mixed with here, and what not and why.

    Imports torch and CuPy where they are installed, and compiles the CUDA kernel where there is a
    device for it.

    Returns:
        A sentence for "numpy", "torch", "cuda" (CUDA tensors of torch) and "cupy".
    """
    found = find_cupy()
    kernel = "by the CUDA kernel"
    info = {
        "numpy": f"NumPy {np.__version__}: arrays and CPU tensors are mixed in host memory",
        "torch": 'torch is not installed. Install it with: pip install "albu_cutmix[torch]"',
        "cuda": "no CUDA tensors without torch",
        "cupy": found.reason or f"CuPy {found.module.__version__}: arrays are mixed {kernel}",
    }
    if find_spec("torch") is not None:
        import torch

        info["torch"] = f"torch {torch.__version__}"
        if not torch.cuda.is_available():
            info["cuda"] = "torch finds no CUDA device"
        elif _takes_kernel("auto"):
            info["cuda"] = f"{torch.cuda.get_device_name()}: tensors are mixed {kernel}"
        else:
            name = torch.cuda.get_device_name()
            info["cuda"] = f"{name}: tensors are mixed by torch's own operations (see cupy)"
    return info
