"""Pools: a packed donor against a copy in memory, a cached one against its file, and loaders.

Loaders have two workers and batches of 12 images as arrays; they are timed in turns, whole epochs,
workers kept. A mix adds the same time whatever else a loader does, so its share is told for
several: images alone, with boxes (13 in each image), with the steps of a training, and with
primaries from the packed file, where reading costs next to nothing. CutMix has p=1; by hand means
a donor that is read and pasted in `__getitem__`.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import albumentations as A
import cv2
import numpy as np
import torch
from timing import median, race, row
from torch.utils.data import DataLoader, Dataset

from albu_cutmix import CutMix, Donor
from albu_cutmix.formats import pascal_voc_pool
from albu_cutmix.pool import BasePool
from albu_cutmix.scenes import scene_pool
from albu_cutmix.wrappers import cached, pack

CELLS = Path(__file__).parents[3] / "shared" / "data" / "bccd_voc"
EPOCH = 120  # samples
WORKERS = 2
FLIP = [A.HorizontalFlip(p=0.5)]
TRAINING = [*FLIP, A.RandomBrightnessContrast(p=0.5), A.Normalize()]
#: Whether primaries come from the packed file, whether boxes go along, and the pipeline.
KINDS = {
    "images, flip": (False, False, FLIP),
    "boxes, flip": (False, True, FLIP),
    "boxes, flip, contrast, normalise": (False, True, TRAINING),
    "boxes, flip, primaries packed": (True, True, FLIP),
}


def rows() -> Iterator[str]:
    """The rows of pools."""
    with tempfile.TemporaryDirectory() as name:
        yield from packed_rows(Path(name))
        yield from cached_rows(Path(name))
        yield from loader_rows(Path(name))


def packed_rows(folder: Path) -> Iterator[str]:
    """Random donors of 640 x 640, page cache warm, copied out of the file and out of a list."""
    images = np.random.default_rng(0).integers(0, 256, (200, 640, 640, 3), np.uint8)
    boxes = np.tile([10.0, 20.0, 300.0, 400.0], (7, 1))
    labels = {"labels": np.arange(7)}
    donors = [Donor(one, bboxes=boxes, fields=labels, id="000000000139.jpg") for one in images]
    pool = pack(donors, folder / "a.pack", progress=False)
    memory = [image.copy() for image in images]
    order = np.random.default_rng(1).permutation(200).tolist()

    def copy_packed() -> None:
        for index in order:
            np.array(pool[index].image)

    def copy_memory() -> None:
        for index in order:
            np.array(memory[index])

    def open_only() -> None:
        for index in order:
            pool[index]

    times = race(
        {"packed": copy_packed, "memory": copy_memory, "open": open_only}, rounds=31, inner=1
    )
    ratio = ratio_of(times, "packed", "memory")
    name = "packed donor, 640 x 640 x 3, 7 boxes, random order, copied"
    yield row(f"{name}, against a copy in memory", "<= 1.3 x", ratio, 1.3, "x")
    yield f"| {name}: of that to make the donor | | {median(times['open']) / 200:.1f} us | |"
    yield f"| {name}: the copy in memory | | {median(times['memory']) / 200:.1f} us | |"


def cached_rows(folder: Path) -> Iterator[str]:
    """A donor that is kept, against reading its JPEG."""
    scene = scene_pool(1, size=(640, 640))[0].image
    cv2.imwrite(str(folder / "a.jpg"), scene)
    pool = cached([Donor(scene)])
    times = race({"hit": lambda: pool[0], "file": lambda: cv2.imread(str(folder / "a.jpg"))})
    ratio = ratio_of(times, "hit", "file")
    yield row("cached donor, 640 x 640, against cv2.imread", "<= 0.01 x", ratio, 0.01, "x")


class Samples(Dataset):
    """A data set as users write it.

    Args:
        pool: Files and annotations.
        packed: The same, packed.
        kind: See `KINDS`.
        mix: "no mix", "packed" (CutMix with the packed pool) or "by hand".
    """

    def __init__(self, pool: BasePool, packed: BasePool, kind: str, mix: str) -> None:
        self.files, self.rows = [], []
        for index in range(len(pool)):
            donor = packed[index]
            self.files.append(str(CELLS / "JPEGImages" / donor.id))
            self.rows.append((donor.bboxes, list(donor.fields["labels"])))
        self.packed, self.mix = packed, mix
        self.from_packed, self.with_boxes, steps = KINDS[kind]
        steps = [CutMix(packed, p=1.0), *steps] if mix == "packed" else steps
        boxes = A.BboxParams("pascal_voc", label_fields=["labels"], clip=True)
        self.transform = A.Compose(steps, bbox_params=boxes if self.with_boxes else None)

    def __len__(self) -> int:
        return EPOCH

    def __getitem__(self, index: int) -> np.ndarray:
        index %= len(self.files)
        sample = self.packed.sample(index) if self.from_packed else self.read(index)
        if self.mix == "by hand":
            sample = self.paste(sample, int(torch.randint(len(self.files), ())))
        if not self.with_boxes:
            sample = {"image": sample["image"]}
        image: np.ndarray = self.transform(**sample)["image"]
        return image

    def read(self, index: int) -> dict[str, Any]:
        """A sample from its file."""
        boxes, labels = self.rows[index]
        image = cv2.cvtColor(cv2.imread(self.files[index]), cv2.COLOR_BGR2RGB)
        return {"image": image, "bboxes": boxes, "labels": labels}

    def paste(self, sample: dict[str, Any], donor: int) -> dict[str, Any]:
        """CutMix as many write it: read a donor, paste a patch, keep boxes by their centres."""
        other, image = self.read(donor), sample["image"]
        height, width = image.shape[:2]
        side = np.sqrt(1 - np.random.beta(1, 1))  # noqa: NPY002 - as many write it
        h, w = int(height * side), int(width * side)
        y, x = np.random.randint(height - h + 1), np.random.randint(width - w + 1)  # noqa: NPY002
        image[y : y + h, x : x + w] = other["image"][y : y + h, x : x + w]
        kept = []
        for part, inside in ((sample, False), (other, True)):
            centres = (part["bboxes"][:, :2] + part["bboxes"][:, 2:]) / 2
            within = ((centres >= (x, y)) & (centres < (x + w, y + h))).all(1)
            kept.append(np.flatnonzero(within == inside).tolist())
        boxes = [part["bboxes"][rows] for part, rows in zip((sample, other), kept, strict=True)]
        labels = [sample["labels"][i] for i in kept[0]] + [other["labels"][i] for i in kept[1]]
        return {"image": image, "bboxes": np.concatenate(boxes), "labels": labels}


def stack(images: list[np.ndarray]) -> torch.Tensor:
    """A batch."""
    return torch.from_numpy(np.stack(images))


def start_worker(_: int) -> None:
    """One thread for each worker."""
    cv2.setNumThreads(1)


def loader_rows(folder: Path) -> Iterator[str]:
    """Time per sample of loaders with and without a mix."""
    if not CELLS.is_dir():
        yield "| loaders | | not measured: shared/data/bccd_voc is not here | |"
        return
    warnings.simplefilter("ignore")  # boxes of no area are left out, a pipeline has no step
    pool = pascal_voc_pool(CELLS / "Annotations", CELLS / "JPEGImages")
    packed = pack(pool, folder / "cells.pack", progress=False)
    loaders = {
        f"{kind}: {mix}": DataLoader(
            Samples(pool, packed, kind, mix),
            batch_size=12,
            shuffle=True,
            num_workers=WORKERS,
            collate_fn=stack,
            persistent_workers=True,
            worker_init_fn=start_worker,
        )
        for kind in KINDS
        for mix in ("no mix", "packed", "by hand")
    }
    calls = {key: lambda loader=loader: list(map(len, loader)) for key, loader in loaders.items()}
    times = race(calls, rounds=9, inner=1)
    name = f"loader, {WORKERS} workers, BCCD 640 x 480"
    for kind in KINDS:
        none, mixed, by_hand = (f"{kind}: {mix}" for mix in ("no mix", "packed", "by hand"))
        speed = [f"{EPOCH / median(times[key]) * 1e6:.0f}" for key in (none, mixed, by_hand)]
        what = f"{name}, {kind}"
        yield f"| {what}: no mix, packed, by hand | | {', '.join(speed)} samples/s | |"
        yield at_least(f"{what}: packed against no mix", ratio_of(times, none, mixed), 0.9)
        yield at_least(f"{what}: packed against by hand", ratio_of(times, by_hand, mixed), 1.6)


def ratio_of(times: dict[Any, list[float]], one: Any, other: Any) -> float:
    """The median of the ratios of each round."""
    return median([a / b for a, b in zip(times[one], times[other], strict=True)])


def at_least(what: str, figure: float, limit: float) -> str:
    """A line of the table whose bound is from below."""
    verdict = "within" if figure >= limit else "UNDER"
    return f"| {what} | >= {limit} x | {figure:.2f} x | {verdict} |"


if __name__ == "__main__":
    cv2.setNumThreads(1)
    for line in rows():
        print(line, flush=True)
