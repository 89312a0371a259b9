"""Which versions are served now, and how one replaces another. Knows no folder.

Requests read one dict that is only ever replaced as a whole, so reading needs no lock. A version
that was replaced serves the requests that hold it to their end, and is then freed.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from app.errors import ModelNotFound, NotReady
from app.serving.models.loader import LoadedModel
from app.serving.scheduling.statistics import forget_statistics
from app.telemetry import forgetting, metrics
from app.telemetry.log import get_logger

# Replaced versions whose counters are still exported, for comparisons.
_KEPT_COUNTERS: Final = 8
_log = get_logger(__name__)


class ServedModels:
    """The served models by name; `retire_seconds` bounds each wait for a replaced one.

    may_be_held: whether a version may still be needed when another is served. Such a version is
    held until `release` is called.

    `replace` must be called by one thread at a time; everything else is thread-safe.
    """

    def __init__(
        self, retire_seconds: float, may_be_held: Callable[[LoadedModel], bool] | None = None
    ) -> None:
        self._retire_seconds = retire_seconds
        self._may_be_held = may_be_held or (lambda model: False)
        self._held: Mapping[tuple[str, str], LoadedModel] = {}
        self._served: Mapping[str, LoadedModel] = {}
        self._candidates: Mapping[str, LoadedModel] = {}
        self._retiring: LoadedModel | None = None
        self._replaced: list[tuple[str, str]] = []  # the latest last
        self._lock = threading.Lock()  # held for a moment, to change what is served
        self.closed = threading.Event()

    def all(self) -> Mapping[str, LoadedModel]:
        """What is served now, by name."""
        return self._served

    def candidates(self) -> Mapping[str, LoadedModel]:
        """The candidates that are loaded now, by name: at most one of each model."""
        return self._candidates

    def retiring(self) -> LoadedModel | None:
        """The replaced version that is still finishing what it accepted."""
        return self._retiring

    def held(self) -> Mapping[tuple[str, str], LoadedModel]:
        """Versions that are not served and kept all the same, by name and version."""
        return self._held

    def hold(self, model: LoadedModel) -> None:
        """Keep a version that is not served. If this was closed, it is closed, too.

        Raises:
            NotReady: this was closed.
        """
        with self._lock:
            closed = self.closed.is_set()
            if not closed:
                self._held = {**self._held, (model.name, model.version): model}
        if closed:
            model.close(drain=False)
            raise NotReady("the service is shutting down")

    def release(self, model: LoadedModel) -> None:
        """Close a held version when it has answered the requests that hold it."""
        with self._lock:
            self._held = {key: each for key, each in self._held.items() if each is not model}
        served = self._served.get(model.name)
        again = served is not None and served.version == model.version
        finished = model.retire(self._retire_seconds, forget=not again)
        _log.info("model_released", model=model.name, version=model.version, finished=finished)

    def get(self, name: str, version: str | None, tasks: Sequence[str]) -> LoadedModel:
        """As `Repository.get`, once all models are loaded."""
        served = self._served
        if self.closed.is_set():
            raise NotReady("the service is shutting down")
        if not served:
            raise NotReady("no model is served; GET /models tells why")
        candidate = self._candidates.get(name)
        named = candidate is not None and candidate.version == version
        if candidate is not None and named and _does(candidate, tasks):
            return candidate
        model = served.get(name)
        if model is None or not _does(model, tasks):
            names = [each for each, other in served.items() if _does(other, tasks)]
            kind = f"{tasks[0]} model" if tasks else "model"
            listing = ", ".join(names) or "none"
            raise ModelNotFound(f"there is no {kind} {name!r}; served: {listing}")
        if version is not None and version != model.version:
            also = f", candidate: {candidate.version}" if candidate is not None else ""
            raise ModelNotFound(
                f"version {version!r} of model {name!r} is not served; "
                f"served: {model.version}{also}"
            )
        return model

    def replace(self, name: str, model: LoadedModel | None) -> None:
        """Serve `model` under `name`, or nothing if it is None, and retire the old one.

        Returns when the old one has answered the requests that held it, and is closed.

        Raises:
            NotReady: this was closed; `model` is closed, too.
        """
        with self._lock:
            closed = self.closed.is_set()
            old = self._served.get(name)
            if not closed:
                others = {each: other for each, other in self._served.items() if each != name}
                self._served = dict(sorted((others | ({name: model} if model else {})).items()))
                self._retiring = old
        if closed:
            if model is not None:
                model.close(drain=False)
            raise NotReady("the service is shutting down")
        if model is not None:
            metrics.MODEL_INFO.labels(model.manifest.task, name, model.version).set(1)
        if old is None and model is None:
            return
        metrics.SWAPS.labels(name, _reason(old, model)).inc()
        if model is None:
            for each in [each for key, each in self._held.items() if key[0] == name]:
                self.release(each)
        if old is None:
            return
        if model is not None and model.version != old.version and self._may_be_held(old):
            metrics.MODEL_INFO.remove(old.manifest.task, old.name, old.version)
            self.hold(old)
            self._retiring = None
            _log.info("model_held", model=old.name, version=old.version)
        else:
            self._retire(old, replaced_by=model)

    def replace_candidate(self, name: str, model: LoadedModel | None) -> None:
        """Answer requests that name the version of `model`; retire the candidate before it.

        Raises:
            NotReady: this was closed; `model` is closed, too.
        """
        with self._lock:
            closed = self.closed.is_set()
            old = self._candidates.get(name)
            if not closed:
                others = {each: other for each, other in self._candidates.items() if each != name}
                self._candidates = dict(sorted((others | ({name: model} if model else {})).items()))
        if closed:
            if model is not None:
                model.close(drain=False)
            raise NotReady("the service is shutting down")
        if old is not None:
            served = self._served.get(name)
            again = served is not None and served.version == old.version
            old.retire(self._retire_seconds, forget=not again)
            self._forget_counters((old.name, old.version))

    def close(self, timeout: float | None) -> bool:
        """Serve nothing more; finish what was accepted, within `timeout` seconds in all."""
        end = None if timeout is None else time.monotonic() + timeout
        with self._lock:
            self.closed.set()
            retiring = [self._retiring] if self._retiring else []
            beside = [*self._held.values(), *self._candidates.values()]
            models = [*self._served.values(), *beside, *retiring]
        for model in models:  # stop all of them first, then wait for each
            model.scheduler.stop()
        finished = [
            model.close(timeout=None if end is None else max(0.0, end - time.monotonic()))
            for model in models
        ]
        return all(finished)

    def _retire(self, old: LoadedModel, replaced_by: LoadedModel | None) -> None:
        candidate = self._candidates.get(old.name)
        others = [each.version for each in (replaced_by, candidate) if each is not None]
        again = old.version in others
        if not again:
            metrics.MODEL_INFO.remove(old.manifest.task, old.name, old.version)
        finished = old.retire(self._retire_seconds, forget=not again)
        self._retiring = None
        event = _log.info if finished else _log.warning
        event("model_retired", model=old.name, version=old.version, finished=finished)
        self._forget_counters((old.name, old.version))

    def _forget_counters(self, key: tuple[str, str]) -> None:
        """Remove the counters of all but the last few replaced versions from the metrics."""
        used = (*self._served.values(), *self._candidates.values())
        served = {(each.name, each.version) for each in used}
        kept = [each for each in (*self._replaced, key) if each not in served]
        unique = list(dict.fromkeys(reversed(kept)))  # the latest first
        for name, version in unique[_KEPT_COUNTERS:]:
            forgetting.forget_version(name, version)
            forget_statistics(name, version)
        self._replaced = unique[:_KEPT_COUNTERS][::-1]


def _does(model: LoadedModel, tasks: Sequence[str]) -> bool:
    return not tasks or model.manifest.task in tasks


def _reason(old: LoadedModel | None, new: LoadedModel | None) -> str:
    if new is None:
        return "unloaded"
    if old is None:
        return "first"
    step = int(new.version) - int(old.version)
    return "newer" if step > 0 else "older" if step < 0 else "reloaded"
