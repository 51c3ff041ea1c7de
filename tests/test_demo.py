"""Drawn scenes, pictures of mixes, and the demo on its own and on the user's data."""

from __future__ import annotations

import json

import albumentations as A
import cv2
import numpy as np
import pytest
from scene_files import write_scenes

from albu_cutmix import CutMix, InvalidArgumentError, InvalidSampleError, MixRecord, draw_mix
from albu_cutmix.canvas import draw_legend, to_rgb
from albu_cutmix.cli import main
from albu_cutmix.draw import Group, draw_groups
from albu_cutmix.geometry import Rect
from albu_cutmix.matching import match_fates
from albu_cutmix.plan import MixPlan, Paste
from albu_cutmix.scenes import OBJECT_CLASSES, SCENE_CLASSES, scene_pool


@pytest.fixture(scope="module")
def scenes():
    """One scene of each kind, small."""
    return scene_pool(4, size=[(120, 160), (150, 100)])


@pytest.mark.parametrize("index", range(4), ids=SCENE_CLASSES)
def test_scene_annotations_come_from_the_drawing(scenes, index):
    """Boxes are the extents of disjoint instance masks, and the semantic mask is their union."""
    scene = scenes[index]
    assert scene.label == SCENE_CLASSES[index]
    assert scene.image.shape[:2] == scene.mask.shape == scene.masks.shape[1:]
    assert scene.masks.sum(0).max() == 1
    semantic = np.zeros_like(scene.mask)
    for mask, box, name in zip(scene.masks, scene.bboxes, scene.fields["labels"], strict=True):
        rows, columns = np.nonzero(mask)
        extent = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert box.tolist() == extent
        semantic[mask > 0] = OBJECT_CLASSES.index(name) + 1
    assert np.array_equal(semantic, scene.mask)


def test_scenes_repeat_for_a_seed():
    """The same seed draws the same scene, another seed another."""
    one, two, other = (scene_pool(1, size=(64, 96), seed=seed)[0].image for seed in (3, 3, 4))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"n": -1}, "n and seed must be 0 or more, got -1"),
        ({"size": (63, 80)}, "whole numbers of at least 64, got (63, 80)"),
    ],
    ids=["negative", "small"],
)
def test_scenes_that_cannot_be_drawn(call, words):
    """Arguments out of range are refused by name."""
    with pytest.raises(InvalidArgumentError) as caught:
        scene_pool(**call)
    assert words in str(caught.value)


def record() -> MixRecord:
    """The record of a mix of 11 x 23 pixels whose patch spans the height."""
    patch, shape = Rect(10, 0, 20, 11), (11, 23)
    donor = scene_pool(1, size=(64, 64))[0]
    return MixRecord.from_plan("cutmix", MixPlan.of(shape, [Paste(0, donor, patch, patch)]))


def test_fates_are_matched_in_order():
    """Kept, clipped, dropped and donor boxes are told apart, equal boxes included."""
    primary = np.array([[0, 0, 5, 5], [0, 0, 5, 5], [8, 2, 13, 9], [11, 1, 19, 9], [20, 0, 23, 5]])
    out = np.array([[0, 0, 5, 5], [0, 0, 5, 5], [8, 2, 10, 9], [20, 0, 23, 5], [12, 3, 15, 7.0]])
    fates = match_fates(out, primary.astype(float), record())
    assert [rows.tolist() for rows in fates] == [[0, 1, 3], [2], [3], [4]]


def test_fates_of_objects_with_masks():
    """A box that was clipped to its mask is told by the mask, untouched and covered ones too."""
    boxes = np.array([[2, 1, 15, 9], [12, 2, 18, 8], [0, 0, 12, 11]], np.float64)
    masks = np.zeros((3, 11, 23), np.uint8)
    masks[0, 3:6, 4:15] = 1  # 10 to 20 is hidden: 4 to 10, 3 to 6 is left
    masks[1, 2:8, 12:18] = 1
    masks[2, 0:11, 0:5] = 1  # its box is touched, no pixel of it
    out = np.array([[4, 3, 10, 6], [0, 0, 12, 11]], np.float64)
    fates = match_fates(out, boxes, record(), masks)
    assert [rows.tolist() for rows in fates] == [[1], [0], [1], []]


def test_masks_and_points_show():
    """Instance masks are tinted, points dotted, in the colour of their fate; the image stays."""
    image = np.full((60, 90, 3), 90, np.uint8)
    mask = np.zeros((60, 90), bool)
    mask[10:30, 10:30] = True
    group = Group("donor", np.zeros((0, 4)), [], [mask], np.array([[70.0, 40.0]]))
    picture = draw_groups(image, [group], MixRecord.empty("cutmix", "p", (60, 90)), min_side=1)
    assert picture[20, 20, 2] > 110 > 90 > picture[20, 20, 0]
    assert picture[40, 70].tolist() == [80, 185, 255]
    assert picture[50, 20].tolist() == [90, 90, 90]
    assert (image == 90).all()


def test_ignored_objects_have_a_colour_of_their_own():
    """An object that stays only to be ignored is drawn as such, and the legend says so."""
    image = np.full((110, 230, 3), 90, np.uint8)
    out = {"image": image, "mix": MixRecord.empty("cutmix", "p", (110, 230))}
    out |= {"bboxes": [[40.0, 30.0, 120.0, 90.0]], "crowd": [1]}
    marked = draw_mix(out, out, ignore_field="crowd", min_side=1)
    assert marked[60, 40].tolist() == [170, 175, 190]
    assert draw_mix(out, out, min_side=1)[60, 40].tolist() == [0, 190, 130]


def test_points_that_do_not_show_are_left_out():
    """A keypoint with 0 in its visibility field is no dot."""
    image = np.full((110, 230, 3), 90, np.uint8)
    out = {"image": image, "mix": MixRecord.empty("cutmix", "p", (110, 230))}
    out |= {"keypoints": [[50.0, 60.0], [150.0, 60.0]], "v": [2, 0]}
    picture = draw_mix(out, keypoint_visibility_field="v", min_side=1)
    assert picture[60, 50].tolist() != [90, 90, 90]
    assert picture[60, 150].tolist() == [90, 90, 90]


@pytest.mark.parametrize("mode", ["remove", "flag"])
def test_keypoints_of_a_mix_are_coloured_by_fate(mode):
    """Points of the primary that show, that do not, and the donor's have three colours."""
    points = np.array([[20.0, 20.0], [80.0, 55.0], [140.0, 90.0]])
    samples = [
        {"image": np.full((120, 160, 3), value, np.uint8), "keypoints": points, "v": [2, 2, 2]}
        for value in (60, 90)
    ]
    flags = {"keypoint_mode": "flag", "keypoint_visibility_field": "v"} if mode == "flag" else {}
    params = A.KeypointParams("xy", label_fields=["v"], remove_invisible=mode == "remove")
    mix = CutMix(samples[1:], area_range=(0.3, 0.3), p=1.0, **flags)
    for seed in range(20):
        out = A.Compose([mix], keypoint_params=params, seed=seed)(**samples[0])
        x, y, x_end, y_end = out["mix"].patches[0].tolist()
        if x <= 80 < x_end and y <= 55 < y_end and x > 20 and x_end <= 140:
            break
    picture = draw_mix(out, samples[0], min_side=1, legend=False)
    assert picture[20, 20].tolist() == [0, 190, 130]
    assert picture[55, 80].tolist() == [80, 185, 255]  # the donor's own lies over the covered one
    assert picture[90, 140].tolist() == [0, 190, 130]


@pytest.mark.parametrize(
    "image",
    [
        np.full((11, 23), 7, np.uint8),
        np.full((11, 23, 1), 0.5, np.float32),
        np.linspace(0, 60000, 11 * 23 * 5).reshape(11, 23, 5).astype(np.uint16),
    ],
    ids=["gray", "float", "five-channels-uint16"],
)
def test_any_image_can_be_looked_at(image):
    """Every kind of image that can be mixed is drawn as RGB uint8 and not written to."""
    image.setflags(write=False)
    picture = draw_mix({"image": image, "mix": record()}, min_side=100)
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    assert picture.shape[1] == 9 * 23
    assert picture.shape[0] > 9 * 11  # the legend stands below


def test_float_images_in_unit_range_keep_their_brightness():
    """A float image within [0, 1] is not stretched."""
    assert to_rgb(np.full((2, 3), 0.5, np.float32)).tolist() == [[[128] * 3] * 3] * 2


def test_patch_and_boxes_show():
    """The drawn picture differs from the image along a box, not in its middle."""
    image = np.full((110, 230, 3), 90, np.uint8)
    empty = MixRecord.empty("cutmix", "p", (110, 230))
    box = np.array([[40.0, 30.0, 120.0, 90.0]])
    picture = draw_groups(image, [Group("clipped", box, ["cat"])], empty, min_side=1)
    assert picture[60, 40].tolist() == [255, 176, 0]
    assert picture[60, 80].tolist() == [90, 90, 90]


def test_legend_grows_where_a_line_is_full():
    """A narrow legend takes more lines."""
    assert (
        draw_legend(["kept", "donor"], 200).shape[0] > draw_legend(["kept", "donor"], 900).shape[0]
    )


def test_a_mix_that_did_not_fire_says_why():
    """An unfired mix is drawn too, and its note differs."""
    image = np.zeros((110, 230, 3), np.uint8)
    quiet = draw_mix({"image": image, "mix": MixRecord.empty("cutmix", "p", (110, 230))})
    other = draw_mix({"image": image, "mix": MixRecord.empty("cutmix", "no_donor", (110, 230))})
    assert not np.array_equal(quiet, other)


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ({"image": np.zeros((5, 7), np.uint8)}, "a MixRecord under 'mix', got ['image']"),
        ({"image": np.zeros((5, 7), np.uint8), "mix": record()}, "Draw before resizing"),
        (
            {"image": np.zeros((11, 23), np.uint8), "mix": record(), "bboxes": [[9, 4, 5, 6]]},
            "inverted as 'pascal_voc', such as [9.0, 4.0, 5.0, 6.0]. Pass the pipeline's format",
        ),
    ],
    ids=["no-record", "other-size", "other-format"],
)
def test_output_that_cannot_be_drawn(out, words):
    """What is missing is said."""
    with pytest.raises(InvalidSampleError) as caught:
        draw_mix(out)
    assert words in str(caught.value)


def test_draw_mix_of_a_pipeline(scenes):
    """With the primary, dropped boxes are drawn as well."""
    params = A.BboxParams("coco", label_fields=["labels"])
    mix = A.Compose([CutMix(scenes, area_range=(0.3, 0.3), p=1)], bbox_params=params, seed=2)
    sample = scenes.sample(2, "coco")
    del sample["masks"]
    out = mix(**sample)
    alone, both = draw_mix(out, bbox_format="coco"), draw_mix(out, sample, bbox_format="coco")
    assert alone.shape[1] == both.shape[1]
    assert not np.array_equal(alone[:480], both[:480])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Drawn scenes as COCO, VOC and YOLO files."""
    folder = tmp_path_factory.mktemp("files")
    write_scenes(folder, 3)
    return folder


@pytest.mark.parametrize("source", ["own", "coco", "voc", "yolo"])
def test_demo_writes_sheet_records_and_figures(source, files, tmp_path, capsys):
    """The demo draws its own scenes and the user's data alike."""
    arguments = {
        "own": [],
        "coco": ["--coco", str(files / "instances.json"), "--images", str(files / "images")],
        "voc": ["--voc", str(files)],
        "yolo": ["--yolo", str(files / "data.yaml")],
    }[source]
    assert main(["demo", "--out", str(tmp_path / "out"), "--n", "2", *arguments]) == 0
    lines = (tmp_path / "out" / "records.jsonl").read_text("utf-8").splitlines()
    assert [MixRecord.from_json(line).applied for line in lines] == [True, True]
    sheet = cv2.imread(str(tmp_path / "out" / "contact_sheet.png"))
    assert sheet.shape[1] == 1504
    assert sheet.std() > 20
    printed = capsys.readouterr().out
    assert printed.startswith("2 mixes: ")
    assert "from donors" in printed


def test_demo_figures_are_those_of_the_records(tmp_path, capsys):
    """The share that it prints is the mean of the records'."""
    main(["demo", "--out", str(tmp_path), "--n", "3", "--seed", "5"])
    rows = [json.loads(line) for line in (tmp_path / "records.jsonl").read_text().splitlines()]
    share = np.mean([1 - row["lam"] for row in rows])
    assert f"{100 * share:.0f} % of the pixels" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--coco", "a.json"], "--coco JSON and --images DIR must be given together"),
        (["--voc", "a", "--yolo", "b"], "or --packed FILE, got --voc and --yolo."),
        (["--n", "0"], "--n must be at least 1, got 0"),
        (["--yolo", "missing.yaml"], "missing.yaml"),
    ],
    ids=["half-coco", "two-sets", "no-mixes", "missing-file"],
)
def test_demo_that_cannot_run_exits_with_2(arguments, words, tmp_path, capsys):
    """A message on stderr, no traceback."""
    assert main(["demo", "--out", str(tmp_path), *arguments]) == 2
    assert words in capsys.readouterr().err


def test_demo_finds_an_unwritable_folder_before_the_work(tmp_path, capsys):
    """A file in the folder's place is found first."""
    (tmp_path / "file").write_text("x")
    assert main(["demo", "--out", str(tmp_path / "file")]) == 2
    assert "file" in capsys.readouterr().err
