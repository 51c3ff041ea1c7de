"""On a real CUDA device: BatchCutMix by the kernel, and by torch's operations, equals NumPy.

Run with `pytest -m gpu` where there is a device; elsewhere each test says that it was skipped.
"""

from __future__ import annotations

import numpy as np
import pytest
from batch_oracle import random_batch

from albu_cutmix import BatchCutMix, BatchMixUp, MixRecord, backend_info

torch = pytest.importorskip("torch", reason="torch is not installed")

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: nothing was run"),
]
SHAPES = ((13, 29), (64, 96), (224, 224))


def needs_kernel() -> None:
    """Skip where CuPy cannot launch the kernel."""
    if "CUDA kernel" not in backend_info()["cuda"]:
        pytest.skip(backend_info()["cupy"])


def on_host(value):
    """A result as NumPy."""
    if torch.is_tensor(value):
        return value.cpu().numpy()
    return value.get() if hasattr(value, "get") else np.asarray(value)


def check_equal(got: dict, expected: dict) -> None:
    """Assert that every target and every field of the record is the same."""
    for name in sorted(expected.keys() - {"mix"}):
        assert np.array_equal(on_host(got[name]), expected[name]), name
    for name in MixRecord._fields:
        one, other = (getattr(out["mix"], name) for out in (got, expected))
        assert np.array_equal(on_host(one), on_host(other)), name


@pytest.mark.parametrize("backend", ["cupy", "torch"])
@pytest.mark.parametrize("out", ["new", "reuse", "inplace"])
@pytest.mark.parametrize("pairing", ["permutation", "pairs"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cuda_tensors_equal_numpy(backend, out, pairing, shape):
    """Every target, label and record on the device is that of host memory."""
    if backend == "cupy":
        needs_kernel()
    for size, dtype in ((2, "uint8"), (67, "float32"), (400, "uint8")):
        batch = random_batch(size, size, shape, image=dtype, mask="int32")
        settings = {"classes": 4, "seed": 2, "seam": True, "pairing": pairing, "p": 0.8}
        expected = BatchCutMix(**settings)(batch)
        given = {name: torch.from_numpy(value).cuda() for name, value in batch.items()}
        mix = BatchCutMix(backend=backend, out=out, **settings)
        check_equal(mix(given), expected)


@pytest.mark.parametrize("out", ["new", "reuse", "inplace"])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("mask_mode", ["heavier", "ignore"])
def test_blends_of_cuda_tensors_equal_numpy(mask_mode, dtype, out):
    """A blend by the device's own operations is that of host memory, bit for bit."""
    batch = random_batch(5, 67, (64, 96), image=dtype, mask="int32")
    settings = {"classes": 4, "seed": 2, "seam": True, "p": 0.8, "mask_mode": mask_mode}
    settings |= {"ignore_index": 255} if mask_mode == "ignore" else {}
    expected = BatchMixUp(**settings)(batch)
    given = {name: torch.from_numpy(value).cuda() for name, value in batch.items()}
    check_equal(BatchMixUp(out=out, **settings)(given), expected)


def test_cupy_arrays_equal_numpy():
    """CuPy arrays go in and come out."""
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    batch = random_batch(3, 67, (64, 96), image="uint8")
    expected = BatchCutMix(classes=4, seed=2, seam=True)(batch)
    given = {name: cupy.asarray(value) for name, value in batch.items()}
    got = BatchCutMix(classes=4, seed=2, seam=True)(given)
    assert isinstance(got["image"], cupy.ndarray)
    check_equal(got, expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int64, torch.bool])
def test_dtypes_and_channels_last(dtype):
    """Any dtype, in channels_last memory, is mixed as bytes and keeps its order."""
    needs_kernel()
    images = torch.randint(0, 2, (16, 3, 64, 96)).to(dtype)
    expected = BatchCutMix(seed=1)({"image": images})["image"]
    given = images.cuda().to(memory_format=torch.channels_last)
    got = BatchCutMix(seed=1, backend="cupy")({"image": given})["image"]
    assert got.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(got.cpu(), expected)


def test_on_a_side_stream_without_waiting():
    """The mix runs on the caller's stream, and nothing in it waits for the device."""
    needs_kernel()
    images, labels = torch.rand(64, 3, 224, 224), torch.arange(64) % 10
    given = {"image": images.cuda(), "label": labels.cuda()}
    expected = BatchCutMix(classes=10, seed=1)({"image": images, "label": labels})
    mix, stream = BatchCutMix(classes=10, seed=1, backend="cupy"), torch.cuda.Stream()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        with torch.cuda.stream(stream):
            got = mix(given)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    stream.synchronize()
    assert torch.equal(got["image"].cpu(), expected["image"])
    assert torch.equal(got["label"].cpu(), expected["label"])
