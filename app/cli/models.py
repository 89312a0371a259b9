"""The commands `models` and `promote`. Knows folders and manifests; loads no network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

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


def promote(
    name: Annotated[str, typer.Argument(help="Name of the model.", metavar="NAME")],
    version: Annotated[str, typer.Argument(help="Its version.", metavar="VERSION")],
    models_dir: ModelsOption = None,
) -> None:
    """Make a version the one that is served.

    A candidate is one no more, and higher versions become candidates: that is also the way
    back. A service that runs notices within UNROLL_RELOAD_SECONDS.
    """
    with errors_in_one_line():
        from app.serving.models.promotion import promote as run
        from app.settings import load_settings

        settings = load_settings(models_dir=models_dir)
        stored = {each.version: each for each in _versions_of(settings.models_dir / name, None)}
        if version in stored and stored[version].problem:
            raise ModelRefused(f"{name}/{version} is not sound: {stored[version].problem}")
        aside = run(settings.models_dir, name, version)
        pin = settings.pinned_versions.get(name)
        typer.echo(f"{name}/{version} is promoted")
        for each in aside:
            typer.echo(f"{name}/{each} is a candidate now")
        if pin not in (None, version):
            typer.echo(
                f"version {pin} is pinned by UNROLL_PINNED_VERSIONS: it goes on being served"
            )


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """One version folder; `problem` is empty when manifest and files are as they should be."""

    name: str
    version: str
    manifest: "Manifest | None"
    problem: str
    served: bool
    candidate: bool = False

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
            _served(each),
        )
    return table


def _served(version: StoredVersion) -> str:
    if version.problem:
        return f"refused: {version.problem}"
    if version.served:
        return "yes"
    return "candidate" if version.candidate else "no"


def _versions_of(folder: Path, pin: str | None) -> list[StoredVersion]:
    from app.serving.models.folders import is_candidate, version_names

    versions: list[StoredVersion] = []
    chosen = False
    for version in version_names(folder):
        path = folder / version
        manifest, problem = _inspect(path)
        candidate = is_candidate(path)
        wanted = pin == path.name or (pin is None and not candidate)
        served = not problem and not chosen and wanted
        chosen = chosen or served
        versions.append(StoredVersion(folder.name, path.name, manifest, problem, served, candidate))
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
