"""Everything that knows Albumentations: hooks, box rows, label encoders, random streams."""

from albu_cutmix.host.base import MixTransform
from albu_cutmix.host.fields import encode_fields
from albu_cutmix.host.rows import donor_rows, read_bboxes, write_bboxes
from albu_cutmix.host.workers import seed_worker

__all__ = [
    "MixTransform",
    "donor_rows",
    "encode_fields",
    "read_bboxes",
    "seed_worker",
    "write_bboxes",
]
