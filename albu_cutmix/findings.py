"""What is wrong or doubtful in a pool, as a table that people read."""

from __future__ import annotations

import hashlib
import html
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np

from albu_cutmix.checks import check_image
from albu_cutmix.errors import DonorReadError, InvalidSampleError
from albu_cutmix.progress import progress_bar
from albu_cutmix.sample import Donor

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Finding", "Findings", "find_problems"]

OVERSHOOT = 1.0  # pixels beyond the border that rounding explains
SMALLEST = 1.0  # pixels; a shorter side cannot be seen
LEAST_WIDTH = 30  # letters of a message in a line, however narrow the terminal
HTML_ROWS = 200  # a page with more stops to scroll


class Finding(NamedTuple):
    """One row of the table.

    Args:
        index: Which donor; -1: something that was left out when the pool was made.
        donor: Its `id`, "" where it has none.
        kind: "left out", "unreadable", "contradiction", "outside", "small" or "duplicate".
        message: What is wrong, and where.
    """

    index: int  # type: ignore[assignment]  # hides tuple.index, of no use in a row
    donor: str
    kind: str
    message: str


class Findings(Sequence[Finding]):
    """A table of findings: a sequence that prints itself.

    Args:
        rows: The findings.
        donors: How many donors were looked at.
    """

    def __init__(self, rows: Sequence[Finding], donors: int) -> None:
        self._rows, self.donors = tuple(rows), donors

    def __len__(self) -> int:
        """Return the number of findings."""
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Finding: ...

    @overload
    def __getitem__(self, index: slice) -> Findings: ...

    def __getitem__(self, index: int | slice) -> Finding | Findings:
        """Return one finding, or a table of some."""
        found = self._rows[index]
        return found if isinstance(found, Finding) else Findings(found, self.donors)

    @property
    def counts(self) -> dict[str, int]:
        """How many there are of each kind, the most frequent first."""
        return dict(Counter(row.kind for row in self._rows).most_common())

    def rows(self) -> list[dict[str, Any]]:
        """Return plain rows: `pandas.DataFrame(findings.rows())`."""
        return [row._asdict() for row in self._rows]

    @property
    def title(self) -> str:
        """The whole in a line."""
        if not self._rows:
            return f"no findings in {self.donors} donors"
        counts = ", ".join(f"{number} {kind}" for kind, number in self.counts.items())
        what = "finding" if len(self) == 1 else "findings"
        return f"{len(self)} {what} in {self.donors} donors: {counts}"

    def __repr__(self) -> str:
        """Return the whole in a line."""
        return f"<{self.title}>"

    def __str__(self) -> str:
        """Return the table; messages go on in lines of their own, as wide as the terminal."""
        width = shutil.get_terminal_size((100, 24)).columns
        cells = [Finding._fields] + [tuple(map(_one_line, row)) for row in self._rows]
        sizes = [max(map(len, column)) for column in zip(*cells, strict=True)][:-1]
        lines = []
        for *row, message in cells if self._rows else []:
            head = "".join(f"{cell:{size}}  " for cell, size in zip(row, sizes, strict=True))
            room = max(width - len(head), LEAST_WIDTH)
            parts = [message[at : at + room] for at in range(0, len(message), room)] or [""]
            lines += [f"{head}{parts[0]}".rstrip(), *(" " * len(head) + one for one in parts[1:])]
        return "\n".join([self.title, *lines])

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        head = "".join(f"<th>{name}</th>" for name in Finding._fields)
        body = "".join(
            f"<tr>{''.join(f'<td>{html.escape(str(cell))}</td>' for cell in row)}</tr>"
            for row in self._rows[:HTML_ROWS]
        )
        more = len(self) - HTML_ROWS
        tail = f"<p>... and {more} more; .rows() has all.</p>" if more > 0 else ""
        table = f"<table><tr>{head}</tr>{body}</table>" if self._rows else ""
        return f"<p>{html.escape(self.title)}</p>{table}{tail}"


def _one_line(cell: Any) -> str:
    """Return a cell of the table; texts from files may hold anything that moves a cursor."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(cell))


def find_problems(pool: Any, progress: bool | None = None) -> Findings:
    """Return what is wrong or doubtful in a pool: every donor is read, one at a time.

    Args:
        pool: A pool with `read`, such as those of this package.
        progress: See `progress_bar`.
    """
    rows = [Finding(-1, "", "left out", text) for text in pool.findings]
    seen: dict[bytes, tuple[int, str]] = {}
    indices = progress_bar(range(len(pool)), len(pool), progress, what="validate", unit="donor")
    for index in indices:
        rows += _judge(pool, index, seen)
    return Findings(rows, len(pool))


def _judge(pool: Any, index: int, seen: dict[bytes, tuple[int, str]]) -> Iterator[Finding]:
    """Yield what is wrong with one donor."""
    try:
        donor = pool.read(index)
        name, image = _look(donor, f"donor {index}")
    except InvalidSampleError as error:
        yield Finding(index, pool.name_of(index), "contradiction", str(error))
        return
    except Exception as error:  # noqa: BLE001 - a data set of the user raises anything
        what = "" if isinstance(error, DonorReadError) else f"{type(error).__name__}: "
        yield Finding(index, pool.name_of(index), "unreadable", f"{what}{error}")
        return
    if isinstance(donor, Donor) and donor.bboxes is not None:
        yield from (Finding(index, name, *found) for found in _judge_bboxes(donor))
    key = hashlib.blake2b(f"{image.dtype}{image.shape}".encode(), digest_size=16)
    key.update(image.view(np.uint8).data)
    first, other = seen.setdefault(key.digest(), (index, name))
    if first != index:
        yield Finding(index, name, "duplicate", f"has the pixels of donor {first} ({other!r})")


def _look(donor: Any, where: str) -> tuple[str, NDArray[Any]]:
    """Return the name of a donor and its image, which no mapping was asked for yet."""
    if isinstance(donor, Donor):
        return donor.id, np.ascontiguousarray(donor.image)
    try:
        check_image(donor["image"], where)
    except InvalidSampleError as error:  # nothing contradicts it: there is nothing to be seen
        raise DonorReadError(str(error)) from error
    return str(donor.get("id", "")), np.ascontiguousarray(donor["image"])


def _judge_bboxes(donor: Donor) -> Iterator[tuple[str, str]]:
    """Yield kind and message of the boxes that are doubtful."""
    bboxes = np.asarray(donor.bboxes)
    height, width = donor.shape
    over = np.maximum(-bboxes[:, :2], bboxes[:, 2:] - (width, height)).max(1, initial=0)
    sides = bboxes[:, 2:] - bboxes[:, :2]
    for row in np.flatnonzero(over > OVERSHOOT).tolist():
        yield (
            "outside",
            (
                f"box {row} {_show(bboxes[row])} reaches {over[row]:.1f} px over the border of the "
                f"image (width {width}, height {height})"
            ),
        )
    for row in np.flatnonzero((sides < SMALLEST).any(1)).tolist():
        yield "small", f"box {row} {_show(bboxes[row])} has a side under {SMALLEST:.0f} px"


def _show(bbox: Any) -> str:
    return f"[{', '.join(f'{side:.6g}' for side in bbox.tolist())}]"
