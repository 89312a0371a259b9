"""From an ONNX file to a published version of the task `tensor`. Knows the order of steps."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import JsonValue

from app.errors import ConfigurationError, ModelRefused
from app.serving.models.manifest import NAME_PATTERN, Network, read_manifest
from app.serving.runtime.datatypes import Datatype
from app.serving.runtime.session import Session
from app.tasks.tensor.features import TensorFeatures
from app.tasks.tensor.rows import row_of
from app.tasks.tensor.task import TensorTask
from app.tasks.tensor.values import to_json
from app.training.common.publish import GRAPH, Draft, publish, served_version
from app.training.importing.card import import_card
from app.training.importing.checks import Verdict, examine
from app.training.importing.graph_file import GraphFile, read_graph_file
from app.training.importing.loading import open_graph
from app.training.importing.probe import Array, Probe
from app.training.importing.roles import Roles
from app.training.importing.streaming.verdict import examine_stream
from app.training.importing.told import Told

TASK: Final = "tensor"
_GOLDEN_LENGTHS: Final = (5, 1, 8)
_UNSTATED: Final = "Not stated by whoever imported it."


@dataclass(frozen=True)
class ImportOptions:
    """What the user says about a version."""

    name: str  # of the model
    told: Told = field(default_factory=Told)  # about the graph's tensors
    like: bool = False  # whether it becomes the next version of `name`, with the same tensors
    labels: tuple[str, ...] = ()  # of the outputs' last axis
    description: str = ""  # one sentence for the model card
    license: str = _UNSTATED  # terms of the weights
    intended_use: str = _UNSTATED  # what it is for


@dataclass(frozen=True)
class Imported:
    """What was found, and where the version lies; None if it was not published."""

    graph: GraphFile
    verdict: Verdict
    folder: Path | None


def import_model(
    path: Path, options: ImportOptions, repository: Path, *, dry_run: bool = False
) -> Imported:
    """Check the graph at `path` and, unless there is a problem, publish it.

    Raises:
        ConfigurationError: the options do not fit the graph.
        ModelRefused: the file is no graph, or the version does not pass the checks of loading.
    """
    if not NAME_PATTERN.fullmatch(options.name) or len(options.name) > 64:
        raise ConfigurationError(
            f"--name: {options.name!r} is no name; small letters, digits, _ and -, 64 at most"
        )
    graph = read_graph_file(path)
    graph, verdict = _verdict(graph, options)
    if verdict.features is None or dry_run:
        return Imported(graph, verdict, None)
    if options.like:
        _compare(verdict.features, repository / options.name)
    draft = _draft(path, graph, verdict, verdict.features, options)
    return Imported(graph, verdict, publish(draft, repository, {TASK: TensorTask}))


def _verdict(graph: GraphFile, options: ImportOptions) -> tuple[GraphFile, Verdict]:
    """The verdict on a graph, and the graph as it is published: with its states, for streams."""
    session, graph, found = open_graph(graph)
    if session is None:
        return graph, Verdict(None, tuple(found))
    if options.told.stream:
        graph, verdict = examine_stream(graph, options.told)
    else:
        verdict = examine(session, graph, options.told)
    verdict = replace(verdict, findings=(*found, *verdict.findings))
    if verdict.features is None:
        return graph, verdict
    _check_labels(verdict.features, options.labels)
    labelled = verdict.features.model_copy(update={"labels": options.labels})
    return graph, replace(verdict, features=labelled)


def _check_labels(features: TensorFeatures, labels: tuple[str, ...]) -> None:
    """Whether some output has as many classes as there are labels."""
    if not labels:
        return
    numbers = [each for each in features.outputs if each.datatype not in ("BYTES", "BOOL")]
    if all(each.shape[-1:] != (len(labels),) for each in numbers):
        shown = ", ".join(f"{each.name} {each.shown()}" for each in features.outputs)
        raise ConfigurationError(
            f"--labels: there are {len(labels)} labels, and no output whose last axis has that "
            f"size: {shown}"
        )
    twice = {label for label in labels if labels.count(label) > 1}
    if twice:
        raise ConfigurationError(f"--labels: {', '.join(sorted(twice))} is there twice")


def _compare(features: TensorFeatures, folder: Path) -> None:
    """Whether the tensors are those of the version that is served."""
    latest = served_version(folder)
    if latest == "0":
        raise ConfigurationError(f"--version-of: there is no model {folder.name}")
    manifest = read_manifest(folder / latest)
    if manifest.task != TASK:
        raise ConfigurationError(f"--version-of: {folder.name} does the task {manifest.task}")
    before = TensorFeatures.model_validate(manifest.features)
    for kind in ("inputs", "outputs"):
        old = {each.name: each for each in getattr(before, kind)}
        new = {each.name: each for each in getattr(features, kind)}
        for name in old.keys() | new.keys():
            if old.get(name) != new.get(name):
                raise ModelRefused(
                    f"{kind[:-1]} {name}: {_described(old, name)} in version {latest} of "
                    f"{folder.name}, {_described(new, name)} here; clients of it would fail. "
                    "Import it under a name of its own"
                )


def _described(tensors: dict[str, Any], name: str) -> str:
    tensor = tensors.get(name)
    return "none" if tensor is None else f"{tensor.datatype} {tensor.shown()}"


def _draft(
    path: Path, graph: GraphFile, verdict: Verdict, features: TensorFeatures, options: ImportOptions
) -> Draft:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    training: dict[str, JsonValue] = {
        "imported": {
            "file": path.name,
            "sha256": digest,
            "producer": graph.producer,
            "opset": graph.opset,
        },
        "findings": [each.what for each in verdict.findings],
        "libraries": {name: installed(name) for name in ("onnx", "onnxruntime", "numpy")},
    }
    description = options.description or f"Imported from {path.name}."
    return Draft(
        name=options.name,
        task=TASK,
        description=description,
        license=options.license,
        intended_use=options.intended_use,
        network=Network(
            cell=graph.cell,
            num_layers=len(graph.recurrent),
            hidden_size=graph.hidden_size,
            parameters=graph.parameters,
            opset=graph.opset,
        ),
        graphs={GRAPH: graph.content},
        features=features.model_dump(mode="json"),
        training=training,
        card=import_card(options, description, features, verdict.findings, training["imported"]),
        requests=tuple(golden_requests(graph, features, options.told, verdict.reached)),
    )


def golden_requests(
    graph: GraphFile, features: TensorFeatures, told: Told, reached: Mapping[str, Array]
) -> list[dict[str, JsonValue]]:
    """Random rows of several lengths, as requests of `TensorTask.encode`.

    The first one leaves out the states of a graph that streams; `reached` are rows of states.
    """
    session = Session(graph.content)
    roles = Roles(
        batch={each.name: each.batch_axis for each in features.inputs},
        time={each.name: each.time_axis for each in features.inputs},
        lengths=features.lengths,
        states=features.states,
        shared=frozenset(features.shared),
    )
    probe = Probe(session, graph, roles, told, reached)
    requests: list[dict[str, JsonValue]] = []
    for seed, steps in enumerate(_GOLDEN_LENGTHS):
        feeds = probe.feeds(1, steps, seed)
        rows: dict[str, JsonValue] = {
            tensor.name: _plain(
                feeds[tensor.name]
                if tensor.batch_axis is None
                else row_of(tensor, feeds[tensor.name], 0),
                tensor.datatype,
            )
            for tensor in features.inputs
            if tensor.name != features.lengths and (seed or tensor.name not in features.optional)
        }
        requests.append({"inputs": rows})
    return requests


def _plain(row: Array, datatype: Datatype) -> JsonValue:
    """Nested lists; floats with the three decimals that they were drawn with."""
    exact = row.astype(np.float64) if row.dtype.kind == "f" else row
    return _rounded(to_json(exact, datatype))


def _rounded(values: JsonValue) -> JsonValue:
    if isinstance(values, list):
        return [_rounded(each) for each in values]
    return round(values, 3) if isinstance(values, float) else values
