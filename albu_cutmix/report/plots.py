"""Charts of the audit as inline SVG, drawn without a plotting library.

Colours, fonts and the dark theme come from the page's style sheet through class names, so a chart
stays sharp at any size and follows the theme. Only numbers and fixed words enter the markup.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from albu_cutmix.report.cells import nice_top, percent, round_percent

__all__ = ["RISKS", "Figure", "figures", "sweep_figures"]

WIDTH, NARROW, HEIGHT = 360, 270, 220
LEFT, RIGHT, TOP, BOTTOM = 44, 18, 22, 40
CELL = (12, 8)  # of a heat map: 24 x 24 of them have the shape of a photograph
MARKS = {
    "other": '<circle r="4"/>',
    "own": '<circle r="7"/>',
    "best": '<path d="M0-10l3 6.5 7 .8-5.2 4.8 1.4 7L0 5.6l-6.2 3.5 1.4-7-5.2-4.8 7-.8z"/>',
}
RISKS = {
    "erased": "Objects erased",
    "truncated": "Objects truncated",
    "donor_slivers": "Donor slivers",
    "seam_on_object": "Seam on an object",
}


class Figure(NamedTuple):
    """A chart with its words; `svg` is empty where there is nothing to draw."""

    title: str
    text: str
    svg: str


def figures(series: Mapping[str, Any]) -> list[Figure]:
    """Draw the series of an audit; see `albu_cutmix.report.page.render` for their form."""
    seen, noise = series["visibility"], series["noise"]
    return [
        Figure(
            "What is left of the primary's objects",
            "Share of each object that still shows. At the left end it is gone, at the right end "
            "it was not touched.",
            _histogram(seen["edges"], seen["primary"], "primary"),
        ),
        Figure(
            "What comes in of the donor's objects",
            "Share of each donor object that came with the patch. Fragments stand at the left.",
            _histogram(seen["edges"], seen["donor"], "donor"),
        ),
        Figure(
            "Erased by patch size",
            "Share of the primary's objects that are gone, by the patch's share of the image.",
            _by_share(series["erased_by_share"]),
        ),
        Figure(
            "Label weight against what shows",
            "The primary's share of all pixels (lam) and of the object pixels that show. Far from "
            "the line, the class label says something else than the picture.",
            _noise(noise["lam"], noise["lam_object"]),
        ),
        Figure(
            "Where patches lie",
            "How often each place of the image is covered.",
            _heat(series["patch_heat"]["values"], "patch", "covered in"),
        ),
        Figure(
            "Where objects are lost",
            "Share of the object pixels at each place that the patch hides.",
            _heat(series["lost_heat"]["values"], "lost", "hidden"),
        ),
    ]


def sweep_figures(sweep: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """Draw each risk of the settings tried against the share of the image that they mix."""
    if not sweep:
        return []
    return [Figure(title, "", _trade(sweep, key, title)) for key, title in RISKS.items()]


class _Chart:
    """A plot area with axes; x and y turn values into places."""

    def __init__(self, label: str, x: tuple[float, float], top: float, width: int = WIDTH) -> None:
        self.label, self.left, self.right, self.top = label, *x, top
        self.width, self.end = width, width - RIGHT
        self.parts: list[str] = []

    def x(self, value: float) -> float:
        share = (value - self.left) / (self.right - self.left)
        return LEFT + share * (self.end - LEFT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - value / self.top * (HEIGHT - TOP - BOTTOM)

    def add(self, markup: str) -> None:
        self.parts.append(markup)

    def text(self, x: float, y: float, words: str, kind: str = "", anchor: str = "middle") -> None:
        kind = f' class="{kind}"' if kind else ""
        self.add(
            f'<text{kind} x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}">{escape(words)}</text>'
        )

    def bar(self, start: float, end: float, height: float, kind: str, tip: str) -> None:
        """Draw one column from *start* to *end*, with a tip under the pointer."""
        x, y = self.x(start) + 0.75, self.y(min(height, self.top))
        width, height = self.x(end) - x - 0.75, HEIGHT - BOTTOM - y
        box = f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
        self.add(f'<rect class="{kind}" {box}><title>{escape(tip)}</title></rect>')

    def axes(
        self, x_name: str, y_name: str, x_ticks: Sequence[float], y_form: Callable[[float], str]
    ) -> None:
        """Draw the grid and the names, below everything that comes later."""
        for tick in (0, self.top / 2, self.top):
            y = self.y(tick)
            self.add(f'<path class="grid" d="M{LEFT} {_n(y)}H{self.end}"/>')
            self.text(LEFT - 6, y + 4, y_form(tick), "tick", "end")
        for tick in x_ticks:
            self.text(self.x(tick), HEIGHT - BOTTOM + 19, round_percent(tick), "tick")
        self.text((LEFT + self.end) / 2, HEIGHT - 4, x_name, "name")
        self.text(2, 10, y_name, "name", "start")

    def svg(self) -> str:
        return _svg(self.label, "".join(self.parts), self.width)


def _histogram(edges: Sequence[float], counts: Sequence[int], kind: str) -> str:
    """Draw counts of visibility; one column that dwarfs all others is cut, and says its count."""
    total = sum(counts)
    if not total:
        return ""
    second, largest = sorted(counts)[-2:]
    cut = largest > 2.5 * second > 0
    chart = _Chart(
        f"Histogram of the visibility of {total:,} {kind} objects: {counts[0]:,} below "
        f"{percent(edges[1])}, {counts[-1]:,} above {percent(edges[-2])}.",
        (edges[0], edges[-1]),
        nice_top([1.25 * second if cut else largest]),
    )
    chart.axes("share that shows", "objects", (0, 0.25, 0.5, 0.75, 1), _count_tick)
    for start, end, count in zip(edges[:-1], edges[1:], counts, strict=True):
        tip = f"{round_percent(start)} to {round_percent(end)}: {count:,} objects"
        chart.bar(start, end, count, kind, tip)
        if cut and count == largest:
            left, right = chart.x(start) - 2, chart.x(end) + 2
            chart.add(f'<path class="break" d="M{_n(left)} {TOP + 13}L{_n(right)} {TOP + 8}"/>')
            anchor = "start" if start < 0.5 else "end"
            chart.text(left if start < 0.5 else right, TOP - 5, f"{count:,}", "value", anchor)
    return chart.svg()


def _by_share(data: Mapping[str, Any]) -> str:
    """Draw the rate of erased objects over the patch's share, where there are mixes."""
    edges, rates, counts = data["edges"], data["share"], data["count"]
    used = [k for k, rate in enumerate(rates) if rate is not None]
    if not used:
        return ""
    span = (edges[used[0]], edges[used[-1] + 1])
    label = "Share of objects erased by patch share: " + ", ".join(
        f"{percent(rates[k])} at {round_percent(edges[k])} to {round_percent(edges[k + 1])}"
        for k in used
    )
    chart = _Chart(label, span, nice_top([1.1 * (rates[k] or 0) for k in used]))
    step = -(-(used[-1] + 2 - used[0]) // 6)
    ticks = edges[used[0] : used[-1] + 2 : step]
    chart.axes("patch, share of the image", "erased", ticks, round_percent)
    for k in used:
        tip = f"{percent(rates[k])} erased, n = {counts[k]:,}"
        chart.bar(edges[k], edges[k + 1], rates[k], "erased", tip)
        middle = (edges[k] + edges[k + 1]) / 2
        if len(used) <= 6:
            chart.text(chart.x(middle), chart.y(rates[k]) - 5, percent(rates[k]), "value")
    return chart.svg()


def _noise(lam: Sequence[float], lam_object: Sequence[float]) -> str:
    """Draw every mix as a dot: label weight by area, and what shows."""
    if not lam:
        return ""
    start = min(math.floor(10 * min(lam)) / 10, 0.9)
    gap = sum(abs(a - b) for a, b in zip(lam, lam_object, strict=True)) / len(lam)
    chart = _Chart(
        f"{len(lam):,} mixes, label weight by area against the share of object pixels; mean "
        f"distance {percent(gap)}.",
        (start, 1.0),
        1.0,
    )
    ticks = [start + (1 - start) * k / 4 for k in range(5)]
    chart.axes("lam: the primary's share of all pixels", "of object pixels", ticks, round_percent)
    dots = (
        f'<circle cx="{_n(chart.x(a))}" cy="{_n(chart.y(b))}" r="2"/>'
        for a, b in zip(lam, lam_object, strict=True)
    )
    chart.add(f'<g class="dots">{"".join(dots)}</g>')
    corner = f"M{_n(chart.x(start))} {_n(chart.y(start))}L{_n(chart.x(1))} {_n(chart.y(1))}"
    chart.add(f'<path class="line" d="{corner}"/>')
    return chart.svg()


def _heat(values: Sequence[Sequence[float]], kind: str, word: str) -> str:
    """Draw a map of the image in ten steps from 0 to the largest value, with its scale."""
    top = max((value for row in values for value in row), default=0.0)
    if top <= 0:
        return ""
    width, height = CELL
    steps: list[list[str]] = [[] for _ in range(10)]
    for row, line in enumerate(values):
        for column, value in enumerate(line):
            place = f"M{column * width} {row * height}"
            steps[min(int(10 * value / top), 9)].append(f"{place}h{width}v{height}h-{width}z")
    right, bottom = width * len(values[0]), height * len(values)
    parts = [
        f'<path class="h{step}" d="{"".join(cells)}"/>' for step, cells in enumerate(steps) if cells
    ]
    tall = bottom / 10
    for step in range(10):
        box = f'x="{right + 12}" y="{_n(bottom - tall * (step + 1))}" width="10"'
        box += f' height="{_n(tall)}"'
        parts.append(f'<rect class="h{step}" {box}/>')
    parts += [
        f'<text class="tick" x="{right + 28}" y="10">{percent(top)}</text>',
        f'<text class="tick" x="{right + 28}" y="{bottom}">{percent(0)}</text>',
        f'<text class="name" x="0" y="{bottom + 16}">the image, edge to edge</text>',
    ]
    middle = percent(values[len(values) // 2][len(values[0]) // 2])
    label = f"Heat map over the image: at most {percent(top)} {word}, in the middle {middle}."
    return _svg(label, f'<g class="heat {kind}">{"".join(parts)}</g>')


def _trade(sweep: Sequence[Mapping[str, Any]], key: str, title: str) -> str:
    """Draw one risk of every setting over its patch share: the first as a ring, the best a star."""
    known = [row for row in sweep if row[key] is not None and row["patch_share"] is not None]
    if not known:
        return ""
    chart = _Chart(
        f"{title} against patch share: "
        + "; ".join(f"{row['name']} {percent(row[key])}" for row in known),
        (0.0, nice_top([1.1 * row["patch_share"] for row in known])),
        min(nice_top([1.1 * row[key] for row in known]), 1.0),
        NARROW,
    )
    ticks = (0, chart.right / 2, chart.right)
    chart.axes("mean patch, share of the image", "", ticks, round_percent)
    for row in sorted(known, key=lambda row: (row["recommended"], row is sweep[0])):
        place = f"translate({_n(chart.x(row['patch_share']))} {_n(chart.y(row[key]))})"
        kind = "best" if row["recommended"] else "own" if row is sweep[0] else "other"
        tip = f"{row['name']}: {percent(row[key])}, mean patch {percent(row['patch_share'])}"
        chart.add(
            f'<g class="{kind}" transform="{place}"><title>{escape(tip)}</title>{MARKS[kind]}</g>'
        )
    return chart.svg()


def _svg(label: str, body: str, width: int = WIDTH) -> str:
    box, label = f"0 0 {width} {HEIGHT}", escape(label)
    return f'<svg class="chart" viewBox="{box}" role="img" aria-label="{label}">{body}</svg>'


def _n(value: float) -> str:
    """Return a place with one decimal at most."""
    return f"{round(value, 1) + 0.0:g}"


def _count_tick(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else ""
