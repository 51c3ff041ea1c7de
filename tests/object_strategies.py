"""Hypothesis strategies: instance masks, keypoints and aliases that are easy to get wrong.

Masks overlap, touch, lie in each other, have one pixel, none, several parts or a hole; boxes are
tight, loose, or leave a part of the mask outside. Points lie at whole pixels (so on the patch's
edges), between them, and beside the image where the pipeline allows it.
"""

from __future__ import annotations

from dataclasses import replace
from math import radians
from typing import Any

import numpy as np
from hypothesis import strategies as st
from oracle import Sample, Settings
from strategies import (
    CHANNELS,
    DTYPES,
    WORDS,
    Call,
    eighths,
    field_values,
    fixed_call,
    labels,
    mix_settings,
    nested,
    pixels,
    rects,
    samples,
    seeds,
    shapes,
)

ROW_DTYPES = ("uint8", "bool", "int32")
ROW_VALUES = {"uint8": (1, 7, 255), "bool": (True,), "int32": (1, -1, 2**24 + 1)}
KEYPOINT_FORMATS = ("xy", "yx", "xya", "xys", "xyas", "xysa", "xyz")
KEYPOINT_MODES = ("remove", "flag")

# --- instance masks -------------------------------------------------------------------------------


@st.composite
def masks_of_one(draw: Any, shape: tuple[int, int], dtype: str) -> np.ndarray:
    """One instance mask: a block, parts, a ring, a pixel, nothing, noise."""
    row = np.zeros(shape, dtype)
    kind = draw(st.sampled_from(["block", "block", "parts", "ring", "pixel", "empty", "noise"]))
    values = st.sampled_from(ROW_VALUES[dtype])
    if kind == "noise":
        row[np.random.default_rng(draw(seeds)).random(shape) < 0.3] = draw(values)
    elif kind == "pixel":
        y, x = draw(st.integers(0, shape[0] - 1)), draw(st.integers(0, shape[1] - 1))
        row[y, x] = draw(values)
    elif kind != "empty":
        for _ in range(draw(st.integers(2, 3)) if kind == "parts" else 1):
            x_min, y_min, x_max, y_max = draw(rects(shape))
            row[y_min:y_max, x_min:x_max] = draw(values)
            if kind == "ring":
                row[y_min + 1 : y_max - 1, x_min + 1 : x_max - 1] = 0
    return row


def inner(row: np.ndarray) -> np.ndarray:
    """The middle of a mask: an object that lies in another."""
    out = np.zeros_like(row)
    ys, xs = np.nonzero(row)
    if len(ys):
        half = np.s_[
            (3 * ys.min() + ys.max()) // 4 : (ys.min() + 3 * ys.max()) // 4 + 1,
            (3 * xs.min() + xs.max()) // 4 : (xs.min() + 3 * xs.max()) // 4 + 1,
        ]
        out[half] = row[half]
    return out


def beside(row: np.ndarray) -> np.ndarray:
    """A mask moved right by its own width: an object that touches another."""
    out = np.zeros_like(row)
    xs = np.nonzero(row.any(0))[0]
    if len(xs):
        width = int(xs[-1] - xs[0]) + 1
        out[:, width:] = row[:, : row.shape[1] - width]
    return out


def tight(row: np.ndarray) -> tuple[float, float, float, float] | None:
    """The box of a mask, None where it is empty."""
    ys, xs = np.nonzero(row)
    if not len(ys):
        return None
    return float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1)


@st.composite
def boxes_of_one(draw: Any, row: np.ndarray, *, outside: bool) -> tuple[float, ...]:
    """The box of a mask: tight, loose by eighths, half of it (so that it spills), or any."""
    height, width = row.shape
    box = tight(row)
    kind = draw(st.sampled_from(["tight", "tight", "loose", "spilt", "any", "over the edge"]))
    if kind == "over the edge" and outside:
        return -3.0, -2.0, width / 2 + 0.25, height + 5.0
    if box is None or kind in ("any", "over the edge"):
        return draw(eighths(row.shape))
    if kind == "spilt":
        return nested(box)
    if kind == "loose":
        margins = [draw(st.integers(0, 24)) / 8 for _ in range(4)]
        return (
            max(box[0] - margins[0], 0.0),
            max(box[1] - margins[1], 0.0),
            min(box[2] + margins[2], float(width)),
            min(box[3] + margins[3], float(height)),
        )
    return box


@st.composite
def mask_sets(draw: Any, shape: tuple[int, int], dtype: str) -> list[np.ndarray]:
    """None to five instance masks, the last one perhaps inside the first, or touching it."""
    rows = draw(st.lists(masks_of_one(shape, dtype), max_size=4))
    if rows and draw(st.booleans()):
        rows.append(draw(st.sampled_from([inner, beside]))(rows[0]))
    return rows


def contained(draw: Any, rows: list[np.ndarray]) -> Any:
    """Masks in one of the containers of the host: a list, or an array where there are rows."""
    return np.stack(rows) if rows and draw(st.booleans()) else rows


@st.composite
def masked(
    draw: Any,
    sample: Sample,
    dtype: str,
    index_field: str | None,
    *,
    boxes: bool = True,
    outside: bool = False,
) -> Sample:
    """A sample with instance masks, and boxes beside them.

    With an index field the rows are in another order than the boxes, and there are more of them.
    """
    rows = draw(mask_sets(sample.shape, dtype))
    if not boxes:
        return replace(sample, masks=contained(draw, rows), boxes=None, fields={})
    values = field_values(draw, len(rows), tuple(sample.fields))
    own = [draw(boxes_of_one(row, outside=outside)) for row in rows]
    if index_field is not None:
        order = draw(st.permutations(range(len(rows) + draw(st.integers(0, 2)))))
        spare = draw(masks_of_one(sample.shape, dtype))
        placed = [spare] * len(order)
        for row, at in zip(rows, order, strict=False):
            placed[at] = row
        values[index_field] = list(order[: len(rows)])
        rows = placed
    return replace(sample, masks=contained(draw, rows), boxes=own, fields=values)


@st.composite
def limits(draw: Any) -> dict[str, float]:
    """Thresholds of the pipeline's own; seldom on the size of a box."""
    choices = {
        "min_area": [3.3, 10.7, 40.3],
        "min_width": [1.3, 2.6],
        "min_height": [1.3, 2.6],
        "max_accept_ratio": [2.3, 5.7],
        "min_visibility": [0.3],
    }
    names = draw(st.lists(st.sampled_from(sorted(choices)), unique=True, max_size=3))
    return {name: draw(st.sampled_from(choices[name])) for name in names}


@st.composite
def object_calls(draw: Any, *, boxes: bool = True, layers: bool = False, **fixed: Any) -> Call:
    """A whole call with instance masks: primary, one or two donors, settings."""
    asked = draw(mix_settings(**fixed))
    names: tuple[str, ...] = ()
    if boxes:
        chosen = asked.visibility_field, asked.mask_index_field
        names = tuple(name for name in ("word", *chosen) if name is not None)
    shape, dtype = draw(shapes), draw(st.sampled_from(ROW_DTYPES))
    # In YOLO's form the host's own rounding can push a box over the edge by a hair.
    clip = asked.bbox_format == "yolo" or draw(st.booleans())
    # In the host's own form it clips in place: a read-only array cannot be its input.
    arrays = not (clip and asked.bbox_format == "albumentations") and draw(st.booleans())

    def sample(shape: tuple[int, int], *, is_donor: bool) -> Sample:
        bare = draw(samples(shape, ("uint8", None), fields=()))
        bare = replace(bare, fields=dict.fromkeys(n for n in names if n != asked.mask_index_field))
        outside = is_donor or clip
        made = draw(masked(bare, dtype, asked.mask_index_field, boxes=boxes, outside=outside))
        if boxes and asked.ignore_field is not None and (not is_donor or draw(st.booleans())):
            marks = draw(
                st.lists(st.integers(0, 1), min_size=len(made.boxes), max_size=len(made.boxes))
            )
            made = replace(made, fields={**made.fields, asked.ignore_field: marks})
        lacking = {asked.visibility_field}
        if boxes and len(made.masks) == len(made.boxes):
            lacking.add(asked.mask_index_field)  # row i is then that of box i
        if is_donor and draw(st.booleans()):
            rest = {k: v for k, v in made.fields.items() if k not in lacking}
            made = replace(made, fields=rest)
        return made

    primary = sample(shape, is_donor=False)
    donors = []
    for _ in range(draw(st.integers(1, 2))):
        same = asked.fit == "error" or draw(st.booleans())
        donors.append(sample(shape if same else draw(shapes), is_donor=True))
    if layers:
        count = draw(st.integers(1, 3))
        primary, *donors = (
            replace(s, masks=draw(layer_sets(s.shape, dtype, count))) for s in (primary, *donors)
        )
    return Call(primary, donors, asked, clip, arrays, draw(seeds))


@st.composite
def layer_sets(draw: Any, shape: tuple[int, int], dtype: str, count: int) -> Any:
    """So many layers, in a list or an array."""
    rows = [draw(masks_of_one(shape, dtype)) for _ in range(count)]
    return contained(draw, rows)


# --- keypoints ------------------------------------------------------------------------------------


@st.composite
def points(
    draw: Any, shape: tuple[int, int], *, outside: bool, full: bool
) -> list[tuple[float, ...]]:
    """None to eight points; `full` gives them z, angle and scale."""
    beyond = 4 if outside else 0

    def coordinate(side: int) -> st.SearchStrategy[float]:
        last = side + beyond if outside else side - 1
        whole = st.integers(-beyond, last).map(float)
        parts = st.integers(-8 * beyond, 8 * side - 1 + 8 * beyond).map(lambda value: value / 8)
        return whole | parts

    angle = st.sampled_from([0, 30, 45, 90, 135, 180, 200, 270, 359, 400, -90]).map(radians)
    rest = (st.integers(0, 9).map(float), angle, st.integers(1, 24).map(lambda v: v / 8))
    columns = (coordinate(shape[1]), coordinate(shape[0]), *(rest if full else ()))
    return draw(st.lists(st.tuples(*columns), max_size=8))


def with_points(draw: Any, sample: Sample, asked: Settings, *, is_donor: bool) -> Sample:
    """A sample with keypoints and the label fields that the settings name."""
    full = bool(set(asked.keypoint_format) & set("zas")) or (is_donor and draw(st.booleans()))
    outside = is_donor or not asked.remove_invisible
    rows = draw(points(sample.shape, outside=outside, full=full))
    makers = {"joint": st.sampled_from(WORDS), "number": st.integers(0, 2**24)}
    values = {
        name: draw(st.lists(maker, min_size=len(rows), max_size=len(rows)))
        for name, maker in makers.items()
    }
    if asked.keypoint_visibility_field is not None:
        flags = st.lists(st.integers(0, 2), min_size=len(rows), max_size=len(rows))
        values[asked.keypoint_visibility_field] = draw(flags)
    return replace(sample, keypoints=rows, keypoint_fields=values)


@st.composite
def point_calls(draw: Any, *, objects: bool = False, **fixed: Any) -> Call:
    """A whole call with keypoints; with `objects` boxes and instance masks beside them."""
    flags = fixed.pop("keypoint_mode", draw(st.sampled_from(KEYPOINT_MODES))) == "flag"
    rest = {
        "keypoint_format": draw(st.sampled_from(KEYPOINT_FORMATS)),
        "angle_in_degrees": draw(st.booleans()),
        "remove_invisible": not flags and draw(st.booleans()),
        "keypoint_mode": "flag" if flags else "remove",
        "keypoint_visibility_field": "v" if flags else None,
    }
    if objects:
        call = draw(object_calls(**{**rest, **fixed}))
    else:
        asked = draw(mix_settings(**{**rest, **fixed}))
        shape = draw(shapes)
        kind = draw(st.sampled_from(DTYPES)), draw(st.sampled_from(CHANNELS))
        primary = draw(samples(shape, kind))
        same = asked.fit == "error"
        donors = [draw(samples(shape if same else draw(shapes), kind)) for _ in range(2)]
        call = Call(primary, donors, asked, arrays=draw(st.booleans()), seed=draw(seeds))
    return replace(
        call,
        primary=with_points(draw, call.primary, call.settings, is_donor=False),
        donors=[with_points(draw, d, call.settings, is_donor=True) for d in call.donors],
    )


# --- aliases --------------------------------------------------------------------------------------


@st.composite
def alias_calls(draw: Any, **fixed: Any) -> Call:
    """A whole call with a second image, a depth map (as mask) and further boxes."""
    kinds = {"second": "image", "depth": "mask", "others": "bboxes"}
    chosen = draw(st.lists(st.sampled_from(sorted(kinds)), min_size=1, unique=True))
    asked = draw(mix_settings(aliases={name: kinds[name] for name in chosen}, **fixed))
    shape = draw(shapes)
    kind = draw(st.sampled_from(DTYPES)), draw(st.sampled_from(CHANNELS))
    second = draw(st.sampled_from(DTYPES)), draw(st.sampled_from(CHANNELS))
    mask = draw(st.none() | st.just(("int32", False)))
    fields = draw(st.sampled_from([None, ()])) if "others" in chosen else None
    clip = asked.bbox_format == "yolo"

    def sample(shape: tuple[int, int]) -> Sample:
        made = draw(samples(shape, kind, mask, fields, labels["index"]))
        own = {}
        for name in chosen:
            if kinds[name] == "image":
                own[name] = draw(samples(shape, second)).image
            elif kinds[name] == "mask":
                own[name] = draw(samples(shape, kind, ("int64", False))).mask
            else:
                own[name] = draw(samples(shape, kind, fields=())).boxes
        return replace(made, aliases=own)

    donors = [
        sample(shape if asked.fit == "error" or draw(st.booleans()) else draw(shapes))
        for _ in range(2)
    ]
    return Call(sample(shape), donors, asked, clip, draw(st.booleans()), draw(seeds))


# --- without Hypothesis ---------------------------------------------------------------------------


def fixed_masks(shape: tuple[int, int], dtype: str = "uint8") -> list[np.ndarray]:
    """Five masks: left and right half, a lattice, the whole, and one without a pixel."""
    rows = np.zeros((5, *shape), dtype)
    middle = shape[1] // 2
    rows[0, :, :middle] = 1
    rows[1, 1:, middle - 2 :] = 1
    rows[2, ::2, ::3] = 1
    rows[3] = 1
    return list(rows)


def fixed_objects(fit: str = "cover", **rest: Any) -> Call:
    """The fixed call with five masks beside its five boxes; each row's value is its own."""
    call = fixed_call(fit, **rest)

    def with_masks(sample: Sample, first: int) -> Sample:
        rows = fixed_masks(sample.shape)
        numbered = [row * np.uint8(first + k) for k, row in enumerate(rows)]
        return replace(sample, masks=numbered)

    donors = [with_masks(donor, 101 + 20 * k) for k, donor in enumerate(call.donors)]
    return replace(call, primary=with_masks(call.primary, 1), donors=donors)


def lattice(shape: tuple[int, int], *, beyond: int = 0) -> list[tuple[float, float]]:
    """A point at every whole pixel of an image, every corner and edge of any patch included."""
    height, width = shape
    return [
        (float(x), float(y))
        for y in range(-beyond, height + beyond)
        for x in range(-beyond, width + beyond)
    ]


def fixed_points(fit: str = "cover", **rest: Any) -> Call:
    """The fixed call without boxes, with a point at every whole pixel of primary and donors."""
    flags = rest.get("keypoint_mode") == "flag"
    if flags:
        rest = {"keypoint_visibility_field": "v", "remove_invisible": False, **rest}
    call = fixed_call(fit, boxes=False, **rest)

    def with_lattice(sample: Sample, first: int, beyond: int) -> Sample:
        rows = lattice(sample.shape, beyond=beyond)
        values = {"number": list(range(first, first + len(rows)))}
        if flags:
            values["v"] = [1 + k % 2 for k in range(len(rows))]
        return replace(sample, keypoints=rows, keypoint_fields=values)

    donors = [with_lattice(donor, 10_000, 1) for donor in call.donors]
    return replace(call, primary=with_lattice(call.primary, 0, int(flags)), donors=donors)


def fixed_aliases(fit: str = "cover", **rest: Any) -> Call:
    """The fixed call without boxes, with a second image, a depth map and further boxes."""
    kinds = {"second": "image", "depth": "mask", "others": "bboxes"}
    call = fixed_call(fit, boxes=False, aliases=kinds, **rest)

    def with_aliases(sample: Sample, seed: int) -> Sample:
        height, width = sample.shape
        own = {
            "second": pixels(seed, sample.shape, "float32"),
            "depth": pixels(seed + 1, sample.shape, "int32"),
            "others": [(0, 0, width, height), (1, 1, 5, 4), (width - 6, 0, width, height)],
        }
        return replace(sample, aliases=own)

    donors = [with_aliases(donor, 40 + 2 * k) for k, donor in enumerate(call.donors)]
    return replace(call, primary=with_aliases(call.primary, 20), donors=donors)
