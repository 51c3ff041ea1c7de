"""`Cutout` and `MixUp` beside what they are made of, and what further patches cost."""

from __future__ import annotations

from collections.abc import Iterator

import albumentations as A
import cv2
from timing import median, race
from transform import boxes, cutmix, hole, noise

from albu_cutmix import CutMix, Cutout, Donor, MixUp

SIDE, BOXES, SHARE = 224, 20, 0.42**2
PARAMS = A.BboxParams("pascal_voc", label_fields=["labels"])


def rows() -> Iterator[str]:
    """Every figure of this file: ratios of one run, without a bound."""
    image, other = noise(SIDE, SIDE, 3), noise(SIDE, SIDE, 3)[::-1].copy()
    rects, labels = boxes(BOXES, SIDE), list(range(BOXES))
    donors = [Donor(other, bboxes=rects, fields={"labels": labels}) for _ in range(8)]
    cut = Cutout(area_range=(SHARE, SHARE), ratio_range=(1, 1), p=1)
    patches = [CutMix(donors, num_patches=count, p=1) for count in (1, 3, 8)]
    plain = {"CoarseDropout": hole(), "Cutout": cut, "CutMix": cutmix(donors)}
    plain["MixUp"] = MixUp(donors, p=1)
    boxed = {**plain, **{f"CutMix, {mix.num_patches} patches": mix for mix in patches}}
    calls = {name: A.Compose([mix]) for name, mix in plain.items()}
    with_boxes = {name: A.Compose([mix], bbox_params=PARAMS) for name, mix in boxed.items()}
    times = race(
        {
            "blend": lambda: cv2.addWeighted(image, 0.3, other, 0.7, 0),
            **{name: (lambda run=run: run(image=image)) for name, run in calls.items()},
            **{
                f"{name}, boxes": (lambda run=run: run(image=image, bboxes=rects, labels=labels))
                for name, run in with_boxes.items()
            },
        },
        inner=10,
    )
    of = {name: median(values) for name, values in times.items()}
    words = f"{SIDE} x {SIDE}"
    yield line(f"Cutout, {words}, x CoarseDropout", of["Cutout"] / of["CoarseDropout"])
    name = f"the same with {BOXES} boxes"
    yield line(name, of["Cutout, boxes"] / of["CoarseDropout, boxes"])
    yield line(f"MixUp, {words}, x cv2.addWeighted alone", of["MixUp"] / of["blend"])
    yield line(f"MixUp, {words}, x CutMix", of["MixUp"] / of["CutMix"])
    yield line(f"{name}, each side", of["MixUp, boxes"] / of["CutMix, boxes"])
    one = of["CutMix, 1 patches, boxes"]
    for count in (3, 8):
        name = f"CutMix of {count} patches, {BOXES} boxes each, x of one"
        yield line(name, of[f"CutMix, {count} patches, boxes"] / one)


def line(what: str, ratio: float) -> str:
    """Return one line of the table."""
    return f"| {what} | | {ratio:.2f} x | |"


if __name__ == "__main__":
    for text in rows():
        print(text)
