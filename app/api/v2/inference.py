"""POST /v2/models/.../infer: a graph head by its tensors. Knows HTTP; bodies stand in infer_body.

What a request may take is limited before anything is made of it.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import numpy.typing as npt
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from app.api.bodies.encodings import encoding_of, packed, wanted_encoding
from app.api.bodies.fields import clipped
from app.api.bodies.json_body import unpacked_body
from app.api.context import record_of
from app.api.fast_path import Endpoint
from app.api.graphs import graph_of
from app.api.limits import deadline_of
from app.api.openapi import protocol_errors
from app.api.paths import PROTOCOL, remembered
from app.api.responses import BytesResponse
from app.api.services import Services
from app.api.v2.body import LENGTH_HEADER, read_request, write_answer
from app.api.v2.head import Head
from app.api.v2.sequences import run_sequence
from app.api.work import in_thread, run
from app.serving.models.loader import LoadedModel
from app.settings import Settings
from app.tasks.tensor.checks import Limits
from app.tasks.tensor.task import TensorExample, TensorTask
from app.telemetry import metrics, tracing

Array = npt.NDArray[Any]
TASK: Final = "infer"  # in the metrics, beside the names of the tasks

# Up to this much is read and written at once, in a few milliseconds, for less than a thread costs.
INLINE_BYTES: Final = 64 * 1024
INLINE_VALUES: Final = 16 * 1024  # that are written one by one
_COPIED_BYTES: Final = 1024 * 1024  # that are copied as they are; new memory takes 0.3 ms of it
_JSON: Final = [(b"content-type", b"application/json")]
_BINARY: Final = [(b"content-type", b"application/octet-stream")]
LENGTH_NAME: Final = LENGTH_HEADER.lower()
_LENGTH: Final = LENGTH_NAME.encode()
_WORTH_PACKING: Final = 1024  # bytes; below, the headers outweigh what is saved


_DESCRIPTION: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": "name",
            "in": "path",
            "required": True,
            "description": "Name of a model, or `name.graph` for one of several graphs.",
            "schema": {"type": "string"},
        }
    ],
    "requestBody": {
        "required": True,
        "description": (
            "JSON, followed by the buffers of binary tensors; then the header "
            f"`{LENGTH_HEADER}` is the length of the JSON."
        ),
        "content": {
            "application/json": {
                "schema": {"type": "object", "required": ["inputs"]},
                "example": {
                    "id": "42",
                    "inputs": [
                        {
                            "name": "lengths",
                            "datatype": "INT64",
                            "shape": [2],
                            "data": [3, 5],
                        }
                    ],
                    "outputs": [{"name": "logits"}],
                },
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    },
}


# Whether a request to this path is one that a network answers.
is_inference: Final = remembered(re.compile(r"/v2/models/[^/]+(?:/versions/[^/]+)?/infer"), 1024)


def find_graph(services: Services, request: Request) -> tuple[LoadedModel, TensorTask]:
    """The model and the graph that the path names: `name`, or `name.graph` where it has several.

    Raises NotReady, or ModelNotFound also for a version that is not served.
    """
    parts = request.scope["path"].split("/")  # "", v2, models, NAME, versions, VERSION, ...
    name = parts[3]
    version = parts[5] if len(parts) > 5 and parts[4] == "versions" else None
    record = record_of(request.scope)
    model = services.lease(record, clipped(name).partition(".")[0], version)
    return model, graph_of(model, name)


def find_in(router: APIRouter) -> Callable[[str], APIRoute | None]:
    """What finds the route of a path among `routes`, None for a path that is no inference."""
    plain, versioned = (each for each in router.routes if isinstance(each, APIRoute))

    def find(path: str) -> APIRoute | None:
        if not is_inference(path):
            return None
        return plain if path.count("/") == plain.path.count("/") else versioned

    return find


def routes(services: Services) -> APIRouter:
    """The routes of this file: without a version, and with one."""
    router = APIRouter(prefix=PROTOCOL, tags=["inference protocol"])
    infer = endpoint(services)
    router.post(
        "/models/{name}/infer",
        summary="Ask a graph by its tensors",
        openapi_extra=_DESCRIPTION,
        responses=protocol_errors(400, 404, 413, 415, 422, 429, 500, 501, 503, 504),
    )(infer)
    router.post("/models/{name}/versions/{version}/infer", include_in_schema=False)(infer)
    return router


def endpoint(services: Services) -> Endpoint:
    """What answers POST .../infer."""
    settings = services.settings

    async def infer(request: Request) -> Response:
        """Inference by the Open Inference Protocol, with binary tensors and classification.

        Rows of a graph with a batch axis share batches with whatever else is asked for, and do not
        change each other's answers.
        """
        record = record_of(request.scope)
        headers = record.headers
        record.deadline = deadline_of(headers, record.started, settings.request_timeout_seconds)
        model, task = find_graph(services, request)
        encoding = encoding_of(headers.get("content-encoding", ""))
        body = await services.bodies.read(request, record)
        threads = services.threads
        with tracing.span("parse"):
            body = await unpacked_body(request, services, body, encoding)
            read = partial(read_rows, body, headers.get(LENGTH_NAME), task, settings)
            if len(body) <= INLINE_BYTES:
                head, examples = read()
            else:
                head, examples = await in_thread(request, record, threads.bodies, read)
        is_large = len(body) > _COPIED_BYTES
        del body, read  # rows are views of it
        if head.timeout is not None:
            record.deadline = min(record.deadline, record.started + head.timeout)
        name = request.scope["path"].split("/", 4)[3]
        if head.sequence is not None:
            model, task, outputs = await run_sequence(
                services, request, record, model, name, head, limits_of(settings)
            )
        else:
            record.inputs = len(examples)
            lengths = metrics.input_length(TASK, model.name)
            for example in examples:
                lengths.observe(example.length)
            predictions = await run(request, record, model, examples)
            join = partial(task.join, examples, predictions)
            if is_large:
                outputs = await in_thread(request, record, threads.bodies, join)
            else:
                outputs = join()
            del examples, predictions, join  # what they hold is no longer needed
        encoding = wanted_encoding(headers.get("accept-encoding", ""))
        write = partial(write_outputs, name, model, task, head, outputs, encoding)
        short = is_short(head, outputs, encoding)
        if short:
            return BytesResponse(*write())
        return BytesResponse(*await in_thread(request, record, threads.bodies, write))

    return infer


def read_rows(
    body: bytes, header: str | None, task: TensorTask, settings: Settings
) -> tuple[Head, list[TensorExample]]:
    """What a body asks of a graph, and its rows; those of a sequence are `values` of the head.

    `header` is the value of LENGTH_HEADER, if any.

    Raises what `read_request` and `split` raise.
    """
    limits = limits_of(settings)
    head, arrays = read_request(body, header, task, limits)
    if head.sequence is not None:  # its rows go on from a state that is not known here
        head.values = arrays
        return head, []
    return head, task.split(arrays, head.outputs, head.sizes)


def limits_of(settings: Settings) -> Limits:
    """How large one request may be."""
    return Limits(settings.max_queue_size, settings.max_steps, settings.max_points)


def is_short(head: Head, outputs: Mapping[str, Array], encoding: str) -> bool:
    """Whether an answer is written in less time than a thread costs."""
    if sum(outputs[each.name].size for each in head.wanted if not each.is_plain) > INLINE_VALUES:
        return False
    most = INLINE_BYTES if encoding else _COPIED_BYTES
    return sum(each.nbytes for each in outputs.values()) <= most


def write_outputs(
    name: str,
    model: LoadedModel,
    task: TensorTask,
    head: Head,
    outputs: Mapping[str, Array],
    encoding: str,
) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """The body of an answer, and the headers that say what it is; its length is not among them.

    `name` is what the request called the graph. Raises InvalidInput as `write_answer` does.
    """
    facts = {"model_name": name, "model_version": model.version}
    if head.id is not None:
        facts["id"] = head.id
    content, json_size = write_answer(facts, head, outputs, task)
    kind = _JSON if json_size is None else [*_BINARY, (_LENGTH, b"%d" % json_size)]
    if encoding and len(content) >= _WORTH_PACKING:
        content = packed(content, encoding)
        kind = [*kind, (b"content-encoding", encoding.encode())]
    return content, kind
