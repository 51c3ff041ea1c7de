"""torch: host memory as NumPy arrays, devices by the kernel or by torch's own operations."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import numpy as np

from albu_cutmix._backends.cuda import run_kernels
from albu_cutmix._backends.library import INTEGERS, Library
from albu_cutmix.errors import InvalidSampleError
from albu_cutmix.kernels import Launch
from albu_cutmix.memory import Memory

__all__ = ["Torch", "TorchHost", "TorchKernel"]


class _Tensors(Library):
    """What is the same for torch wherever its tensors are."""

    name = "torch"

    def kind(self, array: Any) -> str:
        return _torch_kind(array.dtype)

    def refuse(self, array: Any, name: str) -> None:
        _refuse_tensor(array, name)

    def note_write(self, array: Any) -> None:
        _note_write(array)


class TorchHost(_Tensors):
    """torch in host memory: worked on as NumPy arrays of the same memory."""

    def open(self, array: Any) -> Any:
        torch = sys.modules["torch"]
        # NumPy has no bfloat16; float32 holds its every value.
        return (array.float() if array.dtype == torch.bfloat16 else array).numpy()

    def bits(self, array: Any) -> Any:
        torch = sys.modules["torch"]
        return array.view(getattr(torch, INTEGERS[array.element_size()])).numpy()

    def close(self, array: Any, like: Any = None) -> Any:
        tensor = sys.modules["torch"].from_numpy(np.asarray(array))
        return tensor if like is None else tensor.view(like.dtype)


class Torch(_Tensors):
    """torch by its own operations, on a CUDA device or, when asked for, in host memory."""

    way = "operations"

    def __init__(self, device: Any) -> None:
        self.xp = sys.modules["torch"]
        self.device = device
        self.on_host = device.type == "cpu"

    def open(self, array: Any) -> Any:
        return array

    def bits(self, array: Any) -> Any:
        return array.view(getattr(self.xp, INTEGERS[array.element_size()]))

    def close(self, array: Any, like: Any = None) -> Any:
        if isinstance(array, (np.ndarray, np.generic)):
            return self.xp.from_numpy(np.asarray(array))
        return array if like is None else array.view(like.dtype)

    def put(self, host: Any) -> Any:
        # From pageable memory the driver takes its own copy before it returns: nothing waits for
        # the device, and the array may die.
        return self.xp.from_numpy(np.ascontiguousarray(host)).to(self.device, non_blocking=True)

    def empty_like(self, array: Any) -> Any:
        return self.xp.empty_like(array)

    def zeros(self, shape: tuple[int, ...]) -> Any:
        return self.xp.zeros(shape, dtype=self.xp.float32, device=self.device)

    def real(self, array: Any) -> Any:
        return array.to(self.xp.float64)

    def cast(self, array: Any, dtype: Any) -> Any:
        return array.to(getattr(self.xp, dtype) if isinstance(dtype, str) else dtype)

    def order(self, first: Any) -> Any:
        return self.xp.argsort((~first).to(self.xp.uint8), dim=1, stable=True)

    def take(self, rows: Any, index: Any) -> Any:
        index = index.reshape(*index.shape, *[1] * (rows.ndim - 2))
        return self.xp.take_along_dim(rows, index, 1)

    def memory(self, array: Any) -> Memory:
        size = array.element_size()
        strides = tuple(step * size for step in array.stride())
        return Memory(array.data_ptr(), tuple(array.shape), strides, size)


class TorchKernel(Torch):
    """torch on a CUDA device, pixels by the kernel: CuPy launches it, and owns no memory."""

    way = "kernel"

    def launch(self, launches: list[Launch], array: Any) -> None:
        stream = self.xp.cuda.current_stream(self.device)
        run_kernels(launches, array.device.index, stream.cuda_stream)


def _note_write(tensor: Any) -> None:
    """Raise the tensor's version, so that autograd notices who still needs what it was."""
    note = getattr(sys.modules["torch"].autograd.graph, "increment_version", None)
    if note is not None and not tensor.is_inference():
        note(tensor)


def _torch_kind(dtype: Any) -> str:
    torch = sys.modules["torch"]
    if dtype.is_complex or dtype not in _torch_numbers(torch):
        return "O"
    if dtype.is_floating_point:
        return "f"
    return "b" if dtype == torch.bool else "i"


@cache
def _torch_numbers(torch: Any) -> frozenset[Any]:
    """Return the dtypes of torch whose values are plain numbers: none of the quantized ones."""
    names = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16"]
    names += ["uint16", "uint32", "uint64", "float32", "float64"]
    return frozenset(getattr(torch, name) for name in names if hasattr(torch, name))


def _refuse_tensor(tensor: Any, name: str) -> None:
    """Raise for tensors that are no plain memory, or that autograd watches."""
    if tensor.requires_grad:
        raise InvalidSampleError(
            f"{name} requires grad, and a mix of pixels passes no gradient on. Give "
            f"{name}.detach(), and mix before the model."
        )
    odd = {
        ".to_padded_tensor(0)": tensor.is_nested,
        ".dequantize()": tensor.is_quantized,
        ".to_dense()": tensor.layout is not sys.modules["torch"].strided,
    }
    odd[".resolve_neg()"] = not any(odd.values()) and tensor.is_neg()
    for way, is_odd in odd.items():
        if is_odd:
            raise InvalidSampleError(
                f"{name} must be a dense tensor, got layout {tensor.layout}, dtype "
                f"{tensor.dtype}. Convert it with {name}{way}."
            )
