"""Hypothesis strategies: samples, donors and settings that are easy to get wrong.

Sides are unequal primes, so that height and width cannot be exchanged unnoticed. Box coordinates
are integers, a hair beside integers, or eighths of a pixel: the host's float32 moves them by far
less than it takes to tip the fate of a box, unless a box is built to stand on the edge
(`oracle.is_unsure` tells).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from dataclasses import fields as dataclass_fields
from typing import Any

import albumentations as A
import numpy as np
from hypothesis import strategies as st
from oracle import Draw, Sample, Settings, to_format
from oracle_checks import check_mix, check_unfired, is_unsure
from oracle_objects import to_keypoint_format

from albu_cutmix import CutMix, Donor

PRIMES = (7, 11, 13, 17, 19, 23, 29, 31)
DTYPES = ("uint8", "uint16", "float32")
CHANNELS = (None, 1, 3, 4, 5)
MASK_DTYPES = ("uint8", "int32", "int64")
FORMATS = ("coco", "pascal_voc", "albumentations", "yolo")
FITS = ("cover", "stretch", "crop", "whole", "error")
BBOX_MODES = ("clip", "keep", "drop")
WORDS = ("ox", "cat", "elephant", "hippopotamus amphibius", "Ziege", "größe")
CLASSES = ("ant", "bee", "cow", "dog")

SHAPE = (13, 29)

unit = st.floats(0.0, 1.0, exclude_max=True, allow_subnormal=False)
draws = st.builds(Draw, unit, unit, unit, unit, unit, unit)
shapes = st.permutations(PRIMES).map(lambda sides: (sides[0], sides[1]))
seeds = st.integers(0, 2**31 - 1)


@st.composite
def rects(draw: Any, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """A half-open integer rectangle of at least one pixel in an image."""
    x_min = draw(st.integers(0, shape[1] - 1))
    y_min = draw(st.integers(0, shape[0] - 1))
    x_max = draw(st.integers(x_min + 1, shape[1]))
    y_max = draw(st.integers(y_min + 1, shape[0]))
    return x_min, y_min, x_max, y_max


def pixels(seed: int, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Noise over the whole range of a dtype: no two neighbours are likely to be equal."""
    rng = np.random.default_rng(seed)
    if dtype == "float32":
        return rng.random(shape, np.float32)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def mask_values(seed: int, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Class ids, instance ids that float32 cannot hold, and an ignore value."""
    choices = {
        "uint8": [0, 1, 2, 255],
        "int32": [-1, 0, 3, 2**24 + 1, 2**31 - 1],
        "int64": [-(2**40), 0, 5, 2**33 + 7, 900_100_000_123],
    }[dtype]
    return np.random.default_rng(seed).choice(np.array(choices, dtype), shape)


@st.composite
def eighths(draw: Any, shape: tuple[int, int]) -> tuple[float, float, float, float]:
    """A box in eighths of a pixel."""
    return tuple(value / 8 for value in draw(rects((shape[0] * 8, shape[1] * 8))))


@st.composite
def near_integers(draw: Any, shape: tuple[int, int]) -> tuple[float, float, float, float]:
    """A box whose edges lie a hair inside whole pixels: nearer than 2**-10."""
    x_min, y_min, x_max, y_max = draw(rects(shape))
    hair = draw(st.sampled_from([1e-6, 2e-4, 9e-4]))
    return x_min + hair, y_min + hair, x_max - hair, y_max - hair


@st.composite
def thin(draw: Any, shape: tuple[int, int]) -> tuple[float, float, float, float]:
    """A box an eighth of a pixel or one pixel wide, over the whole height or width."""
    side = draw(st.sampled_from([0.125, 1.0]))
    if draw(st.booleans()):
        x = draw(st.integers(0, shape[1] - 1))
        return float(x), 0.0, x + side, float(shape[0])
    y = draw(st.integers(0, shape[0] - 1))
    return 0.0, float(y), float(shape[1]), y + side


def nested(box: tuple[float, ...]) -> tuple[float, ...]:
    """The middle half of a box."""
    dx, dy = (box[2] - box[0]) / 4, (box[3] - box[1]) / 4
    return box[0] + dx, box[1] + dy, box[2] - dx, box[3] - dy


def touching(box: tuple[float, ...], shape: tuple[int, int]) -> tuple[float, ...] | None:
    """A box that shares an edge with another, or None where it ends at the border."""
    right = (box[2], box[1], float(shape[1]), box[3])
    return right if right[2] > right[0] + 0.1 else None


@st.composite
def box_sets(draw: Any, shape: tuple[int, int], *, outside: bool) -> list[tuple[float, ...]]:
    """None, one or many boxes: integer, fractional, thin, nested, touching, over the edge."""
    simple = st.one_of(
        rects(shape).map(lambda box: tuple(map(float, box))),
        eighths(shape),
        thin(shape),
        near_integers(shape),
    )
    boxes = draw(st.lists(simple, max_size=5))
    if boxes and draw(st.booleans()):
        neighbour = touching(boxes[0], shape)
        boxes += [nested(boxes[-1])] + ([neighbour] if neighbour else [])
    if outside and draw(st.booleans()):
        boxes.append((-3.0, -2.0, shape[1] / 2 + 0.25, shape[0] + 5.0))
    return boxes


@dataclass(frozen=True)
class Call:
    """One call of a pipeline: samples, settings, and the form in which they are passed.

    Attributes:
        primary: The primary.
        donors: The pool.
        settings: Arguments of the mix.
        clip: The pipeline's `BboxParams(clip=...)`: boxes over the edge are legal.
        arrays: Whether boxes and fields go in as arrays, not lists.
        seed: The pipeline's seed.
    """

    primary: Sample
    donors: list[Sample]
    settings: Settings
    clip: bool = False
    arrays: bool = False
    seed: int = 0


def field_values(draw: Any, count: int, names: tuple[str, ...]) -> dict[str, list[Any]]:
    """A value per box for each label field: words, whole numbers, shares."""
    makers = {
        "word": st.sampled_from(WORDS),
        "row": st.integers(0, 2**24),
        "score": st.integers(0, 64).map(lambda value: value / 64),
        "seen": st.integers(1, 8).map(lambda value: value / 8),
    }
    return {name: draw(st.lists(makers[name], min_size=count, max_size=count)) for name in names}


@st.composite
def samples(
    draw: Any,
    shape: tuple[int, int],
    kind: tuple[str, int | None],
    mask: tuple[str, bool] | None = None,
    fields: tuple[str, ...] | None = None,
    label: st.SearchStrategy[Any] | None = None,
    *,
    outside: bool = False,
) -> Sample:
    """A sample of a shape; `fields` None means without boxes."""
    dtype, channels = kind
    full = shape if channels is None else (*shape, channels)
    image = pixels(draw(seeds), full, dtype)
    plane = None
    if mask is not None:
        size = (*shape, 2) if mask[1] else shape
        plane = mask_values(draw(seeds), size, mask[0])
    boxes, values = None, {}
    if fields is not None:
        boxes = draw(box_sets(shape, outside=outside))
        values = field_values(draw, len(boxes), fields)
    return Sample(image, plane, boxes, values, None if label is None else draw(label))


labels = {
    "index": st.integers(0, len(CLASSES) - 1),
    "name": st.sampled_from(CLASSES),
    "vector": st.lists(st.integers(0, 8), min_size=4, max_size=4).map(
        lambda row: np.array(row, np.float32) / 8
    ),
}


@st.composite
def mix_settings(draw: Any, **fixed: Any) -> Settings:
    """Arguments of the mix that agree with each other."""
    fit = draw(st.sampled_from(FITS)) if "fit" not in fixed else fixed["fit"]
    paper = fit != "whole" and draw(st.booleans())
    low = draw(st.sampled_from([0.02, 0.1, 0.25]))
    defaults = Settings()
    ratios = [(0.5, 2.0)] if paper or fit == "whole" else [(0.5, 2.0), (1.0, 1.0), (0.75, 1.25)]
    rest = {
        "fit": fit,
        "placement": "paper" if paper else "inside",
        "area_range": defaults.area_range if paper else (low, low + 0.25),
        "ratio_range": draw(st.sampled_from(ratios)),
        "bbox_mode": draw(st.sampled_from(BBOX_MODES)),
        "min_visibility": draw(st.sampled_from([0.1, 0.0, 0.5, (0.3, 0.6), (0.25, 1.0)])),
        "bbox_format": draw(st.sampled_from(FORMATS)),
    }
    return Settings(**{**rest, **fixed})


@st.composite
def calls(draw: Any, *, boxes: bool = False, label: str | None = None, **fixed: Any) -> Call:
    """A whole call: primary, one to three donors, settings."""
    settings = draw(mix_settings(**fixed))
    names: tuple[str, ...] | None = None
    if boxes:
        optional = ["word", "row", "score"]
        names = tuple(name for name in optional if draw(st.booleans()))
        names += (settings.visibility_field,) if settings.visibility_field else ()
    shape = draw(shapes)
    kind = draw(st.sampled_from(DTYPES)), draw(st.sampled_from(CHANNELS))
    mask = draw(st.none() | st.tuples(st.sampled_from(MASK_DTYPES), st.booleans()))
    words = None if label is None else labels[label]
    # In YOLO's form the host's own rounding can push a box over the edge by a hair.
    clip = settings.bbox_format == "yolo" or draw(st.booleans())
    primary = draw(samples(shape, kind, mask, names, words, outside=clip))
    donors = []
    for _ in range(draw(st.integers(1, 3))):
        same = settings.fit == "error" or draw(st.booleans())
        donor_shape = shape if same else draw(shapes)
        donor = draw(samples(donor_shape, kind, mask, names, words, outside=True))
        if settings.visibility_field and draw(st.booleans()):
            rest = {k: v for k, v in donor.fields.items() if k != settings.visibility_field}
            donor = replace(donor, fields=rest)
        donors.append(donor)
    # In the host's own form it clips in place: a read-only array cannot be its input.
    arrays = not (clip and settings.bbox_format == "albumentations") and draw(st.booleans())
    return Call(primary, donors, settings, clip, arrays, draw(seeds))


# Parts of `Settings` that are the pipeline's, not arguments of the mix.
OF_THE_PIPELINE = (
    "bbox_format",
    "bbox_limits",
    "keypoint_format",
    "angle_in_degrees",
    "remove_invisible",
    "aliases",
)


def as_mapping(sample: Sample, settings: Settings, *, arrays: bool = False) -> dict[str, Any]:
    """A sample as keywords of a pipeline call; every array is read-only."""
    data: dict[str, Any] = {"image": sample.image, "mask": sample.mask, "masks": sample.masks}
    data[settings.label_key] = sample.label

    def as_rows(boxes: Any) -> Any:
        rows = [to_format(box, settings.bbox_format, sample.shape) for box in boxes]
        return np.array(rows, np.float64).reshape(-1, 4) if arrays else rows

    def as_values(values: Any) -> Any:
        return np.array(values) if arrays and len(values) else list(values)

    if sample.boxes is not None:
        data["bboxes"] = as_rows(sample.boxes)
        data |= {name: as_values(values) for name, values in sample.fields.items()}
    if sample.keypoints is not None:
        form, degrees = settings.keypoint_format, settings.angle_in_degrees
        rows = [to_keypoint_format(p, form, in_degrees=degrees) for p in sample.keypoints]
        width = len(form)
        data["keypoints"] = np.array(rows, np.float64).reshape(-1, width) if arrays else rows
        data |= {name: as_values(values) for name, values in sample.keypoint_fields.items()}
    for name, value in sample.aliases.items():
        data[name] = as_rows(value) if settings.aliases[name] == "bboxes" else value
    return frozen({key: value for key, value in data.items() if value is not None})


def frozen(data: Mapping[str, Any]) -> dict[str, Any]:
    """The same mapping, every array set read-only."""
    for value in data.values():
        for array in value if isinstance(value, list) else [value]:
            if isinstance(array, np.ndarray):
                array.setflags(write=False)
    return dict(data)


def as_donor(sample: Sample, settings: Settings | None = None) -> Donor:
    """A sample as a `Donor` object: boxes stay xyxy pixels."""
    kinds = {} if settings is None else settings.aliases

    def as_rows(boxes: Any) -> Any:
        return np.array(boxes, np.float64).reshape(-1, 4)

    rest: dict[str, Any] = {}
    if sample.masks is not None:
        rest["masks"] = sample.masks
    if sample.keypoints is not None:
        width = len(sample.keypoints[0]) if len(sample.keypoints) else 2
        rest["keypoints"] = np.array(sample.keypoints, np.float64).reshape(-1, width)
        rest["keypoint_fields"] = sample.keypoint_fields
    if sample.aliases:
        rest["aliases"] = frozen(
            {
                name: as_rows(value) if kinds[name] == "bboxes" else value
                for name, value in sample.aliases.items()
            }
        )
    boxes = None if sample.boxes is None else as_rows(sample.boxes)
    donor = Donor(
        sample.image, sample.mask, bboxes=boxes, fields=sample.fields, label=sample.label, **rest
    )
    frozen({name: value for name, value in vars(donor).items() if name != "label"})
    return donor


def parts_of(item: Any) -> dict[str, Any]:
    """The parts of a donor, whether it is a mapping or a `Donor`."""
    if isinstance(item, Mapping):
        return dict(item)
    return {part.name: getattr(item, part.name) for part in dataclass_fields(item)}


def make_mix(settings: Settings, pool: Any, p: float = 1.0) -> CutMix:
    """The mix that some settings ask for; what they leave at its default is not passed."""
    given = {
        name: getattr(settings, name)
        for name in settings.__dataclass_fields__
        if name not in OF_THE_PIPELINE and getattr(settings, name) != getattr(Settings, name, None)
    }
    return CutMix(pool, **given, p=p)


def make_pipeline(call: Call, *transforms: A.BasicTransform, limits: bool = True) -> A.Compose:
    """A pipeline, with box and keypoint parameters where the call has such targets."""
    asked, params, points = call.settings, None, None
    if call.primary.boxes is not None or "bboxes" in asked.aliases.values():
        params = A.BboxParams(
            asked.bbox_format,
            label_fields=list(call.primary.fields),
            clip=call.clip,
            **(asked.bbox_limits if limits else {}),
        )
    if call.primary.keypoints is not None:
        points = A.KeypointParams(
            asked.keypoint_format,
            label_fields=list(call.primary.keypoint_fields),
            remove_invisible=asked.remove_invisible,
            angle_in_degrees=asked.angle_in_degrees,
        )
    return A.Compose(
        list(transforms),
        bbox_params=params,
        keypoint_params=points,
        additional_targets=dict(asked.aliases),
        seed=call.seed,
    )


def inputs_of(call: Call) -> dict[str, Any]:
    """The primary as keywords of a pipeline call, read-only."""
    return as_mapping(call.primary, call.settings, arrays=call.arrays)


def pool_of(call: Call, form: str = "donors") -> list[Any]:
    """The donors as a plain list: "donors" objects, or "mappings" in the pipeline's format."""
    if form == "donors":
        return [as_donor(donor, call.settings) for donor in call.donors]
    return [as_mapping(donor, call.settings, arrays=call.arrays) for donor in call.donors]


def run_mix(call: Call, *, form: str = "donors", p: float = 1.0) -> dict[str, Any]:
    """The pipeline's output; with form "in call" the donors come under `mix_metadata`."""
    if form == "in call":
        pipeline = make_pipeline(call, make_mix(call.settings, None, p))
        return pipeline(**inputs_of(call), mix_metadata=pool_of(call, "mappings"))
    pipeline = make_pipeline(call, make_mix(call.settings, pool_of(call, form), p))
    return pipeline(**inputs_of(call))


def run_untouched(call: Call) -> dict[str, Any]:
    """What the same pipeline, without thresholds, returns with an identity in place of the mix.

    Without instance masks: of those the host carries no empty array, and the oracle needs none.
    """
    data = {key: value for key, value in inputs_of(call).items() if key != "masks"}
    return make_pipeline(call, A.NoOp(p=1.0), limits=False)(**data)


def is_sure(call: Call, out: Mapping[str, Any]) -> bool:
    """Whether the case has one answer: the host's float32 cannot tip the fate of a box."""
    record = out[call.settings.record_key]
    return not is_unsure(call.primary, call.donors, record, call.settings)


def check_call(call: Call, out: Mapping[str, Any], *, p: float = 1.0) -> None:
    """Assert the output of a mix that had p = 1, fired or not, or p = 0."""
    assert is_sure(call, out)
    record = out[call.settings.record_key]
    untouched = run_untouched(call)
    if record.applied:
        assert p
        check_mix(out, call.primary, call.donors, call.settings, untouched)
    else:
        refused = record.reason == "unsafe" and call.settings.on_unsafe in ("skip", "resample")
        assert record.reason == ("no_patch" if p else "p") or (p and refused)
        check_unfired(out, call.primary, call.settings, record.reason, untouched)


def fixed_call(fit="cover", *, boxes=True, label=1, **rest):
    """One call without Hypothesis: 13 x 29, mask, five boxes, two donors of other sizes."""
    fields = {"word": ["ox", "cat", "ox", "elephant", "cat"], "seen": [1.0] * 5}

    def sample(seed, shape, own):
        h, w = shape
        rows = [
            (0, 0, w, h),
            (1, 2, 6, 7),
            (w - 5, 1, w, h),
            (2.5, 0, w - 2.25, 4),
            (0, h - 3, w, h),
        ]
        return Sample(
            pixels(seed, (*shape, 3), "uint8"),
            mask_values(seed, shape, "int64"),
            rows if boxes else None,
            fields if boxes else {},
            own,
        )

    same = fit == "error"
    donors = [
        sample(2, SHAPE if same else (31, 19), 3),
        sample(3, SHAPE if same else (7, 11), 0),
    ]
    asked = Settings(fit=fit, classes=len(CLASSES), **rest)
    return Call(sample(1, SHAPE, label), donors, asked, seed=7)
