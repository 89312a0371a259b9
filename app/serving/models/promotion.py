"""Candidates and their promotion: marks in the repository. Knows files; loads nothing.

A version is a candidate while a file CANDIDATE lies in its folder. It can be asked by its version,
and is not what is served by default. The mark is no part of the manifest, so that promoting a
version changes none of its bytes; every process that reads the repository sees it.
"""

from pathlib import Path

from app.errors import ModelNotFound, ModelRefused
from app.serving.models.folders import CANDIDATE, is_candidate, version_names

_TEXT = """\
This version is a candidate: it answers requests that name its version, and no others.
unroll promote {name} {version} makes it the version that is served, and removes this file.
"""


def mark(folder: Path, name: str, version: str) -> None:
    """Make the version in `folder` a candidate.

    Raises:
        OSError: the folder cannot be written.
    """
    (folder / CANDIDATE).write_text(_TEXT.format(name=name, version=version), encoding="utf-8")


def promote(root: Path, name: str, version: str) -> list[str]:
    """Make `version` the highest that is no candidate; higher ones become candidates again.

    Returns those that did, the highest first. Promoting what is promoted already changes nothing.

    Raises:
        ModelNotFound: there is no such version.
        ModelRefused: the repository cannot be written.
    """
    folder = root / name
    try:
        versions = version_names(folder)
        if version not in versions:
            there = ", ".join(versions) or "none"
            raise ModelNotFound(
                f"there is no version {version!r} of model {name!r}; there: {there}"
            )
        (folder / version / CANDIDATE).unlink(missing_ok=True)
        higher = [
            each
            for each in versions
            if int(each) > int(version) and not is_candidate(folder / each)
        ]
        for each in higher:
            mark(folder / each, name, each)
    except OSError as error:
        reason = f"{error.strerror}: {error.filename}"
        raise ModelRefused(f"{name}/{version} cannot be promoted: {reason}") from error
    return higher
