"""Names of files that come from annotations: text from elsewhere, kept inside one folder.

A name may say only what lies below the pool's root. It is judged as text when the pool is made
(`check_name`) and on the disk when the file is read (`resolve_inside`), because only then links
can be followed.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from albu_cutmix.errors import DonorReadError, InvalidArgumentError, InvalidSampleError
from albu_cutmix.formats.brief import brief

if TYPE_CHECKING:
    from albu_cutmix.formats.door import Door

__all__ = [
    "IMAGE_SUFFIXES",
    "check_folder",
    "check_name",
    "check_path",
    "is_file",
    "is_there",
    "list_files",
    "read_bytes",
    "read_text",
    "resolve_inside",
]

IMAGE_SUFFIXES = (
    ".bmp",
    ".gif",
    ".jp2",
    ".jpeg",
    ".jpg",
    ".pgm",
    ".png",
    ".ppm",
    ".tif",
    ".tiff",
    ".webp",
)
# One image's annotations are a few kilobytes; more is damage or an attack.
TEXT_LIMIT = 16 * 2**20
_ELSEWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|data:|[A-Za-z]:", re.ASCII)


def check_name(name: Any, where: str) -> str:
    """Return a file name as it stands if it can only mean a file below a root.

    Args:
        name: What the annotation says.
        where: Which annotation said it, for the message.

    Raises:
        InvalidSampleError: If it is no text, empty, absolute, a URL, or holds `..`, a backslash
            or a NUL.
    """
    problem = ""
    if not isinstance(name, str) or not name.strip():
        problem = "must be the name of a file"
    elif "\0" in name:
        problem = "must not hold a NUL character"
    elif "\\" in name:
        problem = "must use forward slashes"
    elif _ELSEWHERE.match(name):
        problem = "must be a file in the pool's folder, not a URL or drive"
    elif name.startswith("/"):
        problem = "must be relative to the pool's folder"
    elif ".." in name.split("/"):
        problem = "must not leave the pool's folder by '..'"
    if problem:
        raise InvalidSampleError(
            f"{where} names the file {name!r}; it {problem}. Give names relative to the folder "
            "that the pool reads from."
        )
    return str(name)


def resolve_inside(root: str, name: str) -> Path:
    """Return the real path of a checked name.

    Args:
        root: Real path of the pool's folder.
        name: A name that `check_name` let pass.

    Raises:
        DonorReadError: If a symbolic link leads out of the root.
    """
    listed = os.path.join(root, name)  # noqa: PTH118 - ten times faster than pathlib, per draw
    try:
        path = os.path.realpath(listed)
    except (OSError, ValueError) as error:  # letters that no file name of this system can have
        raise DonorReadError(f"{listed!r}: cannot be read: {error}.") from error
    if path != root and not path.startswith(os.path.join(root, "")):  # noqa: PTH118
        raise DonorReadError(
            f"{listed}: a symbolic link leads to {path}, outside the pool's folder {root}. "
            "Give the folder that really holds the files."
        )
    return Path(path)


def read_bytes(path: Path, limit: int) -> bytes:
    """Return the content of a regular file of at most *limit* bytes.

    Raises:
        DonorReadError: If there is no such file, it is a device or pipe, or it is larger.
    """
    data: bytes | None = None
    try:
        # Before opening: to open a named pipe waits for ever.
        found = path.stat()
        if stat.S_ISREG(found.st_mode):
            with path.open("rb") as file:
                # read() takes memory for all that it is asked for, which may be far from there.
                data = file.read(min(limit, found.st_size) + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if data is None:
        raise DonorReadError(f"{path}: must be a file, got a folder, device or pipe.")
    if len(data) > limit:
        raise DonorReadError(f"{path}: must have at most {limit} bytes, got more.")
    return data


def _unreadable(path: Path, error: Exception) -> DonorReadError:
    reason = getattr(error, "strerror", None) or str(error)
    return DonorReadError(f"{path}: cannot be read: {reason}.")


def read_text(path: Path) -> str:
    """Return a text file of annotations; see `read_bytes`."""
    try:
        return read_bytes(path, TEXT_LIMIT).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DonorReadError(
            f"{path}: must be UTF-8 text, got byte {error.object[error.start]:#04x} at "
            f"{error.start}."
        ) from error


def check_path(path: Any, argument: str) -> Path:
    """Return what an argument names, which need not be there.

    Raises:
        InvalidArgumentError: If it is no text or path.
    """
    if not isinstance(path, str | os.PathLike):
        raise InvalidArgumentError(f"{argument} must name a file, got {brief(path)}.")
    return Path(path)


def check_folder(path: Any, argument: str) -> Path:
    """Return a folder's absolute path.

    Raises:
        InvalidArgumentError: If there is no such folder.
    """
    try:
        folder = Path(path).expanduser()
        if folder.is_dir():
            return folder.absolute()
    # No path, a user who is not there, letters or lengths that no name can have.
    except (TypeError, RuntimeError, ValueError, OSError):
        pass
    raise InvalidArgumentError(f"{argument} must be a folder that exists, got {brief(path)}.")


def is_file(path: Path) -> bool:
    """Return whether there is such a file; a name that none can have is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_there(path: Path) -> bool:
    """Return whether something has that name.

    Raises:
        DonorReadError: If it cannot be known: a folder on the way cannot be entered.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    return True


def list_files(root: Path, suffixes: tuple[str, ...], door: Door) -> list[str]:
    """Return the files below a folder with one of the suffixes, as sorted relative names.

    Links to folders are not followed. The order is that of the names, so it is the same on
    every machine. The door hears of folders that cannot be listed.
    """
    found = []
    for folder, _, names in os.walk(root, onerror=door.refuse_folder):
        below = Path(folder).relative_to(root)
        found += [(below / n).as_posix() for n in names if n.lower().endswith(suffixes)]
    return sorted(found)
