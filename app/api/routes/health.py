"""GET /health/live, /health/ready and /metrics: for orchestrators and Prometheus."""

from typing import Final, Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from app.api.dependencies import LifecycleDep, RepositoryDep
from app.api.openapi import problems
from app.api.siblings import fleet_of
from app.errors import NotReady

_REASONS: Final = {
    "loading": "the models are being loaded",
    "no_models": "no model is served; GET /models tells why",
    "draining": "the service is shutting down",
}

router = APIRouter(tags=["operations"])


class Live(BaseModel):
    """The process answers."""

    status: Literal["live"] = "live"


class Ready(BaseModel):
    """Requests are taken."""

    status: Literal["ready"] = "ready"
    models: dict[str, str]


@router.head("/health/live", include_in_schema=False)
@router.get("/health/live", summary="Is the process alive?", responses=problems(500))
async def live() -> Live:
    """200 as long as the process answers at all; restart it if this fails."""
    return Live()


@router.head("/health/ready", include_in_schema=False)
@router.get("/health/ready", summary="May requests be sent?", responses=problems(500, 503))
async def ready(request: Request, repository: RepositoryDep, lifecycle: LifecycleDep) -> Ready:
    """200 with the served versions; 503 while loading, without a model, and while draining."""
    lifecycle.require_open()
    fleet = fleet_of(request)
    if fleet is not None and not fleet.ready:
        raise NotReady("not every process has loaded its models")
    if repository.status != "ready":
        raise NotReady(_REASONS[repository.status])
    return Ready(models={model.name: model.version for model in repository.loaded()})


@router.head("/metrics", include_in_schema=False)
@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={
        200: {"description": "Prometheus text format.", "content": {"text/plain": {}}},
        **problems(500),
    },
)
async def prometheus(request: Request) -> Response:
    """Every metric of the service; docs/operations.md explains them."""
    fleet = fleet_of(request)
    page = generate_latest() if fleet is None else await fleet.metrics()
    return Response(page, headers={"Content-Type": CONTENT_TYPE_LATEST})
