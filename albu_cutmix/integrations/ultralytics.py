"""Ultralytics: a mix as a step of its own transforms. Nothing of Ultralytics is imported.

`augmentations=[...]` of Ultralytics cannot carry a mix: it looks up the class of every box that
comes back by its row in the picture that went in, so no donor's object can come in.
"""

from __future__ import annotations

from typing import Any

import albumentations as A
import numpy as np

from albu_cutmix.errors import InvalidArgumentError, InvalidSampleError
from albu_cutmix.host.pipelines import find_mixes

__all__ = ["UltralyticsMix"]


class UltralyticsMix:
    """A step that runs a mix on the `labels` of an Ultralytics data set, for the task "detect".

    Put it before the last step, the one that makes tensors: `dataset.transforms.insert(-1, step)`,
    in `build_dataset` of your trainer. Boxes are clipped to the picture, those of no area go.

    Args:
        mix: A mix, or a container of Albumentations with one. Its pool gives classes as numbers,
            and images as Ultralytics reads them: `yolo_pool("data.yaml", color="bgr")`.
        field: Label field of the pool's boxes.
        drop_segments: Whether outlines of objects may go: True where labels are polygons and the
            task is "detect", which reads none.

    Raises:
        InvalidArgumentError: If there is no mix.
    """

    def __init__(self, mix: Any, *, field: str = "labels", drop_segments: bool = False) -> None:
        self.record_keys = [one.record_key for one in find_mixes(mix)]
        if not self.record_keys:
            raise InvalidArgumentError(
                f"UltralyticsMix takes a mix, or a container with one, got {type(mix).__name__}."
            )
        self.field, self.drop_segments = field, drop_segments
        self.pipeline = A.Compose(
            [mix],
            bbox_params=A.BboxParams(
                "pascal_voc", label_fields=[field], clip=True, filter_invalid_bboxes=True
            ),
        )

    def __call__(self, labels: dict[str, Any]) -> dict[str, Any]:
        """Mix one sample: `img` (H, W, C) uint8 BGR, `cls` (N, 1) and `instances`.

        Returns:
            The same mapping, with the record under its key.

        Raises:
            InvalidSampleError: If the sample holds what a box cannot say: outlines, keypoints, a
                semantic mask or depth.
        """
        instances = labels["instances"]
        self._check(labels, instances)
        height, width = labels["img"].shape[:2]
        instances.convert_bbox("xyxy")
        instances.denormalize(width, height)
        out = self.pipeline(
            image=labels["img"],
            bboxes=np.asarray(instances.bboxes, np.float64),
            **{self.field: np.asarray(labels["cls"]).reshape(-1).astype(int).tolist()},
        )
        boxes = np.asarray(out["bboxes"], np.float32).reshape(-1, 4)
        outlines = np.zeros((0, *instances.segments.shape[1:]), np.float32)
        labels["img"] = out["image"]
        labels["cls"] = np.asarray(out[self.field], np.float32).reshape(-1, 1)
        labels["instances"] = type(instances)(boxes, outlines, bbox_format="xyxy", normalized=False)
        labels |= {key: out[key] for key in self.record_keys if key in out}
        return labels

    def _check(self, labels: dict[str, Any], instances: Any) -> None:
        """Raise for annotations that would no longer be true."""
        there = [key for key in ("semantic_mask", "depth") if labels.get(key) is not None]
        there += [] if instances.keypoints is None else ["keypoints"]
        there += ["segments"] if len(instances.segments) and not self.drop_segments else []
        if there:
            raise InvalidSampleError(
                f"UltralyticsMix mixes boxes alone, got {', '.join(there)} for "
                f"{labels.get('im_file', 'a picture')!r}. For the task 'detect' on polygon labels "
                "pass drop_segments=True; other tasks cannot be mixed here."
            )
