"""Starts a training from a published forecaster; knows graphs and weights, not data.

A published version has a graph and no checkpoint. Where each weight stands in the graph is told by
the graph of a network whose weights are their own numbers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor

from app.serving.models.manifest import read_manifest
from app.training.forecast.network import Forecaster, ForecasterOptions, forecaster_graph

Floats = NDArray[np.float32]
Weights = dict[str, Tensor]
_MEMBER = "member_"


@dataclass(frozen=True)
class Start:
    """What a training begins with: `told` in words, sizes and weights of each member."""

    told: str
    options: ForecasterOptions
    members: list[Weights]


def published(folder: Path) -> Start:
    """The weights of a published forecaster.

    Raises:
        ValueError: it is no forecaster, or the graph holds its weights in another form.
    """
    manifest = read_manifest(folder)
    recipe: Any = manifest.training.get("recipe", {})
    if manifest.task != "forecast" or "network" not in recipe:
        raise ValueError(f"{folder} is no forecaster to start from")
    known = {one.name for one in fields(ForecasterOptions)}
    stated = {key: value for key, value in recipe["network"].items() if key in known}
    # versions published before there were candidates do not state them, and have none
    options = ForecasterOptions(**stated | {"levels": tuple(stated["levels"])})
    graph = onnx.load(str(folder / "model.onnx"))
    places = _places(options)
    told = f"{manifest.name}/{manifest.version} (sha256 {manifest.files['model.onnx'].sha256})"
    before = manifest.training.get("started_from")
    told += f", which began with those of {before}" if before else ""
    members = range(manifest.network.members)
    return Start(told, options, [_read(options, places, _floats(graph, i)) for i in members])


def start_from(network: Forecaster, options: ForecasterOptions, weights: Weights) -> None:
    """Give `network` the weights of one with `options`, in place.

    What it has more (candidates, and the inputs that tell of them) stays as it was made, and new
    inputs weigh nothing: it starts as the function it comes from, but for the candidates' small
    share.

    Raises:
        ValueError: the two differ in more.
    """
    own = network.state_dict()
    for name, value in weights.items():
        target = own.get(name)
        if target is None or target.ndim != value.ndim or target.shape[0] != value.shape[0]:
            raise ValueError(f"a network of other sizes cannot be started from: {name} differs")
        if target.shape == value.shape:
            own[name] = value
        elif options.candidates == 0 and target.shape[-1] > value.shape[-1]:
            wider = torch.zeros_like(target)
            wider[..., : value.shape[-1]] = value
            own[name] = wider
        else:
            raise ValueError(f"a network of other sizes cannot be started from: {name} differs")
    network.load_state_dict(own)


def _floats(graph: onnx.ModelProto, member: int) -> list[Floats]:
    """What the nodes of a member read of arrays of floats, in the order of nodes and of inputs.

    Not by name: arrays that are equal share one.
    """
    tensors = {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in graph.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT and tensor.dims
    }
    nodes = [node for node in graph.graph.node if node.name.startswith(f"{_MEMBER}{member}/")]
    return [tensors[name] for node in nodes for name in _read_by(node) if name in tensors]


def _read_by(node: onnx.NodeProto) -> Iterator[str]:
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from _read_by(inner)


def _places(options: ForecasterOptions) -> list[Floats]:
    """What is read in the graph of one member whose weights are 1, 2, ... in the order of torch."""
    probe = Forecaster(options)
    at = 1
    with torch.no_grad():
        for parameter in probe.parameters():
            count = parameter.numel()
            parameter.copy_(torch.arange(at, at + count).reshape(parameter.shape))
            at += count
    return _floats(forecaster_graph([probe]), 0)


def _read(options: ForecasterOptions, places: list[Floats], found: list[Floats]) -> Weights:
    network = Forecaster(options)
    total = sum(parameter.numel() for parameter in network.parameters())
    flat = np.full(total + 1, np.nan, np.float32)
    if [one.shape for one in places] != [one.shape for one in found]:
        raise ValueError("the graph is not that of a network of the stated sizes")
    for numbers, values in zip(places, found, strict=True):
        index = numbers.astype(np.int64)
        if (index != numbers).any() or index.min() < 1 or index.max() > total:
            raise ValueError("the graph of this cell holds weights in another form")
        flat[index] = values
    if np.isnan(flat[1:]).any():
        raise ValueError("the graph of this cell holds weights in another form")
    weights: Weights = {}
    at = 1
    for name, parameter in network.named_parameters():
        count = parameter.numel()
        weights[name] = torch.from_numpy(flat[at : at + count].copy()).reshape(parameter.shape)
        at += count
    return weights
