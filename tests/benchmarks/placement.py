"""The placements "avoid" and "objects": how often a patch comes out, and how long it takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from math import floor, sqrt

import numpy as np
from timing import row

from albu_cutmix import geometry
from albu_cutmix.geometry import PatchDraw, Rect
from albu_cutmix.search import place_avoid, place_objects

SHAPE = (640, 640)
RATIOS = (0.5, 2.0)
SCENES = 300
Scene = tuple[np.ndarray, PatchDraw]
Range = tuple[float, float]


def even(rng: np.random.Generator, count: int = 28, side: int = 60) -> np.ndarray:
    """Squares anywhere in the image."""
    low = rng.integers(0, SHAPE[1] - side + 1, (count, 2))
    return np.hstack([low, low + side])


def crowded(rng: np.random.Generator, count: int = 1000) -> np.ndarray:
    """Boxes of 4 to 16 pixels in six crowds."""
    middle = rng.integers(0, SHAPE[1], (6, 2))[rng.integers(6, size=count)]
    low = np.clip(middle + rng.normal(0, 60, (count, 2)), 0, SHAPE[1] - 16).astype(np.int64)
    return np.hstack([low, low + rng.integers(4, 17, (count, 2))])


def scenes(boxes: Callable[[np.random.Generator], np.ndarray]) -> list[Scene]:
    """Boxes with the numbers of one patch."""
    rng = np.random.default_rng(0)
    return [(boxes(rng), geometry.draw_patch(rng, 1.0)) for _ in range(SCENES)]


def touches(patch: Rect, boxes: np.ndarray) -> bool:
    """Whether a patch shares a pixel with any box."""
    part = geometry.meet_all(boxes, patch)
    return bool((part[:, :2] < part[:, 2:]).all(1).any())


def blind(scene: Scene, area_range: Range) -> Rect | None:
    """Draw three patches, sizes and places, and take the first that touches nothing."""
    boxes, draw = scene
    rng = np.random.default_rng(int(draw.x * 2**32))
    for _ in range(3):
        patch = geometry.place_inside(geometry.draw_patch(rng, 1.0), SHAPE, area_range, RATIOS)
        if patch is not None and not touches(patch, boxes):
            return patch
    return None


def has_least(boxes: np.ndarray, least: float) -> bool:
    """Whether a patch of the least share has a free place, by counting every window's pixels."""
    taken = np.zeros((SHAPE[0] + 1, SHAPE[1] + 1), np.int32)
    for x_min, y_min, x_max, y_max in boxes.tolist():
        taken[1 + y_min : 1 + y_max, 1 + x_min : 1 + x_max] = 1
    sums = taken.cumsum(0).cumsum(1)
    sizes = {
        (floor(sqrt(least * ratio) * SHAPE[1] + 0.5), floor(sqrt(least / ratio) * SHAPE[0] + 0.5))
        for ratio in np.geomspace(*RATIOS, 999).tolist()
    }
    return any(
        (sums[h:, w:] - sums[:-h, w:] - sums[h:, :-w] + sums[:-h, :-w] == 0).any() for w, h in sizes
    )


def microseconds(place: Callable[[Scene], object], all_scenes: list[Scene]) -> list[float]:
    """The time of each scene, the median of five, with other scenes between."""
    rounds = []
    for _ in range(5):
        times = []
        for scene in all_scenes:
            start = time.perf_counter()
            place(scene)
            times.append((time.perf_counter() - start) * 1e6)
        rounds.append(times)
    return [statistics.median(times) for times in zip(*rounds, strict=True)]


def report(name: str, times: list[float], limit: float) -> Iterator[str]:
    """Mean and 95th percentile, against a limit if there is one."""
    figures = {"mean": statistics.mean(times), "95 of 100": float(np.quantile(times, 0.95))}
    for what, figure in figures.items():
        if limit:
            yield row(f"{name}: {what}", f"< {limit} us", figure, limit, "us")
        else:
            yield f"| {name}: {what} | | {figure:.0f} us | |"


def avoid(
    name: str, boxes: Callable[[np.random.Generator], np.ndarray], area_range: Range, limit: float
) -> Iterator[str]:
    """Yield and time of "avoid", beside blind tries."""
    all_scenes = scenes(boxes)

    def place(scene: Scene) -> Rect | None:
        return place_avoid(scene[1], SHAPE, area_range, RATIOS, scene[0])

    patches = [place(scene) for scene in all_scenes]
    assert not any(
        patch and touches(patch, scene[0]) for patch, scene in zip(patches, all_scenes, strict=True)
    )
    missed = sum(
        patch is None and has_least(scene[0], area_range[0])
        for patch, scene in zip(patches, all_scenes, strict=True)
    )
    applied = sum(patch is not None for patch in patches)
    name = f'"avoid", {name}, shares {area_range}'
    yield row(
        f"{name}: none where a least one fits", "<= 0.05", missed / (applied + missed), 0.05, ""
    )
    yield from report(name, microseconds(place, all_scenes), limit)
    tries = [blind(scene, area_range) for scene in all_scenes]
    hits = sum(patch is not None for patch in tries) / (applied + missed)
    yield f"| {name}: three blind tries find one | | {hits:.3g} | |"
    times = microseconds(lambda scene: blind(scene, area_range), all_scenes)
    yield f"| {name}: three blind tries, mean | | {statistics.mean(times):.0f} us | |"


def objects() -> Iterator[str]:
    """Yield and time of "objects", scenes of 28 boxes on both sides."""
    all_scenes = scenes(even)
    donors = [scene[0] for scene in all_scenes[1:] + all_scenes[:1]]
    pairs = [(np.stack(pair), scene[1]) for pair, scene in zip(
        zip([scene[0] for scene in all_scenes], donors, strict=True), all_scenes, strict=True
    )]  # fmt: skip

    def place(scene: Scene) -> object:
        (rects, donor_rects), draw = scene
        return place_objects(draw, SHAPE, rects, SHAPE, donor_rects, (0.02, 0.33), (1.0, 1.0))

    name = '"objects", 28 boxes of 60 px each side'
    applied = statistics.mean(place(pair) is not None for pair in pairs)
    yield f"| {name}: applied | | {applied:.3g} | |"
    yield from report(name, microseconds(place, pairs), 0)


def rows() -> Iterator[Iterator[str]]:
    """Every table of this file."""
    yield avoid("28 boxes of 60 px", even, (0.02, 0.33), 300)
    yield avoid("28 boxes of 60 px", even, (0.02, 0.15), 300)
    yield avoid("1,000 boxes in six crowds", crowded, (0.02, 0.33), 0)
    yield objects()
