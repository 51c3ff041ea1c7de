"""Files and tables that become pools: COCO, YOLO, Pascal VOC, class folders, data frames.

Annotations are read and checked once, when the pool is made, and kept as flat arrays that all
processes share. An image is opened when it is drawn, never before.
"""

from __future__ import annotations

from albu_cutmix.formats.coco import coco_pool
from albu_cutmix.formats.folder import folder_pool
from albu_cutmix.formats.frame import frame_pool
from albu_cutmix.formats.pascal_voc import pascal_voc_pool
from albu_cutmix.formats.yolo import yolo_pool

__all__ = ["coco_pool", "folder_pool", "frame_pool", "pascal_voc_pool", "yolo_pool"]
