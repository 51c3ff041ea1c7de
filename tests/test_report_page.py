"""The page of an audit as text: one file, locked down, escaped, the same for the same view."""

from __future__ import annotations

import base64
import hashlib
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from report_views import HOSTILE, by_class, empty_view, full_view, hostile_view
from test_architecture import loaded_after

from albu_cutmix.errors import MissingExtraError
from albu_cutmix.report import page as page_module
from albu_cutmix.report.cells import bar, nice_top, percent, whisker
from albu_cutmix.report.page import render
from albu_cutmix.report.plots import figures, sweep_figures

pytest.importorskip("jinja2", reason="jinja2 (the extra 'report') is not installed")

TEMPLATES = Path(page_module.__file__).parent / "templates"
ADDRESSES = {"src", "href", "srcset", "action", "formaction", "poster", "data", "background"}


class Page(HTMLParser):
    """A page taken apart: its elements with their attributes, and its text by element."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict]] = []
        self.words: list[str] = []
        self.inside: dict[str, list[str]] = {"style": [], "script": []}
        self._open = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        """Note an element."""
        self.elements.append((tag, dict(attrs)))
        self._open = tag if tag in self.inside else ""
        if self._open:
            self.inside[tag].append("")

    def handle_endtag(self, tag):
        """Leave an element."""
        self._open = ""

    def handle_data(self, data):
        """Note text, apart from style and script."""
        if self._open:
            self.inside[self._open][-1] += data
        else:
            self.words.append(data)

    def addresses(self) -> list[str]:
        """Every address in an attribute."""
        return [v for _, attrs in self.elements for k, v in attrs.items() if k in ADDRESSES]

    def policy(self) -> str:
        """The content policy."""
        found = [a for t, a in self.elements if t == "meta" and "http-equiv" in a]
        assert [one["http-equiv"] for one in found] == ["Content-Security-Policy"]
        return found[0]["content"]


@pytest.fixture(scope="module")
def text() -> str:
    """A page with everything on it."""
    return render(full_view(cards=6))


@pytest.fixture(scope="module")
def page(text) -> Page:
    """The same, taken apart."""
    return Page(text)


def hash_of(source: str) -> str:
    """The hash of a style or script as a content policy writes it."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode() + "'"


def test_everything_is_in_the_file(text, page):
    """Addresses lead into the page or hold their picture; style sheets fetch nothing."""
    assert text.startswith("<!doctype html>")
    assert page.addresses()
    assert all(re.match(r"#[\w-]+$|data:image/jpeg;base64,", one) for one in page.addresses())
    assert not {"link", "iframe", "object", "embed", "base", "form"} & {t for t, _ in page.elements}
    assert not re.search(r"url\(|@import|https?:", "".join(page.inside["style"]))
    assert not re.search(
        r"\b(fetch|XMLHttpRequest|import|eval|innerHTML)\b", page.inside["script"][0]
    )


def test_the_policy_allows_this_style_and_this_script_alone(page):
    """The hashes are those of the texts between the tags, and nothing else may load."""
    (style,), (script,) = page.inside["style"], page.inside["script"]
    assert page.policy().split("; ") == [
        "default-src 'none'",
        f"style-src {hash_of(style)}",
        f"script-src {hash_of(script)}",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]


def test_nothing_needs_what_the_policy_forbids(page):
    """No element carries its own style or script."""
    names = {name for _, attrs in page.elements for name in attrs}
    assert not {name for name in names if name == "style" or name.startswith("on")}


def test_hostile_text_stays_text():
    """Names that are markup are shown as they are, everywhere, and add no element."""
    hostile = Page(render(hostile_view()))
    assert [t for t, _ in hostile.elements].count("script") == 1
    assert all("onerror" not in attrs for _, attrs in hostile.elements)
    shown = "".join(hostile.words)
    assert all(shown.count(text) >= 3 for text in HOSTILE)
    titles = [attrs.get("title") for _, attrs in hostile.elements]
    assert set(HOSTILE) <= set(titles)


def test_the_escaping_check_can_fail():
    """The check above would see a name that became an element."""
    broken = render(hostile_view()).replace("&lt;script&gt;", "<script>")
    assert [t for t, _ in Page(broken).elements].count("script") > 1


def test_only_what_we_wrote_is_marked_safe():
    """Style, script and drawn numbers alone pass the template unescaped."""
    source = "".join(path.read_text("utf-8") for path in sorted(TEMPLATES.glob("*.j2")))
    marked = {re.sub(r"\(.*\)", "", one) for one in re.findall(r"\{\{ ([^}]*?)\|safe", source)}
    assert marked == {"css", "js", "bar", "whisker", "chart.svg"}
    assert "autoescape false" not in source


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gallery": []}, "There is no mix to show."),
        ({"findings": []}, "Nothing stood out"),
        ({"sweep": []}, "No other settings were tried"),
        ({"tables": []}, "No objects were seen."),
        ({"rates": []}, "There is no rate to show."),
        ({"series": empty_view()["series"]}, "There is nothing to draw."),
    ],
    ids=["no-gallery", "no-findings", "no-sweep", "no-tables", "no-rates", "no-series"],
)
def test_what_is_empty_says_so(text, change, words):
    """A part without content is a sentence, not a hole."""
    assert words not in text
    assert words in render({**full_view(cards=2), **change})


def test_an_audit_without_a_mix_has_a_page():
    """Where the mix was never applied, verdict and warning stand alone."""
    shown = "".join(Page(render(empty_view())).words)
    assert "Unsafe" in shown
    assert "The mix was applied in 0 % of the calls, not in 50 %" in shown


def test_a_rate_that_does_not_apply_is_told(text):
    """It has no number, no chart and no level."""
    row = re.search(r'<tr id="rate-label_jump".*?</tr>', text, re.DOTALL)[0]
    assert "does not apply" in row
    assert "not judged" in row
    assert "whisker" not in row


def test_same_view_same_bytes(text):
    """Nothing in the page depends on time or chance."""
    assert render(full_view(cards=6)) == text


def test_the_page_stays_small():
    """60 pictures and 2,000 mixes stay under 5 MB, and the page without pictures under 500 kB."""
    view = full_view(cards=60, mixes=2000, classes=300)
    assert len(render(view).encode()) < 5_000_000
    assert len(render({**view, "gallery": []}).encode()) < 500_000


def test_many_classes_can_be_folded(text):
    """A table of over 20 rows offers to show them all; every row is in the page."""
    assert "Show all" not in re.sub(r"<button[^>]*reset.*?</button>", "", text)
    view = full_view(cards=0, classes=300)
    whole = render(view)
    assert "Show all 300" in whole
    assert all(row[0] in whole for row in view["tables"][1]["rows"])


def test_missing_extra_names_the_way_out(monkeypatch):
    """Without jinja2 the error says what needs it and how to get it."""
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError) as caught:
        render(empty_view())
    assert "the page of an audit needs jinja2" in str(caught.value)
    assert 'pip install "albu_cutmix[report]"' in str(caught.value)
    assert isinstance(caught.value, ImportError)


def test_the_template_engine_is_loaded_by_need():
    """Importing the page loads no template engine and no plotting library."""
    assert not {"jinja2", "matplotlib"} & loaded_after("import albu_cutmix.report.page")


def luminance(color: str) -> float:
    """The relative luminance of a colour, as WCAG 2 defines it."""
    channels = [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21."""
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


GROUNDS = ("ground", "raised", "sunken")
PAIRS = [
    *((ink, ground, 4.5) for ink in ("ink", "pale") for ground in GROUNDS),
    *((level, ground, 4.5) for level in ("safe", "care", "unsafe") for ground in GROUNDS),
    *((level, f"{level}-ground", 4.5) for level in ("safe", "care", "unsafe")),
    *(("ink", f"{level}-ground", 4.5) for level in ("safe", "care", "unsafe")),
    ("link", "ground", 4.5),
    *((mark, "ground", 3) for mark in ("edge", "primary", "donor", "lost")),
]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "back", "least"), PAIRS, ids=lambda value: str(value))
def test_colours_can_be_read(front, back, least, theme):
    """Text has the contrast of WCAG AA on its ground, marks and borders have 3 : 1."""
    css = (TEMPLATES / "audit.css").read_text("utf-8")
    colors = dict(re.findall(r"--([\w-]+): light-dark\(([^)]*)\)", css))
    one, other = (colors[name].split(", ")[theme] for name in (front, back))
    assert contrast(one, other) >= least


def test_contrast_is_that_of_wcag():
    """Black on white is 21 : 1, and #767676 the palest gray that passes on white."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") >= 4.5 > contrast("#777777", "#ffffff")


def test_columns_are_as_high_as_their_counts():
    """Heights are in proportion to counts; one that dwarfs the others is cut and says its count."""
    series = empty_view()["series"]
    series["visibility"] |= {"primary": [40, 20] + [0] * 18, "donor": [4, 8] + [0] * 17 + [900]}
    primary, donor = (chart.svg for chart in figures(series)[:2])
    heights = [float(h) for h in re.findall(r'class="primary"[^>]*height="([\d.]+)"', primary)]
    assert heights[0] == pytest.approx(2 * heights[1], abs=0.2)
    assert not any(heights[2:])
    assert "break" not in primary
    tall = [float(h) for h in re.findall(r'class="donor"[^>]*height="([\d.]+)"', donor)]
    assert tall[0] == pytest.approx(tall[1] / 2, abs=0.2)
    assert tall[-1] < 2 * tall[1]
    assert 'class="break"' in donor
    assert ">900</text>" in donor


def test_every_mix_is_a_dot_at_its_place():
    """Dots right of each other have the larger lam, those above the larger object share."""
    series = empty_view()["series"] | {"noise": {"lam": [0.7, 0.9], "lam_object": [0.2, 1.0]}}
    dots = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', figures(series)[3].svg)
    (x, y), (other_x, other_y) = [(float(a), float(b)) for a, b in dots]
    assert x < other_x
    assert y > other_y


def test_heat_is_darkest_where_the_value_is_largest():
    """The largest value alone has the last step, at its row and column."""
    values = [[0.0] * 24 for _ in range(24)]
    values[2][5], values[0][0] = 0.4, 0.19
    series = empty_view()["series"] | {"patch_heat": {"values": values}}
    svg = figures(series)[4].svg
    assert re.findall(r'class="h9" d="([^"]*)"', svg) == ["M60 16h12v8h-12z"]
    assert re.findall(r'class="h4" d="([^"]*)"', svg) == ["M0 0h12v8h-12z"]
    assert percent(0.4) in svg


def test_the_recommended_setting_is_the_star():
    """In each chart one mark is the star, and the first setting the ring."""
    view = full_view(cards=0)
    charts = sweep_figures(view["sweep"])
    assert len(charts) == 4
    for chart in charts:
        (best,) = re.findall(r'class="best"[^>]*><title>([^:]*):', chart.svg)
        (own,) = re.findall(r'class="own"[^>]*><title>([^:]*):', chart.svg)
        assert (best, own) == ("whole objects", "as it is")


def test_small_charts_follow_their_numbers():
    """Whisker and bar lie on an axis from 0 to its end, and never leave it."""
    assert 'cx="50%"' in whisker(0.2, 0.1, 0.3, 0.4)
    assert 'x="25%" y="3" width="50%"' in whisker(0.2, 0.1, 0.3, 0.4)
    assert 'width="25%"' in bar(0.1, 0.4)
    assert 'width="100%" height="6"/></svg>' in bar(0.9, 0.4)
    assert 'width="0%"' in bar(None, 0.4)
    assert nice_top([0.31]) == 0.4


def test_a_table_without_any_share_has_a_page():
    """Where no share is known, its bars are empty and its cells a dash."""
    table = by_class(2, np.random.default_rng(0))
    table["rows"] = [[row[0], 0, None, None, None, None, 0] for row in table["rows"]]
    shown = Page(render({**full_view(cards=0), "tables": [table]})).words
    assert shown.count("\N{EN DASH}") >= 8


@pytest.mark.parametrize(
    ("name", "most"), [("audit.js", 200), ("audit.css", 350), ("audit.html.j2", 300)]
)
def test_templates_are_modest(name, most):
    """Style, script and markup can each be read in one sitting."""
    assert len((TEMPLATES / name).read_text("utf-8").splitlines()) <= most
