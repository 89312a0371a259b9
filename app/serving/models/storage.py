"""What a folder holds that is no model repository: versions of one model, or a graph alone.

Storages that are mounted for one model, as KServe does it, look so. Knows folders and manifests;
imports and serves nothing.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.serving.models.folders import model_names, version_names
from app.serving.models.manifest import FILE_NAME, read_manifest

_GRAPHS: Final = "*.onnx"


@dataclass(frozen=True)
class Stored:
    """What was found: versions with a manifest, or graphs without one.

    versions: folders by the name and the version in their manifests. graphs: ONNX files.
    """

    versions: dict[tuple[str, str], Path]
    graphs: tuple[Path, ...] = ()


def find_stored(folder: Path) -> Stored | None:
    """What lies in `folder` if it is no repository; None if it is one, or holds nothing.

    Looked for are, each only where there is none of those before: versions in their places, one
    version in the folder itself or versions of one model in it, ONNX files in any of these places.

    Raises:
        OSError: a folder cannot be read.
        ModelRefused: a manifest in the wrong place cannot be read.
    """
    places = [
        folder / name / version
        for name in model_names(folder)
        for version in version_names(folder / name)
    ]
    if any((place / FILE_NAME).is_file() for place in places):
        return None
    own = [folder / version for version in version_names(folder)]
    versions = [place for place in (folder, *own) if (place / FILE_NAME).is_file()]
    if versions:
        manifests = [(read_manifest(place), place) for place in versions]
        return Stored({(each.name, each.version): place for each, place in manifests})
    graphs = [graph for place in (folder, *own, *places) for graph in sorted(place.glob(_GRAPHS))]
    return Stored({}, tuple(graphs)) if graphs else None


def link_versions(stored: Stored, repository: Path) -> None:
    """Give the versions their places in `repository`, as links. Raises OSError."""
    for (name, version), place in stored.versions.items():
        (repository / name).mkdir(parents=True, exist_ok=True)
        (repository / name / version).symlink_to(place.resolve(), target_is_directory=True)
