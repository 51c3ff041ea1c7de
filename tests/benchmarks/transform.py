"""Rows 1 to 3 of the numbers to reach: `CutMix` in a pipeline, image only and with boxes."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import albumentations as A
import cv2
import numpy as np
from albumentations.core.transforms_interface import DualTransform
from albumentations.core.type_definitions import ALL_TARGETS
from timing import median, race, row

from albu_cutmix import CutMix, Donor

SIDE = 0.42  # of the image: the hole of CoarseDropout, and the patch
DATA = Path(__file__).parents[3] / "shared" / "data"


class Empty(DualTransform):
    """What the host takes to carry targets through a transform that does nothing."""

    _targets = ALL_TARGETS

    def apply(self, img, **params):
        """Return the image."""
        return img

    def apply_to_bboxes(self, bboxes, **params):
        """Return the boxes."""
        return bboxes


def noise(*shape: int) -> np.ndarray:
    """A random image."""
    return np.random.default_rng(1).integers(0, 256, shape, np.uint8)


def boxes(count: int, side: int) -> np.ndarray:
    """Random boxes of 10 to 30 pixels."""
    rng = np.random.default_rng(count)
    low = rng.random((count, 2)) * (side - 30)
    return np.hstack([low, low + 10 + 20 * rng.random((count, 2))])


def hole() -> A.CoarseDropout:
    """The host's own rectangle."""
    return A.CoarseDropout((1, 1), (SIDE, SIDE), (SIDE, SIDE), p=1)


def cutmix(donors: list) -> CutMix:
    """A patch as large as that hole, in the image's aspect."""
    return CutMix(donors, area_range=(SIDE**2, SIDE**2), ratio_range=(1, 1), p=1)


def image_only(side: int, limit: float) -> Iterator[str]:
    """Row 1, and the neighbours on the same input."""
    image, donor = noise(side, side, 3), noise(side, side, 3)
    patch = int(SIDE * side)
    # A new place each time, as in a mix: a fixed one would stay in the cache.
    places = itertools.cycle(np.random.default_rng(2).integers(0, side - patch, (999, 2)).tolist())

    def copy_paste() -> np.ndarray:
        x, y = next(places)
        out = image.copy()
        out[y : y + patch, x : x + patch] = donor[y : y + patch, x : x + patch]
        return out

    mosaic = A.Compose([A.Mosaic(target_size=(side, side), p=1)])
    tiles = [{"image": donor}] * 3
    calls = {name: A.Compose([transform]) for name, transform in {
        "empty": Empty(p=1), "CoarseDropout": hole(), "HorizontalFlip": A.HorizontalFlip(p=1),
        "CutMix": cutmix([Donor(donor)]),
    }.items()}  # fmt: skip
    times = race(
        {
            **{name: (lambda call=call: call(image=image)) for name, call in calls.items()},
            # One after the other, as in a call: beside a large copy the host runs with cold caches.
            "empty, then copy + paste": lambda: (calls["empty"](image=image), copy_paste()),
            "Mosaic": lambda: mosaic(image=image, mosaic_metadata=tiles),
        },
        inner=10 if side > 300 else 30,
    )
    ratio = median([a / b for a, b in zip(times["CutMix"], times["CoarseDropout"], strict=True)])
    floor = times["empty, then copy + paste"]
    over = median([a - b for a, b in zip(times["CutMix"], floor, strict=True)])
    name = f"image only, {side} x {side}"
    yield row(f"{name}: x CoarseDropout", f"<= {limit}", ratio, limit, "x")
    yield row(f"{name}: over copy + paste + empty", "<= 30 us", over, 30, "us")
    for peer in times:
        yield f"| {name}: {peer} | | {median(times[peer]):.1f} us | |"


def with_boxes(count: int, peers: bool) -> tuple[float, list[str]]:
    """Row 2: the own cost of *count* boxes each side, in microseconds, and the neighbours."""
    side = 224
    image, donor = noise(side, side, 3), noise(side, side, 3)
    labels, rows = list(range(count)), boxes(count, side)
    params = A.BboxParams("pascal_voc", label_fields=["labels"])
    full = Donor(donor, bboxes=boxes(count, side)[::-1], fields={"labels": labels})
    plain = {"empty": Empty(p=1), "CutMix": cutmix([Donor(donor)])}
    boxed = {"empty": Empty(p=1), "CutMix": cutmix([full])}
    if peers:
        boxed |= {"CoarseDropout": hole(), "HorizontalFlip": A.HorizontalFlip(p=1)}
    calls = {f"{name}, no boxes": A.Compose([t]) for name, t in plain.items()}
    one = {name: (lambda call=call: call(image=image)) for name, call in calls.items()}
    pipelines = {name: A.Compose([t], bbox_params=params) for name, t in boxed.items()}
    two = {
        name: (lambda call=call: call(image=image, bboxes=rows, labels=labels))
        for name, call in pipelines.items()
    }
    if peers:
        mosaic = A.Compose([A.Mosaic(target_size=(side, side), p=1)], bbox_params=params)
        tiles = [{"image": donor, "bboxes": full.bboxes, "labels": labels}] * 3
        two["Mosaic"] = lambda: mosaic(
            image=image, bboxes=rows, labels=labels, mosaic_metadata=tiles
        )
    times = race({**one, **two}, inner=5)
    own = [
        mixed - alone - (carried - empty)
        for mixed, alone, carried, empty in zip(
            times["CutMix"], times["CutMix, no boxes"], times["empty"], times["empty, no boxes"],
            strict=True,
        )
    ]  # fmt: skip
    lines = [
        f"| {count} boxes each side: {name} | | {median(times[name]):.0f} us | |" for name in two
    ]
    return median(own), lines


def all_boxes() -> Iterator[str]:
    """Row 2, whole."""
    own, lines = with_boxes(100, peers=True)
    yield row("100 boxes each side, own cost", "<= 150 us", own, 150, "us")
    yield from lines
    more, lines = with_boxes(1000, peers=True)
    yield row("1,000 boxes: own cost x that of 100", "< 10 (linear)", more / own, 10, "x")
    yield from lines


def warm_pool() -> Iterator[str]:
    """Row 3: a mix with a donor in memory against reading that donor."""
    real = sorted((DATA / "bccd_voc" / "JPEGImages").glob("*.jpg"))
    with tempfile.TemporaryDirectory() as folder:
        path = str(real[0]) if real else f"{folder}/noise.jpg"
        if not real:
            cv2.imwrite(path, cv2.GaussianBlur(noise(480, 640, 3), (9, 9), 3))
        image = cv2.imread(path)
        call = A.Compose([CutMix([Donor(image)], p=1)])
        times = race(
            {"imread": lambda: cv2.imread(path), "CutMix": lambda: call(image=image)}, inner=5
        )
    share = median([a / b for a, b in zip(times["CutMix"], times["imread"], strict=True)])
    what = "BCCD image" if real else "blurred noise"
    yield row(f"warm pool, 480 x 640: x imread of a {what}", "< 0.1", share, 0.1, "x")


def rows() -> Iterator[Iterator[str]]:
    """Every table of this file."""
    yield from (image_only(224, 0.6), image_only(640, 0.9), all_boxes(), warm_pool())
