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

from albu_cutmix.errors import InvalidArgumentError
from albu_cutmix.pool import MemoryPool
from albu_cutmix.sample import Donor, to_xyxy

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["OBJECT_CLASSES", "SCENE_CLASSES", "scene_pool"]

SCENE_CLASSES = ("harbour", "meadow", "city", "reef")
OBJECT_CLASSES = ("sailboat", "buoy", "balloon", "sheep", "tree", "car", "bus", "fish", "jellyfish")

_FINE = 4  # canvas pixels per picture pixel
_TURN = np.linspace(0.0, 2.0 * np.pi, 48, endpoint=False)
_RING = np.stack([np.cos(_TURN), np.sin(_TURN)], 1)

# First the palettes, of which one is drawn for a and b, then shapes: kind, upper/lower colour
# (RRGGBB or RRGGBBAA), points in hundredths of the object's size. `oval` takes centre and radii,
# `box` two corners, both may repeat; `under` is an oval of light or shade that owns no pixel.
_DRAWINGS = {
    "sailboat": """FFF6E3,B0413E FFD98E,22577A FF8A5B,2B2D42; under 0B355066/0B355044 0,9
        50,15; box 6B4A32 -1,-100 1,-10; poly a/DFC7A6 3,-97 16,-62 31,-35 41,-19 3,-19; poly b
        3,-52 21,-52 26,-43 3,-43; poly FFFDF6/D8D3CB -3,-88 -3,-19 -34,-19 -21,-46; poly b/1C1F30
        -46,-15 48,-15 36,3 -32,3; under E8F8FA77 2,5 56,2; poly FFF4E0 -46,-15 48,-15 46,-11
        -43,-11""",
    "buoy": """F0483E,B3202E 35A871,1B6B4A; under 0B355066/0B355044 0,5 22,7; box 3B3B46
        -1,-40 1,-22; oval FFE98A/F2B632 0,-39 5,5; poly a/b -6,-30 6,-30 13,-4 -13,-4; poly
        FFFFFF/C9CCD6 -8,-22 8,-22 11,-13 -11,-13; soft 5A5F80/22223B -22,-7 22,-7 18,3 -18,3; under
        E8F8FA77 0,3 25,2""",
    "balloon": """F94144,F9C74F 277DA1,F1FAEE 9B5DE5,FEE440; box 5A3B25 -8,22 -6,42 6,22
        8,42; soft a 0,-56 34,-54 50,-18 34,12 8,36 -8,36 -34,12 -50,-18 -34,-54; soft b 0,-56
        22,-54 33,-18 22,12 6,36 -6,36 -22,12 -33,-18 -22,-54; soft a 0,-56 9,-54 14,-18 9,12 3,36
        -3,36 -9,12 -14,-18 -9,-54; soft 00000000/0000004D 0,-56 34,-54 50,-18 34,12 8,36 -8,36
        -34,12 -50,-18 -34,-54; soft FFFFFF66/FFFFFF00 -28,-44 -14,-46 -20,-12 -33,-16; soft
        D9A066/6F4526 -11,38 11,38 9,54 -9,54""",
    "sheep": """4A4550,2D2A32 7A5C4F,4B352D; under 1F5B3A77 0,0 60,7; box a/b -33,-30 -27,0
        -20,-30 -14,0 13,-30 19,0 26,-30 32,0; oval FFFFFF/CFCCDB -36,-48 20,18 -20,-30 21,17 5,-28
        22,18 28,-34 20,18; oval FFFFFF/D5D3DE 30,-56 20,17 8,-68 22,17 -18,-66 22,18 -2,-48 34,26;
        oval a/b 34,-72 10,5; soft a/b 34,-86 58,-84 68,-52 50,-40 34,-56; oval FFFFFF 50,-66
        3,3""",
    "tree": """2F6B3A,7DB64F 3D7A35,A3C644 9C5A1F,EDAE49; under 1F5B3A66 0,0 24,3; poly
        8A5A3A/4E3022 -6,0 -3,-50 3,-50 6,0; oval a -24,-46 20,17 24,-46 20,17 0,-45 22,18 -15,-68
        20,18 17,-68 20,18 0,-82 19,17; oval b/a -26,-50 16,13 21,-50 16,13 -2,-49 18,14 -18,-71
        16,14 14,-71 16,14 -3,-85 15,13; oval FF7A62/B3202E -28,-47 3,3 -10,-60 3,3 8,-44 3,3 22,-58
        3,3 -6,-80 3,3 16,-74 3,3""",
    "car": """FF5D5D,8F1D3F FFD166,B3701E 4CC9F0,1D4E89; under 0A0A1EAA 0,0 110,9; soft a/b
        -60,-34 -44,-90 32,-90 66,-34; poly D7F0FF/5C7FA3 -36,-48 -29,-74 -3,-74 -3,-48 3,-48 3,-74
        22,-74 38,-48; soft a/b -96,-54 80,-56 106,-32 98,-6 -98,-6; oval FFF7C2 86,-33 6,6; box
        FF2E4C -88,-40 -80,-30; oval 1B1B28 -48,-14 16,16 50,-14 16,16; oval C8CCDA/6D7188 -48,-14
        8,8 50,-14 8,8""",
    "bus": """F3722C,9A3B1E 43AA8B,1F5F57; under 0A0A1EAA 0,0 145,9; soft a/b -138,-116
        -40,-118 128,-118 138,-60 138,-5 20,-4 -138,-5; box FFF3D6/FFE0A8 -124,-46 128,-40; oval
        FFF7C2 124,-26 6,6; box FFF1B8/F2B95C -114,-96 -80,-58 -72,-96 -38,-58 -30,-96 4,-58 12,-96
        46,-58 54,-96 88,-58; poly D7F0FF/7FA6C9 97,-96 119,-96 126,-58 97,-58; oval 1B1B28 -80,-14
        17,17 82,-14 17,17; oval C8CCDA/6D7188 -80,-14 8,8 82,-14 8,8""",
    "fish": """FF9F1C,FFFFFF FFE14D,2A6F97 FF5C8A,FFD6A5; soft a/C8553D -30,0 -86,-44 -66,0
        -86,44; soft a/C8553D -34,-16 -10,-62 34,-44 24,-16; soft a/C8553D -20,20 -16,50 12,38
        10,20; oval a/E0662F 0,0 52,31; soft b 8,-32 24,-30 28,0 22,30 6,32 14,0; soft b -26,-28
        -12,-32 -6,0 -12,32 -26,28 -20,0; soft C8553D/A63D2F 4,4 -22,22 0,24; oval FFFFFF 35,-7 8,8;
        oval 14213D 37,-7 4,4""",
    "jellyfish": """FFC6FF,9D4EDD CAF0F8,4895EF FFD6A5,F15BB5; poly b/a -30,-6 -24,-6 -29,16
        -22,36 -26,54 -24,36 -34,16; poly b/a -14,-6 -8,-6 -4,18 -12,40 -5,64 -15,42 -10,18; poly
        b/a 2,-6 8,-6 2,20 10,42 4,58 6,42 -4,20; poly b/a 22,-6 28,-6 32,16 24,36 30,56 20,38
        27,16; soft a/b -44,6 -48,-24 -30,-54 30,-54 48,-24 44,6 22,-8 0,8 -22,-8; soft
        FFFFFF99/FFFFFF22 -30,-16 -24,-40 2,-46 -10,-32""",
    "cloud": "FFFFFF99 FFFFFF77; oval a -55,-5 26,14 0,-16 46,24 45,-8 34,17 86,-3 20,10",
    "weed": """2A8C82,1B6A78 3CA27B,1F6F6B; soft a/b -8,6 -18,-40 -10,-62 -22,-90 -13,-60
        -22,-40 -14,6; soft a/b 3,6 6,-40 -4,-66 5,-110 8,-66 -1,-40 -4,6; soft a/b 14,6 20,-34
        14,-56 26,-80 22,-54 27,-34 8,6""",
    "coral": """FF7F8E,C2416B FFB26B,D1495B; soft a/b -8,5 -30,-40 -16,-62 -36,-96 -22,-60
        -36,-40 -20,5; soft a/b 6,5 9,-40 -4,-66 5,-116 13,-66 0,-40 -6,5; soft a/b 22,5 31,-34
        24,-56 40,-90 34,-54 41,-34 10,5""",
    "lamp": """14142B; under FFE29A55/FFE29A22 0,0 36,6; box a -1,-100 1,2 -11,-101 11,-98;
        oval FFF6D0 -11,-95 4,4 11,-95 4,4; under FFDF8E22 -11,-95 9,9 11,-95 9,9""",
    "star": "FFFFFFAA; under a 0,0 100,100",
    "flower": "FFFFFFEE FFD166EE FF8FABEE; under a 0,0 100,100",
    "bubble": "FFFFFF; under FFFFFF55 0,0 100,100; under FFFFFFBB -33,-33 33,33",
    "harbour": "6FB7E9,FFE9C7 EE7B5B,FFDDA1 4D7EA8,F7C5CC; box a/b 0,0 9999,50",
    "meadow": "5AA9E6,E8F6FF 8E9AF0,FFD9E0 59C3C3,FFF3C9; box a/b 0,0 9999,70",
    "city": "0B1240,F08A7E 10183F,5B5F97 231942,E0769A; box a/b 0,0 9999,80",
    "reef": "5FD3E0,0B3C6F 48BFE3,2B2D78 72E0C8,0A5472; box a/b 0,0 9999,100",
    "street": "6B6690,4B4872; box a/b 0,74 9999,79; box 35355A/1B1B36 0,79 9999,100",
}


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
    donors = [_scene(i, *map(int, sizes[i % len(sizes)]), seed=seed) for i in range(n)]
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
    return Donor(image, mask, masks, boxes, {"labels": labels}, scene, f"{scene}-{index:02d}")


class _Canvas:
    """A large picture, the owner of each of its pixels, and the drawing's random stream."""

    def __init__(self, height: int, width: int, rng: np.random.Generator) -> None:
        self.pixels = np.zeros((height * _FINE, width * _FINE, 3), np.uint8)
        self.owner = np.zeros(self.pixels.shape[:2], np.uint16)
        self.names: list[str] = []
        self.wide, self.rng = width / height, rng

    def add(self, name: str, x: float, y: float, size: float, flip: bool = False) -> None:
        """Draw one of `_DRAWINGS` on top of what is there; an object owns its pixels."""
        self.names += [name] * (name in OBJECT_CLASSES)
        palettes, *shapes = _DRAWINGS[name].split(";")
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
        return _RING * points[1] + points[0]
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
