"""The cost of 30 instance masks at 640 x 640, over writing the stack that comes out."""

from __future__ import annotations

from collections.abc import Iterator

import albumentations as A
import numpy as np
from timing import median, race, row
from transform import Empty, cutmix, noise

from albu_cutmix import Donor

SIDE, COUNT = 640, 30
PARAMS = A.BboxParams("pascal_voc", label_fields=["labels"])


def objects(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Ellipses of 40 to 160 pixels, as masks and as their boxes."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((COUNT, SIDE, SIDE), np.uint8)
    boxes = np.zeros((COUNT, 4))
    for mask, box in zip(masks, boxes, strict=True):
        w, h = rng.integers(40, 160, 2).tolist()
        x, y = rng.integers(0, SIDE - w), rng.integers(0, SIDE - h)
        rows, cols = np.ogrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j]
        mask[y : y + h, x : x + w] = rows**2 + cols**2 <= 1
        box[:] = x, y, x + w, y + h
    return masks, boxes


def instances() -> Iterator[str]:
    """Masks and boxes against boxes alone, and against the copies that no code can avoid."""
    image, labels = noise(SIDE, SIDE, 3), list(range(COUNT))
    masks, boxes = objects(0)
    donor_masks, donor_boxes = objects(1)
    full = Donor(
        noise(SIDE, SIDE, 3), masks=donor_masks, bboxes=donor_boxes, fields={"labels": labels}
    )
    calls = {
        "masks, empty": A.Compose([Carry(p=1)], bbox_params=PARAMS),
        "no masks, empty": A.Compose([Carry(p=1)], bbox_params=PARAMS),
        "masks": A.Compose([cutmix([full])], bbox_params=PARAMS, seed=1),
        "no masks": A.Compose([cutmix([full])], bbox_params=PARAMS, seed=1),
    }
    stacks: list[int] = []

    def mixed() -> np.ndarray:
        out = calls["masks"](image=image, bboxes=boxes, labels=labels, masks=masks)["masks"]
        stacks.append(len(out))
        return out

    def write() -> np.ndarray:
        """Write a stack as large as the one that came out last: copies, and zeros for the rest."""
        count = stacks[-1]
        out = np.empty((count, SIDE, SIDE), np.uint8)
        kept = min(count, COUNT)
        np.copyto(out[:kept], masks[:kept])
        out[kept:] = 0
        return out

    mixed()
    call = {"image": image, "bboxes": boxes, "labels": labels}
    times = race(
        {
            "CutMix, masks": mixed,
            "CutMix, boxes only": lambda: calls["no masks"](**call),
            "empty, masks": lambda: calls["masks, empty"](**call, masks=masks),
            "empty, boxes only": lambda: calls["no masks, empty"](**call),
            "writing the stack": write,
        },
        inner=5,
    )
    own = [
        a - b - (c - d) - e
        for a, b, c, d, e in zip(*(times[name] for name in times), strict=True)
    ]  # fmt: skip
    name = f"{COUNT} instance masks each side, {SIDE} x {SIDE}"
    yield row(f"{name}: over writing the stack", "<= 150 us", median(own), 150, "us")
    for peer in times:
        yield f"| {name}: {peer} | | {median(times[peer]):.0f} us | |"


class Carry(Empty):
    """The host carrying masks through a transform that does nothing."""

    def apply_to_masks(self, masks, **params):
        """Return the masks."""
        return masks
