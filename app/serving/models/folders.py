"""The folders of the model repository. Knows names, files and their times; loads no network."""

import stat
from pathlib import Path
from typing import Final, TypeAlias

from app.errors import ModelRefused
from app.serving.models.manifest import NAME_PATTERN, VERSION_PATTERN, read_manifest

Snapshot: TypeAlias = tuple[tuple[str, int, int, int, int], ...]
"""Per file: name, inode, bytes, and the times of the last change of its content and its owner."""

CANDIDATE: Final = "CANDIDATE"
"""A file of this name in a version's folder marks it as a candidate; see `promotion`."""

ABSENT: Final[Snapshot] = ()


def model_names(root: Path) -> list[str]:
    """Folders with a model's name; the hidden ones of a publication in progress are left out.

    A repository that does not exist is empty.

    Raises:
        OSError: it cannot be read.
    """
    if not root.is_dir():
        return []
    return sorted(
        each.name
        for each in root.iterdir()
        if NAME_PATTERN.fullmatch(each.name) and is_folder(each)
    )


def version_names(folder: Path) -> list[str]:
    """The versions in the folder of a model, the highest first; none if it does not exist.

    Raises:
        OSError: the folder cannot be read.
    """
    if not folder.is_dir():
        return []
    versions = [
        each.name
        for each in folder.iterdir()
        if VERSION_PATTERN.fullmatch(each.name) and is_folder(each)
    ]
    return sorted(versions, key=int, reverse=True)


def is_candidate(folder: Path) -> bool:
    """Whether the version in `folder` waits to be promoted."""
    try:
        return (folder / CANDIDATE).exists()
    except OSError:  # before Python 3.14, if the folder may not be read
        return False


def promoted_names(folder: Path) -> list[str]:
    """The versions in the folder of a model that are no candidates, the highest first.

    Raises:
        OSError: the folder cannot be read.
    """
    return [each for each in version_names(folder) if not is_candidate(folder / each)]


def snapshot(folder: Path) -> Snapshot:
    """A value that changes whenever a file in `folder` is replaced, rewritten or made readable.

    Links are followed, so a link to another file counts as a change. ABSENT if the folder does
    not exist; a folder that cannot be read has a snapshot, too.
    """
    try:
        files = sorted(folder.iterdir())
    except FileNotFoundError:
        return ABSENT
    except OSError as error:
        return (_stamp(folder), ("", 0, 0, error.errno or 0, 0))
    return tuple(_stamp(each) for each in (folder, *files))


def missing_part(folder: Path) -> str:
    """What a version lacks that may still be being copied; empty if it is complete.

    Only names and sizes are compared, so wrong bytes are not found here.
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
    """Whether there is a folder that this process may see."""
    try:
        return path.is_dir()
    except OSError:  # before Python 3.14, if a parent folder may not be read
        return False


def _stamp(file: Path) -> tuple[str, int, int, int, int]:
    try:
        facts = file.stat()
    except OSError as error:  # a dangling link, or a parent folder that may not be read
        return (file.name, 0, 0, error.errno or 0, 0)
    size = facts.st_size if stat.S_ISREG(facts.st_mode) else -1
    return (file.name, facts.st_ino, size, facts.st_mtime_ns, facts.st_ctime_ns)
