"""Carries out changes of what is served, one at a time. Knows folders, wishes and checks.

Whoever calls it sees to it that no two changes happen at the same time.
"""

import os
from collections.abc import Callable, Mapping
from errno import ENOENT
from functools import partial

from app.errors import ModelNotFound, ModelRefused, NotReady
from app.serving.models.folders import is_folder, snapshot
from app.serving.models.inventory import Inventory
from app.serving.models.loader import LoadedModel, ServingOptions, TaskTypes, load_version
from app.serving.models.promotion import promote
from app.serving.models.served import ServedModels
from app.serving.models.versions import ModelVersions
from app.serving.models.wanted import FILE, WantedVersions
from app.serving.runtime import memory
from app.serving.runtime.throttle import half_duty_cycle, no_throttle
from app.telemetry.log import get_logger

_log = get_logger(__name__)


class Changes:
    """Loads, swaps and unloads versions.

    loading: name and version of what is being loaded now. started: whether every model has been
    tried once. problems: what cannot be read, by model; "" is the repository itself.
    """

    def __init__(
        self,
        tasks: TaskTypes,
        options: ServingOptions,
        inventory: Inventory,
        served: ServedModels,
        wanted: WantedVersions,
    ) -> None:
        self.loading: tuple[str, str] | None = None
        self.started = False
        self.problems: Mapping[str, str] = {}
        self._tasks = tasks
        self._options = options
        self._inventory = inventory
        self._served = served
        self._wanted = wanted
        self._logged: dict[str, str] = {}
        self._needs_trim = False

    def scan(self, *, patient: bool) -> None:
        """Look at every folder, and serve what is wanted and passes every check.

        With `patient` a version that is being copied is left for the next time.
        """
        try:
            self._inventory.look(self._served.all())
        except OSError as error:
            return self._note("", "repository_unreadable", error)
        gone = None if self._inventory.exists() else FileNotFoundError(ENOENT, os.strerror(ENOENT))
        self._note("", "repository_unreadable", gone)
        try:
            self.follow()
        except NotReady:  # closed meanwhile
            return
        for name, versions in sorted(self._inventory.all().items()):
            try:
                self._update(versions, patient=patient)
                if self.started:
                    self._update_candidate(versions)
            except NotReady:
                return
            except Exception as error:  # an error of one model must not stop the others
                self._note(name, "model_unreadable", error)
            else:
                self._note(name, "", None)
        self._finish_change()

    def follow(self) -> list[str]:
        """Do what was wanted of any model since this process last looked; returns problems.

        Before anything is loaded it only notes what is wanted: the scan that follows loads.
        Raises NotReady if the service is shutting down.
        """
        try:
            wanted = self._wanted.all()
        except (OSError, ValueError) as error:  # what is served does not change
            self._note(FILE, "wanted_unreadable", error)
            return []
        self._note(FILE, "", None)
        problems = []
        for name, wish in wanted.items():
            try:
                known = self._inventory.find(name, absent=wish.version is not None)
            except ModelNotFound:  # its folder may come back
                continue
            if known.followed == wish.changed:
                continue
            known.want(wish)
            try:
                if wish.unloaded:
                    self.unload(known, keep=False)
                elif self.started:
                    self.change_to(known, wish.version, keep=False)
            except (ModelNotFound, ModelRefused) as error:
                problems.append(f"{name}: {error.message}")
        return problems

    def change_to(self, known: ModelVersions, version: str | None, *, keep: bool) -> LoadedModel:
        """Serve a version, None for the highest, and return it. Changes nothing if it raises.

        `keep` notes that this is wanted, once it is known that it can be served. Raises as
        `Repository.load` does.
        """
        number = known.choose(version)
        note = partial(self._keep, known, version) if keep else None
        model = self._served.all().get(known.name)
        try:
            if model is None or model.version != number or model.files != snapshot(model.folder):
                model = self._serve(known, number, note)
            elif note is not None:
                note()
            self._update_candidate(known)
        finally:
            self._finish_change()
        return model

    def promote(self, known: ModelVersions, version: str) -> LoadedModel:
        """Serve a version, and mark it so in the repository once it is known that it can be.

        Raises as `Repository.promote` does.
        """

        def note() -> None:
            promote(known.folder(version).parents[1], known.name, version)
            self._keep(known)

        try:
            if self._version_of(known.name) == version:
                note()
            else:
                self._serve(known, version, note)
            self._update_candidate(known)
        finally:
            self._finish_change()
        return self._served.get(known.name, version, ())

    def unload(self, known: ModelVersions, *, keep: bool) -> None:
        """Serve no version of a model; `keep` notes that. Raises NotReady."""
        if keep:
            self._keep(known, unloaded=True)
        self._served.replace(known.name, None)
        self._served.replace_candidate(known.name, None)
        self._needs_trim = True
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
        for version in versions.to_try(self._version_of(versions.name), patient=patient):
            try:
                self._serve(versions, version)
                return
            except ModelRefused:
                continue

    def _update_candidate(self, versions: ModelVersions) -> None:
        """Keep the newest candidate of one model loaded, for requests that name its version."""
        loaded = self._served.candidates().get(versions.name)
        while True:
            wanted = versions.newest_candidate()
            if wanted == self._version_of(versions.name):
                wanted = None
            if (loaded.version if loaded else None) == wanted:
                return
            try:
                model = self._load(versions, wanted) if wanted is not None else None
            except ModelRefused:
                continue  # it is not the newest any more until its files change
            self._served.replace_candidate(versions.name, model)
            self._needs_trim = True
            return

    def _keep(
        self, known: ModelVersions, version: str | None = None, unloaded: bool = False
    ) -> None:
        """Note what is wanted, for every process and for those that come later."""
        try:
            known.want(self._wanted.put(known.name, version, unloaded=unloaded))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise NotReady(f"what is wanted cannot be kept: {reason}") from error

    def _serve(
        self, versions: ModelVersions, version: str, note: Callable[[], None] | None = None
    ) -> LoadedModel:
        """Load a version and serve it, or raise and change nothing. `note` is called in between."""
        model = self._load(versions, version)
        try:
            if note is not None:
                note()
        except (ModelRefused, NotReady):
            model.close(drain=False, forget=self._version_of(versions.name) != version)
            raise
        versions.accept(model)
        self._served.replace(versions.name, model)
        return model

    def _load(self, versions: ModelVersions, version: str) -> LoadedModel:
        """Load a version, or raise ModelRefused and note why."""
        folder, key = versions.folder(version), (versions.name, version)
        files = snapshot(folder)
        self.loading = key
        try:
            if not is_folder(folder):
                raise ModelRefused("this pinned version is not in the repository")
            # Leave half of the time to requests, once there can be any.
            slow = half_duty_cycle() if self.started and self._served.all() else no_throttle
            return load_version(folder, self._tasks, self._options, expected=key, throttle=slow)
        except ModelRefused as error:
            versions.refuse(version, files, error.message)
            _log.error("model_refused", model=versions.name, version=version, reason=error.message)
            raise
        finally:
            self.loading, self._needs_trim = None, True

    def _version_of(self, name: str) -> str | None:
        model = self._served.all().get(name)
        return None if model is None else model.version

    def _finish_change(self) -> None:
        """Update the metrics, and return the memory of closed sessions to the system."""
        self._inventory.update_metrics()
        if self._needs_trim:
            memory.trim()
        self._needs_trim = False

    def _note(self, key: str, event: str, error: Exception | None) -> None:
        """Log an error once, and again only after it was over or has changed; None ends it."""
        text = f"{type(error).__name__}: {error}" if error else ""
        if text and self._logged.get(key) != text:
            _log.error(event, model=key, reason=text)
        self._logged[key] = text
        others = {each: why for each, why in self.problems.items() if each != key}
        self.problems = others | ({key: _reason(error)} if error else {})


def _reason(error: Exception) -> str:
    """Why, without saying where it lies on the disk: clients can read it."""
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror or type(error).__name__}"
    return f"cannot be read: {error}" if isinstance(error, ValueError) else type(error).__name__
