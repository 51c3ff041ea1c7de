"""Sphinx settings: `sphinx-build -W -n docs build/docs`."""

import os

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

import albu_cutmix

project = "albu_cutmix"
author = "The albu_cutmix developers"
copyright = "2026, the albu_cutmix developers"
version = release = albu_cutmix.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = "albu_cutmix"
html_static_path = ["images"]
autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_custom_sections = [("Targets", "params_style"), ("Image types", "params_style")]
exclude_patterns = ["README.md"]
# Types of other libraries stand in the text, without an index of theirs at hand.
nitpick_ignore_regex = [
    (r"py:.*", r"(?!albu_cutmix).*"),
    (r"py:class", r"albu_cutmix\.report\.\w+\..*"),  # parts of a report, told in its docstring
]
myst_heading_anchors = 3
