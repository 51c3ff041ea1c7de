"""Draw a mix for people: boxes, masks and keypoints in the colour of their fate, and the patch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from albu_cutmix.boxes import to_xyxy
from albu_cutmix.canvas import (
    COLORS,
    dot,
    draw_legend,
    enlarge,
    outline,
    paint_seam,
    seam_names,
    tag,
    tint,
    to_rgb,
)
from albu_cutmix.errors import InvalidSampleError
from albu_cutmix.geometry import Rect
from albu_cutmix.keypoints import in_rect, read_keypoints
from albu_cutmix.matching import TOLERANCE, match_fates
from albu_cutmix.record import MixRecord

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Group", "draw_groups", "draw_mix", "draw_source", "name_patch"]


class Group(NamedTuple):
    """What is drawn in one colour.

    Attributes:
        fate: A key of `canvas.COLORS`.
        bboxes: Shape (N, 4), xyxy pixels.
        names: A name for each box.
        masks: Instance masks, any number of (H, W).
        points: Keypoints, shape (K, 2).
    """

    fate: str
    bboxes: NDArray[np.float64]
    names: Sequence[str]
    masks: Sequence[NDArray[Any]] = ()
    points: Sequence[Any] | NDArray[np.float64] = ()


def draw_mix(
    out: Mapping[str, Any],
    primary: Mapping[str, Any] | None = None,
    *,
    bbox_format: str = "pascal_voc",
    keypoint_format: str = "xy",
    record_key: str = "mix",
    labels: str = "labels",
    ignore_field: str | None = None,
    keypoint_visibility_field: str | None = None,
    seam_key: str | None = None,
    min_side: int = 480,
    legend: bool = True,
) -> NDArray[np.uint8]:
    """Draw the output of a mix as a picture for people.

    Args:
        out: Output of the pipeline: image, record, and where there are such, boxes, labels,
            instance masks and keypoints. The mix must be the last that moved pixels.
        primary: What went in; with it all is coloured by its fate, and what was dropped shown.
        bbox_format: Format of the boxes of both.
        keypoint_format: Format of the keypoints of both.
        record_key: Name of the record.
        labels: Label field that names the boxes.
        ignore_field: That of the mix: objects marked in it are drawn as such.
        keypoint_visibility_field: A label field of the keypoints; those with 0 are left out.
        seam_key: Name of the seam map, which is then drawn instead of the patch's outline.
        min_side: Small images are enlarged, by a whole number, to about so many pixels of their
            shorter side, and at most four times as many of the longer one.
        legend: Whether a legend stands below.

    Returns:
        RGB picture, (h, w, 3), uint8.

    Raises:
        InvalidSampleError: If there is no image or no record, or the boxes are inverted in this
            format.
    """
    record = _record(out, record_key)
    form = _Form(bbox_format, keypoint_format, labels, ignore_field, keypoint_visibility_field)
    groups = _group(out, primary, record, form)
    seam = None if seam_key is None else _seam(out, seam_key)
    picture = draw_groups(out["image"], groups, record, seam=seam, min_side=min_side)
    if not legend:
        return picture
    note = f"lam {record.lam:.3f}" if record.applied else f"not applied: {record.reason or 'none'}"
    used = {group.fate for group in groups if len(group.bboxes) or len(group.points)}
    used |= {name_patch(record)} if _outlined(record) and seam is None else set()
    used |= set() if seam is None else set(seam_names(seam))
    order = [name for name in COLORS if name in used]
    return np.vstack([picture, draw_legend(order, picture.shape[1], note)])


class _Form(NamedTuple):
    """Formats and field names of a pipeline; the arguments of `draw_mix`."""

    bbox_format: str
    keypoint_format: str
    labels: str
    ignore_field: str | None
    keypoint_visibility_field: str | None


def _group(
    out: Mapping[str, Any], primary: Mapping[str, Any] | None, record: MixRecord, form: _Form
) -> list[Group]:
    """Return boxes, masks and keypoints of a mix by what became of them."""
    now = _Parts.of(out, form)
    if primary is None:
        return [Group("box", now.bboxes, now.names, now.masks, now.points[now.shows])]
    old = _Parts.of(primary, form)
    bound = len(now.masks) == len(now.bboxes)
    fates = match_fates(now.bboxes, old.bboxes, record, old.masks if bound else None)
    points = _match_points(now, old, record)
    gone = Group("dropped", old.bboxes[fates.dropped], [old.names[row] for row in fates.dropped])
    groups = [gone._replace(points=points["dropped"])]
    for fate in ("kept", "clipped", "donor"):
        rows = getattr(fates, fate)
        for name, some in ((fate, rows[~now.ignored[rows]]), ("ignored", rows[now.ignored[rows]])):
            masks = [now.masks[row] for row in some if bound]
            groups.append(Group(name, now.bboxes[some], [now.names[row] for row in some], masks))
        groups[-2] = groups[-2]._replace(points=points.get(fate, ()))
    return groups


def _match_points(now: _Parts, old: _Parts, record: MixRecord) -> dict[str, Any]:
    """Return keypoints by fate, whether covered ones were removed or flagged."""
    if not record.applied:
        return {"dropped": (), "kept": now.points[now.shows]}
    hidden, count = in_rect(old.points, *record.covered), len(old.points)
    first = now.points[:count]
    flagged = len(first) == count and np.allclose(first, old.points, 0, TOLERANCE)
    came = slice(count if flagged else np.count_nonzero(~hidden), None)
    return {
        "dropped": old.points[hidden & old.shows],
        "kept": old.points[~hidden & old.shows],
        "donor": now.points[came][now.shows[came] & in_rect(now.points[came], *record.used)],
    }


def draw_groups(
    image: Any,
    groups: Sequence[Group],
    record: MixRecord,
    *,
    seam: NDArray[np.uint8] | None = None,
    min_side: int = 480,
) -> NDArray[np.uint8]:
    """Draw what became of the objects, and the patches of a record, over an image.

    Args:
        image: Shape (H, W) or (H, W, C). Not modified.
        groups: What is drawn in which colour.
        record: Its patches are outlined where the mix fired; a blend has none.
        seam: A seam map, (H, W), which is drawn instead of the patch's outline.
        min_side: See `draw_mix`.

    Returns:
        RGB picture, (h, w, 3), uint8.
    """
    pixels = to_rgb(image).copy()
    for group in groups:
        tint(pixels, group.masks, group.fate)
    if seam is not None:
        paint_seam(pixels, seam)
    scale = _scale(pixels, min_side)
    canvas = enlarge(pixels, scale)
    for patch in _outlined(record) if seam is None else ():
        outline(canvas, np.array(patch) * scale, "patch", dashed=True)
    for group in groups:
        for box, name in zip(group.bboxes, group.names, strict=True):
            outline(canvas, box * scale, group.fate, dashed=group.fate == "dropped")
            tag(canvas, box * scale, name, group.fate)
    for group in groups:
        for point in group.points:
            dot(canvas, point * scale, group.fate)
    return np.asarray(canvas)


def _scale(image: NDArray[np.uint8], min_side: int) -> int:
    """Return by how much a picture is enlarged: a whole number, so that pixels stay square.

    A strip stays small: it is never enlarged beyond four times min_side.
    """
    sides: tuple[int, int] = image.shape[:2]
    return max(1, min(round(min_side / min(sides)), 4 * min_side // max(sides)))


def _outlined(record: MixRecord) -> list[Rect]:
    """Return the patches that are outlined: a blend is the whole image."""
    return record.used if record.blend == 1.0 else []


def name_patch(record: MixRecord) -> str:
    """Return the key of `canvas.COLORS` of a record's patches."""
    return "hole" if record.kind == "cutout" else "patch"


def draw_source(
    donor: Any, record: MixRecord, slot: int = 0, *, min_side: int = 480
) -> NDArray[np.uint8]:
    """Draw the donor of a slot, (H, W) or (H, W, C), with its source outlined; RGB, uint8."""
    image = to_rgb(donor)
    scale = _scale(image, min_side)
    canvas = enlarge(image, scale)
    if record.applied:
        outline(canvas, record.sources[slot] * scale, "patch", dashed=True)
    return np.asarray(canvas)


def _seam(out: Mapping[str, Any], seam_key: str) -> NDArray[np.uint8]:
    """Return the seam map of a mix; raise InvalidSampleError where there is none of its size."""
    seam, shape = out.get(seam_key), np.asarray(out["image"]).shape[:2]
    if not isinstance(seam, np.ndarray) or seam.shape[:2] != shape:
        got = f"one of shape {seam.shape}" if isinstance(seam, np.ndarray) else "none"
        raise InvalidSampleError(
            f"draw_mix looks for a seam map of {shape} (height, width) under {seam_key!r}, got "
            f"{got}. Give the mix seam_key={seam_key!r}; for later geometry register it: "
            f"additional_targets={{{seam_key!r}: 'mask'}}."
        )
    return seam


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


class _Parts(NamedTuple):
    """What is drawn of a sample, boxes as xyxy pixels and keypoints as x and y."""

    bboxes: NDArray[np.float64]
    names: list[str]
    ignored: NDArray[np.bool_]
    masks: Sequence[NDArray[Any]]
    points: NDArray[np.float64]
    shows: NDArray[np.bool_]

    @classmethod
    def of(cls, data: Mapping[str, Any], form: _Form) -> _Parts:
        """Read a sample in the formats of its pipeline."""
        shape = np.asarray(data["image"]).shape[:2]
        rows = np.asarray(data.get("bboxes", []), np.float64)
        boxes = to_xyxy(rows[:, :4], form.bbox_format, shape) if rows.size else np.zeros((0, 4))
        if (boxes[:, 2:] <= boxes[:, :2]).any():
            raise InvalidSampleError(
                f"draw_mix got boxes that are inverted as {form.bbox_format!r}, such as "
                f"{rows[0, :4].tolist()}. Pass the pipeline's format: bbox_format=..."
            )
        points = np.asarray(data.get("keypoints", []), np.float64)
        if points.size:
            columns = points[:, : len(form.keypoint_format)]
            points = read_keypoints(columns, form.keypoint_format, in_degrees=True)[:, :2]
        points = points.reshape(-1, 2)
        names = [str(name) for name in data.get(form.labels, [])]
        masks = data.get("masks")
        return cls(
            boxes,
            names if len(names) == len(boxes) else [""] * len(boxes),
            _flags(data, form.ignore_field, np.zeros(len(boxes), bool)),
            () if masks is None or any(np.size(m) != np.prod(shape) for m in masks) else masks,
            points,
            _flags(data, form.keypoint_visibility_field, np.ones(len(points), bool)),
        )


def _flags(
    data: Mapping[str, Any], name: str | None, default: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which values of a field are not 0; the default where there is no such field."""
    values = np.asarray([] if name is None else data.get(name, []))
    return values.astype(bool) if len(values) == len(default) else default
