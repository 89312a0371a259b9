"""Reaches a published model as a client does; knows transport and folders, no task.

Either over HTTP from a running service, or by loading it in this process, scheduler and all, which
is the same path without the transport.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import JsonValue

from app.errors import ModelNotFound, ModelRefused
from app.remote import service
from app.serving.models.loader import LoadedModel, ServingOptions, load_version
from app.serving.runtime.threads import available_threads
from app.serving.task import Task
from app.training.common.publish import served_version

_TIMEOUT_SECONDS: Final = 300.0


@contextmanager
def loaded_model(
    root: Path, task: str, kind: type[Task[Any, Any]], name: str, version: str | None = None
) -> Iterator[LoadedModel]:
    """A version of `root`, loaded as the service does it: the served one unless one is named.

    Raises:
        ModelNotFound: it is not there, or it was refused (with the reason).
    """
    version = version or served_version(root / name)
    options = ServingOptions(workers=available_threads())
    folder = root / name / version
    try:
        loaded = load_version(folder, {task: kind}, options, expected=(name, version))
    except ModelRefused as error:
        why = f"{name}/{version}: {error.message}"
        raise ModelNotFound(f"model {name!r} of {root} cannot be asked: {why}") from error
    try:
        yield loaded
    finally:
        loaded.close()


def predictions_of(loaded: LoadedModel, examples: Sequence[Any]) -> list[Any]:
    """What a loaded model predicts for encoded `examples`, in their order."""
    return [future.result().prediction for future in loaded.scheduler.submit_many(examples)]


@dataclass(frozen=True)
class RemoteModel:
    """One version of a model of the running service at `url`."""

    url: str
    name: str
    version: str

    def ask(self, task: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to `body` at the route of `task`, by this model and version.

        Raises:
            UnrollError: the service cannot be reached or refuses the request.
        """
        return _ask(self.url, f"/{task}", body | {"model": self.name, "version": self.version})

    def training(self) -> dict[str, JsonValue]:
        """What the manifest tells of the training.

        Raises:
            UnrollError: as `ask`.
        """
        path = f"/models/{self.name}/versions/{self.version}"
        training: dict[str, JsonValue] = _ask(self.url, path)["training"]
        return training


def remote_model(url: str, name: str, version: str | None = None) -> RemoteModel:
    """A model of the service at `url`; the version that it serves unless one is named.

    Raises:
        UnrollError: the service cannot be reached or has no such model.
    """
    return RemoteModel(url, name, version or str(_ask(url, f"/models/{name}")["version"]))


def _ask(url: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    with service(url, timeout=_TIMEOUT_SECONDS) as client:
        return client.ask(path, body)
