"""The model repository `models/<name>/<version>/`. Knows which versions there are and should serve.

The highest version that passes every check is served, or exactly the pinned one. Versions are
loaded and unloaded one after the other, and a version that is loading takes nothing from the one
that serves until it has passed.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from app.errors import ModelNotFound, ModelRefused, NotReady
from app.serving.models.loader import LoadedModel, ServingOptions, TaskTypes, load_version
from app.serving.models.manifest import NAME_PATTERN
from app.serving.models.pace import halved, no_rest
from app.serving.models.served import ServedModels
from app.serving.models.shelf import Refusal, Shelf, VersionState
from app.serving.models.stored import is_folder, model_names, snapshot
from app.serving.runtime import memory
from app.telemetry import metrics
from app.telemetry.log import get_logger

_log = get_logger(__name__)
_TRIM_SECONDS: Final = 60.0  # a trim holds up whoever allocates for some milliseconds


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
        self._shelves: Mapping[str, Shelf] = {
            name: Shelf(root, name, pin) for name, pin in self._pinned.items()
        }
        self._served = ServedModels(self._options.retire_seconds)
        self._now_loading: tuple[str, str] | None = None
        self._complaints: dict[str, str] = {}
        self._loaded = False
        self._untidy = False
        self._turn = threading.Lock()  # held while a version is loaded, swapped and retired

    @property
    def status(self) -> Literal["loading", "ready", "no_models", "draining"]:
        """What the readiness check tells; only `ready` answers requests."""
        if self._served.closed.is_set():
            return "draining"
        if not self._loaded:
            return "loading"
        return "ready" if self._served.all() else "no_models"

    def load_all(self) -> None:
        """Load one version of every model; call it once. A bad version never raises."""
        memory.trim()  # its first call decides how memory is had, for loading, too
        with self._turn:
            self._take_up(patient=False)
            if self._served.closed.is_set():
                return
            for name in sorted(self._shelves.keys() - self._served.all().keys()):
                _log.error("model_not_served", model=name)
            self._loaded = True
        memory.trim()  # replaying golden examples took more than serving will
        if not self._served.all():
            _log.error("no_models", models_dir=str(self._root))

    def refresh(self) -> None:
        """Look for new versions once, and serve those that pass every check. Never raises."""
        with self._turn:
            self._take_up(patient=True)

    def watch(self, seconds: float) -> None:
        """Refresh every so many seconds until the repository is closed; 0 returns at once."""
        trimmed = time.monotonic()
        while seconds and not self._served.closed.wait(seconds):
            self.refresh()
            if time.monotonic() - trimmed > _TRIM_SECONDS:
                memory.trim()  # what a burst of long inputs has left behind
                trimmed = time.monotonic()

    def get(self, name: str, version: str | None = None, task: str | None = None) -> LoadedModel:
        """The served version of a model, to be looked at. Whoever hands it inputs calls `lease`.

        Raises ModelNotFound, listing what there is, if there is none of that name, if another
        version is served, or if it does not do `task`; NotReady while loading or draining, and
        when no model at all is served.
        """
        if self.status == "loading":
            raise NotReady("the models are being loaded")
        return self._served.get(name, version, task)

    def lease(self, name: str, version: str | None = None, task: str | None = None) -> LoadedModel:
        """As `get`; the model takes inputs until `leases.give_back` is called on it, once."""
        while True:
            model = self.get(name, version, task)
            if model.leases.take():
                return model  # else another one has taken its place since we looked

    def loaded(self) -> list[LoadedModel]:
        """What is served, by name."""
        return list(self._served.all().values())

    def refused(self) -> list[Refusal]:
        """What is in the repository and failed a check, by name and then the highest first."""
        return [
            refusal for _, shelf in sorted(self._shelves.items()) for refusal in shelf.refused()
        ]

    def index(self) -> list[VersionState]:
        """Every version on the disk or in use, by name and number. Reads folders: it may block."""
        states: list[VersionState] = []
        served, retiring, loading = self._served.all(), self._served.retiring(), self._now_loading
        for name, shelf in sorted(self._shelves.items()):
            ready = served.get(name)
            used = [each.version for each in (ready, retiring) if each and each.name == name]
            for version in shelf.known(used):
                key = (name, version)
                if ready is not None and version == ready.version:
                    state = VersionState(*key, "READY", shelf.note)
                elif key == loading:
                    state = VersionState(*key, "LOADING", "it is being verified and warmed")
                elif retiring is not None and key == (retiring.name, retiring.version):
                    state = VersionState(*key, "UNLOADING", "it finishes what it has accepted")
                else:
                    reason = shelf.why_not(version, ready.version if ready else None)
                    state = VersionState(*key, "UNAVAILABLE", reason)
                states.append(state)
        return states

    def load(self, name: str, version: str | None = None) -> LoadedModel:
        """Serve the highest version on the disk, or exactly `version`, and return it.

        Waits for its turn, for the version to pass, and for the one that it replaces to finish.
        What is served already is loaded again only if its files have changed. After a load with
        `version` the watcher keeps to that one, after a load without it to the highest. If this
        raises, what is served has not changed.

        Raises ModelNotFound for what is not on the disk, ModelRefused for a version that fails a
        check, NotReady when the service is shutting down.
        """
        with self._turn:
            shelf = self._find(name)
            try:
                versions = shelf.versions()
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
                    model = self._serve(shelf, wanted)
                finally:
                    self._tidy()
            shelf.pin, shelf.unloaded = version, False
            return model

    def unload(self, name: str) -> None:
        """Serve no version of a model until `load` is called; returns when it has finished.

        Raises ModelNotFound if there is no such model, NotReady when shutting down.
        """
        with self._turn:
            shelf = self._find(name)
            shelf.unloaded = True
            self._served.replace(name, None)
            self._untidy = True
            self._tidy()

    def close(self, timeout: float | None = None) -> bool:
        """Accept nothing more and finish what was accepted, within `timeout` seconds in all.

        Returns whether everything finished. May be called again.
        """
        return self._served.close(timeout)

    # What follows is called by whoever has the turn.

    def _take_up(self, *, patient: bool) -> None:
        try:
            names = model_names(self._root)
        except OSError as error:
            return self._complain("", "repository_unreadable", error)
        self._complain("", "", None)
        self._keep_shelves(names)
        for name, shelf in sorted(self._shelves.items()):
            try:
                self._renew(shelf, patient=patient)
            except NotReady:  # closed meanwhile
                return
            except Exception as error:  # one model's trouble is not another's
                self._complain(name, "model_unreadable", error)
            else:
                self._complain(name, "", None)
        self._tidy()

    def _renew(self, shelf: Shelf, *, patient: bool) -> None:
        """Serve the best version of one model that passes every check."""
        served = self._served.all().get(shelf.name)
        if served is not None and shelf.look_after(served) and shelf.note:
            _log.warning(
                "served_version_changed",
                model=served.name,
                version=served.version,
                reason=shelf.note,
            )
        if shelf.unloaded:
            return
        for version in shelf.candidates(served.version if served else None, patient=patient):
            try:
                self._serve(shelf, version)
                return
            except ModelRefused:
                continue

    def _serve(self, shelf: Shelf, version: str) -> LoadedModel:
        """Load a version and put it in its place, or raise ModelRefused and change nothing."""
        folder, key = shelf.folder(version), (shelf.name, version)
        files = snapshot(folder)
        self._now_loading = key
        try:
            if not is_folder(folder):
                raise ModelRefused("this pinned version is not in the repository")
            # While others are answered, take half the time only. At the start nobody is.
            rest = halved() if self._loaded and self._served.all() else no_rest
            model = load_version(folder, self._tasks, self._options, expected=key, rest=rest)
        except ModelRefused as error:
            shelf.refuse(version, files, error.message)
            _log.error("model_refused", model=shelf.name, version=version, reason=error.message)
            raise
        finally:
            self._now_loading, self._untidy = None, True
        shelf.accept(model)
        self._served.replace(shelf.name, model)
        return model

    def _find(self, name: str) -> Shelf:
        """The shelf of a model; a new one only if it has a folder. Raises ModelNotFound."""
        if name not in self._shelves:
            if not NAME_PATTERN.fullmatch(name) or not is_folder(self._root / name):
                raise ModelNotFound(f"there is no model {name!r} in the repository")
            self._shelves = {**self._shelves, name: Shelf(self._root, name)}
        return self._shelves[name]

    def _keep_shelves(self, names: Sequence[str]) -> None:
        """A shelf for each folder, and for what somebody asked for or what still serves."""
        kept = {
            name: shelf
            for name, shelf in self._shelves.items()
            if name in names or name in self._pinned or name in self._served.all() or shelf.unloaded
        }
        for name in self._shelves.keys() - kept.keys():
            metrics.REFUSED_VERSIONS.remove(name)
        new = {name: Shelf(self._root, name) for name in names if name not in kept}
        self._shelves = {**kept, **new}

    def _tidy(self) -> None:
        """Bring the metrics up to date, and give back what closed sessions have left behind."""
        for name, shelf in self._shelves.items():
            metrics.REFUSED_VERSIONS.labels(name).set(len(shelf.refused()))
        if self._untidy:
            memory.trim()
        self._untidy = False

    def _complain(self, key: str, event: str, error: Exception | None) -> None:
        """Log what keeps going wrong once, until it is over or something else."""
        text = f"{type(error).__name__}: {error}" if error else ""
        if text and self._complaints.get(key) != text:
            _log.error(event, model=key, reason=text)
        self._complaints[key] = text
