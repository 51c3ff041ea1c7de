"""BatchCutMix by the CUDA kernel, without a GPU: its host code on a stand-in for CuPy.

The kernels run as C++ in a shim, every access checked. Not run here: a real device, its streams
and memory, CuPy itself, and torch's CUDA tensors, for which CPU tensors stand that say they are
CUDA ones. `test_gpu` runs all that where there is a device.
"""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from batch_oracle import random_batch
from fake_cupy import FakeArray, fake_cupy
from kernel_shim import shim

from albu_cutmix import BatchCutMix, InvalidSampleError, MixRecord, backend_info
from albu_cutmix._backends import cuda, tensors
from albu_cutmix.batch import BatchMixUp

SHAPE = (13, 29)
STREAM = 0xBEEF0


@pytest.fixture
def cupy(monkeypatch):
    """The stand-in in CuPy's place."""
    module = fake_cupy(shim())
    monkeypatch.setitem(sys.modules, "cupy", module)
    cuda.find_cupy.cache_clear()
    yield module
    cuda.find_cupy.cache_clear()


class OnDevice(torch.Tensor):
    """A CPU tensor that says it is on a CUDA device."""

    device = property(lambda self: torch.device("cuda", 1))


@pytest.fixture
def on_device(cupy, monkeypatch):
    """Makes such tensors; new memory of them is known to the shim."""
    held = []

    def known(tensor: torch.Tensor) -> OnDevice:
        held.append(tensor)
        cupy.log.shim.register(tensor.data_ptr(), max(1, tensor.nbytes))
        return tensor.as_subclass(OnDevice)

    cupy.log.shim = shim()
    stream = SimpleNamespace(cuda_stream=STREAM)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: stream)
    monkeypatch.setattr(
        tensors.Torch, "put", lambda self, host: known(torch.from_numpy(np.array(host)))
    )
    monkeypatch.setattr(tensors.Torch, "zeros", lambda self, shape: known(torch.zeros(shape)))
    monkeypatch.setattr(
        tensors.Torch,
        "empty_like",
        lambda self, array: known(torch.empty_like(array.as_subclass(torch.Tensor))),
    )
    yield known
    for tensor in held:
        shim().forget(tensor.data_ptr())


def on_host(value):
    """A result as NumPy, without a note that anybody waited."""
    if isinstance(value, FakeArray):
        return value._host
    return value.as_subclass(torch.Tensor).numpy() if torch.is_tensor(value) else np.asarray(value)


def check_equal(got: dict, expected: dict) -> None:
    """Assert that every target and every field of the record is the same."""
    assert got.keys() == expected.keys()
    for name in sorted(expected.keys() - {"mix"}):
        value = on_host(got[name])
        assert value.dtype == expected[name].dtype, name
        assert np.array_equal(value, expected[name]), name
    for name in MixRecord._fields:
        one, other = (getattr(out["mix"], name) for out in (got, expected))
        assert np.array_equal(on_host(one), on_host(other)), name


@pytest.mark.parametrize("out", ["new", "reuse", "inplace"])
@pytest.mark.parametrize("pairing", ["permutation", "pairs"])
@pytest.mark.parametrize("kind", ["cupy", "torch"])
def test_the_kernel_equals_numpy(out, pairing, kind, cupy, on_device):
    """Every target and the record are those of the NumPy path, and nobody waits for the device."""
    make = cupy.asarray if kind == "cupy" else lambda value: on_device(torch.from_numpy(value))
    for size, dtype, layout in (
        (2, "uint8", "NHWC"),
        (7, "float32", "NCHW"),
        (67, "uint8", "NCHW"),
    ):
        settings = {"classes": 4, "seed": 2, "seam": True, "layout": layout, "p": 0.8}
        batch = random_batch(size, size, SHAPE, image=dtype, layout=layout)
        expected = BatchCutMix(pairing=pairing, **settings)(batch)
        given = {name: make(value.copy()) for name, value in batch.items()}
        cupy.log.waits.clear()
        got = BatchCutMix(pairing=pairing, out=out, **settings)(given)
        assert cupy.log.waits == []
        check_equal(got, expected)
        if out == "inplace":
            assert got["image"] is given["image"]
        else:
            assert np.array_equal(on_host(given["image"]), batch["image"])


@pytest.mark.parametrize("out", ["new", "reuse", "inplace"])
@pytest.mark.parametrize("mode", ["heavier", "ignore"])
@pytest.mark.parametrize("kind", ["cupy", "torch"])
def test_a_blend_on_a_device_equals_numpy(out, mode, kind, cupy, on_device):
    """Blends are of the library's operations: no kernel, nobody waits, the same bytes."""
    make = cupy.asarray if kind == "cupy" else lambda value: on_device(torch.from_numpy(value))
    settings = {"classes": 4, "seed": 2, "seam": True, "p": 0.8, "visibility_column": 4}
    settings |= {"mask_mode": mode, "ignore_index": 255 if mode == "ignore" else None}
    for size, dtype, layout in (
        (2, "uint8", "NHWC"),
        (7, "float32", "NCHW"),
        (9, "uint16", "NCHW"),
        (67, "float16", "NCHW"),
    ):
        settings["layout"] = layout
        batch = random_batch(size, size, SHAPE, image=dtype, layout=layout)
        expected = BatchMixUp(**settings)(batch)
        given = {name: make(value.copy()) for name, value in batch.items()}
        cupy.log.waits.clear()
        got = BatchMixUp(out=out, **settings)(given)
        assert cupy.log.waits == []
        assert cupy.log.launches == []
        check_equal(got, expected)
        if out == "inplace":
            assert got["image"] is given["image"]
        else:
            assert np.array_equal(on_host(given["image"]), batch["image"])


def test_what_is_no_box_or_point_is_not_blended_in(cupy):
    """Invalid rows of primary and donor are dropped on a device, mixed or not."""
    bad = [[np.nan] * 5, [5, 5, 2, 2, 1], [40, 0, 50, 9, 1], [1, 1, 6, 6, 1]]
    batch = {
        "image": np.zeros((8, 3, *SHAPE), np.uint8),
        "bboxes": np.array([bad] * 8, np.float32),
        "num_bboxes": np.full(8, 4),
        "keypoints": np.array([[[np.nan, 1], [np.inf, 2], [3, 4]]] * 8, np.float32),
        "num_keypoints": np.full(8, 3),
    }
    given = {name: cupy.asarray(value) for name, value in batch.items()}
    out = BatchMixUp(p=0.5, seed=1, visibility_column=4)(given)
    expected = (out["mix"].applied + 1).tolist()
    assert set(expected) == {1, 2}
    for name in ("bboxes", "keypoints"):
        assert np.isfinite(on_host(out[name])).all()
        assert on_host(out[f"num_{name}"]).tolist() == expected
    assert on_host(out["mix"].kept).tolist() == out["mix"].applied.astype(int).tolist()


def test_blended_cupy_arrays_stay_on_their_device(cupy):
    """What lies on another device than the current one is blended there."""
    batch = random_batch(1, 8, SHAPE, image="uint8")
    with cupy.cuda.Device(1):
        given = {name: cupy.asarray(value) for name, value in batch.items()}
    out = BatchMixUp(seed=1, classes=4, seam=True)(given)
    assert {value.device.id for name, value in out.items() if name != "mix"} == {1}
    assert cupy.log.device == 0


def test_channels_last_is_kept(on_device):
    """A channels_last batch comes out in the same memory order, mixed along the right axes."""
    batch = random_batch(4, 6, SHAPE, image="uint8")
    image = torch.from_numpy(batch["image"]).to(memory_format=torch.channels_last)
    got = BatchCutMix(seed=1)({"image": on_device(image)})["image"]
    assert got.as_subclass(torch.Tensor).is_contiguous(memory_format=torch.channels_last)
    assert np.array_equal(on_host(got), BatchCutMix(seed=1)({"image": batch["image"]})["image"])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.int64, torch.bool])
def test_dtypes_are_bytes(dtype, on_device):
    """Any dtype goes through the kernel as bytes."""
    values = torch.randint(0, 2, (6, 3, *SHAPE)).to(dtype)
    got = BatchCutMix(seed=1)({"image": on_device(values)})["image"].as_subclass(torch.Tensor)
    assert got.dtype == dtype
    assert torch.equal(got, BatchCutMix(seed=1)({"image": values})["image"])


def test_one_launch_for_each_array_on_the_callers_stream(cupy, on_device):
    """Image and mask take one launch each, on torch's stream and device, of the widest vectors."""
    batch = random_batch(1, 64, (16, 32), image="float32", mask="int32")
    given = {name: on_device(torch.from_numpy(batch[name])) for name in ("image", "mask")}
    BatchCutMix(seed=1)(given)
    kernels = [(name, stream, device) for name, _, _, stream, device in cupy.log.launches]
    assert kernels == [("mix_new_16", STREAM, 1)] * 2
    assert (cupy.log.stream, cupy.log.device) == (0, 0)
    cupy.log.launches.clear()
    BatchCutMix(seed=1, out="inplace", pairing="pairs")(given)
    assert [name for name, *_ in cupy.log.launches] == ["mix_inplace_16"] * 2


def test_cupys_own_stream(cupy):
    """CuPy arrays are mixed on the stream that is current, whichever it is."""
    images = cupy.asarray(np.zeros((4, 3, *SHAPE), np.uint8))
    with cupy.cuda.Stream() as stream:
        BatchCutMix(seed=1)({"image": images})
    assert {launch[3] for launch in cupy.log.launches} == {stream.ptr}


def test_cupy_arrays_stay_on_their_device(cupy):
    """What lies on another device than the current one is mixed there, and so do all results."""
    batch = random_batch(1, 8, SHAPE, image="uint8")
    with cupy.cuda.Device(1):
        given = {name: cupy.asarray(value) for name, value in batch.items()}
    out = BatchCutMix(seed=1, classes=4, seam=True)(given)
    assert {value.device.id for name, value in out.items() if name != "mix"} == {1}
    assert {launch[4] for launch in cupy.log.launches} == {1}
    assert cupy.log.device == 0


def test_a_class_outside_is_nan_on_a_device(cupy):
    """Nobody can wait to be told: the label of such a row, and of who took from it, is NaN."""
    labels = np.array([0, 7, 2, -1])
    images = np.zeros((4, 3, *SHAPE), np.uint8)
    mix = BatchCutMix(classes=3, seed=1, placement="inside")
    out = mix({"image": cupy.asarray(images), "label": cupy.asarray(labels)})
    donors = out["mix"].donors[:, 0]
    bad = [row in (1, 3) or donors[row] in (1, 3) for row in range(4)]
    assert np.isnan(on_host(out["label"])).all(1).tolist() == bad


def test_boxes_that_are_none_are_dropped_on_a_device(cupy):
    """NaN and inverted boxes never come out; the others do."""
    boxes = np.array([[[0, 0, 9, 9], [5, 5, 2, 2], [np.nan] * 4, [1, 1, 4, 6]]] * 2, np.float32)
    batch = {"image": np.zeros((2, 3, *SHAPE), np.uint8), "bboxes": boxes}
    batch["num_bboxes"] = np.array([4, 4])
    out = BatchCutMix(seed=3, placement="inside", area_range=(0.02, 0.02))(
        {name: cupy.asarray(value) for name, value in batch.items()}
    )
    counts, rows = on_host(out["num_bboxes"]), on_host(out["bboxes"])
    assert np.isfinite(rows).all()
    for count, row in zip(counts, rows, strict=True):
        assert (row[:count, 2:] > row[:count, :2]).all()


def test_samples_must_be_dense(cupy):
    """A kernel copies bytes of whole samples: other views are refused with the way out."""
    images = cupy.asarray(np.zeros((4, 3, 13, 58), np.uint8))[..., ::2]
    with pytest.raises(InvalidSampleError, match=r"image must be contiguous.*\.contiguous\(\)"):
        BatchCutMix()({"image": images})


def test_it_says_that_the_kernel_is_there(cupy):
    """`backend_info` tells that CuPy arrays are mixed by the kernel."""
    assert backend_info()["cupy"] == "CuPy 14.2.0: arrays are mixed by the CUDA kernel"


@pytest.mark.parametrize("fault", ["swapped patches", "wrong columns", "identity donors"], ids=str)
def test_wrong_host_code_is_noticed(fault, cupy, monkeypatch):
    """The comparison with NumPy fails where the host gives the kernel another plan."""
    from albu_cutmix.batch import pixels

    real = pixels.plan_launches

    def wrong(source, target, order, cycles, patches):
        if fault == "swapped patches":
            patches = patches[:, [1, 0, 3, 2]] * (patches.max() <= min(SHAPE))
        if fault == "identity donors":
            cycles = len(order)
        if fault == "wrong columns":
            patches = patches.clip(0, 5)
        return real(source, target, order, cycles, patches)

    batch = random_batch(1, 8, SHAPE, image="uint8")
    expected = BatchCutMix(seed=2, classes=4)(batch)
    monkeypatch.setattr(pixels, "plan_launches", wrong)
    got = BatchCutMix(seed=2, classes=4)({k: cupy.asarray(v) for k, v in batch.items()})
    with pytest.raises(AssertionError, match="image"):
        check_equal(got, expected)
