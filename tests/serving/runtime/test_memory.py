"""Memory of versions that were replaced comes back."""

import gc
import weakref
from pathlib import Path

import numpy as np
import onnx
import psutil
import pytest
from onnx import helper, numpy_helper

from app.serving.runtime import memory
from tests.doubles import mean_graph, write_biased, write_version
from tests.serving.models.life import serving

MEGABYTES = 1e6


def test_trimming_twice_is_harmless() -> None:
    memory.trim()
    memory.trim()


def heavy_graph(megabytes: int) -> bytes:
    """The mean, with so many weights that it looks up and takes away again."""
    model = onnx.load_from_string(mean_graph())
    weights = np.ones((megabytes * 1000, 250), np.float32)
    model.graph.initializer.append(numpy_helper.from_array(weights, "weights"))
    last = model.graph.node[-1]
    last.output[0] = "almost"
    nodes = [
        helper.make_node("Gather", ["weights", "lengths"], ["rows"]),  # (batch, 250)
        helper.make_node("ReduceMean", ["rows", "last"], ["level"], keepdims=0),  # (batch)
        helper.make_node("Sub", ["level", "level"], ["none"]),
        helper.make_node("Add", ["almost", "none"], ["mean"]),
    ]
    model.graph.node.extend(nodes)
    return bytes(model.SerializeToString())


def test_a_replaced_version_is_freed_at_once(tmp_path: Path) -> None:
    """Without waiting for the collector of cycles: it may come much later."""
    write_biased(tmp_path, "1", 10.0)
    with serving(tmp_path) as repository:
        gc.collect()
        gc.disable()
        try:
            old = weakref.ref(repository.get("mean").scheduler)
            write_biased(tmp_path, "2", 20.0)
            repository.refresh()
            assert old() is None
        finally:
            gc.enable()


@pytest.mark.slow
def test_resident_memory_after_many_swaps(tmp_path: Path) -> None:
    graph = heavy_graph(20)
    for version in ("1", "2"):
        write_version(tmp_path, version=version, graph=graph)
    process = psutil.Process()
    with serving(tmp_path) as repository:
        seen = []
        for number in range(50):
            repository.load("mean", "1" if number % 2 else "2")
            seen.append(process.memory_info().rss)
    # Two levels take turns with the versions; were one old version in ten kept, the second half
    # would stand 40 above the first.
    assert (max(seen[30:]) - max(seen[10:30])) / MEGABYTES < 20
