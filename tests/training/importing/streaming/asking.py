"""Asks graphs in ONNX Runtime itself, as a whole and in parts. Knows no task and no proof."""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from app.serving.runtime.session import Session
from app.tasks.tensor.features import TensorFeatures
from app.tasks.tensor.states import initial_states
from app.training.importing.graph_file import GraphFile, describe
from app.training.importing.streaming.verdict import examine_stream
from app.training.importing.told import Told
from tests.training.importing.streaming.networks import FEATURES

Array = npt.NDArray[Any]
ROWS, STEPS = 3, 9


def streaming(model: onnx.ModelProto, **told: Any) -> tuple[GraphFile, TensorFeatures]:
    graph, verdict = examine_stream(describe(model), Told(**told))
    assert verdict.problems == []
    assert verdict.features is not None
    assert verdict.features.streams
    return graph, verdict.features


def values(rows: int = ROWS, steps: int = STEPS) -> Array:
    return np.random.default_rng(5).normal(size=(rows, steps, FEATURES)).astype(np.float32)


def first_states(features: TensorFeatures, rows: int) -> dict[str, Array]:
    axes = {each.name: each.batch_axis for each in features.inputs}
    return {
        name: np.stack([row] * rows, axes[name] or 0)
        for name, row in initial_states(features).items()
    }


def in_parts(graph: GraphFile, features: TensorFeatures, x: Array, *sizes: int) -> Array:
    """y of the parts: along the time where it has one, else that of the last part."""
    session = Session(graph.content)
    states = first_states(features, len(x))
    answers, start = [], 0
    for size in sizes:
        feeds = {"x": x[:, start : start + size], **states}
        if features.lengths is not None:
            feeds[features.lengths] = np.full(len(x), size)
        start += size
        found = session.run(feeds)
        answers.append(found["y"])
        states = {name: found[after] for name, after in features.states.items()}
    assert start == x.shape[1]
    timed = {each.name: each.time_axis for each in features.outputs}["y"]
    return answers[-1] if timed is None else np.concatenate(answers, timed)


def original(model: onnx.ModelProto, x: Array) -> Array:
    session = Session(model.SerializeToString())
    feeds = {"x": x}
    for spec in session.inputs[1:]:
        if spec.type == "tensor(int64)":
            feeds[spec.name] = np.full(len(x), x.shape[1])
        else:
            shape = [size if isinstance(size, int) else len(x) for size in spec.shape]
            feeds[spec.name] = np.zeros(shape, np.float32)
    return session.run(feeds)["y"]
