"""Image files, true and hostile, read at the draw."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hostile_files import HEIGHT, WIDTH, absurd_png, exif_turn, pixels, save_image, truncate
from PIL import Image

from albu_cutmix.errors import DonorReadError, InvalidSampleError
from albu_cutmix.formats import images
from albu_cutmix.formats.images import FileOptions, read_image

STORED = (HEIGHT, WIDTH)
TURNED = (WIDTH, HEIGHT)


def read(path: Path, color: str = "rgb", shape: tuple[int, int] = (0, 0), **options: Any) -> Any:
    """Read with keywords."""
    return read_image(path, FileOptions(color=color, **options), shape)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "ppm", "webp", "jp2"])
def test_lossless_formats(tmp_path: Path, suffix: str) -> None:
    """Every lossless format comes back as RGB, to the pixel."""
    options = {"webp": {"lossless": True}, "jp2": {"irreversible": False}}.get(suffix, {})
    image = save_image(tmp_path / f"a.{suffix}", **options)
    np.testing.assert_array_equal(read(tmp_path / f"a.{suffix}"), image)


def test_jpeg_is_what_opencv_reads(tmp_path: Path) -> None:
    """A JPEG has OpenCV's pixels, with the channels turned."""
    save_image(tmp_path / "a.jpg")
    expected = cv2.imread(str(tmp_path / "a.jpg"))
    np.testing.assert_array_equal(read(tmp_path / "a.jpg", "bgr"), expected)
    np.testing.assert_array_equal(read(tmp_path / "a.jpg"), expected[..., ::-1])


def test_gray(tmp_path: Path) -> None:
    """Grey files stay grey for "gray", and repeat for "rgb"."""
    image = save_image(tmp_path / "a.png", pixels(0, STORED))
    np.testing.assert_array_equal(read(tmp_path / "a.png", "gray"), image)
    np.testing.assert_array_equal(read(tmp_path / "a.png"), np.dstack([image] * 3))
    save_image(tmp_path / "b.png")
    assert read(tmp_path / "b.png", "gray").shape == STORED


def test_palettes(tmp_path: Path) -> None:
    """A palette becomes its colours, without loss."""
    image = Image.fromarray(pixels(0, STORED), "L").convert("P")
    image.putpalette(pixels(1, (768,)).tolist())
    for name in ("a.png", "a.bmp", "a.gif"):
        image.save(tmp_path / name)
        np.testing.assert_array_equal(read(tmp_path / name), np.asarray(image.convert("RGB")))


def test_one_bit(tmp_path: Path) -> None:
    """Black and white become 0 and 255."""
    image = Image.fromarray(pixels(0, STORED)).convert("1")
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read(tmp_path / "a.png", "gray"), np.asarray(image) * 255)


@pytest.mark.parametrize("channels", [(), (3,)], ids=["gray", "color"])
def test_sixteen_bits(tmp_path: Path, channels: tuple[int, ...]) -> None:
    """16 bits are kept by "unchanged" and refused elsewhere, with the way out."""
    image = np.arange(HEIGHT * WIDTH * (3 if channels else 1), dtype=np.uint16) * 97
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), image.reshape(*STORED, *channels))
    np.testing.assert_array_equal(read(path, "unchanged"), image.reshape(*STORED, *channels))
    for color in ("rgb", "bgr", "gray"):
        with pytest.raises(DonorReadError, match=f"is uint16, which color='{color}' would cut to"):
            read(path, color)


def clear_palette(path: Path) -> None:
    """Write a palette image whose colour 3 is transparent."""
    image = Image.fromarray(np.full(STORED, 3, np.uint8)).convert("P")
    image.save(path, transparency=3)


@pytest.mark.parametrize(
    "save",
    [
        pytest.param(lambda p: save_image(p, pixels(0, (*STORED, 4))), id="rgba"),
        pytest.param(lambda p: save_image(p, pixels(0, (*STORED, 2))), id="gray-alpha"),
        pytest.param(clear_palette, id="palette"),
    ],
)
def test_alpha(tmp_path: Path, save: Any) -> None:
    """Transparent pixels are refused unless "unchanged" keeps them."""
    save(tmp_path / "a.png")
    assert read(tmp_path / "a.png", "unchanged").shape == (*STORED, 4)
    with pytest.raises(DonorReadError, match=r"color='rgb' would drop. Use color='unchanged'"):
        read(tmp_path / "a.png")


def test_opaque_alpha(tmp_path: Path) -> None:
    """Alpha that is opaque everywhere says nothing, so nothing is lost."""
    image = np.dstack([pixels(), np.full(STORED, 255, np.uint8)])
    save_image(tmp_path / "a.png", image)
    np.testing.assert_array_equal(read(tmp_path / "a.png"), image[..., :3])


def test_cmyk(tmp_path: Path) -> None:
    """CMYK is refused: its colours depend on a profile."""
    Image.fromarray(pixels()).convert("CMYK").save(tmp_path / "a.jpg")
    with pytest.raises(DonorReadError, match=r"is CMYK, whose conversion depends .* Convert it"):
        read(tmp_path / "a.jpg")


def test_32_bit_integers(tmp_path: Path) -> None:
    """A depth that cannot be mixed is refused, even unchanged."""
    Image.fromarray(np.arange(187, dtype=np.int32).reshape(STORED)).save(tmp_path / "a.tiff")
    with pytest.raises(DonorReadError, match=r"a\.tiff: .*(must be one of|cannot decode)"):
        read(tmp_path / "a.tiff", "unchanged")


@pytest.mark.parametrize("suffix", ["gif", "tiff", "webp", "png"])
def test_several_frames(tmp_path: Path, suffix: str) -> None:
    """A file of several frames is no image."""
    save_image(tmp_path / f"a.{suffix}", save_all=True, append_images=[Image.fromarray(pixels(1))])
    with pytest.raises(DonorReadError, match=r"holds several frames .* Save the frames as files"):
        read(tmp_path / f"a.{suffix}")


def test_phone_photographs(tmp_path: Path) -> None:
    """An MPO is a JPEG with previews behind it, and is read as its photograph."""
    image = Image.fromarray(pixels())
    image.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[image])
    assert read(tmp_path / "a.jpg").shape == (*STORED, 3)


@pytest.mark.parametrize("side", [12_000, 40_000], ids=["144-million", "1600-million"])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_absurd_headers(tmp_path: Path, side: int) -> None:
    """A file of 70 bytes that promises gigabytes is refused before it is decoded."""
    absurd_png(tmp_path / "a.png", side, side)
    with pytest.raises(DonorReadError, match=r"a\.png: .*max_pixels.*64000000"):
        read(tmp_path / "a.png")


def test_max_pixels_is_exact(tmp_path: Path) -> None:
    """An image of exactly `max_pixels` is read, one more is refused."""
    save_image(tmp_path / "a.png")
    assert read(tmp_path / "a.png", max_pixels=187).shape == (*STORED, 3)
    with pytest.raises(DonorReadError, match="has 17 x 11 = 187 pixels, more than max_pixels=186"):
        read(tmp_path / "a.png", max_pixels=186)


def test_files_larger_than_pixels_can_be(tmp_path: Path) -> None:
    """A file too large for its greatest image is not read to the end."""
    (tmp_path / "a.png").write_bytes(b"\0" * (2**20 + 200))
    with pytest.raises(DonorReadError, match="must have at most 1048592 bytes, got more"):
        read(tmp_path / "a.png", max_pixels=1)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "tiff", "webp", "gif"])
def test_truncated_files(tmp_path: Path, suffix: str, share: float) -> None:
    """A truncated file is an error that names it, never half an image."""
    save_image(tmp_path / f"a.{suffix}", pixels(0, (61, 47, 3)))
    truncate(tmp_path / f"a.{suffix}", share)
    with pytest.raises(DonorReadError, match=rf"a\.{suffix}: "):
        read(tmp_path / f"a.{suffix}")


def test_truncation_is_told(tmp_path: Path) -> None:
    """A JPEG without its end is told from other damage, even with a whole thumbnail inside."""
    thumbnail = b"\xff\xd8\xff\xda\x00\x02ab\xff\xd9"
    save_image(tmp_path / "a.jpg", pixels(0, (61, 47, 3)), comment=thumbnail)
    assert read(tmp_path / "a.jpg").shape == (61, 47, 3)
    truncate(tmp_path / "a.jpg", 0.9)
    with pytest.raises(
        DonorReadError, match=r"is truncated: its end mark is missing. Copy it again"
    ):
        read(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    "data", [b"\xff\xd8", b"\xff\xd8\xff\xff\xda", b"\xff\xd8\xff\xe0\xff\xff"]
)
def test_jpegs_that_end_in_their_header(data: bytes) -> None:
    """A JPEG that ends before its first scan has no end mark."""
    assert not images._jpeg_ends(data)


def test_jpegs_with_rubbish_between_segments() -> None:
    """Where the structure is not the standard's, the decoder decides."""
    assert images._jpeg_ends(b"\xff\xd8rubbish")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not an image",
        b"\x89PNG\r\n\x1a\n",
        b"%!PS-Adobe-3.0 EPSF-3.0",
        b"II*\0\xff\xff\xff\xff",
    ],
    ids=["empty", "text", "png", "postscript", "tiff"],
)
def test_what_is_no_image(tmp_path: Path, data: bytes) -> None:
    """A file that is no image is an error of reading."""
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(DonorReadError, match=r"a\.png: is no image of a known format \(JPEG, PNG"):
        read(tmp_path / "a.png")


def test_damaged_pixels(tmp_path: Path) -> None:
    """Damage in the middle of a PNG is an error, not noise."""
    save_image(tmp_path / "a.png")
    data = bytearray((tmp_path / "a.png").read_bytes())
    data[60:160] = bytes(100)
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(DonorReadError, match=r"a\.png: OpenCV cannot decode it"):
        read(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_orientation_is_applied(tmp_path: Path, suffix: str) -> None:
    """A photograph held upright comes upright, and fits an annotation made on what is seen."""
    save_image(tmp_path / f"a.{suffix}", exif=exif_turn())
    assert read(tmp_path / f"a.{suffix}", shape=TURNED).shape == (*TURNED, 3)
    assert read(tmp_path / f"a.{suffix}", "unchanged", STORED).shape == (*STORED, 3)


@pytest.mark.parametrize(
    ("color", "shape", "words"),
    [
        pytest.param(
            "rgb",
            STORED,
            "is 11 x 17 pixels (width x height), its annotation says 17 x 11. The file's EXIF "
            "orientation turns it, and the annotation was made on the stored pixels. Save the "
            "image without its EXIF orientation",
            id="stored",
        ),
        pytest.param(
            "unchanged",
            TURNED,
            "made on the image as its EXIF orientation turns it. Save the image turned "
            "(PIL.ImageOps.exif_transpose)",
            id="turned",
        ),
        pytest.param(
            "rgb",
            (5, 5),
            "Is it the annotation of another image, or was the image resized?",
            id="other",
        ),
    ],
)
def test_orientation_against_annotation(
    tmp_path: Path, color: str, shape: tuple[int, int], words: str
) -> None:
    """An annotation of the other orientation is an error that names EXIF and the cure."""
    save_image(tmp_path / "a.jpg", exif=exif_turn())
    with pytest.raises(InvalidSampleError, match=re.escape(words)):
        read(tmp_path / "a.jpg", color, shape)


def test_exchanged_sides_without_exif(tmp_path: Path) -> None:
    """Width and height exchanged by the annotation alone are told from EXIF."""
    save_image(tmp_path / "a.jpg")
    with pytest.raises(InvalidSampleError, match="no EXIF orientation that would explain it"):
        read(tmp_path / "a.jpg", shape=TURNED)


def test_damaged_exif(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """EXIF that cannot be parsed costs the hint, not the message."""
    save_image(tmp_path / "a.png")

    def broken(_: Any) -> Any:
        raise SyntaxError("not a TIFF file")

    monkeypatch.setattr(Image.Image, "getexif", broken)
    with pytest.raises(InvalidSampleError, match="no EXIF orientation"):
        read(tmp_path / "a.png", shape=TURNED)
