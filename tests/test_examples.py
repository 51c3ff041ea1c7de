"""Every example runs, on real data and without it, and its notebook is its script."""

from __future__ import annotations

import ast
import json
import os
import re
import runpy
import shutil
import tempfile
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
ON_FILES = [path for path in EXAMPLES if "EXAMPLE_DATA" in path.read_text("utf-8")]
# What a net that learns nothing stays far below, of the figure that each example ends with.
LEAST = {
    "classify": ("accuracy", 0.7),
    "detect": ("mAP", 0.4),
    "segment": ("mIoU", 0.15),
    "keypoints": ("PCK at 8 px", 0.15),
}

pytestmark = [
    pytest.mark.filterwarnings("ignore:pascal_voc_pool left out:UserWarning"),  # as in the data
    pytest.mark.filterwarnings("ignore:.*use of fork\\(\\):DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning"),  # Lightning's own
    pytest.mark.filterwarnings("ignore:.*:lightning.fabric.utilities.warnings.PossibleUserWarning"),
]


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs an example in an empty folder and returns what it prints."""
    threads = torch.get_num_threads()  # examples set it
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def run(path: Path, data: Path, epochs: int | None = None) -> str:
        monkeypatch.setenv("EXAMPLE_DATA", str(data))
        if epochs is not None:
            monkeypatch.setenv("EXAMPLE_EPOCHS", str(epochs))
        runpy.run_path(str(path), run_name="__main__")
        return capsys.readouterr().out

    yield run
    torch.set_num_threads(threads)
    monkeypatch.undo()
    shutil.rmtree(tmp_path)  # packed images take some room


def check_counts(out: str) -> None:
    """Assert that the runs without the mix mixed nothing, and all others did."""
    counts = [int(count) for count in re.findall(r"seed \d +(\d+) images mixed", out)]
    assert len(counts) in (6, 9)
    assert counts[:3] == [0, 0, 0]
    assert min(counts[3:]) > 0


def check_switch(out: str) -> None:
    """Assert that every kind was drawn, and all gave the same keys and labels."""
    kinds = re.findall(r"^(none|cutmix|mixup) +(keys .*)$", out, re.MULTILINE)
    assert [kind for kind, _ in kinds] == ["none", "cutmix", "mixup"]
    assert len({keys for _, keys in kinds}) == 1
    counts = re.findall(r"(\d+) (?:cutmix|mixup|none)", out)
    assert len(counts) == 3
    assert min(map(int, counts)) > 0


def finder(path: Path):
    """Return what an example finds its data with, without running the rest of it."""
    (found,) = [
        node
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name == "find_data"
    ]
    names = {"os": os, "Path": Path}
    exec(ast.unparse(found), names)  # our own file
    return names["find_data"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_run_on_drawn_scenes(path, run, tmp_path):
    """Without the real data an example says that it runs on drawn scenes, and does."""
    out = run(path, tmp_path, epochs=1)
    assert out.strip()
    assert ("drawn scenes" in out) == (path in ON_FILES)
    if path.stem in LEAST:
        check_counts(out)
    if path.stem == "switch":
        check_switch(out)
    if path.stem == "kaggle":
        assert "the same when loaded: True" in out


@pytest.mark.parametrize("path", ON_FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("start", ["main", "main/examples"])
def test_examples_find_their_data(path, start, tmp_path, monkeypatch, capsys):
    """Data beside the checkout is found from the checkout and from its examples/."""
    (tmp_path / "shared" / "data" / "set").mkdir(parents=True)
    (tmp_path / start).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / start)
    monkeypatch.delenv("EXAMPLE_DATA", raising=False)
    found = finder(path)("set")
    assert found.samefile(tmp_path / "shared" / "data" / "set")
    assert finder(path)("other") is None
    assert re.fullmatch(r"no data in .*other or .*other: drawn scenes\n", capsys.readouterr().out)


@pytest.mark.parametrize("path", ON_FILES, ids=lambda path: path.stem)
def test_a_wrong_folder_is_no_reason_to_draw_scenes(path, run, tmp_path):
    """A folder that is named and not there is an error that names it and the way out."""
    with pytest.raises(NotADirectoryError, match=r"a folder, got '.*nothing'\. .* or unset it"):
        run(path, tmp_path / "nothing")


@pytest.mark.parametrize("path", ON_FILES, ids=lambda path: path.stem)
def test_examples_run_on_real_data(path, run):
    """On real data a run learns, and every figure is the mean and spread of three seeds."""
    if not DATA.is_dir():
        pytest.skip("shared/data is not beside this checkout")
    out = run(path, DATA)
    assert "drawn scenes" not in out
    if path.stem == "batches":
        assert float(re.findall(r"accuracy of the others ([\d.]+)", out)[-1]) > 0.8
        assert len(re.findall(r"boxes of a batch .* [1-9]\d* from donors", out)) == 3
        assert re.search(r"Lightning: [1-9]\d* of \d+ images mixed", out)
        return
    if path.stem == "switch":
        check_switch(out)
        assert float(re.findall(r"test accuracy ([\d.]+)", out)[0]) > 0.7
        return
    if path.stem not in LEAST:
        assert "images mixed" in out
        assert "the same when loaded: True" in out
        return
    check_counts(out)
    figure, least = LEAST[path.stem]
    found = re.findall(rf"{figure} ([\d.]+) ± [\d.]+", out)
    assert len(found) == len(re.findall("seed 0", out))
    assert min(map(float, found)) > least


def test_counts_that_contradict_their_runs_are_noticed():
    """The check of the counts can fail: a run without the mix must have mixed nothing."""
    line = "p=0.0  seed {}  {} images mixed\n"
    check_counts("".join(line.format(i, 5 * (i > 2)) for i in range(6)))
    with pytest.raises(AssertionError):
        check_counts("".join(line.format(i, 5) for i in range(6)))


def test_a_kind_that_was_never_drawn_is_noticed():
    """The check of the switch can fail: a kind is missing, or has other keys."""
    lines = "none   keys a\ncutmix keys a\nmixup  keys a\n"
    check_switch(f"{lines}3 cutmix, 2 mixup, 1 none\n")
    for bad in (f"{lines}3 cutmix, 0 mixup, 1 none\n", f"{lines[:-2]}b\n3 cutmix, 2 mixup, 1 none"):
        with pytest.raises(AssertionError):
            check_switch(bad)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_say_what_they_show(path):
    """An example begins with a sentence, and its page is named in the documentation."""
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert f"{path.stem}.py" in (ROOT / "docs" / "examples.md").read_text("utf-8")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_notebooks_are_their_scripts(path):
    """The cells of a notebook are those of its script, and it carries no outputs."""
    jupytext = pytest.importorskip("jupytext", reason="jupytext is not installed")
    script = jupytext.read(path, fmt="py:percent").cells
    notebook = json.loads(path.with_suffix(".ipynb").read_text("utf-8"))["cells"]
    assert [("".join(c["source"]), c["cell_type"]) for c in notebook] == [
        (c["source"], c["cell_type"]) for c in script
    ]
    code = [cell for cell in notebook if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code)


def test_each_notebook_has_a_script():
    """No notebook is left over from an example that is gone."""
    notebooks = {path.stem for path in (ROOT / "examples").glob("*.ipynb")}
    assert notebooks == {path.stem for path in EXAMPLES}
