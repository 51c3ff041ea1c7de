"""What a pool of a million images costs: `python tests/benchmarks/memory.py [images]`.

Every pool is made in a process of its own. Needs Linux, pandas, torch and about 10 GB: parsing
the JSON of seven million annotations takes most of it, for a while.
"""

from __future__ import annotations

import gc
import json
import pickle
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
import numpy as np
import pandas as pd
import torch  # noqa: F401 - all libraries belong to the bare process
from process_memory import Touching, measure, touch_in_workers
from torch.utils.data import DataLoader

from albu_cutmix.formats import coco_pool, frame_pool
from albu_cutmix.formats.file_pool import FilePool

IMAGES = 1_000_000
BOXES = 7  # of each image
BOUND = 200  # MB
MB = 1e6


def draw_boxes(images: int) -> np.ndarray:
    """Boxes as COCO has them: hundredths of pixels, on images of 640 x 640."""
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 32_000, (images * BOXES, 2))
    return np.hstack([corners, rng.integers(1, 32_000, (images * BOXES, 2))]) / 100


def name_of(image: int) -> str:
    """A name of 26 letters."""
    return f"train2017/{image:012}.jpg"


def make_frame(images: int, root: Path) -> tuple[FilePool, int]:
    """The pool of a table with a row per box, and the bytes it costs beside the table."""
    bboxes = draw_boxes(images)
    table = pd.DataFrame(bboxes, columns=["x", "y", "w", "h"])
    table["image"] = [name_of(image) for image in range(images) for _ in range(BOXES)]
    table["label"] = np.arange(images * BOXES) % 80
    del bboxes
    return make(lambda: frame_pool(table, bbox=["x", "y", "w", "h"], label="label", root=root))


def write_json(path: Path, images: int) -> None:
    """Write a COCO file piece by piece."""
    bboxes = draw_boxes(images)
    with path.open("w", encoding="ascii") as file:
        file.write('{"categories": [')
        file.write(", ".join(f'{{"id": {k}, "name": "c{k}"}}' for k in range(1, 81)))
        file.write('], "images": [')
        for image in range(images):
            row = {"id": image, "file_name": name_of(image), "height": 640, "width": 640}
            file.write(", " * (image > 0) + json.dumps(row))
        file.write('], "annotations": [')
        for key, bbox in enumerate(bboxes.tolist()):
            row = {"id": key, "image_id": key // BOXES, "category_id": key % 80 + 1, "bbox": bbox}
            file.write(", " * (key > 0) + json.dumps(row))
        file.write("]}")


def make_coco(path: Path, root: Path) -> tuple[FilePool, int]:
    """The pool of a COCO file, and the bytes it costs."""
    return make(lambda: coco_pool(path, root))


def make(function: Callable[[], FilePool]) -> tuple[FilePool, int]:
    """Make a pool; return it and what this process has grown by."""
    gc.collect()
    before, start = measure().resident, time.process_time()
    pool = function()
    print(f"{len(pool):,} images in {time.process_time() - start:.1f} s", file=sys.stderr)
    gc.collect()
    return pool, measure().resident - before


def report(kind: str, images: int, folder: Path) -> Iterator[str]:
    """Make one pool in this process; say what it costs here and in workers."""
    write_json(folder / "small.json", 100)
    for size, name in ((100, "small.json"), (images, "a.json")):  # libraries load at first use
        table = kind == "table"
        pool, grown = make_frame(size, folder) if table else make_coco(folder / name, folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MB
    what = f"{kind}, {images:,} images"
    verdict = "within" if grown <= BOUND * MB else "OVER"
    yield f"| {what}: resident | <= {BOUND} MB | {grown / MB:.0f} MB | {verdict} |"
    yield f"| {what}: most while it is made | | {peak:.0f} MB | |"
    yield f"| {what}: pickle | < 10 kB | {len(pickle.dumps(pool)) / 1e3:.1f} kB | |"
    for method in ("fork", "spawn"):
        for boxes, before, after in touch_in_workers(pool, method):
            assert boxes == images * BOXES
            own, share = after.dirty - before.dirty, after.share / MB
            yield (
                f"| {what}: worker ({method}): grows by, once it has read every row | 0 "
                f"| {own / MB:.1f} MB (PSS {share:.0f} MB) | |"
            )
        loader = DataLoader(
            Touching(pool), batch_size=None, num_workers=2, multiprocessing_context=method
        )
        for _, before, after in loader:
            own = after.dirty - before.dirty
            yield f"| {what}: worker (DataLoader, {method}) | 0 | {own / MB:.1f} MB | |"


def rows(images: int = IMAGES) -> Iterator[str]:
    """The rows of both kinds of pool, each from a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        write_json(Path(folder) / "a.json", images)
        for kind in ("table", "json"):
            command = [sys.executable, __file__, str(images), kind, folder]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            yield from done.stdout.splitlines()


if __name__ == "__main__":
    warnings.filterwarnings("ignore", ".*use of fork", DeprecationWarning)
    size = int(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    lines = report(sys.argv[2], size, Path(sys.argv[3])) if len(sys.argv) > 2 else rows(size)
    for line in lines:
        print(line, flush=True)
