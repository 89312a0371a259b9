"""The service as an application of Ray Serve: each replica builds its own. Knows Ray; no route.

    serve deploy deploy/ray/serve.yaml

Every setting is read where the replica runs, from its environment (`runtime_env` in the file).
Cores are what the deployment reserves (`num_cpus`), unless UNROLL_WORKER_THREADS says otherwise.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import ray
from pydantic import BaseModel, ConfigDict, Field
from ray import serve
from starlette.types import ASGIApp

from app.http.server import prepare_process
from app.main import create_app
from app.ray.loading import Loaded
from app.ray.metrics import Exporter
from app.ray.models import Multiplexed, nothing_wanted
from app.ray.scaling import QUEUE_SECONDS, ByLoad
from app.ray.waits import QueueSeconds
from app.settings import Settings, load_settings
from app.telemetry import log, tracing

NAME: Final = "unroll"
# Ray counts what a replica has not answered. More would wait in Ray's proxy, where the scheduler
# sees neither lengths nor deadlines: as many as UNROLL_MAX_IN_FLIGHT, behind which it is 429.
_MAX_ONGOING: Final = 4096
# Requests of a replica at which another one is started: enough to form batches of like lengths.
_TARGET_ONGOING: Final = 32
_TARGET_QUEUE_SECONDS: Final = 0.1
_log = log.get_logger(__name__)


class Arguments(BaseModel):
    """What `args` of an application may hold in Ray's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    models_per_replica: int = Field(
        0, ge=0, description="Models that a replica holds, those asked for last; 0 holds all."
    )


class Replica:
    """One replica. Ray calls its methods; requests go to the application that it builds."""

    def __init__(self, arguments: Arguments) -> None:
        self._arguments = arguments
        self._queue: QueueSeconds | None = None

    def __serve_build_asgi_app__(self) -> ASGIApp:
        """The application, called once. Raises ConfigurationError for a wrong setting."""
        settings = load_settings(workers=1)
        if not settings.worker_threads:
            settings = settings.model_copy(update={"worker_threads": _reserved_cores()})
        log.configure(settings.log_format, settings.log_level)
        tracing.configure(settings.tracing)
        prepare_process()
        _warn(settings)
        limit = self._arguments.models_per_replica
        if limit:
            self._state = TemporaryDirectory(prefix="unroll-")  # until this replica ends
            settings = nothing_wanted(settings, Path(self._state.name))
        app = create_app(settings)
        repository = app.services.repository
        self._queue = QueueSeconds(repository)
        Exporter().start()
        loaded = Loaded(app, repository)
        if not limit:
            return loaded
        return Multiplexed(loaded, repository, settings.models_dir, limit)

    async def check_health(self) -> None:
        """Nothing to find out: Ray asks on the event loop, and an answer says that it turns."""

    def record_autoscaling_stats(self) -> dict[str, float]:
        """What `scaling.ByLoad` reads of every replica; Ray asks now and then."""
        return {} if self._queue is None else {QUEUE_SECONDS: self._queue.read()}


def _reserved_cores() -> int:
    """The cores that Ray has set apart for this replica, one at least."""
    reserved: dict[str, float] = ray.get_runtime_context().get_assigned_resources()
    return max(1, int(reserved.get("CPU", 0)))


def _warn(settings: Settings) -> None:
    if len(ray.nodes()) > 1 and not settings.streams_url:
        _log.warning("streams_of_one_machine", streams_dir=str(settings.streams_dir))


DEPLOYMENT: Final = serve.deployment(
    name=NAME,
    max_ongoing_requests=_MAX_ONGOING,
    ray_actor_options={"num_cpus": 1},
    autoscaling_config={
        "min_replicas": 1,
        "max_replicas": 4,
        "target_ongoing_requests": _TARGET_ONGOING,
        "upscale_delay_s": 10.0,
        "downscale_delay_s": 300.0,
        "policy": {
            "policy_function": f"{ByLoad.__module__}:{ByLoad.__name__}",
            "policy_kwargs": {"target_queue_seconds": _TARGET_QUEUE_SECONDS},
        },
    },
    graceful_shutdown_wait_loop_s=0.5,
    graceful_shutdown_timeout_s=40.0,
    health_check_period_s=10.0,
    health_check_timeout_s=30.0,
    logging_config={"enable_access_log": False},  # the application writes a line itself
)(serve.ingress()(Replica))


def build(args: dict[str, Any]) -> serve.Application:
    """The application with these `args`, as Ray's file has them.

    Raises pydantic.ValidationError for others than `Arguments` knows.
    """
    return DEPLOYMENT.bind(Arguments.model_validate(args))


# What `serve build` and `serve run` take by its name: every model in every replica.
application: Final = build({})
