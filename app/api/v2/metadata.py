"""GET /v2 and below: what the Open Inference Protocol tells of the server and of its models.

Knows the protocol's words for what is served. Inference has a file of its own, and so has loading.
"""

from collections.abc import Sequence
from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from app.api.bodies.fields import clipped
from app.api.openapi import protocol_errors
from app.api.paths import PROTOCOL
from app.api.routes import health
from app.api.services import Services
from app.api.siblings import statistics
from app.api.v2.inference import find_graph
from app.serving.models.loader import LoadedModel
from app.serving.models.repository import Repository
from app.serving.runtime.datatypes import Datatype
from app.serving.scheduling.statistics import Duration, Snapshot
from app.settings import Settings
from app.tasks.tensor.features import Tensor
from app.tasks.tensor.task import GRAPH, TensorTask

PLATFORM: Final = "onnxruntime_onnx"
_SEVERAL: Final = "ensemble"  # Triton's word for a model that is several graphs
_EXTENSIONS: Final = (
    "binary_tensor_data",
    "classification",
    "model_configuration",
    "sequence",
    "sequence(string_id)",
    "statistics",
)
_CONTROL: Final = "model_repository"
_CUDA: Final = "CUDAExecutionProvider"


class ServerMetadata(BaseModel):
    """The server."""

    name: str
    version: str
    extensions: list[str] = Field(description="Those of the protocol's that are served.")


class ServerLive(BaseModel):
    """The process answers."""

    live: bool = True


class ServerReady(BaseModel):
    """Requests are taken."""

    ready: bool = True


class ModelReady(BaseModel):
    """The model answers."""

    name: str
    version: str
    ready: bool = True


class TensorMetadata(BaseModel):
    """An input or output of a graph."""

    name: str
    datatype: Datatype
    shape: list[int] = Field(description="-1 stands for any size.")


class ModelMetadata(BaseModel):
    """A graph that can be asked."""

    name: str
    versions: list[str] = Field(description="The one version that is served.")
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    graphs: list[str] | None = Field(
        None, description="Only of a model that is several graphs: the names that can be asked."
    )


def routes(services: Services) -> APIRouter:
    """The routes of this file."""
    router = APIRouter(prefix=PROTOCOL, tags=["inference protocol"])
    settings, repository = services.settings, services.repository

    @router.head("", include_in_schema=False)
    @router.get("", summary="Describe the server", responses=protocol_errors(500))
    async def server_metadata(request: Request) -> ServerMetadata:
        """Its name, its version, and which extensions of the protocol work here."""
        extensions = [*_EXTENSIONS, *([_CONTROL] if settings.model_control else [])]
        return ServerMetadata(
            name="unroll", version=request.app.version, extensions=sorted(extensions)
        )

    @router.head("/health/live", include_in_schema=False)
    @router.get("/health/live", summary="Is the process alive?", responses=protocol_errors(500))
    async def live() -> ServerLive:
        """200 as long as the process answers at all."""
        return ServerLive()

    @router.head("/health/ready", include_in_schema=False)
    @router.get(
        "/health/ready", summary="May requests be sent?", responses=protocol_errors(500, 503)
    )
    async def ready() -> ServerReady:
        """200 when `/health/ready` is 200, for the same reasons."""
        health.require_ready(services)
        return ServerReady()

    @router.head("/models/stats", include_in_schema=False)
    @router.get(
        "/models/stats", summary="Statistics of every model", responses=protocol_errors(500)
    )
    async def all_statistics() -> dict[str, Any]:
        """Those of every served version, since the process started."""
        return await _statistics_of(services, repository.loaded())

    @router.head("/models/{name}", include_in_schema=False)
    @router.get(
        "/models/{name}",
        summary="Describe a graph",
        response_model_exclude_none=True,
        responses=protocol_errors(404, 500, 503),
    )
    @router.get(
        "/models/{name}/versions/{version}",
        include_in_schema=False,
        response_model_exclude_none=True,
    )
    async def model_metadata(
        request: Request, name: str, version: str | None = None
    ) -> ModelMetadata:
        """Its inputs and outputs. A model with several graphs has each as `name.graph`."""
        several = _several_graphs(repository, name, version)
        if several is not None:
            return several
        model, task = find_graph(services, request)
        return ModelMetadata(
            name=name,
            versions=[model.version],
            platform=PLATFORM,
            inputs=[_metadata(tensor) for tensor in task.features.inputs],
            outputs=[_metadata(tensor) for tensor in task.features.outputs],
        )

    @router.head("/models/{name}/ready", include_in_schema=False)
    @router.get(
        "/models/{name}/ready",
        summary="Is a model served?",
        responses=protocol_errors(404, 500, 503),
    )
    @router.get("/models/{name}/versions/{version}/ready", include_in_schema=False)
    async def model_ready(request: Request, name: str, version: str | None = None) -> ModelReady:
        """200 if the model, and the version if one is named, is served."""
        several = _several_graphs(repository, name, version)
        if several is not None:
            return ModelReady(name=name, version=several.versions[0])
        model, _ = find_graph(services, request)
        return ModelReady(name=name, version=model.version)

    @router.head("/models/{name}/config", include_in_schema=False)
    @router.get(
        "/models/{name}/config",
        summary="Configuration of a graph",
        responses=protocol_errors(404, 500, 503),
    )
    @router.get("/models/{name}/versions/{version}/config", include_in_schema=False)
    async def model_config(request: Request, name: str) -> dict[str, Any]:
        """The same in the words of Triton's model configuration, as far as they apply here."""
        return configuration(name, *find_graph(services, request), settings)

    @router.head("/models/{name}/stats", include_in_schema=False)
    @router.get(
        "/models/{name}/stats",
        summary="Statistics of a model",
        responses=protocol_errors(404, 500, 503),
    )
    @router.get("/models/{name}/versions/{version}/stats", include_in_schema=False)
    async def model_statistics(name: str, version: str | None = None) -> dict[str, Any]:
        """Requests, inputs and batches of the served version, since the process started."""
        base = clipped(name).partition(".")[0]
        return await _statistics_of(services, [repository.get(base, version)])

    return router


def _several_graphs(repository: Repository, name: str, version: str | None) -> ModelMetadata | None:
    """What a served model without a graph of its name is; None if `name` means a graph.

    The repository's index has it as ready, so it is there to be asked about, too. Raises as
    `Repository.get` does.
    """
    model = repository.get(clipped(name).partition(".")[0], version)
    if "." in name or len(model.graphs) == 1 or GRAPH in model.graphs:
        return None
    graphs = [f"{name}.{each.removesuffix('.onnx')}" for each in model.graphs]
    return ModelMetadata(
        name=name,
        versions=[model.version],
        platform=_SEVERAL,
        inputs=[],
        outputs=[],
        graphs=sorted(graphs),
    )


def configuration(
    name: str, model: LoadedModel, task: TensorTask, settings: Settings
) -> dict[str, Any]:
    """The configuration that a served graph could have had, had it been written by hand.

    max_batch_size is what is computed together; requests may hold more rows than that.
    """
    tensors = (*task.features.inputs, *task.features.outputs)
    batched = all(tensor.batch_axis == 0 for tensor in tensors)
    kind = "KIND_GPU" if _CUDA in model.sessions else "KIND_CPU"
    workers = sum(model.sessions.values()) // max(1, len(model.graphs))
    config: dict[str, Any] = {
        "name": name,
        "platform": PLATFORM,
        "backend": "onnxruntime",
        "version_policy": {"specific": {"versions": [int(model.version)]}},
        "max_batch_size": settings.max_batch_size if batched else 0,
        "input": [_config(tensor, batched) for tensor in task.features.inputs],
        "output": [_config(tensor, batched) for tensor in task.features.outputs],
        "instance_group": [{"name": f"{name}_0", "kind": kind, "count": workers}],
        "default_model_filename": task.graph,
    }
    if batched:
        config["dynamic_batching"] = {"max_queue_delay_microseconds": 0}
    return config


def _metadata(tensor: Tensor) -> TensorMetadata:
    return TensorMetadata(name=tensor.name, datatype=tensor.datatype, shape=_sizes(tensor))


def _config(tensor: Tensor, batched: bool) -> dict[str, Any]:
    kind = "STRING" if tensor.datatype == "BYTES" else tensor.datatype
    config: dict[str, Any] = {"name": tensor.name, "data_type": f"TYPE_{kind}"}
    config["dims"] = _sizes(tensor)[1:] if batched else _sizes(tensor)
    if not config["dims"]:  # one value a row, which that configuration has no dims for
        config |= {"dims": [1], "reshape": {"shape": []}}
    return config


def _sizes(tensor: Tensor) -> list[int]:
    return [size if isinstance(size, int) else -1 for size in tensor.shape]


async def _statistics_of(services: Services, models: Sequence[LoadedModel]) -> dict[str, Any]:
    figures = await statistics(services.siblings, models)
    return {"model_stats": list(map(_statistics, models, figures))}


def _statistics(model: LoadedModel, now: Snapshot) -> dict[str, Any]:
    nothing = _duration(Duration())  # not told apart: a batch is timed as a whole
    return {
        "name": model.name,
        "version": model.version,
        "last_inference": int(now.last * 1000),
        "inference_count": now.inferences,
        "execution_count": now.computed.count,
        "inference_stats": {
            "success": _duration(now.success),
            "fail": _duration(now.fail),
            "queue": _duration(now.queue),
            "compute_input": nothing,
            "compute_infer": _duration(now.computed),
            "compute_output": nothing,
            "cache_hit": nothing,
            "cache_miss": nothing,
        },
        "batch_stats": [
            {
                "batch_size": size,
                "compute_input": nothing,
                "compute_infer": _duration(batch),
                "compute_output": nothing,
            }
            for size, batch in now.batches.items()
        ],
    }


def _duration(duration: Duration) -> dict[str, int]:
    return {"count": duration.count, "ns": round(duration.seconds * 1e9)}
