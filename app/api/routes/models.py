"""GET /models and below: what is served. Knows manifests as they are; loads nothing."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from app.api.bodies.fields import clipped
from app.api.context import record_of
from app.api.openapi import problems
from app.api.services import Services
from app.api.streams.states import has_streams
from app.api.work import in_thread
from app.errors import ModelNotFound
from app.serving.models.loader import LoadedModel
from app.serving.models.manifest import Manifest

_CARD: Final = "README.md"
_MARKDOWN: Final = "text/markdown; charset=utf-8"


class ModelSummary(BaseModel):
    """One served model."""

    name: str
    version: str = Field(description="The version that answers.")
    task: str = Field(description="Which path takes it: `forecast` means `POST /forecast`.")
    description: str
    cell: str = Field(description="The recurrent cell: gru, lstm ...")
    parameters: int = Field(description="Weights in the network.")
    created: str
    license: str
    streams: bool = Field(description="Whether it takes streams, see `PUT /streams/{stream}`.")


class RefusedVersion(BaseModel):
    """A version in the repository that failed a check."""

    name: str
    version: str
    reason: str


class ModelList(BaseModel):
    """Everything in the repository."""

    models: list[ModelSummary]
    candidates: list[ModelSummary] = Field(
        description="Versions that answer requests that name them, and wait to be promoted."
    )
    refused: list[RefusedVersion]
    problems: list[str] | None = Field(
        None,
        description="What cannot be read, if anything: the repository, a model's folder.",
    )


_Name = Annotated[str, Path(description="Name of a model.", examples=["forecast"])]
_Version = Annotated[str, Path(description="Its version.", examples=["1"])]


def routes(services: Services) -> APIRouter:
    """The routes of this file."""
    router = APIRouter(prefix="/models", tags=["models"])
    repository = services.repository

    @router.head("", include_in_schema=False)
    @router.get(
        "",
        summary="List the models",
        response_model_exclude_none=True,
        responses=problems(500),
    )
    async def list_models() -> ModelList:
        """What is served, what waits to be promoted, and what was refused and why."""
        return ModelList(
            models=[_summary(model) for model in repository.loaded()],
            candidates=[_summary(model) for model in repository.candidates()],
            refused=[
                RefusedVersion(name=each.name, version=each.version, reason=each.reason)
                for each in repository.refused()
            ],
            problems=repository.problems() or None,
        )

    @router.head("/{name}", include_in_schema=False)
    @router.get("/{name}", summary="Describe a model", responses=problems(404, 500, 503))
    async def describe_model(name: _Name) -> ModelSummary:
        """The served version of one model."""
        return _summary(repository.get(clipped(name)))

    @router.head("/{name}/versions/{version}", include_in_schema=False)
    @router.get(
        "/{name}/versions/{version}",
        summary="Show the manifest of a version",
        responses=problems(404, 500, 503),
    )
    async def show_manifest(name: _Name, version: _Version) -> Manifest:
        """All that is known of a served version: files, network, training, evaluation, examples."""
        return repository.get(clipped(name), clipped(version)).manifest

    @router.head("/{name}/versions/{version}/card", include_in_schema=False)
    @router.get(
        "/{name}/versions/{version}/card",
        summary="Show the card of a version",
        response_class=Response,
        responses={
            200: {"description": "Markdown.", "content": {"text/markdown": {}}},
            **problems(404, 500, 503),
        },
    )
    async def show_card(request: Request, name: _Name, version: _Version) -> Response:
        """For whom it is, what it learned from, how well it does, and under which licence."""
        model = repository.get(clipped(name), clipped(version))
        try:
            read = (model.folder / _CARD).read_bytes
            content = await in_thread(request, record_of(request.scope), None, read)
        except OSError:
            raise ModelNotFound(f"{model.name} {model.version} has no card") from None
        return Response(content, headers={"Content-Type": _MARKDOWN})

    return router


def _summary(model: LoadedModel) -> ModelSummary:
    manifest = model.manifest
    return ModelSummary(
        name=model.name,
        version=model.version,
        task=manifest.task,
        description=manifest.description,
        cell=manifest.network.cell,
        parameters=manifest.network.parameters,
        created=manifest.created,
        license=manifest.license,
        streams=has_streams(model),
    )
