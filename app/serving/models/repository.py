"""The model repository `models/<name>/<version>/`. Knows which versions exist and should serve.

The highest version that passes every check is served, or exactly the pinned one. Versions are
loaded and unloaded one at a time, and the version that is served is kept until the new one has
passed its checks.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from app.errors import ModelNotFound, ModelRefused, NotReady
from app.serving.models.folders import is_folder, model_names, snapshot
from app.serving.models.held import HeldVersions
from app.serving.models.loader import LoadedModel, ServingOptions, TaskTypes, load_version
from app.serving.models.manifest import NAME_PATTERN
from app.serving.models.served import ServedModels
from app.serving.models.versions import ModelVersions, Refusal, VersionState, states_of
from app.serving.runtime import memory
from app.serving.runtime.throttle import half_duty_cycle, no_throttle
from app.telemetry import metrics
from app.telemetry.log import get_logger

_log = get_logger(__name__)
# A trim blocks memory allocation in all threads for some milliseconds.
TRIM_SECONDS: Final = 60.0


class Repository:
    """Finds, loads, chooses, swaps and hands out model versions."""

    def __init__(
        self,
        root: Path,
        tasks: TaskTypes,
        *,
        options: ServingOptions | None = None,
        pinned_versions: Mapping[str, str] | None = None,
    ) -> None:
        self._root = root
        self._tasks = tasks
        self._options = options or ServingOptions()
        self._pinned = dict(pinned_versions or {})
        self._models: Mapping[str, ModelVersions] = {
            name: ModelVersions(root, name, pin) for name, pin in self._pinned.items()
        }
        self._served = ServedModels(self._options.retire_seconds, self._options.may_be_held)
        self._now_loading: tuple[str, str] | None = None
        self._logged_errors: dict[str, str] = {}
        self._loaded = False
        self._needs_trim = False
        self._change = threading.Lock()  # held while a version is loaded, swapped and retired
        self.held = HeldVersions(root, self._served, self._change, tasks, self._options)

    @property
    def status(self) -> Literal["loading", "ready", "no_models", "draining"]:
        """The state for the readiness check; requests are answered in `ready` only."""
        if self._served.closed.is_set():
            return "draining"
        if not self._loaded:
            return "loading"
        return "ready" if self._served.all() else "no_models"

    def load_all(self) -> None:
        """Load one version of every model; call it once. A bad version is refused, not raised."""
        memory.trim()  # the first call also configures the allocator, before anything is loaded
        with self._change:
            self._scan(patient=False)
            if self._served.closed.is_set():
                return
            for name in sorted(self._models.keys() - self._served.all().keys()):
                _log.error("model_not_served", model=name)
            self._loaded = True
        memory.trim()  # golden examples needed memory that serving will not
        if not self._served.all():
            _log.error("no_models", models_dir=str(self._root))

    def refresh(self) -> None:
        """Look for new versions once, and serve those that pass every check."""
        with self._change:
            self._scan(patient=True)

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

    def get(self, name: str, version: str | None = None, task: str | None = None) -> LoadedModel:
        """The served version of a model, for reading. To submit inputs to it, call `lease`.

        Raises:
            ModelNotFound: there is no model of that name, another version is served, or its task
                is not `task`. The message lists what is served.
            NotReady: the repository is loading or draining, or no model at all is served.
        """
        if self.status == "loading":
            raise NotReady("the models are being loaded")
        return self._served.get(name, version, task)

    def lease(self, name: str, version: str | None = None, task: str | None = None) -> LoadedModel:
        """As `get`; the model accepts inputs until its `leases.give_back` is called, once."""
        while True:
            model = self.get(name, version, task)
            if model.leases.take():
                return model  # else it was replaced since `get` returned it

    def loaded(self) -> list[LoadedModel]:
        """The models that are served, ordered by name."""
        return list(self._served.all().values())

    def refused(self) -> list[Refusal]:
        """Versions that failed a check, ordered by name, the highest version first."""
        models = sorted(self._models.items())
        return [refusal for _, versions in models for refusal in versions.refused()]

    def index(self) -> list[VersionState]:
        """Every version on the disk or in use, by name and number. Reads folders: it may block."""
        served, loading = self._served, self._now_loading
        return states_of(self._models, served.all(), served.held(), served.retiring(), loading)

    def load(self, name: str, version: str | None = None) -> LoadedModel:
        """Serve the highest version on the disk, or exactly `version`, and return it.

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
            known = self._find(name)
            try:
                versions = known.on_disk()
            except OSError as error:
                raise ModelRefused(f"the folder of {name} cannot be read: {error}") from error
            if not versions:
                raise ModelNotFound(f"there is no version of model {name!r} in the repository")
            wanted = versions[0] if version is None else version
            if wanted not in versions:
                raise ModelNotFound(
                    f"version {wanted!r} of model {name!r} is not in the repository; "
                    f"there: {', '.join(versions)}"
                )
            model = self._served.all().get(name)
            if model is None or model.version != wanted or model.files != snapshot(model.folder):
                try:
                    model = self._serve(known, wanted)
                finally:
                    self._finish_change()
            known.pin, known.unloaded = version, False
            return model

    def unload(self, name: str) -> None:
        """Serve no version of a model until `load` is called; returns when it has finished.

        Raises:
            ModelNotFound: there is no such model.
            NotReady: the service is shutting down.
        """
        with self._change:
            versions = self._find(name)
            versions.unloaded = True
            self._served.replace(name, None)
            self._needs_trim = True
            self._finish_change()

    def close(self, timeout: float | None = None) -> bool:
        """Accept nothing more and finish what was accepted, within `timeout` seconds in all.

        Returns whether everything finished. May be called again.
        """
        return self._served.close(timeout)

    # The methods below are called with `_change` held.

    def _scan(self, *, patient: bool) -> None:
        try:
            names = model_names(self._root)
        except OSError as error:
            return self._log_once("", "repository_unreadable", error)
        self._log_once("", "", None)
        self._match_folders(names)
        for name, versions in sorted(self._models.items()):
            try:
                self._update(versions, patient=patient)
            except NotReady:  # closed meanwhile
                return
            except Exception as error:  # an error of one model must not stop the others
                self._log_once(name, "model_unreadable", error)
            else:
                self._log_once(name, "", None)
        self._finish_change()

    def _update(self, versions: ModelVersions, *, patient: bool) -> None:
        """Serve the best version of one model that passes every check."""
        served = self._served.all().get(versions.name)
        if served is not None and versions.check_folder(served) and versions.note:
            _log.warning(
                "served_version_changed",
                model=served.name,
                version=served.version,
                reason=versions.note,
            )
        if versions.unloaded:
            return
        for version in versions.candidates(served.version if served else None, patient=patient):
            try:
                self._serve(versions, version)
                return
            except ModelRefused:
                continue

    def _serve(self, versions: ModelVersions, version: str) -> LoadedModel:
        """Load a version and serve it, or raise ModelRefused and change nothing."""
        folder, key = versions.folder(version), (versions.name, version)
        files = snapshot(folder)
        self._now_loading = key
        try:
            if not is_folder(folder):
                raise ModelRefused("this pinned version is not in the repository")
            # Leave half of the time to requests, once there can be any.
            slow = half_duty_cycle() if self._loaded and self._served.all() else no_throttle
            model = load_version(folder, self._tasks, self._options, expected=key, throttle=slow)
        except ModelRefused as error:
            versions.refuse(version, files, error.message)
            _log.error("model_refused", model=versions.name, version=version, reason=error.message)
            raise
        finally:
            self._now_loading, self._needs_trim = None, True
        versions.accept(model)
        self._served.replace(versions.name, model)
        return model

    def _find(self, name: str) -> ModelVersions:
        """The versions of a model; ModelNotFound is raised for one without a folder."""
        if name not in self._models:
            if not NAME_PATTERN.fullmatch(name) or not is_folder(self._root / name):
                raise ModelNotFound(f"there is no model {name!r} in the repository")
            self._models = {**self._models, name: ModelVersions(self._root, name)}
        return self._models[name]

    def _match_folders(self, names: Sequence[str]) -> None:
        """Keep the versions of each folder, and of models that are pinned, served or unloaded."""
        needed = {*names, *self._pinned, *self._served.all()}
        kept = {
            name: versions
            for name, versions in self._models.items()
            if name in needed or versions.unloaded
        }
        for name in self._models.keys() - kept.keys():
            metrics.REFUSED_VERSIONS.remove(name)
        new = {name: ModelVersions(self._root, name) for name in names if name not in kept}
        self._models = {**kept, **new}

    def _finish_change(self) -> None:
        """Update the metrics, and return the memory of closed sessions to the system."""
        for name, versions in self._models.items():
            metrics.REFUSED_VERSIONS.labels(name).set(len(versions.refused()))
        if self._needs_trim:
            memory.trim()
        self._needs_trim = False

    def _log_once(self, key: str, event: str, error: Exception | None) -> None:
        """Log an error once, and again only after it was over or has changed."""
        text = f"{type(error).__name__}: {error}" if error else ""
        if text and self._logged_errors.get(key) != text:
            _log.error(event, model=key, reason=text)
        self._logged_errors[key] = text
