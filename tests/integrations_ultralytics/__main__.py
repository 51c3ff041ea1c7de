"""A real training run of Ultralytics with a mix in it, in an environment of its own.

`python -m venv build/ultralytics`, `pip install ultralytics albumentations defusedxml pytest` and
`pip install --no-deps -e .` there (6.3 GB with the CUDA libraries of PyTorch), then
`build/ultralytics/bin/python tests/integrations_ultralytics`: half a minute, no downloads.
"""

# ruff: noqa: T201 - a script that reports

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
os.environ["YOLO_OFFLINE"] = "true"
os.environ["YOLO_CONFIG_DIR"] = tempfile.mkdtemp(prefix="ultralytics-")
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import pytest
from scene_files import write_scenes
from ultralytics import YOLO
from ultralytics.models.yolo.detect import DetectionTrainer

from albu_cutmix import CutMix, InvalidSampleError, MixSchedule
from albu_cutmix.formats import yolo_pool
from albu_cutmix.integrations.ultralytics import UltralyticsMix

SETTINGS = {
    "epochs": 3, "imgsz": 64, "batch": 4, "device": "cpu", "plots": False, "val": False,
    "close_mosaic": 1, "exist_ok": True, "verbose": False,
}  # fmt: skip


class MixTrainer(DetectionTrainer):
    """The trainer of the recipe: `mix` is a class attribute."""

    mix: CutMix

    def __init__(self, *args, **kwargs):
        """Tell the schedule which epoch runs."""
        super().__init__(*args, **kwargs)
        schedule = self.mix.schedule
        if schedule is not None:
            self.add_callback("on_train_epoch_start", lambda run: schedule.set_epoch(run.epoch))

    def build_dataset(self, img_path, mode="train", batch=None):
        """Put the mix before the step that makes tensors."""
        dataset = super().build_dataset(img_path, mode, batch)
        if mode == "train":
            dataset.transforms.insert(-1, UltralyticsMix(self.mix))
        return dataset


def write_data(folder: Path) -> str:
    """Write six scenes and an empty picture; return the path of their `data.yaml`."""
    write_scenes(folder, 8)
    for path in sorted((folder / "labels").glob("*.txt"))[:2]:
        path.write_text("", "utf-8")
    yaml = folder / "data.yaml"
    text = yaml.read_text("utf-8").replace("path: .", f"path: {folder}")
    yaml.write_text(text + "val: images\n", "utf-8")
    return str(yaml)


def train(trainer: type, data: str, project: Path, workers: int, **more) -> list[dict]:
    """Train from a configuration; return what each step saw: epoch, records, boxes, classes."""
    seen: list[dict] = []

    class Watched(trainer):
        def preprocess_batch(self, batch):
            records = batch.get("mix", ())
            rows = {"epoch": self.epoch, "records": records, "classes": batch["cls"].numpy().copy()}
            seen.append(rows | {"boxes": batch["bboxes"].numpy().copy()})
            return super().preprocess_batch(batch)

    YOLO("yolo11n.yaml").train(
        trainer=Watched, data=data, project=str(project), workers=workers, **SETTINGS | more
    )
    return seen


def check_run(data: str, project: Path, workers: int) -> None:
    """The mix reaches the batches, with its objects, until mosaic is closed."""
    MixTrainer.mix = CutMix(yolo_pool(data, color="bgr"), p=1.0, min_visibility=0.3)
    seen = train(MixTrainer, data, project, workers)
    mixed = [step for step in seen if step["records"]]
    assert [step["epoch"] for step in mixed] == [0, 0, 1, 1], [step["epoch"] for step in seen]
    assert {step["epoch"] for step in seen} == {0, 1, 2}
    records = [record for step in mixed for record in step["records"]]
    assert sum(record.applied for record in records) >= 0.9 * len(records) > 0
    assert sum(record.donor_kept for record in records) > 0
    assert len({tuple(record.patches[0]) for record in records}) > 0.9 * len(records)
    for step in seen:
        assert step["boxes"].shape[1] == 4
        assert ((step["boxes"] >= 0) & (step["boxes"] <= 1)).all()
        assert set(np.unique(step["classes"])) <= set(range(9))
    print(f"{workers} workers: {len(records)} mixes, {sum(r.donor_kept for r in records)} objects")


def check_schedule(data: str, project: Path) -> None:
    """In the main process the factor of an epoch is that of its batches."""
    schedule = MixSchedule(3, stop_last=2)
    MixTrainer.mix = CutMix(yolo_pool(data, color="bgr"), p=1.0, schedule=schedule)
    seen = train(MixTrainer, data, project, 0, close_mosaic=0)
    counts = [0, 0, 0]
    for step in seen:
        counts[step["epoch"]] += sum(record.applied for record in step["records"])
    assert counts[0] > 0 == counts[1] == counts[2], counts
    print(f"schedule: {counts} mixes by epoch")


def check_augmentations(data: str, project: Path) -> None:
    """`augmentations=[...]` has no room for a donor's objects: refused, not trained wrongly."""
    spec = {"format": "yolo", "images": data, "field": "class_labels", "color": "bgr"}
    mix = CutMix(spec, p=1.0)
    with pytest.raises(InvalidSampleError, match=r"no field 'idx'|the primary has keypoints"):
        train(DetectionTrainer, data, project, 0, close_mosaic=0, augmentations=[mix])
    print("augmentations=[CutMix(...)] is refused")


def main() -> None:
    """Run every check."""
    with tempfile.TemporaryDirectory(prefix="albu_cutmix-") as name:
        data = write_data(Path(name))
        for workers in (0, 2):
            check_run(data, Path(name) / "runs", workers)
        check_schedule(data, Path(name) / "runs")
        check_augmentations(data, Path(name) / "runs")


if __name__ == "__main__":
    main()
