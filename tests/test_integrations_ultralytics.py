"""What Ultralytics calls, without it; `tests/integrations_ultralytics` trains with the real one.

The stand-ins have the attributes that its documentation names, with the shapes and dtypes that a
real run of version 8.4.190 was seen to pass.
"""

from __future__ import annotations

import json
import pickle

import albumentations as A
import numpy as np
import pytest
from scene_files import write_scenes

from albu_cutmix import CutMix, Donor, InvalidArgumentError, InvalidSampleError, MixTargets
from albu_cutmix.formats import yolo_pool
from albu_cutmix.integrations.ultralytics import UltralyticsMix
from albu_cutmix.scenes import OBJECT_CLASSES

SHAPE = (64, 96)


class Instances:
    """The part of `ultralytics.utils.instance.Instances` that a step of transforms uses."""

    def __init__(self, bboxes, segments=None, keypoints=None, bbox_format="xywh", normalized=True):
        self.bboxes, self.keypoints = bboxes, keypoints
        self.segments = np.zeros((0, 1000, 2), np.float32) if segments is None else segments
        self.bbox_format, self.normalized = bbox_format, normalized

    def convert_bbox(self, format):  # noqa: A002 - its own name
        """Turn centres and sizes into corners."""
        assert (self.bbox_format, format) in (("xywh", "xyxy"), ("xyxy", "xyxy"))
        if self.bbox_format == "xywh":
            half = self.bboxes[:, 2:] / 2
            self.bboxes = np.hstack([self.bboxes[:, :2] - half, self.bboxes[:, :2] + half])
        self.bbox_format = format

    def denormalize(self, w, h):
        """Turn shares into pixels."""
        if self.normalized:
            self.bboxes = self.bboxes * np.float32([w, h, w, h])
        self.normalized = False


def labels(boxes=((8, 8, 24, 40), (60, 10, 90, 60)), cls=(2, 5), **more) -> dict:
    """A sample as it comes out of mosaic and affine: BGR, float32 pixels, classes in a column."""
    rows = np.array(boxes, np.float32).reshape(-1, 4)
    instances = Instances(rows, bbox_format="xyxy", normalized=False)
    return {
        "im_file": "a.jpg",
        "img": np.zeros((*SHAPE, 3), np.uint8),
        "cls": np.array(cls, np.float32).reshape(-1, 1),
        "instances": instances,
        **more,
    }


def donors(count: int = 3) -> list[Donor]:
    """Bright donors, one object of class 7 each, that fills them."""
    image = np.full((*SHAPE, 3), (10, 20, 230), np.uint8)
    return [Donor(image, bboxes=[[0, 0, 96, 64]], fields={"labels": [7]}) for _ in range(count)]


def step(**settings) -> UltralyticsMix:
    """A step that always mixes a quarter."""
    return UltralyticsMix(CutMix(donors(), area_range=(0.25, 0.25), p=1.0, **settings))


def test_a_donor_object_comes_with_its_class():
    """Picture, classes and boxes after a mix are those of the record."""
    sample = labels()
    out = step()(sample)
    assert out is sample
    (patch,) = out["mix"].patches
    x_min, y_min, x_max, y_max = patch.tolist()
    assert (out["img"][y_min:y_max, x_min:x_max] == (10, 20, 230)).all()
    assert int((out["img"] != 0).any(2).sum()) == out["mix"].owned_px[0]
    assert out["cls"].dtype == np.float32
    assert out["cls"][-1].tolist() == [7]
    assert len(out["cls"]) == len(out["instances"].bboxes)
    np.testing.assert_allclose(out["instances"].bboxes[-1], patch, atol=1e-3)
    assert (out["instances"].bboxes.dtype, out["instances"].keypoints) == (np.float32, None)
    assert (out["instances"].bbox_format, out["instances"].normalized) == ("xyxy", False)
    assert out["instances"].segments.shape == (0, 1000, 2)


def test_an_empty_picture_takes_objects():
    """A background picture, in which row numbers of boxes mean nothing, takes donors too."""
    out = step()(labels((), ()))
    assert out["cls"].tolist() == [[7]]
    assert out["instances"].bboxes.shape == (1, 4)


def test_a_picture_can_end_without_boxes():
    """Donors without objects that cover all leave arrays of no length."""
    bare = [Donor(np.full((*SHAPE, 3), 9, np.uint8), bboxes=[], fields={"labels": []})]
    mix = CutMix(bare, area_range=(1.0, 1.0), ratio_range=(1.0, 1.0), p=1.0)
    out = UltralyticsMix(mix)(labels())
    assert out["cls"].shape == (0, 1)
    assert out["instances"].bboxes.shape == (0, 4)


def test_shares_of_the_picture_are_read():
    """Boxes may come as normalised centres and sizes, as from a plain resize."""
    sample = labels()
    boxes = np.float32([[16 / 96, 24 / 64, 16 / 96, 32 / 64]])
    sample |= {"instances": Instances(boxes), "cls": np.float32([[4]])}
    out = UltralyticsMix(CutMix(donors(), p=0.0))(sample)
    np.testing.assert_allclose(out["instances"].bboxes, [[8, 8, 24, 40]], atol=1e-3)
    assert out["cls"].tolist() == [[4]]
    assert not out["mix"].applied


def test_boxes_over_the_edge_are_clipped_and_those_of_no_area_go():
    """Arithmetic in float32 leaves boxes a little over the edge, and lines in some data sets."""
    boxes = [(-1, 5, 20, 64.001), (30, 30, 30, 50)]
    out = UltralyticsMix(CutMix(donors(), p=0.0))(labels(boxes))
    np.testing.assert_allclose(out["instances"].bboxes, [[0, 5, 20, 64]], atol=1e-3)
    assert out["cls"].tolist() == [[2]]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"semantic_mask": np.zeros(SHAPE, np.uint8)}, "got semantic_mask for 'a.jpg'"),
        ({"depth": np.zeros(SHAPE, np.float32)}, "got depth"),
    ],
    ids=["semantic", "depth"],
)
def test_other_tasks_are_refused(more, words):
    """What the step does not mix would no longer be true."""
    with pytest.raises(InvalidSampleError, match=words):
        step()(labels(**more))


def test_keypoints_and_outlines_are_refused():
    """Outlines may go for the task "detect" alone, when asked."""
    sample = labels()
    sample["instances"].keypoints = np.zeros((2, 17, 3), np.float32)
    with pytest.raises(InvalidSampleError, match="got keypoints"):
        step()(sample)
    sample = labels()
    sample["instances"].segments = np.zeros((2, 1000, 2), np.float32)
    with pytest.raises(InvalidSampleError, match=r"got segments.*drop_segments=True"):
        step()(sample)
    out = UltralyticsMix(CutMix(donors(), p=1.0), drop_segments=True)(sample)
    assert out["instances"].segments.shape == (0, 1000, 2)


def test_a_step_without_a_mix_is_refused():
    """What comes in must be a mix, or hold one."""
    with pytest.raises(InvalidArgumentError, match="got HorizontalFlip"):
        UltralyticsMix(A.HorizontalFlip())


def test_containers_keep_one_record_per_sample():
    """With MixTargets in front each sample has a record, so batches hold equal keys."""
    mix = A.Sequential([MixTargets(), A.OneOf([CutMix(donors(), p=1.0), A.NoOp()], p=1.0)], p=1.0)
    run = UltralyticsMix(mix)
    kinds = {run(labels())["mix"].kind for _ in range(20)}
    assert kinds == {"none", "cutmix"}


def test_a_pickle_for_spawned_workers_is_small_and_works(tmp_path):
    """A step with a pool of files travels without pictures."""
    write_scenes(tmp_path)
    pool = yolo_pool(tmp_path / "images", names=list(OBJECT_CLASSES), color="bgr")
    text = pickle.dumps(UltralyticsMix(CutMix(pool, p=1.0)))
    out = pickle.loads(text)(labels())
    assert out["mix"].applied
    assert len(text) < 20_000


def as_augmentations(mix: A.BasicTransform) -> A.Compose:
    """The pipeline that Ultralytics makes of `augmentations=[mix]`, after a round over JSON."""
    mix = A.from_dict(json.loads(json.dumps(A.to_dict(mix))))
    return A.Compose(
        [mix],
        bbox_params=A.BboxParams(format="yolo", label_fields=["class_labels", "idx"]),
        keypoint_params=A.KeypointParams(
            format="xy", remove_invisible=False, label_fields=["pidx"]
        ),
    )


@pytest.mark.parametrize("count", [0, 2], ids=["empty", "boxes"])
def test_augmentations_cannot_carry_a_mix_and_say_so(count, tmp_path):
    """Each box is asked for its row in the picture that went in; a donor's object has none."""
    write_scenes(tmp_path)
    spec = {
        "format": "yolo", "images": str(tmp_path / "images"), "field": "class_labels",
        "names": list(OBJECT_CLASSES), "color": "bgr",
    }  # fmt: skip
    run = as_augmentations(CutMix(spec, p=1.0))
    assert list(run.transforms[0].pool.classes) == list(OBJECT_CLASSES)
    with pytest.raises(InvalidSampleError, match="no field 'idx'"):
        run(
            image=np.zeros((*SHAPE, 3), np.uint8),
            bboxes=np.full((count, 4), 0.25, np.float32),
            class_labels=np.zeros((count, 1), np.float32),
            idx=np.arange(count),
            keypoints=np.zeros((0, 2), np.float32),
            pidx=np.arange(0),
        )
