"""Odd batches that `BatchCutMix` mixes as well as plain ones: no error, no warning, no surprise."""

from __future__ import annotations

import copy
from collections import UserDict

import numpy as np
import pytest
import torch
from batch_inputs import OUTS, SHAPE, SIZE, WAYS, batch_of, check_equal, cut, mixed
from batch_oracle import check_batch, plain
from torchvision import tv_tensors

from albu_cutmix.batch.plan import CYCLES, draw_plan
from albu_cutmix.patches import PatchRule

# Few samples, and none ---------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("out", OUTS)
@pytest.mark.parametrize("pairing", CYCLES)
@pytest.mark.parametrize("size", [0, 1])
def test_batches_without_a_donor(size, pairing, out, way):
    """A batch of 0 or 1 comes back unmixed, with every target and the shapes of any other."""
    batch = cut(batch_of(way), size)
    batch = {name: copy.deepcopy(value) for name, value in batch.items()}  # its own, to write to
    result = mixed(batch, way, out=out, pairing=pairing)
    check_batch(batch, result, "NCHW", 4)
    assert result["mix"].reason == ("no_donor",) * size
    assert result["mix"].lam.tolist() == [1.0] * size
    assert result["label"].shape == (size, 4)
    assert result["bboxes"].shape == (size, 2 * batch["bboxes"].shape[1], 5)
    assert result["seam"].shape == (size, *SHAPE)
    assert not result["seam"].any()


@pytest.mark.parametrize("way", WAYS)
def test_samples_without_a_row(way):
    """Boxes and keypoints padded to no row at all are nothing, and stay so."""
    empty = {"bboxes": np.zeros((SIZE, 0, 6)), "keypoints": np.zeros((SIZE, 0, 2))}
    counts = {f"num_{name}": np.zeros(SIZE, int) for name in empty}
    out = mixed(batch_of(way, **empty, **counts), way)
    assert out["bboxes"].shape == (SIZE, 0, 6)
    assert out["keypoints"].shape == (SIZE, 0, 2)
    assert out["num_bboxes"].tolist() == out["num_keypoints"].tolist() == [0] * SIZE
    assert out["mix"].least_visibility.tolist() == [1.0] * SIZE


@pytest.mark.parametrize("pairing", CYCLES)
def test_no_sample_is_its_own_donor(pairing):
    """For every size of batch from 2 to 70 each sample gives once, and never to itself."""
    rule = PatchRule(placement="inside", fit="error")
    for size in range(2, 71):
        for seed in range(40):
            plan = draw_plan(np.random.default_rng(seed), size, SHAPE, rule, pairing=pairing)
            assert plan.applied.all()
            assert (plan.donors != np.arange(size)).all()
            assert np.array_equal(np.sort(plan.donors), np.arange(size))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"p": 0}, "p"),
        ({"schedule": {"epochs": 4, "warmup": 2}}, "schedule"),
    ],
    ids=["p is 0", "the schedule's factor is 0"],
)
def test_a_mix_that_is_off(arguments, reason, way):
    """Nothing moves, soft labels are whole, and the record says why."""
    batch = batch_of(way)
    out = mixed(batch, way, **arguments)
    check_batch(batch, out, "NCHW", 4)
    assert out["mix"].reason == (reason,) * SIZE
    assert out["label"].argmax(1).tolist() == batch["label"].tolist()


# Rows that do not count --------------------------------------------------------------------------

GARBAGE = [
    pytest.param("float32", np.nan, id="NaN"),
    pytest.param("float64", -np.inf, id="infinity"),
    pytest.param("float64", np.finfo("float64").max, id="the largest float64"),
    pytest.param("float32", np.array(0x7F800001, "uint32").view("float32"), id="a signalling NaN"),
    pytest.param("int64", np.iinfo("int64").min, id="the smallest int64"),
    pytest.param("int32", np.iinfo("int32").max, id="the largest int32"),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("dtype", "garbage"), GARBAGE)
def test_garbage_in_rows_that_do_not_count(dtype, garbage, way):
    """Whatever lies behind the count is neither looked at, nor warned of, nor passed on."""
    rows = np.zeros((SIZE, 4, 6), dtype)
    rows[:] = [1, 2, 13, 15, 7, 8]
    clean = {name: rows.copy() for name in ("bboxes", "keypoints")}
    counts = {f"num_{name}": np.arange(SIZE) % 3 for name in clean}
    unused = np.arange(4) >= counts["num_bboxes"][:, None]
    rows.view(f"u{rows.itemsize}")[unused] = np.array(garbage, dtype).view(f"u{rows.itemsize}")
    dirty = {"bboxes": rows.copy(), "keypoints": rows.copy()}
    check_equal(
        mixed(batch_of(way, **dirty, **counts), way), mixed(batch_of(way, **clean, **counts), way)
    )


@pytest.mark.parametrize("way", WAYS)
def test_further_columns_may_hold_anything(way):
    """NaN in a column behind the coordinates is the caller's, and goes where its row goes."""
    batch = batch_of(way)
    rows = np.tile(np.float32([1, 2, 13, 15, np.nan]), (SIZE, 1, 1))
    batch |= batch_of(way, bboxes=rows, num_bboxes=np.ones(SIZE, int))
    out = mixed(batch, way)
    for row, count in zip(plain(out["bboxes"]), out["num_bboxes"], strict=True):
        assert np.isnan(row[:count, 4]).all()
        assert not row[count:].any()


# Dtypes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int32", "uint32", "uint64"])
def test_counts_and_indices_of_every_whole_dtype(dtype, way):
    """Counts and class indices mean the same in every dtype of whole numbers."""
    batch = batch_of(way)
    names = ("label", "num_bboxes", "num_keypoints")
    other = batch_of(way, **{name: plain(batch[name]).astype(dtype) for name in names})
    check_equal(mixed(other, way), mixed(batch, way))


@pytest.mark.parametrize("backend", ["auto", "torch"])
@pytest.mark.parametrize("mode", ["soft", "pair"])
def test_vectors_of_bfloat16(mode, backend):
    """Label vectors of a dtype that NumPy lacks are mixed exactly, and kept in pairs."""
    vectors = torch.rand(SIZE, 4, generator=torch.Generator().manual_seed(1)).bfloat16()
    batch = {"image": torch.zeros(SIZE, 3, 8, 8)}
    out = mixed({**batch, "label": vectors}, backend=backend, label_mode=mode)
    exact = mixed({**batch, "label": vectors.float()}, backend=backend, label_mode=mode)
    for name in exact.keys() & {"label", "label_donor"}:
        assert torch.equal(out[name].float(), exact[name])
        assert out[name].dtype == (torch.bfloat16 if mode == "pair" else torch.float32)


def test_bool_masks_and_bool_vectors():
    """A mask of bools is kept, and vectors of bools are multi-hot."""
    batch = batch_of("numpy", mask=np.eye(20, 24, dtype=bool)[None].repeat(SIZE, 0))
    hot = np.eye(4, dtype=bool)[batch["label"]]
    check_equal(mixed({**batch, "label": hot}), mixed(batch))
    assert mixed(batch)["mask"].dtype == bool


def test_the_other_order_of_bytes():
    """Arrays of the other byte order hold the same values, and keep it."""
    batch = batch_of("numpy", image=np.arange(SIZE * 480, dtype=">u2").reshape(SIZE, 1, *SHAPE))
    out = mixed(batch)
    check_batch(batch, out, "NCHW", 4)
    assert out["image"].dtype == ">u2"


# Kinds of arrays and batches ---------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["auto", "torch"])
@pytest.mark.parametrize("out", OUTS)
def test_tv_tensors(out, backend):
    """Tensors of torchvision are tensors: plain ones come out, in place the very same ones."""
    plain_batch = {key: batch_of("torch")[key] for key in ("image", "mask")}
    batch = {
        "image": tv_tensors.Image(plain_batch["image"].clone()),
        "mask": tv_tensors.Mask(plain_batch["mask"].clone()),
    }
    result = mixed(batch, backend=backend, out=out)
    for name, value in batch.items():
        assert type(result[name]) is (type(value) if out == "inplace" else torch.Tensor)
        assert (result[name] is value) == (out == "inplace")
    check_equal(result, mixed(plain_batch, backend=backend))


@pytest.mark.parametrize("backend", ["auto", "torch"])
def test_parameters_and_tensors_of_inference_mode(backend):
    """A frozen parameter, and tensors made in inference mode, are mixed like any other."""
    image = batch_of("torch")["image"].float()
    expected = mixed({"image": image}, backend=backend)
    frozen = torch.nn.Parameter(image.clone(), requires_grad=False)
    check_equal(mixed({"image": frozen}, backend=backend), expected)
    with torch.inference_mode():
        made = image.clone()
    check_equal(mixed({"image": made}, backend=backend, out="inplace"), expected)


def test_any_mapping_and_parts_that_are_none():
    """A batch may be any mapping; a part that is None is not there."""
    batch = batch_of("numpy")
    expected = mixed({"image": batch["image"]})
    check_equal(mixed(UserDict(image=batch["image"], label=None, labels=None)), expected)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", ["soft", "pair"])
def test_inputs_stay_as_they_are(mode, way):
    """Out of place no input changes in a byte, and no result lies in its memory."""
    batch = batch_of(way)
    before = {name: plain(value).tobytes() for name, value in batch.items()}
    for out in OUTS[:2]:
        result = mixed(batch, way, out=out, label_mode=mode)
        assert {name: plain(value).tobytes() for name, value in batch.items()} == before
        for name in batch.keys() - {"label"}:
            assert not np.shares_memory(plain(result[name]), plain(batch[name])), name
