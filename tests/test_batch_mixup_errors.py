"""What `BatchMixUp` says of its arguments and of a bad batch, and odd memory that it blends.

What it shares with `BatchCutMix` is tested there, and here for the name that messages give.
"""

from __future__ import annotations

import copy
import re

import numpy as np
import pytest
import torch
from batch_inputs import OUTS, SHAPE, SIZE, WAYS, batch_of, case, check_equal, check_refused, mixed
from batch_mixup_oracle import check_mixup
from batch_oracle import plain
from torchvision import tv_tensors

from albu_cutmix import InvalidArgumentError
from albu_cutmix.batch import BatchMixUp

COLUMN = "visibility_column must be the number of a column of bboxes behind xyxy, 4 or more, got "
ARGUMENTS = [
    case("alpha 0", {"alpha": 0}, "alpha must be a number > 0, got 0."),
    case("alpha a word", {"alpha": "1"}, "alpha must be a number > 0, got '1'."),
    case("alpha without end", {"alpha": np.inf}, "alpha must be a number > 0, got inf."),
    case("mask mode", {"mask_mode": "max"}, "mask_mode must be one of heavier, ignore, got 'max'."),
    case(
        "no index",
        {"mask_mode": "ignore"},
        "mask_mode='ignore' and ignore_index go together, got 'ignore' and None. Name the index "
        "that marks pixels on which both sides differ, or use mask_mode='heavier' without one.",
    ),
    case("an index for nothing", {"ignore_index": 255}, "got 'heavier' and 255. Name the index"),
    case(
        "an index that is a fraction",
        {"mask_mode": "ignore", "ignore_index": 0.5},
        "ignore_index must be a whole number or None, got 0.5.",
    ),
    case("a column of the box", {"visibility_column": 3}, f"{COLUMN}3."),
    case("a column that is a name", {"visibility_column": "v"}, f"{COLUMN}'v'."),
    case("a column that is a bool", {"visibility_column": True}, f"{COLUMN}True."),
    case("p", {"p": 2}, "p must be a probability from 0 to 1, got 2."),
    case("seed", {"seed": 1.5}, "seed must be a whole number or None, got 1.5."),
    case("layout", {"layout": "HWC"}, "layout must be one of NCHW, NHWC, got 'HWC'."),
    case("out", {"out": "old"}, "out must be one of new, reuse, inplace, got 'old'."),
    case("pairing", {"pairing": "next"}, "pairing must be one of permutation, pairs, got 'next'."),
    case(
        "backend", {"backend": "jax"}, "backend must be one of auto, numpy, torch, cupy, got 'jax'."
    ),
    case("label mode", {"label_mode": "hard"}, "label_mode must be one of soft, pair, got 'hard'."),
    case("classes", {"classes": 0}, "classes must be a count > 0 or a sequence of distinct names"),
    case("seam", {"seam": "no"}, "seam must be True or False, got 'no'."),
    case("schedule", {"schedule": 3}, "schedule must be a MixSchedule, or a mapping of its"),
]


@pytest.mark.parametrize(("arguments", "words"), ARGUMENTS)
def test_arguments(arguments, words):
    """An argument that cannot be meant is refused when the object is made."""
    with pytest.raises(InvalidArgumentError, match=re.escape(words)):
        BatchMixUp(**arguments)


@pytest.mark.parametrize(
    "argument", ["placement", "area_range", "ratio_range", "min_visibility", "seam_width"]
)
def test_arguments_of_patches_are_none_of_its_own(argument):
    """A blend has no patch: Python itself names the argument."""
    with pytest.raises(TypeError, match=argument):
        BatchMixUp(**{argument: 1})


IMAGE = (
    "images that are blended must be integers of at most 32 bits, or floats of 16, 32 or 64 bits, "
    "got {}. Convert them before the mix, to float32 for instance."
)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", ["int64", "bool"])
def test_images_that_cannot_be_blended(dtype, way):
    """Integers beyond float64, and bools, are refused; `BatchCutMix` moves them as bytes."""
    batch = batch_of(way, image=np.zeros((SIZE, 3, *SHAPE), dtype))
    backend = "torch" if way == "torch operations" else "auto"
    words = IMAGE.format(batch["image"].dtype)
    check_refused(batch, words, kind=BatchMixUp, backend=backend)
    mixed(batch, way)


@pytest.mark.parametrize("image", [np.zeros((2, 1, 4, 4), "u8"), np.zeros((2, 1, 4, 4), "g")])
def test_images_of_numpy_that_cannot_be_blended(image):
    """So are unsigned 64 bits, and floats of more than 64."""
    check_refused({"image": image}, IMAGE.format(image.dtype), kind=BatchMixUp)


PARTS = [
    case(
        "an index that the mask cannot hold",
        ({}, {"mask_mode": "ignore", "ignore_index": 256}),
        "ignore_index=256 must be a value that mask can hold, got a mask of dtype uint8. Choose "
        "another index, or convert the mask.",
    ),
    case(
        "a negative index",
        ({}, {"mask_mode": "ignore", "ignore_index": -1}),
        "ignore_index=-1 must be a value that mask can hold",
    ),
    case(
        "an index in a mask of bools",
        ({"mask": np.zeros((SIZE, *SHAPE), bool)}, {"mask_mode": "ignore", "ignore_index": 2}),
        "ignore_index=2 must be a value that mask can hold, got a mask of dtype bool.",
    ),
    case(
        "a column that is not there",
        ({}, {"visibility_column": 5}),
        "visibility_column=5 must be a column of bboxes, which must be floats to hold it, got ",
    ),
    case(
        "a column of whole numbers",
        ({"bboxes": np.ones((SIZE, 1, 5), np.int32)}, {"visibility_column": 4, "p": 0}),
        "visibility_column=4 must be a column of bboxes, which must be floats to hold it, got ",
    ),
    case(
        "another layout",
        ({"image": np.zeros((SIZE, 20, 24, 3))}, {}),
        "and layout is 'NCHW'. Pass BatchMixUp(layout='NHWC'); if",
    ),
    case(
        "indices without classes",
        ({}, {"classes": None}),
        "Pass BatchMixUp(classes=<count or names>), or give labels as vectors.",
    ),
    case(
        "a soft mask",
        ({"mask": np.zeros((SIZE, *SHAPE), np.float32)}, {}),
        "Convert it before the mix, which takes values of masks as they are, and weighs none.",
    ),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("given", "words"), PARTS)
def test_what_a_part_must_be(given, words, way):
    """What a batch must hold for the arguments, alike in NumPy and in torch."""
    parts, arguments = given
    if "bboxes" in parts:
        parts = {**parts, "num_bboxes": np.zeros(SIZE, int)}
    backend = "torch" if way == "torch operations" else "auto"
    check_refused(batch_of(way, **parts), words, kind=BatchMixUp, backend=backend, **arguments)


def test_read_only_memory_in_place():
    """In place never writes to what NumPy says is read-only."""
    words = "out='inplace' writes into image, which is read-only. Give a copy, or use out='new'."
    check_refused(batch_of("numpy"), words, kind=BatchMixUp, out="inplace")


# Odd memory --------------------------------------------------------------------------------------

VIEWS = [
    pytest.param(np.s_[:, :, ::-1], id="rows from below"),
    pytest.param(np.s_[::-1, ::-1, ::-1, ::-1], id="every axis reversed"),
    pytest.param(np.s_[:, :, ::2], id="every other row"),
    pytest.param(np.s_[:, 1:2, 3:, -2:1:-3], id="a strided window"),
]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("out", OUTS)
@pytest.mark.parametrize("view", VIEWS)
def test_odd_strides_of_numpy(view, out, dtype):
    """Any strides are blended where they lie, and nothing beside them is touched."""
    rng = np.random.default_rng(0)
    whole = rng.integers(0, 256, (SIZE, 3, *SHAPE), np.uint8).astype(dtype)
    before, seen = whole.copy(), np.zeros(whole.shape, bool)
    seen[view] = True
    expected = mixed({"image": np.ascontiguousarray(whole[view])}, "numpy", BatchMixUp)
    result = mixed({"image": whole[view]}, "numpy", BatchMixUp, out=out)
    check_equal(result, expected)
    assert np.array_equal(whole[~seen], before[~seen])
    assert np.array_equal(whole[view], expected["image"] if out == "inplace" else before[view])


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("way", WAYS)
def test_image_and_mask_side_by_side_in_one_array(way, layout):
    """Channels of one array share no byte, so image and mask may lie there, in place too."""
    axes = (SIZE, 4, *SHAPE) if layout == "NCHW" else (SIZE, *SHAPE, 4)
    whole = np.random.default_rng(0).integers(0, 256, axes, np.uint8)
    whole = whole if way == "numpy" else torch.from_numpy(whole)
    split = (np.s_[:, :3], np.s_[:, 3]) if layout == "NCHW" else (np.s_[..., :3], np.s_[..., 3])
    batch = dict(zip(("image", "mask"), (whole[at] for at in split), strict=True))
    rule = {"layout": layout, "mask_mode": "ignore", "ignore_index": 9}
    expected = mixed(copy.deepcopy(batch), way, BatchMixUp, **rule)
    check_equal(mixed(batch, way, BatchMixUp, out="inplace", **rule), expected)
    for at, name in zip(split, batch, strict=True):
        assert np.array_equal(plain(whole[at]), plain(expected[name]))


@pytest.mark.parametrize("dtype", [">u2", ">f4", ">i4"])
@pytest.mark.parametrize("out", OUTS)
def test_the_other_order_of_bytes(dtype, out):
    """Arrays of the other byte order are blended by their values, and keep it."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 2**15, (SIZE, 1, *SHAPE)).astype(dtype)
    mask = rng.integers(0, 3, (SIZE, *SHAPE)).astype(">i8")
    rule = {"mask_mode": "ignore", "ignore_index": 300, "seed": 1}
    given = {"image": image.copy(), "mask": mask.copy()}
    result = BatchMixUp(out=out, **rule)(given)
    native = {"image": image.astype(dtype.replace(">", "=")), "mask": mask.astype("=i8")}
    check_mixup(native, {**native, **BatchMixUp(**rule)(native)}, mode="ignore", ignore=300)
    check_equal(result, BatchMixUp(**rule)(native))
    assert (result["image"].dtype, result["mask"].dtype) == (image.dtype, mask.dtype)


@pytest.mark.parametrize("backend", ["auto", "torch"])
def test_autograd_notices_what_was_written_in_place(backend):
    """A tensor that the backward pass still needs cannot be blended away unnoticed."""
    weight, images = torch.ones(4, 1, 1, 1, requires_grad=True), torch.rand(4, 3, 8, 8)
    loss = (weight * images).sum()
    BatchMixUp(out="inplace", seed=1, backend=backend)({"image": images})
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("out", OUTS[:2])
def test_inputs_stay_as_they_are(out, way):
    """Out of place no input changes in a byte, and no result lies in its memory."""
    batch = batch_of(way)
    before = {name: plain(value).tobytes() for name, value in batch.items()}
    result = mixed(batch, way, BatchMixUp, out=out, visibility_column=4)
    assert {name: plain(value).tobytes() for name, value in batch.items()} == before
    for name in batch:
        assert not np.shares_memory(plain(result[name]), plain(batch[name])), name


@pytest.mark.parametrize("backend", ["auto", "torch"])
@pytest.mark.parametrize("out", OUTS)
def test_tv_tensors_parameters_and_inference_mode(out, backend):
    """Tensors of any kind are tensors: torchvision's, frozen parameters, those of inference."""
    parts = {key: batch_of("torch")[key] for key in ("image", "mask")}
    parts["image"] = parts["image"].float()
    rule = {"mask_mode": "ignore", "ignore_index": 9, "out": out, "backend": backend}
    expected = mixed(copy.deepcopy(parts), "auto", BatchMixUp, **{**rule, "out": "new"})
    with torch.inference_mode():
        made = {name: value.clone() for name, value in parts.items()}
    frozen = torch.nn.Parameter(parts["image"].clone(), requires_grad=False)
    kinds = (
        {"image": tv_tensors.Image(parts["image"].clone()), "mask": parts["mask"].clone()},
        {"image": frozen, "mask": tv_tensors.Mask(parts["mask"].clone())},
        made,
    )
    for batch in kinds:
        result = mixed(batch, "auto", BatchMixUp, **rule)
        check_equal(result, expected)
        assert (result["image"] is batch["image"]) == (out == "inplace")
