"""The house: what imports what, what an import loads, what is public."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import albu_cutmix

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    module.name for module in pkgutil.walk_packages(albu_cutmix.__path__, "albu_cutmix.")
)


def loaded_after(code: str) -> set[str]:
    """Names in `sys.modules` after running *code* in a fresh interpreter."""
    code += "\nimport sys; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not out.stderr
    return set(out.stdout.split())


def test_import_is_light():
    """Importing the package loads no optional library and prints nothing."""
    optional = {"torch", "cupy", "ray", "matplotlib", "pandas", "polars", "pycocotools", "jinja2"}
    optional |= {"lightning", "pytorch_lightning", "transformers", "datasets", "tqdm"}
    before = loaded_after("import albumentations")
    assert not (optional & loaded_after("import albu_cutmix") - before)


def test_light_import_check_can_fail():
    """The check above notices a module that was loaded."""
    assert "json.tool" in loaded_after("import json.tool")


def test_data_flows_one_way():
    """The layers of pyproject.toml hold; a module that is in none of them fails too."""
    pytest.importorskip("importlinter.cli", reason="import-linter is not installed")
    out = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from importlinter.cli import lint_imports as c; sys.exit(c(no_cache=1))",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert out.returncode == 0, out.stdout
    assert "3 kept, 0 broken" in out.stdout


def test_layers_check_can_fail(tmp_path):
    """The contract notices a kernel that imports a transform."""
    pytest.importorskip("importlinter.cli", reason="import-linter is not installed")
    code = (
        "from importlinter.cli import lint_imports\n"
        "import sys; sys.exit(lint_imports(config_filename='broken.toml', no_cache=True))"
    )
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    (tmp_path / "broken.toml").write_text(
        text.replace('    "plan",\n', "").replace('    "cli",\n', '    "cli",\n    "plan",\n'),
        "utf-8",
    )
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert out.returncode == 1, out.stdout + out.stderr
    assert "Data flows one way BROKEN" in out.stdout


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_short_and_say_what_they_are(name):
    """A module has a docstring and under 300 lines."""
    module = importlib.import_module(name)
    assert module.__doc__
    assert len(Path(module.__file__).read_text("utf-8").splitlines()) <= 300


def test_exports_are_sorted_and_complete():
    """`__all__` holds every public name of the package, in order."""
    names = albu_cutmix.__all__
    assert names == sorted(names, key=lambda name: (name.upper() != name, name[0].islower(), name))
    public = {
        name
        for name, value in vars(albu_cutmix).items()
        if not name.startswith("_") and not isinstance(value, type(albu_cutmix))
    }
    assert public == set(names)


@pytest.mark.parametrize("name", albu_cutmix.__all__)
def test_public_names_are_documented(name):
    """Every public name has a docstring, and a place in the reference pages."""
    value = getattr(albu_cutmix, name)
    assert name == "PRESETS" or value.__doc__
    assert re.search(rf"\b{name}\b", (ROOT / "docs" / "reference.md").read_text("utf-8"))


def test_changelog_names_this_version():
    """The newest entry of the changelog is the version of the package."""
    text = (ROOT / "docs" / "changelog.md").read_text("utf-8")
    versions = re.findall(r"^## (\d\S*)", text, re.MULTILINE)
    assert versions[0] == albu_cutmix.__version__
    assert f"version: {albu_cutmix.__version__}" in (ROOT / "CITATION.cff").read_text("utf-8")
