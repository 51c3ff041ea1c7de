"""Albumentations' own tests pass on our classes, where a checkout of theirs is at hand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

VARIABLE = "ALBUMENTATIONS_CHECKOUT"
# What passed when it was last counted: fewer would mean that tests are no longer found.
PASSED = 440


def conformance(**changes: str) -> tuple[int, str]:
    """Return exit code and output of the command in a changed environment."""
    out = subprocess.run(
        [sys.executable, Path(__file__).parent],
        env={**os.environ, **changes},
        capture_output=True,
        text=True,
        check=False,
    )
    return out.returncode, out.stdout + out.stderr


@pytest.mark.slow
def test_the_hosts_own_tests_pass():
    """All that are not excused pass, and none went missing."""
    code, text = conformance()
    if text.startswith("skipped: "):
        reason = text.splitlines()[0].removeprefix("skipped: ")
        pytest.skip(f"{reason} `python tests/conformance` says how to get one.")
    assert code == 0, text
    assert int(re.search(r"(\d+) passed", text).group(1)) >= PASSED


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        pytest.param(
            "", f"{VARIABLE} does not name a checkout of albumentations 2.0.8.", id="unset"
        ),
        pytest.param(
            str(Path(__file__).parent), "is no checkout of albumentations 2.0.8", id="other"
        ),
    ],
)
def test_without_a_checkout_the_command_says_how_to_get_one(folder, words):
    """It is no failure, and the way out is a line to copy."""
    code, text = conformance(**{VARIABLE: folder})
    assert code == 0
    assert text.startswith("skipped: ")
    assert words in text
    assert "git clone --branch 2.0.8 --depth 1 https://github.com/albumentations-team/" in text
