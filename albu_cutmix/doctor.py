"""`albu-cutmix doctor`: what is installed here, what works with it, and what not and why."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from albu_cutmix._backends import backend_info, broken_cupy

__all__ = ["examine", "find_trouble"]

HOSTS = ("albumentations", "albumentationsx")
OPENCV = ("opencv-python-headless", "opencv-python", "opencv-contrib-python")
OPTIONAL = {
    "report": ("jinja2", "matplotlib", "tqdm"),
    "training": ("torchvision", "lightning", "transformers", "ultralytics"),
    "data": ("pandas", "polars", "datasets", "pycocotools"),
}


def examine() -> Iterator[str]:
    """Yield the lines of the report; torch and CuPy are imported, the kernel is compiled."""
    python = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    yield f"albu_cutmix {_version('albu_cutmix') or 'not installed'}, {python}"
    for title, names in (("Albumentations", HOSTS), ("OpenCV", OPENCV), *OPTIONAL.items()):
        found = [f"{name} {number}" for name in names if (number := _version(name))]
        yield f"{title}: {', '.join(found) or 'none of ' + ', '.join(names)}"
    yield "batches:"
    for name, sentence in backend_info().items():
        yield f"  {name}: {sentence}"
    for trouble in find_trouble():
        yield f"TROUBLE: {trouble}"


def find_trouble() -> list[str]:
    """Return what is wrong with this installation, in sentences."""
    trouble = []
    hosts = [name for name in HOSTS if _version(name)]
    if len(hosts) == 2:
        trouble.append(
            "albumentations and albumentationsx are both installed, and both own `import "
            "albumentations`: files of one overwrite the other's. Uninstall both, then install one."
        )
    libraries = [name for name in OPENCV if _version(name)]
    if len(libraries) > 1:
        trouble.append(
            f"{' and '.join(libraries)} are installed side by side, and all own `import cv2`. "
            "Uninstall all, then install one."
        )
    if broken := broken_cupy():
        trouble.append(broken)
    return trouble


def _version(name: str) -> str:
    """Return the version of a distribution, "" where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
