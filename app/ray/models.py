"""Replicas that hold some of the models each: those that requests name. Knows Ray and names.

Ray sends a request with the header `serve_multiplexed_model_id` to a replica that has the model.
Here it is loaded if it is not there, and the one that was asked for longest ago is unloaded.
"""

import asyncio
from pathlib import Path
from typing import Final

from ray import serve
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import UnrollError
from app.serving.models.repository import Repository
from app.serving.models.wanted import WantedVersions
from app.settings import Settings
from app.telemetry.log import get_logger

_log: Final = get_logger(__name__)


def nothing_wanted(settings: Settings, folder: Path) -> Settings:
    """The settings of a replica that loads nothing before it is asked.

    What is loaded is this replica's own affair, so its state lies in `folder`, which no other has.
    It looks for new versions of a model when it loads it.
    """
    wanted = WantedVersions(folder)
    for name in _names(settings.models_dir):
        wanted.put(name, unloaded=True)
    return settings.model_copy(update={"state_dir": folder, "watch_seconds": 0.0})


def _names(models_dir: Path) -> set[str]:
    found = models_dir.iterdir()
    return {each.name for each in found if each.is_dir() and not each.name.startswith(".")}


class _Held:
    """A model that is loaded; Ray calls `__del__` when it is to make room."""

    def __init__(self, repository: Repository, name: str) -> None:
        self._repository = repository
        self._name = name

    def __del__(self) -> None:
        try:
            self._repository.unload(self._name)
        except UnrollError as error:  # the replica is ending
            _log.info("model_kept", model=self._name, reason=error.message)


class Multiplexed:
    """`app`, whose requests find the model loaded that their header names."""

    def __init__(self, app: ASGIApp, repository: Repository, models_dir: Path, limit: int) -> None:
        """limit: models that are held at a time."""

        async def load(name: str) -> _Held:
            await asyncio.to_thread(repository.load, name)
            return _Held(repository, name)

        self._app = app
        self._models_dir = models_dir
        self._names = _names(models_dir)
        self._load = serve.multiplexed(load, max_num_models_per_replica=limit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = serve.get_multiplexed_model_id() if scope["type"] == "http" else ""
        if name and self._is_there(name):
            try:
                await self._load(name)
            except UnrollError as error:  # the application says that it is not served
                _log.warning("model_not_held", model=name[:100], reason=error.message)
        await self._app(scope, receive, send)

    def _is_there(self, name: str) -> bool:
        """Whether there is such a model: room is made before one is loaded, and not for others."""
        if name not in self._names:
            self._names = _names(self._models_dir)
        return name in self._names
