"""Makes one folder of the repository into a model that answers. Knows one version at a time.

Manifest, every byte, sessions, golden examples, threads: in this order, and the first thing that
is wrong refuses the version.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from app.errors import ModelRefused
from app.serving.models.golden import replay
from app.serving.models.leases import Leases
from app.serving.models.manifest import Manifest, digest, read_manifest
from app.serving.models.pace import Rest, no_rest
from app.serving.models.stored import Snapshot, snapshot
from app.serving.runtime.session import Session
from app.serving.scheduling.cores import Cores
from app.serving.scheduling.costs import Costs
from app.serving.scheduling.measure import Measured, measure
from app.serving.scheduling.runs import Stepper
from app.serving.scheduling.scheduler import Scheduler, Worker
from app.serving.scheduling.stepping import StepScheduler
from app.serving.task import GraphTasks, SteppingTask, Task
from app.telemetry import metrics
from app.telemetry.log import get_logger

TaskTypes: TypeAlias = Mapping[str, type[Task[Any, Any]]]

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ServingOptions:
    """How each version is run: by `workers` threads, on sessions that they share.

    A version that is replaced gets `retire_seconds` for requests that hold it, and as many again
    for what it accepted; it is meant to be the longest time that a request may take.
    max_queue_seconds: work that may wait for each thread; None is any. cores: shared by all
    versions. graph_tasks: makes graphs answer requests by their tensors, too; None leaves that out.
    """

    workers: int = 1
    execution_providers: tuple[str, ...] = ("CPUExecutionProvider",)
    max_batch_size: int = 8
    max_queue_size: int = 4096
    max_queue_seconds: float | None = None
    max_batch_steps: int = 20_000
    max_step_rows: int = 32
    cores: Cores | None = None
    retire_seconds: float = 30.0
    graph_tasks: GraphTasks | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A version that passed every check. `task` is for `encode`; predictions go by `scheduler`.

    `sessions` counts the open sessions by the execution provider they run on; `files` is what
    its folder looked like when they were read; `leases` counts the requests that hold it. `graphs`
    holds, by file, a task for each graph that can be addressed by its tensors; its examples go to
    the same scheduler.
    """

    name: str
    version: str
    manifest: Manifest
    task: Task[Any, Any]
    scheduler: Scheduler[Any, Any] | StepScheduler[Any, Any]
    folder: Path
    sessions: Mapping[str, int]
    files: Snapshot
    graphs: Mapping[str, Task[Any, Any]] = field(default_factory=dict)
    leases: Leases = field(default_factory=Leases)

    def close(
        self, *, drain: bool = True, timeout: float | None = None, forget: bool = True
    ) -> bool:
        """Stop the threads as `Scheduler.close` does, and take the version's gauges away.

        Without `forget` they stay: they are also those of the model that replaced this one under
        the same version.
        """
        self.leases.abandon()
        finished = self.scheduler.close(drain=drain, timeout=timeout)
        if forget:
            metrics.forget_gauges(self.name, self.version)
        return finished

    def retire(self, timeout: float, *, forget: bool = True) -> bool:
        """Wait until no request holds it, finish what it accepted, and close it.

        `timeout` bounds each of the two waits. Returns whether neither was cut short.
        """
        unheld = self.leases.shut(timeout)
        return self.close(timeout=timeout, forget=forget) and unheld


def load_version(
    folder: Path,
    task_types: TaskTypes,
    options: ServingOptions | None = None,
    *,
    expected: tuple[str, str] | None = None,
    rest: Rest = no_rest,
) -> LoadedModel:
    """Verify, load, replay and start the version in `folder`; `rest` is called between the steps.

    `expected` is the name and version that the manifest must give; None allows any, for a folder
    that is not yet published.

    Raises ModelRefused, whose message says which check failed and how; nothing is left running.
    """
    try:
        model = _load(folder, task_types, options or ServingOptions(), expected, rest)
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
    """Compare every listed file with the manifest. Raises ModelRefused naming the first wrong."""
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
    rest: Rest,
) -> LoadedModel:
    start = time.monotonic()
    files = snapshot(folder)
    manifest = read_manifest(folder)
    if expected not in (None, (manifest.name, manifest.version)):
        raise ModelRefused(f"the manifest is that of {manifest.name} version {manifest.version}")
    verify_files(folder, manifest)
    rest()
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
            # From its bytes, not by its path: then nothing of it stays mapped to a file that
            # somebody may change.
            session = Session((folder / name).read_bytes(), options.execution_providers)
        except ModelRefused as error:
            raise ModelRefused(f"{name}: {error.message}") from error
        opened[session.provider] += 1
        sessions[name] = session
        rest()
        return session

    # A task of its own for every worker, for it may hold what no other thread may see, and one
    # more for whoever asks: it encodes, and computes what is cheap.
    count = options.workers + 1
    tasks = [task_type.load(folder, manifest, open_session) for _ in range(count)]
    views = options.graph_tasks
    graphs = [{} if views is None else views(task, manifest, sessions) for task in tasks]
    workers = list(map(_worker, tasks, graphs))
    costs = Costs(options.max_batch_size)
    size, first = options.max_batch_size, Measured(workers[0])
    examples = replay(tasks[0], manifest, size, rest, first)
    measure(first, examples, costs, size, rest=rest)
    # What was verified and what the sessions read is the same only if nobody wrote in between.
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
) -> Scheduler[Any, Any] | StepScheduler[Any, Any]:
    """Batches that stay together or, for tasks that step, runs that join and leave."""
    if steppers := [Stepper(*each) for each in zip(_stepping(tasks[1:]), graphs[1:], strict=False)]:
        return StepScheduler(
            steppers,
            model=manifest.name,
            version=manifest.version,
            max_batch_size=options.max_batch_size,
            max_rows=options.max_step_rows,
            max_queue_size=options.max_queue_size,
            max_queue_seconds=options.max_queue_seconds,
            max_batch_steps=options.max_batch_steps,
            costs=costs,
            cores=options.cores,
        )
    return Scheduler(
        workers[1:],
        inline=workers[0],
        model=manifest.name,
        version=manifest.version,
        max_batch_size=options.max_batch_size,
        max_queue_size=options.max_queue_size,
        max_queue_seconds=options.max_queue_seconds,
        max_batch_steps=options.max_batch_steps,
        costs=costs,
        cores=options.cores,
    )


def _stepping(tasks: Sequence[Task[Any, Any]]) -> list[SteppingTask]:
    return [task for task in tasks if isinstance(task, SteppingTask)]


def _worker(task: Task[Any, Any], graphs: Mapping[str, Task[Any, Any]]) -> Worker[Any, Any]:
    """Computes a batch of the task, or of one of the graphs: a batch holds one group only."""
    if not graphs:
        return task.predict

    def predict(examples: Sequence[Any]) -> Sequence[Any]:
        graph = getattr(examples[0], "graph", None)
        return (task if graph is None else graphs[graph]).predict(examples)

    return predict
