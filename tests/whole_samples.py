"""Samples that hold every target at once, in which each target says where its pixels came from.

Every pixel of an image has a number of its own, and mask, aliases, masks, keypoints and boxes
repeat these numbers. Whatever a pipeline does to a sample, `assert_true` then tells whether its
targets still speak of the pixels that are there, without knowing where a patch lies.
"""

from __future__ import annotations

from typing import Any

import albumentations as A
import numpy as np

from albu_cutmix import Donor, MixRecord

SHAPE = (11, 17)
BIG = (23, 31)
ALIASES = {"depth": "image", "parts": "mask"}
STEP = 1000  # numbers of a sample's pixels begin at a multiple of it


def numbers(start: int, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Every pixel another number, from *start* on, uint16."""
    return np.arange(start, start + shape[0] * shape[1], dtype=np.uint16).reshape(shape)


def regions(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Three objects, none of them a rectangle, shape (3, H, W), uint8."""
    height, width = shape
    y, x = np.mgrid[:height, :width]
    steps = np.stack([(x // 2 + y < height // 2 + 1), (x > width // 2) & (y > x // 4), y > 7])
    steps[2] &= (x < width // 2 - 1) & ((x + y) % 5 > 0)
    return steps.astype(np.uint8)


def boxes_of(masks: Any) -> list[list[float]]:
    """The tightest box around each mask, xyxy pixels."""
    found = []
    for mask in masks:
        rows, cols = np.nonzero(mask)
        found.append([float(v) for v in (cols.min(), rows.min(), cols.max() + 1, rows.max() + 1)])
    return found


def points(shape: tuple[int, int] = SHAPE) -> list[tuple[float, float]]:
    """A point on every third pixel, at its corner, so that flips keep it on its pixel."""
    cells = range(0, shape[0] * shape[1], 3)
    return [(float(cell % shape[1]), float(cell // shape[1])) for cell in cells]


def donor(start: int, shape: tuple[int, int] = SHAPE, **parts: Any) -> Donor:
    """A donor with every target whose pixels are numbered from *start* on."""
    ids, masks = numbers(start, shape), regions(shape)
    places = points(shape)
    return Donor(
        **{
            "image": ids,
            "mask": ids.astype(np.int32),
            "masks": masks,
            "bboxes": np.array(boxes_of(masks)),
            "keypoints": places,
            "fields": {"kind": [f"{start} {k}" for k in range(3)], "crowd": [0] * 3},
            "keypoint_fields": {"at": [int(ids[int(y), int(x)]) for x, y in places]},
            "label": 1,
            "id": f"{start}.png",
            "aliases": {"depth": ids.astype(np.float32), "parts": ids.astype(np.int16)},
            **parts,
        }
    )


def primary(
    start: int = 0, *, listed: bool = True, empty: bool = False, **parts: Any
) -> dict[str, Any]:
    """A call with every target.

    Args:
        start: Number of its first pixel.
        listed: Whether masks, boxes, points and fields are lists; arrays otherwise.
        empty: Whether there is no object and no point.
        parts: What replaces a part.
    """
    ids, masks = numbers(start), regions()[: 0 if empty else 3]
    places = [] if empty else points()
    rows: dict[str, Any] = {
        "masks": list(masks),
        "bboxes": boxes_of(masks),
        "kind": [f"{start} {k}" for k in range(len(masks))],
        "crowd": [0] * len(masks),
        "keypoints": places,
        "at": [int(ids[int(y), int(x)]) for x, y in places],
    }
    if not listed:
        shapes = {"bboxes": (-1, 4), "keypoints": (-1, 2), "masks": (-1, *SHAPE)}
        rows = {
            key: np.asarray(value).reshape(shapes.get(key, (-1,))) for key, value in rows.items()
        }
        rows["masks"] = rows["masks"].astype(np.uint8)
    return {
        "image": ids,
        "mask": ids.astype(np.int32),
        **rows,
        "label": 0,
        "depth": ids.astype(np.float32),
        "parts": ids.astype(np.int16),
        **parts,
    }


def pipeline(*steps: Any, compose: Any = A.Compose, **settings: Any) -> Any:
    """A pipeline for these samples."""
    return compose(
        list(steps),
        **{
            "bbox_params": A.BboxParams("pascal_voc", label_fields=["kind", "crowd"]),
            "keypoint_params": A.KeypointParams("xy", label_fields=["at"]),
            "additional_targets": ALIASES,
            **({"seed": 1} if compose is A.Compose else {}),
            **settings,
        },
    )


def assert_true(out: dict[str, Any]) -> None:
    """Assert that every target speaks of the pixels that are in the image now."""
    ids = out["image"].astype(np.int64)
    for key in ("mask", "depth", "parts"):
        np.testing.assert_array_equal(out[key], ids, err_msg=key)
    under = [int(ids[int(y + 1e-3), int(x + 1e-3)]) for x, y in np.asarray(out["keypoints"])]
    assert under == [int(number) for number in out["at"]]
    assert len(out["masks"]) == len(out["bboxes"]) == len(out["kind"]) == len(out["crowd"])
    whole = regions().reshape(3, -1)
    for mask, kind in zip(out["masks"], out["kind"], strict=True):
        start, number = (int(part) for part in str(kind).split())
        own = start + np.flatnonzero(whole[number])
        np.testing.assert_array_equal(mask != 0, np.isin(ids, own), err_msg=str(kind))
    if len(out["masks"]):
        np.testing.assert_allclose(out["bboxes"], boxes_of(out["masks"]), atol=1e-3)


def bits(value: Any) -> Any:
    """All of a value that another must share to be the same bit for bit: types and bytes.

    Of arrays of strings not the width: 2.0.8 gives them that of the longest string of all calls.
    """
    if isinstance(value, np.ndarray) and value.dtype.kind == "U":
        return type(value), "strings", value.shape, value.tolist()
    if isinstance(value, (np.ndarray, np.generic)):
        return type(value), str(value.dtype), value.shape, value.tobytes()
    if isinstance(value, MixRecord):
        return type(value), {key: bits(part) for key, part in value._asdict().items()}
    if isinstance(value, dict):
        return {key: bits(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value), [bits(part) for part in value]
    return type(value), value
