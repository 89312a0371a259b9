"""Versions that are loaded beside the served one, for who began with them. Knows no stream."""

import threading
from pathlib import Path

from app.errors import ModelNotFound
from app.serving.models.folders import is_folder
from app.serving.models.loader import LoadedModel, ServingOptions, TaskTypes, load_version
from app.serving.models.manifest import NAME_PATTERN
from app.serving.models.served import ServedModels
from app.serving.runtime import memory
from app.serving.runtime.throttle import half_duty_cycle


class HeldVersions:
    """Part of a `Repository`, whose lock `change` is. Thread-safe."""

    def __init__(
        self,
        root: Path,
        served: ServedModels,
        change: threading.Lock,
        tasks: TaskTypes,
        options: ServingOptions,
    ) -> None:
        self._root = root
        self._served = served
        self._change = change
        self._tasks = tasks
        self._options = options

    def all(self) -> list[LoadedModel]:
        """Those that are loaded."""
        return list(self._served.held().values())

    def lease(self, name: str, version: str) -> LoadedModel | None:
        """A version that is served, held or a loaded candidate; None if it is neither.

        It accepts inputs until its `leases.give_back` is called, once.
        """
        found = (self._served.all().get(name), self._served.candidates().get(name))
        model = next((each for each in found if each and each.version == version), None)
        model = model or self._served.held().get((name, version))
        return model if model is not None and model.leases.take() else None

    def load(self, name: str, version: str) -> None:
        """Load a version that is not served. It takes its time.

        Raises:
            ModelNotFound: it is not on the disk.
            ModelRefused: it fails a check.
            NotReady: the service is shutting down.
        """
        with self._change:
            served = self._served.all().get(name)
            if (served is not None and served.version == version) or (
                (name, version) in self._served.held()
            ):
                return
            folder = self._root / name / version
            if not NAME_PATTERN.fullmatch(name) or not is_folder(folder):
                raise ModelNotFound(f"version {version!r} of {name!r} is not in the repository")
            slow = half_duty_cycle()
            model = load_version(
                folder, self._tasks, self._options, expected=(name, version), throttle=slow
            )
            self._served.hold(model)

    def release(self, model: LoadedModel) -> None:
        """Close a version when it has answered what holds it, and return its memory."""
        with self._change:
            self._served.release(model)
            memory.trim()
