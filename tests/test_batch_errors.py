"""What `BatchCutMix` says of a bad batch: what was expected, what came, where, the way out.

See `test_batch_arguments` for its arguments, `test_batch_memory` for memory and libraries, and
`test_batch_odd` and `test_batch_strides` for what is odd and works.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from batch_inputs import SIZE, WAYS, batch_of, case, check_refused
from PIL import Image

from albu_cutmix import BatchCutMix

MASK = "mask must have shape (5, 20, 24), or four axes in the layout of the image, got "
LABEL = "label must be class indices (5,) of whole numbers, or vectors (5, classes), got "
KEYS = "image, label, mask, bboxes, num_bboxes, keypoints, num_keypoints"


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


BATCHES = [
    case(
        "a list",
        [np.zeros((2, 3, 8, 8))],
        'a batch must be a mapping such as {"image": images, "label": labels}, got list.',
    ),
    case("a tuple of images and labels", (np.zeros((2, 3, 8, 8)), [0, 1]), "labels}, got tuple."),
    case(
        "nothing", {}, f"a batch may hold {KEYS}, and must hold an image; got no 'image' among []."
    ),
    case("no image", {"label": np.zeros(2, int)}, "got no 'image' among ['label']."),
    case("an image that is None", {"image": None}, "got no 'image' among []."),
    case(
        "masks",
        {"image": np.zeros((2, 3, 8, 8)), "masks": np.zeros((2, 1, 8, 8))},
        "got 'masks'. What is no target goes past the mix: {**batch, **mix({\"image\": ..., "
        '"label": ...})}. Stacks of instance masks are mixed sample by sample, in the pipeline.',
    ),
    case("labels", {"image": np.zeros((2, 3, 8, 8)), "labels": np.zeros(2)}, "got 'labels'. What"),
    case(
        "a key that is a number", {"image": np.zeros((2, 3, 8, 8)), 3: np.zeros(2)}, "got 3. What"
    ),
    case(
        "a list of images",
        {"image": [np.zeros((3, 8, 8))]},
        "image must be a NumPy, torch or CuPy array of the whole batch, got list. Stack the "
        "samples first, as torch's default_collate does.",
    ),
    case(
        "a PIL image", {"image": Image.new("RGB", (8, 8))}, "of the whole batch, got Image. Stack"
    ),
    case("a scalar", {"image": np.uint8(1)}, "of the whole batch, got uint8. Stack"),
    case(
        "a list of labels",
        {"image": np.zeros((2, 3, 8, 8)), "label": [0, 1]},
        "label must be a NumPy, torch or CuPy array of the whole batch, got list.",
    ),
    case(
        "two libraries",
        {"image": torch.zeros(2, 3, 8, 8), "label": np.zeros(2, int)},
        "all arrays of a batch must be of one library on one device, got image as a torch tensor "
        "on cpu and label as a NumPy array. Move them to where the image is.",
    ),
    case(
        "a tensor without memory",
        {"image": torch.zeros(2, 3, 8, 8, device="meta")},
        "image must be on the CPU or on a CUDA device, got a tensor on meta. Mix the batch before "
        "it is moved there.",
    ),
]


@pytest.mark.parametrize(("batch", "words"), BATCHES)
def test_what_is_no_batch(batch, words):
    """A batch is a mapping of known targets, arrays of one library on one device."""
    check_refused(batch, words)


def test_the_result_of_a_mix_is_no_batch():
    """The record and the seam are no targets: a result given back as it is, is refused."""
    check_refused(BatchCutMix(classes=4)(batch_of("numpy")), "got 'mix'. What is no target")


PARTS = [
    case(
        "an image without axes",
        {"image": np.array(1)},
        "image must have shape (B, C, H, W) with at least one pixel, got ().",
    ),
    case("an image of three axes", {"image": np.zeros((5, 20, 24))}, "one pixel, got (5, 20, 24)."),
    case(
        "an image without pixels", {"image": np.zeros((5, 3, 0, 24))}, "pixel, got (5, 3, 0, 24)."
    ),
    case("an image without channels", {"image": np.zeros((5, 0, 20, 24))}, "got (5, 0, 20, 24)."),
    case(
        "another layout",
        {"image": np.zeros((5, 20, 24, 3))},
        "image of shape (5, 20, 24, 3) looks like (B, H, W, C), and layout is 'NCHW'. Pass "
        "BatchCutMix(layout='NHWC'); if",
    ),
    case("a mask of another size", {"mask": np.zeros((5, 24, 20), int)}, MASK + "(5, 24, 20)."),
    case("masks of fewer samples", {"mask": np.zeros((4, 20, 24), int)}, MASK + "(4, 20, 24)."),
    case(
        "a mask in another layout",
        {"mask": np.zeros((5, 20, 24, 1), int)},
        MASK + "(5, 20, 24, 1).",
    ),
    case("a mask of two axes", {"mask": np.zeros((20, 24), int)}, MASK + "(20, 24)."),
    case("a mask without axes", {"mask": np.array(1)}, MASK + "()."),
    case(
        "a mask without channels", {"mask": np.zeros((5, 0, 20, 24), int)}, MASK + "(5, 0, 20, 24)."
    ),
    case(
        "a soft mask",
        {"mask": np.zeros((5, 20, 24), np.float32)},
        "float32. Convert it before the mix, which takes values of masks as they are, and weighs "
        "none.",
    ),
    case("indices of fewer samples", {"label": np.zeros(4, int)}, LABEL),
    case("an index without axes", {"label": np.array(1)}, LABEL),
    case("fractions for indices", {"label": np.zeros(5)}, LABEL),
    case("bools for indices", {"label": np.zeros(5, bool)}, LABEL),
    case("vectors of no class", {"label": np.zeros((5, 0))}, LABEL),
    case("vectors of three axes", {"label": np.zeros((5, 4, 1))}, LABEL),
    case(
        "vectors of another length",
        {"label": np.ones((5, 3))},
        "label vectors must have one value per class, 4, got 3.",
    ),
    case(
        "a column of indices",
        {"label": np.ones((5, 1), int)},
        "label vectors must have one value per class, 4, got 1.",
    ),
    case(
        "a vector with NaN",
        {"label": full(np.nan, 4, dtype="float32")},
        "label vectors must be finite, and below 1e+30, got nan for class 0 in sample 2 of the "
        "batch. Leave such samples out.",
    ),
    case(
        "a vector with infinity",
        {"label": full([1, 0, -np.inf, 0], 4, dtype="float16")},
        "got -inf for class 2 in sample 2 of the batch.",
    ),
    case(
        "a vector that float32 cannot hold",
        {"label": full(1e300, 4, dtype="float64")},
        "got 1e+300 for class 0 in sample 2 of the batch.",
    ),
    case(
        "a class below 0",
        {"label": full(-1)},
        "class index -1 in sample 2 of the batch is outside the 4 classes 0 to 3.",
    ),
    case(
        "a class too high", {"label": full(4)}, "class index 4 in sample 2 of the batch is outside"
    ),
    case(
        "boxes without counts",
        {"num_bboxes": None},
        "padded bboxes and their counts num_bboxes (B,) go together, got no 'num_bboxes'. Where "
        "every row counts, all of num_bboxes are bboxes.shape[1].",
    ),
    case("counts without boxes", {"bboxes": None}, "go together, got no 'bboxes'."),
    case(
        "keypoints without counts",
        {"num_keypoints": None},
        "padded keypoints and their counts num_keypoints (B,) go together, got no "
        "'num_keypoints'. Where every row counts, all of num_keypoints are keypoints.shape[1].",
    ),
    case(
        "boxes of three columns",
        {"bboxes": np.zeros((5, 2, 3)), "num_bboxes": np.zeros(5, int)},
        "bboxes must have shape (5, rows, 4 or more), xyxy in pixels and then further columns, "
        "got (5, 2, 3).",
    ),
    case("boxes of two axes", {"bboxes": np.zeros((5, 4))}, "further columns, got (5, 4)."),
    case(
        "keypoints of one column",
        points(1.0),
        "keypoints must have shape (5, rows, 2 or more), x and y in pixels and then further "
        "columns, got (5, 2, 1).",
    ),
    case(
        "boxes of half precision",
        boxes(1, 1, 5, 5, dtype="float16"),
        "bboxes must be float32, float64, int32 or int64, which hold every pixel's edge, got ",
    ),
    case("keypoints of bytes", points(1, 1, dtype="uint8"), "which hold every pixel's edge, got "),
    case("fractions for counts", {"num_bboxes": np.ones(5)}, "num_bboxes must be whole numbers of"),
    case("bools for counts", {"num_bboxes": np.ones(5, bool)}, "whole numbers of shape (5,), got "),
    case("counts of fewer samples", {"num_keypoints": np.ones(4, int)}, "int64 (4,)."),
    case("a count without axes", {"num_bboxes": np.array(1)}, "int64 ()."),
    case(
        "a count below 0",
        {**boxes(1, 1, 5, 5), "num_bboxes": full(-1)},
        "num_bboxes must be 0 to 3, the rows of bboxes, got -1 in sample 2 of the batch.",
    ),
    case(
        "a count beyond the padding",
        {**points(1, 1), "num_keypoints": full(3)},
        "num_keypoints must be 0 to 2, the rows of keypoints, got 3 in sample 2 of the batch.",
    ),
    case(
        "a box without width",
        boxes(4, 0, 4, 5),
        "row 1 of bboxes in sample 3 of the batch must be xyxy pixels with an area, in an image "
        "of width 24, height 20, got [4.0, 0.0, 4.0, 5.0]. Rows that are none go behind "
        "num_bboxes.",
    ),
    case("an inverted box", boxes(0, 5, 4, 1), "got [0.0, 5.0, 4.0, 1.0]. Rows"),
    case("a box with NaN", boxes(0, np.nan, 4, 5), "got [0.0, nan, 4.0, 5.0]. Rows"),
    case("a box without end", boxes(0, 0, np.inf, 5), "got [0.0, 0.0, inf, 5.0]. Rows"),
    case("a box right of the image", boxes(24, 0, 30, 5), "got [24.0, 0.0, 30.0, 5.0]. Rows"),
    case("a box above the image", boxes(0, -5, 4, 0), "got [0.0, -5.0, 4.0, 0.0]. Rows"),
    case("a box of whole numbers", boxes(4, 0, 1, 5, dtype="int32"), "got [4, 0, 1, 5]. Rows"),
    case(
        "a keypoint with NaN",
        points(np.nan, 1, 0),
        "row 0 of keypoints in sample 2 of the batch must be finite, and below 1e+30, got "
        "[nan, 1.0]. Rows that are none go behind num_keypoints.",
    ),
    case("a keypoint at infinity", points(1, -np.inf), "got [1.0, -inf]. Rows"),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("parts", "words"), PARTS)
def test_what_a_part_must_be(parts, words, way):
    """Shape, dtype and values of every part are checked, alike in NumPy and in torch."""
    backend = "torch" if way == "torch operations" else "auto"
    check_refused(batch_of(way, **parts), words, backend=backend)


def test_an_image_that_looks_like_the_other_layout():
    """Channels first under layout NHWC are found too."""
    words = "looks like (B, C, H, W), and layout is 'NHWC'. Pass BatchCutMix(layout='NCHW'); if"
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
