"""Read one image file of a pool: what the header says is judged before a pixel is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image

from albu_cutmix.checks import IMAGE_DTYPES
from albu_cutmix.errors import DonorReadError, InvalidArgumentError, InvalidSampleError
from albu_cutmix.formats.brief import brief
from albu_cutmix.formats.paths import read_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["FileOptions", "read_image"]

# Pillow knows many more; its rarer parsers have no business with files from elsewhere.
FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "PPM", "JPEG2000")
LARGEST = 2**30  # pixels; OpenCV refuses more whatever we allow
ORIENTATION = 0x0112  # EXIF tag; 5 to 8 exchange width and height
FLAGS = {
    # ANYDEPTH keeps 16 bits where there are 16, so that the loss is seen and not made.
    "rgb": cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH,
    "bgr": cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH,
    "gray": cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH,
    "unchanged": cv2.IMREAD_UNCHANGED,
}


@dataclass(frozen=True)
class FileOptions:
    """How the images of a pool are read.

    Args:
        max_pixels: Most pixels (width x height) an image may have.
        color: "rgb", "bgr", "gray" (uint8, EXIF orientation applied), or "unchanged": depth,
            alpha and channel order (BGR, BGRA) of `cv2.imread(..., cv2.IMREAD_UNCHANGED)`, EXIF
            orientation not applied.

    Raises:
        InvalidArgumentError: If an argument is out of range.
    """

    max_pixels: int = 64_000_000
    color: str = "rgb"

    def __post_init__(self) -> None:
        """Check the arguments once."""
        whole = isinstance(self.max_pixels, int) and not isinstance(self.max_pixels, bool)
        if not whole or not 1 <= self.max_pixels <= LARGEST:
            raise InvalidArgumentError(
                f"max_pixels must be a whole number from 1 to {LARGEST}, got "
                f"{brief(self.max_pixels)}."
            )
        if not isinstance(self.color, str) or self.color not in FLAGS:
            raise InvalidArgumentError(
                f"color must be one of {', '.join(FLAGS)}, got {brief(self.color)}."
            )


def read_image(
    path: Path, options: FileOptions, shape: tuple[int, int] = (0, 0)
) -> NDArray[np.uint8 | np.uint16 | np.float32]:
    """Return the pixels of a file.

    Args:
        path: The file.
        options: See `FileOptions`.
        shape: (height, width) that the annotation gives, pixels; (0, 0): not known.

    Returns:
        Shape (H, W, 3) or (H, W); uint8 unless `color="unchanged"`.

    Raises:
        DonorReadError: If the file is missing, damaged, truncated, no image, too large, of
            several frames, or of a kind that cannot be converted without loss.
        InvalidSampleError: If the image is not of the size that the annotation gives.
    """
    # Raw pixels take at most 16 bytes each; the rest is room for headers and metadata.
    data = read_bytes(path, 16 * options.max_pixels + 2**20)
    header = _read_header(path, data, options.max_pixels)
    _check_kind(path, header, options.color)
    _check_complete(path, data, header)
    image = _decode(path, data, options.color)
    if any(shape) and image.shape[:2] != shape:
        raise InvalidSampleError(_other_size(path, header, image.shape, shape))
    return image


def _read_header(path: Path, data: bytes, max_pixels: int) -> Image.Image:
    """Return the file as Pillow sees it, nothing decoded."""
    try:
        header = Image.open(BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DonorReadError(
            f"{path}: {error} max_pixels is {max_pixels}; beyond Pillow's own limit "
            "PIL.Image.MAX_IMAGE_PIXELS must be raised too."
        ) from error
    except Exception as error:  # damaged headers make Pillow's parsers raise anything
        raise DonorReadError(
            f"{path}: is no image of a known format ({', '.join(FORMATS)}), or its header is "
            "damaged."
        ) from error
    width, height = header.size
    if width * height > max_pixels:
        raise DonorReadError(
            f"{path}: has {width} x {height} = {width * height} pixels, more than "
            f"max_pixels={max_pixels}. Raise max_pixels if the file can be trusted."
        )
    return header


def _check_kind(path: Path, header: Image.Image, color: str) -> None:
    """Refuse what the decoder would cut down without a word."""
    # A phone's MPO is a JPEG with previews after it; its first frame is the photograph.
    if header.format != "MPO" and _is_animated(path, header):
        raise DonorReadError(
            f"{path}: holds several frames ({header.format}); a donor is one image. Save the "
            "frames as files of their own."
        )
    if header.mode in ("CMYK", "LAB"):
        raise DonorReadError(
            f"{path}: is {header.mode}, whose conversion depends on a colour profile. Convert it "
            "to RGB, for example with PIL.ImageCms."
        )
    if color != "unchanged" and _has_clear_pixels(path, header):
        raise DonorReadError(
            f"{path}: has transparent pixels, which color={color!r} would drop. Use "
            "color='unchanged', or flatten the file."
        )


def _is_animated(path: Path, header: Image.Image) -> bool:
    try:
        return bool(getattr(header, "is_animated", False))
    except Exception as error:  # looks for the second frame, whose header may be damaged
        raise DonorReadError(f"{path}: its frames cannot be counted: {error}.") from error


def _has_clear_pixels(path: Path, header: Image.Image) -> bool:
    """Return whether dropping alpha would lose something; opaque alpha says nothing."""
    if header.mode not in ("RGBA", "LA", "PA") and "transparency" not in header.info:
        return False
    try:
        alpha = header.convert("RGBA").getchannel("A")
    except Exception as error:  # the decoders raise anything on damaged data
        raise DonorReadError(f"{path}: cannot be decoded: {error}.") from error
    return bool(np.asarray(alpha).min() < 255)


def _check_complete(path: Path, data: bytes, header: Image.Image) -> None:
    """Refuse a truncated file: some decoders fill the rest with grey and say nothing.

    JPEG and PNG have an end mark, which costs nothing to find. Other formats are rare as
    training data, and are decoded once more by Pillow, which does notice.
    """
    complete = True
    if header.format in ("JPEG", "MPO"):
        complete = _jpeg_ends(data)
    elif header.format == "PNG":
        complete = b"IEND\xaeB\x60\x82" in data
    else:
        try:
            header.load()
        except Exception as error:  # the decoders raise anything on damaged data
            raise DonorReadError(f"{path}: is truncated or damaged: {error}.") from error
    if not complete:
        raise DonorReadError(f"{path}: is truncated: its end mark is missing. Copy it again.")


def _jpeg_ends(data: bytes) -> bool:
    """Return whether an end mark follows the first scan; thumbnails lie before it."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return True  # not as the standard says: the decoder decides
        if data[at + 1] == 0xFF:  # a fill byte
            at += 1
        elif data[at + 1] == 0xDA:
            return data.find(b"\xff\xd9", at) != -1
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return False


def _decode(path: Path, data: bytes, color: str) -> NDArray[Any]:
    """Return the pixels; see `FLAGS`."""
    try:
        # From the bytes that were judged: the file may be another one by now.
        image = cv2.imdecode(np.frombuffer(data, np.uint8), FLAGS[color])
    except cv2.error as error:
        raise DonorReadError(f"{path}: OpenCV cannot decode it: {error}.") from error
    if image is None:
        raise DonorReadError(f"{path}: OpenCV cannot decode it; it is damaged or truncated.")
    if color != "unchanged" and image.dtype != np.uint8:
        raise DonorReadError(
            f"{path}: is {image.dtype}, which color={color!r} would cut to 8 bits. Use "
            "color='unchanged', or convert the file."
        )
    if image.dtype not in IMAGE_DTYPES:
        raise DonorReadError(
            f"{path}: is {image.dtype}, must be one of {', '.join(map(str, IMAGE_DTYPES))}. "
            "Convert the file."
        )
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if color == "rgb" else image)


def _orientation(header: Image.Image) -> Any:
    """Return the EXIF orientation; damaged EXIF turns nothing."""
    try:
        return header.getexif().get(ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - Pillow's parser raises anything, and only a hint is lost
        return 1


def _other_size(
    path: Path, header: Image.Image, decoded: tuple[int, ...], shape: tuple[int, int]
) -> str:
    """Return the message for an image that is not of its annotation's size."""
    text = (
        f"{path}: is {decoded[1]} x {decoded[0]} pixels (width x height), its annotation says "
        f"{shape[1]} x {shape[0]}."
    )
    if decoded[:2] != (shape[1], shape[0]):
        return f"{text} Is it the annotation of another image, or was the image resized?"
    if _orientation(header) not in (5, 6, 7, 8):
        return (
            f"{text} Width and height are exchanged, and the file has no EXIF orientation that "
            "would explain it. Correct the annotation."
        )
    if (header.size[1], header.size[0]) == shape:
        return (
            f"{text} The file's EXIF orientation turns it, and the annotation was made on the "
            "stored pixels. Save the image without its EXIF orientation, or use color='unchanged'."
        )
    return (
        f"{text} The annotation was made on the image as its EXIF orientation turns it. Save the "
        "image turned (PIL.ImageOps.exif_transpose), or use color='rgb'."
    )
