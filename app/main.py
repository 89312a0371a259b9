"""Wires settings, models, tasks and routes into one application. The only place that knows all.

Importing this imports no torch and no onnx: the service runs without them.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Final

from fastapi import FastAPI

from app.api.at_once import AtOnce
from app.api.door import Door
from app.api.errors import add_error_handlers
from app.api.gate import Gate
from app.api.keys import KeyMiddleware, access_of
from app.api.lifecycle import Lifecycle
from app.api.middleware import RequestMiddleware
from app.api.openapi import add_openapi
from app.api.routes import authorship, caption, forecast, health, models, sentiment
from app.api.shortcut import Service, Shortcut
from app.api.siblings import answers
from app.api.v2 import inference
from app.api.v2 import metadata as protocol
from app.api.v2 import repository as repository_control
from app.http.workers.fleet import Fleet
from app.serving.models.loader import ServingOptions, TaskTypes
from app.serving.models.repository import Repository
from app.serving.runtime.threads import available_threads
from app.serving.scheduling.cores import Cores
from app.settings import Settings
from app.tasks.authorship import AuthorshipTask
from app.tasks.caption.task import CaptionTask
from app.tasks.forecast import ForecastTask
from app.tasks.sentiment import SentimentTask
from app.tasks.tensor.graphs import graph_tasks
from app.tasks.tensor.task import TensorTask
from app.telemetry import metrics
from app.telemetry.log import get_logger

TASKS: Final[TaskTypes] = {
    forecast.TASK: ForecastTask,
    sentiment.TASK: SentimentTask,
    authorship.TASK: AuthorshipTask,
    caption.TASK: CaptionTask,
    "tensor": TensorTask,
}
_ROUTES: Final = (forecast, sentiment, authorship, caption)
TASK_PATHS: Final = {route.PATH: route.TASK for route in _ROUTES}

_DESCRIPTION: Final = """\
Recurrent neural networks over HTTP. Every error is an `application/problem+json` body that names
the field, what is wrong with it and what is allowed. Every answer carries `X-Request-ID` (yours,
if you send one) and `Server-Timing`."""
_log = get_logger(__name__)


def create_app(settings: Settings, tasks: TaskTypes = TASKS, fleet: Fleet | None = None) -> FastAPI:
    """The application; models load when it starts, and it is not ready until they have.

    `fleet`: the other processes behind the port, None if there are none.

    Raises ConfigurationError for a file of API keys that cannot be used.
    """
    access = access_of(settings)
    metrics.BUILD_INFO.labels(version("unroll")).set(1)
    lifecycle = Lifecycle()
    repository = Repository(
        settings.models_dir,
        tasks,
        options=ServingOptions(
            workers=settings.worker_threads or max(1, available_threads() // settings.workers),
            execution_providers=settings.execution_providers,
            max_batch_size=settings.max_batch_size,
            max_queue_size=settings.max_queue_size,
            max_queue_seconds=settings.request_timeout_seconds,
            cores=Cores(settings.worker_threads or available_threads()),
            max_batch_steps=settings.max_steps,
            max_step_rows=settings.max_step_rows,
            retire_seconds=settings.request_timeout_seconds,
            graph_tasks=graph_tasks,
        ),
        pinned_versions=settings.pinned_versions,
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # In a thread, so that /health answers meanwhile.
        if fleet is not None:
            await fleet.start(answers(repository))
        loaded = partial(_tell, fleet, asyncio.get_running_loop())
        arguments = (repository, settings.watch_seconds, loaded)
        keeper = threading.Thread(None, _keep, "models", arguments)
        keeper.start()
        yield
        # A server that drains has waited already, and an orchestrator's patience counts once.
        patience = 0.0 if lifecycle.draining else settings.drain_timeout_seconds
        lifecycle.drain()
        await asyncio.to_thread(repository.close, patience)
        await asyncio.to_thread(keeper.join)
        if fleet is not None:
            fleet.stop()
        _log.info("stopped")

    app = Service(
        title="Unroll",
        summary="Recurrent neural networks over HTTP.",
        description=_DESCRIPTION,
        version=version("unroll"),
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_tags=[
            {"name": "tasks", "description": "What networks are asked for."},
            {"name": "models", "description": "What is served."},
            {"name": "inference protocol", "description": "Any graph, by its tensors."},
            {"name": "operations", "description": "For orchestrators and Prometheus."},
        ],
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,
        # FastAPI would send spans and tracebacks by itself when a variable of its own is set.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.settings = settings
    app.state.repository = repository
    app.state.lifecycle = lifecycle
    at_once = AtOnce(repository, lifecycle, settings, access, app.dependency_overrides)
    door = Door(settings.max_in_flight, at_once.backlog)

    def is_full(task: str, seconds: float) -> bool:
        doing = [each for each in repository.loaded() if each.manifest.task == task]
        return bool(doing) and all(each.scheduler.is_full(seconds) for each in doing)

    app.state.door = door
    app.state.gate = Gate(door, lifecycle, _task_of, settings.request_timeout_seconds, is_full)
    app.state.at_once = at_once
    app.state.fleet = fleet
    short = [each for route in (*_ROUTES, inference) for each in route.router.routes]
    app.add_middleware(Shortcut, routes=short)
    if access is not None:
        app.add_middleware(KeyMiddleware, access=access)
    # The last one added is the first one called.
    app.add_middleware(RequestMiddleware, lifecycle=lifecycle, task_of=_task_of)
    add_error_handlers(app)
    add_openapi(app, None if access is None else access.needs_key)
    for route in (*_ROUTES, models, health, inference, protocol, repository_control):
        app.include_router(route.router)
    return app


def _task_of(path: str) -> str:
    """Which task a path asks for, in the metrics; "" for one that asks none."""
    return TASK_PATHS.get(path) or (inference.TASK if inference.is_inference(path) else "")


def _tell(fleet: Fleet | None, loop: asyncio.AbstractEventLoop) -> None:
    """From a thread: let the other processes know that this one has loaded its models."""
    if fleet is not None:
        loop.call_soon_threadsafe(fleet.tell_loaded)


def _keep(repository: Repository, watch_seconds: float, loaded: Callable[[], None]) -> None:
    """Load every model, then look after them until the repository is closed."""
    started = time.monotonic()
    repository.load_all()
    served = {model.name: model.version for model in repository.loaded()}
    seconds = round(time.monotonic() - started, 3)
    _log.info("loaded", models=served, refused=len(repository.refused()), seconds=seconds)
    loaded()
    repository.watch(watch_seconds)
