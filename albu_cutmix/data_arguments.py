"""The data set that a command names, as a pool."""

from __future__ import annotations

import argparse
from pathlib import Path

from albu_cutmix.errors import InvalidArgumentError
from albu_cutmix.formats import coco_pool, folder_pool, pascal_voc_pool, yolo_pool
from albu_cutmix.pool import BasePool
from albu_cutmix.wrappers import packed

__all__ = ["add_data", "open_pool", "with_data"]

SETS = ("coco", "voc", "yolo", "folder", "packed")
#: Arguments that say more about a data set, and the sets that they go with.
MORE = {
    "images": ("coco",),
    "masks": ("coco", "yolo"),
    "keypoints": ("coco",),
    "names": ("yolo",),
}


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that name a data set, for `open_pool`."""
    parser.add_argument("--coco", metavar="JSON", help="COCO annotations; needs --images")
    parser.add_argument("--images", metavar="DIR", help="images of --coco")
    parser.add_argument(
        "--masks", action="store_true", help="read the instance masks of --coco or --yolo"
    )
    parser.add_argument("--keypoints", action="store_true", help="read the keypoints of --coco")
    parser.add_argument("--voc", metavar="DIR", help="folder with Annotations and JPEGImages")
    parser.add_argument(
        "--yolo", metavar="YAML", help="data.yaml of a YOLO data set, or its folder of images"
    )
    parser.add_argument(
        "--names", metavar="FILE", help="class names, a yaml or a text, where --yolo is a folder"
    )
    parser.add_argument("--folder", metavar="DIR", help="folder with a folder of images per class")
    parser.add_argument("--packed", metavar="FILE", help="file that albu-cutmix pack wrote")


def with_data(args: argparse.Namespace) -> bool:
    """Whether the arguments name a data set, or say more about one."""
    return any(getattr(args, name) for name in (*SETS, *MORE))


def open_pool(args: argparse.Namespace) -> BasePool:
    """Return the pool that the arguments name.

    Raises:
        InvalidArgumentError: If they name none, or several, or contradict each other.
    """
    given = [name for name in SETS if getattr(args, name)]
    if len(given) != 1:
        got = " and ".join(f"--{name}" for name in given) or "none"
        raise InvalidArgumentError(
            "give one data set, --coco JSON --images DIR, --voc DIR, --folder DIR, --yolo YAML or "
            f"--packed FILE, got {got}."
        )
    for name, known in MORE.items():
        if getattr(args, name) and given[0] not in known:
            where = " or ".join(f"--{one}" for one in known)
            raise InvalidArgumentError(f"--{name} goes with {where}, got --{given[0]}.")
    if args.coco and not args.images:
        raise InvalidArgumentError("--coco JSON and --images DIR must be given together.")
    if args.yolo and not args.names and Path(args.yolo).is_dir():
        raise InvalidArgumentError(
            f"--yolo with a folder needs --names FILE, got the folder {args.yolo!r} alone."
        )
    return _open(args)


def _open(args: argparse.Namespace) -> BasePool:
    if args.coco:
        return coco_pool(
            args.coco, args.images, labels="name", masks=args.masks, keypoints=args.keypoints
        )
    if args.voc:
        folder = Path(args.voc)
        parts = folder / "Annotations", folder / "JPEGImages"
        if not all(part.is_dir() for part in parts):
            raise InvalidArgumentError(
                f"--voc must be a folder with Annotations and JPEGImages, got {args.voc!r}."
            )
        return pascal_voc_pool(*parts)
    if args.folder:
        return folder_pool(args.folder)
    if args.packed:
        return packed(args.packed)
    return yolo_pool(args.yolo, names=args.names, label_as="name", masks=args.masks)
