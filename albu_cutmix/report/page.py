"""The audit as one HTML file that needs no network, no server and no other file."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any

from PIL import Image

from albu_cutmix.canvas import COLORS
from albu_cutmix.errors import MissingExtraError
from albu_cutmix.report import cells
from albu_cutmix.report.plots import figures, sweep_figures

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["render"]

LEVELS = {"": "none", "safe": "safe", "care": "care", "with care": "care", "unsafe": "unsafe"}
SORTS = (  # key, words, whether the worst end is the largest value
    ("mix", "mix number", False),
    ("lam", "lam", False),
    ("share", "patch share", True),
    ("erased", "objects erased", True),
    ("least_visibility", "least visibility", False),
    ("remnant_px", "remnant pixels", True),
    ("seam_on_object", "seam on an object", True),
)
SWEEP_COLUMNS = {
    "applied": "Applied",
    "patch_share": "Patch share",
    "erased": "Erased",
    "truncated": "Truncated",
    "slivers": "Slivers",
    "donor_slivers": "Donor slivers",
    "remnants": "Remnants",
    "seam_on_object": "Seam on object",
}
LEGEND = {
    "kept": "kept",
    "clipped": "clipped to what shows",
    "dropped": "dropped (dashed)",
    "ignored": "marked to be ignored",
    "donor": "from the donor",
    "seam": "seam",
    "primary cut": "cuts a primary object",
    "donor cut": "cuts a donor object",
    "label jump": "mask values differ",
}


def render(view: Mapping[str, Any]) -> str:
    """Return an audit as one HTML page, the same text for the same view.

    The page works from `file://`: style, script, charts and pictures are in it, and its content
    policy allows nothing else. Every text of the view is shown as text, never read as markup.

    Args:
        view: What the page shows; plain values, and JPEG or PNG bytes for pictures. Not modified.

            - `title`, `subtitle`, `warning` ("" for none), `policy` (JSON text), `honest`
              (sentences on what the audit cannot say).
            - `verdict`: `word` ("safe", "with care" or "unsafe") and `reasons`, each with
              `label`, `share`, `low`, `high`, `level` ("safe", "care" or "unsafe") and `text`.
            - `facts`: `label` and `value` each.
            - `rates`: `key`, `label`, `what`, `share`, `low`, `high`, `count`, `of`, `level`;
              the three shares None where the rate does not apply, `level` "" if not judged.
            - `tables`: `name`, `columns`, `rows`, and `shares`, the columns that are shares.
            - `series`: `visibility` (21 `edges`; counts for `primary` and `donor`),
              `erased_by_share` (11 `edges`, `share` with None for no mixes, `count`), `noise`
              (`lam` and `lam_object`, mixes with objects alone), `patch_heat` and `lost_heat`
              (`values`, rows of rates).
            - `gallery`: `mix`, `sample`, `seed`, `donor`, `flags`, `lam`, `share`, `erased`,
              `least_visibility`, `remnant_px`, `seam_on_object`, `picks`, `caption`, `picture`,
              `record`, the JSON line that replays the mix, and `judged`: whether objects have a
              fate, True where it is left out.
            - `sweep`: `name`, `arguments`, `verdict`, `recommended`, `why`, and the rates of
              `SWEEP_COLUMNS`; the first is the mix as it was audited.
            - `findings`: `text`, `count`, `examples`.

    Returns:
        The text of the file; write it as UTF-8.

    Raises:
        MissingExtraError: If jinja2 is not installed.
    """
    environment = _environment()
    css, js = (_source(environment, name) for name in ("audit.css", "audit.js"))
    reasons, rates = view["verdict"]["reasons"], view["rates"]
    return environment.get_template("audit.html.j2").render(
        view=view,
        css=css,
        js=js,
        content_policy=_content_policy(css, js),
        level=LEVELS[view["verdict"]["word"]],
        reasons_top=cells.nice_top([reason["high"] for reason in reasons]),
        rates_top=cells.nice_top([rate["high"] for rate in rates]),
        tables=[(table, _top(table)) for table in view["tables"]],
        figures=figures(view["series"]),
        sweep_figures=sweep_figures(view["sweep"]),
        sorts=SORTS,
        flags=Counter(flag for card in view["gallery"] for flag in card["flags"]),
        picks=Counter(pick for card in view["gallery"] for pick in card["picks"]),
        sweep_columns=SWEEP_COLUMNS,
        legend=[(words, f"#{bytes(COLORS[name]).hex()}") for name, words in LEGEND.items()],
    )


def _environment() -> Environment:
    """Return the template engine; escaping is on for every template and value."""
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise MissingExtraError(
            "the page of an audit needs jinja2, which is not installed. Install it with: "
            'pip install "albu_cutmix[report]"'
        ) from error
    environment = Environment(
        loader=PackageLoader("albu_cutmix.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": cells.percent,
        "round_percent": cells.round_percent,
        "number": cells.number,
        "interval": cells.interval,
        "words": _words,
        "image": _image,
    }
    environment.globals |= {"whisker": cells.whisker, "bar": cells.bar, "levels": LEVELS}
    return environment


def _source(environment: Environment, name: str) -> str:
    """Return the text of a file beside the template, with the line ends that a browser hashes."""
    loader = environment.loader
    assert loader is not None  # noqa: S101 - for the type checker
    return loader.get_source(environment, name)[0].replace("\r\n", "\n")


def _content_policy(css: str, js: str) -> str:
    """Return the content policy under which only this style, this script and data images run."""
    style, script = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (css, js)
    )
    return (
        f"default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _top(table: Mapping[str, Any]) -> float:
    """Return where the bars in a table end: all of them on one axis."""
    return cells.nice_top(row[column] for row in table["rows"] for column in table["shares"])


def _words(name: str) -> str:
    """Return the name of a flag as words."""
    return name.replace("_", " ").lower()


def _image(picture: bytes) -> dict[str, Any]:
    """Return the address of a picture within the page, and its size."""
    with Image.open(BytesIO(picture)) as image:
        width, height = image.size
        kind = Image.MIME[str(image.format)]
    data = base64.b64encode(picture).decode()
    return {"src": f"data:{kind};base64,{data}", "width": width, "height": height}
