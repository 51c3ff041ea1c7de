"""Odd memory that `BatchCutMix` mixes where it lies: strides, windows, shared and used again."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from batch_inputs import OUTS, SHAPE, SIZE, WAYS, batch_of, check_equal, cut, mixed
from batch_oracle import plain

from albu_cutmix import BatchCutMix

VIEWS = [
    pytest.param(np.s_[:, :, ::-1], id="rows from below"),
    pytest.param(np.s_[::-1, ::-1, ::-1, ::-1], id="every axis reversed"),
    pytest.param(np.s_[:, :, ::2], id="every other row"),
    pytest.param(np.s_[:, 1:2, 3:, -2:1:-3], id="a strided window"),
]


@pytest.mark.parametrize("out", OUTS)
@pytest.mark.parametrize("view", VIEWS)
def test_odd_strides_of_numpy(view, out, monkeypatch):
    """Any strides are mixed where they lie, nothing beside them is touched, torch never sees them.

    torch's DLPack knows no negative strides.
    """
    for name in ("from_numpy", "from_dlpack", "as_tensor", "tensor"):
        monkeypatch.delattr(torch, name)
    whole = np.random.default_rng(0).integers(0, 256, (SIZE, 3, *SHAPE), np.uint8)
    before, seen = whole.copy(), np.zeros(whole.shape, bool)
    seen[view] = True
    expected = mixed({"image": np.ascontiguousarray(whole[view])})
    result = mixed({"image": whole[view]}, out=out)
    check_equal(result, expected)
    assert np.array_equal(whole[~seen], before[~seen])
    assert np.array_equal(whole[view], expected["image"] if out == "inplace" else before[view])


@pytest.mark.parametrize("out", OUTS)
@pytest.mark.parametrize("backend", ["auto", "torch"])
def test_odd_strides_of_torch(backend, out):
    """Slices of tensors are mixed like their copies, and nothing beside them is touched."""
    whole = torch.arange(SIZE * 3 * 480).reshape(SIZE, 3, *SHAPE)
    before, view = whole.clone(), whole[:, ::2, ::2, 1::3]
    expected = mixed({"image": view.clone()}, backend=backend)
    check_equal(mixed({"image": view}, backend=backend, out=out), expected)
    assert torch.equal(whole[:, ::2, 1::2], before[:, ::2, 1::2])
    assert torch.equal(view, expected["image"]) == (out == "inplace")


@pytest.mark.parametrize("out", OUTS[:2])
def test_expanded_and_read_only_memory(out, tmp_path):
    """Expanded tensors, broadcasts and memory maps are read as they lie, and never written to."""
    one = np.arange(1440, dtype=np.float32).reshape(1, 3, *SHAPE)
    copies = mixed({"image": one.repeat(SIZE, 0)})
    np.save(tmp_path / "images.npy", one.repeat(SIZE, 0))
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    images = (
        np.broadcast_to(one, (SIZE, 3, *SHAPE)),
        torch.from_numpy(one).expand(SIZE, -1, -1, -1),
        mapped,
    )
    for image in images:
        check_equal(mixed({"image": image}, out=out), copies)
    assert type(mixed({"image": mapped}, out=out)["image"]) is np.ndarray
    assert np.array_equal(mapped, one.repeat(SIZE, 0))


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("way", WAYS)
def test_image_and_mask_side_by_side_in_one_array(way, layout):
    """Channels of one array share no byte, so image and mask may lie there, in place too."""
    axes = (SIZE, 4, *SHAPE) if layout == "NCHW" else (SIZE, *SHAPE, 4)
    whole = np.random.default_rng(0).integers(0, 256, axes, np.uint8)
    whole = whole if way == "numpy" else torch.from_numpy(whole)
    split = (np.s_[:, :3], np.s_[:, 3]) if layout == "NCHW" else (np.s_[..., :3], np.s_[..., 3])
    batch = dict(zip(("image", "mask"), (whole[at] for at in split), strict=True))
    expected = mixed(copy.deepcopy(batch), way, layout=layout)
    check_equal(mixed(batch, way, layout=layout, out="inplace"), expected)
    for at, name in zip(split, batch, strict=True):
        assert np.array_equal(plain(whole[at]), plain(expected[name]))


@pytest.mark.parametrize("way", WAYS)
def test_one_array_as_image_and_mask(way):
    """Out of place an array may be both at once."""
    mask = batch_of(way)["mask"][:, None]
    out = mixed({"image": mask, "mask": mask}, way)
    assert np.array_equal(plain(out["image"]), plain(out["mask"]))
    assert out["image"] is not out["mask"]


@pytest.mark.parametrize("way", WAYS)
def test_memory_that_is_used_again(way):
    """out='reuse' writes to one memory for batches alike; others, and copies, have their own."""
    backend = "torch" if way == "torch operations" else "auto"
    mix = BatchCutMix(out="reuse", seed=1, classes=4, backend=backend)
    first, second = (plain(mix(batch_of(way))["image"]) for _ in range(2))
    assert np.shares_memory(first, second)
    before = second.copy()
    for other in (copy.deepcopy(mix), pickle.loads(pickle.dumps(mix))):
        assert not np.shares_memory(plain(other(batch_of(way))["image"]), second)
    assert not np.shares_memory(plain(mix(cut(batch_of(way), 3))["image"]), second)
    assert np.array_equal(second, before)
