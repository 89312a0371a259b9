"""The models that ship, by name and version. Knows nothing of what else lies in models/.

Users put their own models beside them, and newer versions of them. No test may fail by that.
"""

from pathlib import Path
from typing import Final

from app.serving.models.manifest import Manifest, read_manifest

MODELS: Final = Path(__file__).resolve().parent.parent / "models"
SHIPPED: Final = {  # versions from the oldest to the one that serves
    "authorship": ("2",),
    "authorship-reuters": ("2",),
    "caption": ("2",),
    "forecast": ("2",),
    "forecast-stream": ("1",),
    "forecast-waves": ("1",),
    "generate": ("1",),
    "sentiment": ("8",),
    "sentiment-open": ("1",),
    "translate": ("1",),
}
FOLDERS: Final = [
    MODELS / name / version for name, versions in SHIPPED.items() for version in versions
]


def shipped_folder(name: str) -> Path:
    """The folder of the newest version of `name` that ships."""
    return MODELS / name / SHIPPED[name][-1]


def shipped_manifests() -> list[Manifest]:
    """The manifest of every version that ships."""
    return [read_manifest(folder) for folder in FOLDERS]


def link_shipped(root: Path) -> Path:
    """Make `root` a model repository of what ships and nothing else."""
    for folder in FOLDERS:
        link = root / folder.parent.name / folder.name
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(folder, target_is_directory=True)
    return root
