"""COCO instance JSON as a pool."""

from __future__ import annotations

import gc
import json as json_text
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from albu_cutmix.errors import DonorReadError, InvalidArgumentError
from albu_cutmix.formats.brief import brief
from albu_cutmix.formats.coco_reader import CocoReader
from albu_cutmix.formats.door import TARGETS, Door
from albu_cutmix.formats.file_pool import FilePool
from albu_cutmix.formats.images import FileOptions
from albu_cutmix.formats.paths import check_folder, check_path, read_bytes
from albu_cutmix.formats.recipe import Recipe

__all__ = ["coco_pool"]

LARGEST_JSON = 2**34  # bytes; the largest public annotation files have some 10**9


def coco_pool(
    json: str | Path,
    images: str | Path,
    *,
    fields: Mapping[str, str] | None = None,
    labels: str = "id",
    masks: bool = False,
    keypoints: bool = False,
    max_pixels: int = 64_000_000,
    color: str = "rgb",
    on_error: str = "raise",
) -> FilePool:
    """Make a pool of a COCO annotation file.

    The file is read and checked now; images are opened when drawn. Boxes of no area are left
    out with a warning. Crowds (`iscrowd` 1) are regions to ignore, never objects: they are left
    out, unless a field maps to "iscrowd", where they come as rows with a 1.

    Args:
        json: The annotation file, with `images`, `annotations` and `categories`.
        images: The folder that every `file_name` is relative to.
        fields: Annotation key of each label field of the pipeline; `{"labels": "category_id"}`
            where None. Other keys give their values as they stand, numbers or strings;
            "iscrowd" is 0 where an annotation has none. Donors have those of "category_id" first,
            then by name: `weighted` reads the classes from the first.
        labels: What "category_id" becomes: "id" as in the file, "index" of the sorted ids from
            0 without gaps, or "name".
        masks: Whether donors have instance masks, shape (N, H, W), uint8, 0 or 1, row i of box
            i. Run-length masks are exact, polygons hold the pixels whose centre is inside.
        keypoints: Whether donors have keypoints, shape (K, 2), float64, x and y in pixels: all
            points of the image's annotations in their order, with
            `keypoint_fields={"visible": v}`, shape (K,), int64: 0 not labelled (x and y are 0
            in COCO), 1 labelled and hidden, 2 labelled and visible. Annotations without
            "keypoints" have none.
        max_pixels: Most pixels (width x height) an image or mask may have.
        color: "rgb", "bgr", "gray" or "unchanged" (depth, alpha, BGR order of OpenCV kept).
        on_error: "raise", or "skip": false annotations are left out, counted and told in one
            warning; an unreadable image gives the next one.

    Returns:
        The pool; `classes` are the category names in the order of their ids, `findings` what
        was left out and why. Images without annotations are donors without boxes.

    Raises:
        InvalidArgumentError: If an argument is not as said here.
        DonorReadError: If the file is missing or no COCO JSON.
        InvalidSampleError: If an image or annotation is false; the message says which.
        EmptyPoolError: If there is no image.

    Example:
        ```python
        pool = coco_pool("instances_train.json", "train2017", fields={"labels": "category_id"})
        CutMix(pool)
        ```
    """
    recipe = Recipe(coco_pool, locals())
    options = FileOptions(max_pixels, color)
    door = Door("coco_pool", on_error)
    reader = CocoReader(
        check_path(json, "json"),
        door,
        max_pixels,
        _check_fields(fields, keypoints=keypoints),
        _check_labels(labels),
        masks=masks,
        keypoints=keypoints,
    )
    root = check_folder(images, "images")
    with _no_collector():
        data = _load(reader.path)
        reader.read_categories(data["categories"])
        reader.read_images(data["images"])
        reader.read_annotations(data["annotations"])
        table = reader.table()
    door.announce()
    return FilePool(
        root,
        reader.names,
        source=str(json),
        options=options,
        on_error=on_error,
        boxes=table,
        shapes=np.array(reader.shapes, np.int32).reshape(-1, 2),
        classes=tuple(reader.classes),
        findings=door.findings,
        recipe=recipe,
    )


@contextmanager
def _no_collector() -> Iterator[None]:
    """Hold the search for cycles back: millions of new lists, none in a cycle, make it slow."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _check_labels(labels: str) -> str:
    if labels not in ("id", "index", "name"):
        raise InvalidArgumentError(f"labels must be 'id', 'index' or 'name', got {brief(labels)}.")
    return labels


def _check_fields(fields: Mapping[str, str] | None, *, keypoints: bool) -> dict[str, str]:
    if fields is None:
        return {"labels": "category_id"}
    good = isinstance(fields, Mapping) and all(
        isinstance(name, str) and isinstance(key, str) and name not in TARGETS
        for name, key in fields.items()
    )
    if not good:
        raise InvalidArgumentError(
            "fields must map names of label fields to annotation keys, such as "
            f"{{'labels': 'category_id'}}, and not be named {', '.join(TARGETS)}; got "
            f"{brief(fields)}."
        )
    if keypoints and "visible" in fields:
        raise InvalidArgumentError(
            "fields must not name 'visible', which with keypoints=True is the field of the "
            f"keypoints; got {brief(fields)}. Give it another name."
        )
    # In an order that no YAML changes: `weighted` asks the first for the classes.
    return dict(sorted(fields.items(), key=lambda one: (one[1] != "category_id", one[0])))


def _load(path: Path) -> dict[str, list[Any]]:
    """Return the parsed file, with the three lists in it."""
    try:
        data = json_text.loads(read_bytes(path, LARGEST_JSON))
    except json_text.JSONDecodeError as error:
        raise DonorReadError(
            f"{path}: must be JSON, got {error.msg} at line {error.lineno}, column {error.colno}."
        ) from error
    except (ValueError, RecursionError) as error:  # not UTF-8, a number of 5,000 digits, nesting
        raise DonorReadError(f"{path}: must be JSON, got {error}.") from error
    for key in ("images", "annotations", "categories"):
        if not isinstance(data, dict) or not isinstance(data.get(key), list):
            keys = sorted(data)[:10] if isinstance(data, dict) else type(data).__name__
            raise DonorReadError(
                f"{path}: must be COCO JSON, an object with the list {key!r}, got {keys}."
            )
    return dict(data)
