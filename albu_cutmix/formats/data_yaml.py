"""The `data.yaml` of a YOLO data set, and names of classes wherever they come from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

import yaml

from albu_cutmix.errors import DonorReadError, InvalidArgumentError
from albu_cutmix.formats.brief import brief
from albu_cutmix.formats.door import Door
from albu_cutmix.formats.paths import IMAGE_SUFFIXES, list_files, read_text

__all__ = ["is_yaml", "read_data_yaml", "read_names"]

LONGEST_NUMBER = 400  # letters; YAML reads 1:1:1 to the base of 60, in hours where it is long


class _Loader(yaml.SafeLoader):
    """Plain values only, and none that grows while it is read."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Return the next node of the text.

        Raises:
            YAMLError: If it is an alias of a list or mapping, or an absurdly long number.
        """
        alias = self.check_event(yaml.AliasEvent)
        node: Any = super().compose_node(parent, index)
        if alias and isinstance(node, yaml.CollectionNode):
            problem = "an alias of a list or mapping, which may grow without end: write it out"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        number = isinstance(node, yaml.ScalarNode) and node.tag.endswith((":int", ":float"))
        if number and len(node.value) > LONGEST_NUMBER:
            problem = f"a number of more than {LONGEST_NUMBER} letters"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        return node


def is_yaml(path: Any) -> TypeGuard[str | Path]:
    """Return whether a path is that of a YAML file, by its suffix."""
    return isinstance(path, str | Path) and Path(path).suffix.lower() in (".yaml", ".yml")


def read_data_yaml(path: Path, door: Door) -> tuple[list[Path], Any]:
    """Return the images and names of a `data.yaml`.

    Raises:
        InvalidArgumentError: If `path` and `train` do not lead to folders inside the yaml's own.
        DonorReadError: If it is no YAML, or a folder cannot be listed.
    """
    data = _load(path)
    base, train = data.get("path"), data.get("train")
    folders: list[Any] = train if isinstance(train, list) else [train]
    if not all(isinstance(folder, str) for folder in folders):
        raise InvalidArgumentError(
            f"{path}: 'train' must be a folder or a list of folders, got {brief(train)}."
        )
    if base is not None and not isinstance(base, str):
        raise InvalidArgumentError(f"{path}: 'path' must be a folder, got {brief(base)}.")
    found = []
    for name in folders:
        folder = _find_folder(path, base or ".", name)
        found += [folder / name for name in list_files(folder, IMAGE_SUFFIXES, door)]
    return found, data.get("names")


def _find_folder(path: Path, base: str, name: str) -> Path:
    """Return the real path of a folder that a `data.yaml` names."""
    home = Path(os.path.realpath(path)).parent
    # Exports mean a folder of their own by "../train/images".
    folder = _real_folder(home / base / name) or _real_folder(home / name.removeprefix("../"))
    # The text comes with the data: it must not lead to other files of this machine.
    if folder is not None and folder.is_relative_to(home):
        return folder
    raise InvalidArgumentError(
        f"{path}: 'path' and 'train' must lead to a folder inside {home}, got {brief(base)} and "
        f"{brief(name)}. Pass the image folder itself, and names=<this file>."
    )


def _real_folder(path: Path) -> Path | None:
    try:
        resolved = Path(os.path.realpath(path))
        return resolved if resolved.is_dir() else None
    except (OSError, ValueError):  # letters or lengths that no name can have
        return None


def _load(path: Path) -> dict[str, Any]:
    text = read_text(path)
    try:
        data = _Loader(text).get_single_data()
    except Exception as error:  # its readers of dates, numbers and flags raise anything
        raise DonorReadError(f"{path}: must be YAML, got {error}") from error
    if not isinstance(data, dict):
        raise DonorReadError(f"{path}: must be a YAML mapping, got {type(data).__name__}.")
    return data


def read_names(names: Any) -> tuple[str, ...] | None:
    """Return the class names in order, of a list, a mapping, a text file or a yaml.

    Raises:
        InvalidArgumentError: If they are none, not distinct, or no texts.
        DonorReadError: If their file cannot be read.
    """
    if names is None:
        return None
    if is_yaml(names):
        return read_names(_load(Path(names)).get("names", ()))
    if isinstance(names, str | Path):
        names = [line.strip() for line in read_text(Path(names)).splitlines() if line.strip()]
    if isinstance(names, Mapping):
        # 0.0 and false are keys equal to 0, and mean something else.
        if {type(key) for key in names} != {int} or set(names) != set(range(len(names))):
            raise InvalidArgumentError(
                f"names must number the classes from 0 without gaps, got {brief(list(names))}."
            )
        names = [names[index] for index in range(len(names))]
    if not isinstance(names, list | tuple) or not names:
        raise InvalidArgumentError(
            f"names must be a list, a mapping or a file of class names, got {brief(names)}."
        )
    return _check_texts(names)


def _check_texts(names: Any) -> tuple[str, ...]:
    for index, name in enumerate(names):
        if not isinstance(name, str):
            raise InvalidArgumentError(
                f"names must be texts, got {brief(name)} for class {index}. YAML reads yes, no, "
                "null, 1 and 2020-01-01 as other than text: put such names in quotes."
            )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidArgumentError(f"names must be distinct, got {brief(twice)} twice.")
    return tuple(names)
