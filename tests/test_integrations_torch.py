"""PyTorch: batches, loss and metric, computed by hand and by torch itself."""

from __future__ import annotations

import math
import subprocess
import sys
from functools import partial

import albumentations as A
import numpy as np
import pytest
import torch
from albumentations.pytorch import ToTensorV2
from torch.nn import functional

from albu_cutmix import CutMix, InvalidArgumentError, InvalidSampleError, MixRecord, MixTargets
from albu_cutmix.boxes import from_xyxy
from albu_cutmix.integrations.torch import (
    MixedAccuracy,
    classification_collate,
    detection_collate,
    mixed_accuracy,
    soft_cross_entropy,
)
from albu_cutmix.scenes import OBJECT_CLASSES, scene_pool

SHAPE = (17, 11)


def row(**parts) -> dict:
    """A detection result written by hand: a picture of 11 x 17 with two boxes."""
    image = np.arange(17 * 11 * 3, dtype=np.uint8).reshape(17, 11, 3)
    boxes = np.array([[1, 2, 4, 7], [0, 0, 11, 17]], np.float32)
    return {"image": image, "bboxes": boxes, "labels": [3, 1], **parts}


def test_a_target_holds_what_torchvision_reads():
    """Values, dtypes and shapes of a target, counted by hand."""
    sample = row()
    (image,), (target,), records = detection_collate([sample])
    assert (image.dtype, tuple(image.shape)) == (torch.uint8, (3, 17, 11))
    assert torch.equal(image, torch.from_numpy(sample["image"]).permute(2, 0, 1))
    assert image.is_contiguous()
    assert target["boxes"].tolist() == [[1, 2, 4, 7], [0, 0, 11, 17]]
    assert target["labels"].tolist() == [3, 1]
    assert target["area"].tolist() == [15, 187]
    assert target["iscrowd"].tolist() == [0, 0]
    assert {name: str(rows.dtype)[6:] for name, rows in target.items()} == {
        "boxes": "float32", "labels": "int64", "iscrowd": "int64", "area": "float32",
    }  # fmt: skip
    assert records is None


def test_a_tensor_image_stays_as_it_is():
    """What ToTensorV2 made is not copied, turned or scaled."""
    made = torch.rand(3, 17, 11)
    (image,), (target,), _ = detection_collate([row(image=made)])
    assert image is made
    assert target["boxes"].tolist()[1] == [0, 0, 11, 17]


@pytest.mark.parametrize(
    "bboxes", [[], np.zeros((0, 4)), np.zeros((0, 5))], ids=["list", "array", "columns"]
)
def test_a_picture_without_boxes_has_rows_of_no_length(bboxes):
    """Every part keeps its columns and dtype."""
    _, (target,), _ = detection_collate([row(bboxes=bboxes, labels=[], masks=[])])
    assert target["boxes"].shape == (0, 4)
    assert target["boxes"].dtype == torch.float32
    assert target["labels"].dtype == torch.int64
    assert target["masks"].shape == (0, 17, 11)
    assert target["area"].shape == target["iscrowd"].shape == (0,)


@pytest.mark.parametrize("bbox_format", ["pascal_voc", "coco", "yolo", "albumentations", "cxcywh"])
def test_boxes_of_every_format_become_xyxy(bbox_format):
    """Boxes of any format of the host arrive as pixels, after columns were cut off."""
    xyxy = np.array([[1.0, 2.0, 4.0, 7.0], [0.0, 0.0, 11.0, 17.0]])
    boxes = np.hstack([from_xyxy(xyxy, bbox_format, SHAPE), [[0.5], [0.25]]])
    _, (target,), _ = detection_collate([row(bboxes=boxes)], bbox_format=bbox_format)
    np.testing.assert_allclose(target["boxes"].numpy(), xyxy, rtol=1e-6)


@pytest.mark.parametrize(
    ("classes", "numbers"),
    [
        pytest.param(["cat", "dog", "emu"], [2, 0], id="names"),
        pytest.param({"cat": 1, "emu": 7}, [7, 1], id="numbers-of-names"),
    ],
)
def test_names_take_their_number(classes, numbers):
    """A name's number is its place in a list, or what a mapping says."""
    _, (target,), _ = detection_collate([row(labels=["emu", "cat"])], classes=classes)
    assert target["labels"].tolist() == numbers


@pytest.mark.parametrize(
    ("labels", "classes", "words"),
    [
        (["emu", "cat"], None, r"got 'emu' in sample 0 .* no classes were given"),
        (["emu", "cat"], ["cat"], r"got 'emu' in sample 0 .* classes are \['cat'\]"),
        ([1.5, 2.0], None, r"got 1\.5 in sample 0"),
        ([1.0, math.nan], None, r"got nan in sample 0"),
        ([[1, 2], [3, 4]], None, r"got \[1, 2\] in sample 0"),
    ],
    ids=["no-classes", "unknown", "fraction", "not-a-number", "rows"],
)
def test_labels_that_are_no_numbers_are_refused(labels, classes, words):
    """Nothing is rounded, numbered by guess or left out."""
    with pytest.raises(InvalidSampleError, match=words):
        detection_collate([row(labels=labels)], classes=classes)


def test_masks_follow_their_field():
    """Masks become 0 and 1 in the order that the field says, and give the area."""
    masks = np.zeros((3, 17, 11), np.uint8)
    masks[0, :2, :3], masks[2, 4, 5:9] = 255, 7
    _, (target,), _ = detection_collate(
        [row(masks=list(masks), own=[2.0, 0.0], iscrowd=[1, 0])], mask_index_field="own"
    )
    assert target["masks"].dtype == torch.uint8
    assert torch.equal(target["masks"], torch.from_numpy(masks[[2, 0]] != 0).to(torch.uint8))
    assert target["area"].tolist() == [4, 6]
    assert target["iscrowd"].tolist() == [1, 0]


def test_rows_that_do_not_match_are_refused():
    """Three masks for two boxes say which object is whose only by a field."""
    with pytest.raises(InvalidSampleError, match=r"has 2 boxes, but 3 area, 3 masks.*mask_index"):
        detection_collate([row(masks=np.ones((3, 17, 11), np.uint8))])
    with pytest.raises(InvalidSampleError, match="has 2 boxes, but 1 labels"):
        detection_collate([row(labels=[1])])


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"bboxes": None}, r"sample 0 of the batch must hold 'bboxes', got \['bboxes', 'image'"),
        ({"image": torch.zeros(17, 11)}, r"must have shape \(C, H, W\), got \(17, 11\)"),
        ({"image": [[0]]}, "sample 0 of the batch"),
    ],
    ids=["no-boxes", "flat-tensor", "list"],
)
def test_incomplete_samples_are_named(parts, words):
    """The error says which sample, and what it holds."""
    with pytest.raises(InvalidSampleError, match=words):
        detection_collate([row(**parts)])


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"row": [-1, 0]}, r"'row' must name rows of the 2 masks, got -1 in sample 0"),
        ({"row": [0, 5]}, r"'row' must name rows of the 2 masks, got 5 in sample 0"),
        ({"masks": np.ones((2, 9, 9), np.uint8)}, r"must have the image's shape \(17, 11\), got"),
    ],
    ids=["negative", "beyond", "other-size"],
)
def test_masks_that_are_not_there_are_refused(parts, words):
    """A wrong row would silently take another object's mask."""
    sample = row(**{"masks": np.ones((2, 17, 11), np.uint8), "row": [0, 1], **parts})
    with pytest.raises(InvalidSampleError, match=words):
        detection_collate([sample], mask_index_field="row")


@pytest.mark.parametrize(
    ("boxes", "words"),
    [
        ([[5, 5, 3, 4]], r"box 0 of sample 0 .* read as 'pascal_voc', .*bbox_format=\.\.\."),
        ([[1, 2, 4, 7], [1, 2, 4, 20]], r"box 1 .* must lie in its image of width 11, height 17"),
        ([[1, 2, 1, 7]], r"got xyxy \[1\.0, 2\.0, 1\.0, 7\.0\]"),
        ([[1, 2, np.nan, 7]], "box 0"),
    ],
    ids=["inverted", "outside", "flat", "nan"],
)
def test_boxes_of_another_format_are_noticed(boxes, words):
    """A forgotten bbox_format would train on boxes that are none."""
    labels = list(range(len(boxes)))
    with pytest.raises(InvalidSampleError, match=words):
        detection_collate([row(bboxes=np.array(boxes, np.float32), labels=labels)])


def test_a_record_in_part_of_a_batch_is_refused():
    """A container that does not always call the mix needs MixTargets."""
    record = MixRecord.empty("cutmix", "p", SHAPE)
    with pytest.raises(InvalidSampleError, match=r"sample 1 .* no record 'mix'.*MixTargets"):
        detection_collate([row(mix=record), row()])


def test_a_real_pipeline_feeds_a_real_loader():
    """Scenes with boxes and masks pass crop, mix and collate; each mask lies in its box."""
    pool = scene_pool(6, size=(96, 128))
    pipeline = A.Compose(
        [
            A.RandomCrop(80, 112),
            CutMix(pool, mask_index_field="own", p=1.0),
            A.HorizontalFlip(p=0.5),
            ToTensorV2(),
        ],
        bbox_params=A.BboxParams("coco", label_fields=["labels", "own"]),
        seed=1,
    )
    samples = [pool.sample(i, "coco") for i in range(6)]
    rows = [
        pipeline(**one, own=list(range(len(one["labels"]))), pool_index=index)
        for index, one in enumerate(samples)
    ]
    loader = torch.utils.data.DataLoader(
        rows,
        batch_size=3,
        collate_fn=partial(
            detection_collate, bbox_format="coco", classes=OBJECT_CLASSES, mask_index_field="own"
        ),
    )
    for images, targets, records in loader:
        assert [tuple(image.shape) for image in images] == [(3, 80, 112)] * 3
        assert records.applied.tolist() == [True] * 3
        for target in targets:
            assert len(target["masks"]) == len(target["boxes"]) > 0
            for mask, box in zip(target["masks"], target["boxes"], strict=True):
                rows, columns = torch.nonzero(mask, as_tuple=True)
                assert box[0] - 1 <= columns.min() <= columns.max() < box[2] + 1
                assert box[1] - 1 <= rows.min() <= rows.max() < box[3] + 1


def test_a_detector_of_torchvision_takes_the_batch():
    """An SSD gives a loss for mixed pictures, one of them without a box."""
    detection = pytest.importorskip(
        "torchvision.models.detection", reason="torchvision is not installed"
    )
    torch.manual_seed(0)
    model = detection.ssdlite320_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=10
    )
    pool = scene_pool(2, size=(96, 128))
    pipeline = A.Compose(
        [CutMix(pool, p=1.0), A.ToFloat(), ToTensorV2()],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["labels"]),
        seed=1,
    )
    empty = {"image": torch.zeros(3, 96, 128), "bboxes": [], "labels": []}
    mixed = pipeline(**pool.sample(0))
    del mixed["mix"]
    numbers = {name: number for number, name in enumerate(OBJECT_CLASSES, 1)}
    images, targets, _ = detection_collate([mixed, empty], classes=numbers)
    losses = model(images, targets)
    assert all(torch.isfinite(loss) for loss in losses.values())


def pictures(p: float = 1.0, *steps, **settings) -> A.Compose:
    """A classification pipeline over two donors."""
    donors = [{"image": np.full((17, 11, 3), 255, np.uint8), "label": 1}] * 2
    return A.Compose([CutMix(donors, classes=3, p=p, **settings), *steps], seed=2)


@pytest.mark.parametrize("to_tensor", [False, True], ids=["arrays", "tensors"])
def test_classification_batches_stack(to_tensor):
    """Images, soft labels and records of a batch, fired or not."""
    run = pictures(0.5, *([ToTensorV2()] if to_tensor else []))
    rows = [run(image=np.zeros((17, 11, 3), np.uint8), label=0) for _ in range(8)]
    images, labels, records = classification_collate(rows)
    assert (images.dtype, tuple(images.shape)) == (torch.uint8, (8, 3, 17, 11))
    assert (labels.dtype, tuple(labels.shape)) == (torch.float32, (8, 3))
    assert 0 < records.applied.sum() < 8
    shown = (images == 0).all(1).float().mean((1, 2))  # pixels of the primary
    torch.testing.assert_close(labels[:, 0], shown)
    torch.testing.assert_close(labels[:, 1], 1 - shown)


def test_whole_labels_of_a_validation_set_stay_whole():
    """Without a mix the labels come as (B,) int64, without records."""
    rows = [{"image": np.zeros((4, 6), np.float32), "label": label} for label in (2, np.int32(0))]
    images, labels, records = classification_collate(rows)
    assert tuple(images.shape) == (2, 1, 4, 6)
    assert (labels.tolist(), labels.dtype, records) == ([2, 0], torch.int64, None)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([np.float32([1, 0]), 1], r"float vectors of one length, got float32 \(2,\), int64 \(\)"),
        ([np.float32([1, 0]), np.float32([1, 0, 0])], "MixTargets"),
        ([np.array([1, 0]), np.array([0, 1])], r"got int64 \(2,\)"),
        (["cat", "dog"], "float vectors"),
    ],
    ids=["half-soft", "lengths", "whole-vectors", "names"],
)
def test_labels_of_two_kinds_are_refused(labels, words):
    """The error says where soft labels come from."""
    rows = [{"image": np.zeros((4, 6, 3), np.uint8), "label": label} for label in labels]
    with pytest.raises(InvalidSampleError, match=words):
        classification_collate(rows)


def test_images_of_two_sizes_are_refused():
    """A batch is one array."""
    rows = [{"image": np.zeros((4, side, 3), np.uint8), "label": 0} for side in (5, 6)]
    with pytest.raises(InvalidSampleError, match=r"\(3, 4, 5\) torch.*Resize"):
        classification_collate(rows)


def test_pairs_are_sent_to_the_collate_of_torch():
    """The donor's label would else be lost in silence."""
    rows = [pictures(label_mode="pair")(image=np.zeros((17, 11, 3), np.uint8), label=0)]
    with pytest.raises(InvalidSampleError, match=r"label_donor'.*default_collate"):
        classification_collate(rows)


LOGITS = torch.tensor([[0.0, math.log(3.0)], [math.log(3.0), 0.0]], dtype=torch.float64)
SOFT = torch.tensor([[0.25, 0.75], [0.5, 0.5]], dtype=torch.float64)


def test_loss_by_hand():
    """Rows of probabilities 1/4 and 3/4 give sums of logarithms that can be written down."""
    one = 0.25 * math.log(4) + 0.75 * math.log(4 / 3)
    two = 0.5 * math.log(4) + 0.5 * math.log(4 / 3)
    losses = soft_cross_entropy(LOGITS, SOFT, reduction="none")
    np.testing.assert_allclose(losses.numpy(), [one, two], rtol=1e-12)
    assert float(soft_cross_entropy(LOGITS, SOFT)) == pytest.approx((one + two) / 2, rel=1e-12)


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "class-weights"])
def test_loss_and_gradient_equal_those_of_torch(reduction, weighted):
    """F.cross_entropy with probabilities gives the same value and gradient, bit for bit."""
    torch.manual_seed(1)
    targets = torch.rand(5, 7).softmax(1)
    weight = torch.rand(7) if weighted else None
    grads = []
    for loss in (soft_cross_entropy, functional.cross_entropy):
        logits = torch.randn(5, 7, generator=torch.Generator().manual_seed(2), requires_grad=True)
        value = loss(logits, targets, weight, reduction=reduction, label_smoothing=0.1)
        value.sum().backward()
        grads.append((value.detach(), logits.grad))
    assert torch.equal(grads[0][0], grads[1][0])
    assert torch.equal(grads[0][1], grads[1][1])


def test_gradient_is_softmax_minus_target():
    """The derivative that every book gives."""
    logits = LOGITS.clone().requires_grad_()
    soft_cross_entropy(logits, SOFT, reduction="sum").backward()
    np.testing.assert_allclose(logits.grad, LOGITS.softmax(1) - SOFT, atol=1e-15)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "class-weights"])
def test_a_pair_is_the_mix_of_two_losses(weighted):
    """The loss is lam * ce(y) + (1 - lam) * ce(y_donor), that of the same soft label."""
    torch.manual_seed(3)
    logits, weight = torch.randn(4, 3), torch.rand(3) if weighted else None
    mine, other = torch.tensor([0, 1, 2, 2]), torch.tensor([1, 1, 0, 2])
    lam = torch.tensor([0.25, 0.5, 0.875, 1.0])
    got = soft_cross_entropy(logits, mine, weight, "none", labels_donor=other, lam=lam)
    losses = [functional.cross_entropy(logits, y, weight, reduction="none") for y in (mine, other)]
    torch.testing.assert_close(got, lam * losses[0] + (1 - lam) * losses[1])
    soft = torch.zeros(4, 3)
    for i in range(4):
        soft[i, mine[i]] += lam[i]
        soft[i, other[i]] += 1 - lam[i]
    assert torch.equal(got, soft_cross_entropy(logits, soft, weight, "none"))


def test_whole_labels_have_the_mean_over_rows():
    """Class weights do not change by how much a mean is divided."""
    logits, weight = torch.randn(4, 3), torch.tensor([1.0, 2.0, 3.0])
    whole = torch.tensor([0, 1, 2, 2])
    soft = functional.one_hot(whole, 3).float()
    assert torch.equal(
        soft_cross_entropy(logits, whole, weight), soft_cross_entropy(logits, soft, weight)
    )


def test_half_precision_is_computed_in_float32():
    """A bfloat16 logit of a mixed-precision run gives a float32 loss."""
    logits = torch.tensor([[3.0, -2.0, 0.5]], dtype=torch.bfloat16)
    loss = soft_cross_entropy(logits, torch.tensor([[0.2, 0.3, 0.5]]))
    assert loss.dtype == torch.float32
    assert torch.equal(loss, soft_cross_entropy(logits.float(), torch.tensor([[0.2, 0.3, 0.5]])))


@pytest.mark.parametrize(
    ("targets", "pair", "words"),
    [
        (torch.zeros(2, 3), {}, r"float32 \(2, 3\) for logits \(2, 2\)"),
        (torch.zeros(2), {}, r"float32 \(2,\)"),
        (torch.zeros(2, dtype=torch.int64), {"lam": torch.ones(2)}, "labels_donor and lam"),
    ],
    ids=["classes", "float-vector", "half-a-pair"],
)
def test_targets_of_another_shape_are_refused(targets, pair, words):
    """Nothing is broadcast by accident."""
    with pytest.raises(InvalidArgumentError, match=words):
        soft_cross_entropy(LOGITS, targets, **pair)


def test_mixed_accuracy_by_hand():
    """Four rows predicted as class 0: two unmixed, one strong, one weak, one absent."""
    logits = torch.tensor([[2.0, 1.0, 0.0]] * 5)
    targets = torch.tensor([[1, 0, 0], [0, 1, 0], [0.6, 0.4, 0], [0.2, 0.8, 0], [0, 0.5, 0.5]])
    accuracy, unmixed, mass, mixed = mixed_accuracy(logits, targets)
    assert (accuracy, unmixed, mixed) == (0.5, 2, 3)
    assert mass == pytest.approx((1 + 0.25 + 0) / 3)


def test_naming_the_smaller_class_is_not_all_wrong():
    """Where argmax counts 0, the class of 0.45 is worth 0.45 / 0.55; a tie is worth 1."""
    targets = torch.tensor([[0.55, 0.45], [0.5, 0.5]])
    logits = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    assert float((logits.argmax(1) == targets.argmax(1)).float().mean()) == 0.0
    assert mixed_accuracy(logits, targets).mass == pytest.approx((0.45 / 0.55 + 1) / 2)


def test_whole_labels_give_the_accuracy_that_everyone_knows():
    """Without mixed rows it is argmax accuracy, and `mass` is no number."""
    logits = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    got = mixed_accuracy(logits, torch.tensor([0, 1, 1]))
    assert got[:2] == (pytest.approx(2 / 3), 3)
    assert math.isnan(got.mass)
    assert got.mixed == 0
    nothing = mixed_accuracy(torch.zeros(0, 2), torch.zeros(0, 2))
    assert isinstance(nothing, MixedAccuracy)
    assert (nothing.unmixed, nothing.mixed) == (0, 0)


def test_a_mix_of_one_class_counts_as_unmixed():
    """A patch of the same class leaves a label of one class."""
    run = A.Compose([MixTargets(classes=3), pictures().transforms[0]], seed=1)
    out = run(image=np.zeros((17, 11, 3), np.uint8), label=1)
    assert out["mix"].applied
    logits = torch.tensor([[0.0, 1.0, 0.0]])
    assert mixed_accuracy(logits, torch.from_numpy(out["label"])[None])[:2] == (1.0, 1)


@pytest.mark.parametrize(
    ("module", "library", "pip"),
    [
        ("torch", "torch", r'pip install "albu_cutmix\[torch\]"'),
        ("lightning", "lightning", 'pip install "lightning"'),
        ("transformers", "transformers", r'pip install "transformers\[torch\]"'),
    ],
)
def test_an_absent_library_is_named_with_its_pip_line(module, library, pip):
    """The error of an import says what to install; the package itself imports without it."""
    code = (
        f"import sys; sys.modules['{library}'] = sys.modules['pytorch_lightning'] = None\n"
        "import albu_cutmix, albu_cutmix.integrations, albu_cutmix.integrations.ultralytics\n"
        f"try: import albu_cutmix.integrations.{module}\n"
        "except albu_cutmix.MissingExtraError as error: print(error)"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    with pytest.raises(AssertionError, match=pip):
        raise AssertionError(out.stdout)
