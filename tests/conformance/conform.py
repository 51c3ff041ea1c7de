"""A pytest plugin that puts our classes among those that Albumentations' own tests go through.

The tests of tag 2.0.8 discover classes in the namespace `albumentations` and take arguments from
tables. The plugin adds ours to both; `python tests/conformance` runs it on a checkout.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import albumentations
import numpy as np
import pytest
from albumentations.core.type_definitions import Targets

import albu_cutmix
from albu_cutmix import Donor

# `test_keypoints_bboxes_match` presumes that its single box stays whole: a small patch.
SMALL = (0.02, 0.05)
# Each set of arguments is one more case of every test. Not bbox_mode="drop": the tests' instance
# masks reach everywhere, so that any patch would drop them all.
CASES: dict[str, list[dict[str, Any]]] = {
    "CutMix": [
        {"area_range": SMALL},
        {"area_range": SMALL, "fit": "stretch", "bbox_mode": "keep"},
        {"area_range": SMALL, "fit": "crop", "min_visibility": 0.5},
        {"area_range": SMALL, "fit": "whole", "masks_mode": "layers"},
    ],
    "MixUp": [{}, {"fit": "stretch"}, {"fit": "crop", "masks_mode": "layers"}],
    "Cutout": [
        {"area_range": SMALL},
        {"area_range": SMALL, "fill": "noise", "bbox_mode": "keep"},
        {"area_range": SMALL, "fill": "mean", "masks_mode": "layers", "num_patches": 2},
    ],
    "MixTargets": [{}],
}


class Excuse(NamedTuple):
    """A test that expects of every transform what a mix cannot promise."""

    test: str
    classes: tuple[str, ...]
    reason: str
    #: Whether a case of the test, given its parameters, is excused.
    holds: Callable[[Mapping[str, Any]], bool] = lambda _: True


def has_channels(params: Mapping[str, Any]) -> bool:
    """Say whether the instance masks of a case have channels; layers may."""
    return params["masks"][0].ndim == 3 and params["params"].get("masks_mode") != "layers"


MIXES = ("CutMix", "MixUp", "Cutout")
ALL = (*MIXES, "MixTargets")
EXCUSED = [
    Excuse("test_images_as_target", ALL, "`images` would need a donor each: refused by name"),
    Excuse("test_image_volume_matching", ALL, "`images` and volumes are refused by name"),
    Excuse("test_dual_transforms_methods", ALL, "gives `images`, which are refused by name"),
    Excuse(
        "test_augmentations_for_keypoints_serialization",
        ALL,
        "gives keypoints without a pipeline that says their format: refused by name",
    ),
    Excuse(
        "test_masks_as_target",
        MIXES,
        "an instance mask is (H, W); masks with channels need masks_mode='layers'",
        has_channels,
    ),
    Excuse("test_change_image", ("MixTargets",), "changes no pixel, as NoOp, which it leaves out"),
    Excuse("test_selective_channel", ("MixTargets",), "changes no pixel, as NoOp"),
    Excuse(
        "test_dual",
        ("MixTargets",),
        "answers for all targets at once, so it has no method of its own for each",
    ),
]


def fitting_donor(data: Mapping[str, Any]) -> Donor:
    """Return the primary turned by half a turn and five rows shorter, with no object on it.

    It has the primary's dtypes, channels and mask values, another height and negative strides.
    """
    mask, masks = data.get("mask"), data.get("masks")
    return Donor(
        turned(data["image"]),
        None if mask is None else turned(mask),
        None if masks is None else [turned(layer) for layer in masks],
        bboxes=np.zeros((0, 4)),
        keypoints=np.zeros((0, 2)),
        id="turned",
    )


def turned(array: np.ndarray) -> np.ndarray:
    """Return a view without the first five rows, turned by half a turn."""
    return array[:4:-1, ::-1]


class Tolerant:
    """A constructor that takes what the tests give to every class alike.

    They write `fill`, `mask_interpolation` and the like into arguments that many tests share. Ours
    refuse what they do not know, so that a typo is never silent; here it is left out.
    """

    def __init__(self, **arguments: Any) -> None:
        known = {*self.get_transform_init_args_names(), "p"}
        super().__init__(**{key: value for key, value in arguments.items() if key in known})


class Fitted(Tolerant):
    """A mix with a donor that fits each call.

    A pool does not see the primary, and the tests give images of one to five channels in two
    dtypes to one set of arguments. So the donor comes where a call may bring it.
    """

    def draw_plan(self, data: dict[str, Any], rng: np.random.Generator) -> Any:
        """Draw with the fitting donor as the call's own list of donors."""
        return super().draw_plan({**data, self.metadata_key: [fitting_donor(data)]}, rng)


class CutMix(Fitted, albu_cutmix.CutMix):
    """The library's `CutMix`."""


class MixUp(Fitted, albu_cutmix.MixUp):
    """The library's `MixUp`."""


class Cutout(Tolerant, albu_cutmix.Cutout):
    """The library's `Cutout`, without a `fill` that is no fill of its own."""


class MixTargets(Tolerant, albu_cutmix.MixTargets):
    """The library's `MixTargets`, its *p* left out: it is always 1, and the tests ask for 0.5."""

    def __init__(self, p: float = 1.0, **arguments: Any) -> None:
        super().__init__(**arguments)


CLASSES = (CutMix, MixUp, Cutout, MixTargets)


def pytest_configure(config: pytest.Config) -> None:
    """Add the classes to the tables before a test module reads them."""
    sys.path.insert(0, str(config.rootpath))
    definitions = importlib.import_module("tests.aug_definitions")
    for cls in CLASSES:
        name = cls.__name__
        cls.__doc__ = getattr(albu_cutmix, name).__doc__  # `test_dual` reads it
        setattr(albumentations, name, cls)
        definitions.AUGMENTATION_CLS_PARAMS.append([cls, CASES[name]])
    targets = importlib.import_module("tests.test_targets")
    # A class that is not listed must take volumes.
    targets.DUAL_TARGETS |= {cls: cls._targets for cls in CLASSES}
    # Our docstrings name `masks` apart, as AlbumentationsX does; 2.0.8 counts them under `mask`.
    targets.str2target["masks"] = Targets.MASK


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is excused, with the reason; an excuse that fits no test is an error."""
    left = {(excuse.test, name): excuse for excuse in EXCUSED for name in excuse.classes}
    used = set()
    for item in items:
        params = getattr(item, "callspec", None) and item.callspec.params
        name = params and getattr(params.get("augmentation_cls"), "__name__", "")
        excuse = left.get((getattr(item, "originalname", ""), name))
        if excuse is not None and excuse.holds(params):
            used.add((excuse.test, name))
            item.add_marker(pytest.mark.skip(reason=f"{name}: {excuse.reason}"))
    if used < left.keys():
        raise pytest.UsageError(f"EXCUSED names tests that are not there: {left.keys() - used}.")
