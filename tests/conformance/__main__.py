"""Run Albumentations' own generic tests on our classes: `python tests/conformance`.

They are not part of this repository. The variable ALBUMENTATIONS_CHECKOUT names a folder with
tag 2.0.8 of theirs; without it the command says how to get one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata, util
from pathlib import Path

TAG = "2.0.8"
VARIABLE = "ALBUMENTATIONS_CHECKOUT"
HELP = f"""Get one and run again:
  git clone --branch {TAG} --depth 1 https://github.com/albumentations-team/albumentations \\
      ../albumentations
  pip install -e '.[conformance]'
  {VARIABLE}=../albumentations python tests/conformance
"""
# The test modules that go through all classes, and what they import beyond the host's needs.
MODULES = (
    "test_augmentations.py",
    "test_core.py",
    "test_serialization.py",
    "test_targets.py",
    "test_transforms.py",
    "transforms3d/test_transforms.py",
)
NAMES = "CutMix or MixUp or Cutout or MixTargets"
NEEDS = ("deepdiff", "pytest", "torch")


def why_not(folder: str) -> str:
    """Return why the tests cannot run, empty where they can."""
    if not folder:
        return f"{VARIABLE} does not name a checkout of albumentations {TAG}."
    settings = Path(folder, "pyproject.toml")
    is_tag = settings.is_file() and f'version = "{TAG}"' in settings.read_text("utf-8").splitlines()
    if not (is_tag and all(Path(folder, "tests", name).is_file() for name in MODULES)):
        return f"{VARIABLE}={folder!r} is no checkout of albumentations {TAG} with its tests."
    found = {dist.version for dist in metadata.distributions(name="albumentations")}
    if found != {TAG}:
        return f"albumentations {TAG} must be installed, got {sorted(found) or 'none'}."
    missing = [name for name in NEEDS if util.find_spec(name) is None]
    return f"the tests import {', '.join(missing)}, not installed here." if missing else ""


def run(folder: Path) -> int:
    """Run the tests on our classes and return pytest's exit code."""
    here = Path(__file__).parent
    # Nothing is written into the checkout, and the host that is tested is the installed one.
    command = [
        *(sys.executable, "-m", "pytest", "-p", "conform", "-p", "no:cacheprovider"),
        *("-c", folder / "pyproject.toml", "--rootdir", folder, "-k", NAMES),
        *("-q", "-rs", "--tb=short", "--disable-warnings"),
        *(folder / "tests" / name for name in MODULES),
    ]
    path = os.pathsep.join([str(here), *filter(None, [os.environ.get("PYTHONPATH")])])
    own = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "NO_ALBUMENTATIONS_UPDATE": "1"}
    env = {**os.environ, **own}
    env.pop("PYTEST_ADDOPTS", None)
    return subprocess.run(command, cwd=here, env=env, check=False).returncode


def main() -> int:
    """Run the tests, or say why not and how to."""
    folder = os.environ.get(VARIABLE, "")
    reason = why_not(folder)
    if reason:
        sys.stdout.write(f"skipped: {reason}\n{HELP}")
        return 0
    return run(Path(folder).resolve())


if __name__ == "__main__":
    sys.exit(main())
