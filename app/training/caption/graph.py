"""Writes a captioner as two ONNX graphs, what an image begins with and one step; knows no words.

The host loops over the steps and keeps the states; a row's answer never depends on other rows.
"""

import numpy as np
import onnx

from app.training.caption.network import Captioner
from app.training.caption.words import BOS, UNK
from app.training.common.graph import Graph, Shape
from app.training.common.recurrent import single_step
from app.training.common.search import TOP

_NEVER = -1e30


def start_graph(network: Captioner, grid: tuple[int, int] | None) -> onnx.ModelProto:
    """`features` to the first states and the contexts, by the names of the step graph's inputs.

    `features` are (batch, channels, *grid) float32, or (batch, channels) where `grid` is None.

    Raises:
        ValueError: the network attends and there is no grid.
    """
    o = network.options
    if network.attends and grid is None:
        raise ValueError("a network that attends needs a feature map, not a vector")
    graph = Graph("start")
    shape: Shape = ("batch", o.channels, *(grid or ()))
    features = graph.input("features", np.float32, shape)
    pooled = features
    if grid is not None:
        flat = np.array([0, o.channels], np.int64)
        pooled = graph.op("Reshape", graph.op("GlobalAveragePool", features), flat)
    normed = graph.layer_norm(pooled, network.norm)
    image = graph.linear(normed, network.image)
    graph.output("image", image, np.float32, ("batch", o.embedding_size))
    first = graph.op("Tanh", graph.linear(normed, network.start))
    count = len(network.cell.states)
    states = graph.op("Split", first, outputs=count, axis=1, num_outputs=count)
    for name, value in zip(network.cell.states, states, strict=True):
        graph.output(name, value, np.float32, ("batch", o.hidden_size))
    if network.attends and grid is not None:
        cells = grid[0] * grid[1]
        columns = graph.op("Reshape", features, np.array([0, o.channels, cells], np.int64))
        rows = graph.op("Transpose", columns, perm=[0, 2, 1])  # (batch, cells, channels)
        rows = graph.layer_norm(rows, network.cell_norm)
        keys, values = graph.linear(rows, network.keys), graph.linear(rows, network.values)
        graph.output("keys", keys, np.float32, ("batch", cells, o.attention_size))
        graph.output("values", values, np.float32, ("batch", cells, o.embedding_size))
    return graph.build()


def decoder_graph(network: Captioner, grid: tuple[int, int] | None) -> onnx.ModelProto:
    """One step for any number of rows, the likeliest `TOP` words found inside.

    token_ids (rows,) int64, the states and contexts of `start_graph` -> log_probabilities (rows,
    TOP) float32 from the likeliest down, next_token_ids (rows, TOP) int64, `next_` states, and
    attention (rows, cells) if it attends. Padding, begin and unknown words are never answered.

    Raises:
        ValueError: there are fewer other words than `TOP`.
    """
    o = network.options
    if o.vocabulary_size - 3 < TOP:
        raise ValueError(f"{o.vocabulary_size} tokens are too few: a step answers {TOP} of them")
    cells = 0 if grid is None else grid[0] * grid[1]
    graph = Graph("decoder")
    tokens = graph.input("token_ids", np.int64, ("rows",))
    names = network.cell.states
    state = tuple(graph.input(name, np.float32, ("rows", o.hidden_size)) for name in names)
    image = graph.input("image", np.float32, ("rows", o.embedding_size))
    embedding = graph.constant(network.embedding.weight, "embedding")
    word = graph.op("Gather", embedding, tokens, axis=0)
    word = graph.op("Mul", word, np.array(network.embedding_scale, np.float32))
    entry = graph.op("Add", word, image)
    if network.attends:
        keys = graph.input("keys", np.float32, ("rows", cells, o.attention_size))
        values = graph.input("values", np.float32, ("rows", cells, o.embedding_size))
        with graph.scope("attention"):
            query = graph.linear(state[0], network.query)
            query = graph.op("Mul", query, np.array(o.attention_size**-0.5, np.float32))
            # every row has a product of its own, always of the same shape
            column = graph.op("Unsqueeze", query, np.array([2], np.int64))
            scores = graph.op("MatMul", keys, column)  # (rows, cells, 1)
            weights = graph.op("Softmax", graph.op("Squeeze", scores, np.array([2])), axis=1)
            line = graph.op("Unsqueeze", weights, np.array([1], np.int64))
            seen = graph.op("Squeeze", graph.op("MatMul", line, values), np.array([1]))
        graph.output("attention", weights, np.float32, ("rows", cells))
        entry = graph.op("Add", entry, seen)
    with graph.scope("cell"):
        new = single_step(graph, network.cell, entry, state)
    for name, value in zip(names, new, strict=True):
        graph.output(f"next_{name}", value, np.float32, ("rows", o.hidden_size))
    with graph.scope("words"):
        spoken = graph.linear(new[0], network.output)
        bias = network.bias.detach().clone()
        bias[: BOS + 1] = _NEVER
        bias[UNK] = _NEVER
        logits = graph.op("Gemm", spoken, embedding, graph.constant(bias, "bias"), transB=1)
        logs = graph.op("LogSoftmax", logits, axis=1)
        best, ids = graph.op("TopK", logs, np.array([TOP], np.int64), outputs=2, axis=1)
    graph.output("log_probabilities", best, np.float32, ("rows", TOP))
    graph.output("next_token_ids", ids, np.int64, ("rows", TOP))
    return graph.build()
