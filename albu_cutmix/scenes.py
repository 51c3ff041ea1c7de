"""Small drawn scenes with exact annotations, for examples, tests and the demo.

A scene is painted four times too large on a canvas that remembers which object owns each pixel,
then averaged down: edges are smooth, and masks and boxes come from the drawing itself. Lengths
are in picture heights, y grows downwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from albu_cutmix.boxes import to_xyxy
from albu_cutmix.drawings import DRAWINGS
from albu_cutmix.errors import InvalidArgumentError
from albu_cutmix.pool import MemoryPool
from albu_cutmix.sample import Donor

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["OBJECT_CLASSES", "SCENE_CLASSES", "scene_pool"]

SCENE_CLASSES = ("harbour", "meadow", "city", "reef")
OBJECT_CLASSES = ("sailboat", "buoy", "balloon", "sheep", "tree", "car", "bus", "fish", "jellyfish")

_FINE = 4  # canvas pixels per picture pixel
_TURN = np.linspace(0.0, 2.0 * np.pi, 48, endpoint=False)
_RING = np.stack([np.cos(_TURN), np.sin(_TURN)], 1)


def scene_pool(
    n: int = 12, *, size: tuple[int, int] | Sequence[tuple[int, int]] = (360, 480), seed: int = 0
) -> MemoryPool:
    """Draw a pool of annotated scenes; scene i depends on its size, `seed` and i alone.

    Args:
        n: How many scenes. The kinds of `SCENE_CLASSES` take turns.
        size: (height, width) in pixels, at least 64 each; or several, which take turns.
        seed: Seed of the drawing, 0 or more.

    Returns:
        Donors with `image` (H, W, 3) uint8 RGB, `mask` (H, W) uint8 (0 for the background, else
        1 + the index in `OBJECT_CLASSES`), `masks` (N, H, W) uint8 of what can be seen of each
        object, far ones first, `bboxes` (N, 4) the tight extents of `masks`,
        `fields={"labels": names}`, `label` the kind of scene and `id` such as "harbour-00".

    Raises:
        InvalidArgumentError: If `n` or `seed` is negative or a size is too small.
    """
    if n < 0 or seed < 0:
        raise InvalidArgumentError(f"n and seed must be 0 or more, got {n!r} and {seed!r}.")
    sizes = np.atleast_2d(np.asarray(size))
    if sizes.shape[1:] != (2,) or sizes.dtype.kind not in "iu" or sizes.min() < 64:
        raise InvalidArgumentError(
            f"size must be (height, width) or several, whole numbers of at least 64, got {size!r}."
        )
    shapes = [sizes[i % len(sizes)].tolist() for i in range(n)]
    donors = [_scene(i, height, width, seed) for i, (height, width) in enumerate(shapes)]
    return MemoryPool(donors, classes=SCENE_CLASSES)


def _scene(index: int, height: int, width: int, seed: int) -> Donor:
    """Draw scene *index* and read its annotations off the canvas."""
    scene = SCENE_CLASSES[index % len(SCENE_CLASSES)]
    canvas = _Canvas(height, width, np.random.default_rng([seed, index]))
    canvas.add(scene, 0, 0, 1)
    _PAINTERS[scene](canvas)
    fine = [(canvas.owner == k + 1) * np.uint8(_FINE**2) for k in range(len(canvas.names))]
    image, *shares = (
        cv2.resize(layer, (width, height), interpolation=cv2.INTER_AREA)
        for layer in (canvas.pixels, *fine)
    )
    half = _FINE**2 // 2  # at most one object owns more than that of a pixel
    labels = [name for name, share in zip(canvas.names, shares, strict=True) if share.max() > half]
    masks = np.array([share > half for share in shares if share.max() > half], np.uint8)
    masks = masks.reshape(-1, height, width)
    boxes = to_xyxy([cv2.boundingRect(mask) for mask in masks], "coco", (height, width))
    kinds = np.array([1 + OBJECT_CLASSES.index(label) for label in labels], np.uint8)
    mask = (masks * kinds[:, None, None]).sum(0, dtype=np.uint8)
    name = f"{scene}-{index:02d}"
    return Donor(image, mask, masks, boxes, fields={"labels": labels}, label=scene, id=name)


class _Canvas:
    """A large picture, the owner of each of its pixels, and the drawing's random stream."""

    def __init__(self, height: int, width: int, rng: np.random.Generator) -> None:
        self.pixels = np.zeros((height * _FINE, width * _FINE, 3), np.uint8)
        self.owner = np.zeros(self.pixels.shape[:2], np.uint16)
        self.names: list[str] = []
        self.wide, self.rng = width / height, rng

    def add(self, name: str, x: float, y: float, size: float, flip: bool = False) -> None:
        """Draw one of `DRAWINGS` on top of what is there; an object owns its pixels."""
        self.names += [name] * (name in OBJECT_CLASSES)
        palettes, *shapes = DRAWINGS[name].split(";")
        palette = dict(zip("ab", self.rng.choice(palettes.split()).split(","), strict=False))
        scale = np.array([-size if flip else size, size]) / 100
        for kind, colours, *pairs in map(str.split, shapes):
            own = len(self.names) * (name in OBJECT_CLASSES and kind != "under")
            top, low = ([palette.get(c, c) for c in colours.split("/")] * 2)[:2]
            points = np.array([pair.split(",") for pair in pairs], np.float64)
            step = len(points) if kind in ("poly", "soft") else 2
            for k in range(0, len(points), step):
                corners = _corners(kind, points[k : k + step])
                self._paint(corners * scale + [x, y], top, low, own)

    def row(self, names: str, ys: Any, sizes: Any, left: float = 0.5) -> None:
        """Add things far to near, in random order across; *left* of them look the other way."""
        for x, y, size in zip(self.spread(len(ys)), ys, sizes, strict=True):
            name = str(self.rng.choice(names.split()))
            self.add(name, x, y, size, bool(self.rng.random() < left))

    def fill(self, kind: str, points: Any, top: str, low: str = "") -> None:
        """Fill a shape of the scenery, shaded from *top* down to *low*."""
        self._paint(_corners(kind, np.asarray(points, np.float64)), top, low or top, 0)

    def _paint(self, corners: NDArray[np.float64], top: str, low: str, own: int) -> None:
        xy = corners * self.owner.shape[0]
        edges = np.clip([xy.min(0), xy.max(0) + 1], 0, self.owner.shape[::-1])
        (x0, y0), (x1, y1) = edges.astype(int).tolist()
        inside = np.zeros((y1 - y0, x1 - x0), np.uint8)
        if not inside.size:
            return
        cv2.fillPoly(inside, [np.rint((xy - [x0, y0]) * 16).astype(np.int32)], 1, shift=4)
        tilt = 0.4 if own else 0.0  # objects are lit from the upper left
        right = np.linspace(0.0, tilt, x1 - x0 if own else 1)
        steps = np.linspace(0.0, 1.0 - tilt, y1 - y0)[:, None] + right
        paint = (_rgba(top) + (_rgba(low) - _rgba(top)) * steps[..., None]).astype(np.float32)
        area = self.pixels[y0:y1, x0:x1]
        cover = inside[..., None] * paint[..., 3:] / 255
        area[:] = np.rint(area + (paint[..., :3] - area) * cover)
        if own or len(top) == 6:
            self.owner[y0:y1, x0:x1][inside > 0] = own

    def glow(self, x: float, y: float, radius: float, colour: str) -> None:
        """Shed light around a point; it owns nothing."""
        height = self.owner.shape[0]
        box = np.array([y - radius, y + radius, x - radius, x + radius]) * height
        y0, y1, x0, x1 = np.maximum(box, 0).astype(int)
        area = self.pixels[y0:y1, x0:x1]
        rows, columns = np.ogrid[y0 : y0 + area.shape[0], x0 : x0 + area.shape[1]]
        away = np.hypot(rows / height - y, columns / height - x) / radius
        light = 0.9 * np.clip(1 - away, 0, 1)[..., None] ** 2
        area[:] = np.rint(area + (_rgba(colour)[:3] - area) * light)

    def hills(self, level: float, rise: float, top: str, low: str) -> None:
        """Fill everything under a rolling line."""
        x = np.linspace(0.0, self.wide, 200)
        f, g, p, q = self.rng.uniform((2, 4, 0, 0), (5, 9, 6, 6))
        y = level - rise * (0.6 * np.sin(f * x + p) + 0.4 * np.sin(g * x + q))
        self.fill("poly", [*zip(x, y, strict=True), (self.wide, 1), (0, 1)], top, low)

    def spread(self, count: int) -> NDArray[np.float64]:
        """Return places across the picture, jittered, in random order, shape (count,)."""
        places = np.arange(count) + 0.5 + self.rng.uniform(-0.25, 0.25, count)
        return self.rng.permutation(places) * (self.wide / count)


def _corners(kind: str, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the corners of a shape, shape (N, 2)."""
    if kind in ("oval", "under"):
        ring: NDArray[np.float64] = _RING * points[1] + points[0]
        return ring
    if kind == "box":
        return points[[[0, 0], [1, 0], [1, 1], [0, 1]], [0, 1]]
    for _ in range(4 if kind == "soft" else 0):  # Chaikin's corner cutting
        after = np.roll(points, -1, 0)
        points = np.hstack([0.75 * points + 0.25 * after, 0.25 * points + 0.75 * after])
        points = points.reshape(-1, 2)
    return points


def _rgba(colour: str) -> NDArray[np.float64]:
    return np.frombuffer(bytes.fromhex(colour.ljust(8, "F")), np.uint8).astype(np.float64)


def _harbour(c: _Canvas) -> None:
    sun = c.rng.uniform(0.2, 0.8) * c.wide
    c.glow(sun, 0.33, 0.5, "FFF6D5")
    c.fill("oval", [(sun, 0.33), (0.065, 0.065)], "FFFDF0")
    c.row("cloud", (0.1, 0.17, 0.24), (0.14, 0.14, 0.14))
    c.hills(0.42, 0.06, "8FA9C4", "A9BDD0")
    c.hills(0.455, 0.025, "5F86A3", "7FA0B4")
    c.fill("box", [(0, 0.48), (c.wide, 1)], "6CBDCB", "124B6B")
    for k in range(90):
        y = 0.485 + 0.5 * c.rng.random() ** 1.5
        x = sun + c.rng.normal(0, 0.1) if k % 2 else c.rng.uniform(0, c.wide)
        c.fill("oval", [(x, y), (0.01 + 0.1 * (y - 0.46), 0.001 + 0.007 * (y - 0.46))], "FFF6DD77")
    ys = np.linspace(0.53, 0.88, max(3, round(4 * c.wide)))
    c.row("sailboat sailboat buoy", ys, ys - 0.38)


def _meadow(c: _Canvas) -> None:
    c.glow(0.1 * c.wide, 0.08, 0.7, "FFFBE6")
    c.row("cloud", (0.1, 0.2, 0.3), (0.16, 0.16, 0.16))
    c.hills(0.56, 0.07, "8DB8C9", "B5D3C4")
    c.row("balloon", c.rng.uniform(0.18, 0.3, 3), (0.12, 0.2, 0.31))
    c.hills(0.64, 0.04, "8CC084", "A9CC7C")
    c.row("tree", (0.65, 0.67, 0.7), (0.16, 0.2, 0.26))
    c.hills(0.73, 0.025, "7FB852", "3F8F4F")
    ys = np.linspace(0.77, 0.99, 60)
    c.row("flower", ys, 0.014 * (ys - 0.45))
    ys = np.linspace(0.77, 0.96, max(3, round(3.4 * c.wide)))
    c.row("sheep", ys, (ys - 0.55) * 0.55)


def _city(c: _Canvas) -> None:
    c.row("star", c.rng.uniform(0, 0.4, 50), [0.002] * 50)
    moon = c.rng.uniform(0.2, 0.8) * c.wide
    c.glow(moon, 0.16, 0.3, "FFF4D6")
    c.fill("oval", [(moon, 0.16), (0.05, 0.05)], "FFF8E1")
    for x in np.arange(-0.05, c.wide, 0.13):
        _tower(c, x, c.rng.uniform(0.24, 0.44), "3D3B72", "7A5C8E", "FFC9A077")
    for x in np.arange(-0.1, c.wide, 0.165):
        _tower(c, x, c.rng.uniform(0.39, 0.58), "1D1E4B", "34305F", "FFD98ACC")
    c.add("street", 0, 0, 1)
    for x in np.arange(0.05, c.wide, 0.22):
        c.fill("box", [(x, 0.885), (x + 0.1, 0.895)], "F7E7B6AA")
    for x in np.arange(0.16, c.wide, 0.44):
        c.add("lamp", x, 0.77, 0.27)
        c.glow(x, 0.513, 0.15, "FFDF8E")
    for y, size, count in ((0.845, 0.13, 2.4), (0.965, 0.19, 1.7)):
        cars = max(2, round(count * c.wide))
        c.row("car car bus", [y] * cars, [size] * cars, left=float(y < 0.9))


def _tower(c: _Canvas, x: float, y: float, top: str, low: str, light: str) -> None:
    width = c.rng.uniform(0.11, 0.17)
    c.fill("box", [(x, y), (x + width, 0.8)], top, low)
    for column, row in np.argwhere(c.rng.random((int(width / 0.03), 9)) < 0.5):
        at = np.array([x + 0.012 + 0.03 * column, y + 0.03 + 0.045 * row])
        c.fill("box", [at, at + [0.014, 0.022]], light)


def _reef(c: _Canvas) -> None:
    for x, w in zip(c.spread(6), c.rng.uniform(0.02, 0.07, 6), strict=True):
        ray = [(x, -0.1), (x + w, -0.1), (x + 4 * w - 0.4, 1), (x - 0.5, 1)]
        c.fill("poly", ray, "FFFFFF44", "FFFFFF00")
    c.hills(0.84, 0.06, "2B7A9B", "175676")
    c.row("weed", [0.93] * 9, c.rng.uniform(0.2, 0.32, 9))
    c.row("jellyfish", (0.2, 0.28, 0.36), (0.14, 0.22, 0.3))
    count = max(4, round(5 * c.wide))
    c.row(
        "fish", c.rng.permutation(np.linspace(0.28, 0.84, count)), np.geomspace(0.07, 0.23, count)
    )
    c.hills(0.91, 0.025, "F2D7A0", "C79A63")
    c.row("coral", [1.0] * 6, c.rng.uniform(0.12, 0.22, 6))
    c.row("bubble", c.rng.uniform(0.05, 0.8, 26), c.rng.uniform(0.004, 0.011, 26))


_PAINTERS = {"harbour": _harbour, "meadow": _meadow, "city": _city, "reef": _reef}
