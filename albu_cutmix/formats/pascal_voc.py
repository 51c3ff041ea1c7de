"""Pascal VOC XML as a pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError

import numpy as np
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from albu_cutmix.errors import DonorReadError, InvalidArgumentError, InvalidSampleError
from albu_cutmix.formats.brief import brief
from albu_cutmix.formats.columns import Column, PackedNumbers, PackedText
from albu_cutmix.formats.door import Door, check_classes, check_field, judge_bboxes
from albu_cutmix.formats.file_pool import FilePool
from albu_cutmix.formats.images import FileOptions
from albu_cutmix.formats.number_text import parse_numbers
from albu_cutmix.formats.paths import (
    IMAGE_SUFFIXES,
    TEXT_LIMIT,
    check_folder,
    check_name,
    check_path,
    is_file,
    list_files,
    read_bytes,
)
from albu_cutmix.formats.recipe import Recipe
from albu_cutmix.formats.table import BoxTable, group_rows

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["pascal_voc_pool"]


def pascal_voc_pool(
    annotations: str | Path | Sequence[str | Path],
    images: str | Path,
    *,
    classes: Sequence[str] | None = None,
    field: str = "labels",
    max_pixels: int = 64_000_000,
    color: str = "rgb",
    on_error: str = "raise",
) -> FilePool:
    """Make a pool of Pascal VOC annotations, one XML file per image.

    The files are read and checked now; images are opened when drawn. Coordinates are taken as
    they stand. Boxes of no area are left out with a warning.

    Args:
        annotations: A folder (with the folders in it), or a list of XML files, such as those of
            one split.
        images: The folder of the images. An image is the file of `<filename>`; where there is no
            such file, the one named as the XML file, with the suffix of an image.
        classes: Names that may occur, in order. None: those that do, sorted.
        field: Label field of the pipeline that takes the class names.
        max_pixels: See `coco_pool`.
        color: See `coco_pool`.
        on_error: See `coco_pool`.

    Returns:
        The pool; see `coco_pool`. Where `<size>` is not 0, images must have it.

    Raises:
        InvalidArgumentError: If an argument is not as said here.
        DonorReadError: If a file is missing, no XML, or holds entities.
        InvalidSampleError: If an annotation is false; the message names file and object.
        EmptyPoolError: If there is no annotation.

    Example:
        ```python
        pool = pascal_voc_pool("VOC2007/Annotations", "VOC2007/JPEGImages")
        ```
    """
    recipe = Recipe(pascal_voc_pool, locals())
    options = FileOptions(max_pixels, color)
    door = Door("pascal_voc_pool", on_error)
    root = check_folder(images, "images")
    reader = _Reader(door, root, check_classes(classes))
    for path in _find_annotations(annotations, door):
        try:
            reader.read_file(path)
        except (DonorReadError, InvalidSampleError) as error:  # noqa: PERF203 - one file each
            if on_error == "raise":
                raise
            door.leave_out(str(error), "annotation files")
    table = reader.table(check_field(field))
    door.announce()
    listed = isinstance(annotations, str | Path)
    return FilePool(
        root,
        reader.names,
        source=str(annotations) if listed else "the list of annotations",
        options=options,
        on_error=on_error,
        boxes=table,
        shapes=np.array(reader.shapes, np.int32).reshape(-1, 2),
        classes=reader.classes,
        findings=door.findings,
        recipe=recipe,
    )


def _find_annotations(annotations: Any, door: Door) -> list[Path]:
    if isinstance(annotations, str | Path):
        folder = check_folder(annotations, "annotations")
        return [folder / name for name in list_files(folder, (".xml",), door)]
    if isinstance(annotations, Mapping) or not hasattr(annotations, "__iter__"):
        raise InvalidArgumentError(
            f"annotations must be a folder or a list of XML files, got {brief(annotations)}."
        )
    return [check_path(path, "annotations") for path in annotations]


@dataclass
class _Reader:
    """The files on their way into flat arrays; thrown away when the pool is made."""

    door: Door
    root: Path
    classes: tuple[str, ...] | None
    names: list[str] = field(default_factory=list)
    shapes: list[tuple[int, int]] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    images: list[int] = field(default_factory=list)
    bboxes: list[list[float]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)

    def read_file(self, path: Path) -> None:
        """Take one annotation file."""
        tree = _parse(path)
        name = self._find_image(tree, path)
        shape = _read_size(tree, path)
        for position, entry in enumerate(tree.findall("object")):
            where = f"{path}: object {position}"
            try:
                label, bbox = self._read_object(entry, where)
            except InvalidSampleError as error:
                self.door.refuse(str(error))
                continue
            self.places.append(where)
            self.images.append(len(self.names))
            self.bboxes.append(bbox)
            self.labels.append(label)
        self.names.append(name)
        self.shapes.append(shape)

    def _find_image(self, tree: Element, path: Path) -> str:
        """Return the name of the image below the root; a stale `<filename>` is common."""
        named = _text(tree, "filename")
        if named:
            check_name(named, str(path))
            if is_file(self.root / named):
                return named
        for suffix in IMAGE_SUFFIXES:
            for name in (path.stem + suffix, path.stem + suffix.upper()):
                if is_file(self.root / name):
                    return name
        raise DonorReadError(
            f"{path}: has no image: neither its filename {named!r} nor {path.stem!r} with the "
            f"suffix of an image is in {self.root}."
        )

    def _read_object(self, entry: Element, where: str) -> tuple[str, list[float]]:
        label = _text(entry, "name")
        if not label:
            raise InvalidSampleError(f"{where} must have a <name>.")
        if self.classes is not None and label not in self.classes:
            raise InvalidSampleError(
                f"{where} must be one of the classes {list(self.classes)}, got {label!r}."
            )
        box = entry.find("bndbox")
        bbox = []
        for side in ("xmin", "ymin", "xmax", "ymax"):
            text = "" if box is None else _text(box, side)
            try:
                (value,) = parse_numbers(text)
            except (InvalidSampleError, ValueError) as error:
                raise InvalidSampleError(
                    f"{where} ({label}) must have a number as <{side}>, got {text[:40]!r}."
                ) from error
            bbox.append(value)
        return label, bbox

    def table(self, field: str) -> BoxTable:
        """Return the rows that may enter; they are in the order of their images already."""
        bboxes = np.array(self.bboxes, np.float64).reshape(-1, 4)
        image = np.array(self.images, np.int64)
        shapes = np.array(self.shapes, np.int32).reshape(-1, 2)[image]
        good = judge_bboxes(self.door, bboxes, "pascal_voc", shapes, self.places.__getitem__)
        _, offsets = group_rows(image[good], len(self.names))
        if self.classes is None:
            self.classes = tuple(sorted(set(self.labels)))
        codes = {name: code for code, name in enumerate(self.classes)}
        values = np.array([codes[label] for label in self.labels], np.int32)[good]
        column = Column(values, PackedText(self.classes))
        return BoxTable(offsets, PackedNumbers.pack(bboxes[good]), "pascal_voc", {field: column})


def _parse(path: Path) -> Element:
    data = read_bytes(path, TEXT_LIMIT)
    try:
        tree: Element = fromstring(data)
    except DefusedXmlException as error:
        raise DonorReadError(
            f"{path}: declares entities, which annotations never need and attacks use: {error}."
        ) from error
    except (ParseError, ValueError, LookupError) as error:  # syntax, encoding
        raise DonorReadError(f"{path}: must be XML, got {error}.") from error
    if tree.tag != "annotation":
        raise DonorReadError(f"{path}: must be a Pascal VOC <annotation>, got <{tree.tag}>.")
    return tree


def _text(parent: Element, tag: str) -> str:
    return (parent.findtext(tag) or "").strip()


def _read_size(tree: Element, path: Path) -> tuple[int, int]:
    """Return (height, width), or (0, 0) where the file does not say."""
    size = tree.find("size")
    if size is None:
        return 0, 0
    texts = _text(size, "height"), _text(size, "width")
    if not all(text.isascii() and text.isdigit() and len(text) <= 6 for text in texts):
        raise InvalidSampleError(
            f"{path}: must have <height> and <width> in whole pixels, got {texts[0]!r} and "
            f"{texts[1]!r}."
        )
    height, width = map(int, texts)
    return (height, width) if height and width else (0, 0)
