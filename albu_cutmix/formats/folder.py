"""Class folders as a pool: the layout of torchvision's `ImageFolder`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from albu_cutmix.formats.columns import Column, PackedText
from albu_cutmix.formats.door import Door, check_classes
from albu_cutmix.formats.file_pool import FilePool
from albu_cutmix.formats.images import FileOptions
from albu_cutmix.formats.paths import IMAGE_SUFFIXES, check_folder
from albu_cutmix.formats.recipe import Recipe

__all__ = ["folder_pool"]

UNREAD = (".gif", ".jp2")  # of IMAGE_SUFFIXES; ImageFolder reads all others


def folder_pool(
    root: str | Path,
    *,
    classes: Sequence[str] | None = None,
    max_pixels: int = 64_000_000,
    color: str = "rgb",
    on_error: str = "raise",
) -> FilePool:
    """Make a pool of a folder that holds a folder of images per class.

    The class label of a donor is the name of its folder. Images in folders below a class folder
    belong to that class. The order is that of `ImageFolder`: classes by name, then files by
    name. GIF and JPEG 2000, which it does not read, are left out with a warning, so that indices
    agree. A class folder without images is a class without donors, and what is hidden, such as
    `.ipynb_checkpoints`, is left out, though `ImageFolder` takes it; `findings` tells of both.
    Files are listed now; images are opened when drawn.

    Args:
        root: The folder of the class folders. An image that lies in it directly has no class,
            and links to folders are not followed: both are errors. A link to a file outside the
            root is an error when it is drawn.
        classes: Names that may occur, in the order that numbers them. None: the names of the
            class folders, sorted.
        max_pixels: See `coco_pool`.
        color: See `coco_pool`.
        on_error: See `coco_pool`.

    Returns:
        The pool; see `coco_pool`. Donors have no boxes.

    Raises:
        InvalidArgumentError: If an argument is not as said here.
        InvalidSampleError: If an image has no class, or one that is not in `classes`.
        EmptyPoolError: If there is no image.

    Example:
        ```python
        CutMix(folder_pool("imagenette/train"))
        ```
    """
    recipe = Recipe(folder_pool, locals())
    options = FileOptions(max_pixels, color)
    door = Door("folder_pool", on_error)
    known = check_classes(classes)
    folder = check_folder(root, "root")
    found = _list_images(door, folder)
    if known is None:
        known = tuple(sorted(found))
    numbers = {name: number for number, name in enumerate(known)}
    files, codes = [], []
    for name in sorted(found):
        if not found[name]:
            continue
        if name not in numbers:
            door.refuse(
                f"{folder / name} must be one of the classes {list(known)}, got the folder "
                f"{name!r} with {len(found[name])} images.",
                "class folders",
            )
            continue
        files += [f"{name}/{file}" for file in found[name]]
        codes += [numbers[name]] * len(found[name])
    door.announce()
    return FilePool(
        folder,
        files,
        source=str(root),
        options=options,
        on_error=on_error,
        labels=Column(np.array(codes, np.int64), PackedText(known)),
        classes=known,
        findings=door.findings,
        recipe=recipe,
    )


def _list_images(door: Door, root: Path) -> dict[str, list[str]]:
    """Return the images of each class folder, relative to it."""
    found: dict[str, list[str]] = {}
    _, folders, names = next(os.walk(root, onerror=door.refuse_folder), (root, [], []))
    for entry in (root / name for name in sorted(folders)):
        if not _is_hidden(door, entry) and not _is_link(door, entry):
            found[entry.name] = _list_below(door, entry)
            if not found[entry.name]:
                door.note(f"{entry} holds no image.")
    for entry in (root / name for name in sorted(names)):
        if entry.name.lower().endswith(IMAGE_SUFFIXES) and not _is_hidden(door, entry):
            door.refuse(
                f"{entry} lies in no class folder. Move it into one; images without classes are "
                "a table for frame_pool.",
                "images",
            )
    return found


def _list_below(door: Door, root: Path) -> list[str]:
    """Return the images below a class folder in the order of `ImageFolder`."""
    found = []
    for folder, below, names in os.walk(root, onerror=door.refuse_folder):
        here = Path(folder)
        below[:] = [
            name
            for name in below
            if not _is_hidden(door, here / name) and not _is_link(door, here / name)
        ]
        inside = "" if here == root else here.relative_to(root).as_posix()
        found += [(inside, name) for name in names if _is_image(door, here, name)]
    return [f"{inside}/{name}" if inside else name for inside, name in sorted(found)]


def _is_image(door: Door, folder: Path, name: str) -> bool:
    """Return whether a file is an image of its class; the door hears of those left out."""
    if not name.lower().endswith(IMAGE_SUFFIXES):
        return False
    if name.startswith(".") and _is_hidden(door, folder / name):
        return False
    unread = name.lower().endswith(UNREAD)
    if unread:
        door.leave_out(
            f"{folder / name} is of a format that ImageFolder does not read, and would shift the "
            "indices of all that follow. Convert it.",
            "images",
        )
    return not unread


def _is_hidden(door: Door, path: Path) -> bool:
    """Return whether a name begins with a dot, as copies of editors do; the door hears of it."""
    hidden = path.name.startswith(".")
    if hidden:
        door.note(f"{path} is hidden and was left out.")
    return hidden


def _is_link(door: Door, folder: Path) -> bool:
    """Return whether a folder is a link; the door hears of it."""
    if not os.path.islink(folder):  # noqa: PTH114 - pathlib raises where a path is too long
        return False
    door.refuse(
        f"{folder} is a link to a folder, which is not followed. Give the folder that really "
        "holds the images.",
        "links to folders",
    )
    return True
