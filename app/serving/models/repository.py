"""The model repository `models/<name>/<version>/`. Knows which versions exist and should serve.

The highest version that passes every check is served, or exactly the pinned one. Versions are
loaded and unloaded one at a time, and the version that is served is kept until the new one has
passed its checks.
"""

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from app.errors import ModelRefused, NotReady
from app.serving.models.changes import Changes
from app.serving.models.held import HeldVersions
from app.serving.models.index import VersionState, index_of
from app.serving.models.inventory import Inventory
from app.serving.models.loader import LoadedModel, ServingOptions, TaskTypes
from app.serving.models.served import ServedModels
from app.serving.models.versions import Refusal
from app.serving.models.wanted import WantedVersions
from app.serving.runtime import memory
from app.telemetry.log import get_logger

_log = get_logger(__name__)
# A trim blocks memory allocation in all threads for some milliseconds.
TRIM_SECONDS: Final = 60.0


class Repository:
    """Finds, loads, chooses, swaps and hands out model versions.

    wanted: what was loaded and unloaded, kept for other processes; else in this object alone.
    """

    def __init__(
        self,
        root: Path,
        tasks: TaskTypes,
        *,
        options: ServingOptions | None = None,
        pinned_versions: Mapping[str, str] | None = None,
        wanted: WantedVersions | None = None,
    ) -> None:
        self._root = root
        options = options or ServingOptions()
        self._pinned = dict(pinned_versions or {})
        self._inventory = Inventory(root, self._pinned)
        self._served = ServedModels(options.retire_seconds, options.may_be_held)
        self._changes = Changes(
            tasks, options, self._inventory, self._served, wanted or WantedVersions()
        )
        self._change = threading.Lock()  # held while a version is loaded, swapped and retired
        self.held = HeldVersions(root, self._served, self._change, tasks, options)

    @property
    def status(self) -> Literal["loading", "ready", "no_models", "draining"]:
        """The state for the readiness check; requests are answered in `ready` only."""
        if self._served.closed.is_set():
            return "draining"
        if not self._changes.started:
            return "loading"
        return "ready" if self._served.all() else "no_models"

    def load_all(self) -> None:
        """Load one version of every model; call it once. A bad version is refused, not raised."""
        memory.trim()  # the first call also configures the allocator, before anything is loaded
        with self._change:
            self._changes.scan(patient=False)
            if self._served.closed.is_set():
                return
            for name in sorted(self._inventory.all().keys() - self._served.all().keys()):
                _log.error("model_not_served", model=name)
            self._changes.started = True
            self._changes.scan(patient=False)  # candidates come after what is served by default
        memory.trim()  # golden examples needed memory that serving will not
        if not self._served.all():
            _log.error("no_models", models_dir=str(self._root))

    def refresh(self) -> None:
        """Look for new versions once, and serve those that pass every check."""
        with self._change:
            self._changes.scan(patient=True)

    def watch(self, seconds: float, *, trim_seconds: float = TRIM_SECONDS) -> None:
        """Refresh every so many seconds until the repository is closed; 0 returns at once.

        Free memory is returned to the system every `trim_seconds`.
        """
        trimmed = time.monotonic()
        while seconds and not self._served.closed.wait(seconds):
            self.refresh()
            if time.monotonic() - trimmed > trim_seconds:
                memory.trim()  # a burst of long inputs leaves free memory
                trimmed = time.monotonic()

    def get(self, name: str, version: str | None = None, *tasks: str) -> LoadedModel:
        """The served version of a model, for reading. To submit inputs to it, call `lease`.

        Raises:
            ModelNotFound: there is no model of that name, another version is served, or its task
                is none of `tasks`, if any are named. The message lists what is served.
            NotReady: the repository is loading or draining, or no model at all is served.
        """
        if self.status == "loading":
            raise NotReady("the models are being loaded")
        return self._served.get(name, version, tasks)

    def lease(self, name: str, version: str | None = None, *tasks: str) -> LoadedModel:
        """As `get`; the model accepts inputs until its `leases.give_back` is called, once."""
        while True:
            model = self.get(name, version, *tasks)
            if model.leases.take():
                return model  # else it was replaced since `get` returned it

    def loaded(self) -> list[LoadedModel]:
        """The models that are served, ordered by name."""
        return list(self._served.all().values())

    def refused(self) -> list[Refusal]:
        """Versions that failed a check, ordered by name, the highest version first."""
        return self._inventory.refused()

    def problems(self) -> list[str]:
        """What could not be read when it was last looked at, in words; what is served goes on."""
        found = sorted(self._changes.problems.items())
        return [f"{name or 'the model repository'} {why}" for name, why in found]

    def candidates(self) -> list[LoadedModel]:
        """The candidates that are loaded, ordered by name: the newest of each model."""
        return list(self._served.candidates().values())

    def index(self) -> list[VersionState]:
        """Every version on the disk or in use, by name and number. Reads folders: it may block."""
        return index_of(self._inventory.all(), self._served, self._changes.loading)

    def load(self, name: str, version: str | None = None) -> LoadedModel:
        """Serve the highest version that is no candidate, or exactly `version`, and return it.

        Waits for other changes, for the checks, and for the version that it replaces to finish. A
        version that is served already is loaded again only if its files have changed. After a load
        with `version` the watcher keeps to that version, after a load without it to the highest.
        If this raises, what is served has not changed.

        Raises:
            ModelNotFound: the model or the version is not on the disk.
            ModelRefused: the version fails a check.
            NotReady: the service is shutting down.
        """
        with self._change:
            return self._changes.change_to(self._inventory.find(name), version, keep=True)

    def promote(self, name: str, version: str) -> LoadedModel:
        """Serve `version` from now on, in every process that reads the repository.

        Once it has passed its checks it is marked as promoted, and higher versions as candidates.
        What was pinned by `load` is pinned no more.

        Raises:
            ModelNotFound: the model or the version is not on the disk.
            ModelRefused: the version fails a check, another one is pinned by a setting, or the
                repository cannot be written.
            NotReady: the service is shutting down, or what is wanted cannot be kept.
        """
        with self._change:
            known = self._inventory.find(name)
            pinned = self._pinned.get(name)
            if pinned not in (None, version):
                raise ModelRefused(f"version {pinned} of {name} is pinned by a setting")
            return self._changes.promote(known, known.choose(version))

    def unload(self, name: str) -> None:
        """Serve no version of a model until `load` is called; returns when it has finished.

        Raises:
            ModelNotFound: there is no such model.
            NotReady: the service is shutting down, or what is wanted cannot be kept.
        """
        with self._change:
            self._changes.unload(self._inventory.find(name), keep=True)

    def follow(self) -> None:
        """Do what was wanted of any model since this process last looked.

        Raises:
            ModelRefused: a version that is wanted cannot be served; the message names each.
            NotReady: the service is shutting down.
        """
        with self._change:
            problems = self._changes.follow()
        if problems:
            raise ModelRefused("; ".join(problems))

    def close(self, timeout: float | None = None) -> bool:
        """Accept nothing more and finish what was accepted, within `timeout` seconds in all.

        Returns whether everything finished. May be called again.
        """
        return self._served.close(timeout)
