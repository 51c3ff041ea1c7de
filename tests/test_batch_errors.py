"""Every message of `BatchCutMix`: what was expected, what came, in which sample, the way out.

What is odd and works is in `test_batch_odd`.
"""

from __future__ import annotations

import re
import warnings
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from batch_oracle import random_batch
from PIL import Image
from torch.utils.data import DataLoader

from albu_cutmix import BatchCutMix, CutMixError, InvalidArgumentError, InvalidSampleError
from albu_cutmix import MissingExtraError as Missing
from albu_cutmix._backends import choose, cuda

SIZE, SHAPE = 5, (20, 24)
WAYS = ("numpy", "torch", "torch operations")
MASK = "mask must have shape (5, 20, 24), or four axes in the layout of the image, got "
LABEL = "label must be class indices (5,) of whole numbers, or vectors (5, classes), got "
KEYS = "image, label, mask, bboxes, num_bboxes, keypoints, num_keypoints"


def batch_of(way: str, **parts: Any) -> dict[str, Any]:
    """A sound batch with some parts replaced; None takes a part away. Read-only in NumPy."""
    out = {**random_batch(3, SIZE, SHAPE, image="uint8"), **parts}
    arrays = {name: value for name, value in out.items() if isinstance(value, np.ndarray)}
    for name, value in arrays.items():
        value.flags.writeable = False
        out[name] = value if way == "numpy" else torch.from_numpy(value.copy())
    return {name: value for name, value in out.items() if value is not None}


def check_refused(
    batch: Any, words: str, error: type[Exception] = InvalidSampleError, **arguments: Any
) -> None:
    """Assert that a batch is refused in these words, by an error of this package."""
    mix = BatchCutMix(**{"classes": 4, "seed": 1, **arguments})
    with pytest.raises(error, match=re.escape(words)) as caught:
        mix(batch)
    assert isinstance(caught.value, CutMixError)


def boxes(*row: float, dtype: str = "float32", sample: int = 3) -> dict[str, Any]:
    """A box in every sample, and this one as the second of one sample."""
    rows = np.tile(np.array([1, 1, 5, 5], dtype), (SIZE, 3, 1))
    rows[sample, 1] = row
    return {"bboxes": rows, "num_bboxes": np.full(SIZE, 2)}


def points(*row: float, dtype: str = "float32") -> dict[str, Any]:
    """A point in every sample, and this one as the first of sample 2."""
    rows = np.ones((SIZE, 2, len(row)), dtype)
    rows[2, 0] = row
    return {"keypoints": rows, "num_keypoints": np.full(SIZE, 1)}


def full(value: Any, *shape: int, dtype: str = "int64") -> np.ndarray:
    """An array of one value but for sample 2, which holds *value*."""
    out = np.ones((SIZE, *shape), dtype)
    out[2] = value
    return out


# Arguments ---------------------------------------------------------------------------------------

ARGUMENTS: dict[str, tuple[dict[str, Any], str]] = {
    "p below 0": ({"p": -0.1}, "p must be a probability from 0 to 1, got -0.1."),
    "p above 1": ({"p": 1.5}, "p must be a probability from 0 to 1, got 1.5."),
    "p not a number": ({"p": float("nan")}, "p must be a probability from 0 to 1, got nan."),
    "p a word": ({"p": "1"}, "p must be a probability from 0 to 1, got '1'."),
    "p a bool": ({"p": True}, "p must be a probability from 0 to 1, got True."),
    "seed a fraction": ({"seed": 1.5}, "seed must be a whole number or None, got 1.5."),
    "seed a word": ({"seed": "1"}, "seed must be a whole number or None, got '1'."),
    "seed a bool": ({"seed": True}, "seed must be a whole number or None, got True."),
    "seed a list": ({"seed": [1]}, "seed must be a whole number or None, got [1]."),
    "layout": ({"layout": "HWC"}, "layout must be one of NCHW, NHWC, got 'HWC'."),
    "out": ({"out": "old"}, "out must be one of new, reuse, inplace, got 'old'."),
    "pairing": ({"pairing": "next"}, "pairing must be one of permutation, pairs, got 'next'."),
    "backend": ({"backend": "jax"}, "backend must be one of auto, numpy, torch, cupy, got 'jax'."),
    "placement": ({"placement": "left"}, "placement must be one of paper, inside, got 'left'."),
    "placement of objects": (
        {"placement": "objects"},
        "placement='objects' looks at the objects of one sample, and a batch draws all patches at "
        "once. Use CutMix in the pipeline, or placement='inside'.",
    ),
    "placement that avoids": (
        {"placement": "avoid"},
        "placement='avoid' looks at the objects of one sample, and a batch draws all patches at "
        "once. Use CutMix in the pipeline, or placement='inside'.",
    ),
    "an area with the paper's placement": (
        {"area_range": (0.1, 0.5)},
        "placement='paper' draws the patch by the paper's own procedure and takes no area_range. "
        "Leave it out, or use placement='inside'.",
    ),
    "seam width 0": ({"seam_width": 0}, "seam_width must be at least 1 pixel, got 0."),
    "seam width a fraction": ({"seam_width": 1.5}, "seam_width must be at least 1 pixel, got 1.5."),
    "seam width a bool": ({"seam_width": True}, "seam_width must be at least 1 pixel, got True."),
    "label mode": ({"label_mode": "hard"}, "label_mode must be one of soft, pair, got 'hard'."),
    "no class": ({"classes": 0}, "classes must be a count > 0 or a sequence of distinct names"),
    "alpha 0": ({"alpha": 0}, "alpha must be a number > 0, got 0."),
    "visibility": ({"min_visibility": 2}, "min_visibility must be a share in [0, 1], or two"),
    "schedule": (
        {"schedule": 3},
        "schedule must be a MixSchedule, or a mapping of its arguments such as {'epochs': 50, "
        "'stop_last': 5}, got 3.",
    ),
}


@pytest.mark.parametrize(("arguments", "words"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_arguments(arguments, words):
    """An argument that cannot be meant is refused when the object is made."""
    with pytest.raises(InvalidArgumentError, match=re.escape(words)):
        BatchCutMix(**arguments)


def test_a_new_seed_is_checked_as_the_first_one():
    """set_random_seed refuses what the constructor refuses."""
    with pytest.raises(InvalidArgumentError, match="seed must be a whole number or None, got 2.0"):
        BatchCutMix().set_random_seed(2.0)


# The batch, and its arrays -----------------------------------------------------------------------

BATCHES: dict[str, tuple[Any, str]] = {
    "a list": (
        [np.zeros((2, 3, 8, 8))],
        'a batch must be a mapping such as {"image": images, "label": labels}, got list.',
    ),
    "a tuple of images and labels": ((np.zeros((2, 3, 8, 8)), [0, 1]), "images, got tuple."[8:]),
    "nothing": ({}, f"a batch may hold {KEYS}, and must hold an image; got no 'image' among []."),
    "no image": ({"label": np.zeros(2, int)}, "got no 'image' among ['label']."),
    "an image that is None": ({"image": None}, "got no 'image' among []."),
    "masks": (
        {"image": np.zeros((2, 3, 8, 8)), "masks": np.zeros((2, 1, 8, 8))},
        "got 'masks'. What is no target stays outside: {**batch, **mix({name: batch[name] for "
        "name in targets})}. Stacks of instance masks are mixed sample by sample, by CutMix.",
    ),
    "labels": ({"image": np.zeros((2, 3, 8, 8)), "labels": np.zeros(2)}, "got 'labels'. What"),
    "a key that is a number": ({"image": np.zeros((2, 3, 8, 8)), 3: np.zeros(2)}, "got '3'. What"),
    "a list of images": (
        {"image": [np.zeros((3, 8, 8))]},
        "image must be a NumPy, torch or CuPy array of the whole batch, got list. Stack the "
        "samples first, as torch's default_collate does.",
    ),
    "a PIL image": ({"image": Image.new("RGB", (8, 8))}, "of the whole batch, got Image. Stack"),
    "a scalar": ({"image": np.uint8(1)}, "of the whole batch, got uint8. Stack"),
    "a list of labels": (
        {"image": np.zeros((2, 3, 8, 8)), "label": [0, 1]},
        "label must be a NumPy, torch or CuPy array of the whole batch, got list.",
    ),
    "two libraries": (
        {"image": torch.zeros(2, 3, 8, 8), "label": np.zeros(2, int)},
        "all arrays of a batch must be of one library on one device, got image as a torch tensor "
        "on cpu and label as a NumPy array. Move them to where the image is.",
    ),
    "a tensor without memory": (
        {"image": torch.zeros(2, 3, 8, 8, device="meta")},
        "image must be on the CPU or on a CUDA device, got a tensor on meta. Mix the batch before "
        "it is moved there.",
    ),
}


@pytest.mark.parametrize(("batch", "words"), BATCHES.values(), ids=BATCHES)
def test_what_is_no_batch(batch, words):
    """A batch is a mapping of known targets, arrays of one library on one device."""
    check_refused(batch, words)


def test_the_result_of_a_mix_is_no_batch():
    """The record and the seam are no targets: a result given back as it is, is refused."""
    check_refused(BatchCutMix(classes=4)(batch_of("numpy")), "got 'mix'. What is no target")


PARTS: dict[str, tuple[dict[str, Any], str]] = {
    "an image without axes": (
        {"image": np.array(1)},
        "image must have shape (B, C, H, W) with at least one pixel, got ().",
    ),
    "an image of three axes": ({"image": np.zeros((5, 20, 24))}, "one pixel, got (5, 20, 24)."),
    "an image without pixels": ({"image": np.zeros((5, 3, 0, 24))}, "pixel, got (5, 3, 0, 24)."),
    "an image without channels": ({"image": np.zeros((5, 0, 20, 24))}, "got (5, 0, 20, 24)."),
    "another layout": (
        {"image": np.zeros((5, 20, 24, 3))},
        "image of shape (5, 20, 24, 3) looks like (B, H, W, C), and layout is 'NCHW'. Pass "
        "BatchCutMix(layout='NHWC').",
    ),
    "a mask of another size": ({"mask": np.zeros((5, 24, 20), int)}, MASK + "(5, 24, 20)."),
    "masks of fewer samples": ({"mask": np.zeros((4, 20, 24), int)}, MASK + "(4, 20, 24)."),
    "a mask in another layout": ({"mask": np.zeros((5, 20, 24, 1), int)}, MASK + "(5, 20, 24, 1)."),
    "a mask of two axes": ({"mask": np.zeros((20, 24), int)}, MASK + "(20, 24)."),
    "a mask without axes": ({"mask": np.array(1)}, MASK + "()."),
    "a mask without channels": ({"mask": np.zeros((5, 0, 20, 24), int)}, MASK + "(5, 0, 20, 24)."),
    "a soft mask": (
        {"mask": np.zeros((5, 20, 24), np.float32)},
        "float32. Convert it before the mix: soft masks would jump at every seam.",
    ),
    "indices of fewer samples": ({"label": np.zeros(4, int)}, LABEL),
    "an index without axes": ({"label": np.array(1)}, LABEL),
    "fractions for indices": ({"label": np.zeros(5)}, LABEL),
    "bools for indices": ({"label": np.zeros(5, bool)}, LABEL),
    "vectors of no class": ({"label": np.zeros((5, 0))}, LABEL),
    "vectors of three axes": ({"label": np.zeros((5, 4, 1))}, LABEL),
    "vectors of another length": (
        {"label": np.ones((5, 3))},
        "label vectors must have one value per class, 4, got 3.",
    ),
    "a column of indices": (
        {"label": np.ones((5, 1), int)},
        "label vectors must have one value per class, 4, got 1.",
    ),
    "a vector with NaN": (
        {"label": full(np.nan, 4, dtype="float32")},
        "label vectors must be finite, and below 1e+30, got nan for class 0 in sample 2 of the "
        "batch. Leave such samples out.",
    ),
    "a vector with infinity": (
        {"label": full([1, 0, -np.inf, 0], 4, dtype="float16")},
        "got -inf for class 2 in sample 2 of the batch.",
    ),
    "a vector that float32 cannot hold": (
        {"label": full(1e300, 4, dtype="float64")},
        "got 1e+300 for class 0 in sample 2 of the batch.",
    ),
    "a class below 0": (
        {"label": full(-1)},
        "class index -1 in sample 2 of the batch is outside the 4 classes 0 to 3.",
    ),
    "a class too high": ({"label": full(4)}, "class index 4 in sample 2 of the batch is outside"),
    "boxes without counts": (
        {"num_bboxes": None},
        "padded bboxes need their counts num_bboxes (B,) beside them, got no 'num_bboxes'. Where "
        "every row counts: num_bboxes = full of bboxes.shape[1].",
    ),
    "counts without boxes": ({"bboxes": None}, "beside them, got no 'bboxes'."),
    "keypoints without counts": (
        {"num_keypoints": None},
        "padded keypoints need their counts num_keypoints (B,) beside them, got no "
        "'num_keypoints'. Where every row counts: num_keypoints = full of keypoints.shape[1].",
    ),
    "boxes of three columns": (
        {"bboxes": np.zeros((5, 2, 3)), "num_bboxes": np.zeros(5, int)},
        "bboxes must have shape (5, rows, 4 or more), xyxy in pixels and then further columns, "
        "got (5, 2, 3).",
    ),
    "boxes of two axes": ({"bboxes": np.zeros((5, 4))}, "further columns, got (5, 4)."),
    "keypoints of one column": (
        points(1.0),
        "keypoints must have shape (5, rows, 2 or more), x and y in pixels and then further "
        "columns, got (5, 2, 1).",
    ),
    "boxes of half precision": (
        boxes(1, 1, 5, 5, dtype="float16"),
        "bboxes must be float32, float64, int32 or int64, which hold every pixel's edge, got ",
    ),
    "keypoints of bytes": (points(1, 1, dtype="uint8"), "which hold every pixel's edge, got "),
    "fractions for counts": ({"num_bboxes": np.ones(5)}, "num_bboxes must be whole numbers of"),
    "bools for counts": ({"num_bboxes": np.ones(5, bool)}, "whole numbers of shape (5,), got "),
    "counts of fewer samples": ({"num_keypoints": np.ones(4, int)}, "int64 (4,)."),
    "a count without axes": ({"num_bboxes": np.array(1)}, "int64 ()."),
    "a count below 0": (
        {**boxes(1, 1, 5, 5), "num_bboxes": full(-1)},
        "num_bboxes must be 0 to 3, the rows of bboxes, got -1 in sample 2 of the batch.",
    ),
    "a count beyond the padding": (
        {**points(1, 1), "num_keypoints": full(3)},
        "num_keypoints must be 0 to 2, the rows of keypoints, got 3 in sample 2 of the batch.",
    ),
    "a box without width": (
        boxes(4, 0, 4, 5),
        "row 1 of bboxes in sample 3 of the batch must be xyxy pixels with an area, in an image of "
        "width 24, height 20, got [4.0, 0.0, 4.0, 5.0]. Rows that are none go behind num_bboxes.",
    ),
    "an inverted box": (boxes(0, 5, 4, 1), "got [0.0, 5.0, 4.0, 1.0]. Rows"),
    "a box with NaN": (boxes(0, np.nan, 4, 5), "got [0.0, nan, 4.0, 5.0]. Rows"),
    "a box without end": (boxes(0, 0, np.inf, 5), "got [0.0, 0.0, inf, 5.0]. Rows"),
    "a box right of the image": (boxes(24, 0, 30, 5), "got [24.0, 0.0, 30.0, 5.0]. Rows"),
    "a box above the image": (boxes(0, -5, 4, 0), "got [0.0, -5.0, 4.0, 0.0]. Rows"),
    "a box of whole numbers": (boxes(4, 0, 1, 5, dtype="int32"), "got [4, 0, 1, 5]. Rows"),
    "a keypoint with NaN": (
        points(np.nan, 1, 0),
        "row 0 of keypoints in sample 2 of the batch must be finite, and below 1e+30, got "
        "[nan, 1.0]. Rows that are none go behind num_keypoints.",
    ),
    "a keypoint at infinity": (points(1, -np.inf), "got [1.0, -inf]. Rows"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("parts", "words"), PARTS.values(), ids=PARTS)
def test_what_a_part_must_be(parts, words, way):
    """Shape, dtype and values of every part are checked, alike in NumPy and in torch."""
    backend = "torch" if way == "torch operations" else "auto"
    check_refused(batch_of(way, **parts), words, backend=backend)


def test_an_image_that_looks_like_the_other_layout():
    """Channels first under layout NHWC are found too."""
    words = "looks like (B, C, H, W), and layout is 'NHWC'. Pass BatchCutMix(layout='NCHW')."
    check_refused({"image": np.zeros((5, 3, 20, 24))}, words, layout="NHWC")
    words = "image must have shape (B, H, W, C) with at least one pixel, got (5, 20, 24)."
    check_refused({"image": np.zeros((5, 20, 24))}, words, layout="NHWC")


def test_indices_need_the_number_of_classes():
    """Soft labels of indices cannot be made without it; the message says how to give it."""
    words = (
        "class indices can be mixed only if the number of classes is known. Pass "
        "BatchCutMix(classes=<count or names>), or give labels as vectors."
    )
    check_refused(batch_of("numpy"), words, classes=None)


@pytest.mark.parametrize(
    "dtype", ["complex64", "object", "S1", "datetime64[s]", "timedelta64[s]", "V4"]
)
def test_arrays_of_no_plain_numbers(dtype):
    """Complex numbers, objects, words and dates are refused, in every part of a batch."""
    for name in ("image", "label", "mask", "bboxes", "num_keypoints"):
        value = np.zeros(batch_of("numpy")[name].shape, dtype)
        words = f"{name} must hold plain numbers, got dtype {value.dtype}."
        check_refused(batch_of("numpy", **{name: value}), words)


def test_masked_arrays():
    """An array with masked values is refused: a mix would bring them to light."""
    labels = np.ma.masked_array(np.ones(SIZE, int), [0, 0, 1, 0, 0])
    words = "label is a masked array, and a mix would lose what is masked. Give label.filled(...)."
    check_refused({"image": np.zeros((SIZE, 3, 8, 8)), "label": labels}, words)


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


@pytest.mark.parametrize("out", ["new", "reuse", "inplace"])
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
    image = np.zeros((SIZE, 4, 8, 8), np.uint8) if way == "numpy" else torch.zeros(SIZE, 4, 8, 8)
    image = image if way == "numpy" else image.to(torch.uint8)
    words = (
        "out='inplace' writes into image and mask, which share memory. Give a copy of one of "
        "them, or use out='new'."
    )
    for mask in (image, image[:, 3], image[:, 2:4]):
        check_refused({"image": image, "mask": mask}, words, out="inplace")


@pytest.mark.parametrize("way", WAYS[:2])
def test_memory_that_is_used_again_is_not_its_own_source(way):
    """Fed its own result, out='reuse' would read what it is writing: it refuses."""
    batch = {key: batch_of(way)[key] for key in ("image", "mask")}
    batch["image"] = batch["image"][:, :1]
    mix = BatchCutMix(out="reuse", seed=1)
    out = mix(batch)
    words = (
        "{} lies in the memory that out='reuse' would write {} to: it is the result of an earlier "
        "call. Use out='new' to mix a mix."
    )
    with pytest.raises(InvalidSampleError, match=re.escape(words.format("image", "image"))):
        mix({"image": out["image"]})
    with pytest.raises(InvalidSampleError, match=re.escape(words.format("mask", "image"))):
        mix({"image": batch["image"], "mask": out["image"]})


class _Mixed(torch.utils.data.Dataset):
    """Batches that are mixed in the worker."""

    def __init__(self, mix: BatchCutMix) -> None:
        self.mix = mix

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Any:
        return self.mix({"image": torch.zeros(2, 3, 8, 8)})["image"]


def test_memory_that_is_used_again_in_a_worker():
    """Batches are still on their way when the worker mixes the next one: out='reuse' refuses."""
    loader = DataLoader(_Mixed(BatchCutMix(out="reuse")), batch_size=None, num_workers=1)
    words = "worker lie in. Use out='new' there, or mix after the loader."
    with pytest.raises(InvalidArgumentError, match=re.escape(words)):
        list(loader)


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


class _Device(NamedTuple):
    id: int


class _Cupy:
    """As much of CuPy as a refusal needs: no device, or one without a compiler."""

    __version__ = "13.0"

    class ndarray:
        """An array on a device."""

        def __init__(self, device: int) -> None:
            self.device = _Device(device)

    def __init__(self, devices: bool = False) -> None:
        self.is_available = lambda: devices

    def RawModule(self, **_: Any) -> Any:
        """Fail as a missing NVRTC does."""
        raise RuntimeError("no NVRTC")


@pytest.fixture
def with_cupy(monkeypatch):
    """Put something in the place of CuPy; find out about it anew."""

    def put(module: Any, spec: Any = True) -> None:
        monkeypatch.setitem(__import__("sys").modules, "cupy", module)
        monkeypatch.setattr(cuda, "find_spec", lambda name: spec)
        monkeypatch.setattr(choose, "find_cupy", cuda.find_cupy.__wrapped__)

    return put


@pytest.mark.parametrize(
    ("module", "spec", "reason"),
    [
        (None, None, 'not installed. Install it with: pip install "albu_cutmix[cuda13]" (or'),
        (None, True, "CuPy is installed and cannot be imported: "),
        (_Cupy(), True, "CuPy 13.0 finds no CUDA device, or no driver for it."),
        (_Cupy(devices=True), True, "CuPy 13.0 cannot compile the kernel: no NVRTC."),
    ],
    ids=["not installed", "broken", "no device", "no compiler"],
)
def test_the_kernel_without_cupy(module, spec, reason, with_cupy, monkeypatch):
    """Asked for by name, a kernel that cannot run says why, and how to install what it needs."""
    with_cupy(module, spec)
    monkeypatch.setattr(choose, "_place", lambda array, name: ("torch cuda", "cuda:0"))
    with pytest.raises(Missing, match=re.escape("the CUDA kernel cannot be used: ")) as caught:
        choose.library_of({"image": torch.zeros(1)}, "cupy")
    assert reason in str(caught.value)


def test_arrays_of_two_devices(with_cupy):
    """A batch lies on one device; a mask on another is named with both places."""
    with_cupy(_Cupy())
    batch = {"image": _Cupy.ndarray(0), "mask": _Cupy.ndarray(1)}
    words = (
        "got image as a CuPy array on device 0 and mask as a CuPy array on device 1. Move them to "
        "where the image is."
    )
    check_refused(batch, words)
    check_refused({"image": _Cupy.ndarray(0)}, "CuPy 13.0 finds no CUDA device", Missing)
