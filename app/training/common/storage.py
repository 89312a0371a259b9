"""Keeps the weights of a graph in half the room. Knows ONNX and torch; knows no network."""

from typing import Final, TypeVar

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import nn

_SMALL: Final = 1024  # elements; smaller tensors stay as they are
_MOST: Final = float(np.finfo(np.float16).max)

M = TypeVar("M", bound=nn.Module)


def halved(model: onnx.ModelProto) -> bytes:
    """The model with its large weights kept as float16, in half the room.

    They become float32 again once, when a session is made: all computation stays in float32.
    """
    graph = onnx.GraphProto()
    graph.CopyFrom(model.graph)
    del graph.initializer[:], graph.node[:]
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _SMALL:
            graph.initializer.append(tensor)
            continue
        stored = f"{tensor.name}/half"
        half = np.clip(values, -_MOST, _MOST).astype(np.float16)  # a mask may hold more
        graph.initializer.append(numpy_helper.from_array(half, stored))
        graph.node.append(
            helper.make_node("Cast", [stored], [tensor.name], name=f"{stored}/cast", to=1)
        )
    graph.node.extend(model.graph.node)
    small = onnx.ModelProto()
    small.CopyFrom(model)
    small.graph.CopyFrom(graph)
    onnx.checker.check_model(small, full_check=True)
    content: bytes = small.SerializeToString()
    return content


def rounded(network: M) -> M:
    """The same network with its weights rounded as `halved` rounds them, in place."""
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.numel() >= _SMALL:
                parameter.copy_(parameter.half().float())
    return network
