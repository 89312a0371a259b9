"""The model repository `models/<name>/<version>/`. Knows which versions there are and serve.

The highest version that passes every check is served, or exactly the pinned one. What a request
looks up is one dict that is only ever replaced as a whole, so reading it needs no lock.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.errors import ModelNotFound, ModelRefused, NotReady
from app.log import get_logger
from app.serving.loader import LoadedModel, ServingOptions, TaskTypes, load_version
from app.serving.manifest import NAME_PATTERN, VERSION_PATTERN

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A version that is in the repository and is not served, and why."""

    name: str
    version: str
    reason: str


@dataclass(frozen=True, slots=True)
class VersionState:
    """One version of one model; `reason` says why it is not served."""

    name: str
    version: str
    state: Literal["READY", "UNAVAILABLE", "LOADING", "UNLOADING"]
    reason: str


class Repository:
    """Finds, loads, chooses and hands out model versions."""

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
        self._served: Mapping[str, LoadedModel] = {}
        self._refused: tuple[Refusal, ...] = ()
        self._loaded = False
        self._closed = False

    @property
    def status(self) -> Literal["loading", "ready", "no_models", "draining"]:
        """What the readiness check tells; only `ready` answers requests."""
        if self._closed:
            return "draining"
        if not self._loaded:
            return "loading"
        return "ready" if self._served else "no_models"

    def load_all(self) -> None:
        """Load one version of every model; call it once. A bad version never raises."""
        served: dict[str, LoadedModel] = {}
        refused: list[Refusal] = []
        for name in sorted(self._names() | self._pinned.keys()):
            for version in self._candidates(name):
                try:
                    served[name] = self._load(name, version)
                    break
                except ModelRefused as error:
                    # Clients may read it, and need not know where on the disk it happened.
                    reason = error.message.replace(f"{self._root}/", "")
                    refused.append(Refusal(name, version, reason))
                    _log.error("model_refused", model=name, version=version, reason=error.message)
            else:
                _log.error("model_not_served", model=name)
        self._served, self._refused = served, tuple(refused)
        self._loaded = True
        if self._closed:  # `close` came while loading and did not see these
            self._close_models(0.0)
            return
        if not served:
            _log.error("no_models", models_dir=str(self._root))

    def get(self, name: str, version: str | None = None, task: str | None = None) -> LoadedModel:
        """The served version of a model.

        Raises ModelNotFound, listing what there is, if there is none of that name, if another
        version is served, or if it does not do `task`; NotReady while loading or draining, and
        when no model at all could be loaded.
        """
        if self._closed:
            raise NotReady("the service is shutting down")
        if not self._loaded:
            raise NotReady("the models are being loaded")
        served = self._served
        if not served:
            raise NotReady("no model could be loaded; GET /models tells why")
        model = served.get(name)
        if model is None or (task is not None and model.manifest.task != task):
            names = [each for each, other in served.items() if task in (None, other.manifest.task)]
            kind = "model" if task is None else f"{task} model"
            listing = ", ".join(names) or "none"
            raise ModelNotFound(f"there is no {kind} {name!r}; served: {listing}")
        if version is not None and version != model.version:
            raise ModelNotFound(
                f"version {version!r} of model {name!r} is not served; served: {model.version}"
            )
        return model

    def loaded(self) -> list[LoadedModel]:
        """What is served, by name."""
        return list(self._served.values())

    def refused(self) -> list[Refusal]:
        """What is in the repository and failed a check."""
        return list(self._refused)

    def index(self) -> list[VersionState]:
        """Every version that is served or was refused. Reads folders: it may block."""
        served = [VersionState(each.name, each.version, "READY", "") for each in self.loaded()]
        refused = [
            VersionState(each.name, each.version, "UNAVAILABLE", each.reason)
            for each in self.refused()
        ]
        return served + refused

    def load(self, name: str, version: str | None = None) -> LoadedModel:
        """Serve the highest version, or exactly that one. Raises ModelNotFound, ModelRefused."""
        if name not in self._names():
            raise ModelNotFound(f"there is no model {name!r} in the repository")
        old = self._served.get(name)
        wanted = version or self._candidates(name)[0]
        if not (self._root / name / wanted).is_dir():
            raise ModelNotFound(f"version {wanted!r} of model {name!r} is not in the repository")
        model = self._load(name, wanted)
        self._served = {**self._served, name: model}
        if old is not None:
            old.close()
        return model

    def unload(self, name: str) -> None:
        """Serve no version of a model; returns when it has finished. Raises ModelNotFound."""
        if name not in self._served:
            raise ModelNotFound(f"there is no model {name!r} in the repository")
        old = self._served[name]
        self._served = {each: model for each, model in self._served.items() if each != name}
        old.close()

    def close(self, timeout: float | None = None) -> bool:
        """Accept nothing more and finish what was accepted, within `timeout` seconds in all.

        Returns whether everything finished. May be called again.
        """
        self._closed = True
        return self._close_models(timeout)

    def _close_models(self, timeout: float | None) -> bool:
        end = None if timeout is None else time.monotonic() + timeout
        models = self.loaded()
        for model in models:  # all of them stop at once, then each is waited for
            model.scheduler.stop()
        finished = [
            model.close(timeout=None if end is None else max(0.0, end - time.monotonic()))
            for model in models
        ]
        return all(finished)

    def _load(self, name: str, version: str) -> LoadedModel:
        folder = self._root / name / version
        if not folder.is_dir():
            raise ModelRefused("this pinned version is not in the repository")
        return load_version(folder, self._tasks, self._options, expected=(name, version))

    def _names(self) -> set[str]:
        """Folders with a model's name; the hidden ones of a publication in progress have none."""
        if not self._root.is_dir():
            return set()
        return {
            folder.name
            for folder in self._root.iterdir()
            if NAME_PATTERN.fullmatch(folder.name) and folder.is_dir()
        }

    def _candidates(self, name: str) -> list[str]:
        """Versions to try, the best first; a pin leaves no choice."""
        if name in self._pinned:
            return [self._pinned[name]]
        versions = [
            folder.name
            for folder in (self._root / name).iterdir()
            if VERSION_PATTERN.fullmatch(folder.name) and folder.is_dir()
        ]
        return sorted(versions, key=int, reverse=True)
