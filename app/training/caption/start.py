"""Gives a captioner the weights of a published one; knows graphs and networks, not images.

A graph keeps weights in layouts of its own. Which number of the network stands where is read from
the graph of a network whose weights are 1, 2, 3, ...
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from app.errors import ModelRefused
from app.serving.models.manifest import read_manifest
from app.tasks.caption.features import VOCABULARY_FILE
from app.tasks.caption.task import DECODER, START
from app.training.caption.graph import decoder_graph, start_graph
from app.training.caption.network import Captioner, CaptionerOptions
from app.training.caption.words import Vocabulary

Floats = NDArray[np.float32]
Grid = tuple[int, int] | None
Weights = dict[str, torch.Tensor]

_MOST: Final = 2**24  # whole numbers that float32 tells apart


def start_from(network: Captioner, folder: Path, vocabulary: Vocabulary) -> None:
    """Give `network` the weights of the version in `folder`, in place.

    If it attends and that one does not, it begins as the same function: what it looks at has no
    weight yet.

    Raises:
        ModelRefused: the version says other words, or the networks differ in more than that.
    """
    if json.loads((folder / VOCABULARY_FILE).read_text(encoding="utf-8")) != list(
        vocabulary.tokens
    ):
        raise ModelRefused(f"{folder} says other words than these captions")
    manifest = read_manifest(folder)
    told: Any = manifest.training.get("network")
    try:
        options = CaptionerOptions(**{k: v for k, v in told.items() if k != "parameters"})
        grid: Any = manifest.features.get("grid")
        graphs = [onnx.load(folder / name) for name in (START, DECODER)]
        weights, known = _weights(options, graphs, grid and (grid[0], grid[1]))
    except (AttributeError, TypeError, ValueError) as error:
        raise ModelRefused(f"{folder} has weights that cannot be taken: {error}") from error
    own = network.state_dict()
    # Of words that are never said the graph holds no bias.
    weights["bias"] = torch.where(known["bias"], weights["bias"], own["bias"])
    missing = own.keys() - weights.keys()
    if missing and not options.attention_size:
        weights |= {name: own[name] for name in missing}
        weights |= {f"cell_norm.{each}": weights[f"norm.{each}"] for each in ("weight", "bias")}
        weights |= {name: torch.zeros_like(own[name]) for name in missing if "values." in name}
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ModelRefused(f"{folder} has other layers: {error}") from error


def _weights(
    options: CaptionerOptions, found: Sequence[onnx.ModelProto], grid: Grid
) -> tuple[Weights, Weights]:
    """The weights in two graphs, by their names in the network, and which of them are there.

    Raises:
        ValueError: the graphs are of no such network, or a weight is not in them as it is.
    """
    probe = Captioner(options)
    total = sum(parameter.numel() for parameter in probe.parameters())
    if total >= _MOST:
        raise ValueError(f"{total:,} weights are too many")
    at = 1
    with torch.no_grad():
        for parameter in probe.parameters():
            numbers = torch.arange(at, at + parameter.numel(), dtype=torch.float32)
            parameter.copy_(numbers.reshape(parameter.shape))
            at += parameter.numel()
    graphs = (start_graph(probe, grid), decoder_graph(probe, grid))
    places = [each for graph in graphs for each in _floats(graph)]
    values = [each for graph in found for each in _floats(graph)]
    if [each.shape for each in places] != [each.shape for each in values]:
        raise ValueError("it is the graph of another network")
    flat = np.zeros(total + 1, np.float32)
    known = np.zeros(total + 1, bool)
    for numbers_of, array in zip(places, values, strict=True):
        index = numbers_of[numbers_of >= 1].astype(np.int64)  # words that are never said have none
        if index.max() > total or (index != numbers_of[numbers_of >= 1]).any():
            raise ValueError("this cell keeps its weights in another form")
        flat[index] = array[numbers_of >= 1]
        known[index] = True
    weights: Weights = {}
    there: Weights = {}
    at = 1
    for name, parameter in probe.named_parameters():
        part = slice(at, at + parameter.numel())
        if not (known[part].all() or (name == "bias" and known[part].any())):
            raise ValueError(f"{name} is not in it")
        weights[name] = torch.from_numpy(flat[part].copy()).reshape(parameter.shape)
        there[name] = torch.from_numpy(known[part].copy()).reshape(parameter.shape)
        at += parameter.numel()
    return weights, there


def _floats(model: onnx.ModelProto) -> list[Floats]:
    """The arrays of floats that nodes read, in the order of nodes and inputs.

    Not by name: arrays that are equal share one. Halves count as what they become.
    """
    tensors = {
        each.name: numpy_helper.to_array(each)
        for each in model.graph.initializer
        if each.dims and each.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)
    }
    found: list[Floats] = []
    for node in model.graph.node:
        if node.op_type == "Cast" and node.input[0] in tensors:
            tensors[node.output[0]] = tensors[node.input[0]]
            continue
        found += [tensors[name].astype(np.float32) for name in node.input if name in tensors]
    return found
