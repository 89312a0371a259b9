"""GET /health/live, /health/ready and /metrics: for orchestrators and Prometheus."""

from typing import Final, Literal

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

from app.api.openapi import problems
from app.api.services import Services
from app.errors import NotReady

_REASONS: Final = {
    "loading": "the models are being loaded",
    "no_models": "no model is served; GET /models tells why",
    "draining": "the service is shutting down",
}


class Live(BaseModel):
    """The process answers."""

    status: Literal["live"] = "live"


class Ready(BaseModel):
    """Requests are taken."""

    status: Literal["ready"] = "ready"
    models: dict[str, str]
    problems: list[str] | None = Field(
        None,
        description="What cannot be read, if anything: the repository, a model's folder.",
    )


def routes(services: Services) -> APIRouter:
    """The routes of this file."""
    router = APIRouter(tags=["operations"])

    @router.head("/health/live", include_in_schema=False)
    @router.get("/health/live", summary="Is the process alive?", responses=problems(500))
    async def live() -> Live:
        """200 as long as the process answers at all; restart it if this fails."""
        return Live()

    @router.head("/health/ready", include_in_schema=False)
    @router.get(
        "/health/ready",
        summary="May requests be sent?",
        response_model_exclude_none=True,
        responses=problems(500, 503),
    )
    async def ready() -> Ready:
        """200 with the served versions; 503 while loading, without a model, and while draining."""
        require_ready(services)
        repository = services.repository
        return Ready(
            models={each.name: each.version for each in repository.loaded()},
            problems=repository.problems() or None,
        )

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
    async def prometheus() -> Response:
        """Every metric of the service; docs/operations.md explains them."""
        siblings = services.siblings
        page = generate_latest() if siblings is None else await siblings.metrics()
        return Response(page, headers={"Content-Type": CONTENT_TYPE_LATEST})

    return router


def require_ready(services: Services) -> None:
    """Raise NotReady unless requests are taken."""
    services.lifecycle.require_open()
    siblings = services.siblings
    if siblings is not None and not siblings.ready:
        raise NotReady("not every process has loaded its models")
    if siblings is not None and siblings.silent:
        raise NotReady(f"processes that do not answer: {siblings.silent}")
    status = services.repository.status
    if status != "ready":
        unreadable = services.repository.problems() if status == "no_models" else []
        raise NotReady("; ".join([_REASONS[status], *unreadable]))
