"""Files for pools: small true ones, 17 wide and 11 high, and the hostile kind."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 17, 11
BILLION_LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "ha">'
    + "".join(f'<!ENTITY b{i} "{f"&b{i - 1 if i else str()};" * 10}">' for i in range(9))
    + "]><annotation><filename>&b8;</filename></annotation>"
)
QUADRATIC = (
    f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "{"x" * 50_000}">]>'
    f"<annotation><filename>{'&b;' * 50_000}</filename></annotation>"
)
EXTERNAL = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]>'
    "<annotation><filename>&b;</filename></annotation>"
)


def pixels(seed: int = 0, shape: tuple[int, ...] = (HEIGHT, WIDTH, 3)) -> np.ndarray:
    """Noise, uint8."""
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def save_image(path: Path, image: np.ndarray | None = None, **options: Any) -> np.ndarray:
    """Write an image by Pillow and return its pixels."""
    image = pixels() if image is None else image
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, **options)
    return image


def exif_turn() -> Image.Exif:
    """EXIF that says: turn by a quarter to show."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def truncate(path: Path, share: float) -> None:
    """Cut the end off a file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def absurd_png(path: Path, width: int, height: int) -> None:
    """Write a PNG of some bytes whose header promises a huge image."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + data + chunk(b"IEND", b""))


def coco(**changes: Any) -> dict[str, Any]:
    """A true COCO annotation file: two images, two annotations, ids with gaps."""
    annotation = {"image_id": 7, "category_id": 9, "iscrowd": 0, "area": 6.0}
    data = {
        "images": [
            {"id": 7, "file_name": "a.png", "width": WIDTH, "height": HEIGHT},
            {"id": 3, "file_name": "b.png", "width": WIDTH, "height": HEIGHT},
        ],
        "annotations": [
            annotation | {"id": 1, "bbox": [2.5, 3, 4, 5], "segmentation": square(2.5, 3, 4, 5)},
            annotation
            | {"id": 2, "category_id": 4, "bbox": [0, 0, 2, 2], "segmentation": square(0, 0, 2, 2)},
        ],
        "categories": [{"id": 9, "name": "pear"}, {"id": 4, "name": "apple"}],
    }
    return data | changes


def change(part: str, index: int, **values: Any) -> dict[str, Any]:
    """The true file with one entry changed; a value of ... takes the key away."""
    data = coco()
    entry = data[part][index] | values
    data[part][index] = {key: value for key, value in entry.items() if value is not ...}
    return data


def square(x: float, y: float, width: float, height: float) -> list[list[float]]:
    """A box as a COCO polygon."""
    return [[x, y, x + width, y, x + width, y + height, x, y + height]]


def save_coco(folder: Path, data: Any = None) -> tuple[Path, Path]:
    """Write annotations and their two images; return the two arguments of `coco_pool`."""
    images = folder / "images"
    for seed, name in enumerate(("a.png", "b.png")):
        save_image(images / name, pixels(seed))
    path = folder / "ann.json"
    text = data if isinstance(data, str) else json.dumps(coco() if data is None else data)
    path.write_text(text, encoding="utf-8")
    return path, images


def voc(objects: str = "", filename: str = "a.png", size: tuple[int, int] = (WIDTH, HEIGHT)) -> str:
    """A Pascal VOC annotation."""
    return (
        f"<annotation><filename>{filename}</filename><size><width>{size[0]}</width>"
        f"<height>{size[1]}</height><depth>3</depth></size>{objects}</annotation>"
    )


def voc_object(name: str, *bbox: Any) -> str:
    """An object of a Pascal VOC annotation."""
    sides = zip(("xmin", "ymin", "xmax", "ymax"), bbox, strict=True)
    box = "".join(f"<{side}>{value}</{side}>" for side, value in sides)
    return f"<object><name>{name}</name><bndbox>{box}</bndbox></object>"
