"""What an attack on batches found: each was wrong once."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from fake_cupy import fake_cupy
from kernel_shim import shim

from albu_cutmix import BatchCutMix, InvalidArgumentError, InvalidSampleError
from albu_cutmix._backends import cuda


@pytest.mark.parametrize("dtypes", [("f4", "i4"), ("i1", "u1"), ("<u2", ">u2")], ids=str)
def test_reused_memory_is_of_the_batchs_dtype(dtypes):
    """A batch of another dtype and the same size of its values is not cast into the old memory."""
    mix = BatchCutMix(out="reuse", seed=1)
    for dtype in map(np.dtype, dtypes):
        images = np.full((4, 3, 8, 8), 200 if dtype.kind == "u" else 100, dtype)
        out = mix({"image": images})["image"]
        assert out.dtype == dtype
        assert (out == images).all()


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_what_is_no_box_or_point_never_leaves_a_device(p, monkeypatch):
    """Invalid rows are dropped on a device whether or not their sample was mixed."""
    cupy = fake_cupy(shim())
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    cuda.find_cupy.cache_clear()
    bad = [[np.nan] * 4, [5, 5, 2, 2], [np.inf] * 4, [40, 0, 50, 9], [1, 1, 6, 6]]
    batch = {
        "image": np.zeros((8, 3, 23, 29), np.uint8),
        "bboxes": np.array([bad] * 8, np.float32),
        "num_bboxes": np.full(8, 5),
        "keypoints": np.array([[[np.nan, 1], [np.inf, 2], [3, 4]]] * 8, np.float32),
        "num_keypoints": np.full(8, 3),
    }
    out = BatchCutMix(p=p, seed=1)({name: cupy.asarray(v) for name, v in batch.items()})
    cuda.find_cupy.cache_clear()
    assert np.isfinite(out["bboxes"]._host).all()
    assert np.isfinite(out["keypoints"]._host).all()
    if p == 0:
        assert out["num_bboxes"]._host.tolist() == [1] * 8
        assert out["num_keypoints"]._host.tolist() == [1] * 8


def test_true_boxes_in_the_first_pixel_are_taken():
    """A corner remnant, boxes over the corner and whole pixels are no shares of the image."""
    images = np.zeros((2, 3, 32, 32), np.uint8)
    for boxes in (
        [[0, 0, 1, 1]],
        [[-20, -3, 1, 1]],
        [[0, 0, 1, 1], [0, 0, 1, 1]],
        [[0, 0, 0.5, 1]],
    ):
        rows = np.float32([boxes, boxes])
        counts = np.array([len(boxes), 0])
        BatchCutMix(seed=1)({"image": images, "bboxes": rows, "num_bboxes": counts})
    shares = np.float32([[[0.1, 0.2, 0.5, 0.9], [0, 0, 1, 0.25]]] * 2)
    with pytest.raises(
        InvalidSampleError, match=r"shares of the image\? Multiply them by its width"
    ):
        BatchCutMix()({"image": images, "bboxes": shares, "num_bboxes": np.array([2, 0])})


def test_feature_maps_of_few_columns_are_taken():
    """Many channels and few rows or columns are no other layout."""
    for shape in ((4, 16, 8, 1), (4, 31, 10, 4)):
        assert BatchCutMix(seed=1)({"image": np.zeros(shape)})["image"].shape == shape


def test_seeds_of_any_kind_of_number_are_equal():
    """A seed of NumPy draws what the same number of Python does."""
    images = {"image": np.zeros((8, 3, 23, 17), np.uint8)}
    one, other = (BatchCutMix(seed=kind(7))(images)["mix"] for kind in (int, np.int64))
    assert one == other


def test_a_subclass_prints():
    """`repr` of a subclass with an argument of its own is no error."""

    class Mine(BatchCutMix):
        def __init__(self, extra=1, **settings) -> None:
            super().__init__(**settings)
            self.extra = extra

    assert repr(Mine(extra=3, p=0.5)).startswith("Mine(extra=3")


@pytest.mark.parametrize("backend", ["auto", "torch"])
def test_autograd_notices_what_was_written_in_place(backend):
    """A tensor that the backward pass still needs cannot be mixed away unnoticed."""
    weight, images = torch.ones(4, 1, 1, 1, requires_grad=True), torch.rand(4, 3, 8, 8)
    loss = (weight * images).sum()
    BatchCutMix(out="inplace", seed=1, backend=backend)({"image": images})
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_wide_seam_covers_lines_to_the_border():
    """A seam wider than the image is one as wide as it, and numbers do not wrap."""
    images = {"image": np.zeros((6, 3, 9, 7), np.uint8)}
    wide, whole = (
        BatchCutMix(seam=True, seam_width=width, seed=1)(images)["seam"] for width in (2**70, 9)
    )
    assert np.array_equal(wide, whole)
    assert wide.any()


def test_a_seam_is_asked_for_or_not():
    """What is neither True nor False is refused."""
    with pytest.raises(InvalidArgumentError, match=r"seam must be True or False, got 'no'\."):
        BatchCutMix(seam="no")


def test_a_key_is_a_text():
    """What only prints as a key of a batch is not one."""
    key = type("Key", (), {"__str__": lambda self: "image", "__repr__": lambda self: "Key"})()
    with pytest.raises(InvalidSampleError, match="must hold an image; got Key"):
        BatchCutMix()({key: np.zeros((2, 3, 8, 8))})
