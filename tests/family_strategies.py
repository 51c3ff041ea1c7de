"""Hypothesis strategies for the family: small images, patches that overlap, donors of any size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from family_checks import check_fired, check_unfired, is_unsure
from family_oracle import Asked
from hypothesis import assume
from hypothesis import strategies as st
from object_strategies import layer_sets, limits, masked, with_points
from oracle import Sample
from safety_strategies import REGION_VALUES, safety_limits, with_mask
from strategies import (
    CLASSES,
    FORMATS,
    Call,
    box_sets,
    field_values,
    inputs_of,
    labels,
    make_pipeline,
    pixels,
    pool_of,
    run_untouched,
    seeds,
)

from albu_cutmix import CutMix, Cutout, MixUp

CLASS_OF = {"cutmix": CutMix, "cutout": Cutout, "mixup": MixUp}
TARGETS = ("boxes", "masks", "objects", "layers", "mask", "points")
COMMON = (
    "alpha",
    "min_visibility",
    "visibility_field",
    "ignore_field",
    "masks_mode",
    "mask_index_field",
    "keypoint_mode",
    "keypoint_visibility_field",
    "label_key",
    "classes",
    "label_mode",
    "label_weight",
    "background",
    "seam_key",
    "ignore_index",
    "limits",
    "on_unsafe",
    "record_key",
)
PATCHED = ("area_range", "ratio_range", "placement", "num_patches", "bbox_mode", "seam_width")
ARGUMENTS = {
    "cutmix": (*COMMON, *PATCHED, "fit"),
    "cutout": (*COMMON, *PATCHED, "fill"),
    "mixup": (*COMMON, "fit", "mask_mode"),
}
# Left out of the call where they stand at these values: the class's own default is under test.
DEFAULTS = Asked()

shapes = st.tuples(st.integers(5, 24), st.integers(5, 24))


def make_family(asked: Asked, pool: Any, p: float = 1.0) -> Any:
    """The mix that some settings ask for."""
    given = {
        name: getattr(asked, name)
        for name in ARGUMENTS[asked.kind]
        if getattr(asked, name) != getattr(DEFAULTS, name) or name == "alpha"
    }
    donors = {} if asked.kind == "cutout" else {"pool": pool}
    return CLASS_OF[asked.kind](**donors, **given, p=p)


def run_family(call: Call, *, p: float = 1.0, **more: Any) -> dict[str, Any]:
    """The pipeline's output for a call."""
    mix = make_family(call.settings, pool_of(call), p)
    return make_pipeline(call, mix)(**inputs_of(call), **more)


def check_family(call: Call, out: Mapping[str, Any], *, p: float = 1.0) -> None:
    """Assert the output of a call, fired or not."""
    record, asked = out[call.settings.record_key], call.settings
    assume(not is_unsure(record, call.primary, call.donors, asked))
    untouched = run_untouched(call)
    if record.applied:
        assert p
        check_fired(out, call.primary, call.donors, asked, untouched)
    else:
        refused = record.reason == "unsafe" and asked.on_unsafe in ("skip", "resample")
        assert record.reason == ("no_patch" if p else "p") or (p and refused)
        check_unfired(out, call.primary, asked, record.reason, untouched)


@st.composite
def askings(draw: Any, kind: str, **fixed: Any) -> Asked:
    """Arguments of one class of the family that agree with each other."""
    chosen: dict[str, Any] = {
        "kind": kind,
        "min_visibility": draw(st.sampled_from([0.1, 0.0, 0.5, (0.3, 0.6)])),
        "bbox_format": draw(st.sampled_from(FORMATS)),
        "limits": draw(safety_limits()),
    }
    if kind == "mixup":
        chosen["fit"] = draw(st.sampled_from(["cover", "stretch", "crop", "error"]))
        return Asked(**{**chosen, **fixed})
    low = draw(st.sampled_from([0.05, 0.2, 0.4]))
    chosen |= {
        "area_range": (low, low + 0.3),
        "num_patches": draw(st.sampled_from([1, 2, 3, 4, (1, 3), (2, 4)])),
        "bbox_mode": draw(st.sampled_from(["clip", "clip", "keep", "drop"])),
        "seam_width": draw(st.sampled_from([1, 2, 5])),
    }
    if kind == "cutmix":
        chosen["fit"] = draw(st.sampled_from(["cover", "stretch", "crop", "whole", "error"]))
        paper = chosen["fit"] != "whole" and draw(st.integers(0, 3)) == 0
        if paper:
            chosen |= {"placement": "paper", "area_range": Asked().area_range}
    elif draw(st.integers(0, 3)) == 0:
        chosen["placement"] = "paper"
    if chosen.get("fit") != "whole" and chosen.get("placement") != "paper":
        chosen["ratio_range"] = draw(st.sampled_from([(0.5, 2.0), (1.0, 1.0)]))
    return Asked(**{**chosen, **fixed})


@st.composite
def family_samples(
    draw: Any,
    shape: tuple[int, int],
    asked: Asked,
    targets: frozenset[str],
    forms: Mapping[str, Any],
    *,
    outside: bool,
    is_donor: bool,
) -> Sample:
    """A sample with some targets; `forms` holds dtypes that both sides share."""
    full = shape if forms["channels"] is None else (*shape, forms["channels"])
    made = Sample(pixels(draw(seeds), full, forms["dtype"]), label=draw(labels[forms["label"]]))
    names = [asked.visibility_field, asked.mask_index_field, asked.ignore_field]
    if "boxes" in targets:
        boxes = draw(box_sets(shape, outside=outside))
        fields = [name for name in ("word", asked.visibility_field) if name is not None]
        made = replace(made, boxes=boxes, fields=field_values(draw, len(boxes), tuple(fields)))
    if targets & {"masks", "objects"}:
        both = "objects" in targets
        own = dict.fromkeys(("word", *([names[0]] if names[0] else [])))
        made = replace(made, fields=own)
        made = draw(
            masked(made, forms["rows"], asked.mask_index_field, boxes=both, outside=outside)
        )
    if made.boxes is not None and asked.ignore_field is not None:
        marks = st.lists(st.integers(0, 1), min_size=len(made.boxes), max_size=len(made.boxes))
        made = replace(made, fields={**made.fields, asked.ignore_field: draw(marks)})
    if "layers" in targets:
        made = replace(made, masks=draw(layer_sets(shape, forms["rows"], 2)))
    if "mask" in targets:
        made = draw(with_mask(made, forms["mask"], forms["planes"]))
    if "points" in targets:
        made = with_points(draw, made, asked, is_donor=is_donor)
    return made


@st.composite
def family_calls(draw: Any, kind: str, *targets: str, **fixed: Any) -> Call:
    """A whole call of one class: primary, one to five donors, settings."""
    wanted = frozenset(targets)
    more: dict[str, Any] = {
        "classes": CLASSES,
        "seam_key": draw(st.sampled_from([None, "seam"])),
        "label_weight": draw(st.sampled_from(["area", "area", "object"])),
    }
    if wanted & {"boxes", "objects"}:
        more["visibility_field"] = draw(st.sampled_from([None, "seen"]))
        more["ignore_field"] = draw(st.sampled_from([None, "crowd"]))
        more["bbox_limits"] = draw(limits()) if draw(st.integers(0, 2)) == 0 else {}
    if "objects" in wanted:
        more["mask_index_field"] = draw(st.sampled_from([None, "at"]))
    if "layers" in wanted:
        more["masks_mode"] = "layers"
    if "points" in wanted:
        flag = draw(st.booleans())
        more |= {"keypoint_format": draw(st.sampled_from(["xy", "xyas"]))}
        more |= {"keypoint_mode": "flag" if flag else "remove", "remove_invisible": not flag}
        more |= {"keypoint_visibility_field": "v" if flag else None}
    forms = {
        "dtype": draw(st.sampled_from(["uint8", "uint8", "uint16", "float32"])),
        "channels": draw(st.sampled_from([None, 1, 3, 5])),
        "rows": draw(st.sampled_from(["uint8", "bool"])),
        "mask": draw(st.sampled_from(sorted(REGION_VALUES))),
        "planes": draw(st.sampled_from([None, None, 2])),
        "label": draw(st.sampled_from(["index", "name", "vector"])),
    }
    more |= _masking(draw, kind, forms) if "mask" in wanted else {}
    if kind == "cutout":
        more["fill"] = draw(st.sampled_from([0, 1, "mean"]))
    if not wanted - {"points", "layers"}:
        more["label_weight"] = "area"
    asked = draw(askings(kind, **{**more, **fixed}))
    shape = draw(shapes)
    clip = asked.bbox_format == "yolo" or draw(st.booleans())
    arrays = not (clip and asked.bbox_format == "albumentations") and draw(st.booleans())
    primary = draw(family_samples(shape, asked, wanted, forms, outside=clip, is_donor=False))
    donors = []
    for _ in range(0 if kind == "cutout" else draw(st.integers(1, 5))):
        same = asked.fit == "error" or draw(st.integers(0, 2)) == 0
        own = shape if same else draw(shapes)
        donors.append(draw(family_samples(own, asked, wanted, forms, outside=True, is_donor=True)))
    return Call(primary, donors, asked, clip, arrays, draw(seeds))


IGNORABLE = {"uint8": 254, "uint16": 7, "int32": -100, "int64": -100}


def _masking(draw: Any, kind: str, forms: dict[str, Any]) -> dict[str, Any]:
    """Arguments that concern the semantic mask."""
    value = IGNORABLE.get(forms["mask"])
    if kind == "mixup":
        ignores = value is not None and draw(st.booleans())
        forms["planes"] = None if ignores else forms["planes"]
        mode = {"mask_mode": "ignore", "ignore_index": value} if ignores else {}
        return {"background": draw(st.sampled_from([0, None, (0, 1)])), **mode}
    index = value if draw(st.booleans()) else None
    choices = [0, 0, (0, 1), 1] + ([None] if index is not None or kind == "cutmix" else [])
    return {"background": draw(st.sampled_from(choices)), "ignore_index": index}
