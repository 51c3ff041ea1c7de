"""Settings of the whole suite: offline, repeatable, one thread."""

from __future__ import annotations

import os

# Before the first import of the host, which asks the package index for its version otherwise.
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
# Before torch, too: the suite runs a process for each core, and more threads only wait for one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import cv2
import pytest
from hypothesis import HealthCheck, settings

cv2.setNumThreads(1)

settings.register_profile(
    "suite",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=120,
    print_blob=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("suite")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real annotated samples, beside the checkout."""
    path = Path(__file__).parents[2] / "shared" / "data"
    if not path.is_dir():
        pytest.skip("the real annotated samples (shared/data beside the checkout) are not here")
    return path
