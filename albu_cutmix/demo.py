"""The demo: mix a few samples of a pool, draw what happened, write the records."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import albumentations as A
import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from albu_cutmix.canvas import draw_legend
from albu_cutmix.draw import Group, draw_groups, draw_mix, draw_source
from albu_cutmix.errors import EmptyPoolError, InvalidArgumentError
from albu_cutmix.matching import Fates, match_fates
from albu_cutmix.sample import Donor
from albu_cutmix.transforms import CutMix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from albu_cutmix.pool import BasePool
    from albu_cutmix.record import MixRecord

__all__ = ["Mixed", "draw_sheet", "mix_samples", "run"]

BOXES = A.BboxParams("pascal_voc", label_fields=["labels"], clip=True)
TILE = (480, 360)  # width and height of one picture in the sheet
INK, PALE = (35, 39, 54), (105, 111, 130)


class Mixed(NamedTuple):
    """One mix with both of its sides."""

    primary: dict[str, Any]
    donor: Donor
    out: dict[str, Any]
    fates: Fates

    @property
    def record(self) -> MixRecord:
        """The record of the mix."""
        return self.out["mix"]  # type: ignore[no-any-return]


def run(pool: BasePool, out: Path, *, n: int = 4, seed: int = 0) -> str:
    """Mix samples and write `contact_sheet.png` and `records.jsonl`.

    Args:
        pool: Samples and donors alike.
        out: Folder for the results; made where it is missing.
        n: Number of mixes.
        seed: Seed of the draws.

    Returns:
        A line of figures.

    Raises:
        InvalidArgumentError: If n is no positive number.
        EmptyPoolError: If the pool holds fewer than two samples.
        OSError: If the folder cannot be written; found before the work.
    """
    if n < 1:
        raise InvalidArgumentError(f"--n must be at least 1, got {n}.")
    if len(pool) < 2:
        raise EmptyPoolError(f"the demo needs at least two samples, got {len(pool)} in {pool!r}.")
    out.mkdir(parents=True, exist_ok=True)
    records = out / "records.jsonl"
    with records.open("w", encoding="utf-8") as file:
        transform = A.Compose(
            [CutMix(pool, area_range=(0.12, 0.33), p=1.0)],
            bbox_params=None if pool[0].bboxes is None else BOXES,
            seed=seed,
        )
        spread = [k * len(pool) // n if n <= len(pool) else k % len(pool) for k in range(n)]
        mixes = mix_samples(transform, pool, spread)
        file.writelines(mixed.record.to_json() + "\n" for mixed in mixes)
    sheet = out / "contact_sheet.png"
    Image.fromarray(draw_sheet(mixes)).save(sheet, optimize=True)
    total = {name: sum(len(getattr(m.fates, name)) for m in mixes) for name in Fates._fields}
    lam = np.mean([float(mixed.record.lam) for mixed in mixes])
    return (
        f"{n} mixes: {100 * (1 - lam):.0f} % of the pixels from donors; boxes: "
        f"{total['kept']} kept, {total['clipped']} clipped, {total['dropped']} dropped, "
        f"{total['donor']} from donors\n{sheet}\n{records}"
    )


def mix_samples(transform: Any, pool: BasePool, indices: Iterable[int]) -> list[Mixed]:
    """Mix some samples of a pool, each with another one of it.

    Args:
        transform: A pipeline with boxes as "pascal_voc" that ends in a mix of this pool.
        pool: Samples and donors alike.
        indices: Which samples.
    """
    mixes = []
    for index in indices:
        primary = pool.sample(index)
        out = transform(**primary, pool_index=index)
        before, after = (
            np.asarray(data.get("bboxes", []), np.float64).reshape(-1, 4) for data in (primary, out)
        )
        fates = match_fates(after, before, out["mix"], primary.get("masks"))
        donor = pool[int(out["mix"].donors[0])] if out["mix"].applied else pool[index]
        mixes.append(Mixed(primary, donor, out, fates))
    return mixes


def draw_sheet(mixes: list[Mixed]) -> NDArray[np.uint8]:
    """Draw primary, donor and mix of every sample under a title and a legend; RGB, uint8."""
    width = 3 * TILE[0] + 4 * 16
    parts = [_title(width), draw_legend([*Fates._fields, "patch"], width)]
    parts += [_row(mixed, width) for mixed in mixes]
    return np.vstack([*parts, np.full((10, width, 3), 250, np.uint8)])


def _title(width: int) -> NDArray[np.uint8]:
    canvas = Image.new("RGB", (width, 122), (250, 250, 252))
    draw = ImageDraw.Draw(canvas)
    draw.text((16, 12), "CutMix, with every target kept true", INK, ImageFont.load_default(30))
    text = (
        "A rectangle of the donor replaces one of the primary. Boxes and instance masks are "
        "clipped or dropped by\nwhat still shows; labels are weighted by the pixels that each side "
        "owns."
    )
    draw.multiline_text((16, 54), text, PALE, ImageFont.load_default(18), spacing=6)
    return np.asarray(canvas)


def _row(mixed: Mixed, width: int) -> NDArray[np.uint8]:
    record, canvas = mixed.record, Image.new("RGB", (width, TILE[1] + 62), (250, 250, 252))
    lam = float(record.lam)
    after = f"lam {lam:.2f}" if record.applied else f"not applied: {record.reason}"
    label, donor_label = mixed.primary.get("label"), mixed.donor.label
    if record.applied and isinstance(label, str) and label != donor_label:
        after += f", label {lam:.2f} {label} + {1 - lam:.2f} {donor_label}"
    counts = [f"{len(rows)} {name}" for name, rows in mixed.fates._asdict().items() if len(rows)]
    tiles = [
        ("primary", _draw_primary(mixed), ", ".join(counts)),
        ("donor", draw_source(mixed.donor.image, record), mixed.donor.id),
        ("mix", draw_mix(mixed.out, mixed.primary, legend=False), after),
    ]
    draw = ImageDraw.Draw(canvas)
    for column, (name, picture, caption) in enumerate(tiles):
        x = 16 + column * (TILE[0] + 16)
        factor = min(TILE[0] / picture.shape[1], TILE[1] / picture.shape[0])
        size = (round(picture.shape[1] * factor), round(picture.shape[0] * factor))
        tile = Image.fromarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
        canvas.paste(tile, (x + (TILE[0] - size[0]) // 2, 30 + (TILE[1] - size[1]) // 2))
        draw.text((x, 4), name, INK, ImageFont.load_default(19))
        draw.text((x, TILE[1] + 34), caption, PALE, ImageFont.load_default(16))
    return np.asarray(canvas)


def _draw_primary(mixed: Mixed) -> NDArray[np.uint8]:
    """Draw the primary with its boxes in the colour of what becomes of them."""
    fates = mixed.fates
    names = np.array(mixed.primary.get("labels", []), object)
    boxes = np.asarray(mixed.primary.get("bboxes", []), np.float64).reshape(-1, 4)
    stays = np.setdiff1d(np.arange(len(boxes)), fates.dropped)  # row k of the output is stays[k]
    rows = {"kept": stays[fates.kept], "clipped": stays[fates.clipped], "dropped": fates.dropped}
    groups = [Group(fate, boxes[some], names[some].tolist()) for fate, some in rows.items()]
    return draw_groups(mixed.primary["image"], groups, mixed.record)
