"""What `BatchCutMix` says of tensors, memory and libraries that it cannot mix."""

from __future__ import annotations

import re
import sys
import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from batch_inputs import OUTS, SHAPE, SIZE, WAYS, batch_of, check_refused
from torch.utils.data import DataLoader, Dataset

from albu_cutmix import (
    BatchCutMix,
    InvalidArgumentError,
    InvalidSampleError,
    MissingExtraError,
)
from albu_cutmix._backends import choose, cuda

# Tensors -----------------------------------------------------------------------------------------


def odd_tensors() -> dict[str, tuple[torch.Tensor, str]]:
    """Tensors that are no plain memory, and what is said of them."""
    zeros = torch.zeros(SIZE, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls these beta, or deprecated
        out = {
            "sparse": (zeros.to_sparse(), ".to_dense()."),
            "sparse rows": (zeros.to_sparse_csr(), ".to_dense()."),
            "quantized": (torch.quantize_per_tensor(zeros, 1.0, 0, torch.quint8), ".dequantize()."),
            "nested": (torch.nested.nested_tensor([torch.zeros(4)] * 5), ".to_padded_tensor(0)."),
        }
    out["negated"] = torch.ones(SIZE, 4, dtype=torch.complex64).conj().imag, ".resolve_neg()."
    return out


@pytest.mark.parametrize("backend", ["auto", "torch"])
@pytest.mark.parametrize(("tensor", "way_out"), odd_tensors().values(), ids=odd_tensors())
def test_tensors_that_are_no_plain_memory(tensor, way_out, backend):
    """Tensors that hide their values are refused, with the call that makes them plain."""
    batch = {"image": torch.zeros(SIZE, 3, 8, 8), "label": tensor}
    words = f"label must be a dense tensor, got layout {tensor.layout}, dtype {tensor.dtype}."
    check_refused(batch, words, backend=backend)
    check_refused(batch, f"Convert it with label{way_out}", backend=backend)


@pytest.mark.parametrize("out", OUTS)
def test_tensors_that_autograd_watches(out):
    """No gradient passes through a mix of pixels, so none is asked for."""
    words = (
        " requires grad, and a mix of pixels passes no gradient on. Give {}.detach(), and mix "
        "before the model."
    )
    image, vectors = torch.zeros(SIZE, 3, 8, 8), torch.zeros(SIZE, 4)
    watched = {"image": image.clone().requires_grad_(), "label": vectors}
    check_refused(watched, "image" + words.format("image"), out=out)
    watched = {"image": image, "label": vectors.clone().requires_grad_() * 2}
    check_refused(watched, "label" + words.format("label"), out=out)


@pytest.mark.parametrize("dtype", [torch.complex64, torch.float8_e4m3fn], ids=str)
def test_tensors_of_no_plain_numbers(dtype):
    """Dtypes that no other library can move are refused by name."""
    words = f"image must hold plain numbers, got dtype {dtype}."
    check_refused({"image": torch.zeros(2, 3, 8, 8).to(dtype)}, words)


# Memory ------------------------------------------------------------------------------------------


def test_read_only_memory_in_place():
    """In place never writes to what NumPy says is read-only, a memory map or a broadcast too."""
    words = "which is read-only. Give a copy, or use out='new'."
    check_refused(batch_of("numpy"), f"out='inplace' writes into image, {words}", out="inplace")
    batch = batch_of("numpy") | {"image": np.zeros((SIZE, 3, *SHAPE))}
    check_refused(batch, f"out='inplace' writes into mask, {words}", out="inplace")
    image = np.broadcast_to(np.zeros((1, 3, 8, 8)), (SIZE, 3, 8, 8))
    check_refused({"image": image}, words, out="inplace")


def test_a_read_only_memory_map_in_place(tmp_path):
    """A file that is open for reading is not written to."""
    np.save(tmp_path / "images.npy", np.zeros((SIZE, 3, 8, 8), np.uint8))
    image = np.load(tmp_path / "images.npy", mmap_mode="r")
    check_refused({"image": image}, "image, which is read-only. Give a copy", out="inplace")


@pytest.mark.parametrize("backend", ["auto", "torch"])
def test_values_that_share_memory_in_place(backend):
    """Expanded tensors and overlapping windows hold a value twice, and are refused in place."""
    words = "out='inplace' needs memory of its own for every value of image, got strides "
    way_out = "is it expanded? Give a copy, or use out='new'."
    expanded = torch.zeros(1, 3, 8, 8).expand(SIZE, -1, -1, -1)
    windows = torch.zeros(400).as_strided((SIZE, 3, 8, 8), (20, 64, 8, 1))
    for image, strides in ((expanded, "(0, 256, 32, 4)"), (windows, "(80, 256, 32, 4)")):
        said = f"{words}{strides} bytes for shape (5, 3, 8, 8): {way_out}"
        check_refused({"image": image}, said, out="inplace", backend=backend)


@pytest.mark.parametrize("way", WAYS[:2])
def test_image_and_mask_of_one_memory_in_place(way):
    """Where image and mask share a byte, one would be mixed twice."""
    image = np.zeros((SIZE, 4, 8, 8), np.uint8)
    image = image if way == "numpy" else torch.from_numpy(image)
    words = (
        "out='inplace' writes into image and mask, which share memory. Give a copy of one of "
        "them, or use out='new'."
    )
    for mask in (image, image[:, 3], image[:, 2:4]):
        check_refused({"image": image, "mask": mask}, words, out="inplace")


@pytest.mark.parametrize("way", WAYS[:2])
def test_memory_that_is_used_again_is_not_its_own_source(way):
    """Fed its own result, out='reuse' would read what it is writing: it refuses."""
    image = batch_of(way)["mask"].reshape(SIZE, 1, *SHAPE)
    mix = BatchCutMix(out="reuse", seed=1)
    out = mix({"image": image, "mask": image})
    words = (
        "{} lies in the memory that out='reuse' would write {} to: it is the result of an earlier "
        "call. Use out='new' to mix a mix."
    )
    with pytest.raises(InvalidSampleError, match=re.escape(words.format("image", "image"))):
        mix({"image": out["image"]})
    with pytest.raises(InvalidSampleError, match=re.escape(words.format("mask", "image"))):
        mix({"image": image, "mask": out["image"]})


class Refusals(Dataset):
    """What a mix says in the worker: an error would take seconds to end it."""

    def __init__(self, mix: BatchCutMix) -> None:
        self.mix = mix

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> str:
        with pytest.raises(InvalidArgumentError) as caught:
            self.mix({"image": torch.zeros(2, 3, 8, 8)})
        return str(caught.value)


def test_memory_that_is_used_again_in_a_worker():
    """Batches are still on their way when the worker mixes the next one: out='reuse' refuses."""
    loader = DataLoader(Refusals(BatchCutMix(out="reuse")), batch_size=None, num_workers=1)
    words = (
        "out='reuse' writes into memory that batches still on their way from a DataLoader worker "
        "lie in. Use out='new' there, or mix after the loader."
    )
    assert list(loader) == [words]


# Backends ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("backend", "batch", "got"),
    [
        ("torch", np.zeros((2, 3, 8, 8)), "a NumPy array; there it is one of auto, numpy."),
        ("cupy", np.zeros((2, 3, 8, 8)), "a NumPy array; there it is one of auto, numpy."),
        ("cupy", torch.zeros(2, 3, 8, 8), "a torch tensor on cpu; there it is one of auto, numpy,"),
    ],
    ids=["torch for NumPy", "CuPy for NumPy", "CuPy for host memory"],
)
def test_a_backend_that_cannot_work_on_such_arrays(backend, batch, got):
    """A backend asked for by name is never replaced silently."""
    words = f"backend={backend!r} cannot mix a batch that came as {got}"
    check_refused({"image": batch}, words, InvalidArgumentError, backend=backend)


class OnDevice:
    """An array of CuPy, as far as a refusal looks at it."""

    def __init__(self, device: int) -> None:
        self.device = SimpleNamespace(id=device)


def like_cupy(*, devices: bool) -> SimpleNamespace:
    """As much of CuPy as a refusal needs: it finds no device, or one without a compiler."""

    def fail(**_: Any) -> None:
        raise RuntimeError("no NVRTC")

    return SimpleNamespace(
        __version__="13.0", ndarray=OnDevice, is_available=lambda: devices, RawModule=fail
    )


@pytest.fixture
def with_cupy(monkeypatch):
    """Put something in the place of CuPy; find out about it anew."""

    def put(module: Any, spec: Any = True) -> None:
        monkeypatch.setitem(sys.modules, "cupy", module)
        monkeypatch.setattr(cuda, "find_spec", lambda name: spec)
        monkeypatch.setattr(choose, "find_cupy", cuda.find_cupy.__wrapped__)

    return put


@pytest.mark.parametrize(
    ("module", "spec", "reason"),
    [
        (
            None,
            None,
            'not installed. For a CUDA device install it with: pip install "albu_cutmix[cuda13]"',
        ),
        (None, True, "CuPy is installed and cannot be imported: "),
        (like_cupy(devices=False), True, "CuPy 13.0 finds no CUDA device, or no driver for it."),
        (like_cupy(devices=True), True, "CuPy 13.0 cannot compile the kernel: no NVRTC."),
    ],
    ids=["not installed", "broken", "no device", "no compiler"],
)
def test_the_kernel_without_cupy(module, spec, reason, with_cupy, monkeypatch):
    """Asked for by name, a kernel that cannot run says why, and how to install what it needs."""
    with_cupy(module, spec)
    monkeypatch.setattr(choose, "_place", lambda array, name: ("torch cuda", "cuda:0"))
    with pytest.raises(
        MissingExtraError, match=re.escape("the CUDA kernel cannot be used: ")
    ) as caught:
        choose.library_of({"image": torch.zeros(1)}, "cupy")
    assert reason in str(caught.value)


def test_arrays_of_two_devices(with_cupy):
    """A batch lies on one device; a mask on another is named with both places."""
    with_cupy(like_cupy(devices=False))
    batch = {"image": OnDevice(0), "mask": OnDevice(1)}
    words = (
        "got image as a CuPy array on device 0 and mask as a CuPy array on device 1. Move them to "
        "where the image is."
    )
    check_refused(batch, words)
    check_refused({"image": OnDevice(0)}, "CuPy 13.0 finds no CUDA device", MissingExtraError)
