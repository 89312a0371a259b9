"""Loads one folder of the repository as a model that answers. Knows one version at a time.

Manifest, checksums, sessions, golden examples, threads are done in this order; the first error
refuses the version.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from app.errors import ModelRefused
from app.serving.models.folders import Snapshot, snapshot
from app.serving.models.golden import replay
from app.serving.models.leases import Leases
from app.serving.models.manifest import Manifest, digest, read_manifest
from app.serving.runtime.session import Session
from app.serving.runtime.throttle import Throttle, no_throttle
from app.serving.scheduling.batch_scheduler import BatchScheduler, Worker
from app.serving.scheduling.cores import Cores
from app.serving.scheduling.costs import Costs, Measured, measure
from app.serving.scheduling.options import SchedulerOptions
from app.serving.scheduling.protocol import Scheduler
from app.serving.scheduling.step_runs import Stepper
from app.serving.scheduling.step_scheduler import StepScheduler
from app.serving.task import GraphTasks, SteppingTask, Task
from app.telemetry import forgetting, metrics
from app.telemetry.log import get_logger

TaskTypes: TypeAlias = Mapping[str, type[Task[Any, Any]]]

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ServingOptions:
    """How each version is run. The sizes are those of `SchedulerOptions`."""

    # Threads that compute, on sessions that they share.
    workers: int = 1
    # ONNX Runtime's execution providers, the first choice first.
    execution_providers: tuple[str, ...] = ("CPUExecutionProvider",)
    # Examples in one batch.
    max_batch_size: int = 8
    # Entries in the queue.
    max_queue_size: int = 4096
    # Seconds of work in the queue for each worker; None for no limit.
    max_queue_seconds: float | None = None
    # Rows times longest length of one batch, padding included.
    max_batch_steps: int = 20_000
    # Rows in one step of a stepping task.
    max_step_rows: int = 32
    # Permits to compute, shared by all versions; None for one permit a worker.
    cores: Cores | None = None
    # How long a version that is replaced waits for the requests that hold it, and again for the
    # examples that it accepted: the longest time that a request may take.
    retire_seconds: float = 30.0
    # Makes the tasks that answer requests by tensors; None for a service without such requests.
    graph_tasks: GraphTasks | None = None
    # Whether a version may still be needed when another one is served; None for never.
    may_be_held: "Callable[[LoadedModel], bool] | None" = None

    def scheduler_options(self) -> SchedulerOptions:
        return SchedulerOptions(
            max_batch_size=self.max_batch_size,
            max_queue_size=self.max_queue_size,
            max_queue_seconds=self.max_queue_seconds,
            max_batch_steps=self.max_batch_steps,
            max_step_rows=self.max_step_rows,
        )


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A version that passed every check: `task` encodes inputs, `scheduler` computes them.

    sessions: how many are open, by execution provider. files: the folder when it was read.
    graphs: by file name, a task for each graph that can be addressed by tensors; its examples are
    computed by the same scheduler. leases: the requests that use the version.
    """

    name: str
    version: str
    manifest: Manifest
    task: Task[Any, Any]
    scheduler: Scheduler[Any, Any]
    folder: Path
    sessions: Mapping[str, int]
    files: Snapshot
    graphs: Mapping[str, Task[Any, Any]] = field(default_factory=dict)
    leases: Leases = field(default_factory=Leases)

    def close(
        self, *, drain: bool = True, timeout: float | None = None, forget: bool = True
    ) -> bool:
        """Close the scheduler, and remove the version's gauges from the metrics.

        `forget=False` keeps the gauges, for a model that is replaced by one of the same version.
        """
        self.leases.abandon()
        finished = self.scheduler.close(drain=drain, timeout=timeout)
        if forget:
            forgetting.forget_gauges(self.name, self.version)
        return finished

    def retire(self, timeout: float, *, forget: bool = True) -> bool:
        """Wait until no request holds it, finish what it accepted, and close it.

        `timeout` bounds each of the two waits. Returns whether both ended in time.
        """
        drained = self.leases.drain(timeout)
        return self.close(timeout=timeout, forget=forget) and drained


def load_version(
    folder: Path,
    task_types: TaskTypes,
    options: ServingOptions | None = None,
    *,
    expected: tuple[str, str] | None = None,
    throttle: Throttle = no_throttle,
) -> LoadedModel:
    """Verify, load, replay and start the version in `folder`; `throttle` is called in between.

    `expected` is the name and version that the manifest must give; None allows any, for a folder
    that is not yet published.

    Raises:
        ModelRefused: a check failed; the message says which and how. Nothing is left running.
    """
    try:
        model = _load(folder, task_types, options or ServingOptions(), expected, throttle)
    except Exception as error:
        name = expected[0] if expected else folder.parent.name
        metrics.MODEL_LOADS.labels(name, "refused").inc()
        if isinstance(error, ModelRefused):
            raise
        raise ModelRefused(f"loading failed: {type(error).__name__}: {error}") from error
    metrics.MODEL_LOADS.labels(model.name, "loaded").inc()
    for provider, count in model.sessions.items():
        metrics.SESSIONS.labels(model.name, model.version, provider).set(count)
    return model


def verify_files(folder: Path, manifest: Manifest) -> None:
    """Compare every listed file with the manifest.

    Raises:
        ModelRefused: a file is missing or differs; the message names the first one.
    """
    for name, expected in manifest.files.items():
        try:
            actual = digest(folder / name)
        except FileNotFoundError as error:
            raise ModelRefused(f"{name} is missing") from error
        except OSError as error:
            raise ModelRefused(f"{name} cannot be read: {error.strerror}") from error
        if actual.bytes != expected.bytes:
            raise ModelRefused(
                f"{name} has {actual.bytes} bytes, the manifest says {expected.bytes}"
            )
        if actual.sha256 != expected.sha256:
            raise ModelRefused(f"{name} is not what the manifest says: its sha256 differs")


def _load(
    folder: Path,
    task_types: TaskTypes,
    options: ServingOptions,
    expected: tuple[str, str] | None,
    throttle: Throttle,
) -> LoadedModel:
    start = time.monotonic()
    files = snapshot(folder)
    manifest = read_manifest(folder)
    if expected not in (None, (manifest.name, manifest.version)):
        raise ModelRefused(f"the manifest is that of {manifest.name} version {manifest.version}")
    verify_files(folder, manifest)
    throttle()
    task_type = task_types.get(manifest.task)
    if task_type is None:
        known = ", ".join(sorted(task_types)) or "none"
        raise ModelRefused(f"there is no task {manifest.task!r}; known tasks: {known}")

    opened: Counter[str] = Counter()

    sessions: dict[str, Session] = {}

    def open_session(name: str) -> Session:
        if name not in manifest.files:
            raise ModelRefused(f"the task asks for {name}, which the manifest does not list")
        if name in sessions:
            return sessions[name]
        try:
            # From its bytes, not its path: the session must not depend on a file that may change.
            session = Session((folder / name).read_bytes(), options.execution_providers)
        except ModelRefused as error:
            raise ModelRefused(f"{name}: {error.message}") from error
        opened[session.provider] += 1
        sessions[name] = session
        throttle()
        return session

    # One task for each worker, since a task may hold what other threads must not see. The first
    # one is for the threads that ask: it encodes, and computes what is cheap.
    count = options.workers + 1
    tasks = [task_type.load(folder, manifest, open_session) for _ in range(count)]
    views = options.graph_tasks
    graphs = [{} if views is None else views(task, manifest, sessions) for task in tasks]
    workers = list(map(_worker, tasks, graphs))
    costs = Costs(options.max_batch_size)
    size, first = options.max_batch_size, Measured(workers[0])
    examples = replay(tasks[0], manifest, size, throttle, first)
    measure(first, examples, costs, size, throttle=throttle)
    # The sessions have read the verified bytes only if no file was written in between.
    if snapshot(folder) != files:
        raise ModelRefused("its files changed while they were being read")
    scheduler = _scheduler(tasks, graphs, workers, costs, manifest, options)
    seconds = time.monotonic() - start
    metrics.LOAD_SECONDS.labels(manifest.name).observe(seconds)
    _log.info(
        "model_loaded",
        model=manifest.name,
        version=manifest.version,
        task=manifest.task,
        sessions=dict(opened),
        seconds=round(seconds, 3),
    )
    return LoadedModel(
        name=manifest.name,
        version=manifest.version,
        manifest=manifest,
        task=tasks[0],
        scheduler=scheduler,
        folder=folder,
        sessions=dict(opened),
        files=files,
        graphs=graphs[0],
    )


def _scheduler(
    tasks: Sequence[Task[Any, Any]],
    graphs: Sequence[Mapping[str, Task[Any, Any]]],
    workers: Sequence[Worker[Any, Any]],
    costs: Costs,
    manifest: Manifest,
    options: ServingOptions,
) -> Scheduler[Any, Any]:
    """A `StepScheduler` for a stepping task, otherwise a `BatchScheduler`."""
    if steppers := [Stepper(*each) for each in zip(_stepping(tasks[1:]), graphs[1:], strict=False)]:
        return StepScheduler(
            steppers,
            model=manifest.name,
            version=manifest.version,
            options=options.scheduler_options(),
            costs=costs,
            cores=options.cores,
        )
    return BatchScheduler(
        workers[1:],
        inline=workers[0],
        model=manifest.name,
        version=manifest.version,
        options=options.scheduler_options(),
        costs=costs,
        cores=options.cores,
    )


def _stepping(tasks: Sequence[Task[Any, Any]]) -> list[SteppingTask]:
    return [task for task in tasks if isinstance(task, SteppingTask)]


def _worker(task: Task[Any, Any], graphs: Mapping[str, Task[Any, Any]]) -> Worker[Any, Any]:
    """Computes a batch of the task or of one of its graphs; a batch never mixes them."""
    if not graphs:
        return task.predict

    def predict(examples: Sequence[Any]) -> Sequence[Any]:
        graph = examples[0].graph
        return (task if graph is None else graphs[graph]).predict(examples)

    return predict
