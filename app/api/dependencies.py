"""What routes are handed, as annotated aliases, and how they find a model. Knows no task.

All of it is `async` though nothing waits: FastAPI would run plain functions in a thread.
"""

from typing import Annotated

from fastapi import Depends, Request

from app.api.context import RequestRecord, record_of
from app.api.lifecycle import Lifecycle
from app.serving.models.loader import LoadedModel
from app.serving.models.repository import Repository
from app.settings import Settings


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def _repository(request: Request) -> Repository:
    repository: Repository = request.app.state.repository
    return repository


async def _lifecycle(request: Request) -> Lifecycle:
    lifecycle: Lifecycle = request.app.state.lifecycle
    return lifecycle


async def _record(request: Request) -> RequestRecord:
    return record_of(request.scope)


SettingsDep = Annotated[Settings, Depends(_settings)]
RepositoryDep = Annotated[Repository, Depends(_repository)]
LifecycleDep = Annotated[Lifecycle, Depends(_lifecycle)]
RecordDep = Annotated[RequestRecord, Depends(_record)]


def get_model(
    request: Request, name: str, version: str | None, task: str | None = None
) -> LoadedModel:
    """The served model of that name, noted in the request's record; `task` None allows any.

    It takes inputs until the answer begins, also if another version takes its place meanwhile.

    Raises NotReady while loading, and for a request that came when the service was draining;
    ModelNotFound for one that is not served or does another task.
    """
    lifecycle: Lifecycle = request.app.state.lifecycle
    repository: Repository = request.app.state.repository
    record = record_of(request.scope)
    lifecycle.require_open(record.started)  # its body may have come later
    model = repository.lease(name, version, task)
    record.at_end.append(model.leases.give_back)
    record.model, record.version = model.name, model.version
    return model
