"""Where the objects of a call lie, for the placements "avoid" and "objects"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from albu_cutmix.boxes import snap
from albu_cutmix.errors import InvalidSampleError
from albu_cutmix.host.instances import bind_donor, bind_masks
from albu_cutmix.host.rows import read_bboxes
from albu_cutmix.outlines import outline_boxes, outline_masks, outline_regions, outline_runs
from albu_cutmix.shapes import Background, Regions, holds_pixel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from albu_cutmix.sample import Donor

__all__ = ["CallOutlines"]


class CallOutlines(NamedTuple):
    """The outlines of a call and its donors: of masks, else of regions of `mask`, else of boxes.

    Attributes:
        data: The call, in the host's form.
        processor: The pipeline's bbox processor, None where it has none.
        instances: Whether `masks` hold instances.
        index_field: The field of boxes that says which row of `masks` each one owns.
        background: Values of `mask` that are no object.
        whole: Whether each object is outlined whole, so that it can be covered; else only the
            pixels that show one.
    """

    data: Mapping[str, Any]
    processor: Any
    instances: bool
    index_field: str | None
    background: Background
    whole: bool

    def primary(self) -> NDArray[np.int64]:
        """Return the outlines of the primary's objects, (N, 4) int64."""
        data, kind, shape = self.data, self._kind, self.data["image"].shape[:2]
        rows = data.get("bboxes")
        if kind == "masks":
            return outline_masks(bind_masks(data["masks"], rows, self.index_field, self.processor))
        if kind == "mask":
            regions = Regions(data["mask"], self.background)
            return outline_regions(regions) if self.whole else outline_runs(regions)
        return outline_boxes(read_bboxes(data["bboxes"], shape), shape)

    def donor(self, donor: Donor, where: str) -> NDArray[np.int64]:
        """Return the outlines of a donor's objects that hold a pixel, (N, 4) int64.

        Raises:
            InvalidSampleError: If it has no such objects annotated.
        """
        kind = self._kind
        if getattr(donor, kind) is None:
            raise InvalidSampleError(
                f"placement='objects' looks for objects in {kind!r}, as in the primary, and "
                f"{where} has none. Give every donor its own; where there is no object, "
                "empty ones."
            )
        if kind == "masks":
            boxed = self.data.get("bboxes") is not None
            places = donor.mask_places[1][bind_donor(donor, where, self.index_field, boxed)]
            return places[places[:, 2] > places[:, 0]]
        if kind == "mask":
            return outline_regions(Regions(np.asarray(donor.mask), self.background))
        bboxes = snap(np.asarray(donor.bboxes))
        return outline_boxes(bboxes[holds_pixel(bboxes, donor.shape)], donor.shape)

    @property
    def _kind(self) -> str:
        if self.instances and self.data.get("masks") is not None:
            return "masks"
        return "mask" if self.data.get("mask") is not None else "bboxes"
