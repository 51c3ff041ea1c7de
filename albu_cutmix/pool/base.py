"""The protocol of a pool, and what every pool of this package offers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from albu_cutmix.errors import InvalidArgumentError
from albu_cutmix.findings import Findings, find_problems
from albu_cutmix.sample import Donor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["BasePool", "DonorPool"]


@runtime_checkable
class DonorPool(Protocol):
    """Anything with a length and an index.

    Optional: `classes` (names or a count), which `CutMix` reads where its own `classes` is None;
    `weights`, the chance of each donor; `takes_seed` and `draw(index, seed)`, for donors that are
    made by chance; `to_spec()`, plain data that makes the pool anew, or None; `digest()`, a text
    that names its content.
    """

    def __len__(self) -> int:
        """Return the number of donors."""

    def __getitem__(self, index: int) -> Donor | Mapping[str, Any]:
        """Return donor *index*; a mapping holds the keys and formats of a pipeline call."""


class BasePool:
    """What every pool of this package offers.

    Attributes:
        classes: Names or count of the class labels.
        weights: Chance of each donor to be drawn, shape (N,), float64, in any scale; None: equal.
        takes_seed: Whether a donor depends on the seed it is drawn with.
    """

    classes: Sequence[str] | int | None = None
    weights: NDArray[np.float64] | None = None
    takes_seed: bool = False

    @property
    def findings(self) -> Sequence[str]:
        """What was left out when the pool was made and why, one text each."""
        return ()

    def __len__(self) -> int:
        """Return the number of donors."""
        raise NotImplementedError

    def __getitem__(self, index: int) -> Any:
        """Return donor *index*, read when asked for: a `Donor`, or a mapping as in a call."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[Any]:
        """Yield every donor in order."""
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        """Return name and size: pixels are never printed."""
        return f"{type(self).__name__}({len(self)} donors)"

    def sample(
        self, index: int, bbox_format: str = "pascal_voc", keypoint_format: str = "xy"
    ) -> dict[str, Any]:
        """Return a sample as keywords of a pipeline call: `transform(**pool.sample(i, "coco"))`.

        Args:
            index: Which sample.
            bbox_format: The format of the pipeline's `BboxParams`.
            keypoint_format: The format of its `KeypointParams`; angles in degrees.

        Returns:
            The sample; where the pool holds mappings, the mapping as it stands.
        """
        item = self[index]
        if isinstance(item, Donor):
            return item.to_mapping(bbox_format, keypoint_format)
        return dict(item)

    def draw(self, index: int, seed: int) -> Any:  # noqa: ARG002 - protocol
        """Return donor *index* as drawn with a seed, which means something if `takes_seed`."""
        return self[index]

    def read(self, index: int) -> Any:
        """Return donor *index* itself or raise: never another in its place."""
        return self[index]

    def name_of(self, index: int) -> str:  # noqa: ARG002 - a pool of files knows
        """Return the name of donor *index* without reading it, "" where it is not known."""
        return ""

    def to_spec(self) -> dict[str, Any] | None:
        """Return plain data that makes the pool anew; None where no plain data can."""
        return None

    def class_rows(self) -> tuple[NDArray[np.int64], NDArray[np.int32], tuple[Any, ...]]:
        """Return the classes of every donor, no image read: its label, else those of its boxes.

        Returns:
            Offsets (N + 1,), codes (M,), and the classes that the codes number from 0: donor i
            has the codes offsets[i] to offsets[i + 1], which may repeat. Of boxes with several
            label fields the first counts.

        Raises:
            InvalidArgumentError: If the classes cannot be known before donors are read.
        """
        raise InvalidArgumentError(
            f"the classes of {self!r} are known only when its items are read. Give `weighted` an "
            "array with a weight per donor, or hold the donors in a MemoryPool."
        )

    def validate(self, progress: bool | None = None) -> Findings:
        """Read every donor and return a table of what is wrong or doubtful.

        It shows what was left out of the annotations, images that cannot be read ("unreadable"),
        images that their annotation contradicts ("contradiction"), boxes that reach over the
        border by more than a pixel ("outside") or have a side under a pixel ("small"), and
        images with the same pixels ("duplicate").

        Args:
            progress: Whether to show a progress bar; None: where stderr is a terminal.

        Example:
            ```python
            print(coco_pool("train.json", "train").validate())
            ```
        """
        return find_problems(self, progress)

    def _check_index(self, index: int) -> int:
        if not -len(self) <= index < len(self):
            raise IndexError(f"{self!r} has no donor {index}.")
        return index % len(self)
