"""The command `models`: lists a model repository. Knows folders and manifests; loads no network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.cli.common import ModelsOption, errors_in_one_line
from app.errors import ModelRefused

if TYPE_CHECKING:
    from rich.table import Table

    from app.serving.models.manifest import Manifest

_NAME: Final = 30  # columns for a name, at least, if one is so long


def models(models_dir: ModelsOption = None) -> None:
    """List what the model repository holds, and which version is served."""
    with errors_in_one_line():
        from app.settings import load_settings

        settings = load_settings(models_dir=models_dir)
    from rich.console import Console

    root = settings.models_dir
    versions = list_versions(root, settings.pinned_versions)
    Console().print(versions_table(versions, str(root)) if versions else f"{root} holds no model.")


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """One version folder; `problem` is empty when manifest and files are as they should be."""

    name: str
    version: str
    manifest: "Manifest | None"
    problem: str
    served: bool

    @property
    def size(self) -> int:
        """Bytes of the listed files."""
        files = self.manifest.files.values() if self.manifest else ()
        return sum(file.bytes for file in files)


def list_versions(root: Path, pinned: Mapping[str, str]) -> list[StoredVersion]:
    """Every version below `root`, by name, the highest first.

    `served` is what the service would choose by manifest, files and pins; it replays the golden
    examples as well and may still refuse a version here called sound.
    """
    from app.serving.models.folders import model_names

    versions: list[StoredVersion] = []
    for name in model_names(root):
        versions += _versions_of(root / name, pinned.get(name))
    return versions


def versions_table(versions: Sequence[StoredVersion], title: str) -> "Table":
    """The versions for a terminal."""
    from rich.table import Table

    table = Table(title=title, box=None, padding=(0, 2, 0, 0))
    # Nothing is cut: a name that was could be that of another model.
    longest = max((len(each.name) for each in versions), default=0)
    table.add_column("name", overflow="fold", min_width=min(longest, _NAME))
    for head in ("version", "task", "cell"):
        table.add_column(head, overflow="fold")
    table.add_column("parameters", justify="right", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("served", overflow="fold")
    for each in versions:
        manifest = each.manifest
        table.add_row(
            each.name,
            each.version,
            manifest.task if manifest else "?",
            manifest.network.cell if manifest else "?",
            f"{manifest.network.parameters:,}" if manifest else "?",
            f"{each.size / 1e6:.2f} MB" if manifest else "?",
            "yes" if each.served else (f"refused: {each.problem}" if each.problem else "no"),
        )
    return table


def _versions_of(folder: Path, pin: str | None) -> list[StoredVersion]:
    from app.serving.models.folders import version_names

    versions: list[StoredVersion] = []
    chosen = False
    for version in version_names(folder):
        path = folder / version
        manifest, problem = _inspect(path)
        served = not problem and not chosen and pin in (None, path.name)
        chosen = chosen or served
        versions.append(StoredVersion(folder.name, path.name, manifest, problem, served))
    return versions


def _inspect(path: Path) -> "tuple[Manifest | None, str]":
    from app.serving.models.loader import verify_files
    from app.serving.models.manifest import read_manifest

    try:
        manifest = read_manifest(path)
    except ModelRefused as error:
        return None, error.message
    if (manifest.name, manifest.version) != (path.parent.name, path.name):
        return manifest, f"the manifest is that of {manifest.name} version {manifest.version}"
    try:
        verify_files(path, manifest)
    except ModelRefused as error:
        return manifest, error.message
    return manifest, ""
