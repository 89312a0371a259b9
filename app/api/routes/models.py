"""GET /models and below: what is served. Knows manifests as they are; loads nothing."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from app.api.fields import clipped
from app.api.openapi import problems
from app.api.services import Services
from app.serving.models.loader import LoadedModel
from app.serving.models.manifest import Manifest


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
    )
