"""Files and tables from strangers: nothing in them is run, and nothing takes the machine down."""

from __future__ import annotations

import ast
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from hostile_files import absurd_png, coco, save_coco, save_image, voc
from torch.utils.data import DataLoader, Dataset

import albu_cutmix.formats
from albu_cutmix.errors import DonorReadError, InvalidSampleError
from albu_cutmix.formats import coco_pool, frame_pool, pascal_voc_pool

ROOM = Path(albu_cutmix.formats.__file__).parent
RUNNING = {"eval", "exec", "compile", "__import__", "literal_eval", "unsafe_load", "full_load"}
UNPICKLING = {"pickle", "marshal", "shelve", "joblib", "dill"}


def dangers(code: str) -> set[str]:
    """What in a module runs or unpickles data: calls, imports, arguments."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            whole = ast.unparse(node.func)
            found |= {name} & RUNNING - ({"compile"} if whole == "re.compile" else set())
            found |= {"yaml.load"} & {whole}
            found |= {"allow_pickle"} & {keyword.arg or "" for keyword in node.keywords}
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names} & UNPICKLING
        elif isinstance(node, ast.ImportFrom):
            found |= {(node.module or "").split(".")[0]} & UNPICKLING
    return found


@pytest.mark.parametrize("path", sorted(ROOM.glob("*.py")), ids=lambda path: path.stem)
def test_nothing_is_run(path: Path) -> None:
    """No module that reads files evaluates, executes or unpickles."""
    assert dangers(path.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize(
    "code",
    [
        "eval('1')",
        "ast.literal_eval(x)",
        "import pickle",
        "from joblib import load",
        "np.load(f, allow_pickle=True)",
        "yaml.load(f)",
        "compile('1', '', 'eval')",
    ],
)
def test_dangers_are_seen(code: str) -> None:
    """The check above notices each of them."""
    assert dangers(code)


LETTERS = "[1, 2, 3, " + "4" * 10**6 + "]"


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
@pytest.mark.parametrize(
    ("cell", "words"),
    [
        pytest.param("__import__('os').system('true')", "must be numbers between", id="code"),
        pytest.param(LETTERS, "must have at most 1000 letters", id="million-letters"),
        pytest.param("[nan, 1, 2, 3]", "must be numbers between", id="nan"),
        pytest.param("[1, 2, 1e400, 3]", "it must be finite", id="1e400"),
        pytest.param("[1, 2, 3, 4" + "]" * 500, "must be numbers between", id="brackets"),
    ],
)
def test_texts_of_boxes(tmp_path: Path, kind: Any, cell: str, words: str) -> None:
    """A text is numbers or an error that names its row, short whatever the text."""
    table = kind({"image": ["a.png", "b.png"], "bbox": ["[1, 2, 3, 4]", cell]})
    with pytest.raises(InvalidSampleError, match=words) as caught:
        frame_pool(table, bbox="bbox", root=tmp_path)
    assert "row 1 of the table ('b.png')" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_xml_names_line_and_column(tmp_path: Path) -> None:
    """A syntax error of an XML file says where it is."""
    save_image(tmp_path / "a.png")
    (tmp_path / "ann").mkdir()
    text = voc().replace("<size>", "\n<size>").replace("</size>", "</seize>")
    (tmp_path / "ann" / "a.xml").write_text(text, encoding="utf-8")
    with pytest.raises(
        DonorReadError, match=r"a\.xml: must be XML, got mismatched tag: line 2, col"
    ):
        pascal_voc_pool(tmp_path / "ann", tmp_path)


def test_absurd_sizes_take_no_memory(tmp_path: Path) -> None:
    """A header that promises 243 MB is refused by a process that has 100 MB to spare."""
    data = coco(annotations=[])
    data["images"][0] |= {"width": 9_000, "height": 9_000}
    path, images = save_coco(tmp_path, data)
    absurd_png(images / "a.png", 9_000, 9_000)
    code = f"""
        import resource
        from albu_cutmix.formats import coco_pool
        pool = coco_pool({str(path)!r}, {str(images)!r})
        pool[1]
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 100 * 2**20,) * 2)
        try:
            pool[0]
        except OSError as error:
            print(error)
    """
    if not Path("/proc/self/statm").is_file():
        pytest.skip("this system does not say what a process uses")
    command = [sys.executable, "-c", textwrap.dedent(code)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "has 9000 x 9000 = 81000000 pixels, more than max_pixels=64000000" in out


class Drawn(Dataset):  # type: ignore[type-arg]
    """Draws of a pool whose first image cannot be read, what was counted and how often told."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> dict[str, Any]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            name = self.pool[0].id
        return {"id": name, "skipped": self.pool.skipped, "told": len(caught)}


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_skips_in_workers(tmp_path: Path, method: str) -> None:
    """Every worker counts its own skips and warns once; the parent's count stays."""
    path, images = save_coco(tmp_path)
    (images / "a.png").unlink()
    pool = coco_pool(path, images, on_error="skip")
    loader = DataLoader(Drawn(pool), batch_size=None, num_workers=2, multiprocessing_context=method)
    drawn = list(loader)
    assert [one["id"] for one in drawn] == ["b.png"] * 6
    assert [one["skipped"] for one in drawn] == [1, 1, 2, 2, 3, 3]
    assert [one["told"] for one in drawn] == [1, 1, 0, 0, 0, 0]
    assert pool.skipped == 0
