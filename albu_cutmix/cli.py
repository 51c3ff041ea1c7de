"""`albu-cutmix`: the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from albu_cutmix.demo import run as run_demo
from albu_cutmix.errors import CutMixError, InvalidArgumentError
from albu_cutmix.formats import coco_pool, pascal_voc_pool, yolo_pool
from albu_cutmix.pool import BasePool
from albu_cutmix.scenes import scene_pool

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: Arguments; those of the process where None.

    Returns:
        0, or 2 with a message on stderr where the command could not run.
    """
    args = _parser().parse_args(argv)
    try:
        print(run_demo(_pool(args), Path(args.out), n=args.n, seed=args.seed))
    except (CutMixError, OSError) as error:
        print(f"albu-cutmix {args.command}: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="albu-cutmix", description="CutMix for Albumentations.")
    commands = parser.add_subparsers(dest="command", required=True)
    show = commands.add_parser(
        "demo",
        help="mix a few samples and draw what happened",
        description="Mix a few samples, of your data or of drawn scenes, and write "
        "contact_sheet.png and records.jsonl.",
    )
    show.add_argument("--out", required=True, metavar="DIR", help="folder for the results")
    show.add_argument("--coco", metavar="JSON", help="COCO annotations; needs --images")
    show.add_argument("--images", metavar="DIR", help="images of --coco")
    show.add_argument("--voc", metavar="DIR", help="folder with Annotations and JPEGImages")
    show.add_argument("--yolo", metavar="YAML", help="data.yaml of a YOLO data set")
    show.add_argument("--n", type=int, default=4, help="number of mixes (default 4)")
    show.add_argument("--seed", type=int, default=0, help="seed of the draws (default 0)")
    return parser


def _pool(args: argparse.Namespace) -> BasePool:
    """Return the pool that the arguments name, drawn scenes where they name none."""
    given = [name for name in ("coco", "voc", "yolo") if getattr(args, name)]
    if len(given) > 1:
        raise InvalidArgumentError(f"give one data set, got --{' and --'.join(given)}.")
    if bool(args.coco) != bool(args.images):
        raise InvalidArgumentError("--coco JSON and --images DIR must be given together.")
    if args.coco:
        return coco_pool(args.coco, args.images, labels="name")
    if args.voc:
        folder = Path(args.voc)
        return pascal_voc_pool(folder / "Annotations", folder / "JPEGImages")
    if args.yolo:
        return yolo_pool(args.yolo, label_as="name")
    return scene_pool(10)
