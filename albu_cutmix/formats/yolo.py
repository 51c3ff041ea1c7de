"""YOLO text labels as a pool."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from albu_cutmix.errors import InvalidArgumentError
from albu_cutmix.formats.brief import brief
from albu_cutmix.formats.data_yaml import is_yaml, read_data_yaml, read_names
from albu_cutmix.formats.door import Door, check_field
from albu_cutmix.formats.file_pool import FilePool
from albu_cutmix.formats.images import FileOptions
from albu_cutmix.formats.paths import IMAGE_SUFFIXES, check_folder, check_path, is_file, list_files
from albu_cutmix.formats.recipe import Recipe
from albu_cutmix.formats.yolo_reader import YoloReader

__all__ = ["yolo_pool"]


def yolo_pool(
    images: str | Path | Sequence[str | Path],
    labels: str | Path | None = None,
    names: Sequence[str] | Mapping[int, str] | str | Path | None = None,
    *,
    field: str = "labels",
    label_as: str = "index",
    masks: bool = False,
    max_pixels: int = 64_000_000,
    color: str = "rgb",
    on_error: str = "raise",
) -> FilePool:
    """Make a pool of images with one text each, in shares of the image.

    A line is a box, `class cx cy w h`, or a polygon of three points or more,
    `class x y x y x y ...`, whose box is its extent. The number of columns tells them apart: do
    not give texts of poses, which look like polygons where that number is odd.

    The texts are read and checked now; images are opened when drawn. An image without a text, or
    with an empty one, is a donor without boxes. Boxes of no area are left out with a warning.

    Args:
        images: A folder (with the folders in it), a list of image files, or a `data.yaml` with
            `path`, `train` (a folder or several, inside the yaml's own) and `names`.
        labels: The folder of the texts, laid out as the images. None: the last `images` in the
            path of each image becomes `labels`; without one, the texts lie beside the images.
        names: Class names: a list, `{0: "pear"}`, a text file with one per line, or a yaml with
            `names`. None: those of the `data.yaml`, or classes are numbers only.
        field: Label field of the pipeline that takes the classes.
        label_as: "index", or "name" of the class.
        masks: Whether donors have instance masks, as in `coco_pool`, of the polygons; then a
            line that is a box is an error.
        max_pixels: See `coco_pool`.
        color: See `coco_pool`.
        on_error: See `coco_pool`.

    Returns:
        The pool; see `coco_pool`.

    Raises:
        InvalidArgumentError: If an argument is not as said here, or no image has a text.
        DonorReadError: If a text cannot be read.
        InvalidSampleError: If a line is false; the message names file and line.
        EmptyPoolError: If there is no image.

    Example:
        ```python
        pool = yolo_pool("pears/images", names="pears/classes.txt")
        ```
    """
    if isinstance(names, Mapping):
        names = read_names(names)  # JSON has no numbers as keys
    recipe = Recipe(yolo_pool, locals())
    options = FileOptions(max_pixels, color)
    door = Door("yolo_pool", on_error)
    if label_as not in ("index", "name"):
        raise InvalidArgumentError(f"label_as must be 'index' or 'name', got {brief(label_as)}.")
    source = str(images) if isinstance(images, str | Path) else "the list of images"
    if is_yaml(images):
        images, found = read_data_yaml(Path(images), door)
        names = found if names is None else names
    classes = read_names(names)
    if label_as == "name" and classes is None:
        raise InvalidArgumentError("label_as='name' needs names, got None.")
    root, files = _find_images(images, door)
    texts = _label_files(root, files, None if labels is None else check_folder(labels, "labels"))
    reader = YoloReader(door, texts, classes, masks)
    reader.read()
    table = reader.table(check_field(field), named=label_as == "name")
    door.announce()
    return FilePool(
        root,
        files,
        source=source,
        options=options,
        on_error=on_error,
        boxes=table,
        classes=classes,
        findings=door.findings,
        recipe=recipe,
    )


def _find_images(images: Any, door: Door) -> tuple[Path, list[str]]:
    """Return the root and the files below it."""
    if isinstance(images, str | Path):
        root = check_folder(images, "images")
        return root, list_files(root, IMAGE_SUFFIXES, door)
    if isinstance(images, Mapping) or not hasattr(images, "__iter__"):
        raise InvalidArgumentError(
            f"images must be a folder, a data.yaml or a list of files, got {brief(images)}."
        )
    paths = [check_path(path, "images").absolute() for path in images]
    if not paths:
        return Path.cwd(), []
    root = Path(os.path.commonpath([path.parent for path in paths]))
    return root, [path.relative_to(root).as_posix() for path in paths]


def _label_files(root: Path, files: Sequence[str], labels: Path | None) -> list[Path]:
    """Return where the text of each image is or would be."""
    if labels is not None:
        texts = [(labels / name).with_suffix(".txt") for name in files]
    else:
        texts = [_beside(root / name).with_suffix(".txt") for name in files]
    if files and not any(map(is_file, texts)):
        raise InvalidArgumentError(
            f"labels must be the folder of the label texts, but none of {len(files)} images has "
            f"one; looked for {texts[0]} and so on. Pass labels=<folder>; background images only "
            "need empty texts."
        )
    return texts


def _beside(image: Path) -> Path:
    """Return the path with its last folder `images` renamed to `labels`."""
    parts = list(image.parts)
    for index in range(len(parts) - 2, -1, -1):
        if parts[index] == "images":
            parts[index] = "labels"
            break
    return Path(*parts)
