"""What lies in the folders of the model repository. Knows names, files, marks; loads no network."""

import stat
from pathlib import Path
from typing import Final, TypeAlias

from app.errors import ModelRefused
from app.serving.models.manifest import NAME_PATTERN, VERSION_PATTERN, read_manifest

Snapshot: TypeAlias = tuple[tuple[str, int, int, int, int], ...]
"""Per file: name, inode, bytes, and the times of the last change of its content and its owner."""

ABSENT: Final[Snapshot] = ()


def model_names(root: Path) -> list[str]:
    """Folders with a model's name; those of a publication in progress are hidden and have none.

    A repository that is not there is an empty one. Raises OSError for one that cannot be read.
    """
    if not root.is_dir():
        return []
    return sorted(
        each.name
        for each in root.iterdir()
        if NAME_PATTERN.fullmatch(each.name) and is_folder(each)
    )


def version_names(folder: Path) -> list[str]:
    """The versions in the folder of a model, the highest first; none if it is not there.

    Raises OSError for a folder that cannot be read.
    """
    if not folder.is_dir():
        return []
    versions = [
        each.name
        for each in folder.iterdir()
        if VERSION_PATTERN.fullmatch(each.name) and is_folder(each)
    ]
    return sorted(versions, key=int, reverse=True)


def snapshot(folder: Path) -> Snapshot:
    """What changes whenever a file in `folder` does, be it replaced, rewritten or made readable.

    Links are followed: one that is turned to another file counts as a change. ABSENT for a folder
    that is not there; one that cannot be read has a snapshot of its own kind.
    """
    try:
        files = sorted(folder.iterdir())
    except FileNotFoundError:
        return ABSENT
    except OSError as error:
        return (_mark(folder), ("", 0, 0, error.errno or 0, 0))
    return tuple(_mark(each) for each in (folder, *files))


def missing_part(folder: Path) -> str:
    """What is still missing in a version that is perhaps being copied; empty if nothing is.

    Looks at names and sizes only: a file that grows is found, one that is wrong is not.
    """
    try:
        manifest = read_manifest(folder)
    except ModelRefused as error:
        return error.message
    for name, expected in manifest.files.items():
        try:
            size = (folder / name).stat().st_size
        except OSError:
            return f"{name} is missing"
        if size != expected.bytes:
            return f"{name} has {size} bytes, the manifest says {expected.bytes}"
    return ""


def is_folder(path: Path) -> bool:
    """Whether there is a folder; one that nobody lets us see is none."""
    try:
        return path.is_dir()
    except OSError:  # before Python 3.14 it raises when a folder on the way is closed to us
        return False


def _mark(file: Path) -> tuple[str, int, int, int, int]:
    try:
        facts = file.stat()
    except OSError as error:  # a link to nothing, or a folder on the way that is closed to us
        return (file.name, 0, 0, error.errno or 0, 0)
    size = facts.st_size if stat.S_ISREG(facts.st_mode) else -1
    return (file.name, facts.st_ino, size, facts.st_mtime_ns, facts.st_ctime_ns)
