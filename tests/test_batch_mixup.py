"""BatchMixUp against the slow oracle, on every way pixels are blended here."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from batch_inputs import OUTS, WAYS, as_way, batch_of, check_equal, cut, mixed, mixed_up
from batch_mixup_oracle import check_mixup
from batch_oracle import plain, random_batch

from albu_cutmix.batch import BatchMixUp, blending
from albu_cutmix.batch.plan import BatchPlan
from albu_cutmix.blends import write_image

SHAPE = (13, 29)
INTEGERS = ("uint8", "int8", "uint16", "int16", "uint32", "int32")
FLOATS = ("float16", "float32", "float64", "bfloat16")
#: NumPy has no bfloat16.
DTYPES = [
    (dtype, way)
    for dtype in (*INTEGERS, *FLOATS)
    for way in (*WAYS, "channels_last")[dtype == "bfloat16" :]
]
MASKS = ("uint8", "int8", "uint16", "int32", "uint32", "int64", "uint64", "bool")


def random_image(dtype: str, size: int = 5, shape: tuple[int, ...] = (3, *SHAPE)) -> np.ndarray:
    """Values from end to end of a dtype of integers, or of both signs."""
    rng = np.random.default_rng(1)
    if dtype in INTEGERS:
        limits = np.iinfo(dtype)
        image = rng.integers(limits.min, limits.max, (size, *shape), dtype, endpoint=True)
        image[0, 0, 0, 0], image[0, 0, 1, 0] = limits.min, limits.max
        return image
    return rng.normal(0, 100, (size, *shape)).astype("float32" if dtype == "bfloat16" else dtype)


@pytest.mark.parametrize("way", [*WAYS, "channels_last"])
@pytest.mark.parametrize("pairing", ["permutation", "pairs"])
@pytest.mark.parametrize("mode", ["heavier", "ignore"])
def test_every_target_is_what_the_rules_say(way, pairing, mode):
    """Pixels, masks, labels, boxes, keypoints and record of every sample agree with the oracle."""
    ignore = 255 if mode == "ignore" else None
    for seed in range(3):
        batch = random_batch(seed, 7, SHAPE, image=("uint8", "uint16", "float32")[seed])
        out = mixed_up(
            way, as_way(batch, way), seed=seed, p=0.8, pairing=pairing, seam=True,
            mask_mode=mode, ignore_index=ignore,
        )  # fmt: skip
        check_mixup(as_way(batch, way), out, mode=mode, ignore=ignore)


@pytest.mark.parametrize(("dtype", "way"), DTYPES)
@pytest.mark.parametrize("out", OUTS)
def test_dtypes_of_images(dtype, way, out):
    """Every dtype is blended by its rule and kept; what is not mixed comes back byte for byte."""
    given = as_way({"image": random_image(dtype)}, way)
    if dtype == "bfloat16":
        given["image"] = given["image"].bfloat16()
    if way == "numpy":
        given["image"] = given["image"].copy()
    before = copy.deepcopy(given)
    result = mixed_up(way, given, seed=3, p=0.7, out=out)
    check_mixup(before, result)
    assert result["image"].dtype == before["image"].dtype
    assert (result["image"] is given["image"]) == (out == "inplace")


@pytest.mark.parametrize("way", WAYS)
def test_halves_are_rounded_to_even(way):
    """Blends of exact halves of uint8 and of large integers round as the oracle's integers do."""
    values = np.arange(256, dtype=np.uint8)
    for dtype, shift in (
        ("uint8", 0),
        ("uint16", 65000),
        ("int32", -(2**31)),
        ("uint32", 2**32 - 256),
    ):
        image = np.stack([values.astype(dtype), np.roll(values, 7)[::-1].astype(dtype)])
        image = (image.astype(np.int64) + shift).astype(dtype).reshape(2, 1, 16, 16)
        halved = 0
        for seed in range(40):
            result = mixed_up(way, as_way({"image": image}, way), seed=seed, alpha=1e6)
            check_mixup({"image": image}, result)
            halved += int((plain(result["mix"].blend) * 65536 % 64 == 0).sum())
        assert halved


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", ["heavier", "ignore"])
@pytest.mark.parametrize("dtype", MASKS)
def test_dtypes_of_masks(dtype, mode, way):
    """Masks of every whole dtype are kept, with the largest values that they hold."""
    top = 1 if dtype == "bool" else np.iinfo(dtype).max
    batch = random_batch(5, 6, SHAPE, mask=dtype)
    batch["mask"][:, :3] = top
    ignore = top if mode == "ignore" else None
    for out in OUTS:
        given = as_way(batch, way) if out != "inplace" else copy.deepcopy(as_way(batch, way))
        result = mixed_up(way, given, seed=2, mask_mode=mode, ignore_index=ignore, out=out)
        check_mixup(as_way(batch, way), result, mode=mode, ignore=ignore)


@pytest.mark.parametrize("mode", ["heavier", "ignore"])
@pytest.mark.parametrize("planes", [None, 2])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_layouts(layout, planes, mode):
    """Both orders of axes, any channels, and masks with channels."""
    ignore = 7 if mode == "ignore" else None
    batch = random_batch(2, 6, SHAPE, layout=layout, planes=planes, channels=5)
    for way in WAYS:
        out = mixed_up(
            way, as_way(batch, way), seed=4, layout=layout, seam=True,
            mask_mode=mode, ignore_index=ignore,
        )  # fmt: skip
        check_mixup(as_way(batch, way), out, layout, mode=mode, ignore=ignore)


@pytest.mark.parametrize("out", OUTS)
@pytest.mark.parametrize("pairing", ["permutation", "pairs"])
@pytest.mark.parametrize("size", [2, 3, 5, 64, 67, 131])
def test_all_outputs_are_equal(out, pairing, size):
    """New memory, memory that is used again, and in place give the same bytes, whatever cycles."""
    for mode, ignore in (("heavier", None), ("ignore", 9)):
        batch = random_batch(size, size, (7, 11))
        same = {"seed": 2, "seam": True, "pairing": pairing, "p": 0.9}
        same |= {"mask_mode": mode, "ignore_index": ignore}
        expected = mixed_up("numpy", as_way(batch, "numpy"), **same)
        for way in ("numpy", "torch", "torch operations", "channels_last"):
            given = copy.deepcopy(as_way(batch, way))
            got = mixed_up(way, given, out=out, **same)
            check_equal(got, expected)
            for name in ("image", "mask") if out == "inplace" else ():
                assert got[name] is given[name]
            for name, value in {} if out == "inplace" else given.items():
                assert np.array_equal(plain(value), batch[name], equal_nan=value.ndim == 3)


def test_samples_of_several_blocks_are_equal():
    """Samples that are larger than what is blended at a time have no gap and no repeat."""
    for layout, axes in (("NCHW", (3, 151, 173)), ("NHWC", (307, 311, 1))):
        for dtype in ("uint8", "float32"):
            image = random_image(dtype, 3, axes)
            given = {"image": image}
            check_mixup(given, mixed_up("numpy", given, seed=1, layout=layout), layout)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("out", OUTS)
@pytest.mark.parametrize("size", [0, 1])
def test_batches_without_a_donor(size, out, way):
    """A batch of 0 or 1 comes back unmixed, with every target and the shapes of any other."""
    batch = copy.deepcopy(cut(batch_of(way), size))
    before = copy.deepcopy(batch)
    result = mixed(batch, way, BatchMixUp, out=out)
    check_mixup(before, result)
    assert result["mix"].reason == ("no_donor",) * size
    assert result["label"].shape == (size, 4)
    assert result["bboxes"].shape == (size, 2 * batch["bboxes"].shape[1], 5)


@pytest.mark.parametrize("way", WAYS)
def test_samples_without_a_row(way):
    """Boxes and keypoints padded to no row at all are nothing, and stay so."""
    empty = {"bboxes": np.zeros((5, 0, 6)), "keypoints": np.zeros((5, 0, 2))}
    counts = {f"num_{name}": np.zeros(5, int) for name in empty}
    batch = batch_of(way, **empty, **counts)
    out = mixed(batch, way, BatchMixUp, visibility_column=5)
    check_mixup(batch, out)
    assert out["bboxes"].shape == (5, 0, 6)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [({"p": 0}, "p"), ({"schedule": {"epochs": 4, "warmup": 2}}, "schedule")],
    ids=["p is 0", "the schedule's factor is 0"],
)
def test_a_mix_that_is_off(arguments, reason, way):
    """Nothing moves, not even a NaN, soft labels are whole, and the record says why."""
    batch = batch_of(way, image=np.full((5, 3, 20, 24), np.nan, np.float32))
    out = mixed(batch, way, BatchMixUp, visibility_column=4, **arguments)
    check_mixup(batch, out, faded=4)
    assert out["mix"].reason == (reason,) * 5


@pytest.mark.parametrize("way", WAYS)
def test_infinities_do_not_leak(way):
    """A sample that is not mixed takes nothing from an infinite neighbour, and nothing warns."""
    image = np.ones((6, 1, 4, 4), np.float32)
    image[::2] = np.inf
    image[0, 0, 0] = -np.inf
    out = mixed_up(way, as_way({"image": image}, way), seed=1, p=0.5)
    kept = ~plain(out["mix"].applied)
    assert 0 < kept.sum() < 6
    assert np.array_equal(plain(out["image"])[kept], image[kept])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_column_of_visibility_fades(way, dtype):
    """It is multiplied by the weight of its row's side; other columns stay, NaN in them too."""
    batch = random_batch(3, 6, SHAPE, image="uint8")
    further = np.random.default_rng(2).random((*batch["bboxes"].shape[:2], 2)) + 0.5
    further[..., 0] = np.nan
    rows = np.concatenate((batch["bboxes"], further), 2).astype(dtype)
    batch["bboxes"] = rows
    out = mixed_up(way, as_way(batch, way), seed=2, p=0.7, visibility_column=6)
    check_mixup(as_way(batch, way), out, faded=6)
    with pytest.raises(AssertionError, match="bboxes of"):
        check_mixup(as_way(batch, way), out)


def test_a_donor_box_of_no_area_in_the_image_does_not_come():
    """A box that snaps to the border from outside has nothing to show: as in every mix."""
    boxes = np.float32([[[-3, 0, 0.0003, 5], [1, 1, 4, 4]], [[2, 2, 30, 9], [0, 0, 1, 1]]])
    batch = {"image": np.zeros((2, 1, *SHAPE), np.uint8), "bboxes": boxes}
    out = BatchMixUp(seed=1)({**batch, "num_bboxes": np.array([2, 2])})
    assert out["num_bboxes"].tolist() == [3, 3]
    assert out["bboxes"][0, 1].tolist() == [2, 2, 29, 9]
    assert out["mix"].donor_kept.tolist() == [2, 1]


def test_vectors_and_pairs():
    """Vectors are mixed by the blend, and a pair keeps both labels with lam in the record."""
    rng = np.random.default_rng(4)
    images, vectors = np.zeros((4, 1, 9, 9), np.uint8), rng.random((4, 3), np.float32)
    out = BatchMixUp(seed=1)({"image": images, "label": vectors})
    blend, donors = out["mix"].blend[:, None], out["mix"].donors[:, 0]
    expected = blend * vectors.astype(float) + (1 - blend) * vectors[donors]
    assert out["label"].tolist() == expected.astype(np.float32).tolist()
    labels = np.array([3, 1, 2, 0])
    out = BatchMixUp(label_mode="pair", seed=1)({"image": images, "label": labels})
    assert out["label"].tolist() == labels.tolist()
    assert out["label_donor"].tolist() == labels[donors].tolist()
    assert out["mix"].lam.tolist() == blend[:, 0].tolist()


# The oracle can fail -----------------------------------------------------------------------------


def wrong_walk(plan, take, put):
    """Write the first sample of a cycle before the last one has read it."""
    for cycle in np.array_split(plan.order, plan.cycles):
        for sample, donor in zip(cycle.tolist(), np.roll(cycle, -1).tolist(), strict=True):
            put(sample, take(donor, sample))


def floor(out, image, other, blend):
    """Blend without rounding."""
    np.copyto(out, image * blend + other * (1 - blend), casting="unsafe")


FAULTS = {
    "blend exchanged": (
        "write_image",
        lambda out, image, other, blend: write_image(out, image, other, 1 - blend),
    ),
    "not rounded": ("write_image", floor),
    "the lighter mask": ("write_mask", lambda out, mask, other, *_: np.copyto(out, other)),
    "nothing kept aside": ("walk_cycles", wrong_walk),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_noticed(fault, monkeypatch):
    """The comparison with the oracle fails where the library does something else."""
    batch = random_batch(1, 6, SHAPE, image="uint8")
    settings = {"classes": 4, "alpha": 1.0, "seed": 1, "out": "inplace"}
    check_mixup(batch, BatchMixUp(**settings)(copy.deepcopy(batch)))
    monkeypatch.setattr(blending, *FAULTS[fault])
    with pytest.raises(AssertionError, match=r"(image|mask) of"):
        check_mixup(batch, BatchMixUp(**settings)(copy.deepcopy(batch)))


def test_exchanged_weights_of_labels_are_noticed(monkeypatch):
    """So does it where labels are weighed by the other side's weight."""
    batch = random_batch(1, 6, SHAPE, image="uint8")
    monkeypatch.setattr(BatchPlan, "weights", property(lambda plan: (1 - plan.blends, plan.blends)))
    with pytest.raises(AssertionError):
        check_mixup(batch, BatchMixUp(classes=4, alpha=1.0, seed=1)(batch))
