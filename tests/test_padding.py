"""Padded batches: against rows written by hand, through loaders, and back to lists."""

from __future__ import annotations

import math
import pickle
from functools import partial

import albumentations as A
import numpy as np
import pytest
import torch
from albumentations.pytorch import ToTensorV2
from torch.utils.data import DataLoader, Dataset, default_collate

from albu_cutmix import BatchCutMix, InvalidArgumentError, InvalidSampleError, MixRecord
from albu_cutmix.boxes import from_xyxy
from albu_cutmix.formats import pascal_voc_pool
from albu_cutmix.integrations.torch import MixCollate, padded_collate, unpad
from albu_cutmix.scenes import OBJECT_CLASSES, scene_pool

SHAPE = (17, 11)
BOXES = [[1, 2, 4, 7], [0, 0, 11, 17]]


def row(**parts) -> dict:
    """A result written by hand: a picture of 11 x 17 with two boxes."""
    image = np.arange(17 * 11 * 3, dtype=np.uint8).reshape(17, 11, 3)
    image.setflags(write=False)
    return {"image": image, "bboxes": np.array(BOXES, np.float32), "labels": [3, 1], **parts}


def bare(**parts) -> dict:
    """A picture of 11 x 17 without boxes as a part."""
    return {"image": row()["image"], **parts}


def test_a_batch_holds_every_part_in_its_place():
    """Values, shapes and dtypes of all parts, written by hand."""
    mask = np.arange(17 * 11, dtype=np.uint8).reshape(17, 11)
    one = row(mask=mask, label=2, keypoints=[[1.5, 2, 0], [3, 4, 1]])
    two = row(mask=mask[::-1], label=0, keypoints=[], bboxes=[[5, 6, 7, 9]], labels=[4.0])
    batch = padded_collate([one, two])
    assert {name: (str(part.dtype)[6:], tuple(part.shape)) for name, part in batch.items()} == {
        "image": ("uint8", (2, 3, 17, 11)), "mask": ("uint8", (2, 17, 11)),
        "label": ("int64", (2,)), "bboxes": ("float32", (2, 2, 5)), "num_bboxes": ("int64", (2,)),
        "keypoints": ("float32", (2, 2, 3)), "num_keypoints": ("int64", (2,)),
    }  # fmt: skip
    np.testing.assert_array_equal(batch["image"][1].permute(1, 2, 0), two["image"])
    np.testing.assert_array_equal(batch["mask"], np.stack([mask, mask[::-1]]))
    assert batch["label"].tolist() == [2, 0]
    assert batch["bboxes"].tolist() == [
        [[1, 2, 4, 7, 3], [0, 0, 11, 17, 1]],
        [[5, 6, 7, 9, 4], [0, 0, 0, 0, 0]],
    ]
    assert batch["num_bboxes"].tolist() == [2, 1]
    assert batch["keypoints"].tolist() == [[[1.5, 2, 0], [3, 4, 1]], [[0, 0, 0], [0, 0, 0]]]
    assert batch["num_keypoints"].tolist() == [2, 0]


def test_what_no_sample_holds_is_not_in_the_batch():
    """A part that is None everywhere counts as absent."""
    assert list(padded_collate([bare(mask=None, label=None), bare()])) == ["image"]


def test_soft_labels_under_another_name_become_the_label():
    """The mix knows one name; vectors come as float32."""
    batch = padded_collate(
        [bare(kind=np.array([0.25, 0.75])), bare(kind=np.array([1.0, 0.0]))], label_key="kind"
    )
    assert batch["label"].dtype == torch.float32
    assert batch["label"].tolist() == [[0.25, 0.75], [1, 0]]


def test_a_key_of_the_boxes_is_no_class_label():
    """A label field named as the class label by default belongs to the boxes."""
    sample = bare(bboxes=BOXES, label=[3, 1])
    batch = padded_collate([sample], label_field="label")
    assert "label" not in batch
    assert batch["bboxes"][0, :, 4].tolist() == [3, 1]


def test_a_class_label_may_have_the_name_of_the_label_field():
    """Without boxes there is no label field."""
    assert padded_collate([bare(labels=1), bare(labels=4)], label_key="labels")[
        "label"
    ].tolist() == [1, 4]


@pytest.mark.parametrize("bboxes", [[], np.zeros((0, 4))], ids=["list", "array"])
def test_a_batch_without_any_box_has_one_empty_row(bboxes):
    """There is always a row, so that shapes stay those of boxes."""
    batch = padded_collate([row(bboxes=bboxes, labels=[], keypoints=[])] * 2)
    assert batch["bboxes"].tolist() == [[[0] * 5]] * 2
    assert batch["keypoints"].tolist() == [[[0, 0]]] * 2
    assert batch["num_bboxes"].tolist() == batch["num_keypoints"].tolist() == [0, 0]


def test_max_boxes_fixes_the_shape():
    """Rows beyond the boxes are zeros."""
    batch = padded_collate([row(), row(bboxes=[], labels=[])], max_boxes=4)
    assert batch["bboxes"].shape == (2, 4, 5)
    assert batch["bboxes"][0].count_nonzero(1).tolist() == [5, 3, 0, 0]
    assert batch["num_bboxes"].tolist() == [2, 0]


def test_more_boxes_than_max_boxes_are_refused():
    """The error names the sample, and no box is cut off."""
    empty = row(bboxes=[], labels=[])
    with pytest.raises(InvalidSampleError, match=r"max_boxes=1 boxes, got 2 in sample 1 .*larger"):
        padded_collate([empty, row(), empty], max_boxes=1)


@pytest.mark.parametrize("bbox_format", ["pascal_voc", "coco", "yolo", "albumentations", "cxcywh"])
def test_boxes_of_every_format_become_xyxy(bbox_format):
    """Boxes of any format of the host arrive as pixels."""
    boxes = from_xyxy(BOXES, bbox_format, SHAPE)
    batch = padded_collate([row(bboxes=boxes)], bbox_format=bbox_format)
    np.testing.assert_allclose(batch["bboxes"][0, :, :4], BOXES, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("classes", "numbers"),
    [
        pytest.param(["cat", "dog", "emu"], [2, 0], id="names"),
        pytest.param({"cat": 1, "emu": 7}, [7, 1], id="numbers-of-names"),
    ],
)
def test_names_take_their_number(classes, numbers):
    """A name's number is its place in a list, or what a mapping says."""
    batch = padded_collate([row(labels=["emu", "cat"])], classes=classes)
    assert batch["bboxes"][0, :, 4].tolist() == numbers


def test_fields_are_columns_behind_the_class():
    """One for each name, in their order; a sample without boxes has none."""
    one = row(iscrowd=[0, 1], area=np.array([15, 187.5]))
    two = row(iscrowd=[], area=[], bboxes=[], labels=[])
    batch = padded_collate([two, one], fields=("area", "iscrowd"))
    assert (batch["bboxes"].dtype, tuple(batch["bboxes"].shape)) == (torch.float32, (2, 2, 7))
    assert batch["bboxes"][1, :, 4:].tolist() == [[3, 15, 0], [1, 187.5, 1]]
    assert batch["bboxes"][0].count_nonzero() == 0
    assert batch["num_bboxes"].tolist() == [0, 2]


@pytest.mark.parametrize(
    "values",
    [
        [False, True],
        np.array([0, 1], np.uint8),
        [np.float32(0), np.bool_(True)],
        torch.tensor([0.0, 1.0]),
        [torch.tensor(0), torch.tensor(1)],
    ],
    ids=["bools", "array", "scalars", "tensor", "tensors"],
)
def test_numbers_of_every_kind_are_taken(values):
    """What counts is the value."""
    batch = padded_collate([row(iscrowd=values)], fields=["iscrowd"])
    assert batch["bboxes"][0, :, 5].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0.5, 0.1], "field 'score' must hold numbers .* exactly, got 0.1 in sample 1 .*float32"),
        ([0, 2**24 + 1], "got 16777217 in sample 1"),
        (np.array([0, 2**53 + 1]), "got 9007199254740993 in sample 1"),
        ([0, math.nan], "got nan in sample 1"),
        ([0, -math.inf], "got -inf in sample 1"),
        ([0, 10**400], "got 1000.* in sample 1"),
        (["0", "1"], "got '0' in sample 1 .*Number names"),
        ([None, 1], "got None in sample 1"),
        ([[1], [2, 3]], r"got \[1\] in sample 1"),
        (np.zeros((2, 1)), r"got \[0\.0\] in sample 1"),
        ([1], "sample 1 of the batch has 2 boxes, got 1 values in field 'score'"),
        (np.array(1), "got int in field 'score'"),
        ("01", "got str in field 'score'"),
        (None, "sample 1 of the batch has no 'score', others have"),
    ],
)
def test_fields_that_are_no_numbers_are_refused(values, words):
    """No value is rounded, cast or left out; the error names sample and field."""
    with pytest.raises(InvalidSampleError, match=words):
        padded_collate([row(score=[0, 1]), row(score=values)], fields=("score",))


def test_a_crowd_is_a_whole_number():
    """It comes out of `unpad` as one, so that nothing may be lost on the way."""
    with pytest.raises(InvalidSampleError, match=r"'iscrowd' must hold whole numbers .*0\.5"):
        padded_collate([row(iscrowd=[1, 0.5])], fields=("iscrowd",))


def test_fields_and_kept_parts_must_be_there():
    """A name that was asked for is never left out in silence."""
    with pytest.raises(InvalidSampleError, match="sample 0 of the batch must hold 'iscrowd'"):
        padded_collate([row()], fields=("iscrowd",))
    with pytest.raises(InvalidSampleError, match="sample 0 of the batch must hold 'path'"):
        padded_collate([row()], keep=("path",))


def test_kept_parts_come_as_lists():
    """One entry for each sample, as it was, without boxes too."""
    size = (480, 640)
    samples = [bare(path="a.jpg", size=size), bare(path="b.jpg", size=size)]
    batch = padded_collate(samples, keep=["path", "size"])
    assert list(batch) == ["image", "path", "size"]
    assert batch["path"] == ["a.jpg", "b.jpg"]
    assert batch["size"] == [size, size]


def test_an_unknown_key_beside_boxes_may_be_a_field():
    """The error tells of fields first, and of leaving out last."""
    words = r"'iscrowd', .*fields=\['iscrowd'\].*keep=.*carry=.* MixCollate.*Only .*drop="
    with pytest.raises(InvalidSampleError, match=words):
        padded_collate([row(iscrowd=[0, 1])])


@pytest.mark.parametrize(
    ("mask", "shape"),
    [
        pytest.param(np.zeros((17, 11, 2), np.int32), (1, 2, 17, 11), id="channels"),
        pytest.param(torch.zeros(17, 11, dtype=torch.int32), (1, 17, 11), id="tensor"),
        pytest.param(torch.zeros(2, 17, 11, dtype=torch.int32), (1, 2, 17, 11), id="tensor-planes"),
    ],
)
def test_masks_have_channels_where_images_have_them(mask, shape):
    """Arrays are turned as images are, tensors taken as they are, dtypes kept."""
    batch = padded_collate([bare(mask=mask)])
    assert (batch["mask"].dtype, tuple(batch["mask"].shape)) == (torch.int32, shape)


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        ([], "must have at least one sample"),
        ([(1, 2)], r"sample 0 of the batch must be a mapping .*got a tuple\. .*MixCollate"),
        ([{"label": 1}], r"sample 0 of the batch must hold 'image', got \['label'\]"),
        ([bare(), bare(label=1)], "sample 0 of the batch has no 'label', others have"),
        ([row(), bare()], "sample 1 of the batch has no 'bboxes', 'labels', others have"),
        ([bare(bboxes=BOXES)], "sample 0 of the batch must hold 'labels'"),
        ([bare(labels=[1, 2])], r"samples hold 'labels', .*drop=\['labels'\]"),
        ([row(), row(path="x", id=3)], r"samples hold 'id', 'path', .*drop=\['id', 'path'\]"),
        ([row(labels=[1])], "sample 0 of the batch has 2 boxes, got 1 values in field 'labels'"),
        ([row(labels=[1, 2**24 + 1])], r"at most 2\*\*24 .*16777217.* in sample 0"),
        ([row(labels=["emu", "cat"])], "got 'emu' in sample 0 .*no classes were given"),
        ([row(labels=[1, math.nan])], "got nan in sample 0"),
        ([row(bboxes=np.zeros((2, 5)))], r"shape \(N, 4\), got \(2, 5\) in sample 0 .*label field"),
        ([row(), row(bboxes=[[5, 5, 3, 4]] * 2)], r"box 0 of sample 1 .*bbox_format=\.\.\."),
        ([bare(), {"image": np.zeros((11, 17, 3), np.uint8)}], r"images .*\(3, 11, 17\).*Resize"),
        ([bare(mask=np.zeros((11, 17)))], r"shape \(17, 11\), .*got \(11, 17\) in sample 0"),
        ([bare(mask=torch.zeros(17, 11, 2))], r"got \(17, 11, 2\) in sample 0 .*transpose_mask"),
        ([bare(mask=[[0]])], "got list in sample 0"),
        ([bare(mask=np.zeros((17, 11), d)) for d in (int, bool)], r"masks .*\(17, 11\) torch.bool"),
        ([bare(keypoints=[[1], [2]])], r"\(K, 2 or more\).*got \[\[1.0\], \[2.0\]\] in sample 0"),
        ([bare(keypoints=[[1, math.inf]])], r"must be finite .*inf\]\] in sample 0"),
        ([bare(keypoints=[[1, 2, "a"]])], "keypoints must be .*'a'.* in sample 0"),
        ([bare(keypoints=[[1, 2]]), bare(keypoints=[[1, 2, 3]])], r"many columns, got \[2, 3\]"),
    ],
)
def test_samples_that_make_no_batch_are_refused(samples, words):
    """The error says what is wrong, in which sample, and the way out."""
    with pytest.raises(InvalidSampleError, match=words):
        padded_collate(samples)


def test_what_may_be_left_out_is_named():
    """Names of files and records of earlier mixes go only where the caller says so."""
    sample = row(path="x", mix=MixRecord.empty("cutmix", "p", SHAPE))
    batch = padded_collate([sample] * 2, drop=("path", "mix"))
    assert list(batch) == ["image", "bboxes", "num_bboxes"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"max_boxes": 0}, "max_boxes must be a whole number > 0, got 0"),
        ({"max_boxes": 2.0}, r"got 2\.0"),
        ({"max_boxes": True}, "got True"),
        ({"drop": "path"}, "drop must be a collection of keys, got 'path'"),
        ({"drop": 3}, "drop must be a collection of keys, got 3"),
        ({"label_field": ["labels", "a"]}, r"label_field must be one name, got \['l.*fields="),
        ({"label_key": None}, "label_key must be one name, got None"),
        ({"fields": "iscrowd"}, "fields must be a tuple or list of distinct names, got 'iscrowd'"),
        ({"fields": {"a", "b"}}, "fields must be a tuple or list"),
        ({"fields": ("a", "a")}, r"distinct names, got \('a', 'a'\)"),
        ({"fields": ("labels",)}, r"fields must name .*other use.*got \['labels'\]"),
        ({"fields": ("a",), "drop": ("a",)}, r"fields must name .*other use.*got \['a'\]"),
        ({"keep": (3,)}, r"keep must be .*got \(3,\)"),
        ({"keep": ("mask",)}, r"keep must name .*got \['mask'\]\. Leave"),
        ({"keep": ("a",), "fields": ("a",)}, r"keep must name .*got \['a'\]"),
        ({"bbox_format": "voc"}, "bbox_format must be one of .*got 'voc'"),
    ],
)
def test_wrong_arguments_are_refused(arguments, words):
    """The error names the argument and what came."""
    with pytest.raises(InvalidArgumentError, match=words):
        padded_collate([row()], **arguments)


def test_targets_hold_what_the_counts_say():
    """Lists of a batch with unused rows, written by hand."""
    batch = {
        "image": torch.rand(2, 3, 17, 11),
        "bboxes": torch.tensor([[[1, 2, 4, 7, 3], [9, 9, 9, 9, 9]], [[0, 0, 5, 6, 1]] * 2]),
        "num_bboxes": torch.tensor([1, 2]),
        "keypoints": torch.tensor([[[1.0, 2.0, 5.0]], [[3.0, 4.0, 6.0]]]),
        "num_keypoints": torch.tensor([0, 1]),
        "mix": None,
    }
    images, targets = unpad(batch)
    assert all(torch.equal(one, two) for one, two in zip(images, batch["image"], strict=True))
    assert [{name: part.tolist() for name, part in target.items()} for target in targets] == [
        {"boxes": [[1, 2, 4, 7]], "labels": [3], "keypoints": []},
        {"boxes": [[0, 0, 5, 6]] * 2, "labels": [1, 1], "keypoints": [[3, 4, 6]]},
    ]
    assert targets[0]["boxes"].dtype == torch.float32
    assert targets[0]["labels"].dtype == torch.int64
    assert targets[0]["keypoints"].shape == (0, 3)


def test_targets_hold_the_fields():
    """Crowds as int64, all others as float32, whatever their values."""
    batch = padded_collate([row(iscrowd=[0, 1], area=[15, 187])], fields=("iscrowd", "area"))
    _, (target,) = unpad(batch, fields=("iscrowd", "area"))
    assert list(target) == ["boxes", "labels", "iscrowd", "area"]
    assert (target["iscrowd"].dtype, target["iscrowd"].tolist()) == (torch.int64, [0, 1])
    assert (target["area"].dtype, target["area"].tolist()) == (torch.float32, [15, 187])


def test_a_crowd_is_a_crowd_after_the_pipeline_and_the_mix():
    """Every box that comes out, clipped or a donor's, has the crowd of its class."""
    run = A.Compose(
        [A.HorizontalFlip(p=0.5)],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["labels", "iscrowd"]),
        seed=1,
    )
    sample = row(labels=[3, 1], iscrowd=[1, 0], image_id=7)
    rows = [run(**sample) for _ in range(8)]
    collate = MixCollate(
        BatchCutMix(placement="inside", area_range=(0.1, 0.4), seed=1),
        partial(padded_collate, fields=("iscrowd",), keep=("image_id",)),
        carry=("image_id",),
    )
    batch = collate(rows)
    assert batch["image_id"] == [7] * 8
    assert batch["mix"].donor_kept.sum() > 0
    _, targets = unpad(batch, fields=("iscrowd",))
    crowds = torch.cat([target["iscrowd"] for target in targets])
    assert crowds.unique().tolist() == [0, 1]
    assert torch.equal(crowds == 1, torch.cat([target["labels"] for target in targets]) == 3)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ((), r"\(B, M, 5\).*fields=\[\], got \(1, 2, 6\).*unpad\(batch, fields="),
        (("iscrowd", "area"), r"\(B, M, 7\).*fields=\['iscrowd', 'area'\], got \(1, 2, 6\)"),
    ],
    ids=["unnamed", "too-many-names"],
)
def test_every_further_column_has_a_name(fields, words):
    """A column is never left out, nor made up."""
    batch = padded_collate([row(iscrowd=[0, 1])], fields=("iscrowd",))
    with pytest.raises(InvalidSampleError, match=words):
        unpad(batch, fields=fields)


@pytest.mark.parametrize("fields", ["iscrowd", ("a", "a"), ("labels",), ("a", "keypoints")])
def test_names_of_other_parts_are_no_fields(fields):
    """A part of a target is never overwritten."""
    with pytest.raises(InvalidArgumentError, match="fields must "):
        unpad(padded_collate([row()]), fields=fields)


def test_a_collated_batch_comes_apart_into_its_samples():
    """Without a mix, as in a validation set, every target has its own boxes."""
    images, targets = unpad(padded_collate([row(), row(bboxes=[], labels=[])], max_boxes=5))
    assert [tuple(image.shape) for image in images] == [(3, 17, 11)] * 2
    assert [target["boxes"].tolist() for target in targets] == [BOXES, []]
    assert targets[0]["boxes"].is_contiguous()
    assert targets[1]["boxes"].shape == (0, 4)
    assert [target["labels"].tolist() for target in targets] == [[3, 1], []]


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"num_bboxes": None}, "a batch to unpad must hold 'num_bboxes', got"),
        ({"bboxes": np.zeros((1, 2, 5))}, "takes tensors, got ndarray for 'bboxes'"),
        ({"bboxes": torch.zeros(1, 2, 4)}, r"class number .*got \(1, 2, 4\)\. padded_collate"),
        ({"keypoints": torch.zeros(1, 1, 2)}, "must hold 'num_keypoints'"),
    ],
    ids=["no-counts", "numpy", "no-class", "no-keypoint-counts"],
)
def test_batches_that_cannot_come_apart_are_refused(parts, words):
    """The error says which part is missing or of another kind."""
    with pytest.raises(InvalidSampleError, match=words):
        unpad(padded_collate([row()]) | parts)


class Noted:
    """A mix that notes what it got, and one draw of torch's stream."""

    def __call__(self, batch):
        """Return the batch with the draw."""
        return {**batch, "draw": torch.rand(())}


def test_parts_of_tuples_get_their_names():
    """Samples of a classification data set become image and label."""
    image = torch.rand(3, 17, 11)
    out = MixCollate(Noted())([(image, 4), (image, 2)])
    assert torch.equal(out["image"], torch.stack([image, image]))
    assert out["label"].tolist() == [4, 2]


def test_parts_of_tuples_may_have_other_names():
    """`keys` says what each part is."""
    sample = (torch.zeros(3, 17, 11), torch.ones(17, 11))
    out = MixCollate(Noted(), keys=["image", "mask"])([sample])
    assert list(out) == ["image", "mask", "draw"]
    assert out["mask"].shape == (1, 17, 11)


def test_carried_parts_go_past_the_mix():
    """Of tuples they are named by `keys`; the mix never sees them."""
    samples = [(torch.zeros(3, 17, 11), 4, "a.jpg"), (torch.ones(3, 17, 11), 2, "b.jpg")]
    mix = BatchCutMix(classes=5, seed=1)
    collate = MixCollate(mix, keys=("image", "label", "path"), carry=("path",))
    out = collate(samples)
    assert list(out["path"]) == ["a.jpg", "b.jpg"]
    assert out["label"].shape == (2, 5)


def test_carried_parts_of_mappings_come_back():
    """default_collate has made of them what it makes."""
    sample = {"image": torch.zeros(3, 17, 11), "label": 4, "image_id": 9}
    out = MixCollate(lambda batch: {"seen": sorted(batch)}, carry=["image_id"])([sample] * 2)
    assert out["seen"] == ["image", "label"]
    assert out["image_id"].tolist() == [9, 9]


def test_a_carried_part_that_is_not_there_is_an_error():
    """The error says which, and what there is."""
    with pytest.raises(InvalidSampleError, match=r"got no \['path'\] among \['image', 'label'\]"):
        MixCollate(Noted(), carry=("path",))([(torch.zeros(3, 17, 11), 4)])


@pytest.mark.parametrize(
    "boxes",
    [
        pytest.param([np.zeros((2, 4)), np.zeros((1, 4))], id="arrays"),
        pytest.param([BOXES, BOXES[:1]], id="lists"),
        pytest.param([torch.zeros(2, 4), torch.zeros(0, 4)], id="tensors"),
    ],
)
def test_boxes_of_different_numbers_need_padding(boxes):
    """What torch says is kept, and the way out is added."""
    samples = [{"image": torch.zeros(3, 17, 11), "bboxes": rows} for rows in boxes]
    words = r"cannot stack .*equal size.*MixCollate\(mix, padded_collate\)"
    with pytest.raises(InvalidSampleError, match=words) as caught:
        MixCollate(Noted())(samples)
    assert isinstance(caught.value.__cause__, RuntimeError)


def failing(samples):
    """A collate function of a user, with an error of its own."""
    raise RuntimeError("mine")


@pytest.mark.parametrize(
    ("collate", "samples", "words"),
    [
        (failing, [row()], "mine"),
        (default_collate, [{"image": torch.zeros(3, n, n)} for n in (4, 5)], "equal size"),
        (default_collate, [(torch.zeros(3, n, n), 1) for n in (4, 5)], "equal size"),
    ],
    ids=["own", "no-boxes", "tuples"],
)
def test_other_errors_of_a_collate_function_stay(collate, samples, words):
    """Advice is given only where it is right."""
    with pytest.raises(RuntimeError, match=words):
        MixCollate(Noted(), collate)(samples)


def test_a_mapping_goes_to_the_mix_as_it_is():
    """`keys` has no say there."""
    out = MixCollate(Noted(), padded_collate)([row()])
    assert list(out) == ["image", "bboxes", "num_bboxes", "draw"]


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        ([(1, 2, 3)], r"parts \['image', 'label'\], got a list of 3 parts\. .*keys=\(\.\.\.\)"),
        ([1, 2], "got a Tensor"),
    ],
    ids=["three-parts", "no-parts"],
)
def test_batches_without_names_are_refused(samples, words):
    """A part is never left out, nor named by guess."""
    with pytest.raises(InvalidSampleError, match=words):
        MixCollate(Noted())(samples)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"mix": None}, "mix must be callable, got None"),
        ({"mix": Noted(), "collate": 3}, "collate must be callable, got 3"),
        ({"mix": Noted(), "keys": "image"}, "distinct names, got 'image'"),
        ({"mix": Noted(), "keys": ("image", "image")}, r"got \('image', 'image'\)"),
        ({"mix": Noted(), "carry": "path"}, "carry must be a tuple .*got 'path'"),
        ({"mix": Noted(), "carry": ("bboxes",)}, r"carry must name .*target.*got \['bboxes'\]"),
        ({"mix": Noted(), "carry": ("mix",)}, r"carry must name .*got \['mix'\]"),
    ],
)
def test_a_collate_of_wrong_parts_is_refused(arguments, words):
    """It is noticed before a loader starts its workers."""
    with pytest.raises(InvalidArgumentError, match=words):
        MixCollate(**arguments)


def test_a_collate_is_pickled_with_its_parts():
    """Spawned workers get a copy that does the same."""
    part = partial(padded_collate, max_boxes=3, keep=("path",))
    made = MixCollate(Noted(), part, keys=("image", "mask"), carry=("path",))
    copy = pickle.loads(pickle.dumps(made))
    assert (copy.keys, copy.carry) == (("image", "mask"), ("path",))
    assert copy([row(path="a")])["bboxes"].shape == (1, 3, 5)


class Same(Dataset):
    """Samples whose batches are all alike, so that only draws can tell them apart."""

    def __len__(self) -> int:
        """Eight batches of three."""
        return 24

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        """A picture of noise, and its class."""
        generator = torch.Generator().manual_seed(index % 3)
        return torch.rand(3, 17, 11, generator=generator), index % 3


def epochs(persistent: bool) -> list[tuple]:
    """Patches and pixels of each batch of two epochs, from one seed of torch."""
    torch.manual_seed(5)
    loader = DataLoader(
        Same(), 3, num_workers=2, collate_fn=MixCollate(BatchCutMix(classes=3)),
        multiprocessing_context="fork", persistent_workers=persistent,
    )  # fmt: skip
    return [
        (batch["mix"].patches.tolist(), batch["mix"].donors.tolist(), batch["image"].tolist())
        for _ in range(2)
        for batch in loader
    ]


@pytest.mark.parametrize("persistent", [False, True], ids=["new-workers", "persistent"])
def test_workers_and_epochs_mix_differently_and_repeat_with_the_seed(persistent):
    """Sixteen equal batches of two workers get sixteen plans; the same seed gives the same ones."""
    first = epochs(persistent)
    assert len({str(patches) for patches, _, _ in first}) == len(first) == 16
    assert epochs(persistent) == first


def test_a_mix_that_never_fires_changes_no_target():
    """The lists of a batch are the same before and after it."""
    batch = padded_collate([row(), row(bboxes=[[5, 6, 7, 9]], labels=[4])])
    (images, targets), (before, whole) = unpad(BatchCutMix(p=0.0)(batch)), unpad(batch)
    assert torch.equal(torch.stack(images), torch.stack(before))
    for target, other in zip(targets, whole, strict=True):
        assert {name: part.tolist() for name, part in target.items()} == {
            name: part.tolist() for name, part in other.items()
        }


def test_boxes_of_two_flat_pictures_after_a_mix():
    """Each box that comes out shows the colour that its class stands for."""
    samples = [
        {"image": np.full((17, 11, 3), 10 * k, np.uint8), "bboxes": [[0, 0, 11, 17]], "labels": [k]}
        for k in (1, 2, 3)
    ]
    mix = BatchCutMix(seed=3)
    for _ in range(20):
        images, targets = unpad(mix(padded_collate(samples)))
        for image, target in zip(images, targets, strict=True):
            shown = set((image[0] // 10).unique().tolist())
            assert set(target["labels"].tolist()) <= shown
            for x0, y0, x1, y1 in target["boxes"].int().tolist():
                assert 0 <= x0 < x1 <= 11
                assert 0 <= y0 < y1 <= 17


def test_real_pictures_through_a_loader(data_dir):
    """Cropped blood cells: all boxes that come out lie in their image, and some are donors'."""
    with pytest.warns(UserWarning, match="left out 2 boxes"):
        pool = pascal_voc_pool(
            data_dir / "bccd_voc" / "Annotations", data_dir / "bccd_voc" / "JPEGImages"
        )
    run = A.Compose(
        [A.RandomCrop(120, 160), ToTensorV2()],
        bbox_params=A.BboxParams("coco", label_fields=["labels"], clip=True, min_area=4),
        seed=1,
    )
    collate = partial(
        padded_collate,
        bbox_format="coco",
        classes={name: k for k, name in enumerate(pool.classes, 1)},
    )
    rows = [run(**pool.sample(index, "coco")) for index in range(24)]
    loader = DataLoader(
        rows, 8, num_workers=2, collate_fn=MixCollate(BatchCutMix(seam=True), collate),
        multiprocessing_context="fork",
    )  # fmt: skip
    torch.manual_seed(2)
    batches = list(loader)
    assert [batch["mix"].applied.all().item() for batch in batches] == [True] * 3
    assert sum(int(batch["mix"].donor_kept.sum()) for batch in batches) > 0
    for batch in batches:
        images, targets = unpad(batch)
        assert [len(target["boxes"]) for target in targets] == batch["num_bboxes"].tolist()
        for image, target in zip(images, targets, strict=True):
            boxes, (height, width) = target["boxes"], image.shape[1:]
            assert (boxes[:, 2:] > boxes[:, :2]).all()
            assert boxes.min() >= 0
            assert (boxes[:, 2:] <= torch.tensor([width, height])).all()
            assert set(target["labels"].tolist()) <= {1, 2, 3}


def test_a_detector_of_torchvision_takes_what_comes_apart():
    """An SSD gives a loss for a mixed batch, one picture without a box."""
    detection = pytest.importorskip(
        "torchvision.models.detection", reason="torchvision is not installed"
    )
    torch.manual_seed(0)
    model = detection.ssdlite320_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=10
    )
    samples = [
        {**sample, "image": np.float32(sample["image"] / 255)}
        for sample in map(scene_pool(3, size=(96, 128)).sample, range(3))
    ]
    samples[2] |= {"bboxes": [], "labels": []}
    numbers = {name: number for number, name in enumerate(OBJECT_CLASSES, 1)}
    batch = padded_collate(samples, classes=numbers, drop=("label", "mask", "masks"))
    losses = model(*unpad(BatchCutMix(seed=1)(batch)))
    assert all(torch.isfinite(loss) for loss in losses.values())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_bboxes": torch.tensor([1])}, r"must be of the 2 images, got 2 rows"),
        ({"num_bboxes": torch.tensor([1.0, 1.0])}, r"torch.float32 counts of shape \(2,\)"),
        ({"num_bboxes": torch.tensor([1, -1])}, r"num_bboxes must be 0 to 3.*got -1 for image 1"),
        ({"num_bboxes": torch.tensor([4, 1])}, r"num_bboxes must be 0 to 3.*got 4 for image 0"),
        ({"image": torch.zeros(3, 3, 8, 8)}, r"must be of the 3 images, got 2 rows of bboxes"),
    ],
    ids=["short", "float", "negative", "beyond", "images"],
)
def test_counts_that_do_not_fit_are_refused(change, words):
    """No target is lost by a count of another shape, or outside of its rows."""
    batch = {
        "image": torch.zeros(2, 3, 8, 8),
        "bboxes": torch.zeros(2, 3, 5),
        "num_bboxes": torch.tensor([1, 2]),
    }
    with pytest.raises(InvalidSampleError, match=words):
        unpad({**batch, **change})
