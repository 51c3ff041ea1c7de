"""Draw a mix for people: boxes in the colour of their fate, the patch outlined, a legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from albu_cutmix.boxes import to_xyxy, visible_extent
from albu_cutmix.errors import InvalidSampleError
from albu_cutmix.geometry import Rect
from albu_cutmix.record import MixRecord

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Fates", "draw_boxes", "draw_legend", "draw_mix", "draw_source", "match_fates", "to_rgb"]

# Okabe and Ito's colours, which colour-blind people tell apart; dropped boxes are dashed as well.
COLORS = {
    "kept": (0, 190, 130),
    "clipped": (255, 176, 0),
    "dropped": (240, 70, 40),
    "donor": (80, 185, 255),
    "patch": (255, 255, 255),
    "box": (205, 150, 255),
}
MEANINGS = {
    "kept": "kept: not changed",
    "clipped": "clipped to what still shows",
    "dropped": "dropped: too little shows",
    "donor": "from the donor",
    "patch": "patch, and its source",
    "box": "box of the mix",
}
HALO = (15, 18, 28)
TOLERANCE = 0.01  # pixels: the host's float32 round trip is far below


class Fates(NamedTuple):
    """Row numbers by fate: `dropped` of the primary's boxes, all others of the output's."""

    kept: NDArray[np.intp]
    clipped: NDArray[np.intp]
    dropped: NDArray[np.intp]
    donor: NDArray[np.intp]


def match_fates(
    out_bboxes: NDArray[np.float64], primary_bboxes: NDArray[np.float64], record: MixRecord
) -> Fates:
    """Say what became of each box by comparing a mix with its primary.

    Args:
        out_bboxes: Boxes of the output, (N, 4), xyxy pixels; the primary's come first, in order.
        primary_bboxes: Boxes of the primary, (M, 4), xyxy pixels.
        record: The record of the mix.

    Returns:
        An output box equal to the next primary's is kept, one equal to its visible extent is
        clipped; primary boxes without a match are dropped, output boxes without one are the
        donor's.
    """
    shown = primary_bboxes
    if record.applied:
        shown = visible_extent(primary_bboxes, Rect(*record.patches[0].tolist()))
    found: dict[str, list[int]] = {name: [] for name in Fates._fields}
    row = 0
    for number, pair in enumerate(zip(primary_bboxes, shown, strict=True)):
        same = [
            row < len(out_bboxes) and bool(np.allclose(out_bboxes[row], box, 0, TOLERANCE))
            for box in pair
        ]
        if not any(same):
            found["dropped"].append(number)
            continue
        found["kept" if same[0] else "clipped"].append(row)
        row += 1
    found["donor"] = list(range(row, len(out_bboxes)))
    return Fates(*(np.array(rows, np.intp) for rows in found.values()))


def draw_mix(
    out: Mapping[str, Any],
    primary: Mapping[str, Any] | None = None,
    *,
    bbox_format: str = "pascal_voc",
    record_key: str = "mix",
    labels: str = "labels",
    min_side: int = 480,
    legend: bool = True,
) -> NDArray[np.uint8]:
    """Draw the output of a mix as a picture for people.

    Args:
        out: Output of the pipeline: image, record, and where there are such, boxes and labels.
            The mix must be the last that moved pixels.
        primary: What went in; with it boxes are coloured by their fate and dropped ones shown.
        bbox_format: Format of the boxes of both.
        record_key: Name of the record.
        labels: Label field that names the boxes.
        min_side: Small images are enlarged until their shorter side has so many pixels.
        legend: Whether a legend stands below.

    Returns:
        RGB picture, (h, w, 3), uint8.

    Raises:
        InvalidSampleError: If there is no image or no record.
    """
    record = _record(out, record_key)
    shape = np.asarray(out["image"]).shape[:2]
    boxes = _boxes(out, bbox_format, shape)
    names = _names(out, labels, len(boxes))
    if primary is None:
        groups = [("box", boxes, names)]
    else:
        before = _boxes(primary, bbox_format, shape)
        fates = match_fates(boxes, before, record)
        old = _names(primary, labels, len(before))
        groups = [("dropped", before[fates.dropped], [old[row] for row in fates.dropped])]
        for fate in ("kept", "clipped", "donor"):
            rows = getattr(fates, fate)
            groups.append((fate, boxes[rows], [names[row] for row in rows]))
    picture = draw_boxes(out["image"], groups, record, min_side=min_side)
    if not legend:
        return picture
    note = f"lam {record.lam:.3f}" if record.applied else f"not applied: {record.reason or 'none'}"
    used = {fate for fate, some, _ in groups if len(some)} | (
        {"patch"} if record.applied else set()
    )
    order = [name for name in COLORS if name in used]
    return np.vstack([picture, draw_legend(order, picture.shape[1], note)])


def draw_boxes(
    image: Any,
    groups: Sequence[tuple[str, NDArray[np.float64], Sequence[str]]],
    record: MixRecord,
    *,
    min_side: int = 480,
) -> NDArray[np.uint8]:
    """Draw boxes by fate, and the patch of a record, over an image.

    Args:
        image: Shape (H, W) or (H, W, C). Not modified.
        groups: Fate (a key of `COLORS`), boxes (N, 4) in xyxy pixels, and a name for each.
        record: Its patch is outlined where the mix fired.
        min_side: See `draw_mix`.

    Returns:
        RGB picture, (h, w, 3), uint8.
    """
    pixels = to_rgb(image)
    scale = max(1, -(-min_side // min(pixels.shape[:2])))
    canvas = _enlarge(pixels, scale)
    if record.applied:
        _outline(canvas, record.patches[0] * scale, "patch", dashed=True)
    for fate, boxes, names in groups:
        for box, name in zip(boxes, names, strict=True):
            _outline(canvas, box * scale, fate, dashed=fate == "dropped")
            _tag(canvas, box * scale, name, fate)
    return np.asarray(canvas)


def draw_source(donor: Any, record: MixRecord, *, min_side: int = 480) -> NDArray[np.uint8]:
    """Draw a donor's image, (H, W) or (H, W, C), with the source outlined; RGB, uint8."""
    image = to_rgb(donor)
    scale = max(1, -(-min_side // min(image.shape[:2])))
    canvas = _enlarge(image, scale)
    if record.applied:
        _outline(canvas, record.sources[0] * scale, "patch", dashed=True)
    return np.asarray(canvas)


def draw_legend(names: Sequence[str], width: int, note: str = "") -> NDArray[np.uint8]:
    """Draw a legend strip of a width; it grows downwards where a line is full."""
    font, line = ImageFont.load_default(16), 30
    places, x, y = [], 14, 0
    for name in names:
        length = 46 + int(font.getlength(MEANINGS[name]))
        if x + length > width and x > 14:
            x, y = 14, y + line
        places.append((name, x, y))
        x += length + 14
    extra = line if note else 0
    canvas = Image.new("RGB", (width, y + (line if places else 0) + extra + 8), (250, 250, 252))
    draw = ImageDraw.Draw(canvas)
    for name, x, y in places:
        draw.rectangle((x, y + 8, x + 30, y + 26), fill=(90, 98, 120))
        _outline(
            canvas, np.array([x + 4, y + 11, x + 27, y + 24]), name, name in ("dropped", "patch")
        )
        draw.text((x + 38, y + 7), MEANINGS[name], fill=(40, 44, 60), font=font)
    if note:
        draw.text((14, canvas.height - line + 1), note, fill=(90, 96, 115), font=font)
    return np.asarray(canvas)


def to_rgb(image: Any) -> NDArray[np.uint8]:
    """Return any image that can be mixed as RGB uint8: what a person can look at.

    Gray is repeated, further channels are left out; uint16 and float32 are stretched from their
    least to their greatest value, floats within [0, 1] as they are.
    """
    pixels = np.asarray(image)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    pixels = pixels[:, :, :3] if pixels.shape[2] >= 3 else pixels[:, :, :1].repeat(3, axis=2)
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels)
    low, high = float(pixels.min()), float(pixels.max())
    if pixels.dtype == np.float32 and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    scaled: NDArray[np.uint8] = np.rint((pixels - low) * (255 / max(high - low, 1e-9))).astype(
        np.uint8
    )
    return scaled


def _record(out: Mapping[str, Any], record_key: str) -> MixRecord:
    record = out.get(record_key)
    if "image" not in out or not isinstance(record, MixRecord):
        raise InvalidSampleError(
            f"draw_mix needs a pipeline's output with 'image' and a MixRecord under "
            f"{record_key!r}, got {sorted(out)}. Pass record_key=... if the mix has another name."
        )
    if tuple(record.shape.tolist()) != np.asarray(out["image"]).shape[:2]:
        raise InvalidSampleError(
            f"the record speaks of an image of {record.shape.tolist()} (height, width), the output "
            f"has {list(np.asarray(out['image']).shape[:2])}. Draw before resizing or cropping."
        )
    return record


def _boxes(
    data: Mapping[str, Any], bbox_format: str, shape: tuple[int, ...]
) -> NDArray[np.float64]:
    rows = np.asarray(data.get("bboxes", []), np.float64)
    return to_xyxy(rows[:, :4], bbox_format, shape) if rows.size else np.zeros((0, 4))


def _names(data: Mapping[str, Any], labels: str, count: int) -> list[str]:
    names = [str(name) for name in data.get(labels, [])]
    return names if len(names) == count else [""] * count


def _enlarge(image: NDArray[np.uint8], scale: int) -> Image.Image:
    size = (image.shape[1] * scale, image.shape[0] * scale)
    return Image.fromarray(cv2.resize(image, size, interpolation=cv2.INTER_NEAREST))


def _outline(canvas: Image.Image, box: Any, fate: str, dashed: bool) -> None:
    """Draw a rectangle in a fate's colour, with a dark halo that shows on any ground."""
    draw = ImageDraw.Draw(canvas)
    x_min, y_min, x_max, y_max = (round(float(value)) for value in box)
    x_max, y_max = max(x_max - 1, x_min), max(y_max - 1, y_min)
    corners = [(x_min, y_min), (x_max, y_min), (x_max, y_max), (x_min, y_max), (x_min, y_min)]
    for color, width in ((HALO, 5), (COLORS[fate], 3)):
        for (x, y), (x_end, y_end) in pairwise(corners):
            length = max(abs(x_end - x), abs(y_end - y))
            steps = range(0, max(length, 1), 14) if dashed else (0,)
            for step in steps:
                a, b = step / max(length, 1), min((step + 8) / max(length, 1), 1) if dashed else 1
                line = [x + (x_end - x) * a, y + (y_end - y) * a]
                line += [x + (x_end - x) * b, y + (y_end - y) * b]
                draw.line(line, fill=color, width=width)


def _tag(canvas: Image.Image, box: Any, text: str, fate: str) -> None:
    """Write a name on a box's upper edge."""
    if not text:
        return
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(14)
    width = int(font.getlength(text)) + 8
    x = min(max(0, round(float(box[0]))), max(canvas.width - width, 0))
    y = max(0, round(float(box[1])) - 19)
    draw.rectangle((x, y, x + width, y + 18), fill=COLORS[fate], outline=HALO)
    draw.text((x + 4, y + 1), text, fill=HALO, font=font)
