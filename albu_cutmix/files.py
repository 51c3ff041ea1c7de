"""Files that are written whole or not at all; what was there stays until the new one is there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from albu_cutmix.errors import InvalidArgumentError

__all__ = ["check_writable", "refused", "whole_file", "write_file"]

#: What the system raises of a name or a disk.
FAILURES = (OSError, ValueError, TypeError)


def check_writable(path: str | Path) -> None:
    """Raise InvalidArgumentError unless a file can be written there; what is there stays."""
    try:
        target = _target(path)
        if target.is_dir():
            raise IsADirectoryError("it is a folder")
        if _is_plain(target):
            with tempfile.TemporaryFile(dir=target.parent):
                pass
    except FAILURES as error:
        raise refused(path, error) from error


def write_file(path: str | Path, parts: Iterable[str]) -> None:
    """Write text; to a pipe or a device as it comes.

    Raises:
        InvalidArgumentError: If the file cannot be written.
    """
    # Names may come from anywhere: what UTF-8 cannot hold is written as an escape.
    lines = (part.encode("utf-8", "backslashreplace") for part in parts)
    try:
        target = _target(path)
        if _is_plain(target):
            with whole_file(path) as file:
                file.writelines(lines)
        else:
            with target.open("wb") as device:
                device.writelines(lines)
    except FAILURES as error:
        if isinstance(error, InvalidArgumentError):
            raise
        raise refused(path, error) from error


@contextmanager
def whole_file(path: str | Path) -> Iterator[BinaryIO]:
    """Give a new file that takes the place of what is there in one step, or vanishes.

    Raises:
        InvalidArgumentError: If it cannot be made or take its place. What writing to it raises is
            the caller's: see `refused`.
    """
    try:
        target = _target(path)
        if not _is_plain(target):
            raise OSError("it is a folder or a device")
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.")
    except FAILURES as error:
        raise refused(path, error) from error
    file = os.fdopen(handle, "wb")
    try:
        yield file
        _publish(file, name, target)
    except BaseException:
        with suppress(OSError):  # what its buffer holds finds no room either
            file.close()
        Path(name).unlink(missing_ok=True)
        raise


def refused(path: object, error: Exception) -> InvalidArgumentError:
    """Return the error for a file that cannot be written."""
    why = getattr(error, "strerror", None) or error
    return InvalidArgumentError(
        f"{str(path)!r} cannot be written: {why}. Give the name of a file in a folder that exists, "
        "can be written to and has room."
    )


def _publish(file: BinaryIO, name: str, target: Path) -> None:
    """Bring a file to the disk, and under its name."""
    try:
        file.flush()
        os.fsync(file.fileno())
        file.close()
        _keep_mode(target, name)
        Path(name).replace(target)
    except OSError as error:
        raise refused(target, error) from error


def _target(path: Any) -> Path:
    """Return the file that is meant: a link is followed, and stays."""
    return Path(os.path.realpath(path))


def _is_plain(target: Path) -> bool:
    return target.is_file() or not target.exists()


def _keep_mode(target: Path, name: str) -> None:
    """Give a temporary file the rights of the file it replaces, or those of a new one."""
    mask = os.umask(0)
    os.umask(mask)
    Path(name).chmod(target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~mask)
