"""Drawn scenes as the files that users have: COCO, YOLO, VOC, masks, a CSV table."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np

from albu_cutmix.boxes import from_xyxy
from albu_cutmix.scenes import OBJECT_CLASSES, scene_pool


def run_lengths(mask: np.ndarray) -> dict[str, list[int]]:
    """A mask as COCO's uncompressed run lengths: column by column, zeros first."""
    pixels = np.concatenate([[0], mask.T.ravel() != 0])
    changes = np.flatnonzero(np.diff(pixels))
    return {"size": list(mask.shape), "counts": np.diff([0, *changes, mask.size]).tolist()}


def write_scenes(folder: Path, n: int = 6) -> None:
    """Write `images/*.png`, `masks/*.png`, `instances.json`, `train.csv`, YOLO and VOC files.

    The COCO file has boxes and exact instance masks, no keypoints.
    """
    scenes = list(scene_pool(n, size=(240, 320)))
    for name in ("images", "masks", "labels", "Annotations"):
        (folder / name).mkdir()
    (folder / "JPEGImages").symlink_to(folder / "images")
    annotations, rows = [], []
    for number, scene in enumerate(scenes):
        cv2.imwrite(str(folder / "images" / f"{scene.id}.png"), scene.image[:, :, ::-1])
        cv2.imwrite(str(folder / "masks" / f"{scene.id}.png"), scene.mask)
        coco = np.rint(from_xyxy(scene.bboxes, "coco", scene.shape)).tolist()
        yolo = from_xyxy(scene.bboxes, "yolo", scene.shape).tolist()
        names = list(scene.fields["labels"])
        for bbox, name, mask in zip(coco, names, scene.masks, strict=True):
            annotations.append(
                {
                    "id": len(annotations),
                    "image_id": number,
                    "category_id": OBJECT_CLASSES.index(name) + 1,
                    "bbox": bbox,
                    "segmentation": run_lengths(mask),
                }
            )
            rows.append([scene.id, str(bbox), name])
        lines = [
            " ".join(map(str, [OBJECT_CLASSES.index(name), *box]))
            for name, box in zip(names, yolo, strict=True)
        ]
        (folder / "labels" / f"{scene.id}.txt").write_text("\n".join(lines), "utf-8")
        objects = "".join(
            f"<object><name>{name}</name><bndbox><xmin>{x}</xmin><ymin>{y}</ymin>"
            f"<xmax>{x + w}</xmax><ymax>{y + h}</ymax></bndbox></object>"
            for name, (x, y, w, h) in zip(names, coco, strict=True)
        )
        (folder / "Annotations" / f"{scene.id}.xml").write_text(
            f"<annotation><filename>{scene.id}.png</filename>{objects}</annotation>", "utf-8"
        )
    height, width = scenes[0].shape
    content = {
        "images": [
            {"id": number, "file_name": f"{scene.id}.png", "width": width, "height": height}
            for number, scene in enumerate(scenes)
        ],
        "annotations": annotations,
        "categories": [{"id": i, "name": name} for i, name in enumerate(OBJECT_CLASSES, 1)],
    }
    (folder / "instances.json").write_text(json.dumps(content), "utf-8")
    with (folder / "train.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([["image_id", "bbox", "species"], *rows])
    names = "\n".join(f"  {i}: {name}" for i, name in enumerate(OBJECT_CLASSES))
    (folder / "data.yaml").write_text(f"path: .\ntrain: images\nnames:\n{names}\n", "utf-8")
