"""The models of the repository and what is known of their versions. Loads and serves nothing.

The dict of models is only ever replaced as a whole, so other threads may read it at any time.
Everything that changes it is called by one thread at a time.
"""

from collections.abc import Collection, Mapping
from pathlib import Path

from app.errors import ModelNotFound
from app.serving.models.folders import is_folder, model_names
from app.serving.models.manifest import NAME_PATTERN
from app.serving.models.versions import ModelVersions, Refusal
from app.telemetry import metrics


class Inventory:
    """The models by name; `pinned` are the versions that the settings name."""

    def __init__(self, root: Path, pinned: Mapping[str, str]) -> None:
        self._root = root
        self._pinned = pinned
        self._models: Mapping[str, ModelVersions] = {
            name: ModelVersions(root, name, pin) for name, pin in pinned.items()
        }

    def all(self) -> Mapping[str, ModelVersions]:
        """The models that are known, by name."""
        return self._models

    def find(self, name: str, *, absent: bool = False) -> ModelVersions:
        """The versions of a model. With `absent` its folder need not be there.

        Raises:
            ModelNotFound: there is no such folder.
        """
        if name not in self._models:
            known = NAME_PATTERN.fullmatch(name) and (absent or is_folder(self._root / name))
            if not known:
                raise ModelNotFound(f"there is no model {name!r} in the repository")
            self._models = {**self._models, name: ModelVersions(self._root, name)}
        return self._models[name]

    def exists(self) -> bool:
        """Whether there is a folder of the repository that this process may see."""
        return is_folder(self._root)

    def look(self, served: Collection[str]) -> None:
        """Match the folders; models that are pinned, unloaded or among `served` are kept, too.

        Raises:
            OSError: the repository cannot be read.
        """
        names = model_names(self._root)
        needed = {*names, *self._pinned, *served}
        kept = {
            name: versions
            for name, versions in self._models.items()
            if name in needed or versions.unloaded or versions.pin
        }
        for name in self._models.keys() - kept.keys():
            metrics.REFUSED_VERSIONS.remove(name)
        new = {name: ModelVersions(self._root, name) for name in names if name not in kept}
        self._models = {**kept, **new}

    def refused(self) -> list[Refusal]:
        """Versions that failed a check, ordered by name, the highest version first."""
        models = sorted(self._models.items())
        return [refusal for _, versions in models for refusal in versions.refused()]

    def update_metrics(self) -> None:
        """Set the gauge of refused versions."""
        for name, versions in self._models.items():
            metrics.REFUSED_VERSIONS.labels(name).set(len(versions.refused()))
