"""Seam counts, seam map and safety metrics, measured on the functions, 640 x 640."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from timing import median, race, row

from albu_cutmix.fates import ObjectRule, Verdict, judge_donor, judge_primary
from albu_cutmix.geometry import Rect
from albu_cutmix.limits import SafetyRule
from albu_cutmix.plan import MixPlan, Paste
from albu_cutmix.safety import assess
from albu_cutmix.sample import Donor
from albu_cutmix.seams import draw_seam

SIDE, BOXES, MASKS = 640, 28, 30
PATCH = Rect(100, 120, 400, 380)
BOUND = 150  # microseconds


def rows() -> Iterator[str]:
    """Every figure of this file."""
    rng = np.random.default_rng(0)
    corners = rng.integers(0, SIDE - 60, (MASKS, 2)).astype(np.float64)
    bboxes = np.hstack([corners, corners + 60])
    mask = np.kron(rng.integers(0, 5, (20, 20)), np.ones((32, 32))).astype(np.uint8)
    masks = np.zeros((MASKS, SIDE, SIDE), np.uint8)
    for plane, (x, y, x_end, y_end) in zip(masks, bboxes.astype(int).tolist(), strict=True):
        plane[y:y_end, x:x_end] = 1
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    donor = Donor(image, mask=mask.T.copy(), masks=masks.copy(), bboxes=bboxes)
    plan = MixPlan.of((SIDE, SIDE), [Paste(0, donor, PATCH, PATCH)])
    fewer = replace_boxes(donor, bboxes[:BOXES])
    boxed = MixPlan.of((SIDE, SIDE), [Paste(0, fewer, PATCH, PATCH)])
    rule, planes, numbers = SafetyRule(), list(masks), list(range(MASKS))

    def judged(some: MixPlan, count: int, instances: bool) -> Verdict:
        boxes, own = bboxes[:count], planes if instances else None
        index = numbers if instances else None
        return Verdict(
            judge_primary(boxes, some.covered, some.shape, ObjectRule(), own),
            [judge_donor(boxes, some.pastes[0], ObjectRule(), index)],
            own,
            None if index is None else [index],
        )

    with_boxes, with_masks = judged(boxed, BOXES, False), judged(plan, MASKS, True)
    out = np.empty_like(masks)
    edges = assess(plan, None, mask, rule, labelled=False).edges

    def measure(some: MixPlan, verdict: Verdict | None, of: np.ndarray | None, label: bool):
        return lambda: assess(some, verdict, of, rule, labelled=label)

    times = race(
        {
            "mask": measure(plan, None, mask, False),
            "mask, label": measure(plan, None, mask, True),
            "mask, boxes": measure(boxed, with_boxes, mask, False),
            "boxes": measure(boxed, with_boxes, None, False),
            "boxes, label": measure(boxed, with_boxes, None, True),
            "masks": measure(plan, with_masks, None, False),
            "masks, label": measure(plan, with_masks, None, True),
            "map": lambda: draw_seam(edges, plan.shape, 2),
            "writing the stack": lambda: np.copyto(out, masks),
        },
        inner=10,
    )
    of = {name: median(values) for name, values in times.items()}
    bound = f"<= {BOUND} us"
    names = {
        "mask": "uint8 mask",
        "mask, label": "uint8 mask and class label",
        "mask, boxes": f"uint8 mask and {BOXES} boxes each side",
        "boxes": f"{BOXES} boxes each side",
    }
    for name, words in names.items():
        yield row(f"seam counts, map, metrics: {words}", bound, of[name] + of["map"], BOUND, "us")
    yield f"| {BOXES} boxes each side, class label | | {of['boxes, label'] + of['map']:.0f} us | |"
    name = f"{MASKS} instance masks each side: seam counts and metrics"
    yield row(name, bound, of["masks"], BOUND, "us")
    yield f"| {name}, class label | | {of['masks, label']:.0f} us | |"
    yield f"| writing the stack of {MASKS} masks | | {of['writing the stack']:.0f} us | |"


def replace_boxes(donor: Donor, bboxes: np.ndarray) -> Donor:
    """The donor with other boxes and without instance masks."""
    return Donor(donor.image, mask=donor.mask, bboxes=bboxes)


if __name__ == "__main__":
    for line in rows():
        print(line)
