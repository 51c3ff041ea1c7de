"""Marks on a picture: outlines, tints, dots, tags, and the legend that explains them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from albu_cutmix.seams import SeamFlag

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "COLORS",
    "dot",
    "draw_legend",
    "enlarge",
    "outline",
    "paint_seam",
    "seam_names",
    "tag",
    "tint",
    "to_rgb",
]

# Okabe and Ito's colours, which colour-blind people tell apart; dropped boxes are dashed as well.
COLORS = {
    "kept": (0, 190, 130),
    "clipped": (255, 176, 0),
    "dropped": (240, 70, 40),
    "ignored": (170, 175, 190),
    "donor": (80, 185, 255),
    "patch": (255, 255, 255),
    "hole": (255, 255, 255),
    "box": (205, 150, 255),
    "primary cut": (230, 60, 60),
    "donor cut": (60, 130, 255),
    "label jump": (240, 210, 60),
    "seam": (250, 250, 250),
}
MEANINGS = {
    "kept": "kept: not changed",
    "clipped": "clipped to what still shows",
    "dropped": "dropped: too little shows",
    "ignored": "still shows: to be ignored",
    "donor": "from the donor",
    "patch": "patch, and its source",
    "hole": "hole",
    "box": "of the mix",
    "primary cut": "seam cuts a primary object",
    "donor cut": "seam cuts a donor object",
    "label jump": "mask values differ",
    "seam": "seam, nothing cut",
}
SEAM_BITS = {
    "seam": SeamFlag.SEAM,
    "label jump": SeamFlag.LABEL_JUMP,
    "donor cut": SeamFlag.DONOR_CUT,
    "primary cut": SeamFlag.PRIMARY_CUT,
}
HALO = (15, 18, 28)


def enlarge(image: NDArray[np.uint8], scale: int) -> Image.Image:
    """Return a picture with each pixel a square of a whole number of pixels."""
    size = (image.shape[1] * scale, image.shape[0] * scale)
    return Image.fromarray(cv2.resize(image, size, interpolation=cv2.INTER_NEAREST))


def outline(canvas: Image.Image, box: Any, fate: str, dashed: bool) -> None:
    """Draw a rectangle in a fate's colour, with a dark halo that shows on any ground."""
    draw = ImageDraw.Draw(canvas)
    x_min, y_min, x_max, y_max = (round(float(value)) for value in box)
    x_max, y_max = max(x_max - 1, x_min), max(y_max - 1, y_min)
    corners = [(x_min, y_min), (x_max, y_min), (x_max, y_max), (x_min, y_max), (x_min, y_min)]
    for color, width in ((HALO, 5), (COLORS[fate], 3)):
        for (x, y), (x_end, y_end) in pairwise(corners):
            length = max(abs(x_end - x), abs(y_end - y))
            steps = range(0, max(length, 1), 14) if dashed else (0,)
            for step in steps:
                a, b = step / max(length, 1), min((step + 8) / max(length, 1), 1) if dashed else 1
                line = [x + (x_end - x) * a, y + (y_end - y) * a]
                line += [x + (x_end - x) * b, y + (y_end - y) * b]
                draw.line(line, fill=color, width=width)


def tag(canvas: Image.Image, box: Any, text: str, fate: str) -> None:
    """Write a name on a box's upper edge."""
    if not text:
        return
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(14)
    width = int(font.getlength(text)) + 8
    x = min(max(0, round(float(box[0]))), max(canvas.width - width, 0))
    y = max(0, round(float(box[1])) - 19)
    draw.rectangle((x, y, x + width, y + 18), fill=COLORS[fate], outline=HALO)
    draw.text((x + 4, y + 1), text, fill=HALO, font=font)


def tint(image: NDArray[np.uint8], masks: Any, fate: str) -> None:
    """Shade instance masks, (N, H, W), into an RGB image in a fate's colour, edges stronger."""
    color = np.array(COLORS[fate], np.float64)
    for mask in masks:
        inside = (np.asarray(mask) != 0).reshape(image.shape[:2]).view(np.uint8)
        inner = cv2.erode(inside, np.ones((3, 3), np.uint8), borderValue=0)
        weight = 0.18 * inside + 0.55 * (inside - inner)
        image[:] = np.rint(image + (color - image) * weight[..., None])


def paint_seam(image: NDArray[np.uint8], seam: NDArray[np.uint8]) -> None:
    """Paint a seam map, (H, W), over an RGB image; of several bits a cut is seen first."""
    for name, bit in SEAM_BITS.items():
        image[(seam.reshape(image.shape[:2]) & int(bit)) != 0] = COLORS[name]


def seam_names(seam: NDArray[np.uint8]) -> list[str]:
    """Return the marks of a seam map that a legend must explain."""
    return [name for name, bit in SEAM_BITS.items() if (seam & int(bit)).any()]


def dot(canvas: Image.Image, point: Any, fate: str) -> None:
    """Draw a keypoint, hollow where it was dropped."""
    draw, (x, y) = ImageDraw.Draw(canvas), (float(value) for value in point[:2])
    draw.ellipse((x - 6, y - 6, x + 6, y + 6), fill=HALO)
    fill = None if fate == "dropped" else COLORS[fate]
    draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=fill, outline=COLORS[fate], width=2)


def draw_legend(names: Sequence[str], width: int, note: str = "") -> NDArray[np.uint8]:
    """Draw a legend strip of a width; it grows downwards where a line is full."""
    font, line = ImageFont.load_default(16), 30
    places, x, y = [], 14, 0
    for name in names:
        length = 46 + int(font.getlength(MEANINGS[name]))
        if x + length > width and x > 14:
            x, y = 14, y + line
        places.append((name, x, y))
        x += length + 14
    extra = line if note else 0
    canvas = Image.new("RGB", (width, y + (line if places else 0) + extra + 8), (250, 250, 252))
    draw = ImageDraw.Draw(canvas)
    for name, x, y in places:
        draw.rectangle((x, y + 8, x + 30, y + 26), fill=(90, 98, 120))
        outline(
            canvas,
            np.array([x + 4, y + 11, x + 27, y + 24]),
            name,
            name in ("dropped", "patch", "hole"),
        )
        draw.text((x + 38, y + 7), MEANINGS[name], fill=(40, 44, 60), font=font)
    if note:
        draw.text((14, canvas.height - line + 1), note, fill=(90, 96, 115), font=font)
    return np.asarray(canvas)


def to_rgb(image: Any) -> NDArray[np.uint8]:
    """Return any image that can be mixed as RGB uint8: what a person can look at.

    Gray is repeated, further channels are left out; uint16 and float32 are stretched from their
    least to their greatest value, floats within [0, 1] as they are.
    """
    pixels = np.asarray(image)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    pixels = pixels[:, :, :3] if pixels.shape[2] >= 3 else pixels[:, :, :1].repeat(3, axis=2)
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels)
    low, high = float(pixels.min()), float(pixels.max())
    if pixels.dtype == np.float32 and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    scaled: NDArray[np.uint8] = np.rint((pixels - low) * (255 / max(high - low, 1e-9))).astype(
        np.uint8
    )
    return scaled
