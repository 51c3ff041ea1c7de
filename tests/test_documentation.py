"""Every Python block of README and documentation runs, and prints what its comments say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from scene_files import write_scenes

sybil = pytest.importorskip("sybil", reason="sybil is not installed")
markdown = pytest.importorskip("sybil.parsers.markdown")

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# `print(...)  # this` in a block: what it prints.
PRINTED = re.compile(r"^print\(.*\)  # (.*)$", re.MULTILINE)


def blocks(page: Path) -> list:
    """The Python blocks of a page, in order."""
    parsers = [markdown.PythonCodeBlockParser(), markdown.SkipParser()]
    return list(sybil.Sybil(parsers, path=str(page.parent)).parse(page).examples())


@pytest.fixture(scope="module")
def scene_files(tmp_path_factory) -> Path:
    """A folder with the small data sets that the pages speak of."""
    folder = tmp_path_factory.mktemp("scenes")
    write_scenes(folder)
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_blocks_run_and_print_what_they_say(page, scene_files, monkeypatch, capsys):
    """A page is executed from top to bottom, in a folder with small data sets."""
    monkeypatch.chdir(scene_files)
    for example in blocks(page):
        example.evaluate()
        promised = PRINTED.findall(str(example.parsed)) if example.parsed else []
        assert capsys.readouterr().out.splitlines() == promised


def test_a_false_comment_is_noticed(tmp_path, capsys):
    """The comparison above can fail."""
    page = tmp_path / "page.md"
    page.write_text("```python\nprint(1 + 1)  # 3\n```\n", "utf-8")
    (example,) = blocks(page)
    example.evaluate()
    assert capsys.readouterr().out.splitlines() != PRINTED.findall(str(example.parsed))


def test_readme_examples_are_short():
    """An example of the README has at most 12 lines."""
    code = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert len(code) >= 4
    assert max(len(block.strip().splitlines()) for block in code) <= 12


def test_ci_calls_the_test_command_of_the_readme():
    """The line that tells a stranger how to run the tests is the line that CI runs."""
    command = re.search(
        r"^python3 -m venv .*pytest$", (ROOT / "README.md").read_text("utf-8"), re.M
    )
    assert command
    assert command.group() in (ROOT / ".ci" / "run").read_text("utf-8").splitlines()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_images_of_pages_exist(page):
    """A picture that a page shows is in the repository."""
    for target in re.findall(r"!\[[^]]*\]\(([^)]+)\)", page.read_text("utf-8")):
        assert (page.parent / target).is_file(), target
