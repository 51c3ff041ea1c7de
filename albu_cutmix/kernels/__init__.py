"""CUDA kernels that mix a batch as bytes, and the launches that a batch and its plan need.

Imports no CUDA library: whoever launches compiles `source_code()` and passes each `Launch` on.
"""

from albu_cutmix.kernels.frames import Frames, read_frames
from albu_cutmix.kernels.launches import (
    BLOCK,
    JOB,
    ROW,
    ROWS,
    Launch,
    plan_launches,
    source_code,
)

__all__ = [
    "BLOCK",
    "JOB",
    "ROW",
    "ROWS",
    "Frames",
    "Launch",
    "plan_launches",
    "read_frames",
    "source_code",
]
