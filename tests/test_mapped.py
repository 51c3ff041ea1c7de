"""`mapped`: donors through a pipeline, every target true, under a seed that the record keeps."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import albumentations as A
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset
from whole_samples import bits

from albu_cutmix import CutMix, Donor, InvalidArgumentError, InvalidSampleError, MixRecord, replay
from albu_cutmix.scenes import scene_pool
from albu_cutmix.wrappers.mapped import mapped

# AlbumentationsX asks for a mapping with every label field of keypoints; flips alone use it.
pytestmark = pytest.mark.filterwarnings("ignore:label_fields are set but label_mapping")

BOXES = A.BboxParams("coco", label_fields=["labels"])
SCENES = scene_pool(4, size=(70, 90))


def full_donor() -> Donor:
    """A donor with every target; its instance masks are not their boxes."""
    rng = np.random.default_rng(1)
    masks = np.zeros((3, 11, 17), np.uint8)
    boxes = [[1, 1, 6, 5], [8, 2, 17, 10], [0, 6, 5, 11]]
    for mask, (x0, y0, x1, y1) in zip(masks, boxes, strict=True):
        mask[y0:y1, x0:x1] = 1
        mask[y0, x0] = 0
    return Donor(
        rng.integers(0, 255, (11, 17, 3), np.uint8),
        mask=rng.integers(0, 9, (11, 17), np.uint8),
        masks=masks,
        bboxes=boxes,
        keypoints=[[2.0, 3.0], [16.0, 10.0]],
        fields={"labels": ["ant", "bee", "cow"], "bboxes[4]": [7.0, 8.0, 9.0]},
        keypoint_fields={"visible": [1, 0]},
        label=2,
        id="full",
    )


def pipeline(*steps) -> A.Compose:
    """A pipeline that carries all of it."""
    return A.Compose(
        list(steps),
        bbox_params=BOXES,
        keypoint_params=A.KeypointParams("xy", label_fields=["visible"], remove_invisible=False),
    )


def test_flip_turns_every_target():
    """Pixels, masks, boxes and points are those of the picture seen in a mirror."""
    donor = full_donor()
    out = mapped([donor], pipeline(A.HorizontalFlip(p=1)))[0]
    np.testing.assert_array_equal(out.image, donor.image[:, ::-1])
    np.testing.assert_array_equal(out.mask, donor.mask[:, ::-1])
    np.testing.assert_array_equal(out.masks, donor.masks[:, :, ::-1])
    x0, y0, x1, y1 = donor.bboxes.T
    np.testing.assert_allclose(out.bboxes, np.stack([17 - x1, y0, 17 - x0, y1], 1), atol=1e-5)
    assert list(out.fields["labels"]) == ["ant", "bee", "cow"]
    np.testing.assert_array_equal(out.fields["bboxes[4]"], [7, 8, 9])
    assert list(out.keypoint_fields["visible"]) == [1, 0]
    assert (out.label, out.id) == (2, "full")
    assert set(out.fields) == set(donor.fields)


def test_masks_of_boxes_that_a_crop_removed_go_too():
    """The host drops boxes and keeps their masks; here row i stays the object of box i."""
    donor = full_donor()
    out = mapped([donor], pipeline(A.Crop(7, 0, 17, 11)))[0]
    assert list(out.fields["labels"]) == ["bee"]
    np.testing.assert_array_equal(out.masks, donor.masks[1:2, :, 7:])
    np.testing.assert_array_equal(out.fields["bboxes[4]"], [8])


def test_crop_that_leaves_no_object():
    """No box and no mask is left, and the arrays say so."""
    whole = full_donor()
    donor = replace(whole, masks=whole.masks != 0)
    out = mapped([donor], pipeline(A.Crop(5, 0, 8, 1)))[0]
    assert out.bboxes.shape == (0, 4)
    assert (out.masks.shape, out.masks.dtype) == ((0, 1, 3), bool)
    assert list(out.fields["labels"]) == []


@pytest.mark.parametrize("boxes", [None, np.zeros((0, 4))], ids=["not-annotated", "none"])
def test_donor_without_objects(boxes):
    """Not annotated stays so; an empty picture stays annotated as empty."""
    fields = {} if boxes is None else {"labels": []}
    donor = Donor(np.zeros((11, 17, 3), np.uint8), bboxes=boxes, fields=fields)
    out = mapped([donor], pipeline(A.HorizontalFlip(p=1)))[0]
    assert out.bboxes is None if boxes is None else out.bboxes.shape == (0, 4)


def test_boxes_over_the_edge_are_clipped():
    """The host takes no others; a mix would clip them anyway."""
    donor = Donor(np.zeros((11, 17, 3), np.uint8), bboxes=[[-3, 2, 5, 99]], fields={"labels": [1]})
    out = mapped([donor], A.Compose([A.NoOp()], bbox_params=BOXES))[0]
    np.testing.assert_allclose(out.bboxes, [[0, 2, 5, 11]], atol=1e-5)


VALUES = [
    ["a", "giraffe"],
    np.array(["cat", "giraffe"]),
    np.array([0.5, 0.25]),
    np.array([1, 2], np.uint8),
    [300, -1],
    [900100000001, 16777217],
    [1, "a"],
    [None, ("x", 1)],
]


@pytest.mark.parametrize("declared", [["labels"], None], ids=["declared", "undeclared"])
def test_fields_come_back_as_they_are(declared):
    """Values, types and containers of label fields do not depend on donors drawn before."""
    boxes = [[1, 1, 6, 5], [8, 2, 17, 10]]
    image = np.zeros((11, 17, 3), np.uint8)
    donors = [Donor(image, bboxes=boxes, fields={"labels": values}) for values in VALUES]
    params = A.BboxParams("yolo", label_fields=declared)
    pool = mapped(donors, A.Compose([A.Crop(7, 0, 17, 11)], bbox_params=params))
    for index, values in enumerate(VALUES):
        found = pool[index].fields["labels"]
        assert type(found) is type(values)
        assert list(found) == list(values[1:])
        if isinstance(values, np.ndarray):
            assert found.dtype == values.dtype


def test_mirrored_border_shows_each_object_where_its_box_is():
    """The host gives a box to every image in a mirror; each gets its own part of the mask."""
    donor = Donor(
        full_donor().image, masks=full_donor().masks, bboxes=full_donor().bboxes,
        fields={"labels": ["ant", "bee", "cow"]},
    )  # fmt: skip
    pad = A.PadIfNeeded(31, 47, border_mode=4, p=1)
    out = mapped([donor], A.Compose([pad], bbox_params=BOXES))[0]
    assert len(out.bboxes) == len(out.masks) > 3
    for box, mask in zip(out.bboxes, out.masks, strict=True):
        rows, columns = np.nonzero(mask)
        extent = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        np.testing.assert_allclose(extent, box, atol=1.01)


@pytest.mark.parametrize("in_degrees", [True, False], ids=["degrees", "radians"])
def test_angles_and_scales_are_carried(in_degrees):
    """Whatever unit the pipeline has for angles."""
    points = [[3.0, 4.0, 0.0, 1.0, 2.5]]
    donor = Donor(full_donor().image, keypoints=points)
    params = A.KeypointParams("xyas", angle_in_degrees=in_degrees)
    out = mapped([donor], A.Compose([A.NoOp()], keypoint_params=params))[0]
    np.testing.assert_allclose(out.keypoints, points, atol=1e-5)


def test_field_with_rows_of_masks_is_followed():
    """`mask_index_field` says whose mask is whose before the pipeline; after it row i is box i."""
    whole = full_donor()
    donor = Donor(
        whole.image, masks=whole.masks[[2, 0, 1]], bboxes=whole.bboxes,
        fields={"labels": ["ant", "bee", "cow"], "row": [1, 2, 0]},
    )  # fmt: skip
    crop = A.Compose([A.Crop(0, 3, 17, 11)], bbox_params=BOXES)
    out = mapped([donor], crop, mask_index_field="row")[0]
    assert list(out.fields["labels"]) == ["ant", "bee", "cow"]
    np.testing.assert_array_equal(out.masks, whole.masks[:, 3:])
    np.testing.assert_array_equal(out.fields["row"], [0, 1, 2])
    twice = Donor(donor.image, masks=donor.masks, bboxes=donor.bboxes, fields={"row": [1, 1, 0]})
    with pytest.raises(InvalidSampleError, match="mask_index_field must name a row of its own"):
        mapped([twice], crop, mask_index_field="row")[0]
    with pytest.raises(InvalidSampleError, match=r"mask_index_field='r' must be a field of boxes"):
        mapped([donor], crop, mask_index_field="r")[0]


def test_threads_do_not_mix_their_donors():
    """A pipeline has one random stream, and one draw at a time."""
    pool = mapped(bare(SCENES), NOISE)
    alone = [pool.draw(i % 4, i) for i in range(24)]
    with ThreadPoolExecutor(4) as workers:
        for _ in range(4):
            together = workers.map(lambda i: pool.draw(i % 4, i), range(24))
            for one, other in zip(alone, together, strict=True):
                np.testing.assert_array_equal(one.image, other.image)
                np.testing.assert_array_equal(one.bboxes, other.bboxes)


def test_fingerprint_is_that_of_the_plain_data():
    """A pool and the one made of its spec name the same donors, 0 and 0.0 being one setting."""
    affine = A.Compose([A.Affine(scale=(0, 1), p=1)], bbox_params=BOXES)
    again = A.from_dict(A.to_dict(affine))
    assert mapped(POOL, affine).digest() == mapped(POOL, again).digest()


def test_numbers_of_numpy_are_indices_and_seeds():
    """As everywhere."""
    pool = mapped(POOL, MAP)
    np.testing.assert_array_equal(pool[np.int64(1)].image, pool[1].image)
    np.testing.assert_array_equal(pool.draw(np.int64(1), np.int64(7)).image, pool.draw(1, 7).image)


def test_donor_and_pipeline_are_not_changed():
    """Arrays of the donor stay as they are, and the pipeline's own stream goes on as it would."""
    donor = Donor(full_donor().image)
    donor.image.flags.writeable = False
    compose = A.Compose([A.RandomBrightnessContrast(p=1)])
    compose.set_random_seed(3)
    pool = mapped([donor], compose)
    pool.draw(0, 1)
    after = compose(image=donor.image)["image"]
    compose.set_random_seed(3)
    np.testing.assert_array_equal(after, compose(image=donor.image)["image"])


# Seeds -------------------------------------------------------------------------------------------


NOISE = A.Compose([A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)], bbox_params=BOXES)


def which(pool, seed: int) -> tuple[bool, bool]:
    """Which flips a seed draws."""
    image, plain = pool.draw(0, seed).image, SCENES[0].image
    turned = [plain[:, ::-1] if x else plain for x in (0, 1)]
    ways = [(x, y) for x in (0, 1) for y in (0, 1)]
    (found,) = [
        (x, y)
        for x, y in ways
        if np.array_equal(image, turned[x][::-1] if y else turned[x])
    ]  # fmt: skip
    return found


def test_seed_decides():
    """Equal seeds draw alike; the steps of a pipeline do not go together, as 2.0.8 has it."""
    pool = mapped(bare(SCENES), NOISE)
    first = [which(pool, seed) for seed in range(60)]
    assert first == [which(pool, seed) for seed in range(60)]
    assert len(set(first)) == 4


def bare(pool) -> list[Donor]:
    """The donors without instance masks."""
    return [Donor(d.image, bboxes=d.bboxes, fields=d.fields, label=d.label) for d in pool]


def test_index_alone_is_repeatable():
    """`pool[i]` is the donor under the seed i, whatever was drawn before."""
    pool = mapped(bare(SCENES), NOISE)
    before = pool[2].image.copy()
    pool.draw(2, 77)
    np.testing.assert_array_equal(pool[2].image, before)
    np.testing.assert_array_equal(pool[-2].image, before)


def test_mapped_of_mapped_draws_both():
    """A seed decides for both pipelines, which do not go together."""
    flips = [
        A.Compose([flip(p=0.5)], bbox_params=BOXES) for flip in (A.HorizontalFlip, A.VerticalFlip)
    ]
    pool = mapped(mapped(bare(SCENES), flips[0]), flips[1])
    assert len({which(pool, seed) for seed in range(60)}) == 4


def make_run(pool) -> A.Compose:
    """A pipeline with the mix."""
    return A.Compose([CutMix(pool, classes=4, p=1.0)], bbox_params=BOXES, seed=5)


def sample(index: int) -> dict:
    """A primary."""
    out = SCENES.sample(index % 4, "coco")
    return {"image": out["image"], "bboxes": out["bboxes"], "labels": out["labels"], "label": 1}


MAP = A.Compose(
    [A.RandomCrop(50, 60), A.HorizontalFlip(p=0.5), A.RandomBrightnessContrast(p=1)],
    bbox_params=BOXES,
)


def number(donor: Donor, index: int) -> Donor:
    """The donor with a class index."""
    return Donor(donor.image, bboxes=donor.bboxes, fields=donor.fields, label=index)


POOL = [number(donor, index) for index, donor in enumerate(SCENES)]


def test_record_keeps_the_seed_and_replays():
    """A record read from JSON gives the same bytes, though every donor was made by chance."""
    pool = mapped(POOL, MAP)
    run = make_run(pool)
    seeds = set()
    for index in range(12):
        out = run(**sample(index))
        seeds.add(int(out["mix"].seeds[0]))
        record = MixRecord.from_json(out["mix"].to_json())
        again = replay(record, sample(index), mapped(POOL, MAP), run)
        assert bits(again) == bits(out)
    assert len(seeds) == 12
    assert min(seeds) >= 0


def test_record_of_another_map_is_refused():
    """A pool with another pipeline gives other donors."""
    run = make_run(mapped(POOL, MAP))
    record = run(**sample(0))["mix"]
    other = mapped(POOL, A.Compose([A.NoOp()], bbox_params=BOXES))
    with pytest.raises(InvalidSampleError, match="pool"):
        replay(record, sample(0), other, run)


class Mixed(Dataset):
    """A data set as users write it."""

    def __init__(self, run: A.Compose) -> None:
        self.run = run

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int):
        out = self.run(**sample(index))
        return out["mix"].to_json(), torch.from_numpy(out["image"])


@pytest.mark.filterwarnings("ignore:.*use of fork\\(\\):DeprecationWarning")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_record_of_a_worker_replays_here(start):
    """Donors made in workers are made again in this process; no two draws have one seed."""
    run = make_run(mapped(POOL, MAP))
    loader = DataLoader(Mixed(run), num_workers=2, multiprocessing_context=start, batch_size=None)
    seeds = set()
    for index, (line, image) in enumerate(loader):
        record = MixRecord.from_json(line)
        again = replay(record, sample(index), run.transforms[0].pool, run)
        np.testing.assert_array_equal(again["image"], image.numpy())
        seeds.add(int(record.seeds[0]))
    assert len(seeds) == 8


def test_pickled_pool_draws_alike():
    """What a spawned worker gets makes the same donors."""
    pool = mapped(POOL, MAP)
    again = pickle.loads(pickle.dumps(pool))
    np.testing.assert_array_equal(pool.draw(1, 9).image, again.draw(1, 9).image)


# Refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("compose", "message"),
    [
        (A.HorizontalFlip(p=1), r"needs a pipeline, A\.Compose\(\[\.\.\.\]\), got HorizontalFlip"),
        (None, r"needs a pipeline, .* got NoneType"),
        (A.Compose([CutMix(POOL)]), "holds a mix, and what was mixed already"),
        (A.Compose([A.OneOf([CutMix(POOL), A.NoOp()])]), "holds a mix"),
        ({"transform": {"__class_fullname__": "Nothing"}}, "that the host cannot load"),
    ],
    ids=["transform", "none", "mix", "nested-mix", "saved"],
)
def test_pipelines_that_cannot_map(compose, message):
    """They are refused when the pool is made."""
    with pytest.raises(InvalidArgumentError, match=message):
        mapped(POOL, compose)


@pytest.mark.parametrize(
    ("donor", "compose", "message"),
    [
        (POOL[0], A.Compose([A.NoOp()]), r"has bboxes, .* bbox_params=A\.BboxParams"),
        (
            Donor(POOL[0].image, keypoints=[[1, 1]]),
            A.Compose([A.NoOp()]),
            r"has keypoints, .* keypoint_params=A\.KeypointParams",
        ),
        (
            Donor(POOL[0].image, keypoints=[[1, 1, 0, 2, 3]]),
            A.Compose([A.NoOp()], keypoint_params=A.KeypointParams("xya")),
            r"z, angle or scale, .* with the format 'xya', does not carry",
        ),
        (
            Donor(POOL[0].image, aliases={"depth": POOL[0].image}),
            A.Compose([A.NoOp()]),
            r"has aliases \['depth'\]",
        ),
        ({"image": POOL[0].image}, A.Compose([A.NoOp()]), "pool of Donor objects, got dict at 0"),
    ],
    ids=["no-params", "no-points", "lost-scale", "alias", "mapping"],
)
def test_donors_that_a_pipeline_does_not_carry(donor, compose, message):
    """A target that would stay behind is an error that says what the pipeline needs."""
    with pytest.raises(InvalidSampleError, match=message):
        mapped([donor], compose)[0]


@pytest.mark.filterwarnings("ignore:Using lambda is incompatible:UserWarning")
def test_step_that_cannot_be_written_down():
    """A nameless function mixes well; its policy says what it lacks."""
    step = A.Lambda(image=lambda image, **_: image, p=1)
    mix = CutMix(mapped([Donor(POOL[0].image)], A.Compose([step])), p=1.0)
    assert mix(image=POOL[0].image)["mix"].applied
    with pytest.raises(InvalidArgumentError, match="cannot be written as plain data"):
        mix.policy()
