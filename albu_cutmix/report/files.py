"""The files of a report: that they can be written is told before the work; half ones never stay."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from albu_cutmix.errors import InvalidArgumentError

__all__ = ["check_writable", "write_file"]


def check_writable(path: str | Path) -> None:
    """Raise InvalidArgumentError unless a file can be written there; what is there stays."""
    try:
        target = _target(path)
        if target.is_dir():
            raise IsADirectoryError("it is a folder")
        if _is_plain(target):
            with tempfile.TemporaryFile(dir=target.parent):
                pass
    except (OSError, ValueError, TypeError) as error:
        raise _refused(path, error) from error


def write_file(path: str | Path, parts: Iterable[str]) -> None:
    """Write text in one go: what was there stays until all of the new is on the disk.

    Raises:
        InvalidArgumentError: If the file cannot be written.
    """
    try:
        target = _target(path)
        if not _is_plain(target):  # a pipe or a device
            with target.open("w", encoding="utf-8", errors="backslashreplace") as file:
                file.writelines(parts)
            return
        # Names may come from anywhere: what UTF-8 cannot hold is written as an escape.
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", errors="backslashreplace", dir=target.parent,
            prefix=f".{target.name}.", delete=False,
        ) as file:  # fmt: skip
            try:
                file.writelines(parts)
                file.close()
                _keep_mode(target, file.name)
                Path(file.name).replace(target)
            except BaseException:
                file.close()
                Path(file.name).unlink()
                raise
    except (OSError, ValueError, TypeError) as error:
        raise _refused(path, error) from error


def _target(path: str | Path) -> Path:
    """Return the file that is meant: a link is followed, and stays."""
    return Path(os.path.realpath(path))


def _is_plain(target: Path) -> bool:
    return target.is_file() or not target.exists()


def _keep_mode(target: Path, name: str) -> None:
    """Give a temporary file the rights of the file it replaces, or those of a new one."""
    mask = os.umask(0)
    os.umask(mask)
    Path(name).chmod(target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~mask)


def _refused(path: object, error: Exception) -> InvalidArgumentError:
    why = getattr(error, "strerror", None) or error
    return InvalidArgumentError(
        f"{str(path)!r} cannot be written: {why}. Give the name of a file in a folder that exists "
        "and can be written to."
    )
