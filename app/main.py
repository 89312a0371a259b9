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
from fastapi.routing import APIRoute

from app.api.application import Application
from app.api.bodies.buffered import Bodies
from app.api.dialects import deepar, kserve, nixtla, nixtla_windows
from app.api.errors import add_error_handlers
from app.api.fast_path import FastPath
from app.api.keys import KeyMiddleware, access_of
from app.api.lifecycle import Lifecycle
from app.api.load_shedding import LoadShedder
from app.api.middleware import RequestMiddleware
from app.api.openapi import add_openapi
from app.api.origins import OriginMiddleware
from app.api.routes import (
    anomalies,
    authorship,
    backtest,
    caption,
    classify,
    docs,
    forecast,
    generate,
    health,
    models,
    page,
    sentiment,
    stream_state,
    stream_steps,
    streams,
    translate,
)
from app.api.services import Services
from app.api.siblings import Siblings, answers
from app.api.streams.states import has_streams
from app.api.streams.step_rounds import StepRounds
from app.api.threads import Threads
from app.api.v2 import inference, metadata
from app.api.v2 import repository as repository_routes
from app.api.v2.rounds import Rounds
from app.serving.models.loader import ServingOptions, TaskTypes
from app.serving.models.repository import Repository
from app.serving.models.wanted import WantedVersions
from app.serving.runtime.executor import started_executor
from app.serving.runtime.threads import available_threads
from app.serving.scheduling.cores import Cores
from app.serving.streams.keeper import keep
from app.serving.streams.opening import streams_of
from app.settings import Settings
from app.tasks.anomalies.task import AnomalyTask
from app.tasks.authorship import AuthorshipTask
from app.tasks.caption.task import CaptionTask
from app.tasks.forecast.task import ForecastTask
from app.tasks.generate.task import GenerateTask
from app.tasks.sentiment import SentimentTask
from app.tasks.tensor.graphs import graph_tasks
from app.tasks.tensor.task import TensorTask
from app.tasks.translate.task import TranslateTask
from app.telemetry import metrics
from app.telemetry.log import get_logger

# A row a task: the file of its route, which has TASK, PATH and routes(services), and its class.
_TASKS: Final = (
    (forecast, ForecastTask),
    (sentiment, SentimentTask),
    (classify, SentimentTask),  # the same networks, with labels of anybody's own
    (authorship, AuthorshipTask),
    (caption, CaptionTask),
    (translate, TranslateTask),
    (generate, GenerateTask),
    (anomalies, AnomalyTask),
)
TASKS: Final[TaskTypes] = {route.TASK: task for route, task in _TASKS} | {"tensor": TensorTask}
TASK_PATHS: Final = {route.PATH: route.TASK for route, _ in _TASKS}
# The same tasks in other services' words: files that have PATHS, and the task of each.
_DIALECTS: Final = (kserve, nixtla, nixtla_windows, deepar)
# Routes that ask the networks of a task in another way.
_OTHER_PATHS: Final = {backtest.PATH: forecast.TASK} | {
    path: task for dialect in _DIALECTS for path, task in dialect.PATHS.items()
}
_TASKS_OF: Final[dict[str, str]] = TASK_PATHS | _OTHER_PATHS

_WAITING: Final = 4  # threads that wait for models

_DESCRIPTION: Final = """\
Recurrent neural networks over HTTP. Every error is an `application/problem+json` body that names
the field, what is wrong with it and what is allowed. Every answer carries `X-Request-ID` (yours,
if you send one) and `Server-Timing`."""
_log = get_logger(__name__)


def create_app(
    settings: Settings,
    tasks: TaskTypes = TASKS,
    fleet: Siblings | None = None,
    *,
    fast_path: bool = True,
) -> Application:
    """The application; models load when it starts, and it is not ready until they have.

    `fleet`: the other processes behind the port, None if there are none. fast_path: False has
    FastAPI's router find every endpoint, for benchmarks that tell what the fast path is worth.

    Raises ConfigurationError for a file of API keys that cannot be used.
    """
    pages = docs.FILES | (page.FILES if settings.page else {})
    access = access_of(settings, pages)
    metrics.BUILD_INFO.labels(version("unroll")).set(1)
    lifecycle = Lifecycle()
    repository = _repository(settings, tasks)
    services = Services(
        settings,
        repository,
        lifecycle,
        Bodies(settings.max_body_bytes, settings.max_buffered_bytes),
        Threads(),
        streams_of(settings),
        siblings=fleet,
        access=access,
    )

    def is_full(task: str, seconds: float) -> bool:
        if task in (inference.TASK, stream_steps.METERED_AS):
            return False  # which model is asked stands in the path, or in the stream
        doing = [each for each in repository.loaded() if each.manifest.task == task]
        return bool(doing) and all(each.scheduler.is_full(seconds) for each in doing)

    shed = LoadShedder(
        lifecycle,
        _task_of,
        is_full,
        max_in_flight=settings.max_in_flight,
        request_seconds=settings.request_timeout_seconds,
    )
    app = Application(
        services,
        shed,
        Rounds(services, access),
        StepRounds(services) if fast_path else None,
        title="Unroll",
        summary="Recurrent neural networks over HTTP.",
        description=_DESCRIPTION,
        version=version("unroll"),
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_tags=[
            {"name": "tasks", "description": "What networks are asked for."},
            {"name": "streams", "description": "Recurrent states that go on."},
            {"name": "dialects", "description": "Forecasts in other services' words."},
            {"name": "models", "description": "What is served."},
            {"name": "inference protocol", "description": "Any graph, by its tensors."},
            {"name": "operations", "description": "For orchestrators and Prometheus."},
        ],
        lifespan=partial(_lifespan, services),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # FastAPI would send spans and tracebacks by itself when a variable of its own is set.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    found: dict[str, APIRoute] = {}
    for route in (*(route for route, _ in _TASKS), backtest, *_DIALECTS):
        router = route.routes(services)
        answered = (each for each in router.routes if isinstance(each, APIRoute))
        found |= {each.path: each for each in answered if "POST" in (each.methods or ())}
        app.include_router(router)
    for other in (streams, stream_state, models, health, metadata, repository_routes):
        app.include_router(other.routes(services))
    app.include_router(docs.routes())
    if settings.page:
        app.include_router(page.routes())
    inferring, stepping = inference.routes(services), stream_steps.routes(services)
    app.include_router(inferring)
    app.include_router(stepping)
    if fast_path:
        of_graph, steps = inference.find_in(inferring), stream_steps.find_in(stepping)
        app.add_middleware(
            FastPath,
            routes=found,
            find=lambda path: of_graph(path) or (steps if stream_steps.is_steps(path) else None),
        )
    if access is not None:
        app.add_middleware(KeyMiddleware, access=access)
    app.add_middleware(OriginMiddleware)
    # The last one added is the first one called.
    app.add_middleware(RequestMiddleware, lifecycle=lifecycle, task_of=_task_of)
    add_error_handlers(app)
    add_openapi(app, None if access is None else access.needs_key)
    return app


def _repository(settings: Settings, tasks: TaskTypes) -> Repository:
    threads = settings.worker_threads or available_threads()
    return Repository(
        settings.models_dir,
        tasks,
        options=ServingOptions(
            workers=settings.worker_threads or max(1, available_threads() // settings.workers),
            execution_providers=settings.execution_providers,
            max_batch_size=settings.max_batch_size,
            max_queue_size=settings.max_queue_size,
            max_queue_seconds=settings.request_timeout_seconds,
            cores=Cores(threads),
            max_batch_steps=settings.max_steps,
            max_step_rows=settings.max_step_rows,
            retire_seconds=settings.request_timeout_seconds,
            graph_tasks=graph_tasks,
            may_be_held=has_streams,
        ),
        pinned_versions=settings.pinned_versions,
        wanted=WantedVersions(settings.state_dir),
    )


@asynccontextmanager
async def _lifespan(services: Services, app: FastAPI) -> AsyncIterator[None]:
    """Load the models in a thread, so that /health answers meanwhile; at the end, finish."""
    repository, lifecycle, siblings = services.repository, services.lifecycle, services.siblings
    loop = asyncio.get_running_loop()
    services.threads.start()
    loop.set_default_executor(started_executor(_WAITING, "wait"))

    def loaded() -> None:
        if siblings is not None:
            loop.call_soon_threadsafe(siblings.tell_loaded)

    if siblings is not None:
        await siblings.start(answers(repository, services.threads.control))
    await services.streams.store.open()
    keeping = asyncio.create_task(keep(services.streams, repository))
    arguments = (repository, services.settings.watch_seconds, loaded)
    keeper = threading.Thread(None, _keep, "models", arguments)
    keeper.start()
    yield
    # A server that drains has waited already, and an orchestrator's patience counts once.
    patience = 0.0 if lifecycle.draining else services.settings.drain_timeout_seconds
    lifecycle.drain()
    services.threads.close()
    services.fitter.close()
    await asyncio.to_thread(repository.close, patience)
    await asyncio.to_thread(keeper.join)
    keeping.cancel()
    await services.streams.store.close()
    if siblings is not None:
        siblings.stop()
    _log.info("stopped")


def _task_of(path: str) -> str:
    """Which task a path asks for, in the metrics; "" for one that asks none."""
    task = _TASKS_OF.get(path)
    if task is not None:
        return task
    if inference.is_inference(path):
        return inference.TASK
    return stream_steps.METERED_AS if stream_steps.is_steps(path) else ""


def _keep(repository: Repository, watch_seconds: float, loaded: Callable[[], None]) -> None:
    """Load every model, then look after them until the repository is closed."""
    started = time.monotonic()
    repository.load_all()
    served = {model.name: model.version for model in repository.loaded()}
    seconds = round(time.monotonic() - started, 3)
    _log.info("loaded", models=served, refused=len(repository.refused()), seconds=seconds)
    loaded()
    repository.watch(watch_seconds)
