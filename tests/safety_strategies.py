"""Hypothesis strategies: calls of which every safety metric is easy to get wrong.

Objects touch, lie in each other or have one pixel, in each of their kinds: instance masks,
regions of a semantic mask, boxes. Seams are deeper than the patch is wide, backgrounds are any
value or none, limits are tight, loose or off.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from object_strategies import object_calls
from oracle import Sample
from strategies import CLASSES, Call, calls, labels, rects

KINDS = ("masks", "mask", "boxes", "none")
REGION_VALUES = {
    "uint8": (1, 2, 255),
    "bool": (True,),
    "uint16": (1, 65_535),
    "int32": (-1, 3, 2**24 + 1),
    "int64": (-(2**40), 2**33 + 7),
    "float32": (0.5, 2.0),
}
BACKGROUNDS = (0, 0, None, 1, -1, (0, 255))
IGNORE_VALUES = {"uint8": 254, "uint16": 0, "int32": -100, "int64": -100}

limit_choices: dict[str, list[Any]] = {
    "erased": [None, 1],
    "truncated": [None, 0.5, 1.0],
    "slivers": [None, 1],
    "sliver_side": [1.0, 2.5, 6],
    "sliver_aspect": [2.0, 3.5],
    "splits": [None, 1],
    "remnant": [None, 0.05],
    "seam_on_object": [None, 0.0, 0.5],
    "label_jump": [None, 0.0, 0.25],
    "label_noise": [None, 0.0, 0.1],
    "ghosts": [False],
}


@st.composite
def safety_limits(draw: Any) -> dict[str, Any] | None:
    """Some limits, the rest left at their defaults; or none given."""
    names = draw(st.none() | st.lists(st.sampled_from(sorted(limit_choices)), unique=True))
    if names is None:
        return None
    return {name: draw(st.sampled_from(limit_choices[name])) for name in names}


@st.composite
def planes(draw: Any, shape: tuple[int, int], dtype: str) -> np.ndarray:
    """A semantic mask: blocks with a neighbour, a block or a pixel inside; the rest is 0."""
    values = st.sampled_from((*REGION_VALUES[dtype], 0))
    plane = np.zeros(shape, dtype)
    for _ in range(draw(st.integers(0, 4))):
        x_min, y_min, x_max, y_max = draw(rects(shape))
        plane[y_min:y_max, x_min:x_max] = draw(values)
        kind = draw(st.sampled_from(["alone", "touching", "nested", "pixel"]))
        if kind == "touching":
            plane[y_min:y_max, x_max : x_max + 3] = draw(values)
        elif kind == "nested":
            plane[y_min + 1 : y_max - 1, x_min + 1 : x_max - 1] = draw(values)
        elif kind == "pixel":
            plane[(y_min + y_max) // 2, (x_min + x_max) // 2] = draw(values)
    return plane


@st.composite
def with_mask(draw: Any, sample: Sample, dtype: str, channels: int | None) -> Sample:
    """A sample with a semantic mask of so many channels; None: without that axis."""
    parts = [draw(planes(sample.shape, dtype)) for _ in range(channels or 1)]
    return replace(sample, mask=parts[0] if channels is None else np.stack(parts, -1))


@st.composite
def safety_calls(draw: Any, kind: str, *, label: bool | None = None, **fixed: Any) -> Call:
    """A call whose pixel objects are of one kind; what counts less may be there beside it."""
    labelled = draw(st.booleans()) if label is None else label
    dtype = draw(st.sampled_from(sorted(REGION_VALUES)))
    masked = kind == "mask" or (kind == "masks" and draw(st.booleans()))
    ignorable = [None, IGNORE_VALUES[dtype]] if masked and dtype in IGNORE_VALUES else [None]
    weights = ["area", "object"] if labelled and kind != "none" else ["area"]
    asked = {
        "seam_key": "seam",
        "seam_width": draw(st.sampled_from([1, 2, 3, 7, 40])),
        "ignore_index": draw(st.sampled_from(ignorable)),
        "background": draw(st.sampled_from(BACKGROUNDS)),
        "limits": draw(safety_limits()),
        "label_weight": draw(st.sampled_from(weights)),
        "classes": CLASSES if labelled else None,
        **fixed,
    }
    boxes = kind == "boxes" or (kind != "none" and draw(st.booleans()))
    made = draw(_bare_calls(kind, boxes=boxes, **asked))
    channels = draw(st.sampled_from([None, None, 1, 3]))

    def finished(sample: Sample) -> Sample:
        sample = replace(sample, mask=None)
        if masked:
            sample = draw(with_mask(sample, dtype, channels))
        return replace(sample, label=draw(labels["index"])) if labelled else sample

    return replace(
        made, primary=finished(made.primary), donors=[finished(donor) for donor in made.donors]
    )


@st.composite
def _bare_calls(draw: Any, kind: str, *, boxes: bool, **asked: Any) -> Call:
    """A call with instance masks, with layers, or with boxes alone."""
    ignores = {"ignore_field": draw(st.sampled_from([None, "crowd"]))} if boxes else {}
    if kind == "masks":
        return draw(object_calls(boxes=boxes, **{**ignores, **asked}))
    if draw(st.booleans()):
        layers = {"layers": True, "masks_mode": "layers"}
        return draw(object_calls(boxes=boxes, **{**layers, **ignores, **asked}))
    return draw(calls(boxes=boxes, **asked))
