"""`show`: one mix of a pipeline as a picture, before, donor and after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from albu_cutmix.canvas import COLORS, draw_legend, seam_names
from albu_cutmix.draw import draw_groups, draw_source, name_patch
from albu_cutmix.limits import SafetyFlag
from albu_cutmix.report.bench import Bench
from albu_cutmix.report.gallery import group_objects

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from albu_cutmix.host.observe import Observation
    from albu_cutmix.record import MixRecord

__all__ = ["show"]

TILE, GAP, TEXT = 420, 12, 26  # pixels
INK, PAPER = (35, 39, 54), (250, 250, 252)


def show(
    transform: Any,
    sample: Mapping[str, Any],
    *,
    seed: int = 0,
    record_key: str | None = None,
    seam_width: int | None = None,
) -> Image.Image:
    """Return one mix as a picture that a notebook displays: before, donor and after.

    Boxes have the colour of their fate; the seam is drawn over the result, and what is unsafe
    stands below. The pipeline's other steps run too; what is shown is what entered the mix and
    what came out of it.

    Args:
        transform: A mix, or a pipeline that holds one. Not changed.
        sample: Keywords of its call; a donor for a bare mix works too.
        seed: Of the draws.
        record_key: Of a pipeline with several mixes the one that is shown.
        seam_width: How many pixels deep the seam is marked; None: a hundredth of the image.

    Raises:
        InvalidArgumentError: If the transform does not hold one mix.
        InvalidSampleError: If the sample cannot be mixed truthfully.

    >>> from albu_cutmix import CutMix
    >>> from albu_cutmix.scenes import scene_pool
    >>> scenes = scene_pool(3)
    >>> show(CutMix(scenes, p=1.0), scenes[0]).width
    1308
    """
    seen = Bench(transform, [sample], seed, record_key=record_key).mix_sample(0, seed).seen
    own, given = group_objects(seen.primary), group_objects(seen.donor, donor=True)
    width = seam_width or max(round(min(seen.image.shape[:2]) / 100), 1)
    seam = seen.draw_seam(width) if seen.record.applied else None
    tiles = [
        ("before", draw_groups(seen.before, group_objects(seen.primary, now=False), seen.record))
    ]
    for slot, image in enumerate(seen.given):
        name = "donor" if len(seen.given) == 1 else f"donor {slot + 1}"
        tiles.append((name, draw_source(image, seen.record, slot)))
    tiles.append(("after", draw_groups(seen.image, [*own, *given], seen.record, seam=seam)))
    return _lay_out(tiles, seen, seam)


def _lay_out(
    tiles: list[tuple[str, Any]], seen: Observation, seam: NDArray[np.uint8] | None
) -> Image.Image:
    """Put pictures side by side, with their names above and a legend below."""
    pictures = [_fit(pixels) for _, pixels in tiles]
    columns = len(pictures)
    width = columns * TILE + (columns + 1) * GAP
    height = max(picture.height for picture in pictures)
    canvas = Image.new("RGB", (width, height + TEXT + GAP), PAPER)
    draw = ImageDraw.Draw(canvas)
    for column, ((name, _), picture) in enumerate(zip(tiles, pictures, strict=True)):
        x = GAP + column * (TILE + GAP)
        draw.text((x, 3), name, INK, ImageFont.load_default(18))
        canvas.paste(picture, (x, TEXT))
    used = {one["fate"] for one in seen.primary} | ({"donor"} if seen.donor else set())
    used |= {name_patch(seen.record)} if seen.record.applied else set()
    used |= set() if seam is None else set(seam_names(seam))
    legend = draw_legend([name for name in COLORS if name in used], width, _note(seen.record))
    return Image.fromarray(np.vstack([np.asarray(canvas), legend]))


def _fit(pixels: Any) -> Image.Image:
    picture = Image.fromarray(pixels)
    factor = TILE / max(picture.size)
    size = tuple(max(round(side * factor), 1) for side in picture.size)
    return picture.resize(size, Image.Resampling.LANCZOS)  # type: ignore[arg-type]


def _note(record: MixRecord) -> str:
    """Say in a line what the record holds."""
    names = ", ".join(str(flag.name) for flag in SafetyFlag if flag & record.flags)
    if not record.applied:
        words = {
            "p": "its probability left it out",
            "not called": "it was not called, the pipeline went another way",
        }
        why = words.get(record.reason, record.reason)
        return f"not applied: {why}" + (f" ({names})" if names else "")
    return f"lam {record.lam:.3f}; {f'unsafe: {names}' if names else 'no flag'}"
