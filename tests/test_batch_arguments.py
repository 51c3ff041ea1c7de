"""What `BatchCutMix` says of its arguments."""

from __future__ import annotations

import re

import pytest
from batch_inputs import case

from albu_cutmix import BatchCutMix, InvalidArgumentError

ARGUMENTS = [
    case("p below 0", {"p": -0.1}, "p must be a probability from 0 to 1, got -0.1."),
    case("p above 1", {"p": 1.5}, "p must be a probability from 0 to 1, got 1.5."),
    case("p not a number", {"p": float("nan")}, "p must be a probability from 0 to 1, got nan."),
    case("p a word", {"p": "1"}, "p must be a probability from 0 to 1, got '1'."),
    case("p a bool", {"p": True}, "p must be a probability from 0 to 1, got True."),
    case("seed a fraction", {"seed": 1.5}, "seed must be a whole number or None, got 1.5."),
    case("seed a word", {"seed": "1"}, "seed must be a whole number or None, got '1'."),
    case("seed a bool", {"seed": True}, "seed must be a whole number or None, got True."),
    case("seed a list", {"seed": [1]}, "seed must be a whole number or None, got [1]."),
    case("layout", {"layout": "HWC"}, "layout must be one of NCHW, NHWC, got 'HWC'."),
    case("out", {"out": "old"}, "out must be one of new, reuse, inplace, got 'old'."),
    case("pairing", {"pairing": "next"}, "pairing must be one of permutation, pairs, got 'next'."),
    case(
        "backend", {"backend": "jax"}, "backend must be one of auto, numpy, torch, cupy, got 'jax'."
    ),
    case("placement", {"placement": "left"}, "placement must be one of paper, inside, got 'left'."),
    case(
        "placement of objects",
        {"placement": "objects"},
        "placement='objects' looks at the objects of one sample, and a batch draws all patches at "
        "once. Use CutMix in the pipeline, or placement='inside'.",
    ),
    case(
        "placement that avoids",
        {"placement": "avoid"},
        "placement='avoid' looks at the objects of one sample, and a batch draws all patches at "
        "once. Use CutMix in the pipeline, or placement='inside'.",
    ),
    case(
        "an area with the paper's placement",
        {"area_range": (0.1, 0.5)},
        "placement='paper' draws the patch by the paper's own procedure and takes no area_range. "
        "Leave it out, or use placement='inside'.",
    ),
    case("seam width 0", {"seam_width": 0}, "seam_width must be at least 1 pixel, got 0."),
    case(
        "seam width a fraction",
        {"seam_width": 1.5},
        "seam_width must be at least 1 pixel, got 1.5.",
    ),
    case(
        "seam width a bool", {"seam_width": True}, "seam_width must be at least 1 pixel, got True."
    ),
    case("label mode", {"label_mode": "hard"}, "label_mode must be one of soft, pair, got 'hard'."),
    case("no class", {"classes": 0}, "classes must be a count > 0 or a sequence of distinct names"),
    case("alpha 0", {"alpha": 0}, "alpha must be a number > 0, got 0."),
    case("visibility", {"min_visibility": 2}, "min_visibility must be a share in [0, 1], or two"),
    case(
        "schedule",
        {"schedule": 3},
        "schedule must be a MixSchedule, or a mapping of its arguments such as {'epochs': 50, "
        "'stop_last': 5}, got 3.",
    ),
]


@pytest.mark.parametrize(("arguments", "words"), ARGUMENTS)
def test_arguments(arguments, words):
    """An argument that cannot be meant is refused when the object is made."""
    with pytest.raises(InvalidArgumentError, match=re.escape(words)):
        BatchCutMix(**arguments)


def test_a_new_seed_is_checked_as_the_first_one():
    """set_random_seed refuses what the constructor refuses."""
    with pytest.raises(InvalidArgumentError, match=r"a whole number or None, got 2\.0\."):
        BatchCutMix().set_random_seed(2.0)
